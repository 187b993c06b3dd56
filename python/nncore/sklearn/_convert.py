"""Fitted estimators from scikit-learn's classes and from networks."""

from __future__ import annotations

from typing import Any

from sklearn import neural_network

from nncore.network import Network
from nncore.sklearn import _skl2onnx
from nncore.sklearn._classifier import MLPClassifier
from nncore.sklearn._regressor import MLPRegressor


def from_sklearn(fitted_mlp: Any) -> MLPClassifier | MLPRegressor:
    """An estimator of nncore's that predicts as scikit-learn's fitted MLP does.

    Parameters and fitted attributes are copied. `fit` with warm_start and `partial_fit` go on
    from there, with the optimiser's memory starting anew.

    Raises:
        TypeError: it is neither scikit-learn's MLPClassifier nor its MLPRegressor.
        NotFittedError: it is not fitted.
    """
    if isinstance(fitted_mlp, neural_network.MLPClassifier):
        return MLPClassifier.from_sklearn(fitted_mlp)
    if isinstance(fitted_mlp, neural_network.MLPRegressor):
        return MLPRegressor.from_sklearn(fitted_mlp)
    raise TypeError(
        "from_sklearn takes a fitted MLPClassifier or MLPRegressor of scikit-learn's, got a "
        f"{type(fitted_mlp).__name__}"
    )


def register_skl2onnx() -> None:
    """Teaches skl2onnx to convert `MLPClassifier` and `MLPRegressor`, in pipelines too.

    That has happened already where skl2onnx was imported before an estimator was fitted or loaded.
    The options are those that skl2onnx has for scikit-learn's MLPClassifier: "zipmap", "nocl" and
    "output_class_labels". Float32 inputs give a model in float32, whatever the network's dtype.

    Raises:
        ImportError: skl2onnx is missing.
    """
    for estimator in (MLPClassifier, MLPRegressor):
        _skl2onnx.register(estimator)


def estimator_of(net: Network) -> MLPClassifier | MLPRegressor:
    """A fitted estimator of nncore's with a copy of a network's parameters.

    See `nncore.export.to_sklearn` for what becomes of which outputs.

    Raises:
        ValueError: scikit-learn's estimators have no such outputs.
    """
    if net.activations[-1] in ("softmax", "sigmoid"):
        return MLPClassifier.from_network(net)
    loss = "poisson" if net.activations[-1] == "exponential" else "squared_error"
    return MLPRegressor.from_network(net, loss=loss)
