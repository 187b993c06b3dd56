"""`Network.fit`: its arguments, checked, and handed to the training loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from nncore import _core, optimizers, schedules
from nncore._support.checks import integer, real
from nncore._support.names import check_name
from nncore.callbacks import Callback
from nncore.history import History
from nncore.metrics import Metric
from nncore.metrics import resolve as resolve_metrics
from nncore.training.loop import Loop, Measured, Run
from nncore.training.progress import progress_bar
from nncore.training.samples import ClassWeight, Samples, training_and_validation

if TYPE_CHECKING:
    from nncore.network import Network


def fit(
    net: Network,
    x: Any,
    y: ArrayLike,
    epochs: int = 30,
    batch_size: int = 10,
    learning_rate: float | schedules.Schedule | None = None,
    *,
    optimizer: str | optimizers.Optimizer = "sgd",
    l2: float = 0.0,
    l1: float = 0.0,
    dropout: float | Sequence[float] = 0.0,
    max_norm: float | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    validation_data: Sequence[Any] | None = None,
    validation_split: float = 0.0,
    sample_weight: ArrayLike | None = None,
    class_weight: ClassWeight = None,
    metrics: Iterable[str | Metric] | Mapping[str, str | Metric] | None = None,
    callbacks: Iterable[Callback] | None = None,
    shuffle: bool = True,
    initial_epoch: int | None = None,
    n_threads: int | None = None,
    progress: bool | str = "auto",
) -> History:
    """Trains with mini-batches, and returns what each epoch measured.

    Everything is checked before any work is done. Training again goes on from where the network
    stands: `fit` for 10 epochs and then for 20 is `fit` for 30, to the last bit, as long as the
    optimiser and its hyperparameters are the same; with others its memory starts anew. An epoch
    that Ctrl-C ended goes on with the mini-batches that remain, as long as there are as many rows
    in mini-batches of the same size.

    Args:
        x: (n, sizes[0]) numbers of any real dtype and order, or a scipy sparse matrix. Read
            without a copy where it is C-contiguous in the network's dtype.
        y: integer labels (n,), or targets (n, sizes[-1]); (n,) will do for one output.
        epochs: how many to train; with `initial_epoch`, the number to train up to.
        batch_size: rows in a mini-batch; the last one of an epoch may be shorter.
        learning_rate: a number, one of `nncore.schedules`, or any callable(epoch) -> rate. None
            is the optimiser's own default; for "sgd" with sigmoid outputs and the quadratic cost
            that is 3.0, as in the book's chapter 1.
        optimizer: a name or one of `nncore.optimizers`.
        l2, l1: penalties l2 / (2 n) |w|^2 and l1 / n |w|_1 on the weights, where n is the number
            of training rows (the book's lambda, equations 85 and 95).
        dropout: the chance of each hidden unit to sit out a mini-batch; or a list with a rate
            for the inputs and for each hidden layer.
        max_norm: bound of the norm of each unit's incoming weights.
        clip_norm, clip_value: bounds of the gradient's norm and of each of its elements.
        validation_data: (x, y) or (x, y, sample_weight), measured after every epoch.
        validation_split: this fraction of the rows, taken from the end, in its place.
        sample_weight: (n,), how much each row counts.
        class_weight: a dict from label to weight, or "balanced" for n / (classes * count).
        metrics: names from `nncore.metrics`, or callables(y_true, outputs), measured after every
            epoch on all training and validation rows. A dict gives them names.
        callbacks: of `nncore.callbacks`, called in their order, those that save last.
        shuffle: whether rows come in a new order each epoch, drawn from the network's seed.
        initial_epoch: the number of the next epoch. With net.epoch, a run that was resumed ends
            where it would have ended.
        n_threads: at most so many; None for `nncore.set_num_threads`'s.
        progress: a progress bar (tqdm): True, False, or "auto" for where somebody watches.

    Returns:
        The epochs of this call, as `History` describes them; `net.history` has all epochs.

    Raises:
        ValueError, TypeError: an argument is wrong; the message says what was expected.
        DivergenceError: training left the finite numbers; the network keeps its last finite
            epoch. A smaller learning rate may help.
        BusyError: the network is being trained already, or another thread is asking it for a
            prediction as an epoch begins.
        KeyboardInterrupt: Ctrl-C, after the current mini-batch; the network can be used, and
            its `history` has the epochs that were finished.

    >>> import numpy as np, nncore
    >>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> net = nncore.Network([2, 4, 1], activation="tanh", seed=1, cost="cross_entropy")
    >>> history = net.fit(x, [0, 1, 1, 0], 300, batch_size=4, learning_rate=2.0)
    >>> net.predict(x)
    array([0, 1, 1, 0])
    """
    with _core.Session(net):
        samples, held_out = training_and_validation(
            Samples.of(x, y, sample_weight), validation_data, validation_split
        )
        measures = resolve_metrics(metrics)
        training = Measured(net, samples.weighted(class_weight, net.sizes[-1]), measures)
        validation = None if held_out is None else Measured(net, held_out, measures)
        optimizer = optimizers.resolve(optimizer)
        batch_size = integer("batch_size", batch_size, low=1)
        if learning_rate is None:
            learning_rate = _default_rate(net, optimizer)
        numbers = _epoch_numbers(net, epochs, initial_epoch)
        run = Run(net, numbers, _columns(training, validation))
        found = _in_order(callbacks)
        for follower in (learning_rate, *found):
            _check_monitor(follower, run.columns)
        loop = Loop(
            run=run,
            training=training,
            validation=validation,
            rate=schedules.resolve(learning_rate, net.history),
            shuffle=_truth("shuffle", shuffle),
            n_threads=_thread_count(n_threads),
            callbacks=found,
            state=net._training,
            trainer=net._training.trainer_for(
                net,
                batch_size=min(batch_size, len(training.data)),
                optimizer=optimizer.name,
                hyperparameters=optimizer.hyperparameters(),
                l2=real("l2", l2),
                l1=real("l1", l1),
                max_norm=_bound("max_norm", max_norm),
                clip_norm=_bound("clip_norm", clip_norm),
                clip_value=_bound("clip_value", clip_value),
                dropout=_dropout_rates(net, dropout),
            ),
        )
        with progress_bar(progress, len(loop.run.epochs)) as show_progress:
            return loop.train(show_progress)


def _columns(training: Measured, validation: Measured | None) -> tuple[str, ...]:
    names = ["cost", *training.metrics]
    if validation is not None:
        names += ["validation_cost", *["validation_accuracy"] * validation.data.has_classes]
        names += [f"validation_{name}" for name in validation.metrics]
    return (*dict.fromkeys(names), "learning_rate", "seconds")


def _epoch_numbers(net: Network, epochs: int, initial_epoch: int | None) -> range:
    epochs = integer("epochs", epochs, low=0)
    if initial_epoch is None:
        return range(net.epoch, net.epoch + epochs)
    start = integer("initial_epoch", initial_epoch, low=0)
    if start > epochs:
        raise ValueError(f"initial_epoch={start} is beyond epochs={epochs}, where training ends")
    return range(start, epochs)


def _default_rate(net: Network, optimizer: optimizers.Optimizer) -> float:
    books = (net.activations[-1], net.cost, optimizer.name) == ("sigmoid", "quadratic", "sgd")
    return 3.0 if books else optimizer.default_learning_rate


def _dropout_rates(net: Network, dropout: float | Sequence[float]) -> list[float]:
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


def _thread_count(n_threads: int | None) -> int:
    return 0 if n_threads is None else integer("n_threads", n_threads, low=1, high=2**31 - 1)


def _truth(name: str, value: object) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def _in_order(callbacks: Iterable[Callback] | None) -> list[Callback]:
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


def _check_monitor(follower: object, columns: tuple[str, ...]) -> None:
    monitor = getattr(follower, "monitor", None)
    if monitor is None or monitor in columns:
        return
    who = type(follower).__name__
    if str(monitor).startswith("validation_") and "validation_cost" not in columns:
        raise ValueError(f"{who} follows {monitor!r}, but there is no validation data")
    check_name(f"column for {who} to follow", monitor, columns)
