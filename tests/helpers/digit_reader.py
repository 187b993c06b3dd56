"""A network that reads the digits that nncore draws."""

from __future__ import annotations

import nncore
from nncore.datasets import make_digits


def digit_reader() -> nncore.Network:
    net = nncore.Network(
        [784, 64, 10],
        activation="relu",
        output_activation="softmax",
        cost="log_likelihood",
        seed=1,
    )
    options = {"optimizer": "adam", "learning_rate": 0.003, "batch_size": 64, "progress": False}
    net.fit(*make_digits(8000, seed=4), epochs=6, **options)
    return net
