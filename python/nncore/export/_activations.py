"""Activations are recognised by what they compute: names and ways of writing them vary."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore.network import Network

Array = NDArray[Any]

_STRAIGHT, _FAR = ("linear", "relu", "leaky_relu", "relu6"), 1e4
"""Activations that others cut off far away: these are asked at so many times larger places."""
LOG_SOFTMAX = "log_softmax"
"""No activation of nncore's, but outputs whose exponential is softmax."""
_COSTS = {"softmax": "log_likelihood", "sigmoid": "cross_entropy", "exponential": "poisson"}


def natural_cost(output_activation: str) -> str:
    """The cost that goes with an output activation, for models that name none."""
    return _COSTS.get(output_activation, "quadratic")


def identify(function: Callable[[Array], Any], dtype: Any = np.float32) -> str | None:
    """The name of the activation that `function` computes, None where nncore has no such one.

    `function` takes a layer's weighted inputs, (rows, units) of the dtype, and gives as many
    activations. It is asked at 2 x 300 places from -60 to 60; 1e-5 tells nncore's activations
    from one another and from their usual relatives. LOG_SOFTMAX is recognised too.
    """
    found = _ask(function, probe(), dtype)
    if found is None:
        return None
    for name in _core.ACTIVATIONS:
        if _equal(found, _values(name)):
            far = name not in _STRAIGHT or _equal(
                _ask(function, _FAR * probe(), dtype), _values(name, _FAR)
            )
            return name if far else None
    with np.errstate(over="ignore"):  # some give -inf where a probability is 0 in float32
        return LOG_SOFTMAX if _equal(np.exp(found), _values("softmax")) else None


def relative(function: Callable[[Array], Any]) -> str:
    """Which activation of nncore's differs from `function` by a constant only, and what helps.

    Empty where there is none.
    """
    slope = _ask(function, np.full((1, 2), -1.0))
    if slope is None or slope.shape != (1, 2):
        return ""
    z, found = probe(), _ask(function, probe())
    leak, alpha = -float(slope[0, 0]), float(slope[0, 0]) / np.expm1(-1.0)
    if _equal(found, np.where(z > 0, z, leak * z)):
        return (
            f"; it is leaky_relu with slope {leak:.6g}, and nncore's slope is 0.01: train it with "
            "that slope, or with relu or silu"
        )
    if _equal(found, np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))):
        return (
            f"; it is elu with alpha {alpha:.6g}, and nncore's alpha is 1: train it with that "
            "alpha, or with selu or silu"
        )
    return ""


def _ask(function: Callable[[Array], Any], z: Array, dtype: Any = np.float32) -> Array | None:
    try:
        with np.errstate(all="ignore"):
            return np.asarray(function(z.astype(dtype)))
    except Exception:  # other people's code, asked about other shapes than it was written for
        return None


def _equal(found: Array | None, expected: Array) -> bool:
    if found is None or found.shape != expected.shape:
        return False
    return np.allclose(found, expected, rtol=1e-5, atol=1e-5)


@lru_cache(1)
def probe() -> Array:
    """Weighted inputs of two units, (300, 2), exact in float32; 0 is among them."""
    wide, near = np.linspace(-60, 60, 101), np.linspace(-6, 6, 199)
    z = np.concatenate([wide, near]).astype(np.float32)
    return np.stack([z, np.random.default_rng(0).permutation(z)], axis=1)


@lru_cache(None)
def _values(activation: str, factor: float = 1) -> Array:
    net = Network(
        [2, 2],
        output_activation=activation,
        cost=natural_cost(activation),
        initializer=([np.eye(2)], [np.zeros(2)]),
        dtype="float64",
    )
    return net.feedforward(factor * probe())
