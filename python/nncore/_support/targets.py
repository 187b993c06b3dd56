"""Whether a network's outputs can reach the targets that it is to learn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore import _core


def out_of_reach(net: _core.Network, y: NDArray[Any]) -> str | None:
    """What is wrong with the first of the targets (n,) or (n, k) that no output can come near.

    None if there is no such target.
    """
    output = net.activations[-1]
    # A cost of the program's own may take anything; that of softmax outputs checks its targets.
    if y.size == 0 or net.cost == "custom" or output == "softmax":
        return None
    low, high = _core.output_range(output)
    lowest, highest = low - _core.TARGET_ROUNDING, high + _core.TARGET_ROUNDING
    if low == -math.inf or (y.min() >= lowest and y.max() <= highest):
        return None
    beyond = np.argwhere((y < lowest) | (y > highest))
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
    return math.isfinite(_core.output_range(net.activations[-1])[1])
