"""The training loop: epochs, what they measure, and the callbacks between them.

`Network.fit`, `nncore.sklearn` and `nncore.book` all train with it. What they differ in, each
hands in as a `TrainingTask`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import gcd
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore._support.checks import integer, real
from nncore._support.names import check_name
from nncore.callbacks import Callback
from nncore.errors import DivergenceError
from nncore.training.interrupts import defer_sigint
from nncore.training.run import Run

_EARLIER_EPOCHS = 1000
"""How many epochs of earlier runs a history keeps: training that is called in a loop, a chunk of
the data at a time, would else fill the memory and every pickle."""


EpochPart = tuple[_core.Dataset, NDArray[np.int64] | None, tuple[int, int, int] | None]
"""Rows, their order, and where they are in the epoch: see `part` of `_core.Trainer.epoch`."""


class EpochStopped(Exception):
    """A callback ended the run within an epoch, which is not counted."""


class TrainingTask:
    """What to train, and how; the loop asks for it once an epoch, in the order given here."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.batch_callbacks: list[tuple[Callback, int]] = []
        """Whose `on_batch_end` is to be called in this epoch, and every how many mini-batches."""
        self._in_core = False
        self._last_batch = 0.0, 0.0

    def batches_done(self) -> int:
        """Mini-batches of the epoch `run.epoch` that were trained before it was stopped."""
        return 0

    def learning_rate(self) -> float:
        """The rate of the epoch `run.epoch`, which callbacks may still change."""
        raise NotImplementedError

    def train_epoch(self) -> float:
        """Trains on every mini-batch at the rate `run.learning_rate`; returns the mean cost."""
        raise NotImplementedError

    def measure(self) -> Mapping[str, Any]:
        """What the epoch led to, for the history, before callbacks see it."""
        return {}

    def report(self) -> None:
        """Tells the user about the epoch, after callbacks have seen it."""

    def deliver(self, deliver_sigint: Callable[[], None]) -> None:
        """Between two epochs: delivers a Ctrl-C that was deferred."""
        deliver_sigint()

    def agreed(self, answer: bool) -> bool:
        """The answer of a callback, which may be another process's."""
        return answer

    def should_stop(self) -> bool:
        """Whether this epoch is the last. Not asked where a callback has stopped the run."""
        return False

    def end(self) -> None:
        """After the last epoch, before the callbacks' `on_train_end`."""

    def ends_on_divergence(self, error: DivergenceError) -> bool:
        """Whether an epoch that diverged ends the run without the error."""
        return False

    def ends_on_interrupt(self) -> bool:
        """Whether Ctrl-C ends the run without KeyboardInterrupt."""
        return False

    def can_resume_here(self) -> bool:
        """Whether Ctrl-C may act right now: while mini-batches of an epoch are still to come.

        The core then stops behind a whole mini-batch, and knows where.
        """
        return self._in_core and self.run.net.epoch == self.run.epoch

    def epoch_in_core(
        self,
        trainer: _core.Trainer,
        data: _core.Dataset,
        order: NDArray[np.int64] | None = None,
        **options: Any,
    ) -> float:
        """One epoch as one call into the core; of one that was stopped, the rest.

        Raises:
            EpochStopped: a callback stopped it within.
        """
        return self.epoch_of_parts(trainer, [(data, order, None)], **options)

    def epoch_of_parts(
        self, trainer: _core.Trainer, parts: Iterable[EpochPart], **options: Any
    ) -> float:
        """One epoch as a call into the core for each part; of one that was stopped, the rest.

        Raises:
            EpochStopped: a callback stopped it within.
        """
        run = self.run
        if self.batch_callbacks:
            options.setdefault("mini_batch_costs", np.zeros((run.batches, 3)))
            options["after_batches"] = self.after_batch
            options["batch_stride"] = gcd(*(stride for _, stride in self.batch_callbacks))
        cost = 0.0
        try:
            self._in_core = True
            for data, order, part in parts:
                cost = trainer.epoch(
                    data, order, learning_rate=run.learning_rate, part=part, **options
                )
                if run.stopped:
                    break
        finally:
            self._in_core = False
        if run.net.epoch == run.epoch:
            raise EpochStopped
        if self.batch_callbacks:
            cost_sum, weight, penalty = options["mini_batch_costs"][-1].tolist()
            self._last_batch = cost_sum + weight * penalty, weight
        return cost

    def after_batch(self, number: int, cost: float, weight: float) -> float | None:
        """Calls those that are to be called; returns the rate from now on, None to stop."""
        run = self.run
        run.batch, run.step = number, (run.epoch - run.begin) * run.batches + number + 1
        run.batch_cost = cost / weight if weight > 0 else 0.0
        for callback, stride in self.batch_callbacks:
            if (number + 1) % stride == 0:
                callback.on_batch_end(run)
        run.learning_rate = real("learning_rate", run.learning_rate)
        return None if run.stopped else run.learning_rate

    def after_last_batch(self) -> None:
        """The same, after a whole epoch in the core, which does not call it there."""
        if self.batch_callbacks:
            self.after_batch(self.run.batches - 1, *self._last_batch)


class TrainingLoop:
    """Epoch after epoch of a task, and the callbacks between them."""

    def __init__(self, task: TrainingTask, callbacks: Sequence[Callback] = ()) -> None:
        self.task, self.run, self.callbacks = task, task.run, callbacks

    def train(self, after_begin: Callable[[], None] = lambda: None) -> bool:
        """Trains every epoch of the run; False where something ended it before the last.

        `after_begin` is called between the callbacks' `on_train_begin` and the first epoch.
        """
        with defer_sigint(unless=self.task.can_resume_here) as deliver_sigint:
            self.run.net.epoch = self.run.epochs.start
            if self.run.begin == self.run.epochs.start:  # who resumes a run needs all of it
                self.run.net.history.keep_last(_EARLIER_EPOCHS)
            self._call("on_train_begin")
            after_begin()
            try:
                complete = self._train_epochs(deliver_sigint)
            except KeyboardInterrupt:
                if not self.task.ends_on_interrupt():
                    raise
                complete = False
            self.task.end()
            self._call("on_train_end")
        return complete

    def _train_epochs(self, deliver_sigint: Callable[[], None]) -> bool:
        run, task = self.run, self.task
        for epoch in run.epochs:
            task.deliver(deliver_sigint)
            if run.stopped or not self._train_and_measure(epoch):
                return False
            self._call("on_epoch_end")
            task.report()
            if not run.stopped and task.should_stop():
                run.stop()
        task.deliver(deliver_sigint)
        return not run.stopped

    def _train_and_measure(self, epoch: int) -> bool:
        """One epoch, entered in the history; False where the run ends within it."""
        run, task = self.run, self.task
        run.epoch = epoch
        run.learning_rate = task.learning_rate()
        run.step = (epoch - run.begin) * run.batches + task.batches_done()
        self._call("on_epoch_begin")
        run.learning_rate = real("learning_rate", run.learning_rate)
        task.batch_callbacks = list(_asking_for_batches(self.callbacks))
        started = perf_counter()
        try:
            run.logs = {"cost": task.train_epoch()}
        except EpochStopped:
            return False
        except DivergenceError as error:
            if task.agreed(any(callback.on_divergence(run, error) for callback in self.callbacks)):
                return False
            if task.ends_on_divergence(error):
                return False
            raise
        seconds = perf_counter() - started
        try:
            task.after_last_batch()
            run.logs |= task.measure()
        finally:  # an epoch that was trained is in the history whatever comes
            run.logs |= {"learning_rate": run.learning_rate, "seconds": seconds}
            run.history.append(epoch, run.logs)
            run.net.history.append(epoch, run.logs)
        return True

    def _call(self, hook: str) -> None:
        """One hook of every callback."""
        for callback in self.callbacks:
            getattr(callback, hook)(self.run)


def _asking_for_batches(callbacks: Iterable[Callback]) -> Iterator[tuple[Callback, int]]:
    """The callbacks that want to see mini-batches, and every how many of them."""
    for callback in callbacks:
        hook, stride = callback.on_batch_end, callback.batch_stride
        if getattr(hook, "__func__", None) is not Callback.on_batch_end and stride is not None:
            yield callback, integer("batch_stride", stride, low=1, high=2**63 - 1)


def in_calling_order(callbacks: Iterable[Callback] | None) -> list[Callback]:
    """The callbacks, those that save last.

    Raises:
        TypeError: one is no callback.
    """
    if callbacks is None:
        return []
    found = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for callback in found:
        if not isinstance(callback, Callback):
            raise TypeError(
                f"callbacks must be instances of nncore.callbacks.Callback, got {callback!r}; "
                "Lambda makes one of a function"
            )
    return sorted(found, key=lambda callback: callback.saves)


def check_monitor(follower: object, columns: Sequence[str]) -> None:
    """Raises ValueError where a callback or schedule follows what the run does not measure."""
    monitor = getattr(follower, "monitor", None)
    if monitor is None or monitor in columns:
        return
    who = type(follower).__name__
    if str(monitor).startswith("validation_") and "validation_cost" not in columns:
        raise ValueError(f"{who} follows {monitor!r}, but there is no validation data")
    check_name(f"column for {who} to follow", monitor, columns)
