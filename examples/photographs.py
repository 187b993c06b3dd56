"""Numbers in photographs: `python examples/photographs.py [MODEL] [PHOTO ...]`.

Without photographs it makes some: rows of digits on grey paper with shade. Without a model it
trains one.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import nncore
from nncore.images import read_number


def trained(rows: int = 8_000, epochs: int = 6) -> nncore.Network:
    """A network that reads single digits."""
    data = nncore.datasets.load_digits(n_train=rows, n_validation=0, n_test=0, seed=4)
    net = nncore.Network(
        [784, 64, 10], activation="relu", output_activation="softmax", cost="log_likelihood", seed=1
    )
    net.fit(*data.train, epochs, 64, 0.003, optimizer="adam")
    return net


def photograph(number: str, seed: int = 0) -> Any:
    """A picture (height, width) of bytes: dark ink on paper that is darker to one side."""
    rng = np.random.default_rng(seed)
    data = nncore.datasets.load_digits(n_train=0, n_validation=0, n_test=400, seed=100 + seed)
    images, labels = data.test.x.reshape(-1, 28, 28), data.test.y
    digits = [images[rng.choice(np.flatnonzero(labels == int(digit)))] for digit in number]
    inked = [digit[:, digit.max(axis=0) > 0.1] for digit in digits]
    row = np.concatenate([np.pad(digit, ((8, 8), (2, 2))) for digit in inked], axis=1)
    row = np.kron(np.pad(row, 6), np.ones((4, 4)))  # four pixels of the camera for one of the pen
    shade = np.linspace(235, 180, row.shape[1])
    noise = rng.normal(0, 3, row.shape)
    return np.clip(shade * (1 - 0.8 * row) + noise, 0, 255).astype(np.uint8)


def main(arguments: list[str]) -> None:
    models = [argument for argument in arguments if argument.endswith(".safetensors")]
    photos = [argument for argument in arguments if argument not in models]
    net = nncore.Network.load(models[0]) if models else trained()
    if photos:
        for photo in photos:
            reading = read_number(photo, net)
            print(f"{photo}: {reading or 'no number'}, {reading.confidence:.0%} sure")
        return
    for seed, number in enumerate(("2026", "31415", "70", "998", "1642")):
        reading = read_number(photograph(number, seed), net)
        print(f"drawn {number}, read {reading or 'nothing'}, {reading.confidence:.0%} sure")


if __name__ == "__main__":
    main(sys.argv[1:])
