"""`nncore.Trainer`: one update after the other, from rows that come one at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any, TypeVar

from nncore import _core, costs, optimizers, schedules
from nncore._model import Model
from nncore._support.checks import file_path, integer, real
from nncore._support.labels import labels_as_metadata
from nncore.errors import ModelFileError
from nncore.network import Network
from nncore.training.rates import layer_factors

Rate = float | Callable[[int], float]
Self = TypeVar("Self", bound="Trainer")
_KEY = "trainer"


class Trainer(_core.Trainer):
    """An optimiser that updates a network step by step, for loops of one's own.

    `Network.fit` wants all rows at once; a `Trainer` takes those of the moment: a stream, the
    experience of an agent. It keeps no history. Images that are to be distorted are handed in so:
    `trainer.step(distortions.apply(x, epoch=trainer.steps), y)`; see `nncore.augment`.

    Args:
        net: the network to train; any number of trainers may have one, one after the other.
        optimizer: a name or one of `nncore.optimizers`.
        learning_rate: a number; one of `nncore.schedules`, or any callable(step) -> rate, where
            steps count from 0; None for the optimiser's own default.
        l2, l1: penalties l2 / (2 n) |w|^2 and l1 / n |w|_1 on the weights.
        penalty_rows: n of the penalties: None for the rows of each step.
        dropout, max_norm, clip_norm, clip_value, frozen, layer_rates, bias_rate, n_threads: as in
            `Network.fit`.

    Raises:
        ValueError, TypeError: an argument is wrong; the message says what was expected.

    >>> import numpy as np, nncore
    >>> net = nncore.Network([2, 8, 1], activation="tanh", cost="cross_entropy", seed=1)
    >>> trainer = nncore.Trainer(net, "adam", 0.05)
    >>> rng = np.random.default_rng(0)
    >>> for _ in range(500):
    ...     x = rng.integers(0, 2, 2).astype(np.float32)
    ...     cost = trainer.step(x, float(x[0] != x[1]))
    >>> net.predict([[0, 0], [0, 1], [1, 0], [1, 1]])
    array([0, 1, 1, 0])
    """

    network: Network
    """The network that is trained."""

    def __init__(
        self,
        net: Network,
        optimizer: str | optimizers.Optimizer = "sgd",
        learning_rate: Rate | None = None,
        *,
        l2: float = 0.0,
        l1: float = 0.0,
        penalty_rows: int | None = None,
        dropout: float | Sequence[float] = 0.0,
        max_norm: float | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        frozen: Iterable[int] = (),
        layer_rates: Sequence[float] | None = None,
        bias_rate: float = 1.0,
        n_threads: int | None = None,
    ) -> None:
        if not isinstance(net, Model):
            raise TypeError(f"net must be a nncore.Network, got {net!r}")
        chosen = optimizers.resolve(optimizer)
        # Read once: they may be iterators.
        frozen, layer_rates, dropout = map(_listed, (frozen, layer_rates, dropout))
        rates = _dropout_rates(net, dropout)
        factors = layer_factors(net, frozen, layer_rates, bias_rate)
        options: dict[str, Any] = {
            "l2": real("l2", l2),
            "l1": real("l1", l1),
            "max_norm": _bound("max_norm", max_norm),
            "clip_norm": _bound("clip_norm", clip_norm),
            "clip_value": _bound("clip_value", clip_value),
        }
        super().__init__(
            net,
            batch_size=1,
            optimizer=chosen.name,
            hyperparameters=chosen.hyperparameters(),
            dropout=rates,
            **options,
        )
        self.set_rates(factors)
        self.network = net
        self._rows = 0 if penalty_rows is None else integer("penalty_rows", penalty_rows, low=1)
        self._threads = (
            0 if n_threads is None else integer("n_threads", n_threads, low=1, high=2**31 - 1)
        )
        self._options: dict[str, Any] = {
            **{key: value for key, value in options.items() if value},
            "penalty_rows": self._rows or None,
            "dropout": rates or 0.0,
            "layer_rates": factors[::2] or None,
            "bias_rate": float(bias_rate),
        }
        self.learning_rate = (
            chosen.default_learning_rate if learning_rate is None else learning_rate
        )

    @property
    def learning_rate(self) -> Rate:
        """The rate of the steps to come: a number, or a callable that is given a step's number."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: Rate) -> None:
        if isinstance(rate, schedules.ReduceOnPlateau):
            raise TypeError(
                f"{type(rate).__name__} follows a history, which a Trainer does not keep; assign "
                "trainer.learning_rate where the rate is to change"
            )
        if not callable(rate) or isinstance(rate, type):
            rate = real("learning_rate", rate)
        self._learning_rate = rate
        self.set_step_defaults(rate, self._rows, self._threads)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a checkpoint: the network, the optimiser's memory, and the trainer's options.

        `Trainer.resume` goes on from it to the same bits; `Network.load` reads the network of it.
        A callable learning rate of one's own is not kept, nor a cost of one's own. The file is
        written whole or not at all.

        Raises:
            ModelFileError: the file cannot be written; the message names it and the fault.
            ValueError: a parameter is not finite.
            BusyError: the network is being trained in another thread.
        """
        self.network.check_finite()
        content = self._options | {"learning_rate": _saved_rate(self._learning_rate)}
        metadata = {_KEY: json.dumps(content), **labels_as_metadata(self.network.classes)}
        self.save_checkpoint(file_path(path), metadata=metadata, tensors={})

    @classmethod
    def resume(  # type: ignore[override]
        cls: type[Self],
        path: str | os.PathLike[str],
        learning_rate: Rate | None = None,
        cost: costs.CostFunction | None = None,
        n_threads: int | None = None,
    ) -> Self:
        """The trainer that was saved, of the network that was saved with it (`trainer.network`).

        Args:
            learning_rate: in place of the saved one; needed where that was a callable of one's own.
            cost: the network's cost, where that is one of one's own.

        Raises:
            ModelFileError: there is no such file, it cannot be read, is no checkpoint of a
                trainer, or is damaged; the message names it and the fault.
            ValueError: a learning rate is needed.
        """
        path = file_path(path)
        metadata = _core.read_tensors(path)[0]
        if "nncore.optimizer" not in metadata:
            raise ModelFileError(f"{path}: a model without a trainer; Network.load reads it")
        net = Network.load(path, cost)
        saved = _core.Trainer.resume(net, path)
        if saved is None:
            raise ModelFileError(f"{path}: a model without a trainer; Network.load reads it")
        try:
            options = json.loads(metadata.get(_KEY, "{}"))
            rate = options.pop("learning_rate", None)
            if learning_rate is None:
                learning_rate = _read_rate(rate)
            if learning_rate is None and _KEY in metadata:
                raise _NoRateError
            optimizer = optimizers.OPTIMIZERS[saved.optimizer](**saved.hyperparameters)
            trainer = cls(net, optimizer, learning_rate, n_threads=n_threads, **options)
        except _NoRateError:
            raise ValueError(
                f"{path}: its learning rate was a callable, which no file holds; give it as "
                "learning_rate"
            ) from None
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise ModelFileError(f"{path}: a damaged checkpoint: {error!r}") from error
        trainer.restore(path)
        return trainer

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.network!r}, {self.optimizer!r}, "
            f"learning_rate={self._learning_rate!r}, steps={self.steps})"
        )


class _NoRateError(Exception):
    pass


def _listed(values: Any) -> Any:
    return list(values) if isinstance(values, Iterable) and not isinstance(values, str) else values


def _bound(name: str, value: float | None) -> float:
    return 0.0 if value is None else real(name, value, above=True)


def _dropout_rates(net: Model, dropout: float | Sequence[float]) -> list[float]:
    from nncore.training.settings import dropout_rates

    return dropout_rates(net, dropout)


def _saved_rate(rate: Rate) -> Any:
    """What JSON can hold of a learning rate; None for what it cannot."""
    if not callable(rate):
        return rate
    if is_dataclass(rate) and type(rate) in _SCHEDULES.values():
        return {"schedule": type(rate).__name__, **asdict(rate)}
    return None


def _read_rate(saved: Any) -> Rate | None:
    if not isinstance(saved, dict):
        return None if saved is None else float(saved)
    fields = dict(saved)
    schedule: Rate = _SCHEDULES[fields.pop("schedule")](**fields)
    return schedule


_SCHEDULES: dict[str, Any] = {
    each.__name__: each
    for each in (
        schedules.Constant, schedules.Step, schedules.Exponential, schedules.InverseScaling,
        schedules.Cosine, schedules.OneCycle,
    )
}  # fmt: skip
