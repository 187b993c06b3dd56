"""Temperature scaling: one number by which logits are divided, so that probabilities hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import _core
from nncore._support.classes import as_columns, as_weights

if TYPE_CHECKING:
    from nncore._model import Model

Floats = NDArray[np.float64]

_HALVINGS = 60
_LARGEST = 6.0
"""Temperatures are from exp(-_LARGEST) to exp(_LARGEST)."""


def calibrate(net: Model, x: Any, y: ArrayLike, sample_weight: ArrayLike | None) -> float:
    """See `nncore.Network.calibrate`."""
    output = net.activations[-1]
    if output not in ("softmax", "sigmoid"):
        raise ValueError(
            f"calibrate needs outputs that are probabilities, softmax or sigmoid, not {output}"
        )
    logits = type(net)(
        net.sizes,
        activation=list(net.activations[:-1]),
        output_activation="linear",
        dtype=net.dtype,
        initializer=(net.weights, net.biases),
    ).feedforward(x)
    truth, _ = as_columns(y, net.sizes[-1])
    if len(truth) != len(logits):
        raise ValueError(f"x has {len(logits)} rows and y has {len(truth)}")
    weight = as_weights(sample_weight, len(truth))
    temperature = fitted_temperature(logits.astype(np.float64), truth, weight, output == "softmax")
    with _core.Session(net):
        for last in (net.weights[-1], net.biases[-1]):
            last /= temperature
    return temperature


def fitted_temperature(
    logits: Floats, truth: NDArray[np.bool_], weight: Floats, softmax: bool
) -> float:
    """The temperature of least log-loss (Guo et al. 2017).

    `logits` and `truth` are (n, k), `weight` (n,). It is found as if one more row had every class
    in equal parts, so that rows which are all right do not make what is said certain.
    """
    even = 1 / logits.shape[1] if softmax else 0.5
    more = 1 / (len(logits) + 1)
    wanted = (1 - more) * truth + more * even

    def slope(log_temperature: float) -> float:
        """Falls as the temperature rises, for the loss is convex in its inverse."""
        z = logits * np.exp(-log_temperature)
        if softmax:
            power = np.exp(z - z.max(axis=1, keepdims=True))
            found = power / power.sum(axis=1, keepdims=True)
        else:
            found = 0.5 * (1 + np.tanh(z / 2))
        return float(np.average(((found - wanted) * logits).sum(axis=1), weights=weight))

    low, high = -_LARGEST, _LARGEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if slope(middle) > 0:
            low = middle
        else:
            high = middle
    return float(np.exp((low + high) / 2))
