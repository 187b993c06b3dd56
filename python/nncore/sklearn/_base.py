"""What the classifier and the regressor share: everything but their targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn import neural_network
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from nncore import costs
from nncore._model import from_plain_state, plain_state
from nncore.network import Network
from nncore.sklearn import _params
from nncore.sklearn._attributes import FittedAttributes
from nncore.sklearn._lbfgs import fit_lbfgs
from nncore.sklearn._places import naming_places
from nncore.sklearn._samples import Rows
from nncore.sklearn._skl2onnx import register_if_imported
from nncore.sklearn._stochastic import Pace, fit_stochastic
from nncore.sklearn._tasks import CallbackSupportMixin, FitTasks, with_callbacks

Self = TypeVar("Self", bound="BaseMLP")
Classes = Literal["new", "same", "known"]
"""Whether y defines the classes, must have exactly the known ones, or only some of them."""

_FORMATS = ["csr", "csc"]
_CORE_OUTPUTS = {
    "softmax": ("softmax", "log_likelihood"),
    "logistic": ("sigmoid", "cross_entropy"),
    "identity": ("linear", "quadratic"),
    "exp": ("exponential", "poisson"),
}
"""nncore's output activation and cost for each of scikit-learn's `out_activation_`."""
_CURVES = (
    "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_",
    "validation_loss_curve_",
)  # fmt: skip


_SHARED_ATTRIBUTES = (
    "best_loss_", "best_validation_score_", "classes_", "feature_names_in_", "loss_",
    "loss_curve_", "n_features_in_", "n_iter_", "n_layers_", "n_outputs_", "out_activation_",
    "t_", "validation_scores_",
)  # fmt: skip
"""Fitted attributes that are the same in scikit-learn's estimators and in ours."""
_SCIKIT_LEARN_NAMES = {"linear": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}
"""Activations of hidden layers that scikit-learn has, and what it calls them."""


def is_stochastic(estimator: BaseMLP) -> bool:
    """Whether there is partial_fit; the AttributeError says why there is none."""
    if estimator.solver not in _params.STOCHASTIC:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{estimator.solver} is not stochastic."
        )
    return True


class BaseMLP(FittedAttributes, CallbackSupportMixin, BaseEstimator):  # type: ignore[misc]
    """The parameters, attributes and methods that both estimators have."""

    _extensions: tuple[str, ...] = ("dropout", "scoring", "callbacks", "n_threads")
    """The parameters that scikit-learn does not have."""

    hidden_layer_sizes: Any
    activation: str | Sequence[str]
    solver: str
    alpha: float
    batch_size: int | str
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: bool | int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    dropout: float | Sequence[float]
    scoring: Any
    callbacks: Any
    n_threads: int | None

    def _store_parameters(self, parameters: dict[str, Any]) -> None:
        """Stores the arguments of `__init__`, unchanged and unchecked."""
        for name, value in parameters.items():
            if name != "self":
                setattr(self, name, value)

    @with_callbacks
    def _fit(
        self: Self, X: Any, y: Any, sample_weight: Any, eval_set: Any, incremental: bool
    ) -> Self:
        _params.check_parameters(self.get_params(deep=False))
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        if eval_set is not None and self.solver == "lbfgs":
            raise ValueError("solver='lbfgs' knows no eval_set; take solver='adam' or 'sgd'")
        goes_on = self.warm_start or incremental
        first = not (goes_on and hasattr(self, "_net"))
        given_rows = X, y, sample_weight
        given = self._given if goes_on else {}
        X, y = self._check_data(X, y, reset=first)
        self._learn_targets(y, "known" if incremental else "new" if first else "same")
        rows = self._rows(X, y, sample_weight)
        validation = None if eval_set is None else self._check_eval_set(eval_set)
        rows.weight = self._training_weight(rows, incremental)
        self._random_state = check_random_state(self.random_state)
        self._prepare_network(rows, X.dtype, anew=first, given=given)
        self.__dict__.pop("_given", None)
        # One more, since some versions of scipy count an iteration too many.
        tasks = None if incremental else FitTasks.of(self, *given_rows, self.max_iter + 1)
        if self.solver == "lbfgs":
            self.loss_, self.n_iter_ = fit_lbfgs(
                self._net, rows, alpha=self.alpha, tol=self.tol, max_iter=self.max_iter,
                max_fun=self.max_fun, verbose=self.verbose, tasks=tasks,
            )  # fmt: skip
        else:
            if self.early_stopping and validation is None:
                rows, validation = self._split(rows, sample_weight)
            self._begin_curves(validation is not None)
            fit_stochastic(
                self, self._net, self._pace, rows, validation, self._validation_score,
                self._random_state, incremental, tasks,
            )  # fmt: skip
        if tasks is not None:
            tasks.close()
        return self

    def _check_data(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        """X (n, n_features_in_) as float32 or float64, dense or CSR, and y as an array."""
        with naming_places(X, y):
            X, y = validate_data(
                self, X, y, accept_sparse=_FORMATS, multi_output=True, reset=reset,
                dtype=(np.float64, np.float32), y_numeric=self._numeric_targets,
            )  # fmt: skip
        X = X.tocsr() if hasattr(X, "tocsr") else X
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _check_eval_set(self, eval_set: Any) -> Rows:
        if not isinstance(eval_set, (tuple, list)) or len(eval_set) not in (2, 3):
            raise TypeError("eval_set must be (X, y) or (X, y, sample_weight)")
        X, y = self._check_data(eval_set[0], eval_set[1], reset=False)
        self._learn_targets(y, "known")
        return self._rows(X, y, eval_set[2] if len(eval_set) == 3 else None)

    def _rows(self, X: Any, y: Any, sample_weight: Any) -> Rows:
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        rows = Rows(X, y, self._encode(y), sample_weight)
        self._match_loss(rows)
        return rows

    def _split(self, rows: Rows, sample_weight: Any) -> tuple[Rows, Rows]:
        """Training and validation rows, drawn as scikit-learn draws them."""
        train, held_out = train_test_split(
            np.arange(len(rows)),
            random_state=self._random_state,
            test_size=self.validation_fraction,
            stratify=self._stratification(rows),
        )
        if len(held_out) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' "
                f"or the size of your dataset: {len(rows)} rows leave {len(held_out)} for it"
            )
        validation = rows.take(held_out)
        if sample_weight is None:  # class weights are for training only
            validation.weight = None
        else:
            validation.weight = _check_sample_weight(sample_weight, rows.x)[held_out]
        return rows.take(train), validation

    def _prepare_network(
        self, rows: Rows, dtype: Any, anew: bool, given: Mapping[str, list[Any]]
    ) -> None:
        """A network with fresh parameters, or the one there is, with its activations as asked."""
        targets = rows.targets.shape[1] if rows.targets.ndim == 2 else self._single_outputs()
        outputs = targets * self._outputs_per_target()
        hidden = _params.hidden_sizes(self.hidden_layer_sizes)
        sizes = (self.n_features_in_, *hidden, outputs)
        names = _params.layer_activations(self.activation, len(hidden))
        activations = [_params.CORE_NAMES.get(name, name) for name in names]
        if anew:
            self._initialize(sizes, activations, dtype, given)
            return
        if self._net.sizes != sizes:
            raise ValueError(
                f"layers of {sizes} units do not fit the fitted ones of {self._net.sizes}; "
                "set warm_start=False to start anew"
            )
        net, output = self._net, self._out_activation()
        changed = output != self.out_activation_ or costs.of(net) != self._cost(output)
        if changed or net.activations[:-1] != tuple(activations):
            self.out_activation_ = output
            self._build(sizes, activations, net.dtype, net.seed, (net.weights, net.biases))

    def _initialize(
        self,
        sizes: Sequence[int],
        activations: list[str],
        dtype: Any,
        given: Mapping[str, list[Any]],
    ) -> None:
        if given and given.keys() != {"coefs_", "intercepts_"}:
            raise ValueError(f"only {next(iter(given))} is set; expected coefs_ and intercepts_")
        if given:
            weights = [np.asarray(coef).T for coef in given["coefs_"]]
            biases = given["intercepts_"]
        else:
            draw = self._random_state.uniform
            weights, biases = _params.drawn_parameters(draw, self.activation, sizes)
        # Without dropout, draws from the random state are scikit-learn's and no others.
        seed = int(self._random_state.randint(2**31)) if np.any(self.dropout) else 0
        self.n_iter_ = self.t_ = 0
        self.n_outputs_ = sizes[-1] // self._outputs_per_target()
        self.n_layers_ = len(sizes)
        self.out_activation_ = self._out_activation()
        self._build(sizes, activations, dtype, seed, (weights, biases))
        self._pace = Pace()
        for curve in _CURVES:
            self.__dict__.pop(curve, None)

    def _begin_curves(self, measures: bool) -> None:
        """Creates the curves that the stochastic solvers append to, unless an earlier call did."""
        for curve in _CURVES:
            self.__dict__.setdefault(curve, [] if curve == "loss_curve_" else None)
        if self.early_stopping and self.validation_scores_ is None:
            self.validation_scores_, self.best_validation_score_ = [], -np.inf
        if measures and self.validation_loss_curve_ is None:
            self.validation_loss_curve_ = []

    def _build(
        self, sizes: Sequence[int], activations: list[str], dtype: Any, seed: int, arrays: Any
    ) -> None:
        self._net = Network(
            sizes, activation=activations, output_activation=_CORE_OUTPUTS[self.out_activation_][0],
            cost=self._cost(self.out_activation_),
            initializer=arrays, dtype=dtype, seed=seed,
        )  # fmt: skip
        register_if_imported(type(self))

    def __getstate__(self) -> dict[str, Any]:
        """Plain containers, numbers and arrays, so that skops can save them as pickle does."""
        state = dict(super().__getstate__())  # it is the estimator's own
        if "_net" in state:
            state["_net"] = plain_state(state["_net"])
        if "_pace" in state:
            state["_pace"] = asdict(state["_pace"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        if isinstance(state.get("_net"), dict):  # version 0.1.0 pickled the network itself
            state["_net"] = from_plain_state(Network, state["_net"])
        if isinstance(state.get("_pace"), dict):
            state["_pace"] = Pace(**state["_pace"])
        super().__setstate__(state)
        register_if_imported(type(self))

    def _outputs(self, X: Any) -> NDArray[Any]:
        """The network's outputs for X, (n, n_outputs_)."""
        check_is_fitted(self, "_net")
        with naming_places(X):
            X = validate_data(self, X, accept_sparse=_FORMATS, reset=False)
        outputs: NDArray[Any] = self._net.feedforward(X)
        return outputs

    def _validation_score(self, rows: Rows, loss: float) -> float:
        """What early stopping maximises; NaN where a prediction is NaN or infinite."""
        if self.scoring == "loss":
            return -loss
        if self.scoring is None:
            outputs = self._net.feedforward(rows.x)
            return self._score(rows, outputs) if np.isfinite(outputs).all() else np.nan
        weights = {} if rows.weight is None else {"sample_weight": rows.weight}
        # The rows were validated and have no column names any more, so the copy must have none.
        # copy() would copy the network.
        nameless = object.__new__(type(self))
        nameless.__dict__.update(vars(self))
        nameless.__dict__.pop("feature_names_in_", None)
        scorer = check_scoring(nameless, self.scoring)
        return float(scorer(nameless, rows.x, rows.labels, **weights))

    def to_sklearn(self) -> Any:
        """A fitted estimator of scikit-learn's own with the same parameters and attributes.

        Raises:
            NotFittedError: this one is not fitted.
            ValueError: it uses activations that scikit-learn does not have.
        """
        check_is_fitted(self)
        hidden = set(self._net.activations[:-1])
        if len(hidden) > 1 or not hidden <= _SCIKIT_LEARN_NAMES.keys():
            raise ValueError(
                "scikit-learn knows one activation for all hidden layers, of identity, logistic, "
                f"tanh and relu; these are {list(self._net.activations[:-1])}"
            )
        params = {k: v for k, v in self.get_params(deep=False).items() if k not in self._extensions}
        params["activation"] = _SCIKIT_LEARN_NAMES[hidden.pop()] if hidden else "relu"
        theirs = getattr(neural_network, type(self).__name__)(**params)
        _copy_attributes(self, theirs)
        theirs.coefs_ = [np.array(coef) for coef in self.coefs_]
        theirs.intercepts_ = [np.array(intercept) for intercept in self.intercepts_]
        theirs._no_improvement_count = self._pace.no_improvement_count
        return theirs

    @classmethod
    def from_sklearn(cls: type[Self], fitted_mlp: Any) -> Self:
        """The estimator of the same kind as scikit-learn's; see `nncore.sklearn.from_sklearn`."""
        check_is_fitted(fitted_mlp)
        ours = cls(**fitted_mlp.get_params(deep=False))
        _copy_attributes(fitted_mlp, ours)
        coefs = fitted_mlp.coefs_
        sizes = [coefs[0].shape[0], *(coef.shape[1] for coef in coefs)]
        names = _params.layer_activations(ours.activation, len(coefs) - 1)
        ours._pace = Pace(no_improvement_count=getattr(fitted_mlp, "_no_improvement_count", 0))
        ours._build(
            sizes,
            [_params.CORE_NAMES.get(name, name) for name in names],
            np.result_type(*coefs),
            0,
            ([coef.T for coef in coefs], fitted_mlp.intercepts_),
        )
        return ours

    @classmethod
    def from_network(cls: type[Self], net: Network, **params: Any) -> Self:
        """A fitted estimator with a copy of the network's parameters.

        Args:
            params: further parameters of the estimator.

        Raises:
            ValueError: scikit-learn's estimators have no such outputs.
        """
        *hidden, output = net.activations
        outputs = {core: name for name, (core, _) in _CORE_OUTPUTS.items()}
        if output not in outputs:
            raise ValueError(
                f"scikit-learn's estimators have outputs of {sorted(outputs)}, not {output!r}"
            )
        ours = cls(hidden_layer_sizes=net.sizes[1:-1], activation=hidden, **params)
        ours.n_features_in_ = net.sizes[0]
        ours.n_outputs_ = net.sizes[-1] // ours._outputs_per_target()
        ours.n_layers_, ours.out_activation_ = len(net.sizes), outputs[output]
        ours.n_iter_, ours.t_ = net.epoch, 0
        ours.best_loss_, ours._pace = np.inf, Pace()
        ours._begin_curves(measures=False)
        ours._build(net.sizes, hidden, net.dtype, net.seed, (net.weights, net.biases))
        return ours

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # What the two estimators differ in.

    _numeric_targets: bool = False

    def _learn_targets(self, y: Any, classes: Classes) -> None:
        """Notes which targets there are, or checks y against the known ones."""

    def _encode(self, y: Any) -> NDArray[Any]:
        """y as the core takes it."""
        raise NotImplementedError

    def _match_loss(self, rows: Rows) -> None:
        """Sets on the rows what converts the core's cost to scikit-learn's loss."""

    def _score(self, rows: Rows, outputs: NDArray[Any]) -> float:
        """The estimator's own score of the network's outputs for the rows."""
        raise NotImplementedError

    def _single_outputs(self) -> int:
        """Output units for targets (n,)."""
        return 1

    def _out_activation(self) -> str:
        raise NotImplementedError

    def _outputs_per_target(self) -> int:
        return 1

    def _cost(self, out_activation: str) -> costs.AnyCost:
        """The core's cost, for outputs that scikit-learn calls so."""
        return _CORE_OUTPUTS[out_activation][1]

    def _stratification(self, rows: Rows) -> NDArray[Any] | None:
        """The classes whose proportions the validation split keeps; None for none."""
        return None

    def _training_weight(self, rows: Rows, incremental: bool) -> NDArray[Any] | None:
        """The weight of each row in training."""
        return rows.weight


def _copy_attributes(source: Any, target: Any) -> None:
    for name in _SHARED_ATTRIBUTES:
        if name in vars(source):
            setattr(target, name, deepcopy(vars(source)[name]))
