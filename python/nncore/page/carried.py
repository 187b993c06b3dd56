"""The digits that a page carries to train on, in four grey levels."""

from __future__ import annotations

import gzip

import numpy as np
from numpy.typing import NDArray

from nncore.datasets import Split, load_mnist, make_digits

MOST = 3_000

LEVELS = 3
"""The darkest of the grey levels: they are 0 to 3, two bits a pixel."""


class CarriedDigits:
    """The first images of a data set, and the Python expression that gives them."""

    def __init__(self, split: Split, source: str) -> None:
        self.x, self.y = split.x[:MOST], split.y[:MOST]
        self.source = source
        self._pixels = _pixels(self.x)

    @classmethod
    def of(cls, source: str) -> CarriedDigits:
        """Of "digits", which nncore draws, "mnist", or a directory with files like MNIST's.

        Raises as `nncore.datasets.load` does.
        """
        if source == "digits":
            return cls(make_digits(MOST, seed=1), f"nncore.datasets.make_digits({MOST}, seed=1)")
        where = "" if source == "mnist" else repr(source)
        found = load_mnist() if source == "mnist" else load_mnist(source)
        return cls(found.train, f"nncore.datasets.load_mnist({where}).train")

    def fitting(self, size: int) -> int:
        """About how many of them fit into so many bytes, compressed."""
        each = len(gzip.compress(self._pixels.tobytes(), 9)) / max(len(self.y), 1)
        return max(0, min(len(self.y), int(size / (each + 1)))) // 50 * 50

    def packed(self, count: int) -> bytes:
        """The first `count`, four pixels a byte, the first one lowest; then a byte a label."""
        return self._pixels[:count].tobytes() + self.y[:count].astype(np.uint8).tobytes()


def _pixels(x: NDArray[np.float32]) -> NDArray[np.uint8]:
    grey = np.rint(x * LEVELS).astype(np.uint8).reshape(len(x), -1, 4)
    return grey @ np.array([1, 4, 16, 64], np.uint8)
