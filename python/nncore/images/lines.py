"""What is drawn on paper and is no digit: frames, ruled lines, specks; and lines of writing."""

from __future__ import annotations

import numpy as np

from .components import Mask, components
from .mnist_form import FloatImage, cut_out

STRAIGHT = 0.8
"""The share of a ruled line's way across the paper that is to be seen."""

THICKEST = 0.04
"""A ruled line is no thicker, for its length: a straight stroke of a digit is."""

SMALLEST = 40
"""The length, in pixels, of the shortest ruled lines."""

STROKE = 0.35
"""The ink, at least, of a stroke that crosses a line."""

LOW, APART = 0.4, 0.1
"""A line of writing is no lower, and no nearer to the next, for the height of the highest."""


def without_lines(ink: FloatImage, sheet: Mask) -> FloatImage:
    """`ink` without ruled lines, which run across the sheet, whichever way the paper lies."""
    # Both ways are looked at first: where one line is erased, those that cross it have a gap.
    across, down = _find_lines(ink, sheet), _find_lines(ink.T, sheet.T)
    ink = ink.copy()
    for top, bottom in across:
        _erase(ink, top, bottom)
    for left, right in down:
        _erase(ink.T, left, right)
    return ink


def _find_lines(ink: FloatImage, sheet: Mask) -> list[tuple[FloatImage, FloatImage]]:
    """The top and the bottom, in each column, of lines at up to 6 degrees from the horizontal."""
    width = ink.shape[1]
    y, x = np.nonzero(ink > 0)
    if not y.size:
        return []
    left_out = x - width / 2
    rows, columns = np.flatnonzero(sheet.any(axis=1)), np.flatnonzero(sheet.any(axis=0))
    across = float(np.ptp(columns) + 1)
    if across < SMALLEST:
        return []
    tallest = 0.05 * (np.ptp(rows) + 1)
    best = None
    for slope in np.linspace(-0.1, 0.1, 81):
        at = np.round(y - slope * left_out).astype(np.int64)
        counts = np.bincount(at - at.min(), minlength=1)
        if best is None or (counts.astype(float) ** 2).sum() > best[0]:
            best = (float((counts.astype(float) ** 2).sum()), slope, int(at.min()), counts)
    assert best is not None
    _, slope, lowest, counts = best
    thickest = max(min(tallest, THICKEST * across), 2)
    full = np.append(0, np.append(counts >= STRAIGHT * across, 0)).astype(np.int8)
    starts, ends = np.flatnonzero(np.diff(full) > 0), np.flatnonzero(np.diff(full) < 0)
    blurred = np.append(0, np.append(counts >= 0.75 * STRAIGHT * across, 0)).cumsum()
    reach = int(thickest) + 1
    lines = []
    for start, end in zip(starts, ends, strict=True):
        around = blurred[min(end + reach, len(counts))] - blurred[max(start - reach, 0)]
        if end - start <= thickest and around <= thickest + 2:
            lines.append((start + lowest, end + lowest))
    shift = slope * (np.arange(width) - width / 2)
    return [(start + shift, end + shift) for start, end in lines]


def _erase(ink: FloatImage, top: FloatImage, bottom: FloatImage) -> None:
    """Takes a line out of each column where no stroke crosses it."""
    height = len(ink)
    thickness = float(np.mean(bottom - top))
    reach = max(1, round(0.75 * thickness))
    for column, (first, last) in enumerate(zip(top, bottom, strict=True)):
        low = min(max(round(float(first)) - reach, 0), height)
        high = min(max(round(float(last)) + reach, 0), height)
        above = low > 0 and ink[low - 1, column] > STROKE
        below = high < height and ink[high, column] > STROKE
        if not (above or below):
            ink[low:high, column] = 0
        # A stroke that ends on the line ends where the line begins or ends.
        elif not above:
            ink[low : round(float(last)), column] = 0
        elif not below:
            ink[round(float(first)) : high, column] = 0


def without_frames(ink: FloatImage) -> FloatImage:
    """`ink` without boxes drawn around other ink."""
    parts = components(ink > 0)
    ink = ink.copy()
    for k in np.argsort(-parts.area):
        top, bottom, left, right = parts.box[k]
        inside = (
            (parts.box[:, 0] > top)
            & (parts.box[:, 1] < bottom)
            & (parts.box[:, 2] > left)
            & (parts.box[:, 3] < right)
        )
        if inside.any() and _is_box(parts.labels[top:bottom, left:right] == k):
            ink[parts.labels == k] = 0
    return ink


def _is_box(part: Mask) -> bool:
    """Whether a component runs along all four sides of its bounding box, and nowhere else."""
    height, width = part.shape
    deep, wide = (max(1, round(0.08 * length)) for length in part.shape)
    along = min(
        float(np.mean(part[:deep].any(axis=0))),
        float(np.mean(part[-deep:].any(axis=0))),
        float(np.mean(part[:, :wide].any(axis=1))),
        float(np.mean(part[:, -wide:].any(axis=1))),
    )
    within = part[deep : height - deep, wide : width - wide].sum()
    return along > 0.9 and bool(within < 0.1 * part.sum())


def without_specks(ink: FloatImage) -> FloatImage:
    """`ink` without what is small beside the rest, such as grain and dust."""
    parts = components(ink > 0)
    if not len(parts.area):
        return ink
    tall = parts.box[:, 1] - parts.box[:, 0]
    weight = np.bincount(parts.labels[parts.labels >= 0], ink[parts.labels >= 0])
    small = (weight < 0.02 * weight.max()) & (tall < 0.2 * tall.max())
    keep = np.append(~small, False)  # the last is label -1: no ink
    result: FloatImage = np.where(keep[parts.labels], ink, 0)
    return result


def text_lines(ink: FloatImage) -> list[FloatImage]:
    """Lines of writing one above the other, with blank paper between them; one is `ink` itself."""
    steps = np.diff(np.pad(ink.any(axis=1), 1).astype(np.int8))
    tops, bottoms = np.flatnonzero(steps > 0), np.flatnonzero(steps < 0)
    highest = (bottoms - tops).max()
    near = np.flatnonzero(tops[1:] - bottoms[:-1] < APART * highest)
    tops, bottoms = np.delete(tops, near + 1), np.delete(bottoms, near)
    high = bottoms - tops >= LOW * (bottoms - tops).max()
    if high.sum() < 2:  # what is low, a dot say, belongs to the line
        return [ink]
    lines = zip(tops[high], bottoms[high], strict=True)
    return [cut_out(ink[top:bottom]) for top, bottom in lines]
