"""A network's weights or biases as a list of arrays, and what is assigned to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Parameters(list[NDArray[Any]]):
    """Live views of a network's weights or biases, layer by layer: what is assigned is copied in.

    >>> import nncore
    >>> net = nncore.Network([2, 1])
    >>> net.weights[0] = [[1.0, -1.0]]
    >>> net.weights[0] *= 3
    >>> net.weights
    [array([[ 3., -3.]], dtype=float32)]
    """

    def __setitem__(self, index: Any, value: Any) -> None:
        many = isinstance(index, slice)
        copy_in(list(self[index]) if many else [self[index]], value if many else [value])


def copy_in(views: list[NDArray[Any]], arrays: Iterable[Any]) -> None:
    """Copies arrays into views of the same shapes; nothing is copied unless all fit."""
    expected = [view.shape for view in views]
    try:
        values = [np.asarray(array) for array in arrays]
    except (TypeError, ValueError) as error:  # not iterable, or rows of different lengths
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"expected arrays of the shapes {expected}: {error}") from None
    if [value.shape for value in values] != expected:
        found = [value.shape for value in values]
        raise ValueError(f"expected arrays of the shapes {expected}, got {found}")
    for i, (view, value) in enumerate(zip(views, values, strict=True)):
        if value.dtype.kind not in "biuf":
            raise TypeError(f"expected arrays of real numbers, got dtype {value.dtype}")
        with np.errstate(over="ignore"):
            values[i] = value.astype(view.dtype)
        if not np.isfinite(values[i]).all():
            raise ValueError(f"expected finite numbers in {view.dtype}, got NaN or infinity")
    for view, value in zip(views, values, strict=True):
        view[...] = value
