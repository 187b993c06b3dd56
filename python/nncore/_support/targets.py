"""Whether a network's outputs can reach the targets that it is to learn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore import _core

_REACH = {
    "sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, math.inf),
    "softplus": (0.0, math.inf),
    "exponential": (0.0, math.inf),
    "elu": (-1.0, math.inf),
    "selu": (-1.7581, math.inf),
    "gelu": (-0.17, math.inf),
    "gelu_tanh": (-0.1701, math.inf),
    "silu": (-0.2785, math.inf),
    "mish": (-0.3089, math.inf),
    "relu6": (0.0, 6.0),
}
"""The lowest and the highest value of activations that have an end. Costs of softmax outputs check
their targets themselves."""
_ROUNDING = 1e-6
"""How far beyond the ends a scaler's rounding may leave targets."""


def out_of_reach(net: _core.Network, y: NDArray[Any]) -> str | None:
    """What is wrong with the first of the targets (n,) or (n, k) that no output can come near.

    None if there is no such target.
    """
    output = net.activations[-1]
    if output not in _REACH or y.size == 0 or net.cost == "custom":  # whose targets may be anything
        return None
    low, high = _REACH[output]
    if y.min() >= low - _ROUNDING and y.max() <= high + _ROUNDING:
        return None
    beyond = np.argwhere((y < low - _ROUNDING) | (y > high + _ROUNDING))
    if len(beyond) == 0:  # somebody has changed y since
        return None
    at = tuple(beyond[0])
    several = y.ndim > 1 and y.shape[1] > 1
    place = f"row {at[0]}, column {at[1]}" if several else f"row {at[0]}"
    value = float(y[at])
    reach = f"{low:g} to {high:g}" if math.isfinite(high) else f"{low:g} and more"
    advice = "take output_activation='linear' for numbers"
    if output == "sigmoid" and np.isin(y, (-1, 1)).all():
        advice = f"take output_activation='tanh' for -1 and 1, or labels 0 and 1; {advice}"
    if math.isfinite(high):
        advice += f", or scale y to {low:g} to {high:g}"
    return f"y has {value:g} in {place}; {output} outputs reach {reach}: {advice}"


def has_upper_end(net: _core.Network) -> bool:
    """Whether the outputs are bounded, so that they miss targets beyond by any distance."""
    return math.isfinite(_REACH.get(net.activations[-1], (0.0, math.inf))[1])
