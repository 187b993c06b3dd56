"""The book's expanded MNIST: every training image and its four shifts by one pixel (chapter 3).

`expand` works on arrays. As a script, `python -m nncore.book.expand_mnist [FILE]` does what the
book's does: 50,000 training images become 250,000, shuffled, in a gzipped pickle of the training,
validation and test data. It takes its name from the book's place, ../data/mnist_expanded.pkl.gz.
"""

from __future__ import annotations

import gzip
import math
import pickle
import random
import sys
from io import BytesIO
from pathlib import Path

import numpy as np

from nncore._support.files import check_replaceable, replace_file
from nncore.book import mnist_loader
from nncore.book._shared import Array

__all__ = ["expand", "main"]

_PIXEL = slice(1, None)
_LAST = slice(None, -1)
_ALL = slice(None)


def expand(x: Array, y: Array) -> tuple[Array, Array]:
    """The images, then all of them moved by one pixel down, up, right and left.

    `x` is (n, side * side), `y` is (n,) or (n, k); the result has 5 n rows, with zeros where an
    image moved away from its edge.
    """
    x, y = np.asarray(x), np.asarray(y)
    side = math.isqrt(x.shape[1]) if x.ndim == 2 else 0
    if x.ndim != 2 or side * side != x.shape[1]:
        raise ValueError(f"expected x of shape (n, side * side), found {x.shape}")
    if len(y) != len(x):
        raise ValueError(f"x has {len(x)} images, y has {len(y)} entries")
    images = x.reshape(-1, side, side)
    moved = np.zeros((5, *images.shape), x.dtype)
    moved[0] = images
    for copy, to, origin in (
        (1, (_ALL, _PIXEL, _ALL), (_ALL, _LAST, _ALL)),
        (2, (_ALL, _LAST, _ALL), (_ALL, _PIXEL, _ALL)),
        (3, (_ALL, _ALL, _PIXEL), (_ALL, _ALL, _LAST)),
        (4, (_ALL, _ALL, _LAST), (_ALL, _ALL, _PIXEL)),
    ):
        moved[copy][to] = images[origin]
    return moved.reshape(5 * len(x), -1), np.concatenate([y] * 5)


def main(path: str = "../data/mnist_expanded.pkl.gz") -> None:
    """Writes the expanded training set, and the validation and test data, to `path`."""
    print("Expanding the MNIST training set")
    if Path(path).exists():
        print("The expanded training set already exists.  Exiting.")
        return
    check_replaceable(path)
    training, validation, test = mnist_loader.load_data()
    x, y = expand(*training)
    order = list(range(len(x)))
    random.shuffle(order)
    print("Saving expanded data. This may take a few minutes.")
    compressed = BytesIO()
    with gzip.GzipFile(fileobj=compressed, mode="wb", compresslevel=1) as file:
        pickle.dump(((x[order], y[order]), validation, test), file, pickle.HIGHEST_PROTOCOL)
    replace_file(path, compressed.getbuffer())


if __name__ == "__main__":
    main(*sys.argv[1:2])
