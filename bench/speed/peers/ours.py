"""nncore, called as users call it."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import nncore
from nncore.callbacks import Callback
from peers import Task
from workloads import Array, Problem


def prepare(problem: Problem, threads: int) -> Task:
    nncore.set_num_threads(threads)
    return Predict(problem) if problem.workload.predicts else Train(problem, threads)


def build(problem: Problem) -> nncore.Network:
    workload = problem.workload
    return nncore.Network(
        workload.sizes,
        activation=workload.hidden,
        output_activation=workload.output,
        cost=workload.cost,
        dtype=workload.dtype,
        initializer=(problem.weights, problem.biases),
    )


class Watch(Callback):
    """Measures an epoch of `fit`, from its shuffle to the end of its last mini-batch."""

    seconds = 0.0

    def on_epoch_begin(self, run: Any) -> None:
        self.start = perf_counter()

    def on_epoch_end(self, run: Any) -> None:
        self.seconds = perf_counter() - self.start


class Train(Task):
    def __init__(self, problem: Problem, threads: int) -> None:
        self.problem, self.net, self.threads = problem, build(problem), threads
        self.watch = Watch()

    def work(self) -> None:
        workload, problem = self.problem.workload, self.problem
        self.net.fit(
            problem.x,
            problem.y,
            epochs=1,
            batch_size=workload.batch,
            learning_rate=workload.rate,
            optimizer=workload.optimizer,
            l2=workload.l2,
            callbacks=[self.watch],
            n_threads=self.threads,
            progress=False,
        )

    def seconds(self) -> float:
        """Without what `fit` does once before its first epoch: it counts as preparation."""
        self.work()
        return self.watch.seconds

    def parameters(self) -> tuple[list[Array], list[Array]]:
        return list(self.net.weights), list(self.net.biases)


class Predict(Task):
    def __init__(self, problem: Problem) -> None:
        self.net = build(problem)
        self.x = problem.x[0] if problem.workload.epoch_rows == 1 else problem.x

    def work(self) -> None:
        self.net.feedforward(self.x)

    def parameters(self) -> tuple[list[Array], list[Array]]:
        return list(self.net.weights), list(self.net.biases)
