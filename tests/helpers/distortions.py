"""Distortions of images as `nncore.augment` describes them, written for clarity in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_DISTORTION = 4
_MASK = 0xFFFFFFFF


def philox(key: int, counter: list[int]) -> list[int]:
    """Philox4x32-10 (Salmon et al., 2011)."""
    k0, k1 = key & _MASK, key >> 32
    c = list(counter)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [p1 >> 32 ^ c[1] ^ k0, p1 & _MASK, p0 >> 32 ^ c[3] ^ k1, p0 & _MASK]
        k0, k1 = (k0 + 0x9E3779B9) & _MASK, (k1 + 0xBB67AE85) & _MASK
    return c


class Words:
    """The random words of one row for one use: 0 numbers, 1 nodes, 2 noise."""

    def __init__(self, seed: int, epoch: int, row: int) -> None:
        self.key = (seed ^ (epoch >> 32) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        self.epoch, self.row = epoch & _MASK, row

    def __call__(self, use: int, count: int) -> list[int]:
        words: list[int] = []
        for block in range(-(-count // 4)):
            number = (self.row << 28) + block
            high = _DISTORTION << 28 | use
            words += philox(self.key, [number & _MASK, number >> 32, self.epoch, high])
        return words[:count]

    def signed(self, use: int, count: int) -> Array:
        """Numbers in [-1, 1)."""
        words = np.array(self(use, count), np.uint32).view(np.int32)
        return words * 2.0**-31


def distort(
    image: Array,
    words: Words,
    *,
    alpha: float = 0.0,
    sigma: float = 6.0,
    rotation: float = 0.0,
    scaling: float = 0.0,
    shear: float = 0.0,
    shift: float = 0.0,
    thinner: float = 0.0,
    thicker: float = 0.0,
    noise: float = 0.0,
    fill: float | None = 0.0,
) -> Array:
    """An image (height, width, channels); without a fill its edges go on outside."""
    u = words.signed(0, 7)
    image = _thickened(image, u[6] * (thicker if u[6] > 0 else thinner), fill)
    forward = _rotation(np.deg2rad(rotation * u[0]))
    forward = forward @ np.array([[1, shear * u[3]], [0, 1]])
    forward = forward @ np.diag([1 + scaling * u[1], 1 + scaling * u[2]])
    backward = np.linalg.inv(forward)
    height, width, _ = image.shape
    dx, dy = _field(words, height, width, sigma) * alpha
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    out = np.empty_like(image)
    for r in range(height):
        for c in range(width):
            x, y = backward @ (np.array([c, r]) - centre - shift * u[4:6]) + centre
            out[r, c] = _sample(image, y + dy[r, c], x + dx[r, c], fill)
    if noise:
        drawn = np.array(words(2, image.size), np.uint32).view(np.uint8).reshape(-1, 4)
        sums = drawn.sum(axis=1, dtype=np.int64) - 510
        out += noise * sums.reshape(image.shape) / np.sqrt(4 * (256**2 - 1) / 12)
    return out


def _rotation(angle: float) -> Array:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _at(image: Array, r: int, c: int, fill: float | None) -> Array:
    height, width, channels = image.shape
    if fill is not None and not (0 <= r < height and 0 <= c < width):
        return np.full(channels, fill)
    found: Array = image[min(max(r, 0), height - 1), min(max(c, 0), width - 1)]
    return found


def _sample(image: Array, y: float, x: float, fill: float | None) -> Array:
    r, c = int(np.floor(y)), int(np.floor(x))
    a, b = y - r, x - c
    above = (1 - b) * _at(image, r, c, fill) + b * _at(image, r, c + 1, fill)
    below = (1 - b) * _at(image, r + 1, c, fill) + b * _at(image, r + 1, c + 1, fill)
    return (1 - a) * above + a * below


def _thickened(image: Array, thickness: float, fill: float | None) -> Array:
    extreme = np.max if thickness > 0 else np.min
    left = abs(thickness)
    while left > 0:
        part = min(left, 1.0)
        other = np.empty_like(image)
        for r, c in np.ndindex(*image.shape[:2]):
            around = ((r, c), (r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1))
            other[r, c] = extreme([_at(image, *place, fill) for place in around], axis=0)
        image = (1 - part) * image + part * other
        left -= 1
    return image


def _field(words: Words, height: int, width: int, sigma: float) -> Array:
    """Displacements (x and y, height, width) for an alpha of 1."""

    def gaussian(pixels: int) -> Array:
        nodes = (np.arange(int((pixels - 1) / sigma) + 10) - 4) * sigma
        apart = np.arange(pixels)[:, None] - nodes
        first = np.floor(np.arange(pixels) / sigma)[:, None]
        felt = (np.arange(len(nodes)) >= first) & (np.arange(len(nodes)) < first + 10)
        density = np.exp(-(apart**2) / (2 * sigma**2)) / np.sqrt(2 * np.pi * sigma**2)
        return np.where(felt, density, 0) * np.sqrt(sigma)

    rows, columns = gaussian(height), gaussian(width)
    n = rows.shape[1] * columns.shape[1]
    nodes = words.signed(1, 2 * n).reshape(2, rows.shape[1], columns.shape[1])
    return rows @ nodes @ columns.T
