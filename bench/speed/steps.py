#!/usr/bin/env python3
"""One row at a time: a step of 4-64-2 with Adam, from Python, in the core alone, and in PyTorch.

Microseconds a step, in alternating rounds: the medians, and what Python adds to the core. PyTorch
has one thread, its fused Adam, and what else is fastest: eager, or compiled where that can be had.
"""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

import machine
import nncore

HERE = Path(__file__).parent
X = np.array([0.1, -0.2, 0.3, 0.4], dtype=np.float32)
Y = np.array([0.5, -0.5], dtype=np.float32)
Timed = Callable[[], float]
"""Runs many steps; gives the microseconds of one."""


def timed(step: Callable[[], object], steps: int) -> Timed:
    def run() -> float:
        started = perf_counter()
        for _ in range(steps):
            step()
        return (perf_counter() - started) / steps * 1e6

    return run


def ours(steps: int) -> Timed:
    net = nncore.Network([4, 64, 2], activation="relu", output_activation="linear", seed=1)
    trainer = nncore.Trainer(net, "adam", 1e-3)
    return timed(lambda: trainer.step(X, Y), steps)


def core(steps: int) -> Timed | None:
    """The C++ program beside this file, built against the library that Python uses."""
    compiler = machine.compiler()
    home = Path(nncore._core.__file__).parent
    if compiler is None or not (home / "lib").is_dir():
        return None
    program = machine.cache_folder() / "steps"
    built = subprocess.run(
        [compiler, "-O3", "-std=c++20", f"-I{home / 'include'}", str(HERE / "steps.cpp"), "-o",
         str(program), f"-L{home / 'lib'}", "-lnncore", f"-Wl,-rpath,{home / 'lib'}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if built.returncode:
        print(f"the core alone is left out: {built.stderr.strip().splitlines()[-1]}")
        return None
    return lambda: float(subprocess.check_output([program, str(steps)], text=True))


def pytorch(steps: int, compiled: bool) -> Timed | None:
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    model = torch.nn.Sequential(torch.nn.Linear(4, 64), torch.nn.ReLU(), torch.nn.Linear(64, 2))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    x, y = torch.from_numpy(X), torch.from_numpy(Y)

    def cost() -> torch.Tensor:
        return 0.5 * (model(x) - y).square().sum()

    forward = torch.compile(cost, fullgraph=True) if compiled else cost

    def step() -> float:
        loss = forward()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    try:
        step()
    except Exception as error:  # no compiler that it can use
        print(f"compiled PyTorch is left out: {type(error).__name__}")
        return None
    return timed(step, steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=20_000, help="in a round; PyTorch a tenth")
    parser.add_argument("--compile", action="store_true", help="try torch.compile too")
    options = parser.parse_args()
    few = max(options.steps // 10, 1)
    peers = {
        "core": core(options.steps),
        "nncore": ours(options.steps),
        "pytorch": pytorch(few, compiled=False),
        "pytorch-compiled": pytorch(few, compiled=True) if options.compile else None,
    }
    there = {name: peer for name, peer in peers.items() if peer is not None}
    for peer in there.values():
        peer()  # what is set up once
    times: dict[str, list[float]] = {name: [] for name in there}
    for _ in range(options.rounds):
        for name, peer in there.items():
            times[name].append(peer())
    middle = {name: median(each) for name, each in times.items()}
    for name, value in middle.items():
        low, high = min(times[name]), max(times[name])
        print(f"{name:17} {value:8.2f} us a step ({low:.2f} to {high:.2f})")
    if "core" in middle:
        print(f"Python adds {middle['nncore'] - middle['core']:.2f} us")
    fastest = min((v for name, v in middle.items() if name.startswith("pytorch")), default=None)
    if fastest is not None:
        print(f"PyTorch takes {fastest / middle['nncore']:.1f} times as long")


if __name__ == "__main__":
    main()
