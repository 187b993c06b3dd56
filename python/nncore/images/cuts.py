"""Where a row of digits may be cut: paths from top to bottom that cross little ink."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .mnist_form import FloatImage


class Cuts(NamedTuple):
    """Paths from left to right; no two cross."""

    columns: NDArray[np.int64]
    """(cuts, height): the first column to the right of each path."""
    crossed: FloatImage
    """(cuts,): the ink that each path crosses, in pixels."""


SIDESTEP = np.float32(0.1)
"""What a path pays for a step aside, in pixels of ink: so that it is straight where it may be."""


ANCHORS = (0.3, 0.5, 0.7)
"""The rows through which paths are led, as shares of the height."""


SAME = 0.5
"""The least ink, in pixels, between two paths that both are kept."""


def find_cuts(ink: FloatImage, spacing: float) -> Cuts:
    """The cheapest path through each column of a few rows, where it is the best of its
    neighbours up to `spacing` columns away. The first and the last run outside of all ink.
    """
    height, width = ink.shape
    ink = np.pad(ink, ((0, 0), (1, 1)))
    found = set()
    for anchor in ANCHORS:
        middle = int(anchor * height)
        up, up_steps = _descend(ink[middle::-1])
        down, down_steps = _descend(ink[middle:])
        for start in _valleys(up + down - ink[middle], spacing):
            above, below = _follow(start, up_steps), _follow(start, down_steps)
            found.add((*above[::-1], *below[1:]))
    ordered = sorted(found, key=lambda path: (sum(path), path))
    outside = np.full((1, height), 0), np.full((1, height), width + 1)
    columns = _different(np.concatenate([*outside, np.array(ordered, np.int64)]), ink)
    columns = np.concatenate([columns[:1], columns[2:], columns[1:2]])
    crossed = np.take_along_axis(ink.T, columns, axis=0).sum(axis=1, dtype=np.float32)
    return Cuts(np.clip(columns - 1, 0, width), crossed)


def _different(columns: NDArray[np.int64], ink: FloatImage) -> NDArray[np.int64]:
    """The paths without those that part the ink as an earlier one does."""
    before = np.pad(ink.cumsum(axis=1), ((0, 0), (1, 0)))  # the ink to the left of each column
    left = np.take_along_axis(before, columns.T, axis=1).T
    kept: list[int] = []
    for k in range(len(columns)):
        near = kept[:2] + kept[2:][-4:]
        if not any(np.abs(left[k] - left[other]).sum() < SAME for other in near):
            kept.append(k)
    return columns[kept]


def _descend(ink: FloatImage) -> tuple[FloatImage, NDArray[np.int64]]:
    """From each column of the first row to the last row: the cost, and the step at each row."""
    height, width = ink.shape
    cost = ink[-1].copy()
    steps = np.zeros((height - 1, width), np.int64)
    for y in range(height - 2, -1, -1):
        left = np.concatenate(([np.inf], cost[:-1])).astype(np.float32) + SIDESTEP
        right = np.concatenate((cost[1:], [np.inf])).astype(np.float32) + SIDESTEP
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
