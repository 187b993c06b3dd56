"""What `TabularClassifier` and `TabularRegressor` share: everything but their targets."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from nncore import costs
from nncore._model import from_plain_state, plain_state
from nncore._support.checks import file_path, integer, real
from nncore._support.names import check_name
from nncore.callbacks import EarlyStopping
from nncore.data.frames import FrameColumn, frame_columns, is_frame
from nncore.data.inputs import FrameInputs
from nncore.errors import ModelFileError
from nncore.many import Ensemble, fit_many
from nncore.network import Network
from nncore.optimizers import Adam
from nncore.sklearn import _params
from nncore.sklearn._input_scales import learnt_scales

Self = TypeVar("Self", bound="BaseTabular")

KEY, _VERSION = "tabular", 1
_FEWEST_ROWS = 10
"""With fewer, none are held out: the last epoch is kept."""
_PILOT_EPOCHS = 16
"""How long the network trains that learns how much each input is worth."""
_BIAS_RATE = 0.1
"""Biases learn at this part of the weights' rate, where weights are divided by sqrt(fan-in)."""


class BaseTabular(BaseEstimator):  # type: ignore[misc]
    """The parameters and methods that both estimators have."""

    n_ensemble: int
    hidden_layer_sizes: Any
    epochs: int
    batch_size: int
    learning_rate: float | None
    validation_fraction: float
    categorical_features: Any
    random_state: Any
    n_threads: int | None

    _numeric_targets: bool
    n_features_in_: int
    inputs_: FrameInputs
    ensemble_: Ensemble
    best_epochs_: list[int]

    _activation: str
    _default_rate: float

    # What the two estimators differ in.

    def _check(self) -> None:
        """Raises for parameters of its own."""
        raise NotImplementedError

    def _learn_targets(self, y: NDArray[Any], weight: NDArray[Any] | None) -> NDArray[Any]:
        """Notes what the targets are, and returns them as the network takes them."""
        raise NotImplementedError

    def _network(self) -> tuple[int, str, costs.AnyCost]:
        """How many outputs, of which activation, and the cost."""
        raise NotImplementedError

    def _weights(self, y: NDArray[Any], weight: NDArray[Any] | None) -> NDArray[Any] | None:
        """The weight of each row."""
        return weight

    def _classes_of(self, targets: NDArray[Any]) -> NDArray[Any] | None:
        """The classes whose proportions the held-out rows keep; None for none."""
        return None

    def _finish(
        self,
        x: NDArray[np.float32],
        y: NDArray[Any],
        weight: NDArray[Any] | None,
        held_out: Sequence[NDArray[np.int64]],
    ) -> None:
        """Called once the members are trained, with the rows that each has not seen."""

    def _targets_to_json(self) -> dict[str, Any]:
        raise NotImplementedError

    def _targets_from_json(self, content: Mapping[str, Any]) -> None:
        """Raises KeyError, TypeError or ValueError for what `_targets_to_json` never gives."""
        raise NotImplementedError

    # What they have alike.

    def _fit(self: Self, X: Any, y: Any, sample_weight: Any) -> Self:
        before = dict(vars(self))
        try:
            self._check_parameters()
            self._fit_checked(*self._validated(X, y), sample_weight)
        except BaseException:  # what was fitted before stays as it was, on Ctrl-C too
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def _fit_checked(self, X: Any, y: NDArray[Any], sample_weight: Any) -> None:
        weight = sample_weight
        if weight is not None:
            weight = _check_sample_weight(weight, y, ensure_non_negative=True)
        columns = frame_columns(X)
        categorical = self._categorical(columns)
        self.inputs_ = FrameInputs.found_in(columns, categorical, named=is_frame(X))
        targets = self._learn_targets(y, weight)
        x = self.inputs_.inputs(columns, len(y))
        weight = self._weights(y, weight)
        rows = np.arange(len(y)) if weight is None else np.flatnonzero(weight)
        self._train(x, targets, weight, rows, check_random_state(self.random_state))

    def _check_parameters(self) -> None:
        integer("n_ensemble", self.n_ensemble, low=1)
        integer("epochs", self.epochs, low=1)
        integer("batch_size", self.batch_size, low=1)
        _params.hidden_sizes(self.hidden_layer_sizes)
        if self.learning_rate is not None:
            real("learning_rate", self.learning_rate, above=True)
        real("validation_fraction", self.validation_fraction, high=1.0, below=True)
        if self.n_threads is not None:
            integer("n_threads", self.n_threads, low=1)
        self._check()

    def _validated(self, X: Any, y: Any) -> tuple[Any, NDArray[Any]]:
        """X as it came, or as an array (n, n_features), and y as an array."""
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        y = validate_data(self, y=y, multi_output=True)  # before X, whose names it would forget
        if hasattr(y, "toarray"):
            raise TypeError("y is sparse; expected an array")
        if is_frame(X):
            validate_data(self, X, skip_check_array=True)
            if 0 in X.shape:
                raise ValueError(f"X has shape {X.shape}; expected a row and a column at least")
        else:
            X = validate_data(self, X, dtype=None, ensure_all_finite=False)
        check_consistent_length(X, y)
        return X, column_or_1d(y, warn=True) if y.shape[1:] == (1,) else y

    def _columns(self, X: Any) -> tuple[dict[str, FrameColumn], int]:
        """The columns of rows to predict, and how many rows there are."""
        check_is_fitted(self, "ensemble_")
        if is_frame(X):
            validate_data(self, X, skip_check_array=True, reset=False)
        else:
            X = validate_data(self, X, dtype=None, ensure_all_finite=False, reset=False)
        return frame_columns(X), int(X.shape[0])

    def _categorical(self, columns: Mapping[str, FrameColumn]) -> set[str]:
        """The names of the columns that the user says are categories."""
        given = self.categorical_features
        if given is None:
            return set()
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise TypeError(f"categorical_features must be a list of columns, got {given!r}")
        names, found = list(columns), set()
        for each in given:
            if isinstance(each, str):
                found.add(check_name("column", each, names))
            else:
                found.add(names[integer("a column", each, low=0, high=len(names) - 1)])
        return found

    def _train(
        self,
        x: NDArray[np.float32],
        y: NDArray[Any],
        weight: NDArray[Any] | None,
        rows: NDArray[np.int64],
        random: np.random.RandomState,
    ) -> None:
        """Trains the members on these rows, each with others of them held out."""
        outputs, output_activation, cost = self._network()
        hidden = _params.hidden_sizes(self.hidden_layer_sizes)
        sizes = [x.shape[1], *hidden, outputs]
        # The recipe divides each layer's weights by sqrt(inputs) as it computes. With Adam, which
        # knows no scale, that is a rate divided so; in the first layer inputs multiplied so, which
        # leaves the rate to be that of the second.
        unit = math.sqrt(hidden[0] if hidden else 256)
        given = np.float32(unit / math.sqrt(sizes[0]))
        rate = self._default_rate if self.learning_rate is None else self.learning_rate
        rates: dict[str, Any] = {
            "layer_rates": [1.0, *(unit / math.sqrt(size) for size in hidden)],
            "bias_rate": _BIAS_RATE * unit,
        }
        network: dict[str, Any] = {
            "sizes": sizes, "activation": self._activation, "output_activation": output_activation,
            "cost": cost,
        }  # fmt: skip
        pilot = Network(**network, initializer=_initial(sizes, unit, random))
        factors = given * learnt_scales(
            pilot, x[rows] * given, y[rows], None if weight is None else weight[rows],
            rates=LogCycles(rate, min(_PILOT_EPOCHS, self.epochs)), unit=unit,
            trainer={**rates, "n_threads": self.n_threads}, batch_size=self.batch_size,
            epochs=min(_PILOT_EPOCHS, self.epochs), random=random,
        )  # fmt: skip
        parts = self._parts(rows, y, random)
        specs = [
            {
                "seed": int(random.randint(2**31 - 1)),
                "initializer": _initial(sizes, unit, random),
                "rows": training,
                "callbacks": [EarlyStopping(patience=self.epochs)] if len(held_out) else [],
                **({"validation_rows": held_out} if len(held_out) else {}),
            }
            for training, held_out in parts
        ]
        with _threads(self.n_threads, len(specs)) as (executor, n_threads):
            results = fit_many(
                specs, x * factors, y, executor=executor, n_threads=n_threads,
                sample_weight=weight, optimizer=Adam(beta_1=0.9, beta_2=0.95),
                batch_size=self.batch_size, epochs=self.epochs,
                learning_rate=LogCycles(rate / unit, self.epochs), progress=False,
                **network, **rates,
            )  # fmt: skip
        for result in results:  # what the inputs were multiplied by goes into the weights
            result.network.weights[0][...] *= factors
        self.ensemble_ = Ensemble(results)
        stops = [callback for result in results for callback in result.callbacks]
        self.best_epochs_ = [
            callback.best_epoch for callback in stops
            if isinstance(callback, EarlyStopping) and callback.best_epoch is not None
        ] or [self.epochs - 1] * len(specs)  # fmt: skip
        self._finish(x, y, weight, [held_out for _, held_out in parts])

    def _parts(
        self, rows: NDArray[np.int64], y: NDArray[Any], random: np.random.RandomState
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """The rows of each member to train on, and those to choose its epoch by: a fold each."""
        if self.validation_fraction == 0 or len(rows) < _FEWEST_ROWS:
            return [(rows, rows[:0])] * self.n_ensemble
        folds = max(2, round(1 / self.validation_fraction))
        folds = min(folds, len(rows))
        classes = self._classes_of(y)
        if classes is not None and np.unique(classes[rows], return_counts=True)[1].min() < folds:
            classes = None
        kind = KFold if classes is None else StratifiedKFold
        labels = None if classes is None else classes[rows]
        parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        while len(parts) < self.n_ensemble:
            cut = kind(folds, shuffle=True, random_state=random).split(rows, labels)
            parts += [(rows[training], rows[held_out]) for training, held_out in cut]
        return parts[: self.n_ensemble]

    def _outputs(self, X: Any) -> NDArray[Any]:
        """The mean of the members' outputs, (n, outputs)."""
        columns, rows = self._columns(X)
        return self.ensemble_.feedforward(self.inputs_.inputs(columns, rows))

    @property
    def left_out_(self) -> dict[str, str]:
        """Columns that were of no use, by name, and why."""
        check_is_fitted(self, "inputs_")
        return self.inputs_.left_out

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the fitted estimator to one file (safetensors), whole or not at all.

        A `random_state` that is no number, and whatever else of the parameters JSON does not know,
        has its default once it is loaded.

        Raises:
            NotFittedError: it is not fitted.
            ModelFileError: the file cannot be written; the message names it and the fault.
        """
        check_is_fitted(self, "ensemble_")
        names = getattr(self, "feature_names_in_", None)
        content = {
            "version": _VERSION,
            "kind": type(self).__name__,
            "parameters": {k: v for k, v in self.get_params().items() if _is_plain(v)},
            "n_features": self.n_features_in_,
            "feature_names": None if names is None else list(map(str, names)),
            "best_epochs": self.best_epochs_,
            "inputs": self.inputs_.to_json(),
            "targets": self._targets_to_json(),
        }
        ensemble = Ensemble(self.ensemble_.members)
        ensemble.metadata = {KEY: json.dumps(content)}
        ensemble.save(path)

    @classmethod
    def load(cls: type[Self], path: str | os.PathLike[str]) -> Self:
        """Reads what `save` wrote: an estimator that predicts the same bits.

        Raises:
            ModelFileError: there is no such file, it is another model's, or it is damaged; the
                message names it and the fault.
        """
        ensemble, path = Ensemble.load(path), file_path(path)
        if KEY not in ensemble.metadata:
            raise ModelFileError(f"{path}: no {cls.__name__}; nncore.Ensemble.load reads it")
        try:
            content = json.loads(ensemble.metadata[KEY])
            if (content["version"], content["kind"]) != (_VERSION, cls.__name__):
                raise ValueError(
                    f"a {content['kind']} of version {content['version']}; expected a "
                    f"{cls.__name__} of version {_VERSION}"
                )
            model = cls(**content["parameters"])
            model.n_features_in_ = integer("n_features", content["n_features"], low=1)
            if content["feature_names"] is not None:
                model.feature_names_in_ = np.array(content["feature_names"], object)
            model.best_epochs_ = [integer("epoch", e, low=0) for e in content["best_epochs"]]
            model.inputs_ = FrameInputs.from_json(content["inputs"])
            model._targets_from_json(content["targets"])
            layers = model.inputs_.width, model._network()[0]
            net = ensemble.members[0]
            if layers != (net.sizes[0], net.sizes[-1]):
                raise ValueError(f"{layers} inputs and outputs for networks of {net.sizes}")
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise ModelFileError(f"{path}: what it says of its data: {error}") from error
        model.ensemble_ = ensemble
        return model

    def __getstate__(self) -> dict[str, Any]:
        """Plain containers, numbers and arrays, so that skops can save them as pickle does."""
        state = dict(super().__getstate__())
        if "ensemble_" in state:
            state["inputs_"] = state["inputs_"].to_json()
            state["targets_"] = self._targets_to_json()
            state["ensemble_"] = [plain_state(net) for net in state["ensemble_"]]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        targets = state.pop("targets_", None)
        if "ensemble_" in state:
            state["inputs_"] = FrameInputs.from_json(state["inputs_"])
            nets = [from_plain_state(Network, each) for each in state["ensemble_"]]
            state["ensemble_"] = Ensemble(nets)
        super().__setstate__(state)
        if targets is not None:
            self._targets_from_json(targets)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


@dataclass(frozen=True)
class LogCycles:
    """The recipe's rate: rate * (1 - cos(2 pi log2(1 + 15 t))) / 2, t from 0 to 1 over the run.

    It rises and falls four times, each time for about twice as long, and ends at 0.
    """

    rate: float
    epochs: int

    def __call__(self, epoch: int) -> float:
        turns = math.log2(1 + 15 * (epoch + 0.5) / self.epochs)
        return self.rate * (1 - math.cos(2 * math.pi * turns)) / 2


def _initial(sizes: Sequence[int], unit: float, random: np.random.RandomState) -> Any:
    """Normal weights of deviation 1 / sqrt(inputs), normal biases, and a last layer of zeros.

    The first layer's inputs are multiplied, see above: so its weights are divided by `unit`.
    """
    scales = [1 / unit, *(1 / math.sqrt(size) for size in sizes[1:-2]), 0.0][-len(sizes) + 1 :]
    weights, biases = [], []
    for scale, inputs, units in zip(scales, sizes, sizes[1:], strict=False):
        weights.append(random.standard_normal((units, inputs)) * scale)
        biases.append(random.standard_normal(units) * (scale > 0))
    return weights, biases


@contextmanager
def _threads(n_threads: int | None, members: int) -> Iterator[tuple[Any, int | None]]:
    """An executor for `fit_many`, and the threads of each network; None for its own choice."""
    if n_threads is None:
        yield None, None
        return
    workers = min(n_threads, members)
    with ThreadPoolExecutor(workers, thread_name_prefix="nncore tabular") as executor:
        yield executor, n_threads // workers


def _is_plain(value: Any) -> bool:
    """Whether JSON gives it back as it is, or a tuple as a list."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))
