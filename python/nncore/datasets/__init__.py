"""Data to learn from: MNIST and its relatives, drawn digits, and any IDX file."""

from __future__ import annotations

import os
from pathlib import Path

from nncore.datasets._types import Dataset, Split
from nncore.datasets.baseline import average_darkness_baseline
from nncore.datasets.digits import load_digits, make_digits
from nncore.datasets.idx import load_idx
from nncore.datasets.mnist import load_mnist
from nncore.errors import DataError

__all__ = [
    "Dataset",
    "Split",
    "average_darkness_baseline",
    "load",
    "load_digits",
    "load_idx",
    "load_mnist",
    "make_digits",
]


def load(source: str | os.PathLike[str]) -> Dataset:
    """Load a data set: "mnist", "digits", or a directory with four IDX files named as MNIST's.

    Raises DataError where there is no such data set or directory, and as `load_mnist` does.
    """
    if source == "mnist":
        return load_mnist()
    if source == "digits":
        return load_digits()
    if not Path(source).expanduser().is_dir():
        raise DataError(
            f'expected the data set "mnist" or "digits", or a directory of IDX files, '
            f'found "{os.fspath(source)}"'
        )
    return load_mnist(source)
