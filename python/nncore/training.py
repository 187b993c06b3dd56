"""The training loop: epochs, what they measure, and the callbacks between them.

The work of an epoch is one call into the core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore import _core, metrics, optimizers, schedules
from nncore._checks import real
from nncore._interrupts import held_back
from nncore._samples import Samples
from nncore.callbacks import Callback
from nncore.errors import DivergenceError, ModelFileError
from nncore.history import History

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


@dataclass
class OptimizerState:
    """An optimiser's memory, which outlives the call of `fit` that made it."""

    optimizer: optimizers.Optimizer
    steps: int
    """Mini-batches so far."""
    slots: list[NDArray[Any]]
    """Flat, each laid out as the core lays out the parameters."""


@dataclass
class Unfinished:
    """An epoch that was left after some of its mini-batches."""

    epoch: int
    rows: int
    batch_size: int
    batches: int


@dataclass
class Resumed:
    """What a checkpoint holds beside the network, until `fit` takes it up."""

    unfinished: Unfinished | None
    callbacks: list[tuple[str, dict[str, Any]]]
    """The class of each callback of the run, and its state."""


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
    trainer: _core.Trainer
    state: OptimizerState
    batch_size: int
    rate: schedules.Schedule
    shuffle: bool
    n_threads: int
    callbacks: list[Callback]
    batches_done: int = 0
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
        """Every mini-batch of one epoch; of one that was left half done, those that remain."""
        net, trainer, rows = self.run.net, self.trainer, len(self.training.data)
        done, self.batches_done = self.batches_done, 0
        order = _core.permutation(rows, seed=net.seed, epoch=net.epoch) if self.shuffle else None
        if done:
            order = np.arange(rows) if order is None else order
            order = order[done * self.batch_size :]
        try:
            self.in_core = True
            return trainer.epoch(
                self.training.data,
                order,
                learning_rate=self.run.learning_rate,
                penalty_rows=rows,
                first_batch=done,
                n_threads=self.n_threads,
            )
        finally:
            self.in_core = False
            self.state.steps = trainer.steps
            net._unfinished = None
            if net.epoch == self.run.epoch:  # left by Ctrl-C, or diverged
                batches = done + trainer.batches
                net._unfinished = Unfinished(net.epoch, rows, self.batch_size, batches)

    def is_within_an_epoch(self) -> bool:
        """Whether mini-batches of the current epoch are still to come."""
        return self.in_core and self.run.net.epoch == self.run.epoch

    def measure(self) -> dict[str, Any]:
        """What an epoch led to, on the training and the validation samples."""
        net, validation = self.run.net, self.validation
        logs = self.training.measure(net)
        if validation is not None:
            cost, accuracy = net.evaluate_dataset(validation.data)
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
        net, state, earlier = self.run.net, self.state, self.run.net._optimizer_state
        net.epoch = self.run.epochs.start
        if earlier is not None and earlier.optimizer == state.optimizer:
            self.trainer.steps = state.steps = earlier.steps
            for slot, before in zip(state.slots, earlier.slots, strict=True):
                slot[...] = before
        net._optimizer_state = state
        net._callbacks, net._unfinished = self.callbacks, None
        self.call("on_train_begin")
        if net._resumed is not None:
            self.resume(net._resumed)
            net._resumed = None

    def resume(self, resumed: Resumed) -> None:
        """Goes on where the checkpoint's run stood: within its epoch, and with its callbacks."""
        here = Unfinished(self.run.net.epoch, len(self.training.data), self.batch_size, 0)
        if resumed.unfinished and replace(resumed.unfinished, batches=0) == here:
            self.batches_done = resumed.unfinished.batches
            self.run.net._unfinished = resumed.unfinished
        waiting = list(self.callbacks)
        for kind, state in resumed.callbacks:
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
