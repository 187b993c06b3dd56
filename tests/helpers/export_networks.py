"""Networks for the tests of export, and comparison of what comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import nncore
from nncore import _core

COSTS = {"softmax": "log_likelihood", "exponential": "poisson", "sigmoid": "cross_entropy"}


def network(activation: str, dtype: str = "float32", sizes: Any = (6, 5, 4, 3)) -> nncore.Network:
    """All layers have that activation, if hidden layers may have it. Biases are not zero."""
    hidden = activation if activation not in ("softmax", "exponential") else "tanh"
    net = nncore.Network(
        sizes,
        activation=hidden,
        output_activation=activation,
        cost=COSTS.get(activation, "quadratic"),
        dtype=dtype,
        seed=7,
    )
    rng = np.random.default_rng(7)
    net.biases = [rng.normal(size=b.shape) for b in net.biases]
    return net


def rows(net: nncore.Network, n: int = 40) -> NDArray[Any]:
    """Inputs large enough to reach every part of an activation."""
    return (2 * np.random.default_rng(8).normal(size=(n, net.sizes[0]))).astype(net.dtype)


def error(found: Any, expected: Any) -> float:
    """The largest difference: relative where the expected value exceeds 1, else absolute."""
    assert np.shape(found) == np.shape(expected)
    return float(np.max(np.abs(np.subtract(found, expected)) / np.maximum(1.0, np.abs(expected))))


def assert_same(a: nncore.Network, b: nncore.Network) -> None:
    """Asserts that sizes, activations, dtype and the bits of all parameters are equal."""
    assert (a.sizes, a.activations, a.dtype) == (b.sizes, b.activations, b.dtype)
    for p, q in zip(a.weights + a.biases, b.weights + b.biases, strict=True):
        np.testing.assert_array_equal(p, q)


ACTIVATIONS = list(_core.ACTIVATIONS)
