from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Split(NamedTuple):
    """Images and their labels, one a row; unpacks as `x, y`."""

    x: NDArray[np.float32]
    """(n, 784), in [0, 1]; 0 is paper, 1 is ink."""
    y: NDArray[np.int64]
    """(n,), the class of each row, from 0 to 9."""


class Dataset(NamedTuple):
    """The three parts of a data set; unpacks as `train, validation, test`."""

    train: Split
    validation: Split
    test: Split
