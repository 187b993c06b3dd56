"""Code that `fit` calls between epochs.

Subclass `Callback` and override what you need:

>>> class Announce(Callback):
...     def on_epoch_end(self, run):
...         print(f"epoch {run.epoch} cost {run.logs['cost']:.2f}")

Every hook gets the `nncore.training.Run`: the network `run.net`, the number `run.epoch`, what the
epoch measured `run.logs`, the run's `run.history`, the rate `run.learning_rate` (which
`on_epoch_begin` may change), and `run.stop()`, which ends training after this epoch. A hook may
predict, evaluate, save and change parameters. Whatever it raises leaves `fit`, with the network
as it stood.

`on_batch_end` comes after mini-batches, every one or each `batch_stride`th; that costs time only
where a callback overrides it. It sees `run.batch`, `run.step` and `run.batch_cost`, and may change
the rate of the mini-batches that follow and `run.stop()` within the epoch:

>>> import time
>>> class TimeLimit(Callback):
...     batch_stride = 100
...     def on_train_begin(self, run):
...         self.end = time.monotonic() + 60
...     def on_batch_end(self, run):
...         if time.monotonic() > self.end:
...             run.stop()
"""

from __future__ import annotations

import csv
import io
import math
import os
import time
from collections.abc import Callable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore import schedules
from nncore._support.checks import integer, real
from nncore._support.extras import require
from nncore._support.files import append_file, check_replaceable, replace_file
from nncore.errors import DivergenceError, ModelFileError
from nncore.training.monitor import Monitor

if TYPE_CHECKING:
    from nncore._model import Model
    from nncore.training.run import Run


class Callback:
    """What `fit` calls, and when; each hook does nothing until it is overridden.

    Attributes:
        monitor: the column of the history that it follows, checked by `fit` before any work;
            None for none.
        saves: whether it saves the network. It is then called after the others, so that it saves
            their state of the same epoch.
        batch_stride: every how many mini-batches of an epoch `on_batch_end` is called; None for
            never. Looked at as each epoch begins.
    """

    monitor: str | None = None
    saves: bool = False
    batch_stride: int | None = 1

    def on_train_begin(self, run: Run) -> None:
        """Once, before the first epoch; state of an earlier run should be forgotten here."""

    def on_epoch_begin(self, run: Run) -> None:
        """Before an epoch's first mini-batch, with its learning rate in `run.learning_rate`."""

    def on_batch_end(self, run: Run) -> None:
        """After each `batch_stride`th mini-batch of an epoch, between its updates.

        The network is busy: to ask it for anything is a BusyError.
        """

    def on_epoch_end(self, run: Run) -> None:
        """After an epoch was measured and entered in the history."""

    def on_divergence(self, run: Run, error: DivergenceError) -> bool:
        """When an epoch left the finite numbers; True ends training there without the error.

        The network's parameters are those of the epoch's start.
        """
        return False

    def on_train_end(self, run: Run) -> None:
        """Once, after the last epoch; not where an error or Ctrl-C ended the run."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint stores of it, by name: numbers, strings, None, and arrays."""
        return {}

    def restore(self, run: Run, state: Mapping[str, Any]) -> None:
        """Restores what `state()` returned, after `on_train_begin`, when a run is resumed."""


class EarlyStopping(Callback):
    """Stops when `monitor` has not improved for `patience` epochs.

    Args:
        monitor: any column of the history, such as "validation_cost" or "validation_f1".
        patience: how many epochs without an improvement it takes.
        min_delta: an improvement is more than this.
        mode: "min", "max", or "auto" to go by the column's name.
        restore_best: whether the parameters of the best epoch come back at the end.

    After a run `best` is the best value and `best_epoch` the epoch it was measured in.

    >>> EarlyStopping("validation_accuracy", patience=5).monitor
    'validation_accuracy'
    """

    def __init__(
        self,
        monitor: str = "validation_cost",
        patience: int = 10,
        *,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
    ) -> None:
        self.monitor: str = monitor
        self.patience = integer("patience", patience, low=1)
        self.restore_best = restore_best
        self._progress = Monitor(monitor, mode, real("min_delta", min_delta))
        self.best_epoch: int | None = None
        self._best_parameters: list[NDArray[Any]] = []

    @property
    def best(self) -> float:
        """The best value so far; NaN before the first."""
        return self._progress.best

    def on_train_begin(self, run: Run) -> None:
        self._progress.reset()
        self.best_epoch = None
        self._best_parameters = []

    def on_epoch_end(self, run: Run) -> None:
        if self._progress.improved(run.logs[self.monitor]):
            self.best_epoch = run.epoch
            if self.restore_best:
                self._best_parameters = [np.array(p) for p in _parameters(run)]
        self._stop_when_exhausted(run)

    def on_train_end(self, run: Run) -> None:
        for parameter, best in zip(_parameters(run), self._best_parameters, strict=False):
            parameter[...] = best

    def state(self) -> dict[str, Any]:
        best = {f"parameters.{i}": p for i, p in enumerate(self._best_parameters)}
        progress = self._progress
        return {
            "best": progress.best, "waited": progress.waited, "best_epoch": self.best_epoch, **best
        }  # fmt: skip

    def restore(self, run: Run, state: Mapping[str, Any]) -> None:
        self._progress.best, self._progress.waited = state["best"], state["waited"]
        self.best_epoch = state["best_epoch"]
        if "parameters.0" in state:
            names = (f"parameters.{i}" for i in range(len(_parameters(run))))
            self._best_parameters = [state[name] for name in names]
        self._stop_when_exhausted(run)

    def _stop_when_exhausted(self, run: Run) -> None:
        if self._progress.waited >= self.patience:
            run.stop()


class ModelCheckpoint(Callback):
    """Saves a checkpoint after every epoch, from which `Network.resume` goes on.

    Args:
        path: where; `{epoch}` and the names of the history's columns are filled in, as in
            "run-{epoch:03d}-{validation_accuracy:.4f}.safetensors". Without them each checkpoint
            replaces the one before, whole or not at all.
        monitor: saves only when this column has improved; None saves always.
        mode: "min", "max", or "auto" to go by the column's name.
        every: saves only after every so many epochs.

    Training does not begin where the first checkpoint could not be written (ModelFileError).
    """

    saves = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        monitor: str | None = None,
        *,
        mode: str = "auto",
        every: int = 1,
    ) -> None:
        self.path = os.fspath(path)
        self.monitor = monitor
        self.every = integer("every", every, low=1)
        self._progress = None if monitor is None else Monitor(monitor, mode)

    def on_train_begin(self, run: Run) -> None:
        try:
            first = self.path.format(epoch=0, **dict.fromkeys(run.columns, 0.0))
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"ModelCheckpoint cannot fill in {self.path!r} ({error}); expected epoch or one of "
                + ", ".join(run.columns)
            ) from None
        if "{" not in os.path.dirname(self.path):  # another callback may make such directories
            try:
                check_replaceable(first)
            except OSError as error:
                raise ModelFileError(f"{first}: {error.strerror}") from error
        if self._progress:
            self._progress.reset()

    def on_epoch_end(self, run: Run) -> None:
        if run.net.epoch % self.every != 0:
            return
        if self._progress is None or self._progress.improved(run.logs[self._progress.name]):
            run.net.save_checkpoint(self.path.format(epoch=run.epoch, **run.logs))

    def state(self) -> dict[str, Any]:
        return {"best": self._progress.best} if self._progress else {}

    def restore(self, run: Run, state: Mapping[str, Any]) -> None:
        if self._progress:
            self._progress.best = state.get("best", math.nan)


class AverageWeights(Callback):
    """Averages the weights of several epochs, and leaves the average in the network at the end.

    Weights that training jumps about between often do better together than each alone: Polyak and
    Juditsky (1992); Izmailov et al., *Averaging Weights Leads to Wider Optima* (2018).

    Args:
        start: how many epochs of a run are left out at its beginning.
        decay: None for the mean of all epochs from there on. Else the average moves by 1 - decay of
            the way to each epoch's weights, and so forgets the early ones.

    Training itself goes on from the latest weights, not from the average. A run that an error or
    Ctrl-C ended leaves the latest ones in the network; `network` is a copy that has the average so
    far, None before the first.

    >>> AverageWeights(start=20).count
    0
    """

    def __init__(self, start: int = 0, *, decay: float | None = None) -> None:
        self.start = integer("start", start, low=0)
        self.decay = None if decay is None else real("decay", decay, high=1.0, below=True)
        self.count = 0
        """How many epochs were averaged."""
        self.network: Model | None = None

    def on_train_begin(self, run: Run) -> None:
        self.count, self.network = 0, None

    def on_epoch_end(self, run: Run) -> None:
        if run.epoch - run.begin < self.start:
            return
        self.count += 1
        if self.network is None:
            self.network = copy(run.net)
        else:
            tau = 1 / self.count if self.decay is None else 1 - self.decay
            self.network.copy_from(run.net, tau)

    def on_train_end(self, run: Run) -> None:
        if self.network is not None:
            run.net.copy_from(self.network)

    def state(self) -> dict[str, Any]:
        network = self.network
        arrays = [] if network is None else [*network.weights, *network.biases]
        return {"count": self.count} | {
            f"parameters.{i}": np.array(array) for i, array in enumerate(arrays)
        }

    def restore(self, run: Run, state: Mapping[str, Any]) -> None:
        self.count = int(state["count"])
        if self.count == 0:
            return
        network = copy(run.net)
        for i, parameter in enumerate([*network.weights, *network.biases]):
            parameter[...] = state[f"parameters.{i}"]
        self.network = network


class CSVLogger(Callback):
    """Writes the network's whole history to a CSV file, a line after every epoch.

    The file begins with the epochs of earlier runs, so that it is complete after a resumed run.
    Training does not begin where it cannot be written (OSError).
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._columns: list[str] = []

    def on_train_begin(self, run: Run) -> None:
        earlier = run.net.history
        self._columns = list(dict.fromkeys(["epoch", *earlier.keys(), *run.columns]))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self._columns)
        writer.writeheader()
        writer.writerows(earlier)
        replace_file(self.path, text.getvalue().encode())

    def on_epoch_end(self, run: Run) -> None:
        text = io.StringIO(newline="")
        csv.DictWriter(text, self._columns).writerow({"epoch": run.epoch, **run.logs})
        append_file(self.path, text.getvalue().encode())


class Log(Callback):
    """Hands what each epoch measured to a program that follows experiments.

    `writer` is TensorBoard's SummaryWriter, or whatever else has `add_scalar(name, value, step)`;
    the module mlflow, or whatever else has `log_metrics(values, step=)`; or a function of the
    epoch's number and a dict. Values that are no numbers, such as a confusion matrix, are left out
    of the first two.

    >>> callback = Log(lambda epoch, values: print(epoch, values["cost"]))

    Raises:
        TypeError: `writer` is none of these.
    """

    def __init__(self, writer: Any) -> None:
        self._write: Callable[[int, dict[str, Any]], object]
        if hasattr(writer, "add_scalar"):
            self._write = lambda epoch, values: [
                writer.add_scalar(name, value, epoch) for name, value in _numbers(values).items()
            ]
        elif hasattr(writer, "log_metrics"):
            self._write = lambda epoch, values: writer.log_metrics(_numbers(values), step=epoch)
        elif callable(writer):
            self._write = writer
        else:
            raise TypeError(
                "writer must have add_scalar (TensorBoard) or log_metrics (MLflow), or be a "
                f"function(epoch, values), got {writer!r}"
            )

    def on_epoch_end(self, run: Run) -> None:
        self._write(run.epoch, dict(run.logs))


class LivePlot(Callback):
    """Draws the history in a notebook, anew after each epoch.

    `seconds` is how long a picture stands at least, so that drawing takes no time from training.
    """

    def __init__(self, seconds: float = 0.5) -> None:
        self.seconds = real("seconds", seconds)

    def on_train_begin(self, run: Run) -> None:
        display = require("IPython.display", extra="notebook", purpose="a live plot")
        self._handle = display.display(run.history, display_id=True)
        self._next = time.monotonic()

    def on_epoch_end(self, run: Run) -> None:
        if self._handle is not None and time.monotonic() >= self._next:
            self._handle.update(run.history)
            self._next = time.monotonic() + self.seconds

    def on_train_end(self, run: Run) -> None:
        if self._handle is not None:
            self._handle.update(run.history)


class LearningRateScheduler(Callback):
    """Sets each epoch's rate from a schedule, in place of `fit`'s `learning_rate`.

    Args:
        schedule: whatever `fit` takes for a learning rate: a callable(epoch) or one of
            `nncore.schedules`.
        batch_stride: None for a rate for each epoch. Else `schedule` counts mini-batches from the
            run's first, 0, and is asked for a rate as an epoch begins and after every so many of
            them; its `epochs` are mini-batches then. A run of few epochs learns more so.

    >>> steps = 2 * 60_000 // 32  # of two epochs
    >>> callback = LearningRateScheduler(schedules.Cosine(0.003, epochs=steps), batch_stride=10)

    Raises:
        ValueError: `schedule` follows what epochs measured, and is asked within them.
    """

    def __init__(
        self, schedule: schedules.Schedule | float, *, batch_stride: int | None = None
    ) -> None:
        self.schedule = schedule
        self.monitor = getattr(schedule, "monitor", None)
        self.batch_stride = None
        if batch_stride is None:
            return
        self.batch_stride = integer("batch_stride", batch_stride, low=1)
        if isinstance(schedule, schedules.ReduceOnPlateau):
            raise ValueError(
                f"{type(schedule).__name__} follows what epochs measured; batch_stride is for "
                "schedules that count mini-batches"
            )

    def on_train_begin(self, run: Run) -> None:
        counted = () if self.batch_stride else (run.begin, run.epochs)
        self._rate = schedules.resolve(self.schedule, run.net.history, *counted)

    def on_epoch_begin(self, run: Run) -> None:
        run.learning_rate = self._rate(run.step if self.batch_stride else run.epoch)

    def on_batch_end(self, run: Run) -> None:
        self.on_epoch_begin(run)


class WarmUp(Callback):
    """Raises the rate from mini-batch to mini-batch in the first `steps` of a run.

    The rate is what `fit` and the callbacks before this one give, times 1 / steps for the first
    mini-batch, 2 / steps for the next, and so on up to 1.
    """

    def __init__(self, steps: int) -> None:
        self.steps = integer("steps", steps, low=1)

    def on_epoch_begin(self, run: Run) -> None:
        self._rate = run.learning_rate
        self.batch_stride = 1 if run.step < self.steps else None
        self.on_batch_end(run)

    def on_batch_end(self, run: Run) -> None:
        run.learning_rate = self._rate * min(1.0, (run.step + 1) / self.steps)


class TerminateOnNaN(Callback):
    """Ends training, without an error, when it diverges or anything measured is not a number.

    Without it a training run that leaves the finite numbers raises `DivergenceError`.
    """

    def on_divergence(self, run: Run, error: DivergenceError) -> bool:
        return True

    def on_epoch_end(self, run: Run) -> None:
        if any(isinstance(v, float) and not math.isfinite(v) for v in run.logs.values()):
            run.stop()


class Lambda(Callback):
    """Calls functions of your own, each with the run.

    `batch_stride` is that of `on_batch_end`.

    >>> callback = Lambda(on_epoch_end=lambda run: print(run.logs["cost"]))
    """

    def __init__(
        self,
        *,
        on_train_begin: Callable[[Run], object] | None = None,
        on_epoch_begin: Callable[[Run], object] | None = None,
        on_batch_end: Callable[[Run], object] | None = None,
        batch_stride: int = 1,
        on_epoch_end: Callable[[Run], object] | None = None,
        on_train_end: Callable[[Run], object] | None = None,
    ) -> None:
        hooks = {
            "on_train_begin": on_train_begin,
            "on_epoch_begin": on_epoch_begin,
            "on_batch_end": on_batch_end,
            "on_epoch_end": on_epoch_end,
            "on_train_end": on_train_end,
        }
        self.batch_stride = integer("batch_stride", batch_stride, low=1)
        for name, hook in hooks.items():
            if hook is not None:
                if not callable(hook):
                    raise TypeError(f"{name} must be a function of the run, got {hook!r}")
                setattr(self, name, hook)


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in values.items() if isinstance(value, (int, float))}


def _parameters(run: Run) -> list[NDArray[Any]]:
    return [*run.net.weights, *run.net.biases]
