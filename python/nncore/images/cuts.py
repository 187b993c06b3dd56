"""Where a row of digits may be cut: paths from top to bottom that cross little ink."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .mnist_form import FloatImage


class Cuts(NamedTuple):
    """Paths from left to right, by the mean of their columns; some cross others."""

    columns: NDArray[np.int64]
    """(cuts, height): the first column to the right of each path."""
    crossed: FloatImage
    """(cuts,): the ink that each path crosses, in pixels."""


ANCHORS = (0.3, 0.5, 0.7)
"""The rows through which seams are led, as shares of the height."""

STIFF, SUPPLE = np.float32(0.5), np.float32(0.1)
"""What a seam pays for a step aside, in pixels of ink: a stiff one cuts straight through a stroke,
a supple one is for going around all ink."""

SLOPES = (-0.25, 0.0, 0.25)
"""Columns a row of the straight cuts."""

FREE = 0.1
"""The ink, in pixels, that a seam around all ink may cross."""

SAME = 0.25
"""The least ink between two paths that both are kept, in pixels for the height."""


def find_cuts(ink: FloatImage, spacing: float) -> Cuts:
    """Seams, which go around ink, and straight lines, each the best of its neighbours.

    A neighbour is up to `spacing` columns away. The first and the last run outside of all ink.
    """
    height, width = ink.shape
    ink = np.pad(ink, ((0, 0), (1, 1)))
    outside = np.full((1, height), 0), np.full((1, height), width + 1)
    paths = np.concatenate([_straight(ink, spacing), _seams(ink, spacing)])
    crossed = np.take_along_axis(ink.T, paths, axis=0).sum(axis=1)
    paths = np.concatenate([*outside, paths[np.argsort(crossed, kind="stable")]])
    columns = _different(paths, ink)
    columns = columns[np.argsort(columns.sum(axis=1), kind="stable")]
    crossed = np.take_along_axis(ink.T, columns, axis=0).sum(axis=1, dtype=np.float32)
    return Cuts(np.clip(columns - 1, 0, width), crossed)


def _straight(ink: FloatImage, spacing: float) -> NDArray[np.int64]:
    height, width = ink.shape
    y = np.arange(height) - (height - 1) / 2
    found = []
    for slope in SLOPES:
        lines = np.arange(width)[:, None] + np.round(slope * y).astype(np.int64)
        lines = np.clip(lines, 0, width - 1)
        cost = ink[np.arange(height), lines].sum(axis=1)
        found.append(lines[_valleys(cost, spacing)])
    return np.concatenate(found)


def _seams(ink: FloatImage, spacing: float) -> NDArray[np.int64]:
    """The cheapest paths through the columns of a few rows."""
    found = set()
    for sidestep in (STIFF, SUPPLE):
        for anchor in ANCHORS:
            middle = int(anchor * len(ink))
            up, up_steps = _descend(ink[middle::-1], sidestep)
            down, down_steps = _descend(ink[middle:], sidestep)
            for start in _valleys(up + down - ink[middle], spacing):
                above, below = _follow(start, up_steps), _follow(start, down_steps)
                path = *above[::-1], *below[1:]
                if sidestep == STIFF or ink[np.arange(len(ink)), path].sum() < FREE:
                    found.add(path)
    return np.array(sorted(found), np.int64)


def _different(columns: NDArray[np.int64], ink: FloatImage) -> NDArray[np.int64]:
    """The paths without those that part the ink as an earlier one does."""
    before = np.pad(ink.cumsum(axis=1), ((0, 0), (1, 0)))  # the ink to the left of each column
    left = np.take_along_axis(before, columns.T, axis=1).T
    kept = [0, 1]
    for k in range(2, len(columns)):
        if np.abs(left[k] - left[kept]).sum(axis=1).min() >= SAME * len(ink):
            kept.append(k)
    return columns[kept]


def _descend(ink: FloatImage, sidestep: np.float32) -> tuple[FloatImage, NDArray[np.int64]]:
    """From each column of the first row to the last row: the cost, and the step at each row."""
    height, width = ink.shape
    cost = ink[-1].copy()
    steps = np.zeros((height - 1, width), np.int64)
    for y in range(height - 2, -1, -1):
        left = np.concatenate(([np.inf], cost[:-1])).astype(np.float32) + sidestep
        right = np.concatenate((cost[1:], [np.inf])).astype(np.float32) + sidestep
        best = np.minimum(cost, np.minimum(left, right))
        steps[y] = np.where(cost == best, 0, np.where(left == best, -1, 1))
        cost = best + ink[y]
    return cost, steps


def _follow(start: int, steps: NDArray[np.int64]) -> list[int]:
    path = [start]
    for row in steps:
        path.append(path[-1] + int(row[path[-1]]))
    return path


def _valleys(cost: FloatImage, spacing: float) -> list[int]:
    """The cheapest columns that are more than `spacing` apart; of a flat stretch its middle."""
    edges = np.flatnonzero(np.abs(np.diff(cost)) > 1e-4) + 1
    starts, ends = np.append(0, edges), np.append(edges, cost.size) - 1
    free = np.ones(cost.size, bool)
    chosen = []
    for k in np.argsort(cost[starts], kind="stable"):
        middle = int(starts[k] + ends[k]) // 2
        if free[middle]:
            chosen.append(middle)
            reach = int(spacing)
            free[max(starts[k] - reach, 0) : ends[k] + reach + 1] = False
    return sorted(chosen)
