"""The IDX format of MNIST: a magic number, a shape, and an array in big-endian order.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from nncore.errors import DataError

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_DIMENSIONS = 32  # the most that every NumPy takes
_MAX_EXPANSION = 1032  # deflate cannot make data smaller than this part of it
_CHUNK = 1 << 20  # bytes


def load_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an IDX file, plain or compressed with gzip (whatever its name).

    Returns an array of the file's shape and type (uint8, int8, int16, int32, float32 or
    float64), in the machine's byte order. Raises DataError where the file cannot be read, is no
    IDX file, or is longer or shorter than its header says.
    """
    file = Path(path).expanduser()
    try:
        with file.open("rb") as stored:
            stream = expanded(stored)
            if stream is stored:
                return _parse(file, stream, math.inf)
            return _parse(file, stream, os.fstat(stored.fileno()).st_size * _MAX_EXPANSION)
    except FileNotFoundError:
        raise DataError(f"{file}: expected an IDX file, found no such file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{file}: expected gzip data, found it corrupt: {error}") from None
    except OSError as error:
        raise DataError(f"{file}: expected an IDX file, cannot read it: {error.strerror}") from None


def expanded(stored: BinaryIO) -> BinaryIO:
    """`stored` itself, or a stream of what it holds where its first bytes are gzip's."""
    compressed = stored.read(2) == b"\x1f\x8b"
    stored.seek(0)
    return cast(BinaryIO, gzip.GzipFile(fileobj=stored)) if compressed else stored


def _parse(file: Path, stream: BinaryIO, most: float) -> NDArray[Any]:
    """Read an array from `stream`, which cannot yield more than `most` bytes."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or magic[3] == 0:
        raise DataError(
            f"{file}: expected an IDX file, which begins with two zero bytes, a type "
            f"(08, 09, 0b, 0c, 0d or 0e) and a number of dimensions, found {_hex(magic)}"
        )
    if magic[3] > _MAX_DIMENSIONS:
        raise DataError(f"{file}: expected at most {_MAX_DIMENSIONS} dimensions, found {magic[3]}")
    dtype = np.dtype(_TYPES[magic[2]])
    header = 4 + 4 * magic[3]
    sizes = stream.read(header - 4)
    if len(sizes) < header - 4:
        raise DataError(
            f"{file}: truncated: expected a header of {header} bytes, found {4 + len(sizes)}"
        )
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    length = math.prod(shape) * dtype.itemsize
    by = " x ".join(map(str, shape))
    wanted = f"{header + length} bytes ({by} {dtype.name} and a header of {header})"
    if header + length > most:
        raise DataError(f"{file}: truncated: expected {wanted}, found at most {most}")
    data = _read(stream, length + 1)
    if len(data) < length:
        raise DataError(f"{file}: truncated: expected {wanted}, found {header + len(data)}")
    if len(data) > length:
        raise DataError(f"{file}: trailing bytes: expected {wanted}, found more")
    try:
        array = np.frombuffer(data, dtype).reshape(shape)
    except ValueError:  # no elements, but sizes that overflow
        raise DataError(f"{file}: expected a shape that fits in memory, found {shape}") from None
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read(stream: BinaryIO, count: int) -> bytearray:
    """Up to `count` bytes. Grows with what is there: a header that lies claims no memory."""
    data = bytearray()
    while chunk := stream.read(min(count - len(data), _CHUNK)):
        data += chunk
    return data


def _hex(data: bytes) -> str:
    return data.hex(" ") or "an empty file"
