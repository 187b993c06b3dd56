"""The command `nncore`: one module a command, each with `add(commands)` and its `run(options)`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from nncore import _core
from nncore._support.command import raise_on_sigint
from nncore.distributed.started import started_rank

from . import directories, evaluate, export, info, page, predict, train, tune
from .output import INTERRUPTED, print_error, printable

PIPE_CLOSED = 141
"""128 + SIGPIPE: the reader of the output has left, as in `nncore evaluate MODEL | head -1`."""

_EXAMPLES = """\
examples:
  nncore predict three.png photo.jpg
  nncore train --data digits
  nncore evaluate nncore-model.safetensors --data digits
  nncore predict nncore-model.safetensors three.png photo.jpg
  nncore page nncore-model.safetensors --output digits.html
  nncore export nncore-model.safetensors --output digits.onnx
"""


class Parser(argparse.ArgumentParser):
    """An argparse parser that takes no abbreviations, and whose errors are one line.

    `intermixed` says that options may stand between its positional arguments, even where one of
    these may be left out.
    """

    intermixed = False

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if not self.intermixed:
            return super().parse_known_args(args, namespace)
        self.intermixed = False  # of which this makes two passes
        try:
            return self.parse_known_intermixed_args(args, namespace)
        except AttributeError as error:
            if isinstance(error.__context__, KeyboardInterrupt):
                raise error.__context__ from None  # argparse puts back what it had not yet kept
            raise
        finally:
            self.intermixed = True

    def error(self, message: str) -> NoReturn:
        if started_rank() > 0:  # of mpiexec's processes, which all find the same, one tells it
            self.exit(2)
        self.exit(2, f"nncore: error: {printable(message)} (see {self.prog} --help)\n")


def run() -> int:
    """The command itself: `main`, and then an exit that Ctrl-C cannot disturb."""
    raise_on_sigint()
    code = main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # no traceback while Python exits
    # CPython kills itself by SIGINT at its end if a KeyboardInterrupt left an exec() of text, as
    # imports of dataclasses do, even if it was handled. The next exec() clears that note.
    exec("")
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code: 0, 2 after an error, 130 after Ctrl-C."""
    if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show
    try:
        parser = _parser()
        options = parser.parse_args(arguments)
        if options.command is None:
            parser.print_help()
            return 0
        code: int = options.run(options)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("nncore: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _flush_or_drop_output()
        return PIPE_CLOSED
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        print_error(error)
        _flush_or_drop_output()
        return 2


def _flush_or_drop_output() -> None:
    """Python flushes standard output again when it exits, and would report an error."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> Parser:
    parser = Parser(
        prog="nncore",
        description="Train a neural network to read digits, measure it, and use it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"nncore {_core.__version__}")
    directories.add(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for command in (train, tune, evaluate, predict, page, export, info):
        command.add(commands)
    return parser
