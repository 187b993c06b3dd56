"""How good a plain network gets at MNIST in so many minutes, from nothing.

python bench/accuracy/best_digits.py [--minutes 30] [--cores 2] [--seeds 1 2 3] [--epochs N]
                                     [--folder DIR]

A network of dense layers alone, trained on 50,000 images that are distorted anew in each epoch,
more weakly in the last ones, whose weights are averaged. The 10,000 validation images are for
choosing; nothing is chosen by the test images. Prints the curve of both accuracies against minutes,
which is that of the weights of the moment, and in the end those of the averaged weights; of several
seeds the median.

How many epochs fit into the minutes is measured first. --epochs says it, and the same number gives
the same bits on every machine, at any number of cores. With --folder the state is kept there after
every few epochs, and the same command goes on from it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import nncore
from nncore import costs
from nncore.augment import Affine, Augmentation, Elastic
from nncore.callbacks import AverageWeights, Callback, LearningRateScheduler, ModelCheckpoint
from nncore.schedules import OneCycle


class Plan(NamedTuple):
    """What served best in so many minutes."""

    minutes: float
    layers: list[int]
    batch_size: int
    rate: float
    smoothing: float


PLANS = (
    Plan(5, [1000, 500], 128, 1.2e-3, 0.0),
    Plan(30, [1500, 1000, 500], 256, 1.2e-3, 0.0),
    Plan(60, [2000, 1500, 1000, 500], 256, 1e-3, 0.0),
)
WEAKER_SHARE = 0.12
"""The share of the epochs, at the end, of weaker distortions and of weights that are averaged."""


def distortions(strength: float) -> Augmentation:
    part = 0.15 * strength
    return Elastic(36 * strength, sigma=6) + Affine(
        rotation=15 * strength, scaling=part, shear=part, shift=1.5 * strength
    )


class Curve(Callback):
    """Prints where training stands, now and then."""

    def __init__(self, data: Any, lines: int = 20) -> None:
        self.data, self.lines, self.before = data, lines, 0.0
        self.started = time.perf_counter()

    @property
    def seconds(self) -> float:
        return self.before + time.perf_counter() - self.started

    def on_epoch_end(self, run: Any) -> None:
        every = max(1, (run.epochs.stop - run.begin) // self.lines)
        if (run.epoch + 1) % every and run.epoch + 1 != run.epochs.stop:
            return
        validation, test = (100 * share for share in accuracies(run.net, self.data))
        minutes = self.seconds / 60
        print(f"{minutes:8.2f} {run.epoch + 1:6} {validation:11.2f} {test:7.2f}", flush=True)

    def state(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    def restore(self, run: Any, state: Mapping[str, Any]) -> None:
        self.before, self.started = state["seconds"], time.perf_counter()


class Checkpoint(ModelCheckpoint):
    """Leaves out the last epoch's, which has not the average that its end leaves."""

    def __init__(self, path: Path, every: int, epochs: int) -> None:
        super().__init__(path, every=every)
        self.epochs = epochs

    def on_epoch_end(self, run: Any) -> None:
        if run.net.epoch < self.epochs:
            super().on_epoch_end(run)


def network(options: argparse.Namespace, seed: int) -> nncore.Network:
    # Uniform numbers are drawn without the platform's log and cos, whose last bits differ.
    return nncore.Network(
        [784, *options.layers, 10],
        activation="relu",
        output_activation="softmax",
        cost=costs.LogLikelihood(label_smoothing=options.smoothing),
        initializer="he_uniform",
        seed=seed,
    )


def epochs_within(data: Any, options: argparse.Namespace) -> int:
    """How many epochs fit into the minutes, by the faster of two; measuring takes a part."""
    started = time.perf_counter()
    probe = network(options, seed=0).fit(*data.train, epochs=2, **settings(options, 1.0))
    left = 60 * options.minutes - (time.perf_counter() - started)
    return max(2, int(left / (1.02 * min(probe["seconds"]))))


def settings(options: argparse.Namespace, strength: float) -> dict[str, Any]:
    return {
        "batch_size": options.batch_size,
        "optimizer": "adam",
        "augment": distortions(strength),
        "progress": False,
    }


def train(data: Any, seed: int, epochs: int, options: argparse.Namespace) -> tuple[float, float]:
    """Trains one network; returns the accuracies on validation and test images."""
    file = options.folder and options.folder / f"seed-{seed}-of-{epochs}-epochs.safetensors"
    averaged = file and file.with_suffix(".averaged.safetensors")
    if averaged and averaged.exists():  # it has come to its end
        return accuracies(nncore.Network.load(averaged), data)
    net = nncore.Network.resume(file) if file and file.exists() else network(options, seed)
    weaker = epochs - max(1, round(WEAKER_SHARE * epochs))
    steps = epochs * -(-len(data.train.y) // options.batch_size)
    callbacks = [
        Curve(data),
        LearningRateScheduler(OneCycle(options.rate, steps, rise=0.04), batch_stride=5),
        AverageWeights(start=weaker),
    ]
    if file:
        options.folder.mkdir(parents=True, exist_ok=True)
        callbacks.append(Checkpoint(file, options.every, epochs))
    for last, strength in ((weaker, 1.0), (epochs, options.weaker)):
        if net.epoch < last:
            net.fit(
                *data.train,
                epochs=last,
                initial_epoch=net.epoch,
                callbacks=callbacks,
                **settings(options, strength),
            )
    if averaged:
        net.save(averaged)
    return accuracies(net, data)


def accuracies(net: nncore.Network, data: Any) -> tuple[float, float]:
    return net.evaluate(*data.validation).accuracy, net.evaluate(*data.test).accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument(
        "--epochs", type=int, help="in place of minutes, which are not measured then"
    )
    parser.add_argument("--folder", type=Path, help="where checkpoints are kept")
    parser.add_argument("--every", type=int, default=5, help="epochs between two checkpoints")
    parser.add_argument("--layers", type=lambda text: [int(n) for n in text.split(",")])
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--smoothing", type=float)
    parser.add_argument("--weaker", type=float, default=0.5, help="the last distortions' strength")
    options = parser.parse_args()
    plan = next((plan for plan in PLANS if options.minutes <= plan.minutes), PLANS[-1])
    for name in ("layers", "batch_size", "rate", "smoothing"):
        if getattr(options, name) is None:
            setattr(options, name, getattr(plan, name))
    nncore.set_num_threads(options.cores)
    data = nncore.datasets.load_mnist()
    results = []
    for seed in options.seeds:
        epochs = options.epochs or epochs_within(data, options)
        sizes = "-".join(map(str, (784, *options.layers, 10)))
        print(f"{sizes}, seed {seed}, {epochs} epochs\n minutes  epoch  validation    test")
        results.append(train(data, seed, epochs, options))
        validation, test = results[-1]
        print(f"averaged weights: validation {100 * validation:.2f}, test {100 * test:.2f}")
    validation, test = (statistics.median(column) for column in zip(*results, strict=True))
    print(f"median of {len(results)}: validation {100 * validation:.2f}, test {100 * test:.2f}")


if __name__ == "__main__":
    main()
