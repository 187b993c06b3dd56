"""Fitted estimators from scikit-learn's class to nncore's, and back."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import check_is_fitted

from nncore.network import Network
from nncore.sklearn import _params
from nncore.sklearn._base import _CORE_OUTPUTS, BaseMLP
from nncore.sklearn._classifier import MLPClassifier
from nncore.sklearn._regressor import MLPRegressor

_ATTRIBUTES = (
    "best_loss_", "best_validation_score_", "classes_", "feature_names_in_", "loss_",
    "loss_curve_", "n_features_in_", "n_iter_", "n_layers_", "n_outputs_", "out_activation_",
    "t_", "validation_scores_", "_no_improvement_count",
)  # fmt: skip


def from_sklearn(fitted_mlp: Any) -> MLPClassifier | MLPRegressor:
    """An estimator of nncore's that predicts as scikit-learn's fitted MLP does.

    Parameters and fitted attributes are copied. `fit` with warm_start and `partial_fit` go on
    from there, with the optimiser's memory starting anew.

    Raises:
        TypeError: it is neither scikit-learn's MLPClassifier nor its MLPRegressor.
        NotFittedError: it is not fitted.
    """
    check_is_fitted(fitted_mlp)
    ours: MLPClassifier | MLPRegressor
    if isinstance(fitted_mlp, neural_network.MLPClassifier):
        ours = MLPClassifier(**fitted_mlp.get_params(deep=False))
        if fitted_mlp.out_activation_ == "softmax":
            ours._kind = "multiclass"
        else:
            ours._kind = "binary" if fitted_mlp.n_outputs_ == 1 else "multilabel-indicator"
        ours._sparse_labels = False
    elif isinstance(fitted_mlp, neural_network.MLPRegressor):
        ours = MLPRegressor(**fitted_mlp.get_params(deep=False))
    else:
        raise TypeError(
            "from_sklearn takes a fitted MLPClassifier or MLPRegressor of scikit-learn's, got a "
            f"{type(fitted_mlp).__name__}"
        )
    _copy_attributes(fitted_mlp, ours)
    coefs = fitted_mlp.coefs_
    sizes = [coefs[0].shape[0], *(coef.shape[1] for coef in coefs)]
    names = _params.layer_activations(ours.activation, len(coefs) - 1)
    ours._build(
        sizes,
        [_params.CORE_NAMES.get(name, name) for name in names],
        np.result_type(*coefs),
        0,
        ([coef.T for coef in coefs], fitted_mlp.intercepts_),
    )
    return ours


def estimator_of(net: Network) -> MLPClassifier | MLPRegressor:
    """A fitted estimator of nncore's with a copy of a network's parameters.

    See `nncore.export.to_sklearn` for what becomes of which outputs.

    Raises:
        ValueError: scikit-learn's estimators have no such outputs.
    """
    *hidden, output = net.activations
    outputs = {core: name for name, (core, _) in _CORE_OUTPUTS.items()}
    if output not in outputs:
        raise ValueError(
            f"scikit-learn's estimators have outputs of {sorted(outputs)}, not {output!r}"
        )
    shape: dict[str, Any] = {"hidden_layer_sizes": net.sizes[1:-1], "activation": hidden}
    ours: MLPClassifier | MLPRegressor
    if output in ("softmax", "sigmoid"):
        ours = MLPClassifier(**shape)
        several = "multiclass" if output == "softmax" else "multilabel-indicator"
        ours._kind = several if net.sizes[-1] > 1 else "binary"
        ours._sparse_labels = False
        ours.classes_ = np.arange(max(net.sizes[-1], 2))
    else:
        ours = MLPRegressor(**shape, loss="poisson" if output == "exponential" else "squared_error")
    ours.n_features_in_, ours.n_outputs_, ours.n_layers_ = (
        net.sizes[0],
        net.sizes[-1],
        len(net.sizes),
    )
    ours.out_activation_ = outputs[output]
    ours.n_iter_, ours.t_ = net.epoch, 0
    ours.best_loss_, ours._no_improvement_count = np.inf, 0
    ours._begin_curves(measures=False)
    ours._build(net.sizes, hidden, net.dtype, net.seed, (net.weights, net.biases))
    return ours


def to_sklearn(ours: BaseMLP) -> Any:
    """See `BaseMLP.to_sklearn`."""
    check_is_fitted(ours)
    core = {"linear": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}
    hidden = set(ours._net.activations[:-1])
    if len(hidden) > 1 or not hidden <= core.keys():
        raise ValueError(
            "scikit-learn knows one activation for all hidden layers, of identity, logistic, "
            f"tanh and relu; these are {list(ours._net.activations[:-1])}"
        )
    params = {k: v for k, v in ours.get_params(deep=False).items() if k not in ours._extensions}
    params["activation"] = core[hidden.pop()] if hidden else "relu"
    theirs = getattr(neural_network, type(ours).__name__)(**params)
    _copy_attributes(ours, theirs)
    theirs.coefs_ = [np.array(coef) for coef in ours.coefs_]
    theirs.intercepts_ = [np.array(intercept) for intercept in ours.intercepts_]
    if isinstance(ours, MLPClassifier):
        labels = np.eye(ours.n_outputs_, dtype=int) if ours._kind.startswith("multi") else None
        several = ours._kind.startswith("multilabel")
        theirs._label_binarizer = LabelBinarizer().fit(labels if several else ours.classes_)
    return theirs


def _copy_attributes(source: Any, target: Any) -> None:
    for name in _ATTRIBUTES:
        if name in vars(source):
            setattr(target, name, deepcopy(vars(source)[name]))
