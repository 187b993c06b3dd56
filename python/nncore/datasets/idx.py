"""The IDX format of MNIST, plain or compressed; the core reads its header."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore._support.files import open_file
from nncore.errors import DataError

_MAX_EXPANSION = 1032  # the largest factor by which deflate can shrink data
_CHUNK = 1 << 20  # bytes


def load_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an IDX file, plain or compressed with gzip (whatever its name).

    Returns an array of the file's shape and type (uint8, int8, int16, int32, float32 or
    float64), in the machine's byte order. Raises DataError where the file cannot be read, is no
    IDX file, or is longer or shorter than its header says.
    """
    file = Path(path).expanduser()
    try:
        with open_file(file) as stored:
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
    """`stored` itself, or its decompressed content where its first bytes are gzip's."""
    compressed = stored.read(2) == b"\x1f\x8b"
    stored.seek(0)
    return cast(BinaryIO, gzip.GzipFile(fileobj=stored)) if compressed else stored


def _parse(file: Path, stream: BinaryIO, most: float) -> NDArray[Any]:
    """Read an array from `stream`, which cannot yield more than `most` bytes."""
    start = stream.read(_core.MAX_IDX_HEADER)
    name, shape, header, length, wanted = _core.idx_header(start, str(file))
    if header + length > most:
        raise DataError(f"{file}: truncated: expected {wanted}, found at most {most}")
    data = _read(stream, bytearray(start[header:]), length + 1)
    if len(data) < length:
        raise DataError(f"{file}: truncated: expected {wanted}, found {header + len(data)}")
    if len(data) > length:
        raise DataError(f"{file}: trailing bytes: expected {wanted}, found more")
    dtype = np.dtype(name)
    array = np.frombuffer(data, dtype.newbyteorder(">")).reshape(shape)
    return array.astype(dtype, copy=False)


def _read(stream: BinaryIO, data: bytearray, count: int) -> bytearray:
    """`data` and what follows, up to `count` bytes.

    The buffer grows with the data that arrive, so a false header takes no memory.
    """
    while chunk := stream.read(max(0, min(count - len(data), _CHUNK))):
        data += chunk
    return data
