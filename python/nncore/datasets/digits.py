"""Digits that look handwritten, drawn on the spot: no files, no network.

A digit is a few pen strokes. For every image their control points are shaken, the curves are
bent, slanted, stretched, turned and moved, and then inked with a pen of a width of its own.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import integer
from nncore.datasets._types import Dataset, Split

_SIDE = 28  # pixels
_BLOCK = 200  # images drawn from one random generator and inked together
_SEGMENTS = 72  # straight pieces that a digit's strokes are cut into

# Ways to write each digit: control points "x,y" on a 100 x 100 sheet, y downwards. A stroke is a
# smooth curve through its points; "/" turns a sharp corner, "|" lifts the pen.
_GLYPHS: tuple[tuple[str, ...], ...] = (
    (
        "56,3 24,13 9,50 24,89 52,98 80,86 92,49 79,13 54,3",
        "64,9 36,4 12,36 15,76 46,98 80,78 88,36 68,7 46,12",
        "48,4 22,26 16,66 40,97 72,84 82,40 66,8 40,6",
    ),
    (
        "50,0 50,33 50,66 50,100",
        "60,0 53,35 47,68 40,100",
        "28,24 54,0 / 53,50 52,100",
        "30,20 52,0 / 52,50 50,98 | 24,99 50,97 80,99",
    ),
    (
        "12,24 36,2 70,7 78,32 54,62 12,97 / 48,94 92,97",
        "16,22 44,1 76,15 69,46 38,80 14,92 13,78 32,76 58,92 92,92",
        "14,14 46,3 78,20 66,52 40,78 8,98 / 50,88 90,94",
    ),
    (
        "15,12 46,0 76,15 66,38 36,47 / 72,52 86,76 56,99 12,88",
        "15,4 46,5 80,4 / 62,22 42,42 / 76,50 84,79 50,100 12,88",
        "16,16 46,0 74,18 62,40 44,46 54,49 82,66 66,95 34,98 12,84",
    ),
    (
        "26,2 18,28 12,54 / 50,57 90,51 | 72,6 68,50 64,100",
        "64,0 36,34 10,66 / 50,66 94,64 | 65,0 64,50 62,100",
        "22,4 22,38 32,54 58,54 80,36 | 82,2 78,50 70,100",
        "60,2 32,34 10,60 / 48,62 86,58 | 62,32 60,66 58,100",
    ),
    (
        "84,4 56,6 28,4 / 25,24 22,44 / 55,38 84,62 66,95 12,92",
        "26,6 24,26 22,46 / 54,36 84,64 60,98 12,90 | 26,6 56,5 88,2",
        "84,8 52,6 34,16 32,42 62,50 80,72 54,98 14,90",
    ),
    (
        "70,2 34,26 14,66 36,98 74,90 80,62 50,51 18,72",
        "58,0 30,38 16,76 42,100 72,84 62,60 36,64 18,82",
        "78,8 44,14 18,56 32,96 72,94 82,68 54,54 24,74",
    ),
    (
        "12,6 48,7 86,4 / 62,44 44,100",
        "12,8 48,6 84,6 / 60,50 46,100 | 34,54 56,50 82,50",
        "12,22 15,6 / 50,8 86,5 / 62,36 52,66 50,100",
        "10,12 44,4 80,10 76,40 56,70 40,100",
    ),
    (
        "74,13 44,0 23,22 48,46 77,72 50,100 20,78 44,50 74,26 76,12",
        "50,2 24,20 48,46 76,22 52,2 | 48,47 16,74 48,99 82,74 52,46",
        "78,16 52,0 28,18 44,42 72,66 58,98 28,92 30,64 60,42 80,18",
    ),
    (
        "76,22 48,2 20,24 36,50 68,40 78,16 / 76,58 68,100",
        "78,22 50,0 20,25 42,52 76,26 / 82,68 56,100 22,90",
        "72,10 42,6 20,32 42,50 70,32 76,12 / 70,54 54,100",
    ),
)


class _Shapes(NamedTuple):
    """All glyphs, stacked: `basis @ control` is the path of the pen."""

    basis: NDArray[np.float32]  # (glyphs, _SEGMENTS + 1, points)
    control: NDArray[np.float32]  # (glyphs, points, 2), on a sheet from -1 to 1
    pen: NDArray[np.float32]  # (glyphs, _SEGMENTS), 0 where the pen is lifted
    first: NDArray[np.int64]  # (11,), digit d has the glyphs first[d] to first[d + 1] - 1


@cache
def _shapes() -> _Shapes:
    texts = [text for variants in _GLYPHS for text in variants]
    points = max(text.count(",") for text in texts)
    basis = np.zeros((len(texts), _SEGMENTS + 1, points), np.float32)
    control = np.zeros((len(texts), points, 2), np.float32)
    pen = np.ones((len(texts), _SEGMENTS), np.float32)
    for g, text in enumerate(texts):
        marks, strokes = _parse(text)
        control[g, : len(marks)] = marks
        lengths = [np.hypot(*np.diff(control[g, stroke], axis=0).T).sum() for stroke in strokes]
        ends = np.rint(np.cumsum(lengths) / np.sum(lengths) * (_SEGMENTS + 1)).astype(int)
        for stroke, start, end in zip(strokes, [0, *ends], ends, strict=False):
            basis[g, start:end] = _curve(stroke, end - start, points)
            pen[g, end - 1 : end] = 0  # the way from this stroke's end to the next one's start
    first = np.cumsum([0, *map(len, _GLYPHS)])
    return _Shapes(basis, control, pen, first)


def _parse(text: str) -> tuple[list[tuple[float, float]], list[list[int]]]:
    """The control points of a glyph, and for each stroke the indices of its points."""
    marks: list[tuple[float, float]] = []
    strokes: list[list[int]] = [[]]
    for token in text.split():
        if token == "|":
            strokes.append([])
        elif token == "/":
            strokes.append([strokes[-1][-1]])
        else:
            x, y = token.split(",")
            strokes[-1].append(len(marks))
            marks.append((float(x) / 50 - 1, float(y) / 50 - 1))
    return marks, strokes


def _curve(stroke: list[int], samples: int, points: int) -> NDArray[np.float32]:
    """Weights (samples, points) of the Catmull-Rom spline through the points of `stroke`."""
    t = np.linspace(0, len(stroke) - 1, samples)
    span = np.minimum(t.astype(int), len(stroke) - 2)
    t -= span
    cubics = (
        (-t + 2 * t**2 - t**3) / 2,
        (2 - 5 * t**2 + 3 * t**3) / 2,
        (t + 4 * t**2 - 3 * t**3) / 2,
        (-(t**2) + t**3) / 2,
    )
    weights = np.zeros((samples, points), np.float32)
    for offset, cubic in enumerate(cubics, start=-1):
        column = np.take(stroke, span + offset, mode="clip")
        np.add.at(weights, (np.arange(samples), column), cubic)
    return weights


def make_digits(n: int, seed: int = 0) -> Split:
    """Draw `n` digits in MNIST's shape: 28 x 28 pixels, 256 grey levels, ink 1 on paper 0.

    The same `seed` gives the same images, and fewer of them are the first of more. Every block
    of 200 images holds each digit 20 times, in random order.

    Returns `x` (n, 784) float32 in [0, 1] and `y` (n,) int64. Raises ValueError where `n` or
    `seed` is negative, TypeError where one is not an integer.
    """
    return _draw(n, seed, part=0)


def load_digits(
    n_train: int = 50_000, n_validation: int = 10_000, n_test: int = 10_000, seed: int = 0
) -> Dataset:
    """Draw a data set like MNIST's; the training images are `make_digits(n_train, seed)`.

    The three parts are independent: changing the size of one leaves the others as they were.
    Raises as `make_digits` does.
    """
    counts = (n_train, n_validation, n_test)
    return Dataset(*(_draw(n, seed, part) for part, n in enumerate(counts)))


def _draw(n: int, seed: int, part: int) -> Split:
    n = integer("the number of digits", n, low=0)
    seed = integer("seed", seed, low=0)
    x = np.empty((n, _SIDE * _SIDE), np.float32)
    y = np.empty(n, np.int64)
    for block, start in enumerate(range(0, n, _BLOCK)):
        rng = np.random.default_rng([seed, part, block])
        digits = rng.permutation(np.arange(_BLOCK) % 10)
        images = _ink(*_write(digits, rng))
        rows = slice(start, min(start + _BLOCK, n))
        x[rows] = images[: n - start]
        y[rows] = digits[: n - start]
    return Split(x, y)


def _write(
    digits: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Move the pen: the middles of its segments (n, 2, _SEGMENTS), x before y, their lengths
    (n, _SEGMENTS) and the pen's radius (n, 1), all in pixels.
    """
    n = len(digits)

    def normal(scale: float, *shape: int) -> NDArray[np.float32]:
        values = rng.standard_normal((n, *(shape or (1,))), np.float32)
        values *= scale
        return values

    shapes = _shapes()
    first, end = shapes.first[digits], shapes.first[digits + 1]
    glyph = rng.integers(first, end)
    control = shapes.control[glyph]
    path = shapes.basis[glyph] @ (control + normal(0.085, *control.shape[1:]))
    x, y = path[:, :, 0], path[:, :, 1]
    x = x + normal(0.09) * np.sin(2.5 * y + normal(2))
    y = y + normal(0.09) * np.sin(2.5 * x + normal(2))
    x = x * 0.75 * np.exp(normal(0.17)) + (normal(0.25) - 0.2) * y
    turn = normal(0.11)
    x, y = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y

    length = np.hypot(np.diff(x), np.diff(y)) * shapes.pen[glyph]
    xy = np.stack(((x[:, 1:] + x[:, :-1]) / 2, (y[:, 1:] + y[:, :-1]) / 2), axis=1)
    # As in MNIST, the larger side fills about 20 pixels (the pen's width comes on top of the
    # path's) and the centre of the ink lies near the middle of the image.
    scale = (18.5 + normal(1.2)) / np.ptp(xy, axis=2).max(axis=1, keepdims=True)
    xy -= (xy * length[:, None]).sum(axis=2, keepdims=True) / length.sum(axis=1)[:, None, None]
    xy *= scale[:, :, None]
    xy += (_SIDE - 1) / 2 + normal(1.0, 2, 1)
    radius: NDArray[np.float32] = np.clip(1.2 * np.exp(normal(0.25)), 0.75, 1.8)
    return xy, length * scale, radius


def _ink(
    xy: NDArray[np.float32], length: NDArray[np.float32], radius: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Draw along segments (as `_write` gives them): images (n, 784) of 256 grey levels.

    Every segment leaves a Gaussian blot weighted by its length. Blots along a line add up to a
    ridge of height 1 that falls to 1/2 at the pen's radius; the edge of the ink is there. A
    Gaussian is a product of one in x and one in y, so the sum over segments is a matrix product.
    """
    sigma = radius / np.float32(np.sqrt(2 * np.log(2)))
    unit = np.float32(np.sqrt(0.5)) / sigma[:, :, None, None]
    pixels = np.arange(_SIDE, dtype=np.float32)[:, None]
    blots = xy[:, :, None] * unit - pixels * unit  # (n, 2, _SIDE, _SEGMENTS)
    np.square(blots, out=blots)
    np.negative(blots, out=blots)
    np.exp(blots, out=blots)
    across, down = blots[:, 0], blots[:, 1]
    across *= (length / (sigma * np.float32(np.sqrt(2 * np.pi))))[:, None]
    ink = down @ across.transpose(0, 2, 1)
    # A slope of one grey range over about a pixel and a half gives smooth edges; any slope above
    # 1 makes paper that no pen has touched exactly 0.
    slope = np.maximum(1.1 * radius, 1.05)[:, :, None]
    ink = np.clip((ink - 0.5) * slope + 0.5, 0, 1)
    grey: NDArray[np.float32] = np.rint(ink * 255) / np.float32(255)
    return grey.reshape(-1, _SIDE * _SIDE)
