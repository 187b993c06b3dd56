"""MNIST in the two shapes of the book's module `mnist_loader` (chapter 1).

The images come from `nncore.datasets.load_mnist`, which looks in NNCORE_DATA and then in a cache;
where they are in neither, from the book's own file at its place, ../data/mnist.pkl.gz; else they
are downloaded the first time. Any such file, `expand_mnist`'s too, may be named instead. Pixels are
bytes over 255; the book's own file has them over 256.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nncore.book import _pickle_file
from nncore.book._pickle_file import Images
from nncore.book._shared import Array, vectorized_result
from nncore.datasets import load_mnist
from nncore.datasets.mnist import find_mnist

__all__ = ["load_data", "load_data_wrapper", "vectorized_result"]

BOOKS_FILE = "../data/mnist.pkl.gz"

Pairs = list[tuple[Array, Any]]


def load_data(path: str | os.PathLike[str] | None = None) -> tuple[Images, Images, Images]:
    """Training, validation and test data, each a pair of images (n, 784) and digits (n,).

    Images are float32 in [0, 1]; MNIST has 50,000, 10,000 and 10,000 of them. `path` names a
    gzipped pickle, the book's mnist.pkl.gz or what `expand_mnist` wrote, of which nothing but
    arrays is taken. Raises DataError where that is damaged or another file, OSError where it
    cannot be read.
    """
    if path is None and find_mnist() is None and Path(BOOKS_FILE).is_file():
        path = BOOKS_FILE
    if path is not None:
        return _pickle_file.read(path)
    mnist = load_mnist()
    train, validation, test = ((part.x, part.y) for part in mnist)
    return train, validation, test


def load_data_wrapper(path: str | os.PathLike[str] | None = None) -> tuple[Pairs, Pairs, Pairs]:
    """Training, validation and test data as lists of tuples (x, y), as `Network.SGD` takes them.

    They come from where `load_data(path)` finds them.

    x is a column (784, 1); y is a column (10, 1) in the training data and a digit in the others.
    """
    training, validation, test = load_data(path)
    return (
        [(x, vectorized_result(y)) for x, y in _columns(training)],
        list(_columns(validation)),
        list(_columns(test)),
    )


def _columns(images: Images) -> zip[tuple[Array, Any]]:
    x, y = images
    return zip(x.reshape(len(x), -1, 1), y, strict=True)
