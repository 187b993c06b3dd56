"""One peer in a process of its own. It reads a JSON object per line from its standard input.

{"do": "prepare", "workload": ..., "folder": ...} reads the problem, prepares the peer and runs it
once; {"do": "run"} runs it once more; {"do": "score"} measures its cost and accuracy. The answer to
each is a line on standard output: {"error": ...}, {"skip": ...}, or the result.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from timeit import Timer
from typing import Any

import peers
from workloads import WORKLOADS, Problem, read

SHORTEST = 0.1
"""Seconds, at least, that a prediction is repeated for; of ten equal parts, the median counts."""


class Worker:
    def __init__(self, peer: str, threads: int) -> None:
        self.peer, self.threads = peer, threads
        self.task: peers.Task | None = None
        self.problem: Problem | None = None

    def prepare(self, workload: str, folder: str) -> dict[str, Any]:
        self.task = self.problem = None
        gc.collect()
        self.problem = read(WORKLOADS[workload], Path(folder))
        start = perf_counter()
        self.task = peers.prepare(self.peer, self.problem, self.threads)
        self.task.seconds()
        first = perf_counter() - start
        return {"first": first, "note": self.task.note, "fraction": self.task.fraction}

    def run(self) -> dict[str, Any]:
        task, problem = self.prepared()
        seconds = task.seconds()
        if problem.workload.predicts:
            # Many calls per reading of the clock, which takes as long as a short call.
            calls = max(1, int(SHORTEST / 10 / seconds))
            parts = Timer(task.work).repeat(10, calls)
            seconds = median(parts) / calls
        return {"seconds": seconds}

    def score(self) -> dict[str, Any]:
        task, problem = self.prepared()
        cost, accuracy = problem.score(*task.parameters())
        return {"cost": cost, "accuracy": accuracy}

    def prepared(self) -> tuple[peers.Task, Problem]:
        assert self.task is not None
        assert self.problem is not None
        return self.task, self.problem


def main(peer: str, threads: int) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not look like an answer
    worker = Worker(peer, threads)
    todo: dict[str, Callable[..., dict[str, Any]]] = {
        "prepare": worker.prepare,
        "run": worker.run,
        "score": worker.score,
    }
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = todo[asked.pop("do")](**asked)
        except peers.NotTaken as reason:
            answer = {"skip": str(reason)}
        except ImportError as error:
            answer = {"skip": f"not installed: {error}"}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
