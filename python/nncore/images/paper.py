"""The paper in a picture: a sheet on a desk is cut out, and its shade is taken off."""

from __future__ import annotations

import numpy as np

from .components import Mask, components, filled
from .mnist_form import FloatImage, resize

SAMPLES = 5_000
"""The pixels, at most, that a surface is laid through."""

COARSE = 160
"""The longer side, in pixels, at which a sheet is looked for."""

SMALLEST = 40
"""The shorter side, in pixels, of pictures that may show a sheet on something else."""

MORE_PAPER = 0.5
"""The share, at most, of what lies around a sheet that is as light or as dark as the sheet."""


def find_sheet(colours: FloatImage) -> Mask | None:
    """Where the sheet lies that a picture shows on something else; None where all is paper.

    `colours` is (height, width, channels). A sheet is one piece, nearly a rectangle, of at least
    an eighth of the picture, and has something on it.
    """
    height, width, _ = colours.shape
    if min(height, width) < SMALLEST:
        return None
    scale = min(1.0, COARSE / max(height, width))
    small = [max(1, round(length * scale)) for length in (height, width)]
    coarse = np.stack([resize(c, *small) for c in np.moveaxis(colours, -1, 0)], axis=-1)
    grey = coarse.mean(axis=-1)
    level = _otsu(grey)
    if level is None:
        return None
    best, best_area = None, 0.125 * grey.size
    for side in (grey > level, grey <= level):
        parts = components(side, corners=False)
        for k in np.flatnonzero(parts.area >= best_area / 2):
            part = parts.labels == k
            whole = filled(part)
            area = int(whole.sum())
            holes = area - int(parts.area[k])
            if not best_area <= area <= 0.97 * grey.size or holes > 0.35 * area:
                continue
            top, bottom, left, right = parts.box[k]
            if holes == 0 and bottom - top > 1.8 * (right - left):  # that is rather a 1
                continue
            if side[~whole].mean() > MORE_PAPER:  # between ruled lines, or within a frame
                continue
            if _rectangularity(whole) < 0.85 or not _is_surrounded(whole):
                continue
            best, best_area = whole, area
    if best is None:
        return None
    margin = 1 + round(0.02 * min(small))  # the sheet's edge is blurred, and casts a shadow
    rows = np.minimum((np.arange(height) * small[0]) // height, small[0] - 1)
    columns = np.minimum((np.arange(width) * small[1]) // width, small[1] - 1)
    sheet: Mask = _shrunk(best, margin)[rows[:, None], columns]
    return sheet if sheet.any() else None


def _otsu(grey: FloatImage) -> float | None:
    """The level that parts the grey levels best into two classes; None where they are one."""
    counts, edges = np.histogram(np.clip(grey, 0, 1), 128, (0.0, 1.0))
    middles = (edges[1:] + edges[:-1]) / 2
    below = counts.cumsum()
    above = grey.size - below
    sums = (counts * middles).cumsum()
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = sums / below - (sums[-1] - sums) / above
    between = np.nan_to_num(difference**2 * below * above)
    k = int(between.argmax())
    if not abs(difference[k]) > 0.15:
        return None
    return float(edges[k + 1])


def _rectangularity(mask: Mask) -> float:
    """The share that a mask fills of the smallest rectangle around it, at any angle."""
    y, x = np.nonzero(mask)
    areas = []
    for angle in np.arange(0, 90, 3) * np.pi / 180:
        along = float(np.ptp(x * np.cos(angle) + y * np.sin(angle))) + 1
        across = float(np.ptp(y * np.cos(angle) - x * np.sin(angle))) + 1
        areas.append(along * across)
    return y.size / min(areas)


def _is_surrounded(mask: Mask) -> bool:
    """Whether a mask without gaps ends within the picture: ink at its border is no desk."""
    spans = sum(
        int((np.maximum.accumulate(m, 1) & np.maximum.accumulate(m[:, ::-1], 1)[:, ::-1]).sum())
        for m in (mask, mask.T)
    )
    border = np.concatenate((mask[0], mask[-1], mask[:, 0], mask[:, -1]))
    return bool(2 * mask.sum() >= 0.96 * spans and border.mean() <= 0.88)


def _shrunk(mask: Mask, by: int) -> Mask:
    inner = spread(np.pad(~mask, by, constant_values=True).astype(np.float32), by)
    result: Mask = inner[by:-by, by:-by] == 0
    return result


def spread(image: FloatImage, reach: int) -> FloatImage:
    """The maximum within `reach` pixels of each, in a square."""
    for axis in (0, 1):
        image = np.moveaxis(image, axis, 0)
        done = 0
        while done < reach:
            step = min(reach - done, done + 1)
            wider = image.copy()
            np.maximum(wider[step:], image[:-step], out=wider[step:])
            np.maximum(wider[:-step], image[step:], out=wider[:-step])
            image, done = wider, done + step
        image = np.moveaxis(image, 0, axis)
    return image


def contrast(colours: FloatImage, sheet: Mask) -> FloatImage:
    """How far each pixel of a sheet is from its paper's colour, on the side of the ink.

    Ink is what differs most from a smooth surface through the paper's colours. The shade of the
    paper is then what remains when all that is thinner than a stroke is taken away.
    """
    rest = colours - _surface(colours, sheet)
    rest[~sheet] = 0
    flat = rest.reshape(-1, colours.shape[-1])
    _, directions = np.linalg.eigh(flat.T @ flat)
    axis = directions[:, -1]
    level: FloatImage = (rest @ axis).astype(np.float32)
    if float((level**3).sum()) > 0:
        level = -level  # ink is low, paper near 0
    if min(level.shape) < 16:  # too narrow to tell shade from strokes
        return np.maximum(-level, 0)
    rows, columns = np.flatnonzero(sheet.any(axis=1)), np.flatnonzero(sheet.any(axis=0))
    reach = max(2, round(min(np.ptp(rows) + 1, np.ptp(columns) + 1) / 6))
    level[~sheet] = level[sheet].min()
    shade = spread(level, reach)
    shade[~sheet] = shade.max()
    shade = -spread(-shade, reach)
    ink: FloatImage = np.where(sheet, shade - level, 0)
    return ink


def _surface(colours: FloatImage, sheet: Mask) -> FloatImage:
    """A quadratic surface in each channel through the paper's pixels, as most of a sheet's are."""
    height, width, channels = colours.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).astype(np.float32)
    at = np.flatnonzero(sheet)
    at = at[:: max(1, at.size // SAMPLES)]
    points, values = terms.reshape(-1, 6)[at], colours.reshape(-1, channels)[at]
    surface = np.zeros((6, channels), np.float32)
    surface[0] = np.median(values, axis=0)
    for used in (1, 1, 3, 3, 6, 6, 6, 6):  # a level, then a plane, then a bowl
        distance = np.linalg.norm(values - points @ surface, axis=1)
        near = distance <= max(2.5 * float(np.median(distance)), 0.01)
        fit = np.linalg.lstsq(points[near, :used], values[near], rcond=None)[0]
        surface[:used] = fit
    result: FloatImage = terms @ surface
    return result
