"""What a classifier must beat: guessing a digit by how much ink it has."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def average_darkness_baseline(
    train: tuple[ArrayLike, ArrayLike], test: tuple[ArrayLike, ArrayLike]
) -> float:
    """Accuracy on `test` of guessing the class whose mean darkness in `train` is the nearest.

    `train` and `test` are pairs of images (n, pixels) and integer labels (n,), such as the parts
    of `load_mnist()`, where it is 0.2225. The darkness of an image is the sum of its pixels.
    Returns a fraction from 0 to 1. Raises ValueError where a part is empty or its images and
    labels differ in number.

    Source: M. Nielsen, "Neural Networks and Deep Learning", chapter 1.
    """
    darkness, labels = _darkness("train", *train)
    classes, index = np.unique(labels, return_inverse=True)
    means = np.bincount(index, darkness) / np.bincount(index)
    darkness, labels = _darkness("test", *test)
    guess = classes[np.abs(darkness[:, None] - means).argmin(axis=1)]
    return float(np.mean(guess == labels))


def _darkness(
    part: str, images: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    x, y = np.asarray(images), np.asarray(labels)
    if x.ndim != 2 or y.shape != x.shape[:1] or len(y) == 0:
        raise ValueError(
            f"{part}: expected images (n, pixels) and labels (n,), n at least 1, "
            f"found the shapes {x.shape} and {y.shape}"
        )
    return x.sum(axis=1, dtype=np.float64), y
