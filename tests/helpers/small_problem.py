"""What the tests of fit train: a small problem and a small network."""

from __future__ import annotations

from typing import Any

import numpy as np

from nncore import Network

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5))
Y = (X @ RNG.normal(size=(5, 3))).argmax(axis=1)


def network(**options: Any) -> Network:
    return Network([5, 6, 3], **{"seed": 1, "dtype": "float64", **options})


def bits(net: Network) -> bytes:
    return b"".join(np.ascontiguousarray(p).tobytes() for p in net.weights + net.biases)
