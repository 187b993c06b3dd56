"""Kinds of targets and inputs, sample weights, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("sklearn")

from scipy import sparse
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier as TheirClassifier

from nncore.sklearn import MLPClassifier, MLPRegressor

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classifier(**parameters: Any) -> MLPClassifier:
    return MLPClassifier(**{"hidden_layer_sizes": (8,), "random_state": 0, **parameters})


def fitted(x: Any, y: Any, **parameters: Any) -> MLPClassifier:
    return classifier(solver="lbfgs", **parameters).fit(x, y)


@pytest.mark.parametrize(
    "y",
    [NAMES[Y], NAMES[Y].astype(object), Y * 10 - 5, Y.astype(float)],
    ids=["strings", "objects", "integers", "floats"],
)
def test_predict_returns_labels_of_any_type(y: NDArray[Any]) -> None:
    model = fitted(X, y)
    assert model.out_activation_ == "softmax"
    np.testing.assert_array_equal(model.classes_, np.unique(y))
    assert (model.predict(X) == y).mean() > 0.97
    assert model.predict(X).dtype == model.classes_.dtype
    proba = model.predict_proba(X)
    assert proba.shape == (150, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), proba)


def test_two_classes_use_one_output() -> None:
    y = NAMES[np.minimum(Y, 1)]
    model = fitted(X, y)
    assert (model.out_activation_, model.n_outputs_) == ("logistic", 1)
    assert (model.predict(X) == y).all()
    proba = model.predict_proba(X)
    assert proba.shape == (150, 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(model.classes_[proba.argmax(axis=1)], y)


def test_impossible_classes_have_log_probability_minus_infinity() -> None:
    model = fitted(X, Y, max_iter=2)
    model.intercepts_[-1] = [0.0, 0.0, -1e4]
    assert (model.predict_log_proba(X)[:, 2] == -np.inf).all()


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_multilabel_targets(container: Any) -> None:
    x, y = make_multilabel_classification(150, n_classes=4, n_labels=1, random_state=1)
    model = fitted(x, container(y), alpha=0.01)
    assert (model.out_activation_, model.n_outputs_) == ("logistic", 4)
    predicted = model.predict(x)
    assert sparse.issparse(predicted) == (container is not np.asarray)
    dense = predicted.toarray() if sparse.issparse(predicted) else predicted
    assert (dense == y).mean() > 0.9
    assert model.score(x, container(y)) > 0.8
    np.testing.assert_array_equal(model.predict_proba(x) > 0.5, dense)


def test_a_single_class_is_always_predicted() -> None:
    model = fitted(X, np.full(150, "only"))
    assert set(model.predict(X)) == {"only"}
    theirs = TheirClassifier((8,), solver="lbfgs", random_state=0).fit(X, np.full(150, "only"))
    np.testing.assert_allclose(model.predict_proba(X), theirs.predict_proba(X))


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_matrix])
def test_sparse_inputs_train_like_dense_inputs(solver: str, form: Any) -> None:
    x = np.where(X > 1.5, X, 0.0)
    dense, thin = (
        classifier(solver=solver, max_iter=8, early_stopping=True).fit(rows, Y)
        for rows in (x, form(x))
    )
    for a, b in zip(dense.coefs_, thin.coefs_, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-10)
    np.testing.assert_allclose(thin.predict_proba(form(x)), dense.predict_proba(x), atol=1e-10)


def test_sparse_inputs_are_never_converted_to_dense() -> None:
    n = 200_000  # dense rows would take 320 GB
    wide = sparse.coo_array((np.ones(n), (np.arange(n), np.arange(n)))).tocsr()
    model = MLPRegressor(hidden_layer_sizes=(1,), max_iter=2, solver="sgd", batch_size=n // 2)
    assert model.fit(wide, np.arange(n) / n).predict(wide).shape == (n,)


def test_several_regression_outputs() -> None:
    x, y = load_diabetes(return_X_y=True)
    y = np.column_stack([y, -2 * y]) / 100
    model = MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", random_state=0).fit(x, y)
    assert model.predict(x).shape == y.shape
    assert model.score(x, y) > 0.5


def test_poisson_predicts_rates() -> None:
    x = np.linspace(0, 2, 200)[:, None]
    y = np.random.default_rng(0).poisson(np.exp(1.5 * x[:, 0]))
    model = MLPRegressor("poisson", (8,), solver="lbfgs", random_state=0).fit(x, y)
    assert model.out_activation_ == "exp"
    np.testing.assert_allclose(model.predict(x), np.exp(1.5 * x[:, 0]), rtol=0.35)
    with pytest.raises(ValueError, match=r"loss='poisson' needs y of 0 or more, found -1"):
        model.fit(x, y - 1)


def test_a_sample_weight_equals_repeating_the_row() -> None:
    weight = np.random.default_rng(0).integers(0, 3, 150)
    # Without hidden layers there is one minimum, which both must find.
    settings: dict[str, Any] = {"hidden_layer_sizes": (), "solver": "lbfgs", "alpha": 1.0}
    settings |= {"tol": 1e-8, "max_iter": 1000}
    weighted = classifier(**settings).fit(X, Y, sample_weight=weight)
    repeated = classifier(**settings).fit(X.repeat(weight, axis=0), Y.repeat(weight))
    # scipy stops when the loss falls by less than 2e-9 of itself. Rounding decides at which of
    # the last steps that is.
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "adan"}, "unknown solver 'adan'; did you mean 'adam'"),
        ({"activation": "rleu"}, "unknown activation 'rleu'; did you mean 'relu'"),
        ({"activation": ["relu", "tanh"]}, "activation has 2 names; expected 1"),
        ({"learning_rate": "constnat"}, "did you mean 'constant'"),
        ({"hidden_layer_sizes": (8, 0)}, "hidden_layer_sizes must be at least 1, got 0"),
        ({"alpha": -1}, "alpha must be at least 0"),
        ({"learning_rate_init": 0.0}, "learning_rate_init must be above 0"),
        ({"momentum": 1.5}, "momentum must be at least 0 and below 1, got 1.5"),
        ({"beta_2": 1.0}, "beta_2 must be at least 0 and below 1"),
        ({"validation_fraction": 1.0}, "validation_fraction must be"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"batch_size": "atuo"}, "did you mean 'auto'"),
        ({"max_iter": 0}, "max_iter must be at least 1"),
        ({"n_iter_no_change": 0}, "n_iter_no_change must be at least 1"),
        ({"n_threads": 0}, "n_threads must be at least 1"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
        ({"dropout": 0.5, "solver": "lbfgs"}, "solver='lbfgs' knows no dropout"),
        ({"class_weight": "balance"}, "did you mean 'balanced'"),
    ],
)
def test_errors_name_the_invalid_parameter(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classifier(**parameters).fit(X, Y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"shuffle": "yes"}, "shuffle must be True or False, got 'yes'"),
        ({"max_iter": 2.5}, "max_iter must be an integer, got 2.5"),
        ({"hidden_layer_sizes": (2.5,)}, "hidden_layer_sizes must be an integer"),
        ({"callbacks": [print]}, "callbacks must be instances"),
    ],
)
def test_errors_name_the_parameter_of_the_wrong_type(
    parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        classifier(**parameters).fit(X, Y)


def test_an_invalid_parameter_keeps_the_fitted_model() -> None:
    model = classifier(max_iter=5).fit(X, Y)
    before = model.predict_proba(X)
    for name, value in (
        ("activation", "rleu"),
        ("dropout", 2.0),
        ("callbacks", [print]),
        ("class_weight", "even"),
    ):
        changed = model.set_params(**{name: value})
        with pytest.raises((ValueError, TypeError)):
            changed.fit(X[:, :3], np.minimum(Y, 1))
        model.set_params(**{name: MLPClassifier().get_params()[name]})
        np.testing.assert_array_equal(model.predict_proba(X), before)


def test_invalid_data_are_refused_before_training() -> None:
    model = fitted(X, Y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, Y[:-1])
    with pytest.raises(ValueError, match=r"sample_weight\.shape"):
        model.fit(X, Y, sample_weight=np.ones(149))
    with pytest.raises(ValueError, match="0 sample"):
        model.fit(X[:0], Y[:0])
    with pytest.raises(ValueError, match="Unknown label type"):
        model.fit(X, X[:, 0])
    with pytest.raises(ValueError, match="several columns"):
        model.fit(X, np.column_stack([Y, Y]))
    with pytest.raises(ValueError, match="features"):
        model.predict(X[:, :3])
    np.testing.assert_array_equal(model.predict_proba(X), before)
    with pytest.raises(ValueError, match=r"unknown loss 'sqared_error'; did you mean"):
        MLPRegressor("sqared_error").fit(X, Y)
    with pytest.raises(NotFittedError):
        classifier().predict(X)
    with pytest.raises(AttributeError, match="no coefs_ before it is fitted"):
        _ = classifier().coefs_
