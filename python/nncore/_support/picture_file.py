"""Picture files, opened by Pillow."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nncore._support.extras import require
from nncore._support.files import open_file

_ORIENTATION = 0x0112  # an Exif tag
_ON_THEIR_SIDE = range(5, 9)  # its values for pictures turned by a quarter


@contextmanager
def opened_picture(path: str, fault: type[Exception]) -> Iterator[Any]:
    """A Pillow image of which only the heading has been read.

    Raises `fault` for what is no picture, OSError for a file that cannot be opened.
    """
    pil = require("PIL.Image", extra="images", purpose="reading images")
    with open_file(path) as file, _faults_of_pillow(path, fault), pil.open(file) as image:
        yield image


def upright_size(image: Any) -> tuple[int, int]:
    """(height, width) of an opened picture, the way up that its camera noted."""
    width, height = image.size
    orientation = image.getexif().get(_ORIENTATION)
    return (width, height) if orientation in _ON_THEIR_SIDE else (height, width)


def read_picture(path: str, fault: type[Exception]) -> Any:
    """A Pillow image with all its pixels, the way up that its camera noted."""
    with opened_picture(path, fault) as image:
        return _upright(image)


def loaded_picture(image: Any, fault: type[Exception]) -> Any:
    """A Pillow image of the caller's, of which Pillow may not have read the pixels yet."""
    with _faults_of_pillow(picture_name(image), fault):
        return _upright(image)


def picture_name(image: Any) -> str:
    """What errors call a Pillow image: the file that it is of, where there is one."""
    return getattr(image, "filename", "") or "the picture"


@contextmanager
def within_memory(name: str, fault: type[Exception]) -> Iterator[None]:
    """A picture that does not fit into memory becomes a `fault`."""
    try:
        yield
    except MemoryError:
        raise fault(f"{name}: the image has too many pixels") from None


def _upright(image: Any) -> Any:
    return require("PIL.ImageOps", extra="images", purpose="reading images").exif_transpose(image)


@contextmanager
def _faults_of_pillow(name: str, fault: type[Exception]) -> Iterator[None]:
    """What Pillow raises of bad files becomes a `fault`."""
    pil = require("PIL.Image", extra="images", purpose="reading images")
    try:
        with warnings.catch_warnings():
            # Pillow warns of a picture above 89 million pixels and refuses one of twice that.
            warnings.simplefilter("ignore")
            yield
    except (pil.DecompressionBombError, MemoryError):
        raise fault(f"{name}: the image has too many pixels") from None
    except pil.UnidentifiedImageError:
        raise fault(f"{name}: not an image, or of a kind that Pillow cannot read") from None
    except Exception as error:  # its readers trust a file's fields, and raise of every kind
        raise fault(f"{name}: damaged image: {error}") from error
