"""What `Network.fit` hands to the training loop: its arguments, checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from nncore import _core, optimizers, schedules
from nncore._model import Model
from nncore._support.checks import integer, real
from nncore._support.targets import has_upper_end, out_of_reach
from nncore._support.warn import warn
from nncore.callbacks import Callback
from nncore.data.blocks import Blocks
from nncore.errors import ModelFileError
from nncore.history import History
from nncore.metrics import Metric, accuracy
from nncore.metrics import resolve as resolve_metrics
from nncore.training.blocked import BlockedData
from nncore.training.loop import TrainingLoop, TrainingTask, check_monitor, in_calling_order
from nncore.training.measured import MeasuredBlocks, MeasuredData, naming
from nncore.training.progress import ShowProgress, progress_bar
from nncore.training.rates import layer_factors
from nncore.training.run import Run
from nncore.training.samples import (
    ClassWeight,
    Samples,
    named_validation_data,
    training_and_validation,
    validation_samples,
)
from nncore.training.state import CallbackState

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
        max_norm: float | None,
        clip_norm: float | None,
        clip_value: float | None,
        frozen: Iterable[int],
        layer_rates: Sequence[float] | None,
        bias_rate: float,
        penalty_rows: int | None,
        callbacks: Iterable[Callback] | None,
        shuffle: bool,
        initial_epoch: int | None,
        n_threads: int | None,
        lanes: int | None,
        world: World | Split | None = None,
    ) -> Settings:
        """Raises ValueError or TypeError for what is wrong; see `nncore.Network.fit`."""
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
        bounds = {"max_norm": max_norm, "clip_norm": clip_norm, "clip_value": clip_value}
        of_trainer = {
            "optimizer": rule.name,
            "hyperparameters": rule.hyperparameters(),
            "dropout": dropout_rates(net, dropout),
            **{name: real(name, rate) for name, rate in penalties.items()},
            **{name: _bound(name, bound) for name, bound in bounds.items()},
        }
        of_trainer["lanes"] = _lanes(net, lanes, world)
        of_epoch = {"shuffle": shuffle, "n_threads": threads, "penalty_rows": rows}
        return cls(
            numbers, begin, rule, batch_size, learning_rate, ordered, factors, of_trainer, of_epoch
        )


DatasetOf = Callable[[Model, Samples, ClassWeight], _core.Dataset]


def dataset_of(net: Model, samples: Samples, class_weight: ClassWeight = None) -> _core.Dataset:
    """The samples as the core takes them, each weighted by its class as well."""
    weight = samples.weighted(class_weight, net.sizes[-1]).weight
    return _core.Dataset(net, samples.x, samples.y, weight, samples.columns)


def fit(
    net: Model,
    x: Any,
    y: ArrayLike | None,
    *,
    validation_data: Sequence[Any] | Blocks | None,
    validation_split: float,
    X_val: Any,
    y_val: ArrayLike | None,
    sample_weight: ArrayLike | None,
    class_weight: ClassWeight,
    metrics: Iterable[str | Metric] | Mapping[str, str | Metric] | None,
    progress: bool | str,
    make_dataset: DatasetOf = dataset_of,
    stop: _core.StopFlag | None = None,
    world: World | Split | None = None,
    **settings: Any,
) -> History:
    """Trains a network; see `nncore.Network.fit`.

    x and validation_data may be `Samples`, which `make_dataset` then gets as they are. `stop`
    ends training behind a mini-batch, as a callback does. On several ranks `world` has them.
    """
    validation_data = named_validation_data(validation_data, "validation_data", X_val, y_val)
    ranks = None
    if world is not None:
        from nncore.distributed.task import Ranks

        ranks = Ranks(world)
    with _core.Session(net):
        measures = resolve_metrics(metrics)
        training: MeasuredData | BlockedData
        if isinstance(x, Blocks):
            if ranks is not None:
                raise TypeError("Blocks are for one process; on several ranks give fit arrays")
            _refuse_with_blocks(y, sample_weight, class_weight, validation_split)
            held_out = None if validation_data is None else validation_samples(validation_data)
            training = BlockedData(net, x)
        else:
            samples, held_out = training_and_validation(
                Samples.of(x, y, sample_weight), validation_data, validation_split
            )
            if ranks is None:
                data = make_dataset(net, samples, class_weight)
                training = MeasuredData(net, samples, measures, data)
            else:
                training = ranks.training_data(net, samples, class_weight, measures)
        validation: MeasuredData | MeasuredBlocks | None = None
        if held_out is not None:
            with naming("validation_data" if validation_data is not None else None):
                if isinstance(held_out, Blocks):
                    validation = MeasuredBlocks(net, held_out, measures)
                else:
                    data = make_dataset(net, held_out, None)
                    validation = MeasuredData(net, held_out, measures, data)
        if isinstance(training, MeasuredData):
            _check_reach(net, training)
        given = Settings.of(net, world=world, **settings)
        callbacks, rows = given.callbacks, len(training)
        if ranks is not None:
            ranks.check(given)
            rows = ranks.rows(rows)
            if not ranks.is_first:
                callbacks, progress = [], False
        run = Run(net, given.epochs, _columns(training, validation, measures), given.begin)
        for follower in (given.learning_rate, *given.callbacks):
            check_monitor(follower, run.columns)
        rate = schedules.resolve(given.learning_rate, net.history, given.begin, given.epochs)
        batch_size = min(given.batch_size, rows)
        trainer = net.training_state.trainer_for(net, batch_size=batch_size, **given.of_trainer)
        trainer.set_rates(given.layer_factors)
        with progress_bar(progress, len(run.epochs)) as show_progress:
            options = given.of_epoch | {"stop": stop}
            task = (FitTask if ranks is None else ranks.task)(
                run, training, validation, trainer, rate, batch_size, options, show_progress
            )
            net.training_state.begin = given.begin
            resume = partial(_resume_callbacks, run, callbacks)
            TrainingLoop(task, callbacks).train(after_begin=resume)
            if ranks is not None:
                ranks.end(net)
    return run.history


class FitTask(TrainingTask):
    """What `Network.fit` trains: each epoch in one call, measured by the metrics asked for."""

    def __init__(
        self,
        run: Run,
        training: MeasuredData | BlockedData,
        validation: MeasuredData | MeasuredBlocks | None,
        trainer: _core.Trainer,
        schedule: schedules.Schedule,
        batch_size: int,
        options: Mapping[str, Any],
        show_progress: ShowProgress,
    ) -> None:
        super().__init__(run)
        self.training, self.validation = training, validation
        self.trainer, self.schedule = trainer, schedule
        self.batch_size = batch_size
        run.batches = -(-self.rows() // self.batch_size)
        self.options, self.show_progress = options, show_progress

    def rows(self) -> int:
        return len(self.training)

    def learning_rate(self) -> float:
        return self.schedule(self.run.epoch)

    def batches_done(self) -> int:
        if (position := self.trainer.position) is None:
            return 0
        epoch, rows, batch_size, done, *_ = position
        same = (epoch, rows, batch_size) == (self.run.epoch, self.rows(), self.batch_size)
        return done if same else 0

    def should_stop(self) -> bool:
        stop: _core.StopFlag | None = self.options["stop"]
        return stop is not None and stop.is_set()

    def train_epoch(self) -> float:
        if isinstance(self.training, BlockedData):
            stands_at = self.batches_done() * self.batch_size
            windows = self.training.windows(
                self.run.net, self.batch_size, stands_at, bool(self.options["shuffle"])
            )
            with closing(windows) as parts:
                return self.epoch_of_parts(self.trainer, parts, **self.options)
        return self.epoch_in_core(self.trainer, self.training.data, **self.options)

    def measure(self) -> dict[str, Any]:
        logs = self.training.measure(self.run.net)
        if self.validation is not None:
            logs |= self.validation.validate(self.run.net)
        return logs

    def report(self) -> None:
        self.show_progress(self.run.logs)


def _resume_callbacks(run: Run, callbacks: list[Callback]) -> None:
    """Puts the callbacks where those of a checkpoint's run stood, and into the next checkpoint."""
    state = run.net.training_state
    remaining = list(callbacks)
    for kind, saved in state.pending:
        match = next((c for c in remaining if type(c).__qualname__ == kind), None)
        if match is None:
            continue
        remaining.remove(match)
        try:
            match.restore(run, saved)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"the checkpoint's state is not that of this {kind}: {error!r}"
            ) from error
    state.follow(partial(_states_of, callbacks))


def _states_of(callbacks: list[Callback]) -> list[CallbackState]:
    return [(type(callback).__qualname__, callback.state()) for callback in callbacks]


def _refuse_with_blocks(
    y: object, sample_weight: object, class_weight: object, validation_split: object
) -> None:
    """Raises for arguments of `fit` that blocks have themselves, or cannot have."""
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise TypeError(f"Blocks bring their own {name}; leave that of fit out")
    if class_weight is not None:
        raise TypeError("class_weight is for arrays; give Blocks a sample_weight")
    if validation_split:
        raise TypeError("validation_split is for arrays; with Blocks give validation_data")


def _columns(
    training: MeasuredData | BlockedData,
    validation: MeasuredData | MeasuredBlocks | None,
    measures: Mapping[str, Metric],
) -> tuple[str, ...]:
    names = ["cost", *training.metrics]
    if validation is not None:
        if validation.has_classes and measures.get("accuracy", accuracy) is not accuracy:
            raise ValueError(
                "two columns of the history would be called 'validation_accuracy': that of a "
                "metric, and the one that fit measures itself; give the metric another name, as in "
                "metrics={'my_accuracy': ...}"
            )
        names += ["validation_cost", *["validation_accuracy"] * validation.has_classes]
        names += [f"validation_{name}" for name in validation.metrics]
    return (*dict.fromkeys(names), "learning_rate", "seconds")


def _epoch_numbers(net: Model, epochs: int, initial_epoch: int | None) -> range:
    epochs = integer("epochs", epochs, low=0)
    if initial_epoch is None:
        return range(net.epoch, net.epoch + epochs)
    start = integer("initial_epoch", initial_epoch, low=0)
    if start > epochs:
        raise ValueError(f"initial_epoch={start} is beyond epochs={epochs}, where training ends")
    return range(start, epochs)


def _check_reach(net: Model, training: MeasuredData) -> None:
    """Refuses targets that the outputs cannot reach, or warns where they may come near."""
    fault = None if training.data.has_classes else out_of_reach(net, training.y)
    if fault and has_upper_end(net):
        raise ValueError(fault)
    if fault:
        warn(fault)


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
