"""What `Network.fit` hands to the training loop: its arguments, checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from nncore import _core, schedules
from nncore._model import Model
from nncore._support.checks import naming
from nncore._support.targets import has_upper_end, out_of_reach
from nncore._support.warn import warn
from nncore.callbacks import Callback
from nncore.data.blocks import Blocks
from nncore.errors import ModelFileError
from nncore.history import History
from nncore.metrics import Metric, accuracy
from nncore.metrics import resolve as resolve_metrics
from nncore.training.blocked import BlockedData
from nncore.training.loop import TrainingLoop, check_monitor
from nncore.training.measured import MeasuredBlocks, MeasuredData
from nncore.training.progress import progress_bar
from nncore.training.run import Run
from nncore.training.samples import (
    ClassWeight,
    Samples,
    named_validation_data,
    training_and_validation,
    validation_samples,
)
from nncore.training.settings import Settings
from nncore.training.state import CallbackState
from nncore.training.task import FitTask

if TYPE_CHECKING:
    from nncore.distributed.worlds import Split, World


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
            if settings["augment"] is not None:
                _refuse_sparse(samples.x)
                if ranks is not None and ranks.split is not None:
                    raise ValueError(
                        "augment draws by the numbers of all rows, which no rank of a split has; "
                        "give every rank all rows, as a memory map, and fit world=world"
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


def _refuse_sparse(x: Any) -> None:
    """Raises for rows that are no images."""
    if hasattr(x, "tocsr"):
        raise TypeError(
            "x is a sparse matrix; augment distorts images, which must be a dense array (uint8 "
            "takes a quarter of the memory of float32)"
        )


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


def _check_reach(net: Model, training: MeasuredData) -> None:
    """Refuses targets that the outputs cannot reach, or warns where they may come near."""
    fault = None if training.data.has_classes else out_of_reach(net, training.y)
    if fault and has_upper_end(net):
        raise ValueError(fault)
    if fault:
        warn(fault)
