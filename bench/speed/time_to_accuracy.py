"""Seconds from `python` to a stated accuracy: nncore beside scikit-learn, PyTorch and JAX.

python bench/speed/time_to_accuracy.py [--racers nncore ...] [--tasks mnist table] [--cores 2]

A run is a whole process: start, imports, reading MNIST's gzipped files, training, and the score on
the test images. Each target has the settings below, the best that were found for each framework:
those whose median over the seeds reaches the target in the least time. For 98.5 % nncore turns,
scales and shifts the images as it trains, which the others have no means for. Prints medians of
wall and processor time, and how much longer each takes than nncore; --plot draws accuracy against
seconds.

The table is 100,000 rows of Friedman's first function of 10 numbers among 20, with noise; R^2 of a
perfect answer is 1, since the test targets have no noise.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from nncore.datasets.mnist import find_mnist
from processes import cores, environment

HERE = Path(__file__).parent / "racers"
PROGRAMS = {
    "nncore": ("ours.py", "nncore"),
    "PyTorch": ("pytorch.py", "torch"),
    "JAX": ("jax_scan.py", "jax"),
    "scikit-learn": ("sklearn_mlp.py", "sklearn"),
}
"""Each framework's program, and the package that it needs."""


def settings(
    hidden: list[int], batch: int, optimizer: str, rate: float, epochs: int, **more: Any
) -> dict[str, Any]:
    return {
        "hidden": hidden, "batch": batch, "optimizer": optimizer, "rate": rate, "epochs": epochs,
        **more,
    }  # fmt: skip


_98 = settings([256], 64, "adam", 0.004, 2)
_TABLE = settings([128], 128, "adam", 0.015, 3)
SETTINGS: dict[str, dict[float, dict[str, dict[str, Any]]]] = {
    "mnist": {
        0.97: {
            "nncore": settings([96], 16, "sgd", 0.3, 1),
            "PyTorch": settings([128], 64, "adam", 0.006, 1),
            "JAX": settings([128], 64, "adam", 0.006, 1),
            "scikit-learn": settings([100], 128, "adam", 0.004, 4, falling=True),
        },
        0.98: {
            "nncore": settings([384], 16, "sgd", 0.4, 2),
            "PyTorch": _98,
            "JAX": _98,
            "scikit-learn": settings([256], 128, "adam", 0.003, 6, falling=True),
        },
        0.985: {
            "nncore": settings([256], 32, "sgd", 0.3, 4, distorted=True),
            "PyTorch": settings([512], 64, "adam", 0.003, 5),
            "JAX": settings([512], 64, "adam", 0.003, 5),
            "scikit-learn": settings([512], 128, "adam", 0.002, 12, falling=True),
        },
    },
    "table": {
        0.99: {
            "nncore": settings([128], 64, "adam", 0.01, 2),
            "PyTorch": _TABLE,
            "JAX": _TABLE,
            "scikit-learn": settings([128], 128, "adam", 0.006, 6, falling=True),
        },
    },
}
"""By task, target and framework."""


class Run(NamedTuple):
    score: float
    wall: float
    processor: float


def race(program: str, task: str, folder: Path, given: dict[str, Any], threads: int) -> Run:
    """One process, from its start to its end."""
    command = [sys.executable, str(HERE / program), task, str(folder), json.dumps(given)]
    used = os.times()
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(threads))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(child.pid, cores(threads))
    output, _ = child.communicate()
    wall = time.perf_counter() - start
    now = os.times()
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}")
    processor = now.children_user + now.children_system
    processor -= used.children_user + used.children_system
    return Run(float(output.decode().split()[-1]), wall, processor)


def write_table(folder: Path, rows: int = 100_000, test_rows: int = 20_000) -> None:
    """Friedman, *Multivariate Adaptive Regression Splines* (1991), standardised."""
    rng = np.random.default_rng(0)
    x = rng.random((rows + test_rows, 20), np.float32)
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
    y += 10 * x[:, 3] + 5 * x[:, 4]
    y[:rows] += rng.normal(0, 1, rows).astype(np.float32)
    y = (y - y.mean()) / y.std()
    x = (x - 0.5) * np.float32(12**0.5)
    for name, array in (("x", x), ("y", y.astype(np.float32))):
        np.save(folder / f"{name}.npy", array[:rows])
        np.save(folder / f"{name}_test.npy", array[rows:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--racers", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--tasks", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--targets", nargs="+", type=float, help="only these of the targets")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE", help="adds what was measured to it")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draws what is in --json, too")
    options = parser.parse_args()
    missing = {name for name in options.racers if find_spec(PROGRAMS[name][1]) is None}
    for name in missing:
        print(f"left out: {name}, which is not installed")
    racers = [name for name in options.racers if name not in missing]
    results = json.loads(options.json.read_text()) if options.json and options.json.exists() else []
    with tempfile.TemporaryDirectory() as name:
        folders = {"mnist": find_mnist(), "table": Path(name)}
        write_table(Path(name))
        for task in options.tasks:
            folder = folders[task]
            if folder is None:
                parser.error("MNIST was not found; name its directory by NNCORE_DATA")
            for target, by_racer in SETTINGS[task].items():
                if options.targets and target not in options.targets:
                    continue
                chosen = [racer for racer in racers if racer in by_racer]
                found = measure(task, folder, by_racer, chosen, options)
                for racer in chosen:
                    key = {"task": task, "target": target, "racer": racer}
                    results = [old for old in results if not key.items() <= old.items()]
                    results.append(key | {"runs": [run._asdict() for run in found[racer]]})
                show(task, target, [old for old in results if old["target"] == target])
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.plot:
        draw(results, options.plot)


def measure(
    task: str, folder: Path, by_racer: dict[str, dict[str, Any]], chosen: list[str], options: Any
) -> dict[str, list[Run]]:
    """Of each racer a run for each seed, in turn. The first of all runs warms the disk."""
    found: dict[str, list[Run]] = {racer: [] for racer in chosen}
    for seed, racer in product(range(1, options.seeds + 1), chosen):
        given = by_racer[racer] | {"seed": seed}
        found[racer].append(race(PROGRAMS[racer][0], task, folder, given, options.cores))
    return found


def medians(runs: list[Run]) -> Run:
    return Run(*(median(column) for column in zip(*runs, strict=True)))


def runs_of(result: dict[str, Any]) -> list[Run]:
    return [Run(**run) for run in result["runs"]]


def show(task: str, target: float, results: list[dict[str, Any]]) -> None:
    """A line for each racer, those of an earlier run (--json) among them."""
    found = {r["racer"]: medians(runs_of(r)) for r in results if r["task"] == task}
    heading = f"{task}, {100 * target:g} %"
    print(f"\n{heading:<16}{'score':>12}{'wall s':>9}{'processor s':>13}{'longer':>8}")
    for racer, (score, wall, processor) in found.items():
        longer = f"{wall / found['nncore'].wall:8.1f}" if "nncore" in found else ""
        missed = "" if score >= target else "  MISSED"
        print(f"{racer:<16}{100 * score:>12.2f}{wall:>9.2f}{processor:>13.2f}{longer}{missed}")


def draw(results: list[dict[str, Any]], file: Path) -> None:
    """Accuracy against seconds: a run a point, the medians of a framework joined."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    tasks = [task for task in SETTINGS if any(r["task"] == task for r in results)]
    figure, axes = pyplot.subplots(1, len(tasks), figsize=(6.4 * len(tasks), 4.4), squeeze=False)
    for axis, task in zip(axes[0], tasks, strict=True):
        for k, racer in enumerate(PROGRAMS):
            mine = sorted(
                (r for r in results if (r["task"], r["racer"]) == (task, racer)),
                key=lambda r: r["target"],
            )
            if not mine:
                continue
            runs = [run for r in mine for run in runs_of(r)]
            middle = [medians(runs_of(r)) for r in mine]
            colour = f"C{k}"
            axis.plot(
                [run.wall for run in runs], [100 * run.score for run in runs], ".", color=colour,
                alpha=0.4,
            )  # fmt: skip
            axis.plot(
                [run.wall for run in middle], [100 * run.score for run in middle], "o-",
                color=colour, label=racer,
            )  # fmt: skip
        for target in SETTINGS[task]:
            axis.axhline(100 * target, color="0.8", linewidth=0.8, zorder=0)
        axis.set_xscale("log")
        axis.set_xlabel("seconds, whole process")
        axis.set_ylabel("accuracy on test images, %" if task == "mnist" else "R², %")
        axis.set_title("MNIST" if task == "mnist" else "A table of 100,000 rows")
    axes[0][0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(file, dpi=120)


if __name__ == "__main__":
    main()
