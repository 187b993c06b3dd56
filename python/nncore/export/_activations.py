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

_COSTS = {"softmax": "log_likelihood", "sigmoid": "cross_entropy", "exponential": "poisson"}


def natural_cost(output_activation: str) -> str:
    """The cost that goes with an output activation, for models that name none."""
    return _COSTS.get(output_activation, "quadratic")


def identify(function: Callable[[Array], Any], dtype: Any = np.float32) -> str | None:
    """The name of the activation that `function` computes, None where nncore has no such one.

    `function` takes a layer's weighted inputs, (rows, units) of the dtype, and gives as many
    activations. It is asked at 2 x 300 places from -60 to 60; 1e-5 tells nncore's activations
    from one another and from their usual relatives, such as gelu's approximation by tanh.
    """
    try:
        with np.errstate(all="ignore"):
            found = np.asarray(function(probe().astype(dtype)))
    except Exception:  # other people's code, asked about other shapes than it was written for
        return None
    for name in _core.ACTIVATIONS:
        expected = _values(name)
        if found.shape == expected.shape and np.allclose(found, expected, rtol=1e-5, atol=1e-5):
            return name
    return None


@lru_cache(1)
def probe() -> Array:
    """Weighted inputs of two units, (300, 2), exact in float32; 0 is among them."""
    wide, near = np.linspace(-60, 60, 101), np.linspace(-6, 6, 199)
    z = np.concatenate([wide, near]).astype(np.float32)
    return np.stack([z, np.random.default_rng(0).permutation(z)], axis=1)


@lru_cache(None)
def _values(activation: str) -> Array:
    net = Network(
        [2, 2],
        output_activation=activation,
        cost=natural_cost(activation),
        initializer=([np.eye(2)], [np.zeros(2)]),
        dtype="float64",
    )
    return net.feedforward(probe())
