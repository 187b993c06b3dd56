"""Whether a piece of a row is one digit at all, which networks that know only digits cannot say.

A network of the package's own says so, from a piece's shape, its place in the row and its cuts.
`bench/accuracy/fit_rows.py` trains it: on pieces of rows made of MNIST's training digits and of
`make_digits`, which are digits or are not, and on pieces of letters and shapes.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from nncore.network import Network

from .cuts import Cuts
from .mnist_form import FIELD, FloatImage
from .pieces import Pieces

HALF = FIELD // 2

FREE = 0.005
"""The ink, for the row's height, of a cut that crosses none."""


def log_odds(pieces: Pieces, cuts: Cuts, height: int) -> FloatImage:
    """The log of the odds that pieces are digits, (pieces,), of a row that is `height` high."""
    odds = _network().feedforward(features(pieces, cuts, height))[:, 0]
    odds = np.clip(odds, 1e-4, 1 - 1e-4)
    logs: FloatImage = np.log(odds / (1 - odds))
    return logs


def features(pieces: Pieces, cuts: Cuts, height: int) -> NDArray[np.float32]:
    """What the network sees of each piece, (pieces, 205); lengths are in the row's height."""
    seen = pieces.forms.reshape(-1, HALF, 2, HALF, 2).mean(axis=(2, 4)).reshape(-1, HALF * HALF)
    top, bottom, left, right = (pieces.box / height).T
    crossed = cuts.crossed / height
    before, after = crossed[pieces.first], crossed[pieces.last]
    place = (
        bottom - top,
        right - left,
        (right - left) / (bottom - top),
        pieces.lost / height,
        before,
        after,
        before < FREE,
        after < FREE,
        top,
    )
    return np.concatenate([seen, np.stack(place, axis=1)], axis=1).astype(np.float32)


@lru_cache(maxsize=1)
def _network() -> Network:
    with as_file(files(__package__) / "digit_likeness.safetensors") as path:
        return Network.load(path)
