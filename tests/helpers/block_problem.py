"""Rows for `nncore.data.Blocks`, a network for them, and sources that are read in blocks."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nncore

ROWS = 1003


def problem(dtype: Any = np.float32) -> tuple[NDArray[Any], NDArray[np.int64]]:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 200, (ROWS, 6)).astype(dtype)
    return x, (x.sum(axis=1) > 600).astype(np.int64) + (x[:, 0] > 150)


def network(**options: Any) -> nncore.Network:
    return nncore.Network(
        [6, 8, 3], activation="tanh", output_activation="softmax", cost="log_likelihood", seed=4,
        **options,
    )  # fmt: skip


FIT: dict[str, Any] = {"batch_size": 16, "optimizer": "adam", "l2": 0.1, "dropout": [0.1, 0.2]}


def trained(*data: Any, epochs: int = 3, **options: Any) -> nncore.Network:
    net = network()
    net.fit(*data, epochs=epochs, learning_rate=0.01, progress=False, **(FIT | options))
    return net


def same(a: nncore.Network, b: nncore.Network) -> bool:
    return all(
        np.array_equal(p, q)
        for p, q in zip(a.weights + a.biases, b.weights + b.biases, strict=True)
    )


def iterators(
    x: Any, y: Any, sizes: tuple[int, ...] = (100, 7, 250)
) -> Callable[[], Iterator[tuple[Any, ...]]]:
    def make() -> Iterator[tuple[Any, ...]]:
        at = 0
        for size in itertools.cycle(sizes):
            if at >= len(x):
                return
            yield x[at : at + size], y[at : at + size]
            at += size

    return make


class Sliced:
    """What can be sliced and is no array; records how it is asked."""

    def __init__(self, array: NDArray[Any], delay: float = 0.0) -> None:
        self.array, self.delay = array, delay
        self.shape = array.shape
        self.asked: list[tuple[int, int]] = []

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        self.asked.append((rows.start, rows.stop))
        time.sleep(self.delay)
        return self.array[rows]
