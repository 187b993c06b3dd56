"""The core agrees with the NumPy reference, from the same parameters and in the same order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reference
from networks import (
    assert_same_parameters,
    hidden_activations,
    legal_pairings,
    make_network,
    make_problem,
    outputs_for,
    relative,
    twin,
)
from nncore import _core

TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
ROWS = 23
SIZES = [
    [1, 1],
    [2, 1],
    [7, 17, 3],
    [33, 1, 2],
    [17, 33, 7, 2],
    [784, 10],
    [5, 7, 6, 5, 4, 3, 2],
]


def as_layout(x: np.ndarray, layout: str) -> Any:
    if layout == "csr":
        return pytest.importorskip("scipy.sparse").csr_matrix(x)
    return x


def compare_epochs(
    net: _core.Network,
    *,
    batch_size: int,
    learning_rate: float = 0.5,
    layout: str = "dense",
    rows: int = ROWS,
    optimizer: str = "sgd",
    sample_weight: np.ndarray | None = None,
    penalty_rows: int = 0,
    **options: float,
) -> None:
    """Three epochs in both. The parameters must change, and must agree in the end."""
    x, y = make_problem(net, rows)
    ref, start = twin(net), twin(net)
    data = _core.Dataset(net, as_layout(x.astype(net.dtype), layout), y, sample_weight)
    trainer = _core.Trainer(net, batch_size=batch_size, optimizer=optimizer, **options)
    ref_optimizer = reference.OPTIMIZERS[optimizer](**_core.OPTIMIZERS[optimizer])
    tolerance = TOLERANCE[net.dtype.name]
    for epoch in range(3):
        order = _core.permutation(rows, seed=3, epoch=epoch)
        cost = trainer.epoch(
            data,
            order,
            learning_rate=learning_rate,
            penalty_rows=penalty_rows,
            penalty_by_mini_batch=penalty_rows == 0,
            cost_with_penalty=True,
        )
        expected = ref.epoch(
            x, y, order, batch_size, learning_rate, ref_optimizer,
            n=penalty_rows or None, sample_weight=sample_weight, **options,
        )  # fmt: skip
        assert cost == pytest.approx(expected, rel=tolerance)
    assert_same_parameters(net, ref, tolerance)
    for before, after in zip(start.weights, ref.weights, strict=True):
        assert relative(before, after) > 10 * tolerance, "nothing was learned: nothing was compared"


@pytest.mark.parametrize("layout", ["dense", "csr"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("batch_size", [1, 7, ROWS, 50])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_three_epochs(sizes: list[int], batch_size: int, dtype: str, layout: str) -> None:
    net = make_network(sizes, ["tanh"] * (len(sizes) - 2) + ["sigmoid"], dtype=dtype)
    compare_epochs(net, batch_size=batch_size, layout=layout)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("hidden", hidden_activations())
def test_three_epochs_of_every_hidden_activation(hidden: str, dtype: str) -> None:
    net = make_network([17, 9, 33, 2], [hidden, hidden, "linear"], dtype=dtype)
    compare_epochs(net, batch_size=7, learning_rate=0.01)


ENDS = [(cost, output, 3) for cost, output in legal_pairings()]
ENDS += [(*pairing, 1) for pairing in legal_pairings() if "softmax" not in pairing]  # always 1


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("cost", "output", "outputs"), ENDS)
def test_three_epochs_of_every_pairing(cost: str, output: str, outputs: int, dtype: str) -> None:
    net = make_network([7, 17, outputs_for(cost, outputs)], ["tanh", output], cost, dtype)
    compare_epochs(net, batch_size=7, learning_rate=0.05)


@pytest.mark.parametrize("layout", ["dense", "csr"])
def test_sample_weights(layout: str) -> None:
    weight = np.random.default_rng(5).exponential(size=ROWS)
    weight[[0, 4, 11]] = 0.0
    net = make_network([7, 17, 3], ["tanh", "sigmoid"])
    compare_epochs(net, batch_size=6, layout=layout, sample_weight=weight)


PENALTIES: list[dict[str, float]] = [
    {"l2": 3.0},
    {"l1": 0.7},
    {"l2": 2.0, "l1": 0.4},
    {"clip_value": 0.01},
    {"clip_norm": 0.05},
    {"clip_value": 0.02, "clip_norm": 0.05, "l2": 1.0},
    {"max_norm": 0.8},
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("options", PENALTIES, ids=str)
def test_regularisation(options: dict[str, float], dtype: str) -> None:
    net = make_network([7, 17, 3], ["tanh", "sigmoid"], dtype=dtype)
    compare_epochs(net, batch_size=7, penalty_rows=ROWS, **options)


@pytest.mark.parametrize("options", [{}, {"l2": 2.0}, {"clip_norm": 0.1}], ids=str)
@pytest.mark.parametrize("optimizer", _core.OPTIMIZERS)
def test_three_epochs_of_every_optimizer(optimizer: str, options: dict[str, float]) -> None:
    net = make_network([7, 17, 3], ["tanh", "sigmoid"])
    compare_epochs(
        net, batch_size=7, learning_rate=0.02, optimizer=optimizer, penalty_rows=ROWS, **options
    )


@pytest.mark.parametrize("layout", ["dense", "csr"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_outputs_cost_and_gradients(sizes: list[int], dtype: str, layout: str) -> None:
    net = make_network(sizes, ["tanh"] * (len(sizes) - 2) + ["sigmoid"], dtype=dtype)
    ref, tolerance = twin(net), TOLERANCE[dtype]
    x, y = make_problem(net, ROWS)
    rows = as_layout(x.astype(dtype), layout)
    data = _core.Dataset(net, rows, y)
    assert relative(net.feedforward(rows), ref.feedforward(x)) <= tolerance
    for found, expected in zip(net.hidden_activations(rows), ref.forward(x)[1][1:], strict=True):
        assert relative(found, expected) <= tolerance
    cost, nabla_w, nabla_b = _core.gradients(net, data)
    assert cost == pytest.approx(ref.mean_cost(x, y), rel=tolerance)
    assert _core.evaluate(net, data)[0] == pytest.approx(cost, rel=tolerance)
    ref_w, ref_b = ref.backprop(x, y)
    for found, expected in zip(nabla_w + nabla_b, ref_w + ref_b, strict=True):
        assert relative(found, expected) <= tolerance
    assert relative(_core.input_gradient(net, data), ref.input_gradient(x, y)) <= tolerance


@pytest.mark.parametrize("sizes", [[7, 4], [7, 17, 3]], ids=str)
def test_integer_labels_train_like_one_hot_targets(sizes: list[int]) -> None:
    """Integer labels train like their one-hot rows, bit for bit. They also give the accuracy."""
    net = make_network(sizes, ["sigmoid"] * (len(sizes) - 1))
    other = make_network(sizes, ["sigmoid"] * (len(sizes) - 1))
    x, _ = make_problem(net, ROWS)
    labels = np.arange(ROWS) % sizes[-1]
    by_label = _core.Dataset(net, x, labels)
    by_target = _core.Dataset(other, x, np.eye(sizes[-1])[labels])
    assert by_label.has_classes
    assert by_target.has_classes
    for network, data in ((net, by_label), (other, by_target)):
        _core.Trainer(network, batch_size=5).epoch(data, None, learning_rate=0.5)
    for a, b in zip(_core.weight_views(net), _core.weight_views(other), strict=True):
        assert a.tobytes() == b.tobytes()
    accuracy = _core.evaluate(net, by_label)[1]
    assert accuracy == pytest.approx((net.feedforward(x).argmax(axis=1) == labels).mean())
    assert accuracy == _core.evaluate(net, by_target)[1]
