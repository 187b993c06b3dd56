"""Pictures from files, from Pillow and from arrays, as colours."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support.picture_file import loaded_picture, picture_name, read_picture, within_memory

from .mnist_form import FloatImage

if TYPE_CHECKING:
    from PIL.Image import Image

MOST = 1000
"""The longer side, in pixels, of what is looked at."""


class ImageError(ValueError):
    """A picture that cannot be read."""


def read_colours(image: Any) -> FloatImage:
    """A picture as (height, width, channels) float32 in [0, 1], transparency laid on a background.

    `image` is a file's path, a Pillow image, or an array (height, width), (height, width, 1), or
    (height, width, 3 or 4) with colours and opacity. Integers count from 0 to the least of 1, 255
    and 65,535 that none exceeds; of other arrays the least value is black, the greatest white.

    Raises ImageError for what is no picture, OSError for a file that cannot be opened.
    """
    if isinstance(image, (str, bytes, os.PathLike)):
        path = os.fsdecode(image)
        picture = read_picture(path, ImageError)
        with within_memory(path, ImageError):
            return _colours(picture)
    if hasattr(image, "getbands"):
        picture = loaded_picture(image, ImageError)
        with within_memory(picture_name(image), ImageError):
            return _colours(picture)
    return _from_array(image)


def _colours(image: Image) -> FloatImage:
    """Colours of a Pillow image of any mode."""
    if image.mode.startswith(("I", "F")):  # 16 bits and more, which Pillow would clip to 8
        return _shrink(_stretch(np.asarray(image, dtype=np.float32))[:, :, None])
    if image.mode in ("1", "L"):
        return _levels(_shrink(np.asarray(image.convert("L"))[:, :, None]))
    if "A" not in image.getbands() and "transparency" not in image.info:
        return _levels(_shrink(np.asarray(image.convert("RGB"))))
    return _opaque(_levels(_shrink(np.asarray(image.convert("RGBA")))))


def _from_array(image: Any) -> FloatImage:
    try:
        pixels = np.asarray(image)
    except ValueError as error:
        raise ImageError(f"expected a picture, found {type(image).__name__}: {error}") from None
    if pixels.dtype.kind not in "buif":
        raise ImageError(f"expected a picture of numbers, found {pixels.dtype} of {type(image)}")
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or 0 in pixels.shape:
        raise ImageError(
            "expected a picture of shape (height, width), or (height, width, 1, 3 or 4), found "
            f"{np.shape(image)}"
        )
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).any():
        raise ImageError("expected a picture of numbers, found none that is finite")
    white = _white(pixels) if pixels.dtype.kind in "ui" else None
    if white is not None:
        shrunk = _shrink(pixels)
        shrunk /= np.float32(white)
    else:
        shrunk = _shrink(_stretch(pixels.astype(np.float32)))
    return _opaque(shrunk) if shrunk.shape[2] == 4 else shrunk


def _white(pixels: Any) -> int | None:
    """What white is among integers, whatever their type: 0 to 255 often come as int64."""
    least, greatest = int(pixels.min()), int(pixels.max())
    return next((white for white in (1, 255, 65_535) if 0 <= least <= greatest <= white), None)


def _stretch(levels: FloatImage) -> FloatImage:
    """Levels of any range, brought to [0, 1] unless they lie there."""
    levels = np.nan_to_num(levels)
    if levels.min() >= 0 and 0 < levels.max() <= 1:
        return levels
    np.clip(levels, -1e38, 1e38, out=levels)  # whose difference is still a number
    levels -= levels.min()
    levels /= max(levels.max(), np.float32(1e-30))
    return levels


def _shrink(pixels: Any) -> FloatImage:
    """Averages a photograph's many pixels in square blocks, down to about a thousand a side."""
    block = -(-max(pixels.shape[:2]) // MOST)
    if block == 1:
        return np.asarray(pixels, np.float32)
    height, width = (min(block, length) for length in pixels.shape[:2])  # it may be thinner
    rows, columns = pixels.shape[0] // height, pixels.shape[1] // width
    whole = pixels[: rows * height, : columns * width]
    small: FloatImage = whole.reshape(rows, height, columns, width, -1).mean(
        axis=(1, 3), dtype=np.float32
    )
    return small


def _levels(pixels: FloatImage) -> FloatImage:
    levels: FloatImage = pixels / np.float32(255)
    return levels


def _opaque(pixels: FloatImage) -> FloatImage:
    """Colours and opacity, laid on a background that shows what is drawn."""
    colours, alpha = pixels[:, :, :3], pixels[:, :, 3:]
    seen = colours[alpha[:, :, 0] > 0.5]
    if seen.size == 0 or np.ptp(np.percentile(seen, [2, 98], axis=0), axis=0).max() < 0.25:
        return 1 - alpha  # one colour on nothing: its shape is in the transparency
    paper = np.median(seen, axis=0).astype(np.float32)
    laid: FloatImage = colours * alpha + (1 - alpha) * paper
    return laid
