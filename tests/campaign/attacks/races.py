"""Arrays that other threads write while calls read them: any result, but no crash."""

from __future__ import annotations

import random
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from harness.base import Case, Part, expect
from nncore import BusyError, DivergenceError, Network, _core, export

ROWS, INPUTS, OUTPUTS = 3000, 40, 4
ALLOWED = (ValueError, TypeError, BusyError, DivergenceError, IndexError)


class Writer:
    """A thread that writes to an array until the `with` block ends."""

    def __init__(self, array: np.ndarray, values: list[Any], seed: int) -> None:
        self.array, self.values = array, values
        self.end = threading.Event()
        self.seed = seed
        self.thread = threading.Thread(target=self.write, daemon=True)

    def write(self) -> None:
        rng = np.random.default_rng(self.seed)
        flat = self.array.reshape(-1)
        n = len(flat)
        while not self.end.is_set():
            value = self.values[rng.integers(len(self.values))]
            kind = rng.integers(3)
            if kind == 0:
                flat[:] = value
            elif kind == 1:
                flat[rng.integers(0, n, 50)] = value
            else:
                flat[:: int(rng.integers(1, 7))] = value

    def __enter__(self) -> Writer:
        self.thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.end.set()
        self.thread.join()


class Data:
    """The arrays of a case before they are overwritten."""

    def __init__(self, rng: random.Random) -> None:
        numbers = np.random.default_rng(rng.randrange(2**31))
        dtype = rng.choice([np.float32, np.float64])
        mask = numbers.random((ROWS, INPUTS)) < 0.1
        self.dense = (numbers.normal(size=(ROWS, INPUTS)) * mask).astype(dtype)
        self.labels = numbers.integers(0, OUTPUTS, ROWS)
        self.targets = np.eye(OUTPUTS, dtype=dtype)[self.labels]
        self.weight = numbers.random(ROWS).astype(dtype)
        self.order = numbers.permutation(ROWS)
        rows, columns = np.nonzero(self.dense)
        self.indices = columns.astype(rng.choice([np.int32, np.int64]))
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=ROWS))])
        self.indptr = starts.astype(rng.choice([np.int32, np.int64]))
        self.values = self.dense[rows, columns]
        self.net = Network([INPUTS, 20, OUTPUTS], dtype=np.dtype(dtype).name, seed=1)

    def sparse(self) -> Any:
        return _Sparse(self)


class _Sparse:
    """A CSR matrix that copies nothing."""

    def __init__(self, data: Data) -> None:
        self.data, self.indices, self.indptr = data.values, data.indices, data.indptr
        self.shape, self.dtype, self.format = data.dense.shape, data.values.dtype, "csr"

    def tocsr(self) -> Any:
        return self


def epoch_in_order(data: Data) -> None:
    dataset = _core.Dataset(data.net, data.dense, data.labels)
    _core.Trainer(data.net, batch_size=10).epoch(dataset, data.order, learning_rate=0.01)


def epoch_of_dataset(data: Data) -> None:
    dataset = _core.Dataset(data.net, data.dense, data.targets, data.weight)
    trainer = _core.Trainer(data.net, batch_size=64)
    trainer.epoch(dataset, None, learning_rate=0.01, n_threads=2)


CALLS: dict[str, Callable[[Data], object]] = {
    "feedforward": lambda d: d.net.feedforward(d.dense),
    "feedforward sparse": lambda d: d.net.feedforward(d.sparse()),
    "predict": lambda d: d.net.predict(d.dense),
    "predict row": lambda d: [d.net.predict(d.dense[0]) for _ in range(300)],
    "predict sparse": lambda d: d.net.predict(d.sparse()),
    "evaluate": lambda d: d.net.evaluate(d.dense, d.labels, d.weight),
    "evaluate sparse": lambda d: d.net.evaluate(d.sparse(), d.targets),
    "loss_and_gradient": lambda d: d.net.loss_and_gradient(d.dense, d.targets, d.weight),
    "fit": lambda d: d.net.fit(d.dense, d.labels, 1, 10, 0.01, progress=False),
    "fit with weights": lambda d: d.net.fit(
        d.dense, d.targets, 1, 32, 0.01, sample_weight=d.weight, n_threads=2, progress=False
    ),
    "fit sparse": lambda d: d.net.fit(d.sparse(), d.labels, 1, 10, 0.01, progress=False),
    "epoch in order": epoch_in_order,
    "epoch of data": epoch_of_dataset,
    "dataset": lambda d: [_core.Dataset(d.net, d.dense, d.labels) for _ in range(5)],
    "dataset sparse": lambda d: [_core.Dataset(d.net, d.sparse(), d.labels) for _ in range(5)],
    "assign weights": lambda d: setattr(
        d.net, "biases", [d.dense.reshape(-1)[:20], d.dense.reshape(-1)[20 : 20 + OUTPUTS]]
    ),
    "save": lambda d: d.net.save("/dev/null"),
    "quantize": lambda d: export.QuantizedNetwork(d.net, d.dense),
}

WRITTEN: dict[str, list[Any]] = {
    "dense": [0.0, 1.0, -1.0, 1e30, float("nan")],
    "values": [0.0, 1.0, float("inf")],
    "indices": [0, 1, INPUTS - 1, INPUTS, -1, 2**31 - 1, -(2**31)],
    "indptr": [0, 1, 10**4, 2**31 - 1, -1],
    "labels": [0, OUTPUTS - 1, OUTPUTS, -1, 2**40],
    "targets": [0.0, 1.0, float("nan")],
    "weight": [0.0, 1.0, -1.0, float("nan")],
    "order": [0, ROWS - 1, ROWS, -1, 2**40],
}
"""Arrays of a case, and what is written into them."""


class Attack(Part):
    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        warnings.simplefilter("ignore")
        np.seterr(all="ignore")
        import sys

        sys.setswitchinterval(1e-5)
        self.answered = 0

    def draw(self, rng: random.Random, index: int) -> Case:
        call = list(CALLS)[index % len(CALLS)]
        names = ["dense", "dense", "labels", "targets", "weight", "order"]
        if "sparse" in call:
            names = ["values", "indices", "indptr", "labels"]
        return {"call": call, "written": rng.choice(names), "seed": rng.randrange(2**31)}

    def run(self, case: Case) -> None:
        data = Data(random.Random(case["seed"]))
        array = getattr(data, case["written"])
        limits = np.iinfo(array.dtype) if array.dtype.kind == "i" else None
        values = [
            value
            for value in WRITTEN[case["written"]]
            if limits is None or limits.min <= value <= limits.max
        ]
        with Writer(array, values, case["seed"]):
            for _ in range(3):
                try:
                    CALLS[case["call"]](data)
                    self.answered += 1
                except ALLOWED:
                    pass
        data.net.all_finite()

    def finish(self) -> None:
        expect(self.answered, "no call was answered")
