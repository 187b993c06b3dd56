"""`nncore --cmake-dir`, `nncore --include-dir`: where C++ programs find headers and CMake files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


class _PrintDirectory(argparse.Action):
    """Prints a directory of the installed package, `const` beside the compiled module, and ends."""

    def __init__(self, **options: Any) -> None:
        super().__init__(nargs=0, default=argparse.SUPPRESS, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from nncore import _core

        directory = Path(_core.__file__).parent / self.const
        if not directory.is_dir():
            raise FileNotFoundError(
                f"this copy of nncore has no {directory}; expected one that pip installed"
            )
        print(directory)
        parser.exit()


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options, which replace a command."""
    group = parser.add_argument_group("for C++ programs")
    group.add_argument(
        "--cmake-dir",
        action=_PrintDirectory,
        const="lib/cmake/nncore",
        help="print the directory of nncoreConfig.cmake, for cmake -Dnncore_DIR=...",
    )
    group.add_argument(
        "--include-dir",
        action=_PrintDirectory,
        const="include",
        help="print the directory that holds nncore/nncore.hpp",
    )
