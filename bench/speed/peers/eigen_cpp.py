"""Eigen: the C++ program in eigen/, built for this machine and controlled through pipes."""

from __future__ import annotations

import os
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np

from peers import NotTaken, Task
from workloads import Array, Problem

PROGRAM = "NNCORE_BENCH_EIGEN"
"""The environment variable through which run.py says where the built program is."""


def prepare(problem: Problem, threads: int) -> Task:
    if PROGRAM not in os.environ:
        raise ImportError("Eigen, CMake or a C++ compiler was not found")
    if problem.workload.epoch_rows == 1:
        raise NotTaken("it is not called from Python")
    return Program(problem, threads)


class Program(Task):
    note = "timed within C++"

    def __init__(self, problem: Problem, threads: int) -> None:
        workload = problem.workload
        self.workload = workload
        settings = {
            "folder": problem.folder,
            "sizes": ",".join(map(str, workload.sizes)),
            "hidden": workload.hidden,
            "output": workload.output,
            "cost": workload.cost,
            "optimizer": workload.optimizer,
            "rate": workload.rate,
            "l2": workload.l2,
            "batch": workload.batch,
            "predicts": int(workload.predicts),
            "sparse": int(workload.data == "text"),
            "dtype": workload.dtype,
            "threads": threads,
        }
        arguments = [str(part) for key, value in settings.items() for part in (f"--{key}", value)]
        self.process = subprocess.Popen(
            [os.environ[PROGRAM], *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.answer()

    def __del__(self) -> None:
        self.process.kill()
        self.process.wait()

    def answer(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the Eigen program ended")
        return line.strip()

    def ask(self, line: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.answer()

    def seconds(self) -> float:
        return float(self.ask("run"))

    def parameters(self) -> tuple[list[Array], list[Array]]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "parameters"
            self.ask(f"write {path}")
            flat = np.fromfile(path, self.workload.dtype)
        weights, biases = [], []
        for inputs, units in pairwise(self.workload.sizes):
            w, b, flat = np.split(flat, [units * inputs, units * (inputs + 1)])
            weights.append(w.reshape(units, inputs))
            biases.append(b)
        return weights, biases
