"""The hand that wrote a row: how thick its strokes are, and how the row lies."""

from __future__ import annotations

import numpy as np

from .mnist_form import BOX, FloatImage, cut_out, resize
from .paper import spread

THIN, THICK = 1.6, 5.0
"""The strokes of MNIST's digits, in twentieths of their height."""


LONG = 2.2
"""How long for its height a row is, at least, that says how it lies and how it is slanted."""

STEEP = 0.08
"""The least slope of a row that is levelled: less may come from the digits' own shapes."""

SLANT = 0.26
"""Columns a row by which MNIST's digits lean to the right, in the mean over rows of digits."""

FINE, APART, FARTHEST = 26, 2, 4
"""The height at which slant is measured, between rows so far apart, up to so many columns."""

TOO_SLANTED = 0.2
"""The least difference from `SLANT` that is set right: the digits' own shapes differ by less."""


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
    if width < LONG * height:
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


def unslanted(ink: FloatImage) -> FloatImage:
    """`ink` of a long row with the slant of MNIST's digits, by moving rows to the side."""
    height, width = ink.shape
    if width < LONG * height:
        return ink
    excess = _slant(ink) - SLANT
    if abs(excess) < TOO_SLANTED:
        return ink
    moves = excess * (np.arange(height) - (height - 1) / 2)
    moves -= moves.min()
    straight = np.zeros((height, width + int(moves.max()) + 2), np.float32)
    for line, row, move in zip(straight, ink, moves, strict=True):
        whole, part = int(move), np.float32(move % 1)
        line[whole : whole + width] += (1 - part) * row
        line[whole + 1 : whole + 1 + width] += part * row
    return cut_out(straight)


def _slant(ink: FloatImage) -> float:
    """By how many columns a row strokes lean to the right: what shift makes rows most alike."""
    width = max(1, round(ink.shape[1] * FINE / len(ink)))
    fine = np.pad(np.clip(resize(ink, FINE, width), 0, 1), ((0, 0), (FARTHEST, FARTHEST)))
    shifts = np.arange(-FARTHEST, FARTHEST + 1)
    alike = np.array([(fine[:-APART] * np.roll(fine, s, 1)[APART:]).sum() for s in shifts])
    alike = np.maximum(alike - np.median(alike), 0) ** 2
    return float(shifts @ alike / alike.sum() / APART) if alike.any() else SLANT
