"""Small data and networks that the parts attack, and checks that they are still usable."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from harness.base import expect
from nncore import Network

RNG = np.random.default_rng(7)
X = RNG.normal(size=(60, 5)) * (RNG.random((60, 5)) < 0.7)
Y = (X @ RNG.normal(size=(5, 3))).argmax(axis=1)
X32 = X.astype(np.float32)
MANY = RNG.normal(size=(3000, 5)).astype(np.float32)


def network(dtype: str = "float32", seed: int = 3) -> Network:
    """An untrained network."""
    return Network(
        [5, 8, 3],
        activation="tanh",
        output_activation="softmax",
        cost="log_likelihood",
        seed=seed,
        dtype=dtype,
    )


def trained(dtype: str = "float32", seed: int = 3) -> Network:
    """A network with optimiser slots and a history, whose seconds are constant."""
    net = network(dtype, seed)
    net.fit(X, Y, 2, optimizer="adam", validation_data=(X[:9], Y[:9]), progress=False)
    net.history["seconds"][:] = [0.25] * 2
    return net


def book_network(seed: int = 1) -> Network:
    return Network([4, 3, 2], cost="cross_entropy", seed=seed)


def bits(net: Any) -> bytes:
    return b"".join(np.ascontiguousarray(p).tobytes() for p in [*net.weights, *net.biases])


def measured(net: Network) -> dict[str, Any]:
    """The history without its column of seconds."""
    columns = {key: list(column) for key, column in dict(net.history).items() if key != "seconds"}
    return {"epochs": list(net.history.epochs), **columns}


def expect_usable(net: Network) -> None:
    """Predicts finite numbers, is not busy, trains, and can be saved to memory."""
    outputs = net.feedforward(X[0])
    expect(np.isfinite(outputs).all(), f"the outputs are not finite: {outputs}")
    expect(net.all_finite(), "parameters are not finite")
    epoch = net.epoch
    net.fit(X[:3], Y[:3], 1, learning_rate=0.01, progress=False)
    expect(net.epoch == epoch + 1, f"one epoch after {epoch} gives {net.epoch}")
    expect(net.all_finite(), "parameters are not finite after another epoch")
    copy.copy(net)
