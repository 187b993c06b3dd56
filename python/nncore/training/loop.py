"""The training loop: epochs, what they measure, and the callbacks between them.

The work of an epoch is one call into the core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore import _core, metrics, schedules
from nncore._support.checks import real
from nncore.callbacks import Callback
from nncore.errors import DivergenceError, ModelFileError
from nncore.history import History
from nncore.training.interrupts import held_back
from nncore.training.samples import Samples
from nncore.training.state import CallbackState, TrainingState

if TYPE_CHECKING:
    from nncore.network import Network


@dataclass
class Run:
    """One call of `fit`, as its callbacks see it."""

    net: Network
    """The network that is being trained."""
    epochs: range
    """Numbers of the epochs to train, counted from the network's first, 0."""
    columns: tuple[str, ...]
    """What every epoch measures."""
    history: History = field(default_factory=History)
    """This run's epochs; `net.history` has the earlier ones too."""
    epoch: int = 0
    """The current epoch's number."""
    learning_rate: float = 0.0
    """The current epoch's rate."""
    logs: dict[str, Any] = field(default_factory=dict)
    """What the last epoch measured."""
    stopped: bool = False
    """Whether this epoch is the last."""

    def stop(self) -> None:
        """Ends training after this epoch."""
        self.stopped = True


class Measured:
    """Samples to train or measure on, as the core takes them and as the metrics do."""

    def __init__(self, net: Network, samples: Samples, measures: dict[str, metrics.Metric]) -> None:
        self.data = _core.Dataset(net, samples.x, samples.y, samples.weight)
        self.y = samples.y
        self.metrics = metrics.with_threshold(measures, net.activations[-1])
        if len(self.data) == 0:
            raise ValueError("x has no rows; training and validation need one at least")
        metrics.check_targets(measures, samples.y, net.sizes[-1])

    def measure(self, net: Network, prefix: str = "") -> dict[str, Any]:
        if not self.metrics:
            return {}
        outputs = net.feedforward(self.data)
        return {
            prefix + name: _plain(name, metric(self.y, outputs))
            for name, metric in self.metrics.items()
        }


@dataclass
class Loop:
    """What a run trains with, all of it checked."""

    run: Run
    training: Measured
    validation: Measured | None
    state: TrainingState
    trainer: _core.Trainer
    rate: schedules.Schedule
    shuffle: bool
    n_threads: int
    callbacks: list[Callback]
    in_core: bool = False

    def train(self, show_progress: Callable[[Mapping[str, Any]], None]) -> History:
        """Trains and measures epoch after epoch."""
        with held_back(unless=self.is_within_an_epoch) as interrupt:
            self.begin()
            for epoch in self.run.epochs:
                interrupt()
                if self.run.stopped or not self.train_and_measure(epoch):
                    break
                self.call("on_epoch_end")
                show_progress(self.run.logs)
            interrupt()
            self.call("on_train_end")
        return self.run.history

    def train_and_measure(self, epoch: int) -> bool:
        """One epoch, entered in the history; False where it diverged and that is to be the end."""
        run = self.run
        run.epoch, run.learning_rate = epoch, self.rate(epoch)
        self.call("on_epoch_begin")
        run.learning_rate = real("learning_rate", run.learning_rate)
        started = perf_counter()
        try:
            run.logs = {"cost": self.train_epoch()}
        except DivergenceError as error:
            if any(callback.on_divergence(run, error) for callback in self.callbacks):
                return False
            raise
        seconds = perf_counter() - started
        try:
            run.logs |= self.measure()
        finally:  # an epoch that was trained is in the history whatever comes
            run.logs |= {"learning_rate": run.learning_rate, "seconds": seconds}
            run.history.append(epoch, run.logs)
            run.net.history.append(epoch, run.logs)
        return True

    def train_epoch(self) -> float:
        """Every mini-batch of one epoch; of one that was left half done, those that remain.

        What was done of it, and at what cost, the core knows.
        """
        try:
            self.in_core = True
            return self.trainer.epoch(
                self.training.data,
                learning_rate=self.run.learning_rate,
                shuffle=self.shuffle,
                n_threads=self.n_threads,
            )
        finally:
            self.in_core = False

    def is_within_an_epoch(self) -> bool:
        """Whether mini-batches of the current epoch are still to come."""
        return self.in_core and self.run.net.epoch == self.run.epoch

    def measure(self) -> dict[str, Any]:
        """What an epoch led to, on the training and the validation samples."""
        net, validation = self.run.net, self.validation
        logs = self.training.measure(net)
        if validation is not None:
            cost, accuracy = _core.evaluate(net, validation.data)
            logs["validation_cost"] = cost
            if accuracy is not None:
                logs["validation_accuracy"] = accuracy
            logs |= validation.measure(net, "validation_")
        return logs

    def call(self, hook: str) -> None:
        """One hook of every callback."""
        for callback in self.callbacks:
            getattr(callback, hook)(self.run)

    def begin(self) -> None:
        """Takes up what earlier calls, or a checkpoint, left on the network."""
        self.run.net.epoch = self.run.epochs.start
        self.call("on_train_begin")
        self.restore(self.state.waiting)
        self.state.take_up(self.callbacks)

    def restore(self, states: list[CallbackState]) -> None:
        """Puts the callbacks where those of the checkpoint's run stood."""
        waiting = list(self.callbacks)
        for kind, state in states:
            match = next((c for c in waiting if type(c).__qualname__ == kind), None)
            if match is None:
                continue
            waiting.remove(match)
            try:
                match.restore(self.run, state)
            except (KeyError, TypeError, ValueError) as error:
                raise ModelFileError(
                    f"the checkpoint's state is not that of this {kind}: {error!r}"
                ) from error


def _plain(name: str, value: Any) -> Any:
    """Numbers as floats and arrays as lists: what a history holds."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"metric {name!r} must return a number or an array of them, got {value!r}")
    return array.tolist() if array.ndim else float(array)
