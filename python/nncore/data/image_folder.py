"""Pictures in a folder that has a sub-folder for each class, as rows of pixels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import integer
from nncore._support.extras import require
from nncore._support.picture_file import opened_picture, read_picture, upright_size
from nncore.errors import DataError

DEFAULT_SIDE = 32
"""Pixels a side where pictures are of several sizes, or larger than this is worth."""

LARGEST_SIDE = 64
"""Pictures of one size are taken as they are up to so many pixels a side."""


@dataclass
class ImagePreparation:
    """How a picture becomes a network's inputs."""

    classes: list[str]
    """Names of the sub-folders, in the order of the outputs."""
    height: int
    columns: int
    channels: int
    """1 for grey levels, 3 for red, green and blue."""
    mean: float = 0.0
    scale: float = 1.0
    """Of all pixels, from 0 to 1, of the pictures that training saw."""

    @property
    def width(self) -> int:
        """Inputs of the network."""
        return self.height * self.columns * self.channels

    @property
    def outputs(self) -> int:
        return len(self.classes)

    def pixels(self, path: str) -> NDArray[np.uint8]:
        """(width,), one picture brought to the size.

        Raises:
            DataError: the file is no picture, or damaged.
            OSError: there is no such file, or it cannot be read.
        """
        return _pixels(path, self.height, self.columns, self.channels)

    def learn_scale(self, pixels: NDArray[np.uint8]) -> None:
        """Takes mean and scale from the pixels that are trained on."""
        counts = np.bincount(pixels.reshape(-1), minlength=256)
        levels = np.arange(256) / 255
        self.mean = float(counts @ levels / counts.sum())
        deviation = float(np.sqrt(counts @ np.square(levels - self.mean) / counts.sum()))
        self.scale = deviation if deviation > 0 else 1.0

    def scaled(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The network's inputs of pixels."""
        table = (np.arange(256) / 255 - self.mean) / self.scale
        inputs: NDArray[np.float32] = table.astype(np.float32)[pixels]
        return inputs

    def to_json(self) -> dict[str, Any]:
        return {"version": 1, "kind": "images", **asdict(self)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> ImagePreparation:
        """Raises KeyError, TypeError or ValueError for what `to_json` never gives."""
        classes = [str(name) for name in content["classes"]]
        height = integer("height", content["height"], low=1, high=10_000)
        columns = integer("columns", content["columns"], low=1, high=10_000)
        channels = integer("channels", content["channels"], low=1, high=3)
        mean, scale = float(content["mean"]), float(content["scale"])
        if not (np.isfinite(mean) and np.isfinite(scale) and scale > 0):
            raise ValueError(f"expected a finite mean and scale, found {mean} and {scale}")
        return cls(classes, height, columns, channels, mean, scale)


class Pictures(NamedTuple):
    """The files of a folder."""

    paths: list[str]
    labels: NDArray[np.int64]
    classes: list[str]
    ignored: int
    """Files whose names are not those of pictures."""


def has_class_folders(folder: str) -> bool:
    """Whether there are sub-folders at all, hidden ones aside."""
    with os.scandir(folder) as entries:
        return any(e.is_dir() and not e.name.startswith(".") for e in entries)


def find_pictures(folder: str, classes: Sequence[str] | None = None) -> Pictures:
    """The pictures in the sub-folders, which are the classes, sorted by name.

    With `classes` given, labels are theirs, and sub-folders of other names are refused.

    Raises:
        DataError: there are no pictures, or those of one class only.
    """
    suffixes = _suffixes()
    with os.scandir(folder) as entries:
        names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    paths: list[str] = []
    labels: list[int] = []
    found: list[str] = list(classes or [])
    ignored = 0
    for name in names:
        inside = sorted(os.listdir(os.path.join(folder, name)))
        inside = [each for each in inside if not each.startswith(".")]
        pictures = [each for each in inside if os.path.splitext(each)[1].lower() in suffixes]
        ignored += len(inside) - len(pictures)
        if not pictures:
            continue
        if name not in found:
            if classes is not None:
                raise DataError(
                    f"{os.path.join(folder, name)}: the model knows no class {name!r}; "
                    f"expected one of {', '.join(classes)}"
                )
            found.append(name)
        paths += [os.path.join(folder, name, each) for each in pictures]
        labels += [found.index(name)] * len(pictures)
    if not paths:
        raise DataError(f"{folder}: expected pictures in a sub-folder for each class, found none")
    if len(found) < 2:
        raise DataError(
            f"{folder}: expected pictures in a sub-folder for each of two classes or more, found "
            f"those of {found[0]!r} only"
        )
    return Pictures(paths, np.array(labels, np.int64), found, ignored)


def choose_form(pictures: Pictures, size: tuple[int, int] | None) -> ImagePreparation:
    """The size and channels that suit all pictures; `size` is (height, width) where given."""
    sizes: Counter[tuple[int, int]] = Counter()
    colours = False
    for path in pictures.paths:
        with opened_picture(path, DataError) as image:
            sizes[upright_size(image)] += 1
            colours = colours or image.mode not in ("1", "L", "LA", "I", "F", "I;16")
    if size is None:
        (one, count), *_ = sizes.most_common(1)
        fits = count == len(pictures.paths) and max(one) <= LARGEST_SIDE
        size = one if fits else (DEFAULT_SIDE, DEFAULT_SIDE)
    return ImagePreparation(pictures.classes, *size, 3 if colours else 1)


def read_pictures(form: ImagePreparation, paths: Sequence[str]) -> NDArray[np.uint8]:
    """(n, form.width), the pixels of many files."""
    rows = np.empty((len(paths), form.width), np.uint8)
    for row, path in zip(rows, paths, strict=True):
        row[:] = form.pixels(path)
    return rows


def _suffixes() -> set[str]:
    pil = require("PIL.Image", extra="images", purpose="reading images")
    return {suffix for suffix, kind in pil.registered_extensions().items() if kind in pil.OPEN}


def _pixels(path: str, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    image = read_picture(path, DataError)
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = require("PIL.Image", extra="images", purpose="reading images").new(
            "RGBA", rgba.size, "white"
        )
        image.alpha_composite(rgba)
    if image.mode.startswith(("I", "F")):  # more than 8 bits, which Pillow would clip
        levels = np.asarray(image, np.float64)
        levels = levels / (65535 if image.mode.startswith("I") else max(levels.max(), 1e-30))
        image = require("PIL.Image", extra="images", purpose="reading images").fromarray(
            np.rint(255 * np.clip(levels, 0, 1)).astype(np.uint8)
        )
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = image.resize((width, height), resample=3)  # bicubic, which averages as it shrinks
    pixels: NDArray[np.uint8] = np.asarray(image, np.uint8).reshape(-1)
    return pixels
