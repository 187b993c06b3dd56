"""The hand that wrote a row: how thick its strokes are, and how the row lies."""

from __future__ import annotations

import numpy as np

from .mnist_form import BOX, FloatImage, cut_out
from .paper import spread

THIN, THICK = 1.6, 5.0
"""The strokes of MNIST's digits, in twentieths of their height."""


STEEP = 0.08
"""The least slope of a row that is levelled: less may come from the digits' own shapes."""


def stroke_width(ink: FloatImage) -> float:
    """The mean width of strokes in pixels: twice their area for the length of their outline."""
    mask = np.pad(ink > 0.4 * ink.max(), 1)
    outline = sum(int((mask != np.roll(mask, 1, axis)).sum()) for axis in (0, 1))
    return 2.5 * int(mask.sum()) / max(outline, 1)


def even_strokes(ink: FloatImage) -> FloatImage:
    """`ink` with strokes that are neither thinner nor thicker than MNIST's, in large pictures."""
    unit = len(ink) / BOX
    width = stroke_width(ink)
    more = (THIN * unit - width) / 2
    less = (width - THICK * unit) / 2
    if more >= 0.75:
        reach = round(more)
        return spread(np.pad(ink, reach), reach)
    if less >= 0.75:
        thinner: FloatImage = -spread(-ink, round(less))
        if thinner.any():
            return cut_out(thinner)
    return ink


def upright(ink: FloatImage) -> FloatImage:
    """`ink` of a long row with its line brought level, by moving columns up or down."""
    height, width = ink.shape
    if width < 2.2 * height:
        return ink
    x = np.arange(width) - (width - 1) / 2
    mass = ink.sum(axis=0)
    middles = (np.arange(height) @ ink)[mass > 0] / mass[mass > 0]
    x, mass = x[mass > 0], mass[mass > 0]
    x = x - np.average(x, weights=mass)
    slope = float((mass * x * middles).sum() / (mass * x * x).sum())
    if abs(slope) < STEEP:
        return ink
    moves = np.round(-slope * (np.arange(width) - (width - 1) / 2)).astype(int)
    moves -= moves.min()
    level = np.zeros((height + int(moves.max()), width), np.float32)
    for column, move in enumerate(moves):
        level[move : move + height, column] = ink[:, column]
    return cut_out(level)
