"""Arguments of `Network.fit` that are checked without its rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore import _core, optimizers, schedules
from nncore._model import Model
from nncore._support.checks import integer, real
from nncore.augment import Augmentation
from nncore.callbacks import Callback
from nncore.history import History
from nncore.training.loop import in_calling_order
from nncore.training.rates import layer_factors

if TYPE_CHECKING:
    from nncore.distributed.worlds import Split, World


@dataclass(frozen=True)
class Settings:
    """Arguments of `fit` that are checked without its rows."""

    epochs: range
    begin: int
    optimizer: optimizers.Optimizer
    batch_size: int
    learning_rate: float | schedules.Schedule
    callbacks: list[Callback]
    layer_factors: list[float]
    of_trainer: dict[str, Any]
    """Options of the core's trainer."""
    of_epoch: dict[str, Any]
    """Options of each epoch."""

    @classmethod
    def of(
        cls,
        net: Model,
        *,
        epochs: int,
        batch_size: int,
        learning_rate: float | schedules.Schedule | None,
        optimizer: str | optimizers.Optimizer,
        l2: float,
        l1: float,
        dropout: float | Sequence[float],
        frozen: Iterable[int],
        layer_rates: Sequence[float] | None,
        bias_rate: float,
        penalty_rows: int | None,
        callbacks: Iterable[Callback] | None,
        shuffle: bool,
        initial_epoch: int | None,
        augment: Augmentation | None,
        n_threads: int | None,
        lanes: int | None,
        world: World | Split | None = None,
        **bounds: float | None,
    ) -> Settings:
        """Raises ValueError or TypeError for what is wrong; see `nncore.Network.fit`.

        `bounds` are the core's other options that are one number, by name; None for 0.
        """
        rule = optimizers.resolve(optimizer)
        batch_size = integer("batch_size", batch_size, low=1)
        if learning_rate is None:
            learning_rate = default_rate(net, rule)
        schedules.resolve(learning_rate, History())
        numbers = _epoch_numbers(net, epochs, initial_epoch)
        begin = _beginning(net, numbers, resumed=initial_epoch is not None)
        ordered = in_calling_order(callbacks)
        factors = layer_factors(net, frozen, layer_rates, bias_rate)
        shuffle, threads = _truth("shuffle", shuffle), _thread_count(n_threads)
        rows = 0
        if penalty_rows is not None:
            rows = integer("penalty_rows", penalty_rows, low=1, high=2**63 - 1)
        penalties = {"l2": l2, "l1": l1}
        of_trainer = {
            "optimizer": rule.name,
            "hyperparameters": rule.hyperparameters(),
            "dropout": dropout_rates(net, dropout),
            "augmentation": _augmentation(augment),
            **{name: real(name, rate) for name, rate in penalties.items()},
            **{name: _bound(name, bound) for name, bound in bounds.items()},
        }
        of_trainer["lanes"] = _lanes(net, lanes, world)
        of_epoch = {"shuffle": shuffle, "n_threads": threads, "penalty_rows": rows}
        return cls(
            numbers, begin, rule, batch_size, learning_rate, ordered, factors, of_trainer, of_epoch
        )


def _epoch_numbers(net: Model, epochs: int, initial_epoch: int | None) -> range:
    epochs = integer("epochs", epochs, low=0)
    if initial_epoch is None:
        return range(net.epoch, net.epoch + epochs)
    start = integer("initial_epoch", initial_epoch, low=0)
    if start > epochs:
        raise ValueError(f"initial_epoch={start} is beyond epochs={epochs}, where training ends")
    return range(start, epochs)


def _beginning(net: Model, epochs: range, resumed: bool) -> int:
    """Where the run of these epochs began; of one that this network did not begin, epoch 0."""
    if not resumed:
        return epochs.start
    begin = net.training_state.begin
    return begin if begin <= epochs.start else 0


def default_rate(net: Model, optimizer: optimizers.Optimizer) -> float:
    """The learning rate where `fit` is given none."""
    books = (net.activations[-1], net.cost, optimizer.name) == ("sigmoid", "quadratic", "sgd")
    return 3.0 if books else optimizer.default_learning_rate


def dropout_rates(net: Model, dropout: float | Sequence[float]) -> list[float]:
    layers = len(net.sizes) - 1
    if isinstance(dropout, Iterable) and not isinstance(dropout, str):
        rates = list(dropout)
        if len(rates) != layers:
            raise ValueError(
                f"dropout has {len(rates)} rates; expected {layers}: one for the inputs and "
                f"one for each of the {layers - 1} hidden layers"
            )
    else:
        rates = [0.0] + [dropout] * (layers - 1)
    rates = [real("dropout", rate, high=1.0, below=True) for rate in rates]
    return rates if any(rates) else []


def _bound(name: str, value: float | None) -> float:
    return 0.0 if value is None else real(name, value, above=True)


def _lanes(net: Model, lanes: int | None, world: World | Split | None) -> int:
    if lanes is not None:
        number = integer("lanes", lanes, low=0, high=_core.MAX_LANES)
    else:
        number = net.training_state.lanes
    return number if world is None else world.checked_lanes(number or None, given=lanes is not None)


def _thread_count(n_threads: int | None) -> int:
    return 0 if n_threads is None else integer("n_threads", n_threads, low=1, high=2**31 - 1)


def _truth(name: str, value: object) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def _augmentation(augment: Augmentation | None) -> dict[str, float]:
    """The numbers of it, none for None."""
    if augment is None:
        return {}
    if not isinstance(augment, Augmentation):
        raise TypeError(
            f"augment must be of nncore.augment, as in Elastic() + Affine(rotation=15), got "
            f"{augment!r}"
        )
    return augment.numbers()
