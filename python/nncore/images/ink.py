"""What is written in a picture, whatever it is written on."""

from __future__ import annotations

import numpy as np

from .components import Components, Mask, components
from .lines import without_frames, without_lines, without_specks
from .mnist_form import FloatImage
from .paper import contrast, find_sheet

FAINTEST = 0.1
"""The least difference from the paper, of black to white, that counts as ink."""

ONE_COLOUR = 0.4
"""The share of a picture that is of exactly one colour where it was drawn by a program."""


def find_ink(colours: FloatImage) -> FloatImage | None:
    """How much of each pixel is ink, (height, width) in [0, 1], cut out; None where nothing is.

    `colours` is (height, width, channels) in [0, 1]. Sheets on desks, shade, frames, ruled lines
    and specks are taken away.
    """
    sheet = find_sheet(colours)
    if sheet is None:
        sheet = np.ones(colours.shape[:2], np.bool_)
    else:
        rows, columns = np.flatnonzero(sheet.any(axis=1)), np.flatnonzero(sheet.any(axis=0))
        window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        colours, sheet = colours[window], sheet[window]
    drawn = _on_one_colour(colours, sheet)
    ink = contrast(colours, sheet) if drawn is None else drawn
    paper = ink[sheet]
    floor = float(np.median(paper))
    grain = 1.5 * float(np.median(np.abs(paper - floor)))
    large = max(ink.shape) > 100 and min(ink.shape) >= 5
    peak = float((_mean(ink, 2) if large else ink).max()) - floor
    if peak < max(FAINTEST, 4 * grain):
        return None
    ink = np.clip((ink - floor) / peak, 0, 1)
    edges = ink
    if large and drawn is None:
        edges = np.abs(_mean(ink, 2) - _mean(ink, max(ink.shape) // 60 + 4))
    least = 0.12 if large else 0.04 if drawn is None else 0
    ink[ink < np.clip(4 * grain / peak, least, 0.5)] = 0
    if large:
        ink[_mean((ink > 0).astype(np.float32), 2) < 0.15] = 0  # specks
    ink = _strong(ink, edges)
    ink = without_specks(without_lines(without_frames(ink), sheet))
    if not ink.any():
        return None
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _on_one_colour(colours: FloatImage, sheet: Mask) -> FloatImage | None:
    """How far each pixel is from the background, where that is of one colour to the last bit.

    None where less than a part of `ONE_COLOUR` is: a photograph, say.
    """
    codes = np.rint(colours * 255).astype(np.int64) @ (256 ** np.arange(colours.shape[-1]))
    values, counts = np.unique(codes[sheet], return_counts=True)
    if counts.max() < ONE_COLOUR * sheet.sum():
        return None
    same = sheet & (codes == values[counts.argmax()])
    background = colours[same].mean(axis=0)
    distance: FloatImage = np.linalg.norm(colours - background, axis=-1)
    distance[same | ~sheet] = 0
    return distance


def _strong(ink: FloatImage, edges: FloatImage) -> FloatImage:
    """Only components that are dark somewhere, and at the picture's border have an edge somewhere.

    Stains are faint all over, and what is left of shade has no edges.
    """
    parts = components(ink > 0)
    height, width = ink.shape
    inside = (parts.box[:, 0] > 0) & (parts.box[:, 1] < height)
    inside &= (parts.box[:, 2] > 0) & (parts.box[:, 3] < width)
    keep = (_most(parts, ink) >= 0.4) & (inside | (_most(parts, edges) >= 0.2))
    strong: FloatImage = np.where(np.append(keep, False)[parts.labels], ink, 0)
    return strong


def _most(parts: Components, image: FloatImage) -> FloatImage:
    """The maximum of an image in each component."""
    most = np.zeros(len(parts.area) + 1, np.float32)
    np.maximum.at(most, parts.labels, image)
    return most[:-1]


def _mean(image: FloatImage, reach: int) -> FloatImage:
    """The mean of the square around each pixel, of which some may lie outside."""
    total = image.astype(np.float64)
    count = np.ones((1, 1))
    for axis in (0, 1):
        length = image.shape[axis]
        sums = np.insert(total.cumsum(axis=axis), 0, 0, axis=axis)
        at = np.arange(length)
        high, low = np.minimum(at + reach + 1, length), np.maximum(at - reach, 0)
        total = sums.take(high, axis=axis) - sums.take(low, axis=axis)
        count = count * np.expand_dims(high - low, 1 - axis)
    mean: FloatImage = (total / count).astype(np.float32)
    return mean
