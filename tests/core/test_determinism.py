"""Same seed, same bits: at 1, 2, 3 and 4 threads, whatever the shape and the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from networks import digest, make_network, make_problem, parameter_digest, train
from nncore import _core

# (sizes, batch size, rows); one is wide enough for several threads to pay, one is cut into lanes
SHAPES = [
    ([7, 17, 3], 1, 40),
    ([33, 2], 10, 45),
    ([784, 30, 10], 10, 60),
    ([50, 129, 65, 33, 5], 31, 100),
    ([784, 300, 100, 10], 128, 300),
    ([20, 40, 3], 600, 1300),
]


def train_and_hash(
    sizes: list[int], batch_size: int, rows: int, dtype: str, threads: int, **options: Any
) -> str:
    net = make_network(sizes, ["sigmoid"] * (len(sizes) - 1), dtype=dtype)
    x, y = make_problem(net, rows)
    data = _core.Dataset(net, x.astype(dtype), y)
    costs = train(net, data, batch_size=batch_size, epochs=2, n_threads=threads, **options)
    return digest(*_core.weight_views(net), *_core.bias_views(net), np.array(costs))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("sizes", "batch_size", "rows"), SHAPES)
def test_training(sizes: list[int], batch_size: int, rows: int, dtype: str) -> None:
    hashes = {train_and_hash(sizes, batch_size, rows, dtype, t) for t in (1, 2, 3, 2)}
    assert len(hashes) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_with_dropout(optimizer: str, dtype: str) -> None:
    options = {"optimizer": optimizer, "dropout": [0.2, 0.5, 0.1], "learning_rate": 0.01}
    hashes = {train_and_hash([784, 300, 100, 10], 128, 300, dtype, t, **options) for t in (1, 2, 3)}
    assert len(hashes) == 1


@pytest.mark.parametrize(
    "options",
    [{"l2": 1.0, "l1": 0.1}, {"clip_norm": 0.1}, {"max_norm": 0.5}, {"optimizer": "rmsprop"}],
    ids=str,
)
def test_training_with_penalties_clipping_and_max_norm(options: dict[str, Any]) -> None:
    hashes = {
        train_and_hash([200, 128, 64, 10], 64, 130, "float32", t, penalty_rows=130, **options)
        for t in (1, 2, 3)
    }
    assert len(hashes) == 1


def test_training_on_sparse_rows() -> None:
    csr_matrix = pytest.importorskip("scipy.sparse").csr_matrix
    hashes = set()
    for threads in (1, 2, 3):
        net = make_network([784, 300, 10], ["sigmoid"] * 2, dtype="float32")
        x, y = make_problem(net, 200)
        train(net, _core.Dataset(net, csr_matrix(x), y), batch_size=64, n_threads=threads)
        hashes.add(parameter_digest(net))
    assert len(hashes) == 1


# name: (share of non-zeros, whether rows are CSR, number of distinct values; 0: unlimited)
ROWS = {
    "dense": (1.0, False, 0),
    "mostly zero": (0.1, False, 0),
    "mostly zero, few values": (0.1, False, 16),
    "CSR": (0.1, True, 0),
    "CSR, columns in any order": (0.1, True, 0),
}


def make_rows(kind: str, n: int, inputs: int, dtype: str) -> Any:
    share, is_sparse, values = ROWS[kind]
    rng = np.random.default_rng(5)
    x = rng.integers(1, values, (n, inputs)) / values if values else rng.normal(size=(n, inputs))
    x = (x * (rng.random((n, inputs)) < share)).astype(dtype)
    if not is_sparse:
        return x
    rows = pytest.importorskip("scipy.sparse").csr_matrix(x)
    if kind == "CSR, columns in any order":
        for begin, end in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
            order = begin + rng.permutation(end - begin)
            rows.indices[begin:end] = rows.indices[order]
            rows.data[begin:end] = rows.data[order]
        rows.has_sorted_indices = False
    return rows


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "options",
    [
        {"l2": 1.0, "penalty_rows": 800},
        {"optimizer": "adam", "learning_rate": 0.01},
        {"dropout": [0.2, 0.5]},
    ],
    ids=str,
)
@pytest.mark.parametrize("batch_size", [16, 128])  # few and many non-zeros per column of a batch
@pytest.mark.parametrize("kind", ROWS)
def test_training_on_more_threads_than_processors(
    kind: str, batch_size: int, options: dict[str, Any], dtype: str
) -> None:
    """set_num_threads may exceed the number of processors. n_threads can only lower it."""
    hashes = set()
    x = make_rows(kind, 800, 400, dtype)
    for threads in (1, 2, 3, 4):
        _core.set_num_threads(threads)
        net = make_network([400, 600, 10], ["sigmoid"] * 2, dtype=dtype)
        _, y = make_problem(net, 800)
        costs = train(net, _core.Dataset(net, x, y), batch_size=batch_size, **options)
        hashes.add(digest(*_core.weight_views(net), *_core.bias_views(net), np.array(costs)))
    assert len(hashes) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_prediction_and_gradients(dtype: str) -> None:
    net = make_network([784, 300, 100, 10], ["relu", "tanh", "sigmoid"], dtype=dtype)
    x, y = make_problem(net, 500)
    data = _core.Dataset(net, x.astype(dtype), y)
    hashes = set()
    for threads in (1, 2, 3):
        _core.set_num_threads(threads)
        assert _core.get_num_threads() == threads
        cost, nabla_w, nabla_b = _core.gradients(net, data)
        costs = np.array([cost, _core.evaluate(net, data)[0]])
        a, by_input = net.feedforward(x.astype(dtype)), _core.input_gradient(net, data)
        hashes.add(digest(a, by_input, costs, *nabla_w, *nabla_b))
    assert len(hashes) == 1


@pytest.mark.parametrize("name", _core.INITIALIZERS)
def test_initialisers_depend_on_the_seed(name: str) -> None:
    def drawn(seed: int) -> str:
        net = _core.Network([30, 20, 10], ["relu", "sigmoid"], seed=seed)
        _core.initialize(net, [name, name])
        assert net.all_finite()
        return parameter_digest(net)

    assert drawn(7) == drawn(7)
    if name != "zeros":
        assert drawn(7) != drawn(8)


def test_permutation_depends_on_seed_and_epoch() -> None:
    order = _core.permutation(1000, seed=1, epoch=0)
    assert order.dtype == np.int64
    assert np.array_equal(np.sort(order), np.arange(1000))
    assert np.array_equal(order, _core.permutation(1000, seed=1, epoch=0))
    assert not np.array_equal(order, np.arange(1000))
    for seed, epoch in ((1, 1), (2, 0), (0, 1)):
        assert not np.array_equal(order, _core.permutation(1000, seed=seed, epoch=epoch))
    assert len(_core.permutation(0, seed=1, epoch=0)) == 0


def test_permutations_are_uniformly_distributed() -> None:
    """Each of the 24 orders of four rows is about equally frequent."""
    counts: dict[tuple[int, ...], int] = {}
    for epoch in range(2400):
        order = tuple(_core.permutation(4, seed=0, epoch=epoch).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 24
    chi_squared = sum((c - 100) ** 2 / 100 for c in counts.values())
    assert chi_squared < 60  # 23 degrees of freedom: exceeded once in 30,000 seeds
