"""Pictures of digits from files, brought into MNIST's form."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore._support.extras import require
from nncore._support.files import open_file

if TYPE_CHECKING:
    from PIL.Image import Image

FIELD = 28
BOX = 20
"""MNIST's digits fill a box of 20 by 20 pixels in a field of 28 by 28."""

FloatImage = NDArray[np.float32]


class ImageError(ValueError):
    """An image file in which no digit can be seen."""


def read_digit(path: str) -> FloatImage:
    """The digit in an image file, (784,) float32 in [0, 1], light on dark.

    The digit is cut out, scaled with its aspect kept so that its longer side is 20 pixels, and
    laid into 28 x 28 with its centre of mass at the centre, as MNIST's images were made.
    Raises ImageError for a picture of one flat colour, OSError for a file that is no image.
    """
    pil = require("PIL.Image", extra="images", purpose="reading images")
    ops = require("PIL.ImageOps", extra="images", purpose="reading images")
    try:
        with warnings.catch_warnings():
            # Pillow warns of a picture above 89 million pixels and refuses one of twice that.
            warnings.simplefilter("ignore", pil.DecompressionBombWarning)
            with open_file(path) as file, pil.open(file) as image:
                ink = _ink(ops.exif_transpose(image))
    except (pil.DecompressionBombError, MemoryError):
        raise ImageError(f"{path}: the image has too many pixels") from None
    except pil.UnidentifiedImageError:
        raise ImageError(f"{path}: not an image, or of a kind that Pillow cannot read") from None
    except (OSError, SyntaxError, ValueError) as error:  # all of which Pillow raises of bad files
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise ImageError(f"{path}: damaged image: {error}") from error
    if ink is None:
        raise ImageError(f"{path}: no digit to be seen, the picture is of one flat colour")
    return _centre(_fit(ink, pil)).reshape(-1)


def _ink(image: Image) -> FloatImage | None:
    """How much of each pixel is ink, (height, width) in [0, 1]; None for a flat picture."""
    grey = _shrink(_grey(image))
    frame = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    background = np.median(frame)
    # The frame shows paper, so ink is whatever lies on the far side of it, dark or light.
    lighter, darker = grey.max() - background, background - grey.min()
    ink = grey - background if lighter >= darker else background - grey
    peak = max(lighter, darker)
    if peak < 0.05:
        return None
    ink = np.clip(ink / peak, 0, 1)
    # Paper has grain and JPEG has ripples: what the frame varies by is not ink.
    grain = np.median(np.abs(frame - background)) / peak
    ink[ink < np.clip(5 * grain, 0.04, 0.5)] = 0
    if max(ink.shape) > 100:
        ink[_share(ink > 0) < 0.15] = 0
        if not ink.any():
            return None
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    cut: FloatImage = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return cut


def _shrink(grey: FloatImage) -> FloatImage:
    """Averages a photograph's many pixels in square blocks, down to about a thousand a side."""
    block = -(-max(grey.shape) // 1000)
    if block == 1:
        return grey
    height, width = (min(block, length) for length in grey.shape)  # it may be thinner than a block
    rows, columns = grey.shape[0] // height, grey.shape[1] // width
    blocks = grey[: rows * height, : columns * width].reshape(rows, height, columns, width)
    small: FloatImage = blocks.mean(axis=(1, 3), dtype=np.float32)
    return small


def _share(mask: NDArray[np.bool_]) -> FloatImage:
    """How much of the 5 x 5 pixels around each is set: little around a speck, more on a line."""
    total = np.pad(mask, ((3, 2), (3, 2))).cumsum(axis=0).cumsum(axis=1)
    around = total[5:, 5:] - total[:-5, 5:] - total[5:, :-5] + total[:-5, :-5]
    share: FloatImage = around.astype(np.float32) / 25
    return share


def _grey(image: Image) -> FloatImage:
    """Grey levels in [0, 1] of an image of any mode, transparency laid on a background."""
    if image.mode.startswith(("I", "F")):  # 16 bits and more, which Pillow would clip to 8
        levels: FloatImage = np.nan_to_num(np.asarray(image, dtype=np.float32))
        np.clip(levels, -1e38, 1e38, out=levels)  # whose difference is still a number
        levels -= levels.min()
        levels /= max(levels.max(), np.float32(1e-30))
        return levels
    if "A" not in image.getbands() and "transparency" not in image.info:
        return _levels(image.convert("L"))
    pixels = image.convert("RGBA")
    grey, alpha = _levels(pixels.convert("L")), _levels(pixels.getchannel("A"))
    seen = grey[alpha > 0.5]
    if seen.size == 0 or np.ptp(np.percentile(seen, [2, 98])) < 0.25:
        return alpha  # one colour on nothing: its shape is in the transparency
    grey *= alpha
    grey += (1 - alpha) * np.float32(np.median(seen))
    return grey


def _levels(image: Image) -> FloatImage:
    levels: FloatImage = np.asarray(image) / np.float32(255)
    return levels


def _fit(ink: FloatImage, pil: Any) -> FloatImage:
    """Scales to 20 pixels on the longer side."""
    height, width = ink.shape
    scale = BOX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    scaled = pil.fromarray(ink).resize(size, pil.Resampling.BICUBIC)
    digit: FloatImage = np.clip(np.asarray(scaled), 0, None)
    digit /= digit.max()  # a thin pen grows faint when scaled down
    return digit


def _centre(digit: FloatImage) -> FloatImage:
    """Lays a digit into the field, its centre of mass on pixel (14, 14) where there is room."""
    field = np.zeros((FIELD, FIELD), np.float32)
    corner = []
    for axis in (0, 1):
        profile = digit.sum(axis=1 - axis)
        mass = float(profile @ np.arange(profile.size, dtype=np.float32) / profile.sum())
        corner.append(min(max(round(FIELD / 2 - mass), 0), FIELD - profile.size))
    top, left = corner
    field[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return field
