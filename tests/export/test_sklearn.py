"""Networks to fitted scikit-learn estimators, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor

import nncore
from export_networks import COSTS, assert_same, error, rows
from nncore.export import from_sklearn, to_sklearn


def network(output: str, units: int, dtype: str = "float64") -> nncore.Network:
    return nncore.Network(
        [5, 4, units],
        activation="tanh",
        output_activation=output,
        cost=COSTS.get(output, "quadratic"),
        dtype=dtype,
        seed=1,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("output", "units"), [("softmax", 3), ("sigmoid", 1), ("sigmoid", 3)])
def test_classifiers_round_trip(output: str, units: int, dtype: str) -> None:
    net = network(output, units, dtype)
    model, x = to_sklearn(net), rows(net)
    assert type(model) is MLPClassifier
    y = net.feedforward(x)
    found = model.predict_proba(x)
    assert error(found[:, 1:] if units == 1 else found, y) < 1e-6
    several = output == "sigmoid" and units > 1
    np.testing.assert_array_equal(model.predict(x), y > 0.5 if several else net.predict(x))
    assert_same(from_sklearn(model), net)


@pytest.mark.parametrize(("output", "units"), [("linear", 1), ("linear", 3), ("exponential", 1)])
def test_regressors_round_trip(output: str, units: int) -> None:
    if output == "exponential" and "loss" not in MLPRegressor().get_params():
        pytest.skip("needs scikit-learn 1.7")
    net = network(output, units)
    model, x = to_sklearn(net), rows(net)
    assert type(model) is MLPRegressor
    assert error(model.predict(x).reshape(-1, units), net.feedforward(x)) < 1e-12
    assert_same(from_sklearn(model), net)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_exported_model_can_be_trained_further() -> None:
    net = nncore.Network([5, 3], output_activation="softmax", cost="log_likelihood")
    x, y = rows(net), np.arange(40) % 3
    model = to_sklearn(net).set_params(warm_start=True, max_iter=3).fit(x, y)
    assert model.n_iter_ == 3


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"output_activation": "tanh"}, "not 'tanh'"),
        ({"activation": ["gelu", "gelu"]}, "gelu"),
        ({"activation": ["tanh", "relu"]}, "one activation for all hidden layers"),
    ],
)
def test_networks_that_scikit_learn_lacks_are_refused(
    arguments: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        to_sklearn(nncore.Network([2, 3, 3, 1], **arguments))


def test_other_and_unfitted_estimators_are_refused() -> None:
    with pytest.raises(NotFittedError):
        from_sklearn(MLPClassifier())
    with pytest.raises(TypeError, match="LogisticRegression"):
        from_sklearn(LogisticRegression().fit([[0.0], [1.0]], [0, 1]))
