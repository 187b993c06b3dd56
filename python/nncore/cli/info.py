"""`nncore info`: what was built and what runs."""

from __future__ import annotations

import argparse
import os
import platform
from typing import Any


def add(commands: argparse._SubParsersAction[Any]) -> None:
    summary = "show the version, compiler, threads and instruction set"
    parser = commands.add_parser("info", help=summary, description=summary.capitalize() + ".")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    import numpy as np

    from nncore import _core

    build = _core.build_info()
    threads = _core.get_num_threads()
    openmp = (
        "yes: its threads share the work and wait for more"
        if build["openmp"]
        else "no: threads are made anew for every call that deserves them"
    )
    lines = {
        "nncore": build["version"],
        "Python": f"{platform.python_version()}, NumPy {np.__version__}",
        "system": f"{platform.system()} {platform.machine()}",
        "compiler": f"{build['compiler']}, {build['build_type']} build",
        "instruction set": build["instruction_set"],
        "OpenMP": openmp,
        "threads": f"{threads} (this machine has {os.cpu_count()} processors)",
    }
    width = max(map(len, lines))
    for name, value in lines.items():
        print(f"{name:<{width}}  {value}")
    return 0
