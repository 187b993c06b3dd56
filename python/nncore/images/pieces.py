"""What lies between two cuts of a row, brought into MNIST's form: candidates for digits."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .cuts import Cuts
from .mnist_form import FloatImage, mnist_forms

WIDEST = 1.5
WIDEST_ALONE = 2.5
LOWEST = 0.45
"""No piece is wider for its height, or lower for the row's; a single digit may be a wide one."""

MOST_CROSSED = 0.4
"""The ink, at most, that a cut may cross, for the row's height."""

FRAGMENT = 0.06
"""What is not connected to the rest and is less than this of a piece is a neighbour's."""


class Pieces(NamedTuple):
    """Candidates for digits."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    """(pieces,): the numbers of the cuts on the left and on the right."""
    box: NDArray[np.int64]
    """(pieces, 4): top, bottom, left, right in the row; bottom and right lie just outside."""
    lost: FloatImage
    """(pieces,): the ink of fragments that were taken away, in pixels."""
    forms: FloatImage
    """(pieces, 28, 28): in MNIST's form."""


def find_pieces(ink: FloatImage, cuts: Cuts) -> Pieces:
    """All pieces of `ink` between two cuts, where neither crosses the other, that may be digits."""
    first, last = _pairs(ink, cuts)
    height, width = ink.shape
    low, high = cuts.columns[first].min(axis=1), cuts.columns[last].max(axis=1)
    at = np.arange(max(int((high - low).max(initial=0)), 1))
    columns = np.minimum(low[:, None] + at, width - 1)
    inside = low[:, None, None] + at >= cuts.columns[first][:, :, None]
    inside &= low[:, None, None] + at < cuts.columns[last][:, :, None]
    whole = np.where(inside, ink.T[columns].transpose(0, 2, 1), 0)
    images = without_fragments(whole)
    top, bottom = _ends(np.any(images, axis=2))
    left, right = _ends(np.any(images, axis=1))
    tall, wide = bottom - top, right - left
    alone = (first == 0) & (last == len(cuts.crossed) - 1)
    keep = np.flatnonzero(
        (tall >= LOWEST * height) & (wide <= np.where(alone, WIDEST_ALONE, WIDEST) * tall)
    )
    box = np.stack([top, bottom, left, right], axis=1)[keep]
    forms = mnist_forms(images[keep], box)
    box[:, 2:] += low[keep, None]
    lost = (whole - images).sum(axis=(1, 2))[keep]
    return Pieces(first[keep], last[keep], box, lost, forms)


def _pairs(ink: FloatImage, cuts: Cuts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The cuts on the left and right of what has a digit's height and width, more or less."""
    height = len(ink)
    usable = cuts.crossed <= MOST_CROSSED * height
    before = np.pad(ink.cumsum(axis=1), ((0, 0), (1, 0)))
    left = np.take_along_axis(before, cuts.columns.T, axis=1).T
    middle = cuts.columns.mean(axis=1)
    first, last = np.triu_indices(len(middle), 1)
    alone = (first == 0) & (last == len(middle) - 1)
    near = middle[last] - middle[first] <= np.where(alone, WIDEST_ALONE, 1.2) * height
    near &= usable[first] & usable[last]
    first, last = first[near], last[near]
    mass = left[last] - left[first]
    apart = (cuts.columns[first] <= cuts.columns[last]).all(axis=1)
    keep = apart & ((mass > 0.3).sum(axis=1) >= LOWEST * height)
    return first[keep], last[keep]


def _ends(used: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each row the first that is true, and one after the last; 0 and 0 where none is."""
    some = used.any(axis=1)
    end = used.shape[1] - used[:, ::-1].argmax(axis=1)
    return np.where(some, used.argmax(axis=1), 0), np.where(some, end, 0)


def without_fragments(images: FloatImage) -> FloatImage:
    """Images (n, height, width) without components that are small for the whole."""
    flat = np.ascontiguousarray(images.transpose(1, 2, 0))
    labels = _labels(flat > 0)
    mass = np.bincount(labels.ravel(), flat.ravel())
    whole = flat.sum(axis=(0, 1))
    kept = np.where(mass[labels] >= FRAGMENT * whole, flat, 0).astype(np.float32)
    return np.ascontiguousarray(kept.transpose(2, 0, 1))


def _labels(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Numbers of the components in each of masks (height, width, n), 0 outside, by sweeps."""
    height, width, _ = mask.shape
    labels = np.where(mask, np.arange(1, mask.size + 1, dtype=np.int32).reshape(mask.shape), 0)
    keep = mask.astype(np.int32)
    while True:
        before = labels.copy()
        for here, there in [
            *((y, y - 1) for y in range(1, height)),
            *((y, y + 1) for y in range(height - 2, -1, -1)),
        ]:
            line, other = labels[here], labels[there]
            np.maximum(line, other, out=line)
            np.maximum(line[1:], other[:-1], out=line[1:])
            np.maximum(line[:-1], other[1:], out=line[:-1])
            line *= keep[here]
        for here, there in [
            *((x, x - 1) for x in range(1, width)),
            *((x, x + 1) for x in range(width - 2, -1, -1)),
        ]:
            np.maximum(labels[:, here], labels[:, there], out=labels[:, here])
            labels[:, here] *= keep[:, here]
        if (labels == before).all():
            return labels
