"""The book's own file of MNIST, mnist.pkl.gz: three pairs of arrays in a gzipped pickle."""

from __future__ import annotations

import gzip
import os
import pickle
from typing import Any, NoReturn

import numpy as np

from nncore._support.files import open_file
from nncore.book._shared import Array
from nncore.errors import DataError

Images = tuple[Array, Array]

_ARRAYS = {
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("_codecs", "encode"),
    *(
        (module, name)
        for package in ("numpy.core", "numpy._core")
        for module, name in (
            (f"{package}.multiarray", "_reconstruct"),
            (f"{package}.multiarray", "scalar"),
            (f"{package}.numeric", "_frombuffer"),
        )
    ),
}


class _ArraysOnly(pickle.Unpickler):
    """A pickle may call any function; this one makes arrays and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ARRAYS:
            self._refuse(f"{module}.{name}")
        if not hasattr(np, "_core"):
            module = module.replace("numpy._core.", "numpy.core.")
        else:  # NumPy 2 has renamed it
            module = module.replace("numpy.core.", "numpy._core.")
        return super().find_class(module, name)

    def _refuse(self, what: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it asks for {what}; expected arrays alone")


def read(path: str | os.PathLike[str]) -> tuple[Images, Images, Images]:
    """Training, validation and test data, as the book's file or `expand_mnist` holds them.

    Raises:
        DataError: the file is not such a pickle; the message names it and the fault.
        OSError: the file cannot be read.
    """
    with open_file(path) as file:
        try:
            start = file.read(2)
            file.seek(0)
            content: Any = gzip.GzipFile(fileobj=file) if start == b"\x1f\x8b" else file
            return _checked(_ArraysOnly(content, encoding="latin1").load())
        except MemoryError:
            raise
        except Exception as error:  # whatever damaged bytes lead to
            reason = str(error) or type(error).__name__
            raise DataError(f"{path}: not a pickle of MNIST's images: {reason}") from error


def _checked(parts: Any) -> tuple[Images, Images, Images]:
    if not isinstance(parts, (tuple, list)) or len(parts) != 3:
        raise ValueError("expected training, validation and test data")
    checked: list[Images] = []
    for name, part in zip(("training", "validation", "test"), parts, strict=True):
        if not isinstance(part, (tuple, list)) or len(part) != 2:
            raise ValueError(f"expected the {name} data to be a pair of images and digits")
        x, y = (np.asarray(array) for array in part)
        if x.ndim != 2 or y.shape != x.shape[:1] or x.dtype.kind != "f" or y.dtype.kind not in "iu":
            raise ValueError(
                f"expected {name} images (n, pixels) of floats and digits (n,) of integers, found "
                f"{x.dtype} {x.shape} and {y.dtype} {y.shape}"
            )
        checked.append((x, y))
    return checked[0], checked[1], checked[2]
