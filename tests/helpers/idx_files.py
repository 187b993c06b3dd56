"""IDX files for tests."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CODES = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}
NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx_bytes(array: NDArray[Any]) -> bytes:
    header = bytes([0, 0, CODES[array.dtype.name], array.ndim])
    sizes = np.array(array.shape, ">u4").tobytes()
    return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def small_mnist(n_train: int = 60, n_test: int = 10) -> dict[str, NDArray[np.uint8]]:
    """The arrays of MNIST's four files, with few rows of random pixels."""
    rng = np.random.default_rng(n_train)
    arrays = {}
    for n, images, labels in ((n_train, *NAMES[:2]), (n_test, *NAMES[2:])):
        arrays[images] = rng.integers(0, 256, (n, 28, 28), np.uint8)
        arrays[labels] = (np.arange(n) % 10).astype(np.uint8)
    return arrays


def write_files(
    folder: Path, arrays: dict[str, NDArray[np.uint8]], *, compress: bool = False
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        data = idx_bytes(array)
        if compress:
            (folder / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (folder / name).write_bytes(data)
    return folder
