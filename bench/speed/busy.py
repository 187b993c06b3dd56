#!/usr/bin/env python3
"""Several threads against one while other programs keep processors busy, in alternating pairs.

Prints, for each workload, the speed of an epoch on several threads relative to one: over all pairs,
in the median pair and in the worst.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

import nncore
import workloads
from peers.ours import Train
from workloads import WORKLOADS, Workload

SHAPES = {name: WORKLOADS[name] for name in ("book", "tutorial", "tabular", "text", "wide")}
SHAPES["tabular-64"] = replace(WORKLOADS["tabular"], name="tabular-64", batch=64)


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def measure(workload: Workload, threads: int, pairs: int, folder: Path) -> str:
    workloads.make(workload, folder)
    problem = workloads.read(workload, folder)
    one, several = Train(problem, 1), Train(problem, threads)
    one.seconds(), several.seconds()  # what is set up once
    times = [(one.seconds(), several.seconds()) for _ in range(pairs)]
    ratios = [alone / together for alone, together in times]
    whole = sum(alone for alone, _ in times) / sum(together for _, together in times)
    slower = sum(ratio < 1 for ratio in ratios)
    return (
        f"{workload.name:12} {whole:5.2f}x together {median(ratios):5.2f}x median "
        f"{min(ratios):5.2f}x worst; slower in {slower} of {pairs}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--workload", nargs="+", choices=SHAPES, default=["book", "tabular", "tabular-64", "text"],
        metavar="NAME", help=f"of {', '.join(SHAPES)}")  # fmt: skip
    add("--loops", nargs="+", type=int, default=[0, 1], help="busy loops beside, one after another")
    add("--threads", type=int, default=os.cpu_count() or 1)
    add("--pairs", type=int, default=20)
    options = parser.parse_args()
    nncore.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory(prefix="nncore-busy-") as temporary:
        for loops in options.loops:
            print(f"{options.threads} threads over 1, beside {loops} busy loops", flush=True)
            with busy_loops(loops):
                for name in options.workload:
                    folder = Path(temporary) / name
                    print(measure(SHAPES[name], options.threads, options.pairs, folder), flush=True)


if __name__ == "__main__":
    main()
