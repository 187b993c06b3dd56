"""Arrays that other threads write to while a call reads them: any result or error, but no crash.

What a call returns for such an array is up to chance. But a call that reads a number twice may not
rely on getting the same number. Run these under AddressSanitizer, too; CONTRIBUTING.md says how.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nncore
from nncore import _core

SECONDS = float(os.environ.get("NNCORE_CHANGING_SECONDS", "0.4"))  # per case
ROWS, INPUTS, CLASSES = 400, 50, 4

RNG = np.random.default_rng(0)
FULL = RNG.random((ROWS, INPUTS)) + 0.5
FEW_KINDS = np.where(RNG.random((ROWS, INPUTS)) < 0.1, 1.0, 0.0)
SPARSE = np.where(RNG.random((ROWS, INPUTS)) < 0.1, FULL, 0.0)
LABELS = np.arange(ROWS) % CLASSES


@contextmanager
def overwritten_by_a_thread(
    *arrays: np.ndarray[Any, Any], states: list[list[Any]]
) -> Iterator[None]:
    """A thread writes one state after the other into the arrays until the `with` block ends."""
    done = threading.Event()

    def change() -> None:
        while not done.is_set():
            for state in states:
                for array, values in zip(arrays, state, strict=True):
                    array[...] = values

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def call_repeatedly(*calls: Callable[[], Any]) -> None:
    end = time.monotonic() + SECONDS
    asked = False
    while not asked or time.monotonic() < end:
        for call in calls:
            with suppress(ValueError, TypeError, nncore.DivergenceError):
                call()
        asked = True


def network(dtype: str = "float32") -> nncore.Network:
    return nncore.Network([INPUTS, 8, CLASSES], dtype=dtype, seed=1)


def all_calls(net: nncore.Network, x: Any, y: Any, weight: Any = None) -> list[Any]:
    return [
        lambda: net.fit(x, y, 1, 32, 0.1, sample_weight=weight),
        lambda: net.predict(x),
        lambda: net.feedforward(x),
        lambda: net.hidden_activations(x),
        lambda: net.evaluate(x, y, weight),
        lambda: net.backprop(x, y),
        lambda: net.input_gradient(x, y),
        lambda: net.update_mini_batch(x, y, 0.1),
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "states",
    [(0.0, FULL), (FEW_KINDS, 0.0), (SPARSE, 0.0), (SPARSE, FULL), (FULL, np.nan), (0.0, np.nan)],
    ids=["zeros-full", "few kinds-zeros", "sparse-zeros", "sparse-full", "full-NaN", "zeros-NaN"],
)
def test_inputs(states: tuple[Any, Any], dtype: str) -> None:
    net = network(dtype)
    x = np.zeros((ROWS, INPUTS), dtype)
    with overwritten_by_a_thread(x, states=[[state] for state in states]):
        call_repeatedly(*all_calls(net, x, LABELS))


@pytest.mark.parametrize("start", [0.0, FULL], ids=["compact", "dense"])
@pytest.mark.parametrize("states", [(FEW_KINDS, 0.0), (SPARSE, 0.0), (SPARSE, np.nan)])
def test_inputs_of_an_existing_dataset(states: tuple[Any, Any], start: Any) -> None:
    """A data set reads dense rows in place. It owns rows that it has compacted."""
    net = network()
    x = np.full((ROWS, INPUTS), start, np.float32)
    data = _core.Dataset(net, x, LABELS)
    with overwritten_by_a_thread(x, states=[[state] for state in states]):
        call_repeatedly(
            lambda: net.predict(data),
            lambda: _core.evaluate(net, data),
            lambda: _core.gradients(net, data),
            lambda: _core.input_gradient(net, data),
        )


@pytest.mark.parametrize(
    "states",
    [(LABELS, -1), (LABELS, CLASSES), (LABELS, 2**40), (LABELS, -(2**62))],
    ids=["-1", "one beyond", "far beyond", "far below"],
)
def test_labels(states: tuple[Any, Any]) -> None:
    y = LABELS.astype(np.int64)
    x = FULL.astype(np.float32)
    with overwritten_by_a_thread(y, states=[[state] for state in states]):
        call_repeatedly(*all_calls(network(), x, y))


def test_targets() -> None:
    y = np.zeros((ROWS, CLASSES), np.float32)
    one_hot = np.eye(CLASSES)[LABELS]
    with overwritten_by_a_thread(y, states=[[one_hot], [0.0], [np.nan], [one_hot * 0.5]]):
        call_repeatedly(*all_calls(network(), FULL.astype(np.float32), y))


def test_sample_weights() -> None:
    weight = np.ones(ROWS, np.float32)
    with overwritten_by_a_thread(weight, states=[[1.0], [0.0], [np.nan], [-1.0]]):
        call_repeatedly(*all_calls(network(), FULL.astype(np.float32), LABELS, weight))


@pytest.mark.parametrize("index", ["int32", "int64", "uint64"])
@pytest.mark.parametrize("part", ["indices", "indptr", "data"])
def test_sparse_rows(part: str, index: str) -> None:
    rows, columns = np.nonzero(SPARSE)
    counts = np.bincount(rows, minlength=ROWS)
    sound = {
        "indices": columns.astype(index),
        "indptr": np.concatenate([[0], np.cumsum(counts)]).astype(index),
        "data": SPARSE[rows, columns].astype(np.float32),
    }
    x = SimpleNamespace(shape=SPARSE.shape, **{key: part.copy() for key, part in sound.items()})
    x.tocsr = lambda: x
    lies = {
        "indices": [0, INPUTS, 2**31 - 1],
        "indptr": [0, len(columns) + 1, 2**31 - 1],
        "data": [np.nan, 0.0],
    }[part]
    states = [[sound[part]], *([lie] for lie in lies)]
    net = network()
    with overwritten_by_a_thread(getattr(x, part), states=states):
        call_repeatedly(
            lambda: net.predict(x),
            lambda: net.feedforward(x),
            lambda: net.evaluate(x, LABELS),
            lambda: net.update_mini_batch(x, LABELS, 0.1),
        )


def test_row_order() -> None:
    net = network()
    data = _core.Dataset(net, FULL, LABELS)
    trainer = _core.Trainer(net, batch_size=32)
    order = np.arange(ROWS)
    with overwritten_by_a_thread(order, states=[[np.arange(ROWS)], [-1], [ROWS], [2**40]]):
        call_repeatedly(lambda: trainer.epoch(data, order, learning_rate=0.1))


def test_arrays_reshaped_by_another_thread() -> None:
    """Assigning to `shape` changes an array in place, maybe between two reads of its shape."""
    net = network()
    x = np.array(FULL, dtype=">f8")  # its conversion releases the GIL
    done = threading.Event()

    def reshape() -> None:
        while not done.is_set():
            for shape in [(ROWS * INPUTS,), (ROWS // 2, 2 * INPUTS), (ROWS, INPUTS)]:
                x.shape = shape

    thread = threading.Thread(target=reshape)
    thread.start()
    try:
        call_repeatedly(lambda: net.predict(x), lambda: net.evaluate(x, LABELS))
    finally:
        done.set()
        thread.join()


def test_parameters() -> None:
    """Parameters are live views: callers may write to them while the core reads them."""
    net = network()
    start = [view.copy() for view in (*net.weights, *net.biases)]
    views = [*net.weights, *net.biases]
    x = SPARSE.astype(np.float32)
    with overwritten_by_a_thread(
        *views, states=[start, [np.nan] * len(views), [np.inf] * len(views)]
    ):
        call_repeatedly(*all_calls(net, x, LABELS))


def test_arrays_that_are_assigned_to_parameters() -> None:
    net = network()
    weights = [view.copy() for view in net.weights]
    with overwritten_by_a_thread(
        *weights, states=[[w.copy() for w in weights], [np.nan] * len(weights)]
    ):
        call_repeatedly(lambda: setattr(net, "weights", weights))
    assert net.all_finite()
