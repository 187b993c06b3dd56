"""`nncore.sklearn.TabularRegressor`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if

from nncore import costs
from nncore._support.names import check_name
from nncore.data.inputs import ScaledNumbers
from nncore.sklearn._tabular import BaseTabular

_LOSSES = ("squared_error", "absolute_error", "quantile", "gaussian")


def _has_quantiles(estimator: TabularRegressor) -> bool:
    """Whether there is predict_quantiles; the AttributeError says why there is none."""
    if estimator.loss not in ("quantile", "gaussian"):
        raise AttributeError(
            f"predict_quantiles needs loss='quantile' or 'gaussian', this is {estimator.loss!r}"
        )
    return True


class TabularRegressor(RegressorMixin, BaseTabular):  # type: ignore[misc]
    """Numbers from the rows of a data frame or an array, with nothing to set.

    How columns are read, what is trained and how is described in `TabularClassifier`. Targets are
    standardised, and predictions clipped to the range of those that training saw. Hidden units are
    mish, and the largest rate is 0.07.

    Args:
        loss: "squared_error" or "absolute_error"; "quantile", for the quantiles that `quantile`
            names; or "gaussian", for a mean and a variance of each target.
        quantile: of loss="quantile": a number between 0 and 1, or an ascending list of them, whose
            quantiles `predict_quantiles` gives. `predict` gives the one nearest to the median.
        n_ensemble, hidden_layer_sizes, epochs, batch_size, learning_rate, validation_fraction,
            categorical_features, random_state, n_threads: as in `TabularClassifier`.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).uniform(-1, 1, (300, 2))
    >>> model = TabularRegressor(epochs=60, random_state=0).fit(x, x[:, 0] ** 2 + x[:, 1])
    >>> bool(model.score(x, x[:, 0] ** 2 + x[:, 1]) > 0.95)
    True
    """

    _numeric_targets = True
    _activation = "mish"
    _default_rate = 0.07

    n_outputs_: int
    targets_: ScaledNumbers

    def __init__(
        self,
        loss: str = "squared_error",
        *,
        quantile: float | Sequence[float] = 0.5,
        n_ensemble: int = 4,
        hidden_layer_sizes: Any = (256, 256, 256),
        epochs: int = 64,
        batch_size: int = 64,
        learning_rate: float | None = None,
        validation_fraction: float = 0.2,
        categorical_features: Any = None,
        random_state: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self.loss = loss
        self.quantile = quantile
        self.n_ensemble = n_ensemble
        self.hidden_layer_sizes = hidden_layer_sizes
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.categorical_features = categorical_features
        self.random_state = random_state
        self.n_threads = n_threads

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TabularRegressor:
        """Trains on a data frame or an array X (n, n_features), and y (n,) or (n, n_outputs).

        Args:
            sample_weight: (n,), how much each row counts; rows of weight 0 are left out.

        Raises:
            ValueError, TypeError: a parameter or the data are wrong; of X the message names the
                column.
        """
        return self._fit(X, y, sample_weight)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The prediction for each row, (n,), or of several outputs (n, n_outputs), float64.

        With loss="quantile" that is the quantile nearest to the median, with loss="gaussian" the
        mean; `return_std` then returns (means, standard deviations).
        """
        if return_std and self.loss != "gaussian":
            raise ValueError(f"return_std needs loss='gaussian', this is {self.loss!r}")
        if self.loss == "gaussian":
            means, deviations = self._moments(X)
            means = self._shaped(np.clip(means, self.targets_.low, self.targets_.high))
            return (means, self._shaped(deviations)) if return_std else means
        outputs = self._unscaled(X)
        if self.loss == "quantile":
            taus = costs.Pinball(self.quantile).values()
            nearest = min(range(len(taus)), key=lambda i: abs(taus[i] - 0.5))
            return self._shaped(np.sort(outputs, axis=2)[:, :, nearest])
        return self._shaped(outputs[:, :, 0])

    @available_if(_has_quantiles)  # type: ignore[untyped-decorator]
    def predict_quantiles(
        self, X: Any, quantiles: float | Sequence[float] | None = None
    ) -> NDArray[np.float64]:
        """Quantiles for each row, (n, quantiles), or of several outputs (n, n_outputs, quantiles).

        With loss="quantile" those it was trained for, in ascending order. With loss="gaussian"
        those asked for, of the predicted normal distributions.
        """
        if self.loss == "quantile":
            if quantiles is not None:
                raise ValueError(
                    "the quantiles are those of training, "
                    f"{list(costs.Pinball(self.quantile).values())}; leave quantiles out"
                )
            found = np.sort(self._unscaled(X), axis=2)
        else:
            taus = costs.Pinball(() if quantiles is None else quantiles).values()
            units = np.array([NormalDist().inv_cdf(tau) for tau in taus])
            means, deviations = self._moments(X)
            found = means[:, :, None] + deviations[:, :, None] * units
        return found[:, 0] if self.n_outputs_ == 1 else found

    def _shaped(self, found: NDArray[np.float64]) -> NDArray[np.float64]:
        return found[:, 0] if self._flat else found

    def _unscaled(self, X: Any) -> NDArray[np.float64]:
        """(n, targets, outputs of each), in the targets' own unit and range."""
        outputs = self._outputs(X)
        return self.targets_.unscaled(outputs)

    def _moments(self, X: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Means and deviations (n, targets) of the mixture of the members' distributions."""
        columns, rows = self._columns(X)
        outputs = self.ensemble_.outputs(self.inputs_.inputs(columns, rows)).astype(np.float64)
        means, logarithms = np.split(outputs, 2, axis=2)
        least = self.ensemble_.members[0].cost_hyperparameters["min_variance"]
        mean = means.mean(axis=0)
        variance = (np.exp(logarithms) + least + (means - mean) ** 2).mean(axis=0)
        scale = self.targets_.scale
        return mean * scale + self.targets_.mean, np.sqrt(variance) * scale

    def _check(self) -> None:
        check_name("loss", self.loss, _LOSSES)
        if self.loss == "quantile":
            costs.Pinball(self.quantile)

    def _learn_targets(self, y: NDArray[Any], weight: NDArray[Any] | None) -> NDArray[Any]:
        columns = np.asarray(y, np.float64).reshape(len(y), -1)
        self.targets_ = ScaledNumbers.found_in(columns, weight)
        self._flat, self.n_outputs_ = y.ndim == 1, columns.shape[1]
        return self.targets_.scaled(columns)

    def _network(self) -> tuple[int, str, costs.AnyCost]:
        if self.loss == "quantile":
            pinball = costs.Pinball(self.quantile)
            return self.n_outputs_ * len(pinball.values()), "linear", pinball
        if self.loss == "gaussian":
            return 2 * self.n_outputs_, "linear", costs.Gaussian(1e-6)
        cost = "quadratic" if self.loss == "squared_error" else "mean_absolute"
        return self.n_outputs_, "linear", cost

    def _targets_to_json(self) -> dict[str, Any]:
        return {"flat": self._flat, **self.targets_.to_json()}

    def _targets_from_json(self, content: Mapping[str, Any]) -> None:
        self.targets_ = ScaledNumbers.from_json(content)
        self._flat, self.n_outputs_ = bool(content["flat"]), len(self.targets_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
