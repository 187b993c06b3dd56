"""With the same parameters and random state, training is that of scikit-learn."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("sklearn")

from sklearn import neural_network
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
    make_multilabel_classification,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

import nncore.sklearn as ours

Problem = tuple[NDArray[Any], NDArray[Any]]


def digits() -> Problem:
    x, y = load_digits(return_X_y=True)
    return x[:600] / 16, y[:600]


def cancer() -> Problem:
    x, y = load_breast_cancer(return_X_y=True)
    return scale(x), y


def labels() -> Problem:
    x, y = make_multilabel_classification(200, n_features=12, random_state=0)
    return x, y


def diabetes() -> Problem:
    x, y = load_diabetes(return_X_y=True)
    return x, scale(y)


def two_outputs() -> Problem:
    x, y = diabetes()
    return x, np.column_stack([y, y**2])


def counts() -> Problem:
    x, y = diabetes()
    return x, np.floor(np.exp(y))


def fitted_pair(
    kind: str, problem: Problem, weight: Any = None, **parameters: Any
) -> tuple[Any, Any]:
    """scikit-learn's estimator and ours, fitted to the same data."""
    parameters = {"hidden_layer_sizes": (20,), "max_iter": 10, "random_state": 3, **parameters}
    fitted = []
    for module in (neural_network, ours):
        estimator = getattr(module, kind)(**parameters)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted.append(estimator.fit(*problem, weight))
    return fitted[0], fitted[1]


def assert_same_run(theirs: Any, mine: Any, tolerance: float = 1e-9) -> None:
    assert mine.n_iter_ == theirs.n_iter_
    assert mine.t_ == theirs.t_
    assert len(mine.loss_curve_) == mine.n_iter_
    np.testing.assert_allclose(mine.loss_curve_, theirs.loss_curve_, rtol=0, atol=tolerance)
    assert mine.loss_ == mine.loss_curve_[-1]
    if theirs.validation_scores_ is None:
        assert mine.validation_scores_ is None
        assert mine.best_loss_ == pytest.approx(theirs.best_loss_, abs=tolerance)
    else:
        np.testing.assert_allclose(mine.validation_scores_, theirs.validation_scores_, atol=1e-5)
        assert mine.best_loss_ is None


SETTINGS: list[dict[str, Any]] = [
    {"solver": "sgd"},
    {"solver": "sgd", "momentum": 0.0},
    {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.1},
    {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5, "power_t": 0.3},
    {
        "solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.5, "tol": 0.1,
        "n_iter_no_change": 1,
    },
    {"solver": "sgd", "alpha": 1.0, "activation": "logistic"},
    {"solver": "adam"},
    {"solver": "adam", "alpha": 1.0, "activation": "tanh", "hidden_layer_sizes": (15, 10)},
    {"solver": "adam", "epsilon": 1e-3, "beta_1": 0.8, "beta_2": 0.9},
    {"solver": "adam", "shuffle": False, "batch_size": 17},
    {"solver": "adam", "activation": "identity", "hidden_layer_sizes": ()},
    {"solver": "adam", "early_stopping": True},
]  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_loss_curve_of_a_classifier(settings: dict[str, Any]) -> None:
    assert_same_run(*fitted_pair("MLPClassifier", digits(), **settings))


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_loss_curve_of_a_regressor(settings: dict[str, Any]) -> None:
    assert_same_run(*fitted_pair("MLPRegressor", diabetes(), **settings))


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("kind", "problem", "parameters"),
    [
        ("MLPClassifier", digits(), {}),
        ("MLPClassifier", cancer(), {}),
        ("MLPClassifier", labels(), {}),
        ("MLPRegressor", two_outputs(), {}),
        ("MLPRegressor", counts(), {"loss": "poisson"}),
    ],
    ids=["multiclass", "binary", "multilabel", "two outputs", "poisson"],
)
def test_loss_curve_of_every_target(
    kind: str,
    problem: Problem,
    parameters: dict[str, Any],
    solver: str,
    weighted: bool,
    early_stopping: bool,
) -> None:
    x, _ = problem
    weight = np.random.default_rng(0).uniform(0.1, 2, len(x)) if weighted else None
    theirs, mine = fitted_pair(
        kind, problem, weight,
        solver=solver, early_stopping=early_stopping, batch_size=64, alpha=0.1, **parameters,
    )  # fmt: skip
    assert_same_run(theirs, mine)


@pytest.mark.parametrize(
    ("kind", "problem", "parameters"),
    [
        ("MLPClassifier", digits(), {}),
        ("MLPClassifier", cancer(), {"alpha": 1.0}),
        ("MLPRegressor", diabetes(), {"activation": "tanh"}),
        ("MLPRegressor", counts(), {"loss": "poisson"}),
    ],
    ids=["multiclass", "binary", "squared_error", "poisson"],
)
def test_lbfgs_follows_the_same_loss_curve(
    kind: str, problem: Problem, parameters: dict[str, Any]
) -> None:
    weight = np.random.default_rng(0).uniform(0.1, 2, len(problem[0]))
    theirs, mine = fitted_pair(kind, problem, weight, solver="lbfgs", **parameters)
    assert mine.n_iter_ == theirs.n_iter_
    assert mine.loss_ == pytest.approx(theirs.loss_, rel=1e-9)
    for found, expected in zip(mine.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-8)


def unscaled(name: str) -> Problem:
    """Inputs that make outputs 0 and 1 to the last bit."""
    if name == "labels":
        x, y = labels()
        return 30 * x, y
    loaded: Problem = {"cancer": load_breast_cancer, "wine": load_wine}[name](return_X_y=True)
    return loaded


@pytest.mark.parametrize("problem", ["cancer", "wine", "labels"])
def test_lbfgs_on_unscaled_inputs_minimises_the_same_clipped_loss(problem: str) -> None:
    for iterations in (1, 10):
        theirs, mine = fitted_pair(
            "MLPClassifier", unscaled(problem), solver="lbfgs", max_iter=iterations
        )
        assert mine.n_iter_ == theirs.n_iter_
        assert mine.loss_ == pytest.approx(theirs.loss_, rel=1e-7)


@pytest.mark.parametrize("problem", ["cancer", "wine", "labels"])
def test_the_validation_loss_of_unscaled_inputs_is_scikit_learns(problem: str) -> None:
    x, y = unscaled(problem)
    mine = ours.MLPClassifier((20,), random_state=3, max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mine.fit(x, y, eval_set=(x, y))
    probability = mine.predict_proba(x)
    if problem == "labels":
        probability = np.stack([1 - probability, probability], axis=-1)
        y = np.stack([1 - y, y], axis=-1)
    else:
        y = np.eye(len(mine.classes_))[y]
    epsilon = np.finfo(np.float64).eps
    clipped = np.clip(probability, epsilon, 1 - epsilon)
    expected = -(y * np.log(clipped)).sum() / len(x)
    assert mine.validation_loss_curve_ == [pytest.approx(expected, rel=1e-9)]


def test_lbfgs_minimises_the_summed_error_of_several_outputs() -> None:
    x, y = two_outputs()
    _, mine = fitted_pair("MLPRegressor", (x, y), solver="lbfgs", alpha=0.5, max_iter=30)
    squares = sum((w**2).sum() for w in mine.coefs_)
    expected = 0.5 * np.mean((mine.predict(x) - y) ** 2) + 0.25 * squares / len(x)
    assert mine.loss_ == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_partial_fit_gives_the_same_run(solver: str) -> None:
    x, y = digits()
    mine, theirs = (
        module.MLPClassifier(solver=solver, learning_rate="invscaling", random_state=1)
        for module in (ours, neural_network)
    )
    for start in (0, 200, 400):
        rows = slice(start, start + 200)
        for estimator in (mine, theirs):
            estimator.partial_fit(x[rows], y[rows], classes=np.arange(10))
    assert_same_run_so_far(theirs, mine)


def assert_same_run_so_far(theirs: Any, mine: Any) -> None:
    assert (mine.n_iter_, mine.t_) == (theirs.n_iter_, theirs.t_)
    np.testing.assert_allclose(mine.loss_curve_, theirs.loss_curve_, rtol=0, atol=1e-9)


def test_float32_stays_close_to_float64() -> None:
    x, y = digits()
    theirs, mine = fitted_pair("MLPClassifier", (x.astype(np.float32), y))
    assert all(w.dtype == np.float32 for w in [*mine.coefs_, *mine.intercepts_])
    assert mine.predict_proba(x.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(mine.loss_curve_, theirs.loss_curve_, atol=1e-4)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_converged_classifier_is_as_accurate(solver: str) -> None:
    x, y = load_digits(return_X_y=True)
    x = x / 16
    settings = {"max_iter": 60, "solver": solver, "learning_rate_init": 0.01}
    theirs, mine = fitted_pair("MLPClassifier", (x[:1200], y[:1200]), **settings)
    assert theirs.score(x[1200:], y[1200:]) > 0.85
    assert mine.score(x[1200:], y[1200:]) >= theirs.score(x[1200:], y[1200:]) - 0.02


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_converged_regressor_is_as_accurate(solver: str) -> None:
    x, y = load_diabetes(return_X_y=True, scaled=True)
    settings = {"max_iter": 300, "solver": solver, "learning_rate_init": 0.01, "alpha": 10.0}
    theirs, mine = fitted_pair("MLPRegressor", (x[:300] * 20, scale(y)[:300]), **settings)
    held_out = x[300:] * 20, scale(y)[300:]
    assert theirs.score(*held_out) > 0.3
    assert mine.score(*held_out) >= theirs.score(*held_out) - 0.03
