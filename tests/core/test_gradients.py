"""Finite differences, in float64, for every activation, cost and penalty that the core has."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import reference
from networks import hidden_activations, legal_pairings, make_network, make_problem, outputs_for
from nncore import _core

H = 1e-5
TOLERANCE = 1e-7

# What the core must have. If it loses a name, these tests must not lose it silently.
EXPECTED_HIDDEN = {
    "sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "linear",
    "selu", "relu6", "mish", "gelu_tanh",
}  # fmt: skip
EXPECTED_PAIRINGS = {
    ("quadratic", "sigmoid"),
    ("quadratic", "linear"),
    ("cross_entropy", "sigmoid"),
    ("log_likelihood", "softmax"),
    ("mean_absolute", "linear"),
    ("huber", "linear"),
    ("poisson", "exponential"),
    ("pinball", "linear"),
    ("gaussian", "linear"),
    ("focal", "softmax"),
    ("binary_focal", "sigmoid"),
}


def test_the_lists_of_activations_costs_and_optimizers_are_complete() -> None:
    assert set(hidden_activations()) >= EXPECTED_HIDDEN
    assert set(legal_pairings()) >= EXPECTED_PAIRINGS
    assert set(_core.ACTIVATIONS) <= set(reference.ACTIVATIONS)
    assert set(_core.COSTS) == set(reference.COSTS)
    assert set(_core.OPTIMIZERS) == set(reference.OPTIMIZERS)


def finite_differences(p: np.ndarray, cost: Callable[[], float]) -> np.ndarray:
    """Central differences of cost() with respect to each element of p."""
    gradient = np.empty(p.shape)
    for index in np.ndindex(p.shape):
        kept = p[index]
        p[index] = kept + H
        above = cost()
        p[index] = kept - H
        gradient[index] = (above - cost()) / (2 * H)
        p[index] = kept
    return gradient


def assert_close(found: np.ndarray, numeric: np.ndarray) -> None:
    scale = np.abs(numeric).max()
    assert scale > 1e-4, "a gradient of zero proves nothing"
    assert found.shape == numeric.shape
    assert np.abs(found - numeric).max() <= TOLERANCE * max(scale, 1.0)


def check_gradients(net: _core.Network) -> None:
    x, y = make_problem(net, 5)
    weight = np.array([1.0, 0.5, 2.0, 0.0, 1.5])
    data = _core.Dataset(net, x, y, weight)
    _, nabla_w, nabla_b = _core.gradients(net, data)
    for p, found in zip(
        _core.weight_views(net) + _core.bias_views(net), nabla_w + nabla_b, strict=True
    ):
        assert_close(found, finite_differences(p, lambda: _core.gradients(net, data)[0]))
    assert_close(
        _core.input_gradient(net, _core.Dataset(net, x, y)),
        finite_differences(x, lambda: len(x) * _core.gradients(net, _core.Dataset(net, x, y))[0]),
    )


@pytest.mark.parametrize(("cost", "output"), legal_pairings())
def test_every_pairing_of_cost_and_output_activation(cost: str, output: str) -> None:
    check_gradients(make_network([4, 3, 2], ["tanh", output], cost))


@pytest.mark.parametrize("hidden", hidden_activations())
@pytest.mark.parametrize(
    ("cost", "output"), [("quadratic", "linear"), ("log_likelihood", "softmax")]
)
def test_every_hidden_activation(hidden: str, cost: str, output: str) -> None:
    check_gradients(make_network([4, 5, 3, 2], [hidden, hidden, output], cost))


def test_no_hidden_layer_and_six_layers() -> None:
    check_gradients(make_network([3, 2], ["sigmoid"]))
    check_gradients(make_network([3, 4, 3, 4, 3, 4, 2], ["tanh"] * 5 + ["sigmoid"]))


@pytest.mark.parametrize("penalty", [{"l2": 0.7}, {"l1": 0.3}, {"l2": 0.5, "l1": 0.2}], ids=str)
@pytest.mark.parametrize(("cost", "output"), legal_pairings())
def test_penalties(cost: str, output: str, penalty: dict[str, float]) -> None:
    """One full-batch step at rate 1 is the gradient. It is compared with the epoch's own cost."""
    net = make_network([3, 4, outputs_for(cost, 5)], ["tanh", output], cost)
    x, y = make_problem(net, 5)
    data = _core.Dataset(net, x, y)
    parameters = _core.weight_views(net) + _core.bias_views(net)
    start = [np.array(p) for p in parameters]

    def cost_and_step() -> float:
        trainer = _core.Trainer(net, batch_size=5, **penalty)
        return trainer.epoch(data, None, learning_rate=1.0, penalty_rows=20, cost_with_penalty=True)

    def cost_only() -> float:
        kept = [np.array(p) for p in parameters]
        value = cost_and_step()
        for p, old in zip(parameters, kept, strict=True):
            p[...] = old
        return value

    cost_and_step()
    steps = [old - p for p, old in zip(parameters, start, strict=True)]
    for p, old in zip(parameters, start, strict=True):
        p[...] = old
    for p, found in zip(parameters, steps, strict=True):
        assert_close(found, finite_differences(p, cost_only))
