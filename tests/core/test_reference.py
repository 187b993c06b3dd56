"""The reference itself: its gradients by finite differences, its numbers by the book."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import reference

PAIRINGS = [
    *[("quadratic", a) for a in reference.ACTIVATIONS if a not in ("step", "softmax")],
    ("cross_entropy", "sigmoid"),
    ("log_likelihood", "softmax"),
    ("mean_absolute", "linear"),
    ("huber", "tanh"),
    ("poisson", "exponential"),
    ("poisson", "softplus"),
    ("pinball", "linear"),
    ("gaussian", "linear"),
    ("focal", "softmax"),
    ("binary_focal", "sigmoid"),
]


@pytest.mark.parametrize(("cost", "output"), PAIRINGS)
def test_gradients_agree_with_finite_differences(cost: str, output: str) -> None:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(4, 3)) * 0.5, rng.normal(size=(2, 4)) * 0.5]
    biases = [rng.normal(size=4), rng.normal(size=2)]
    hidden = output if cost == "quadratic" else "tanh"
    net = reference.Network(weights, biases, [hidden, output], cost)
    x, y = rng.normal(size=(5, 3)), np.eye(2)[[0, 1, 1, 0, 1]]
    y = y[:, :1] if cost == "gaussian" else y  # a mean and a variance each
    weight = np.array([1.0, 0.0, 2.0, 0.5, 3.0])
    nabla_w, nabla_b = net.backprop(x, y, weight)
    parameters = [*net.weights, *net.biases]
    for p, gradient in zip(parameters, nabla_w + nabla_b, strict=True):
        numeric = central_differences(p, lambda: net.mean_cost(x, y, weight))
        np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-8)
    numeric = central_differences(x, lambda: net.row_costs(x, y).sum())
    np.testing.assert_allclose(net.input_gradient(x, y), numeric, rtol=1e-6, atol=1e-8)


def central_differences(p: np.ndarray, cost: Callable[[], float], h: float = 1e-5) -> np.ndarray:
    gradient = np.empty_like(p)
    for index in np.ndindex(p.shape):
        kept = p[index]
        p[index] = kept + h
        above = cost()
        p[index] = kept - h
        gradient[index] = (above - cost()) / (2 * h)
        p[index] = kept
    return gradient


def test_one_neuron_computed_by_hand() -> None:
    """The book's toy neuron: input 1, weight 0.6, bias 0.9, target 0, output 0.82."""
    net = reference.Network([[[0.6]]], [[0.9]], ["sigmoid"])
    x, y = np.ones((1, 1)), np.zeros((1, 1))
    assert net.feedforward(x)[0, 0] == pytest.approx(0.82, abs=0.005)
    a = net.feedforward(x)[0, 0]
    net.update_mini_batch(x, y, eta=0.15)
    assert net.weights[0][0, 0] == pytest.approx(0.6 - 0.15 * a * a * (1 - a))
    assert net.biases[0][0] == pytest.approx(0.9 - 0.15 * a * a * (1 - a))


def test_an_epoch_includes_the_short_last_mini_batch() -> None:
    order = np.arange(10)
    assert [len(rows) for rows in reference.mini_batches(order, 4)] == [4, 4, 2]


STEPS_AT_GRADIENT_ONE = {
    "sgd": (-0.1, -0.1),
    "momentum": (-0.1, -0.19),
    "nesterov": (-0.19, -0.271),
    "rmsprop": (-0.1 / 0.1**0.5, -0.1 / 0.19**0.5),
    "adagrad": (-0.1, -0.1 / 2**0.5),
    "adam": (-0.1, -0.1),
    "adamw": (-0.1, -0.1),
}


@pytest.mark.parametrize("name", sorted(reference.OPTIMIZERS))
def test_first_two_optimizer_steps_computed_by_hand(name: str) -> None:
    p, optimizer = [np.zeros(1)], reference.OPTIMIZERS[name]()
    for expected in STEPS_AT_GRADIENT_ONE[name]:
        before = p[0][0]
        optimizer.update(p, [np.ones(1)], eta=0.1)
        assert p[0][0] - before == pytest.approx(expected, rel=1e-6)
