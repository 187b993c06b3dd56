"""MNIST in the two shapes of the book's module `mnist_loader` (chapter 1).

The images come from `nncore.datasets.load_mnist`, which looks in NNCORE_DATA and then in a cache,
and downloads them the first time. Pixels are the files' bytes over 255; the book's own file has
them over 256.
"""

from __future__ import annotations

from typing import Any

from nncore.book._shared import Array, vectorized_result
from nncore.datasets import load_mnist

__all__ = ["load_data", "load_data_wrapper", "vectorized_result"]

Images = tuple[Array, Array]
Pairs = list[tuple[Array, Any]]


def load_data() -> tuple[Images, Images, Images]:
    """Training, validation and test data, each a pair of images (n, 784) and digits (n,).

    Images are float32 in [0, 1]; there are 50,000, 10,000 and 10,000 of them.
    """
    mnist = load_mnist()
    train, validation, test = ((part.x, part.y) for part in mnist)
    return train, validation, test


def load_data_wrapper() -> tuple[Pairs, Pairs, Pairs]:
    """Training, validation and test data as lists of tuples (x, y), as `Network.SGD` takes them.

    x is a column (784, 1); y is a column (10, 1) in the training data and a digit in the others.
    """
    training, validation, test = load_data()
    return (
        [(x, vectorized_result(y)) for x, y in _columns(training)],
        list(_columns(validation)),
        list(_columns(test)),
    )


def _columns(images: Images) -> zip[tuple[Array, Any]]:
    x, y = images
    return zip(x.reshape(len(x), -1, 1), y, strict=True)
