"""What `nncore.distributed` expects of ranks, beside what they do.

    python bench/speed/distributed.py --ranks 1 2      (here, by the mpiexec beside Python)

prints for each workload a step as it was expected and as it was, and the error; and then what is
expected of many machines, whose network is assumed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import nncore
from nncore import distributed

WORKLOADS: dict[str, tuple[list[int], int, str]] = {
    "book": ([784, 30, 10], 10, "sgd"),
    "tabular": ([32, 64, 64, 10], 256, "adam"),
    "tutorial": ([784, 128, 10], 128, "adam"),
    "tutorial, 2,048 rows": ([784, 128, 10], 2048, "adam"),
    "wide": ([784, 1024, 1024, 10], 128, "adam"),
    "wide, 1,024 rows": ([784, 1024, 1024, 10], 1024, "adam"),
}
LANES = 8
NETWORKS = {"10 Gbit": distributed.Link.of(10), "100 Gbit": distributed.Link.of(100, 3e-6)}
MANY = [2, 8, 32, 128, 1000]


def rows(inputs: int, n: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    return rng.random((n, inputs), np.float32), rng.integers(0, 10, n)


def measure(name: str) -> None:
    """On each rank: prints the step, expected and measured, in seconds."""
    sizes, batch_size, optimizer = WORKLOADS[name]
    products = sum(a * b for a, b in pairwise(sizes))
    n = min(32_768, max(2 * batch_size, 2_000_000_000 // products))
    x, y = rows(sizes[0], n)
    with distributed.world() as world:
        link = None if world.size > 1 else NETWORKS["10 Gbit"]  # which one rank does not use
        options: dict[str, Any] = {"batch_size": batch_size, "optimizer": optimizer, "n_threads": 1}
        net = nncore.Network(sizes, seed=1, activation="relu")
        found = distributed.expectation(net, x, y, lanes=LANES, link=link, world=world, **options)
        seconds = []
        for _ in range(3):
            history = net.fit(
                x, y, 1, learning_rate=1e-5, lanes=LANES, world=world, progress=False, **options
            )
            seconds += history["seconds"]
            time.sleep(0.05)
        if world.rank == 0:
            step = min(seconds) / -(-n // batch_size)
            core, size = vars(found.core), found.parameter_bytes
            print(
                json.dumps(
                    {"expected": found.step(world.size), "measured": step, "core": core,
                     "bytes": size, "link": vars(found.link)}
                )
            )  # fmt: skip


def run(name: str, ranks: int) -> dict[str, Any]:
    mpiexec = Path(sys.executable).parent / "mpiexec"
    command = [mpiexec, "-n", str(ranks), sys.executable, __file__, "--measure", name]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(ended.stdout)
    return result


def ms(seconds: float) -> str:
    return f"{1e3 * seconds:.3g}"


def report(names: list[str], ranks: list[int]) -> None:
    print("| a step, ms | " + " | ".join(f"{r} expected | measured | error" for r in ranks) + " |")
    print("|---|" + "---|---|---|" * len(ranks))
    cores = {}
    for name in names:
        cells = []
        for r in ranks:
            found = run(name, r)
            cores[name] = found
            error = found["expected"] / found["measured"] - 1
            cells += [ms(found["expected"]), ms(found["measured"]), f"{100 * error:+.0f} %"]
        print(f"| {name} | " + " | ".join(cells) + " |")
    link = found["link"]
    print(f"\nlink here: {1e6 * link['latency']:.1f} us, {link['bandwidth'] / 1e9:.2f} GB/s\n")
    print("Speed-up, expected (a lane a rank, if there are more than 8):\n")
    heads = [f"{network}, {r}" for network in NETWORKS for r in MANY]
    print("| | " + " | ".join(heads) + " |\n|---|" + "---|" * len(heads))
    for name, found in cores.items():
        core, size = distributed.Core(**found["core"]), found["bytes"]
        batch = WORKLOADS[name][1]
        for rows_a_rank in (None, batch):
            cells = []
            for link in NETWORKS.values():
                for r in MANY:
                    b = batch if rows_a_rank is None else rows_a_rank * r
                    lanes = max(LANES, r)
                    one = distributed.Expectation(core, link, size, b, LANES, 10**6)
                    many = replace(one, lanes=lanes)
                    cells.append(f"{one.step(1) / many.step(r):.3g}")
            what = "this mini-batch" if rows_a_rank is None else f"{batch:,} rows a rank"
            print(f"| {name}: {what} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--workload", choices=WORKLOADS, nargs="+", default=list(WORKLOADS))
    parser.add_argument("--measure", choices=WORKLOADS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
    else:
        report(options.workload, options.ranks)


if __name__ == "__main__":
    main()
