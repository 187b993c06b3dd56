"""Validation data by name, classes that come later, and attributes that are set before fit."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

import sklearn
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from nncore.sklearn import MLPClassifier, MLPRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)) * [1, 10, 100, 1000] + 50
Y = (X[:, 0] + X[:, 1] / 10 > X[:, 0].mean() + X[:, 1].mean() / 10).astype(int)
BOTH = pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def options(**more: Any) -> dict[str, Any]:
    return {"hidden_layer_sizes": (5,), "max_iter": 5, "random_state": 1, **more}


@BOTH
@pytest.mark.parametrize("weight", [None, np.arange(20.0)])
def test_validation_data_by_name(estimator: Any, weight: Any) -> None:
    given = (X[:20], Y[:20]) if weight is None else (X[:20], Y[:20], weight)
    tuples = estimator(**options()).fit(X, Y, eval_set=given)
    named = estimator(**options()).fit(X, Y, X_val=X[:20], y_val=Y[:20], sample_weight_val=weight)
    assert named.validation_loss_curve_ == tuples.validation_loss_curve_
    assert len(named.validation_loss_curve_) == 5


@BOTH
def test_a_pipeline_transforms_validation_data(estimator: Any) -> None:
    """With metadata routing, as scikit-learn's own estimators have it."""
    scaler = StandardScaler().fit(X)
    expected = estimator(**options()).fit(
        scaler.transform(X), Y, eval_set=(scaler.transform(X[:20]), Y[:20])
    )
    with sklearn.config_context(enable_metadata_routing=True):
        model = estimator(**options()).set_fit_request(X_val=True, y_val=True)
        steps = [("scale", StandardScaler()), ("mlp", model)]
        pipeline = Pipeline(steps, transform_input=["X_val"])
        pipeline.fit(X, Y, X_val=X[:20], y_val=Y[:20])
    assert pipeline[-1].validation_loss_curve_ == expected.validation_loss_curve_


@BOTH
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X_val": X}, "y_val is missing"),
        ({"y_val": Y}, "X_val is missing"),
        ({"sample_weight_val": Y}, "X_val is missing"),
        ({"X_val": X, "y_val": Y, "eval_set": (X, Y)}, "give eval_set, or X_val and y_val"),
    ],
)
def test_validation_data_must_be_whole(estimator: Any, given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimator(**options()).fit(X, Y, **given)


def test_fit_of_a_network_takes_the_same_names() -> None:
    from nncore import Network

    one, two = Network([4, 2]), Network([4, 2])
    x = (X - X.mean(axis=0)) / X.std(axis=0)
    one.fit(x, Y, 3, validation_data=(x[:20], Y[:20]))
    two.fit(x, Y, 3, X_val=x[:20], y_val=Y[:20])
    assert one.history["validation_cost"] == two.history["validation_cost"]
    with pytest.raises(ValueError, match="give validation_data, or X_val"):
        one.fit(x, Y, 3, X_val=x, y_val=Y, validation_data=(x, Y))
    with pytest.raises(ValueError, match="y_val is missing"):
        one.fit(x, Y, 3, X_val=x)


# ---- classes that come later ---------------------------------------------------------------

SCALED = (X - X.mean(axis=0)) / X.std(axis=0)
STILL: dict[str, Any] = {"learning_rate_init": 1e-300, "alpha": 0.0, "hidden_layer_sizes": (5,)}
"""Training that changes nothing, so that what adding a class does can be seen."""


def of_old(model: Any, classes: Any) -> np.ndarray:
    """The logarithms of the probabilities of some classes, up to what they have in common."""
    logarithms = model.predict_log_proba(SCALED)[:, np.searchsorted(model.classes_, classes)]
    return logarithms - logarithms[:, :1]


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["b", "d"], ["e"]),
        (["b", "d"], ["a"]),
        (["b", "d"], ["a", "c", "e"]),
        (["b", "d", "f"], ["c"]),
        (["b", "d", "f"], ["a", "g"]),
        ([3, 5, 7], [4, 9]),
    ],
)
def test_new_classes_leave_the_old_outputs_alone(old: Any, new: Any, solver: str) -> None:
    model = MLPClassifier(solver=solver, random_state=0, **STILL)
    model.partial_fit(SCALED, np.resize(old, 60), classes=old)
    before, hidden = of_old(model, old), [np.array(model.coefs_[0]), np.array(model.intercepts_[0])]
    with pytest.raises(ValueError, match="classes"):
        model.partial_fit(SCALED, np.resize(new, 60))
    model.partial_fit(SCALED, np.resize(new, 60), add_classes=True)

    assert model.classes_.tolist() == sorted([*old, *new])
    assert model.n_outputs_ == len(model.classes_)
    assert model.out_activation_ == "softmax"
    np.testing.assert_allclose(of_old(model, old), before, rtol=1e-9, atol=1e-12)
    places = np.searchsorted(model.classes_, new)
    assert np.abs(model.coefs_[-1][:, places]).max() < 1e-290
    assert np.abs(model.intercepts_[-1][places]).max() < 1e-290
    np.testing.assert_allclose(model.coefs_[0], hidden[0], atol=1e-290)
    np.testing.assert_allclose(model.intercepts_[0], hidden[1], atol=1e-290)


@pytest.mark.parametrize("new", ["a", "z"])
def test_a_second_class_leaves_the_first_alone(new: str) -> None:
    model = MLPClassifier(random_state=0, **STILL)
    model.partial_fit(SCALED, ["m"] * 60, classes=["m"])
    before = model.predict_proba(SCALED)[:, 0]
    model.partial_fit(SCALED, [new] * 60, add_classes=True)
    column = model.classes_.tolist().index("m")
    assert model.classes_.tolist() == sorted(["m", new])
    np.testing.assert_allclose(model.predict_proba(SCALED)[:, column], before, rtol=1e-12)


def test_new_classes_are_learned() -> None:
    centres = RNG.normal(size=(4, 4)) * 3
    labels = np.arange(60) % 4
    x = centres[labels] + RNG.normal(size=(60, 4)) * 0.3
    names = np.array(["ant", "bee", "cat", "dog"])[labels]
    model = MLPClassifier((20,), learning_rate_init=0.01, random_state=0)
    early = labels < 2
    for _ in range(50):
        model.partial_fit(x[early], names[early], add_classes=True)
    assert model.classes_.tolist() == ["ant", "bee"]
    epochs = model._net.epoch
    for _ in range(150):
        model.partial_fit(x, names, add_classes=True)
    assert model.classes_.tolist() == ["ant", "bee", "cat", "dog"]
    assert model.score(x, names) == 1.0
    assert model._net.epoch == epochs + 150
    assert len(model.loss_curve_) == 200
    assert pickle.loads(pickle.dumps(model)).predict(x).tolist() == names.tolist()
    assert model.to_sklearn().predict(x).tolist() == names.tolist()


def test_classes_may_be_named_ahead() -> None:
    model = MLPClassifier((3,), random_state=0)
    model.partial_fit(SCALED, Y, classes=[0, 1])
    model.partial_fit(SCALED, Y, classes=[0, 7], add_classes=True)
    assert model.classes_.tolist() == [0, 1, 7]
    model.partial_fit(SCALED, Y)  # as before, without asking
    labels = np.column_stack([Y, 1 - Y])
    several = MLPClassifier((3,), random_state=0).partial_fit(SCALED, labels, add_classes=True)
    with pytest.raises(ValueError, match="add_classes is for one class a row"):
        several.partial_fit(SCALED, labels, add_classes=True)


# ---- attributes ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["partial_fit", "fit"])
def test_parameters_may_be_set_before_fit(name: str) -> None:
    """As in scikit-learn: where training goes on, it goes on from them."""
    coefs = [RNG.normal(size=(4, 3)), RNG.normal(size=(3, 1))]
    intercepts = [RNG.normal(size=3), RNG.normal(size=1)]
    models = []
    for kind in (MLPRegressor, neural_network.MLPRegressor):
        model = kind(hidden_layer_sizes=(3,), max_iter=1, random_state=0, warm_start=name == "fit")
        model.coefs_, model.intercepts_ = [0, 0], [0, 0]
        for layer in range(2):
            model.coefs_[layer] = coefs[layer].copy()
            model.intercepts_[layer] = intercepts[layer].copy()
        models.append(model)
    with pytest.raises(NotFittedError):
        models[0].predict(SCALED)
    np.testing.assert_array_equal(models[0].coefs_[1], coefs[1])
    theirs = models[1]  # which want all else set, too
    theirs.n_layers_, theirs.n_outputs_, theirs.out_activation_ = 3, 1, "identity"
    theirs.n_iter_, theirs.t_, theirs.loss_curve_ = 0, 0, []
    theirs._no_improvement_count, theirs.best_loss_, theirs.n_features_in_ = 0, np.inf, 4
    for model in models:
        getattr(model, name)(SCALED, X[:, 0] / 50)
    for ours, expected in zip(models[0].coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-12)
    assert not np.array_equal(models[0].coefs_[0], coefs[0])


def test_parameters_that_do_not_fit_are_refused() -> None:
    model = MLPClassifier((3,))
    model.coefs_ = [0, 0]
    assert model.coefs_ == [0, 0]
    with pytest.raises(AttributeError, match="no intercepts_ before it is fitted"):
        model.intercepts_  # noqa: B018
    with pytest.raises(ValueError, match="only coefs_ is set; expected coefs_ and intercepts_"):
        model.partial_fit(SCALED, Y, classes=[0, 1])
    model.intercepts_ = [0, 0]
    with pytest.raises(ValueError, match="expected arrays of the shapes"):
        model.partial_fit(SCALED, Y, classes=[0, 1])
    drawn = MLPClassifier((3,), random_state=0, max_iter=1).fit(SCALED, Y)
    model = MLPClassifier((3,), random_state=0, max_iter=1)
    model.coefs_ = [0, 0]
    assert np.array_equal(model.fit(SCALED, Y).coefs_[0], drawn.coefs_[0])  # fit starts anew
    clone = sklearn.base.clone(model)
    assert not hasattr(clone, "coefs_")


def test_a_stratified_split_names_the_users_labels() -> None:
    with pytest.raises(ValueError, match=r"too few members are: \['spam'\]"):
        MLPClassifier(early_stopping=True).fit(SCALED[:4], ["ham", "ham", "ham", "spam"])


def test_private_names_that_programs_look_at() -> None:
    model = MLPClassifier((3,), solver="sgd", tol=1e9, n_iter_no_change=2, max_iter=20)
    model.fit(SCALED, Y)
    assert model._no_improvement_count == 3
    assert model._optimizer.learning_rate == model.learning_rate_init


@pytest.mark.parametrize("weight", [-1, float("nan"), "heavy"])
def test_bad_class_weights_name_the_class(weight: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"class_weight\['b'\] must be"):
        MLPClassifier(class_weight={"b": weight}).fit(SCALED, np.array(["a", "b"])[Y])


# ---- curves --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("outputs", ["one", "three", "labels"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_curves_agree_on_inputs_that_are_not_scaled(solver: str, outputs: str, dtype: Any) -> None:
    """There probabilities are 0 and 1, which scikit-learn's loss clips."""
    y: Any = Y
    if outputs == "three":
        y = Y + (X[:, 2] > 100)
    elif outputs == "labels":
        y = np.column_stack([Y, X[:, 2] > 60, X[:, 3] > 100]).astype(int)
    curves = []
    for kind in (MLPClassifier, neural_network.MLPClassifier):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = kind((8,), solver=solver, random_state=3, max_iter=8, batch_size=20)
            model.fit(X.astype(dtype), y)
        curves.append(model.loss_curve_)
    tolerance = 1e-9 if dtype is np.float64 else 2e-3
    np.testing.assert_allclose(*curves, rtol=tolerance, atol=1e-6)
    assert max(curves[0]) > 2 * -np.log(0.5)


# ---- messages ------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("bad", ["NA", "NaT", None, float("nan"), float("inf"), "text"])
def test_what_is_no_number_is_named_by_row_and_column(estimator: Any, bad: Any) -> None:
    pandas = pytest.importorskip("pandas")
    x = pandas.DataFrame(SCALED, columns=["a", "b", "c", "d"]).astype(object)
    fitted = estimator(**options()).fit(x.astype(float), Y)
    x.iloc[7, 2] = getattr(pandas, bad) if bad in ("NA", "NaT") else bad
    for call in (lambda: estimator(**options()).fit(x, Y), lambda: fitted.predict(x)):
        with pytest.raises((TypeError, ValueError), match=r"in row 7, column 'c'; expected"):
            call()


def test_targets_that_are_no_numbers_are_named() -> None:
    y = SCALED[:, 0].copy()
    y[5] = np.nan
    with pytest.raises(ValueError, match="y has nan in row 5"):
        MLPRegressor(**options()).fit(SCALED, y)
