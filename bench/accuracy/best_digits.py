"""How good a plain network gets at MNIST in so many minutes, from nothing.

python bench/accuracy/best_digits.py [--minutes 30] [--cores 2] [--seeds 3]

A network of dense layers alone, trained on 50,000 distorted images. The 10,000 validation images
are for choosing; nothing is chosen by the test images. Prints the curve of both accuracies against
minutes, which is that of the weights of the moment, and in the end those of the averaged weights;
of several seeds the median.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import nncore
from nncore import costs, schedules
from nncore.augment import Affine, Elastic
from nncore.callbacks import AverageWeights, Callback

DISTORTIONS = Elastic(36, sigma=6) + Affine(rotation=15, scaling=0.15, shear=0.15, shift=1.5)


class Curve(Callback):
    """Prints where training stands, now and then."""

    def __init__(self, data: Any, lines: int) -> None:
        self.data, self.lines, self.started = data, lines, time.perf_counter()

    def on_epoch_end(self, run: Any) -> None:
        every = max(1, len(run.epochs) // self.lines)
        if (run.epoch + 1) % every and run.epoch + 1 != run.epochs.stop:
            return
        minutes = (time.perf_counter() - self.started) / 60
        validation = run.net.evaluate(*self.data.validation).accuracy
        test = run.net.evaluate(*self.data.test).accuracy
        print(
            f"{minutes:8.2f} {run.epoch + 1:6} {100 * validation:11.2f} {100 * test:7.2f}",
            flush=True,
        )


def network(layers: list[int], seed: int, smoothing: float) -> nncore.Network:
    return nncore.Network(
        [784, *layers, 10],
        activation="relu",
        output_activation="softmax",
        cost=costs.LogLikelihood(label_smoothing=smoothing),
        seed=seed,
    )


def train(data: Any, seed: int, options: argparse.Namespace) -> tuple[float, float]:
    """Trains for so many minutes; returns the accuracies on validation and test images."""
    started = time.perf_counter()
    settings: dict[str, Any] = {
        "batch_size": options.batch_size,
        "optimizer": "adam",
        "augment": DISTORTIONS,
        "progress": False,
    }
    probe = network(options.layers, seed, options.smoothing)
    seconds = probe.fit(*data.train, epochs=1, **settings)["seconds"][0]
    left = 60 * options.minutes - (time.perf_counter() - started)
    epochs = max(2, int(left / (1.03 * seconds)))
    net = network(options.layers, seed, options.smoothing)
    curve = Curve(data, lines=20)
    curve.started = started
    net.fit(
        *data.train,
        epochs=epochs,
        learning_rate=schedules.Cosine(options.rate, epochs=epochs),
        callbacks=[curve, AverageWeights(start=epochs - max(1, epochs // 10))],
        **settings,
    )
    return net.evaluate(*data.validation).accuracy, net.evaluate(*data.test).accuracy


def _sizes(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--layers", default="1000,500", type=lambda s: [int(n) for n in s.split(",")]
    )
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--smoothing", type=float, default=0.0)
    options = parser.parse_args()
    nncore.set_num_threads(options.cores)
    data = nncore.datasets.load_mnist()
    results = []
    for seed in range(1, options.seeds + 1):
        print(f"seed {seed}\n minutes  epoch  validation    test")
        results.append(train(data, seed, options))
        validation, test = results[-1]
        print(f"averaged weights: validation {100 * validation:.2f}, test {100 * test:.2f}")
    validation, test = (statistics.median(column) for column in zip(*results, strict=True))
    print(f"median of {options.seeds}: validation {100 * validation:.2f}, test {100 * test:.2f}")


if __name__ == "__main__":
    main()
