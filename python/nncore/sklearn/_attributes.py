"""What `fit` leaves on an estimator, under scikit-learn's names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from nncore.network import Network, Parameters
from nncore.sklearn._stochastic import Pace


class FittedAttributes:
    """The network, its parameters, and how training went."""

    _net: Network
    _given: Mapping[str, list[Any]] = MappingProxyType({})
    """Parameters that were assigned before the first fit."""
    n_features_in_: int
    n_outputs_: int
    n_layers_: int
    n_iter_: int
    t_: int
    out_activation_: str
    loss_: float
    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    validation_loss_curve_: list[float] | None
    _pace: Pace

    @property
    def network_(self) -> Network:
        """The network that was trained, whose parameters are those of the estimator.

        Whoever exports it, or trains it further, may use it as any other network.
        """
        return self._fitted("network_")

    @property
    def coefs_(self) -> Parameters | list[Any]:
        """Live views of the weights, layer by layer, (inputs, units); assigning copies in.

        Assigned before the first fit they are what `partial_fit`, and `fit` with warm_start, begin
        with, as in scikit-learn; so are `intercepts_`.
        """
        if not hasattr(self, "_net") and "coefs_" in self._given:
            return self._given["coefs_"]
        return Parameters([w.T for w in self._fitted("coefs_").weights])

    @coefs_.setter
    def coefs_(self, arrays: Iterable[Any]) -> None:
        if not hasattr(self, "_net"):
            self._given = {**self._given, "coefs_": list(arrays)}
            return
        self._net.weights = [np.asarray(array).T for array in arrays]

    @property
    def intercepts_(self) -> Parameters | list[Any]:
        """Live views of the biases, layer by layer, (units,); assigning copies in."""
        if not hasattr(self, "_net") and "intercepts_" in self._given:
            return self._given["intercepts_"]
        return self._fitted("intercepts_").biases

    @intercepts_.setter
    def intercepts_(self, arrays: Iterable[Any]) -> None:
        if not hasattr(self, "_net"):
            self._given = {**self._given, "intercepts_": list(arrays)}
            return
        self._net.biases = list(arrays)

    @property
    def _no_improvement_count(self) -> int:
        """scikit-learn's name, which programs look at though it is private."""
        return self._pace.no_improvement_count

    @_no_improvement_count.setter
    def _no_improvement_count(self, count: int) -> None:
        self._pace = replace(getattr(self, "_pace", Pace()), no_improvement_count=count)

    @property
    def _optimizer(self) -> Pace:
        """What has the current `learning_rate`, as scikit-learn's private attribute has it."""
        return self._pace

    def _fitted(self, attribute: str) -> Network:
        try:
            return self._net
        except AttributeError:
            raise AttributeError(
                f"{type(self).__name__} has no {attribute} before it is fitted"
            ) from None
