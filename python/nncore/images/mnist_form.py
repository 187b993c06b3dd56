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
    box = np.array([[0, digit.shape[0], 0, digit.shape[1]]])
    form: FloatImage = mnist_forms(digit[None], box)[0]
    return form


def mnist_forms(images: FloatImage, boxes: NDArray[np.int64]) -> FloatImage:
    """What lies in the boxes, top, bottom, left and right, of images (n, height, width)."""
    if not len(boxes):
        return np.zeros((0, FIELD, FIELD), np.float32)
    tall, wide = boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]
    scale = BOX / np.maximum(tall, wide)
    down, across = [], []
    new = np.maximum(np.rint(np.stack([tall, wide]) * scale), 1).astype(np.int64)
    for (top, bottom, left, right), rows, columns in zip(
        boxes.tolist(), *new.tolist(), strict=True
    ):
        down.append(_laid(bottom - top, rows, top, images.shape[1]))
        across.append(_laid(right - left, columns, left, images.shape[2]))
    digits = np.stack(down) @ images @ np.stack(across).transpose(0, 2, 1)
    np.maximum(digits, 0, out=digits)
    digits /= digits.max(axis=(1, 2), keepdims=True)  # a thin pen grows faint when scaled down
    return _centre(digits, new)


@lru_cache(maxsize=8192)
def _laid(old: int, new: int, start: int, width: int) -> FloatImage:
    """`weights`, for pixels that begin at `start` of `width`, (20, width)."""
    laid = np.zeros((BOX, width), np.float32)
    laid[:new, start : start + old] = weights(old, new)
    return laid


def cut_out(ink: FloatImage) -> FloatImage:
    """What lies within the smallest box around all ink."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def resize(image: FloatImage, height: int, width: int) -> FloatImage:
    """Resamples with a cubic filter, which is as wide as an old or a new pixel, the wider one."""
    down, across = weights(image.shape[0], height), weights(image.shape[1], width)
    resized: FloatImage = down @ image @ across.T
    return resized


@lru_cache(maxsize=512)
def weights(old: int, new: int) -> FloatImage:
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


def _centre(digits: FloatImage, sizes: NDArray[np.int64]) -> FloatImage:
    """Digits (n, 20, 20) of sizes (2, n) laid into fields, (n, 28, 28).

    Their centres of mass are on pixel (14, 14), where there is room.
    """
    at = np.arange(BOX, dtype=np.float32)
    whole = digits.sum(axis=(1, 2))
    masses = digits.sum(axis=2) @ at / whole, digits.sum(axis=1) @ at / whole
    top, left = (
        np.clip(np.rint(FIELD / 2 - mass).astype(np.int64), 0, FIELD - size)
        for mass, size in zip(masses, sizes, strict=True)
    )
    padded = np.pad(digits, ((0, 0), (0, FIELD - BOX), (0, FIELD - BOX)))
    y, x = (np.arange(FIELD) - start[:, None] for start in (top, left))  # -1 is a zero, too
    fields: FloatImage = padded[np.arange(len(digits))[:, None, None], y[:, :, None], x[:, None, :]]
    return fields
