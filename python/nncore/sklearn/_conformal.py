"""Intervals and sets of classes that hold: split-conformal prediction on top of any estimator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    RegressorMixin,
    clone,
    is_classifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import check_is_fitted

from nncore._support.checks import real
from nncore._support.names import check_name
from nncore.sklearn._tabular_classifier import TabularClassifier
from nncore.sklearn._tabular_regressor import TabularRegressor

Floats = NDArray[np.float64]
_METHODS = ("auto", "absolute", "gaussian", "quantile")


class _Conformal(MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """What both have alike: rows that are set aside, and the scores of these."""

    estimator: Any
    coverage: float
    calibration_fraction: float
    random_state: Any

    estimator_: Any
    scores_: Floats
    """Of the rows that were set aside, ascending: how far each was from what was predicted."""

    def _fit(self, X: Any, y: Any, default: Any, fit_params: Mapping[str, Any]) -> None:
        real("coverage", self.coverage, high=1.0, above=True, below=True)
        real("calibration_fraction", self.calibration_fraction, high=1.0, above=True, below=True)
        y = np.asarray(y)
        if y.ndim != 1:
            raise ValueError(f"y has shape {y.shape}; expected one target for each row, (n,)")
        if isinstance(self.estimator, FrozenEstimator):
            if fit_params:
                raise ValueError(f"a FrozenEstimator is not trained: it takes no {[*fit_params]}")
            self.estimator_ = self.estimator.estimator
            held_out = np.arange(len(y))
        else:
            train, held_out = train_test_split(
                np.arange(len(y)),
                test_size=self.calibration_fraction,
                random_state=check_random_state(self.random_state),
                stratify=self._classes_of(y),
            )
            model = default if self.estimator is None else clone(self.estimator)
            given = {name: _safe_indexing(each, train) for name, each in fit_params.items()}
            self.estimator_ = model.fit(_safe_indexing(X, train), y[train], **given)
        scores = self._scores(_safe_indexing(X, held_out), y[held_out])
        if not np.isfinite(scores).all():
            raise ValueError("a prediction for the rows that are set aside is not finite")
        self.scores_ = np.sort(scores)
        self._bound(self.coverage)  # raises where there are too few rows

    def _bound(self, coverage: float | None) -> float:
        """The score that a new row's exceeds with a probability of 1 - coverage at most."""
        check_is_fitted(self, "scores_")
        asked = self.coverage if coverage is None else coverage
        asked = real("coverage", asked, high=1.0, above=True, below=True)
        n = len(self.scores_)
        rank = math.ceil((n + 1) * asked - 1e-9)
        if rank > n:
            raise ValueError(
                f"a coverage of {asked:g} needs {math.ceil(asked / (1 - asked) - 1e-9)} rows set "
                f"aside, got {n}; raise calibration_fraction, or give more rows"
            )
        return float(self.scores_[rank - 1])

    def _classes_of(self, y: NDArray[Any]) -> NDArray[Any] | None:
        return None

    def _scores(self, X: Any, y: NDArray[Any]) -> Floats:
        raise NotImplementedError

    @property
    def n_features_in_(self) -> int:
        """Columns of X."""
        check_is_fitted(self, "estimator_")
        return int(self.estimator_.n_features_in_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


class ConformalRegressor(RegressorMixin, _Conformal):  # type: ignore[misc]
    """Intervals that hold for a stated share of new rows, whatever the estimator is worth.

    Split-conformal prediction (Vovk et al. 2005; Lei et al. 2018): some rows are set aside, and how
    far the estimator's predictions are from these says how wide intervals must be. With new rows
    drawn as those were, intervals hold `coverage` of the time at least. How narrow they are is the
    estimator's doing.

    Args:
        estimator: a regressor; None for `TabularRegressor()`. One that is trained already goes in
            as sklearn.frozen.FrozenEstimator(model), and all rows of `fit` are then set aside.
        coverage: between 0 and 1.
        method: "absolute": intervals of one width around `predict`. "gaussian": widths in
            proportion to the standard deviation of `predict(X, return_std=True)`. "quantile":
            from the first to the last of `predict_quantiles(X)`, widened or narrowed (conformalized
            quantile regression, Romano et al. 2019). "auto": what the estimator's `loss` offers.
        calibration_fraction: of the rows, set aside.
        random_state: which are set aside.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-1, 1, (600, 1))
    >>> y = x[:, 0] + np.exp(x[:, 0]) * rng.normal(size=600)
    >>> model = TabularRegressor("quantile", quantile=[0.05, 0.95], epochs=30, random_state=0)
    >>> model = ConformalRegressor(model, coverage=0.9, random_state=0).fit(x[:400], y[:400])
    >>> low, high = model.predict_interval(x[400:]).T
    >>> bool(0.85 < np.mean((low <= y[400:]) & (y[400:] <= high)) < 0.95)
    True
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        coverage: float = 0.9,
        method: str = "auto",
        calibration_fraction: float = 0.25,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.coverage = coverage
        self.method = method
        self.calibration_fraction = calibration_fraction
        self.random_state = random_state

    def fit(self, X: Any, y: Any, **fit_params: Any) -> ConformalRegressor:
        """Trains the estimator on some of the rows, and measures it on the others.

        Args:
            X, y: as the estimator takes them; y is (n,).
            fit_params: for the estimator's `fit`, arrays with an element for each row.

        Raises:
            ValueError: too few rows are set aside for the coverage, or a parameter is wrong.
        """
        check_name("method", self.method, _METHODS)
        self._fit(X, y, TabularRegressor(random_state=self.random_state), fit_params)
        return self

    def predict(self, X: Any) -> Any:
        """The estimator's own predictions."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict(X)

    def predict_interval(self, X: Any, coverage: float | None = None) -> Floats:
        """The lower and the upper end for each row, (n, 2); `coverage` None for that of `fit`."""
        bound = self._bound(coverage)
        low, high, unit = self._ends(X)
        low, high = low - bound * unit, high + bound * unit
        # Quantiles that are narrowed by more than their distance meet in the middle.
        middle = (low + high) / 2
        return np.stack([np.minimum(low, middle), np.maximum(high, middle)], axis=1)

    def _ends(self, X: Any) -> tuple[Floats, Floats, Floats]:
        """Where intervals begin and end, (n,) each, and by how much a score of 1 widens them."""
        loss = getattr(self.estimator_, "loss", None)
        method = self.method
        if method == "auto":
            method = loss if loss in ("gaussian", "quantile") else "absolute"
        if method == "quantile":
            quantiles = np.asarray(self.estimator_.predict_quantiles(X), np.float64)
            if quantiles.ndim != 2 or quantiles.shape[1] < 2:
                raise ValueError("method='quantile' needs two quantiles at least")
            return quantiles[:, 0], quantiles[:, -1], np.ones(len(quantiles))
        if method == "gaussian":
            mean, unit = self.estimator_.predict(X, return_std=True)
        else:
            mean = self.estimator_.predict(X)
            unit = np.ones(len(mean))
        mean = np.asarray(mean, np.float64).reshape(len(mean))
        return mean, mean, np.asarray(unit, np.float64)

    def _scores(self, X: Any, y: NDArray[Any]) -> Floats:
        low, high, unit = self._ends(X)
        y = y.astype(np.float64)
        scores: Floats = np.maximum(low - y, y - high) / unit
        return scores


class ConformalClassifier(ClassifierMixin, _Conformal):  # type: ignore[misc]
    """Sets of classes that hold the right one for a stated share of new rows.

    As `ConformalRegressor`, with classes: a set has those whose probability is not less than what
    enough of the rows that were set aside had for their own (Sadinle, Lei and Wasserman 2019), and
    always the likeliest. A sure row has one class, a doubtful one several.

    Args:
        estimator: a classifier with `predict_proba`; None for `TabularClassifier()`. One that is
            trained already goes in as sklearn.frozen.FrozenEstimator(model).
        coverage, calibration_fraction, random_state: as in `ConformalRegressor`.

    >>> from sklearn.datasets import load_iris
    >>> x, y = load_iris(return_X_y=True)
    >>> model = ConformalClassifier(TabularClassifier(epochs=30, random_state=0), random_state=0)
    >>> model.fit(x, y).predict_set(x[:2]).tolist()
    [[True, False, False], [True, False, False]]
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        coverage: float = 0.9,
        calibration_fraction: float = 0.25,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.coverage = coverage
        self.calibration_fraction = calibration_fraction
        self.random_state = random_state

    def fit(self, X: Any, y: Any, **fit_params: Any) -> ConformalClassifier:
        """As `ConformalRegressor.fit`, with classes y (n,)."""
        if self.estimator is not None and not is_classifier(self.estimator):
            raise TypeError(f"estimator must be a classifier, got {self.estimator!r}")
        self._fit(X, y, TabularClassifier(random_state=self.random_state), fit_params)
        return self

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes, in the order of the sets' columns."""
        check_is_fitted(self, "estimator_")
        classes: NDArray[Any] = self.estimator_.classes_
        return classes

    def predict(self, X: Any) -> Any:
        """The estimator's own predictions."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict(X)

    def predict_proba(self, X: Any) -> Any:
        """The estimator's own probabilities."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict_proba(X)

    def predict_set(self, X: Any, coverage: float | None = None) -> NDArray[np.bool_]:
        """Which classes are in each row's set, (n, classes); `coverage` None for that of `fit`."""
        bound = self._bound(coverage)
        chances = np.asarray(self.estimator_.predict_proba(X), np.float64)
        sets: NDArray[np.bool_] = 1 - chances <= bound
        sets[np.arange(len(sets)), chances.argmax(axis=1)] = True
        return sets

    def _classes_of(self, y: NDArray[Any]) -> NDArray[Any] | None:
        _, counts = np.unique(y, return_counts=True)
        return y if counts.min() > 1 else None

    def _scores(self, X: Any, y: NDArray[Any]) -> Floats:
        chances = np.asarray(self.estimator_.predict_proba(X), np.float64)
        places = {label: i for i, label in enumerate(self.classes_.tolist())}
        # A class that training did not see has no probability.
        scores = [
            1 - row[places[c]] if c in places else 1.0
            for row, c in zip(chances, y.tolist(), strict=True)
        ]
        return np.array(scores)
