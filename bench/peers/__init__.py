"""The peers: one module each, which says how it is prepared and how one epoch of it runs.

A module has `prepare(problem, threads) -> Task`, which raises NotTaken with a reason where the
peer has no way to do what the workload asks.
"""

from __future__ import annotations

from importlib import import_module
from time import perf_counter
from typing import Any

from workloads import Array, Problem

PEERS = {
    "nncore": "ours",
    "book": "books_way",
    "numpy": "matrices",
    "torch": "pytorch",
    "torch-compile": "pytorch_compiled",
    "jax": "jax_scan",
    "sklearn": "sklearn_mlp",
    "onnxruntime": "onnx_runtime",
    "eigen": "eigen_cpp",
}
"""Names, in the order in which they take turns, and their modules."""


class NotTaken(Exception):
    """The peer does not do this workload, and why."""


class Task:
    """A peer, ready: its data converted, its network built from the given parameters."""

    note = ""
    """What it does otherwise than the workload says."""
    fraction = 1.0
    """The part of the rows that one call of `work` goes through."""

    def work(self) -> None:
        """One epoch in a new random order, or one call for predictions."""
        raise NotImplementedError

    def seconds(self) -> float:
        """One call of `work`, measured."""
        start = perf_counter()
        self.work()
        return perf_counter() - start

    def parameters(self) -> tuple[list[Array], list[Array]]:
        """Weights (units, inputs) and biases as they are now."""
        raise NotImplementedError


def prepare(name: str, problem: Problem, threads: int) -> Task:
    """The peer's task for a workload; ImportError where it is not installed."""
    task: Any = import_module(f"peers.{PEERS[name]}").prepare(problem, threads)
    assert isinstance(task, Task)
    return task
