"""The peers, one module each, which prepares the peer and runs one epoch.

A module has `prepare(problem, threads) -> Task`. It raises NotTaken with a reason if the peer
cannot do what the workload asks.
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
    """The peer cannot do this workload, with the reason."""


class Task:
    """A prepared peer: its data is converted and its network has the given parameters."""

    note = ""
    """What it does otherwise than the workload says."""
    fraction = 1.0
    """The part of the rows that one call of `work` goes through."""

    def work(self) -> None:
        """One epoch in a new random order, or one call for predictions."""
        raise NotImplementedError

    def seconds(self) -> float:
        """The time of one call of `work`."""
        start = perf_counter()
        self.work()
        return perf_counter() - start

    def parameters(self) -> tuple[list[Array], list[Array]]:
        """The current weights (units, inputs) and biases."""
        raise NotImplementedError


def prepare(name: str, problem: Problem, threads: int) -> Task:
    """The peer's task for a workload. Raises ImportError if the peer is not installed."""
    task: Any = import_module(f"peers.{PEERS[name]}").prepare(problem, threads)
    assert isinstance(task, Task)
    return task
