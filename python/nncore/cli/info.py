"""`nncore info`: what was built and what runs, or what a model is."""

from __future__ import annotations

import argparse
import os
import platform
from typing import Any


def add(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser(
        "info",
        help="show a model, or the version, compiler, threads and instruction set",
        description="Show the version, compiler, threads and instruction set; or with a model's "
        "file its layers, and of your own data the columns, classes and scales that it keeps.",
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help="a file that nncore has saved")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    if options.model is None:
        _show_build()
    else:
        _show_model(options.model)
    return 0


def _show_model(path: str) -> None:
    from nncore import Network

    from .output import layers_text, printable
    from .own_data.data import preparation_of

    net = Network.load(path)
    lines = {
        "model": f"{printable(path)}, {os.path.getsize(path):,} bytes",
        "network": f"{layers_text(net.sizes)}: {', '.join(net.activations)}; {net.cost} cost, "
        f"{net.dtype}, seed {net.seed}, trained for {net.epoch:,} epochs",
    }
    preparation = preparation_of(net, path)
    if preparation is not None:
        from .own_data.info import describe_preparation

        lines |= describe_preparation(net, preparation)
    width = max(map(len, lines))
    for name, value in lines.items():
        for line in value.splitlines() or [""]:
            print(f"{name:<{width}}  {line}")
            name = ""


def _show_build() -> None:
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
