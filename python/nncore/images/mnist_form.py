"""A digit's ink brought into the form of MNIST's images."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FIELD = 28
BOX = 20
"""MNIST's digits fill a box of 20 by 20 pixels in a field of 28 by 28."""

FloatImage = NDArray[np.float32]


def mnist_form(ink: FloatImage) -> FloatImage:
    """The digit (28, 28) in [0, 1] of `ink`, light on dark, of any size and not all zero.

    It is cut out, scaled with its aspect kept so that its longer side is 20 pixels, and laid into
    28 x 28 with its centre of mass at the centre, as MNIST's images were made.
    """
    digit = cut_out(ink)
    scale = BOX / max(digit.shape)
    height, width = (max(1, round(length * scale)) for length in digit.shape)
    digit = np.clip(resize(digit, height, width), 0, None)
    digit /= digit.max()  # a thin pen grows faint when scaled down
    return _centre(digit)


def cut_out(ink: FloatImage) -> FloatImage:
    """What lies within the smallest box around all ink."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def resize(image: FloatImage, height: int, width: int) -> FloatImage:
    """Resamples with a cubic filter, which is as wide as an old or a new pixel, the wider one."""
    down, across = _weights(image.shape[0], height), _weights(image.shape[1], width)
    resized: FloatImage = down @ image @ across.T
    return resized


@lru_cache(maxsize=512)
def _weights(old: int, new: int) -> FloatImage:
    """What each of `old` pixels gives to each of `new`, (new, old)."""
    if old == new:
        return np.eye(old, dtype=np.float32)
    scale = old / new
    centres = (np.arange(new) + 0.5) * scale - 0.5
    distance = np.abs(np.arange(old) - centres[:, None]) / max(scale, 1)
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights.astype(np.float32)


def _centre(digit: FloatImage) -> FloatImage:
    """Lays a digit into the field, its centre of mass on pixel (14, 14) where there is room."""
    field = np.zeros((FIELD, FIELD), np.float32)
    corner = []
    for axis in (0, 1):
        profile = digit.sum(axis=1 - axis)
        mass = float(profile @ np.arange(profile.size, dtype=np.float32) / profile.sum())
        corner.append(min(max(round(FIELD / 2 - mass), 0), FIELD - profile.size))
    top, left = corner
    field[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return field
