"""`nncore.sklearn.MLPRegressor`."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if

from nncore import costs
from nncore._support.names import check_name
from nncore.network import Network
from nncore.sklearn._base import BaseMLP, Classes, is_stochastic
from nncore.sklearn._samples import Rows
from nncore.training.samples import named_validation_data

_COSTS = {
    "squared_error": "quadratic", "absolute_error": "mean_absolute", "huber": "huber",
    "poisson": "poisson", "quantile": "pinball", "gaussian": "gaussian",
}  # fmt: skip
"""nncore's cost for each loss."""


def _has_quantiles(estimator: MLPRegressor) -> bool:
    """Whether there is predict_quantiles; the AttributeError says why there is none."""
    if estimator.loss not in ("quantile", "gaussian"):
        raise AttributeError(
            f"predict_quantiles needs loss='quantile' or 'gaussian', this is {estimator.loss!r}"
        )
    return True


class MLPRegressor(RegressorMixin, BaseMLP):  # type: ignore[misc]
    """scikit-learn's multi-layer perceptron regressor, trained by nncore.

    The parameters down to `max_fun` are scikit-learn's, and mean the same. Several outputs share
    the hidden layers; the solvers minimise the sum of their losses and the curves show the mean,
    as scikit-learn's do.

    Beyond these parameters:

    Args:
        loss: "squared_error"; "poisson", half the mean Poisson deviance with exponential outputs,
            for targets of 0 and more; "absolute_error"; "huber", quadratic within 1 of the target;
            "quantile", for the quantiles that `quantile` names; or "gaussian", for a mean and a
            variance of each target (see `nncore.costs.Gaussian`).
        quantile: of loss="quantile": a number between 0 and 1, or an ascending list of them, whose
            quantiles `predict_quantiles` gives. `predict` gives the one nearest to the median.
        non_crossing: of loss="quantile": whether the quantiles of a row are put in order, in
            training and prediction.
        activation: may also be any of nncore's names, such as "gelu", or a list with a name for
            each hidden layer.
        dropout: the probability that a hidden unit is dropped in a mini-batch, or a list with a
            rate for the inputs and for each hidden layer.
        scoring: what early stopping follows: None for `score`, "loss" for the validation loss,
            or one of scikit-learn's scorers, by name or as a callable.
        callbacks: of `nncore.callbacks`; `run.logs` has "cost", with validation rows
            "validation_cost", and with early stopping "validation_score".
        n_threads: the most threads that training uses; None for `nncore.set_num_threads`'s.

    Fitted attributes are scikit-learn's, and `validation_loss_curve_`, the loss without the
    penalty after every epoch on `eval_set` or on the rows held out for early stopping; None
    without these. `coefs_` and `intercepts_` are live views of the network's parameters.

    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> model = MLPRegressor(hidden_layer_sizes=(10,), solver="lbfgs", random_state=0)
    >>> bool(model.fit(x, x[:, 0] ** 2).score(x, x[:, 0] ** 2) > 0.99)
    True
    """

    _extensions = (
        "quantile", "non_crossing", "dropout", "scoring", "callbacks", "n_threads",
    )  # fmt: skip
    _numeric_targets = True

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: str | Sequence[str] = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        quantile: float | Sequence[float] = 0.5,
        non_crossing: bool = False,
        dropout: float | Sequence[float] = 0.0,
        scoring: Any = None,
        callbacks: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self._store_parameters(locals())

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        eval_set: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> MLPRegressor:
        """Trains on X (n, n_features), dense or sparse, and y (n,) or (n, n_outputs).

        Args:
            sample_weight: (n,), how much each row counts.
            eval_set: (X, y) or (X, y, sample_weight) to measure after every epoch, and for early
                stopping to follow in place of rows held out of X.
            X_val, y_val, sample_weight_val: the same one by one, for metadata routing: a Pipeline
                with transform_input=["X_val"] transforms X_val as it does X.

        Raises:
            ValueError, TypeError: a parameter or the data are wrong, or training diverged.
        """
        validation = named_validation_data(eval_set, "eval_set", X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, validation, incremental=False)

    @available_if(is_stochastic)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """One epoch over these rows, going on from the last call."""
        return self._fit(X, y, sample_weight, None, incremental=True)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The prediction for each row, (n,), or of several outputs (n, n_outputs).

        With loss="quantile" that is the quantile nearest to the median, with loss="gaussian" the
        mean; `return_std` then returns (means, standard deviations).
        """
        outputs = self._outputs(X)
        if not return_std:
            return self._decode(outputs)
        if self.loss != "gaussian":
            raise ValueError(f"return_std needs loss='gaussian', this is {self.loss!r}")
        return self._decode(outputs), self._deviations(outputs)

    @available_if(_has_quantiles)  # type: ignore[untyped-decorator]
    def predict_quantiles(
        self, X: Any, quantiles: float | Sequence[float] | None = None
    ) -> NDArray[Any]:
        """Quantiles for each row, (n, quantiles), or of several outputs (n, n_outputs, quantiles).

        With loss="quantile" those it was trained for. With loss="gaussian" those asked for, of the
        predicted normal distributions.
        """
        outputs = self._outputs(X)
        if self.loss == "quantile":
            if quantiles is not None:
                raise ValueError(
                    f"the quantiles are those of training, {list(self._quantiles())}; leave "
                    "quantiles out"
                )
            found = outputs.reshape(len(outputs), self.n_outputs_, -1)
        else:
            taus = costs.Pinball(() if quantiles is None else quantiles).values()
            units = np.array([NormalDist().inv_cdf(tau) for tau in taus], outputs.dtype)
            means, deviations = outputs[:, : self.n_outputs_], self._deviations(outputs)
            found = means[:, :, None] + deviations.reshape(means.shape)[:, :, None] * units
        return found[:, 0] if self.n_outputs_ == 1 else found

    @property
    def predicted_outputs_(self) -> slice:
        """Which outputs of `network_` are those that `predict` gives."""
        return costs.point_outputs(self.network_)

    def to_sklearn(self) -> Any:
        if self.loss not in ("squared_error", "poisson"):
            raise ValueError(f"scikit-learn's MLPRegressor has no loss {self.loss!r}")
        return super().to_sklearn()

    @classmethod
    def from_network(cls, net: Network, **params: Any) -> MLPRegressor:
        losses = {cost: loss for loss, cost in _COSTS.items()}
        params.setdefault("loss", losses.get(net.cost, "squared_error"))
        if net.cost == "pinball":
            given = costs.of(net)
            pinball = given if isinstance(given, costs.Pinball) else costs.Pinball()
            params.setdefault("quantile", pinball.quantiles)
            params.setdefault("non_crossing", pinball.non_crossing)
        return super().from_network(net, **params)

    def _quantiles(self) -> Sequence[float]:
        return costs.Pinball(self.quantile).values()

    def _deviations(self, outputs: NDArray[Any]) -> NDArray[Any]:
        least = self._net.cost_hyperparameters["min_variance"]
        deviations: NDArray[Any] = np.sqrt(np.exp(outputs[:, self.n_outputs_ :]) + least)
        return deviations[:, 0] if self.n_outputs_ == 1 else deviations

    def _learn_targets(self, y: Any, classes: Classes) -> None:
        check_name("loss", self.loss, _COSTS)
        if self.loss == "quantile":
            self._cost("identity")

    def _encode(self, y: Any) -> NDArray[Any]:
        return np.asarray(y, dtype=np.float64)

    def _decode(self, outputs: NDArray[Any]) -> NDArray[Any]:
        outputs = outputs[:, self.predicted_outputs_]
        return outputs[:, 0] if self.n_outputs_ == 1 else outputs

    def _score(self, rows: Rows, outputs: NDArray[Any]) -> float:
        return float(r2_score(rows.labels, self._decode(outputs), sample_weight=rows.weight))

    def _match_loss(self, rows: Rows) -> None:
        y = rows.targets.reshape(len(rows), -1)
        if self.loss != "poisson":
            quantiles = self.loss == "quantile"
            rows.divisor = y.shape[1] * (self._outputs_per_target() if quantiles else 1)
            return
        if y.min() < 0:
            raise ValueError(f"loss='poisson' needs y of 0 or more, found {y.min():g}")
        # y ln y - y, with 0 ln 0 = 0
        rows.constants = (y * np.log(np.where(y > 0, y, 1.0)) - y).sum(axis=1)

    def _out_activation(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _outputs_per_target(self) -> int:
        if self.loss == "quantile":
            return len(self._quantiles())
        return 2 if self.loss == "gaussian" else 1

    def _cost(self, out_activation: str) -> costs.AnyCost:
        if self.loss == "quantile":
            return costs.Pinball(self._quantiles(), non_crossing=self.non_crossing)
        return _COSTS[self.loss]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
