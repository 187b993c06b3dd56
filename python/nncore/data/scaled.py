"""Arrays of bytes and half floats that are scaled as they are read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore._support.checks import real


class Scaled:
    """Rows (n, inputs) of uint8 or float16, each element e standing for e * scale + offset.

    `fit`, `predict` and the others take one as x, and never expand it as a whole: a mini-batch at a
    time becomes numbers of the network's dtype, each rounded once. The array is not copied where
    its rows are contiguous.

    Raises:
        TypeError: another dtype.
        ValueError: another number of dimensions, or a scale or offset that is not finite.

    >>> import numpy as np
    >>> x = Scaled(np.array([[0, 51, 255]], np.uint8), scale=1 / 255)
    >>> x.shape
    (1, 3)
    >>> np.asarray(x)
    array([[0. , 0.2, 1. ]])
    """

    def __init__(self, array: ArrayLike, scale: float = 1 / 255, offset: float = 0.0) -> None:
        self.array: NDArray[Any] = np.asarray(array)
        if self.array.dtype not in (np.uint8, np.float16):
            raise TypeError(f"expected an array of uint8 or float16, got {self.array.dtype}")
        if self.array.ndim != 2:
            raise ValueError(f"expected an array (n, inputs), got shape {self.array.shape}")
        largest = float(np.finfo(np.float64).max)
        self.scale = real("scale", scale, low=-largest)
        self.offset = real("offset", offset, low=-largest)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, inputs)."""
        return self.array.shape

    @property
    def _nncore_scaled(self) -> tuple[NDArray[Any], float, float]:
        return self.array, self.scale, self.offset

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, rows: Any) -> Scaled:
        """Some of the rows: a slice is a view, as with arrays."""
        return Scaled(self.array[rows], self.scale, self.offset)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of it as numbers, which nncore itself never asks for."""
        numbers = self.array.astype(np.float64) * self.scale + self.offset
        return numbers if dtype is None else numbers.astype(dtype)

    def __repr__(self) -> str:
        return f"Scaled({self.shape}, {self.array.dtype}, scale={self.scale}, offset={self.offset})"
