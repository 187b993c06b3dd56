"""The workloads: shapes, settings, data, and the initial parameters of every peer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore import datasets
from nncore.datasets.mnist import find_mnist

Array = NDArray[Any]


@dataclass(frozen=True)
class Workload:
    """A network, whether and how it is trained, and the number of rows."""

    name: str
    sizes: tuple[int, ...]
    data: str
    """Whose rows: "digits", "tabular" or "text"."""
    epoch_rows: int
    """Rows of an epoch, or of a call where the network only predicts."""
    batch: int
    hidden: str = "relu"
    output: str = "softmax"
    cost: str = "log_likelihood"
    optimizer: str = "adam"
    rate: float = 0.001
    l2: float = 0.0
    dtype: str = "float32"
    predicts: bool = False
    measured_rows: int = 0
    """Rows that are measured where an epoch would take too long; 0: all of them."""

    @property
    def what(self) -> str:
        shape = "-".join(map(str, self.sizes))
        if self.predicts:
            return f"{shape} {self.hidden}, {self.output}: predict {self.epoch_rows:,} row(s)"
        l2 = ", L2" * bool(self.l2)
        single = "" if self.dtype == "float32" else f", {self.dtype}"
        return (
            f"{shape} {self.hidden}, {self.output}, {self.cost}{l2}, {self.optimizer}, "
            f"batch {self.batch}{single}: an epoch of {self.epoch_rows:,} rows"
        )

    def flops(self, rows: float, density: float = 1.0) -> float:
        """Multiplications and additions. In the first layer only non-zero inputs count.

        Training multiplies by every weight twice, forward and for its gradient. It multiplies once
        more for the error of the layer below, unless that is the input.
        """
        first, *others = [a * b for a, b in pairwise(self.sizes)]
        passes = (1, 1) if self.predicts else (2, 3)
        return 2.0 * rows * (passes[0] * first * density + passes[1] * sum(others))


_BOOK: dict[str, Any] = {
    "sizes": (784, 30, 10), "data": "digits", "hidden": "sigmoid", "output": "sigmoid",
    "cost": "quadratic", "optimizer": "sgd",
}  # fmt: skip
_TABULAR: dict[str, Any] = {
    "sizes": (32, 64, 64, 1), "data": "tabular", "epoch_rows": 100_000, "batch": 256,
    "output": "linear", "cost": "quadratic",
}  # fmt: skip

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("book", **_BOOK, epoch_rows=50_000, batch=10, rate=3.0),
        Workload(
            "book100",
            **(_BOOK | {"sizes": (784, 100, 10), "cost": "cross_entropy"}),
            epoch_rows=50_000,
            batch=10,
            rate=0.5,
            l2=5.0,
        ),
        Workload("tutorial", (784, 128, 10), "digits", epoch_rows=50_000, batch=128),
        Workload(
            "wide", (784, 1024, 1024, 10), "digits",
            epoch_rows=50_000, batch=128, measured_rows=12_800,
        ),
        Workload("tabular", **_TABULAR),
        Workload("online", **_BOOK, epoch_rows=50_000, batch=1, rate=0.3),
        Workload(
            "text", (20_000, 64, 20), "text",
            epoch_rows=20_000, batch=64, optimizer="sgd", rate=0.5,
        ),
        Workload("float64", **_TABULAR, dtype="float64"),
        Workload("predict-1", **_BOOK, epoch_rows=1, batch=1, predicts=True),
        Workload(
            "predict-n", (784, 256, 128, 10), "digits", epoch_rows=10_000, batch=1, predicts=True
        ),
    )
}  # fmt: skip


@dataclass
class Problem:
    """A workload's data and starting parameters, in its dtype. x may be a scipy CSR matrix."""

    workload: Workload
    folder: Path
    x: Any
    y: Array
    test_x: Any
    test_y: Array
    weights: list[Array]
    biases: list[Array]

    def targets(self, rows: int | None = None) -> Array:
        """(n, out): labels one-hot, other targets as they are."""
        y = self.y[:rows]
        if y.ndim == 2:
            return y
        return np.eye(self.workload.sizes[-1], dtype=self.workload.dtype)[y]

    @property
    def density(self) -> float:
        """The share of non-zeros among the inputs."""
        if hasattr(self.x, "nnz"):
            return float(self.x.nnz / np.prod(self.x.shape))
        return float(np.count_nonzero(self.x) / max(self.x.size, 1))

    def score(self, weights: list[Array], biases: list[Array]) -> tuple[float, float | None]:
        """Mean cost of the test rows and, for classes, the accuracy, in NumPy for every peer."""
        outputs = feedforward(self.workload, weights, biases, self.test_x)
        if self.test_y.ndim == 2:
            return float(0.5 * np.square(outputs - self.test_y).sum(axis=1).mean()), None
        right = outputs[np.arange(len(outputs)), self.test_y]
        cost = -np.log(np.maximum(right, 1e-30)).mean()
        return float(cost), float((outputs.argmax(axis=1) == self.test_y).mean())


def feedforward(workload: Workload, weights: list[Array], biases: list[Array], x: Any) -> Array:
    """(n, out) in float64."""
    a: Any = x
    layers = len(weights)
    for layer, (w, b) in enumerate(zip(weights, biases, strict=True), start=1):
        z = np.asarray(a @ w.T.astype(np.float64)) + b
        a = activate(workload.output if layer == layers else workload.hidden, z)
    outputs: Array = a
    return outputs


def activate(name: str, z: Array) -> Array:
    """Applies one of the workloads' activations."""
    if name == "relu":
        return np.maximum(z, 0)
    if name == "sigmoid":
        with np.errstate(over="ignore"):
            z = 1 / (1 + np.exp(-z))
    if name == "softmax":
        z = np.exp(z - z.max(axis=1, keepdims=True))
        z /= z.sum(axis=1, keepdims=True)
    return z


def make(workload: Workload, folder: Path, rows: int | None = None) -> int:
    """Writes the problem for the workers to `read`. Returns the number of training rows."""
    rows = rows or workload.measured_rows or max(workload.epoch_rows, 1_000)
    maker = {"digits": _digits, "tabular": _tabular, "text": _text}[workload.data]
    x, y, test_x, test_y = maker(workload, rows)
    weights, biases = _starting_parameters(workload)
    folder.mkdir(parents=True, exist_ok=True)
    parameters = {f"weights_{i}": w for i, w in enumerate(weights)}
    parameters |= {f"biases_{i}": b for i, b in enumerate(biases)}
    arrays = {"y": y, "test_y": test_y, **parameters}
    for name, matrix in (("x", x), ("test_x", test_x)):
        if workload.data == "text":
            parts = ("data", "indices", "indptr")
            arrays |= {f"{name}_{part}": getattr(matrix, part) for part in parts}
        else:
            arrays[name] = matrix
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return len(y)


def read(workload: Workload, folder: Path) -> Problem:
    """Reads what `make` wrote."""

    def load(name: str) -> Array:
        array: Array = np.load(folder / f"{name}.npy")
        return array

    def load_rows(name: str) -> Any:
        if workload.data != "text":
            return load(name)
        from scipy.sparse import csr_matrix

        parts = tuple(load(f"{name}_{part}") for part in ("data", "indices", "indptr"))
        return csr_matrix(parts, shape=(len(parts[2]) - 1, workload.sizes[0]))

    layers = range(len(workload.sizes) - 1)
    return Problem(
        workload,
        folder,
        load_rows("x"),
        load("y"),
        load_rows("test_x"),
        load("test_y"),
        [load(f"weights_{i}") for i in layers],
        [load(f"biases_{i}") for i in layers],
    )


def _starting_parameters(workload: Workload) -> tuple[list[Array], list[Array]]:
    """The book's for sigmoids (chapter 1's large ones or chapter 3's), He's for relu."""
    rng = np.random.default_rng(1)
    weights, biases = [], []
    for inputs, units in pairwise(workload.sizes):
        scale = np.sqrt(2 / inputs)
        if workload.hidden == "sigmoid":
            scale = 1.0 if workload.cost == "quadratic" else 1 / np.sqrt(inputs)
        weights.append((rng.standard_normal((units, inputs)) * scale).astype(workload.dtype))
        b = rng.standard_normal(units) * (workload.hidden == "sigmoid")
        biases.append(b.astype(workload.dtype))
    return weights, biases


def digits_are_real() -> bool:
    """Whether the digits are MNIST. Without MNIST they are generated."""
    return find_mnist() is not None


@cache
def load_digits() -> tuple[datasets.Split, datasets.Split]:
    """Training and test images."""
    if digits_are_real():
        data = datasets.load_mnist()
        return data.train, data.test
    drawn = datasets.load_digits(n_validation=0)
    return drawn.train, drawn.test


def _digits(workload: Workload, rows: int) -> tuple[Any, ...]:
    train, test = load_digits()
    train = test if workload.predicts else train
    return train.x[:rows], train.y[:rows], test.x, test.y


def make_tabular(rows: int, dtype: str = "float32", seed: int = 0) -> tuple[Array, Array]:
    """Dense normal inputs (n, 32), and the outputs of a small random network (n, 1)."""
    teacher = np.random.default_rng(7)
    w1, w2 = teacher.standard_normal((32, 16)) / 5, teacher.standard_normal((16, 1)) / 2
    x = np.random.default_rng([seed, 8]).standard_normal((rows, 32), np.float32).astype(dtype)
    return x, (np.tanh(x @ w1) @ w2).astype(dtype)


def _tabular(workload: Workload, rows: int) -> tuple[Any, ...]:
    train = make_tabular(rows, workload.dtype)
    return (*train, *make_tabular(10_000, workload.dtype, seed=1))


def _text(workload: Workload, rows: int) -> tuple[Any, ...]:
    """Word counts: 0.5 % of the features in a row, those of its class more often."""
    train, test = _documents(workload, rows, seed=0), _documents(workload, 2_000, seed=1)
    return (*train, *test)


def _documents(workload: Workload, rows: int, seed: int) -> tuple[Any, Array]:
    from scipy.sparse import csr_matrix

    features, classes = workload.sizes[0], workload.sizes[-1]
    rng = np.random.default_rng([seed, 9])
    words = features // 200
    y = rng.integers(0, classes, rows)
    word = rng.integers(0, features, (rows, words))
    topical = rng.random((rows, words)) < 0.2
    own = y[:, None] * (features // classes) + rng.integers(0, features // classes, word.shape)
    word = np.where(topical, own, word)
    values = rng.uniform(0.05, 0.3, word.shape).astype(workload.dtype)
    starts = np.arange(rows + 1) * words
    x = csr_matrix((values.ravel(), word.ravel(), starts), shape=(rows, features))
    x.sum_duplicates()
    return x, y
