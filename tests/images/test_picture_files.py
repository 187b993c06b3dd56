"""Picture files that lie about themselves."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest

from nncore.images import ImageError, read_digit

PIL = pytest.importorskip("PIL.Image")

STRIP_OFFSETS, RATIONAL = 273, 5


def tiff_with_a_fraction_for_an_offset() -> bytes:
    """Its reader trusts that the place of the pixels is an integer."""
    written = io.BytesIO()
    PIL.fromarray(np.eye(28, dtype=np.uint8)).save(written, "TIFF")
    content = bytearray(written.getvalue())
    (directory,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, directory)
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        if struct.unpack_from("<H", content, entry) == (STRIP_OFFSETS,):
            struct.pack_into("<HII", content, entry + 2, RATIONAL, 1, 8)
    return bytes(content)


def test_what_pillow_raises_of_damaged_files_is_an_image_error(tmp_path: Path) -> None:
    path = tmp_path / "seven.tiff"
    path.write_bytes(tiff_with_a_fraction_for_an_offset())
    with pytest.raises(ImageError, match=r"seven\.tiff: damaged image"):
        read_digit(path)
    with PIL.open(path) as image, pytest.raises(ImageError, match=r"seven\.tiff: damaged image"):
        read_digit(image)
