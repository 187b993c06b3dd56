"""scikit-learn's multi-layer perceptrons, trained by nncore: change the import, keep the program.

`MLPClassifier` and `MLPRegressor` take scikit-learn's parameters, with the same meaning and
defaults, and have its methods and fitted attributes. Initial weights and shuffles come from
`random_state` by the same draws, so that a run follows scikit-learn's own. After scikit-learn's
parameters come nncore's: class weights, dropout, an activation per layer, validation data of
your own, callbacks, early stopping on any metric, and a bound on threads.

>>> from sklearn.datasets import load_iris
>>> from nncore.sklearn import MLPClassifier
>>> x, y = load_iris(return_X_y=True)
>>> model = MLPClassifier((20,), solver="lbfgs", random_state=0).fit(x, y)
>>> bool(model.score(x, y) > 0.95)
True

`TabularClassifier` and `TabularRegressor` take data frames as they are and have nothing to set;
`ConformalRegressor` and `ConformalClassifier` give intervals and sets of classes, around any
estimator, that hold for a stated share of new rows.

A fitted MLP holds its network as `network_`. Every `to_*` of `nncore.export` takes either.
skl2onnx converts estimators, alone and in a Pipeline, with labels and probabilities; if it was
imported after they were fitted, call `register_skl2onnx()` first. skops saves and loads them.

With scikit-learn 1.9 or newer the estimators have `set_callbacks`; each epoch is a task of `fit`.

Needs scikit-learn 1.6 or newer: pip install 'nncore[sklearn]'.
"""

from __future__ import annotations

from nncore._support.extras import require

require("sklearn", extra="sklearn", purpose="nncore.sklearn")

from nncore.sklearn._classifier import MLPClassifier  # noqa: E402
from nncore.sklearn._conformal import ConformalClassifier, ConformalRegressor  # noqa: E402
from nncore.sklearn._convert import from_sklearn, register_skl2onnx  # noqa: E402
from nncore.sklearn._regressor import MLPRegressor  # noqa: E402
from nncore.sklearn._tabular_classifier import TabularClassifier  # noqa: E402
from nncore.sklearn._tabular_regressor import TabularRegressor  # noqa: E402

__all__ = [
    "ConformalClassifier",
    "ConformalRegressor",
    "MLPClassifier",
    "MLPRegressor",
    "TabularClassifier",
    "TabularRegressor",
    "from_sklearn",
    "register_skl2onnx",
]
