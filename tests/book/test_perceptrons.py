"""The book's perceptrons: step networks with given parameters, and the bitwise-output exercise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import reference
from nncore import _core

TWO_BITS = np.array(list(itertools.product([0.0, 1.0], repeat=2)))


def with_parameters(
    net: _core.Network, layers: list[tuple[list[list[float]], list[float]]]
) -> None:
    for w, b, (weights, biases) in zip(
        _core.weight_views(net), _core.bias_views(net), layers, strict=True
    ):
        w[...], b[...] = weights, biases


def nand_gate(dtype: str = "float32") -> _core.Network:
    """The book's gate: weights -2, -2 and an overall bias of 3."""
    net = _core.Network([2, 1], ["step"], dtype=dtype)
    with_parameters(net, [([[-2, -2]], [3])])
    return net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nand_gate(dtype: str) -> None:
    net = nand_gate(dtype)
    assert net.feedforward(TWO_BITS).ravel().tolist() == [1.0, 1.0, 1.0, 0.0]
    assert net.predict(TWO_BITS).tolist() == [1, 1, 1, 0]
    assert [net.feedforward(row)[0] for row in TWO_BITS] == [1.0, 1.0, 1.0, 0.0]


def test_a_perceptron_at_its_threshold_outputs_zero() -> None:
    """The output is 1 if w.x + b > 0. At 0 it is 0."""
    net = _core.Network([1, 1], ["step"], dtype="float64")
    with_parameters(net, [([[1]], [-1])])
    x = np.array([[1.0], [np.nextafter(1.0, 2.0)], [np.nextafter(1.0, 0.0)]])
    assert net.feedforward(x).ravel().tolist() == [0.0, 1.0, 0.0]


def test_adder_wired_from_nand_gates() -> None:
    """The book's circuit: five gates give the bitwise sum and the carry."""
    gate = nand_gate()

    def nand(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return gate.feedforward(np.column_stack([p, q]))[:, 0]

    x1, x2 = TWO_BITS.T
    left = nand(x1, x2)
    total = nand(nand(x1, left), nand(x2, left))
    carry = nand(left, left)
    assert (2 * carry + total).tolist() == (x1 + x2).tolist()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_adder_as_one_layered_network(dtype: str) -> None:
    """A bit that skips a layer passes through a perceptron of its own."""
    net = _core.Network([2, 3, 3, 2], ["step"] * 3, dtype=dtype)
    with_parameters(
        net,
        [
            ([[1, 0], [-2, -2], [0, 1]], [-0.5, 3, -0.5]),  # x1, x1 NAND x2, x2
            ([[-2, -2, 0], [0, -4, 0], [0, -2, -2]], [3, 3, 3]),  # NAND, carry, NAND
            ([[-2, 0, -2], [0, 1, 0]], [3, -0.5]),  # sum, carry
        ],
    )
    total, carry = net.feedforward(TWO_BITS).T
    assert (2 * carry + total).tolist() == TWO_BITS.sum(axis=1).tolist()
    ref = reference.Network(_core.weight_views(net), _core.bias_views(net), net.activations)
    assert np.array_equal(net.feedforward(TWO_BITS), ref.feedforward(TWO_BITS))


@pytest.mark.parametrize("activations", [["step"], ["step", "sigmoid"], ["sigmoid", "step"]])
def test_training_a_step_network_is_refused(activations: list[str]) -> None:
    sizes = [2, 3, 1][-len(activations) - 1 :]
    net = _core.Network(sizes, activations)
    _core.initialize(net, ["normal"] * len(activations))
    before = [np.array(w) for w in _core.weight_views(net)]
    assert not _core.is_trainable("step")
    with pytest.raises(ValueError, match=r"step.*(slope|derivative|gradient)"):
        _core.Trainer(net, batch_size=1)
    data = _core.Dataset(net, np.ones((4, sizes[0])), np.ones((4, 1)))
    with pytest.raises(ValueError, match=r"step.*(slope|derivative|gradient)"):
        _core.gradients(net, data)
    assert np.isfinite(_core.evaluate(net, data)[0])
    for old, w in zip(before, _core.weight_views(net), strict=True):
        assert np.array_equal(old, w)


def test_bitwise_output_layer() -> None:
    """Ten outputs become four bits. The correct output is at least 0.99, the others below 0.01."""
    digits = np.arange(10)
    bits = (digits[:, None] >> np.arange(4)) & 1
    net = _core.Network([10, 4], ["sigmoid"])
    with_parameters(net, [((20 * bits.T - 10).tolist(), [0] * 4)])
    rng = np.random.default_rng(0)
    old_output = rng.uniform(0.0, 0.01, (1000, 10))
    shown = np.arange(1000) % 10
    old_output[np.arange(1000), shown] = rng.uniform(0.99, 1.0, 1000)
    new_output = net.feedforward(old_output)
    assert np.abs(new_output - bits[shown]).max() < 0.01
    assert ((new_output > 0.5) @ (1 << np.arange(4)) == shown).all()
