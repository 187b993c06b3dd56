"""Programs in the manner of the book's figures: `python bench/accuracy/figures.py [NAME ...]`.

Each trains on real MNIST through nncore.book what a figure of chapters 1 to 3 (and 5) shows, with
the figure's numbers of epochs, and a table says how long it took. nncore.datasets.load_mnist finds
MNIST. `--shorter N` divides the epochs by N.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nncore.book import mnist_loader, network, network2

Data = tuple[list[Any], list[Any], list[Any]]


@dataclass
class Figure:
    """What a program has to work with, and what it found."""

    data: Data
    shorter: int
    epochs: int = 0
    found: dict[str, Any] = field(default_factory=dict)

    def of(self, epochs: int) -> int:
        """That many epochs, or fewer where the user wants it shorter; they are counted."""
        epochs = max(1, epochs // self.shorter)
        self.epochs += epochs
        return epochs


def seeded() -> None:
    random.seed(12345678)
    np.random.seed(12345678)  # noqa: NPY002  (the book's networks draw from it)


def first_network(figure: Figure) -> None:
    """Chapter 1: 30 hidden neurons, the quadratic cost, an evaluation after each epoch."""
    training, _, test = figure.data
    seeded()
    net = network.Network([784, 30, 10])
    net.SGD(training, figure.of(30), 10, 3.0, test_data=test)
    figure.found["right"] = net.evaluate(test)


def average_darkness(figure: Figure) -> None:
    """Chapter 1: a digit is the one whose average darkness is nearest."""
    (images, digits), _, (test_images, test_digits) = mnist_loader.load_data()
    darkness = np.array([images[digits == digit].sum(axis=1).mean() for digit in range(10)])
    nearest = np.abs(test_images.sum(axis=1)[:, np.newaxis] - darkness).argmin(axis=1)
    figure.found["right"] = int(sum(nearest == test_digits))


def weight_initialization(figure: Figure) -> None:
    """Chapter 3: large starting weights against scaled ones, with 30 hidden neurons and 100."""
    training, validation, _ = figure.data
    for hidden in (30, 100):
        for large in (False, True):
            seeded()
            net = network2.Network([784, hidden, 10], cost=network2.CrossEntropyCost())
            if large:
                net.large_weight_initializer()
            _, counts, _, _ = net.SGD(
                training, figure.of(30), 10, 0.1, lmbda=5.0, evaluation_data=validation,
                monitor_evaluation_accuracy=True,
            )  # fmt: skip
            figure.found[f"{hidden}, {'large' if large else 'default'}"] = counts


def overfitting(figure: Figure, images: int = 1000, epochs: int = 400, lmbda: float = 0.0) -> None:
    """Chapter 3: 400 epochs on 1,000 images, with all four monitors."""
    training, _, test = figure.data
    seeded()
    net = network2.Network([784, 30, 10], cost=network2.CrossEntropyCost())
    net.large_weight_initializer()
    figure.found["monitors"] = net.SGD(
        training[:images], figure.of(epochs), 10, 0.5, evaluation_data=test, lmbda=lmbda,
        monitor_evaluation_cost=True, monitor_evaluation_accuracy=True,
        monitor_training_cost=True, monitor_training_accuracy=True,
    )  # fmt: skip


def overfitting_regularized(figure: Figure) -> None:
    """Chapter 3: the same with weight decay."""
    overfitting(figure, lmbda=0.1)


def overfitting_full(figure: Figure) -> None:
    """Chapter 3: 30 epochs on all 50,000 images, with all four monitors."""
    overfitting(figure, images=50_000, epochs=30, lmbda=5.0)


def multiple_eta(figure: Figure) -> None:
    """Chapter 3: three learning rates, with the cost on the training data."""
    training, validation, _ = figure.data
    for eta in (0.025, 0.25, 2.5):
        seeded()
        net = network2.Network([784, 30, 10], cost=network2.CrossEntropyCost())
        figure.found[str(eta)] = net.SGD(
            training, figure.of(30), 10, eta, lmbda=5.0, evaluation_data=validation,
            monitor_training_cost=True,
        )[2]  # fmt: skip


def more_data(figure: Figure) -> None:
    """Chapter 3: from 100 images to 50,000, each as many updates."""
    training, validation, _ = figure.data
    for size in (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000):
        seeded()
        net = network2.Network([784, 30, 10], cost=network2.CrossEntropyCost())
        net.large_weight_initializer()
        net.SGD(training[:size], figure.of(1_500_000 // size), 10, 0.5, lmbda=size * 0.0001)
        figure.found[str(size)] = net.accuracy(validation) / 100.0


def gradient_norms(figure: Figure) -> None:
    """Chapter 5: how fast each hidden layer learns, by `backprop` on 1,000 single images."""
    training = figure.data[0][:1000]
    for layers in (2, 3, 4):
        seeded()
        net = network2.Network([784, *[30] * layers, 10], cost=network2.CrossEntropyCost())
        norms = []
        for _ in range(figure.of(20)):
            total = [np.zeros(b.shape) for b in net.biases]
            for x, y in training:
                nabla_b, _ = net.backprop(x, y)
                total = [t + nabla for t, nabla in zip(total, nabla_b, strict=True)]
            norms.append([float(np.linalg.norm(t / len(training))) for t in total[:-1]])
            net.SGD(training, 1, 1000, 0.1, lmbda=5.0)
        figure.found[str(net.num_layers)] = norms


def outputs_one_by_one(figure: Figure) -> None:
    """Chapters 1 and 3: each test image through `feedforward` alone, for those that are wrong."""
    training, _, test = figure.data
    seeded()
    net = network2.Network([784, 30, 10])
    net.SGD(training, figure.of(1), 10, 0.5, lmbda=5.0)
    wrong = [i for i, (x, y) in enumerate(test) if np.argmax(net.feedforward(x)) != y]
    figure.found["wrong"] = wrong
    figure.found["weights"] = [w.tolist() for w in net.weights]


FIGURES: tuple[Callable[[Figure], None], ...] = (
    first_network, average_darkness, weight_initialization, overfitting, overfitting_regularized,
    overfitting_full, multiple_eta, more_data, gradient_norms, outputs_one_by_one,
)  # fmt: skip


def run(program: Callable[[Figure], None], data: Data, shorter: int = 1) -> tuple[Figure, float]:
    """What it found, as JSON keeps it, and the seconds that it took."""
    figure = Figure(data, shorter)
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        program(figure)
    json.dumps(figure.found)
    return figure, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = [program.__name__ for program in FIGURES]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--shorter", type=int, default=1, metavar="N")
    options = parser.parse_args()
    for name in options.names:
        if name not in names:
            parser.error(f"no program is called {name}; there are {', '.join(names)}")
    start = time.perf_counter()
    data = mnist_loader.load_data_wrapper()
    print(f"{'program':<26}{'epochs':>8}{'seconds':>9}")
    print(f"{'load_data_wrapper':<26}{'':>8}{time.perf_counter() - start:>9.2f}")
    for program in FIGURES:
        if not options.names or program.__name__ in options.names:
            figure, seconds = run(program, data, options.shorter)
            print(f"{program.__name__:<26}{figure.epochs:>8,}{seconds:>9.2f}", flush=True)


if __name__ == "__main__":
    main()
