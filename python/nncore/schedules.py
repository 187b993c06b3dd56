"""Learning rates that change from epoch to epoch, for `fit(learning_rate=...)`.

A schedule is a callable(epoch) -> rate, so that any function will do:

>>> halving = lambda epoch: 0.5 * 0.5 ** (epoch // 10)

`epoch` is counted from the first of the call of `fit`, 0. A run that was stopped and goes on, by
`fit` with `initial_epoch`, meets the rates it would have met: there it is counted from where the
run began. The schedules that follow what was measured (`ReduceOnPlateau`, `HalveOnPlateau`) read
the network's history from there on. A run that is longer than its schedule gets a warning.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import ClassVar

from nncore import _core
from nncore._support.checks import integer, real
from nncore._support.warn import warn
from nncore.history import History
from nncore.training.monitor import Monitor

Schedule = Callable[[int], float]


@dataclass(frozen=True)
class _ByEpoch:
    """Schedules that depend on the epoch alone. The core has their equations."""

    name: ClassVar[str]

    def __call__(self, epoch: int) -> float:
        hyperparameters = {key: getattr(self, key) for key in _core.SCHEDULES[self.name]}
        return _core.learning_rate(self.name, hyperparameters, epoch)


@dataclass(frozen=True)
class Constant(_ByEpoch):
    """The same rate in every epoch.

    >>> Constant(0.5)(7)
    0.5
    """

    rate: float

    name: ClassVar[str] = "constant"

    def __post_init__(self) -> None:
        real("rate", self.rate, above=True)


@dataclass(frozen=True)
class Step(_ByEpoch):
    """Multiplies the rate by `factor` after every `every` epochs.

    >>> [Step(1.0, factor=0.5, every=2)(epoch) for epoch in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    rate: float
    factor: float = 0.5
    every: int = 10

    name: ClassVar[str] = "step"

    def __post_init__(self) -> None:
        real("rate", self.rate, above=True)
        real("factor", self.factor, above=True)
        integer("every", self.every, low=1)


@dataclass(frozen=True)
class Exponential(_ByEpoch):
    """rate * factor ** epoch.

    >>> [Exponential(1.0, factor=0.5)(epoch) for epoch in range(3)]
    [1.0, 0.5, 0.25]
    """

    rate: float
    factor: float = 0.95

    name: ClassVar[str] = "exponential"

    def __post_init__(self) -> None:
        real("rate", self.rate, above=True)
        real("factor", self.factor, above=True)


@dataclass(frozen=True)
class InverseScaling(_ByEpoch):
    """rate / (epoch + 1) ** power, after Robbins and Monro (1951).

    >>> [InverseScaling(1.0, power=0.5)(epoch) for epoch in (0, 3, 8)]
    [1.0, 0.5, 0.3333333333333333]
    """

    rate: float
    power: float = 0.5

    name: ClassVar[str] = "inverse_scaling"

    def __post_init__(self) -> None:
        real("rate", self.rate, above=True)
        real("power", self.power)


@dataclass(frozen=True)
class Cosine(_ByEpoch):
    """Falls from `rate` to `final` in half a cosine over `epochs`, then stays there.

    Loshchilov and Hutter, *SGDR* (2017), without the restarts.

    >>> [round(Cosine(1.0, epochs=5)(epoch), 3) for epoch in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """

    rate: float
    epochs: int
    final: float = 0.0

    name: ClassVar[str] = "cosine"

    def __post_init__(self) -> None:
        real("rate", self.rate, above=True)
        integer("epochs", self.epochs, low=1)
        real("final", self.final)


@dataclass(frozen=True)
class OneCycle(_ByEpoch):
    """Rises to `rate` in the first `rise` of the epochs, then falls to almost nothing.

    Starts at rate / `start_factor` and ends at that over `final_factor`, both ways along half a
    cosine. Smith and Topin, *Super-Convergence* (2018).

    >>> cycle = OneCycle(1.0, epochs=11, rise=0.5)
    >>> [round(cycle(epoch), 3) for epoch in (0, 3, 5, 8, 10)]
    [0.04, 0.668, 1.0, 0.345, 0.0]
    """

    rate: float
    epochs: int
    rise: float = 0.3
    start_factor: float = 25.0
    final_factor: float = 1e4

    name: ClassVar[str] = "one_cycle"

    def __post_init__(self) -> None:
        real("rate", self.rate, above=True)
        integer("epochs", self.epochs, low=1)
        real("rise", self.rise, high=1.0, above=True, below=True)
        real("start_factor", self.start_factor, low=1.0)
        real("final_factor", self.final_factor, low=1.0)


@dataclass(frozen=True)
class ReduceOnPlateau:
    """Multiplies the rate by `factor` when `monitor` has not improved for `patience` epochs.

    Args:
        rate: the rate of the first epoch.
        factor: what it is multiplied by, in (0, 1).
        patience: how many epochs without an improvement it takes; the count then starts anew.
        monitor: the column of the history that should improve.
        min_delta: an improvement is more than this.
        min_rate: the rate never falls below this.
        mode: "min", "max", or "auto" to go by the column's name.
    """

    rate: float
    factor: float = 0.1
    patience: int = 10
    monitor: str = "validation_cost"
    min_delta: float = 0.0
    min_rate: float = 0.0
    mode: str = "auto"

    def __post_init__(self) -> None:
        real("rate", self.rate, above=True)
        real("factor", self.factor, high=1.0, above=True, below=True)
        integer("patience", self.patience, low=1)
        real("min_delta", self.min_delta)
        real("min_rate", self.min_rate)
        Monitor(self.monitor, self.mode)

    def follow(self, history: History, since: int = 0) -> Schedule:
        """The rates of a network with this history, to which `fit` is about to add.

        The run began behind the first `since` entries.

        >>> history = History({"cost": [3.0, 2.0, 2.5]}, epochs=range(3))
        >>> rate = ReduceOnPlateau(1.0, factor=0.5, patience=2, monitor="cost").follow(history)
        >>> rate(3)
        1.0
        >>> history.append(3, {"cost": 2.25})
        >>> rate(4)
        0.5
        """
        monitor = Monitor(self.monitor, self.mode, self.min_delta)
        rate, seen = self.rate, since

        def current_rate(epoch: int) -> float:
            nonlocal rate, seen
            measured = history[self.monitor][seen:] if self.monitor in history else []
            for value in measured:
                if not monitor.improved(value) and monitor.waited == self.patience:
                    rate = max(rate * self.factor, self.min_rate)
                    monitor.waited = 0
            seen += len(measured)
            return rate

        return current_rate


@dataclass(frozen=True)
class HalveOnPlateau(ReduceOnPlateau):
    """The book's rule: halve the rate when the accuracy has not improved for n epochs.

    Nielsen, *Neural Networks and Deep Learning*, chapter 3, "Learning rate".

    >>> HalveOnPlateau(0.5, patience=5).monitor
    'validation_accuracy'
    """

    factor: float = 0.5
    monitor: str = "validation_accuracy"


def resolve(
    learning_rate: object, history: History, begin: int = 0, epochs: range = range(0)
) -> Schedule:
    """The callable(epoch) -> rate that a number, a schedule or a callable stands for.

    The run began with epoch `begin` and now trains `epochs`; both are counted from the network's
    first, as the callable's argument is. `history` has what was measured before. Warns where the
    schedule is over before the run.

    Raises:
        TypeError: it is none of these.
        ValueError: a number that is not above 0, or not finite.
    """
    if isinstance(learning_rate, ReduceOnPlateau):
        resumed = takewhile(lambda epoch: begin <= epoch < epochs.start, reversed(history.epochs))
        return learning_rate.follow(history, len(history) - sum(1 for _ in resumed))
    if callable(learning_rate) and not isinstance(learning_rate, type):
        schedule: Schedule = learning_rate
        _warn_if_over(schedule, begin, epochs)
        return lambda epoch: schedule(epoch - begin)
    if not isinstance(learning_rate, numbers.Real):
        raise TypeError(
            "learning_rate must be a number, a schedule or a callable(epoch), "
            f"got {learning_rate!r}"
        )
    return Constant(real("learning_rate", learning_rate, above=True))


def _warn_if_over(schedule: Schedule, begin: int, epochs: range) -> None:
    if not isinstance(schedule, (Cosine, OneCycle)):
        return
    beyond = sum(1 for epoch in epochs if epoch - begin >= schedule.epochs)
    if beyond:
        warn(
            f"{schedule} is over after {schedule.epochs} epochs; the last {beyond} of the "
            f"{len(epochs)} epochs of this run train at the rate {schedule(schedule.epochs):g}"
        )
