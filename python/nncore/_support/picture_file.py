"""Picture files, opened by Pillow."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nncore._support.extras import require
from nncore._support.files import open_file


@contextmanager
def opened_picture(path: str, fault: type[Exception]) -> Iterator[Any]:
    """A Pillow image; what Pillow raises of bad files, then or later, becomes a `fault`.

    Raises OSError for a file that cannot be opened.
    """
    pil = require("PIL.Image", extra="images", purpose="reading images")
    with open_file(path) as file:
        try:
            with warnings.catch_warnings():
                # Pillow warns of a picture above 89 million pixels and refuses one of twice that.
                warnings.simplefilter("ignore")
                image = pil.open(file)
            with image:
                yield image
        except (pil.DecompressionBombError, MemoryError):
            raise fault(f"{path}: the image has too many pixels") from None
        except pil.UnidentifiedImageError:
            raise fault(f"{path}: not an image, or of a kind that Pillow cannot read") from None
        except (OSError, SyntaxError, ValueError) as error:  # all of which Pillow raises
            raise fault(f"{path}: damaged image: {error}") from error
