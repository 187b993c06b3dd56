"""scikit-learn: fitted MLPClassifier and MLPRegressor, there and back."""

from __future__ import annotations

from typing import Any

from nncore._support.extras import require
from nncore.export._exportable import Exportable, network_of
from nncore.export._outputs import check_outputs
from nncore.network import Network


def to_sklearn(net: Exportable) -> Any:
    """A fitted estimator of scikit-learn's own that predicts what the network does.

    Softmax outputs make an MLPClassifier with the classes 0, 1, ...; one sigmoid output one for
    the classes 0 and 1; several sigmoid outputs one for several labels a row, whose
    `predict_proba` gives the outputs. Linear outputs make an MLPRegressor, and so do exponential
    ones, for its loss "poisson" (scikit-learn 1.7).

    Raises:
        ImportError: scikit-learn is missing.
        ValueError: scikit-learn does not have such outputs, or hidden layers of that activation.
    """
    require("sklearn", extra="sklearn", purpose="to_sklearn")
    network = network_of(net)
    check_outputs(network)
    if hasattr(net, "to_sklearn"):  # which keeps parameters and classes
        return net.to_sklearn()
    from nncore.sklearn._convert import estimator_of

    return estimator_of(network).to_sklearn()


def from_sklearn(fitted_mlp: Any) -> Network:
    """A network of the parameters of scikit-learn's fitted MLPClassifier or MLPRegressor.

    It predicts the number of a class, whose label is in `classes`, and has the dtype of `coefs_`.
    To go on with an estimator instead, see `nncore.sklearn.from_sklearn`.

    Raises:
        ImportError: scikit-learn is missing.
        TypeError: it is another estimator.
        NotFittedError: it is not fitted.
    """
    require("sklearn", extra="sklearn", purpose="from_sklearn")
    from nncore import sklearn

    return sklearn.from_sklearn(fitted_mlp).network_
