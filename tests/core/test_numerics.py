"""Extreme numbers: activations do not overflow, non-finite data is refused, parameters survive.

pytest turns every warning into an error here (pyproject.toml).
"""

from __future__ import annotations

import numpy as np
import pytest

import reference
from networks import hidden_activations, make_network, make_problem, parameter_digest
from nncore import _core

EXTREMES = np.array([0.0, 1e-30, 1e-4, 1.0, 20.0, 88.0, 90.0, 710.0, 1e4, 1e30])
Z = np.concatenate([-EXTREMES[::-1], EXTREMES])


def identity_network(activations: list[str], cost: str, dtype: str) -> _core.Network:
    net = _core.Network([1] * (len(activations) + 1), activations, cost=cost, dtype=dtype)
    for w, b in zip(_core.weight_views(net), _core.bias_views(net), strict=True):
        w[...], b[...] = 1.0, 0.0
    return net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*hidden_activations(), "step"])
def test_activations_at_extreme_inputs(name: str, dtype: str) -> None:
    net = identity_network([name, "linear"], "quadratic", dtype)
    z = Z if name != "exponential" else Z[Z < 80]
    a = net.hidden_activations(z[:, None])[0].ravel()
    assert np.isfinite(a).all()
    with np.errstate(all="ignore"):
        expected = reference.ACTIVATIONS[name][0](z.astype(dtype).astype(float))
    rtol = 1e-12 if dtype == "float64" else 1e-5
    atol = 1e-300 if dtype == "float64" else 1e-35  # far tails may be flushed to zero
    np.testing.assert_allclose(a, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", [*hidden_activations(), "step"])
def test_output_range_is_what_an_activation_reaches(name: str) -> None:
    z = np.concatenate([np.linspace(-8, 8, 160_001), [-1e5, 1e5]])
    a = identity_network([name, "linear"], "quadratic", "float64").hidden_activations(z[:, None])[0]
    low, high = _core.output_range(name)
    assert a.min() < -500 if low == -np.inf else a.min() == pytest.approx(low, abs=1e-9)
    assert a.max() > 500 if high == np.inf else a.max() == pytest.approx(high, abs=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", hidden_activations())
def test_activation_derivatives_at_extreme_inputs(name: str, dtype: str) -> None:
    net = identity_network([name, "linear"], "mean_absolute", dtype)
    z = Z if name != "exponential" else Z[Z < 80]
    data = _core.Dataset(net, z[:, None], np.full((len(z), 1), -1e31))
    slope = _core.input_gradient(net, data).ravel()
    assert np.isfinite(slope).all()
    with np.errstate(all="ignore"):
        expected = reference.ACTIVATIONS[name][1](z.astype(dtype).astype(float))
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=4 * eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("cost", "output"), [("cross_entropy", "sigmoid"), ("log_likelihood", "softmax")]
)
def test_costs_of_confident_mistakes_are_finite(cost: str, output: str, dtype: str) -> None:
    """The cost is computed from z. At |z| = 1e4 it is about 1e4, not infinity."""
    net = _core.Network([2, 2], [output], cost=cost, dtype=dtype)
    _core.weight_views(net)[0][...], _core.bias_views(net)[0][...] = np.eye(2), 0.0
    x = np.array([[1e4, -1e4], [-1e4, 1e4]])
    wrong = _core.Dataset(net, x, np.array([1, 0]))
    right = _core.Dataset(net, x, np.array([0, 1]))
    assert _core.evaluate(net, wrong)[0] == pytest.approx(2e4, rel=1e-6)
    assert _core.evaluate(net, right)[0] == pytest.approx(0.0, abs=1e-30)
    value, nabla_w, nabla_b = _core.gradients(net, wrong)
    assert value == pytest.approx(2e4, rel=1e-6)
    assert all(np.isfinite(g).all() for g in nabla_w + nabla_b)
    assert np.abs(nabla_w[0]).max() == pytest.approx(1e4, rel=1e-6)


def test_softmax_is_a_distribution_at_extreme_inputs() -> None:
    net = _core.Network([3, 3], ["softmax"], cost="log_likelihood", dtype="float64")
    _core.weight_views(net)[0][...], _core.bias_views(net)[0][...] = np.eye(3), 0.0
    a = net.feedforward([[1e30, -1e30, 0], [1e4, 1e4, -1e4], [-1e30] * 3, [0, 0, 0]])
    assert np.isfinite(a).all()
    np.testing.assert_allclose(a.sum(axis=1), 1.0)
    np.testing.assert_allclose(a[1], [0.5, 0.5, 0.0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["x", "y"])
def test_non_finite_data_is_refused(where: str, bad: float) -> None:
    net = make_network([5, 4, 3], ["tanh", "linear"])
    x, y = make_problem(net, 9)
    (x if where == "x" else y)[6, 2] = bad
    with pytest.raises(ValueError, match=rf"(?s)\b{where}\b.*row 6.*column 2"):
        _core.Dataset(net, x, y)
    x, y = make_problem(net, 9)
    with pytest.raises(ValueError, match=r"sample.weight"):
        _core.Dataset(net, x, y, np.where(np.arange(9) == 4, bad, 1.0))


@pytest.mark.filterwarnings("ignore:predict gives the index")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_prediction_refuses_non_finite_data(bad: float) -> None:
    net = make_network([5, 4, 3], ["tanh", "linear"])
    x = np.ones((4, 5))
    x[2, 3] = bad
    for call in (net.feedforward, net.predict, net.hidden_activations):
        with pytest.raises(ValueError, match=r"(?s)\bx\b.*row 2.*column 3"):
            call(x)


def test_non_finite_sparse_data_is_refused() -> None:
    csr_matrix = pytest.importorskip("scipy.sparse").csr_matrix
    net = make_network([5, 4, 3], ["tanh", "linear"])
    x, y = make_problem(net, 9)
    x[6, 2] = np.nan
    with pytest.raises(ValueError, match=r"(?s)\bx\b.*row 6.*column 2"):
        _core.Dataset(net, csr_matrix(x), y)


def test_numbers_beyond_float32_are_refused_by_a_float32_network() -> None:
    net = make_network([2, 1], ["linear"], dtype="float32")
    with pytest.raises(ValueError, match=r"(?s)\bx\b.*row 0.*column 1"):
        _core.Dataset(net, np.array([[1.0, 1e39]]), np.zeros((1, 1)))
    assert len(_core.Dataset(net, np.array([[1.0, 3e38]]), np.zeros((1, 1)))) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_divergence_names_the_epoch_and_keeps_finite_parameters(optimizer: str, dtype: str) -> None:
    net = make_network([3, 4, 1], ["relu", "linear"], dtype=dtype)
    x, y = make_problem(net, 40)
    data = _core.Dataset(net, x * 10, y)
    trainer = _core.Trainer(net, batch_size=1, optimizer=optimizer)
    net.epoch = 5
    before = parameter_digest(net)
    with pytest.raises(_core.DivergenceError, match=r"epoch 5\b"):
        trainer.epoch(data, None, learning_rate=1e6)
    assert net.all_finite()
    assert parameter_digest(net) == before
    assert np.isfinite(net.feedforward(x)).all()


def test_all_finite_notices_nan() -> None:
    net = make_network([3, 4, 1], ["relu", "linear"])
    assert net.all_finite()
    _core.weight_views(net)[1][0, 2] = np.nan
    assert not net.all_finite()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("output", ["softmax", "sigmoid", "relu"])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_row_gives_the_same_output_alone_and_in_a_batch(
    layer: int, output: str, dtype: str, bad: float
) -> None:
    """The product of a single row skips its zeros. 0 times NaN would be NaN."""
    cost = {"softmax": "log_likelihood"}.get(output, "quadratic")
    net = make_network([30, 40, 20, 5], ["relu", "relu", output], cost, dtype)
    rng = np.random.default_rng(1)
    x = rng.random((300, 30)) * (rng.random((300, 30)) < 0.7)
    hidden = [x, *net.hidden_activations(x)][layer]
    unit = int(np.argmin(np.abs((hidden == 0).mean(axis=0) - 0.5)))  # zero in half of the rows
    _core.weight_views(net)[layer][1, unit] = bad
    alone = np.array([net.feedforward(row) for row in x])
    assert np.isfinite(alone).all(axis=1).any(), "no row has a zero there: nothing is shown"
    for n in (2, 3, 17, 300):
        np.testing.assert_array_equal(net.feedforward(x[:n]), alone[:n])
        np.testing.assert_array_equal(net.feedforward(x[-n:]), alone[-n:])


def test_a_mini_batch_of_weight_zero_changes_nothing() -> None:
    net = make_network([3, 4, 1], ["tanh", "linear"])
    x, y = make_problem(net, 6)
    data = _core.Dataset(net, x, y, np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0]))
    before = parameter_digest(net)
    trainer = _core.Trainer(net, batch_size=3)
    assert trainer.epoch(data, np.array([0, 1, 2]), learning_rate=0.1) == 0.0
    assert parameter_digest(net) == before
    cost = trainer.epoch(data, None, learning_rate=0.1)
    assert np.isfinite(cost)
    assert net.all_finite()
    assert parameter_digest(net) != before
