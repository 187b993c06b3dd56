"""Connected components of a mask, found run by run."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


class Components(NamedTuple):
    """The components of a mask, neighbours by side or by corner."""

    labels: NDArray[np.int64]
    """(height, width): the number of each pixel's component, -1 outside the mask."""
    area: NDArray[np.int64]
    """(components,): pixels."""
    box: NDArray[np.int64]
    """(components, 4): top, bottom, left, right; bottom and right lie just outside."""


def components(mask: Mask, corners: bool = True) -> Components:
    """The components of a (height, width) mask; without `corners`, of neighbours by side alone."""
    height, width = mask.shape
    steps = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(steps > 0)
    ends = np.nonzero(steps < 0)[1]
    parent = list(range(len(rows)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    reach = 1 if corners else 0
    first = np.searchsorted(rows, np.arange(height + 1)).tolist()
    start_of, end_of = starts.tolist(), ends.tolist()
    for y in range(1, height):
        above, here = first[y - 1], first[y]
        while above < first[y] and here < first[y + 1]:
            if start_of[above] < end_of[here] + reach and start_of[here] < end_of[above] + reach:
                parent[root(here)] = root(above)
            if end_of[above] < end_of[here]:
                above += 1
            else:
                here += 1
    roots = [root(run) for run in range(len(parent))]
    number, runs = np.unique(np.array(roots, np.int64), return_inverse=True)
    labels = np.full(mask.shape, -1, np.int64)
    labels[mask] = np.repeat(runs, ends - starts)
    area = np.zeros(len(number), np.int64)
    np.add.at(area, runs, ends - starts)
    box = np.tile(np.array([height, 0, width, 0]), (len(number), 1))
    np.minimum.at(box[:, 0], runs, rows)
    np.maximum.at(box[:, 1], runs, rows + 1)
    np.minimum.at(box[:, 2], runs, starts)
    np.maximum.at(box[:, 3], runs, ends)
    return Components(labels, area, box)


def filled(mask: Mask) -> Mask:
    """The mask with its holes, which no path by sides leads out of."""
    outside = components(np.pad(~mask, 1, constant_values=True), corners=False).labels
    inner: Mask = outside[1:-1, 1:-1] != outside[0, 0]
    return inner
