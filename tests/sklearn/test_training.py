"""How training starts, continues and ends, with scikit-learn's options and with nncore's."""

from __future__ import annotations

import _thread
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn import neural_network
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import f1_score, log_loss
from sklearn.utils.class_weight import compute_sample_weight

import nncore
from nncore.callbacks import EarlyStopping, Lambda, LearningRateScheduler, ModelCheckpoint
from nncore.sklearn import MLPClassifier, MLPRegressor, from_sklearn

X, Y = load_iris(return_X_y=True)
STOCHASTIC = ["sgd", "adam"]
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classifier(**parameters: Any) -> MLPClassifier:
    defaults = {"hidden_layer_sizes": (8,), "random_state": 0, "learning_rate_init": 0.01}
    return MLPClassifier(**{**defaults, **parameters})


# ---- starting, going on, ending ------------------------------------------------------------


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_warns_where_it_has_not_converged(solver: str) -> None:
    with pytest.warns(ConvergenceWarning, match="3") as caught:
        model = classifier(solver=solver, max_iter=3).fit(X, Y)
    assert Path(caught[0].filename).name == Path(__file__).name
    assert model.n_iter_ == 3


def test_a_run_that_has_converged_does_not_warn() -> None:
    model = classifier(tol=0.5, n_iter_no_change=2).fit(X, Y)
    assert 3 <= model.n_iter_ < 20


@quiet
def test_a_batch_larger_than_the_data_is_clipped_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="`batch_size` 1000, larger than the sample size 150"):
        clipped = classifier(batch_size=1000, max_iter=3).fit(X, Y)
    assert clipped.loss_curve_ == classifier(batch_size=150, max_iter=3).fit(X, Y).loss_curve_


@quiet
def test_verbose_prints_what_scikit_learn_prints(capsys: pytest.CaptureFixture[str]) -> None:
    settings: dict[str, Any] = {
        "solver": "sgd", "learning_rate": "adaptive", "max_iter": 6, "tol": 10.0, "verbose": True,
        "n_iter_no_change": 1, "random_state": 0,
    }  # fmt: skip
    printed = []
    for module in (neural_network, nncore.sklearn):
        for early_stopping in (False, True):
            module.MLPClassifier(early_stopping=early_stopping, **settings).fit(X, Y)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert "Setting learning rate to" in printed[1]
    assert "Validation score:" in printed[1]


@quiet
def test_prints_nothing_unless_verbose(capfd: pytest.CaptureFixture[str]) -> None:
    for solver in ("sgd", "adam", "lbfgs"):
        classifier(solver=solver, max_iter=3).fit(X, Y)
    assert capfd.readouterr() == ("", "")


@quiet
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_warm_start_continues_from_the_fitted_parameters(solver: str) -> None:
    model = classifier(solver=solver, max_iter=20, warm_start=True).fit(X, Y)
    first = model.loss_
    model.fit(X, Y)
    assert model.loss_ < first
    if solver != "lbfgs":
        assert len(model.loss_curve_) == 40
    assert model.n_iter_ == 20
    cold = classifier(solver=solver, max_iter=20).fit(X, Y).fit(X, Y)
    assert cold.loss_ == first


@quiet
def test_warm_start_refuses_other_classes_and_layers() -> None:
    model = classifier(max_iter=2, warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="the same classes as in the previous call"):
        model.fit(X, np.minimum(Y, 1))
    with pytest.raises(ValueError, match=r"layers of \(4, 9, 3\) units do not fit"):
        model.set_params(hidden_layer_sizes=(9,)).fit(X, Y)
    model.set_params(hidden_layer_sizes=(8,), activation="tanh").fit(X, Y)
    assert model.to_sklearn().activation == "tanh"


@quiet
def test_warm_start_with_another_loss_computes_that_one() -> None:
    y = Y + 1.0
    model = MLPRegressor(hidden_layer_sizes=(5,), max_iter=2, warm_start=True, random_state=0)
    coefs = [w.copy() for w in model.fit(X, y).coefs_]
    model.set_params(loss="poisson", learning_rate_init=1e-12, alpha=0.0, max_iter=1).fit(X, y)
    np.testing.assert_allclose(model.coefs_[0], coefs[0], atol=1e-9)
    rate = model.predict(X)
    expected = np.mean(y * np.log(y / rate) - y + rate)
    assert model.loss_ == pytest.approx(expected, rel=1e-6)


@quiet
def test_warm_start_with_early_stopping_switched_on_and_off() -> None:
    model = classifier(max_iter=3, warm_start=True).fit(X, Y)
    model.set_params(early_stopping=True).fit(X, Y)
    assert len(model.validation_scores_) == 3
    model.set_params(early_stopping=False).fit(X, Y)
    assert len(model.loss_curve_) == 9
    assert model.best_loss_ == min(model.loss_curve_[:3] + model.loss_curve_[6:])


def test_partial_fit_follows_scikit_learns_rules() -> None:
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier().partial_fit(X, Y)
    model = classifier().partial_fit(X[:60], Y[:60], classes=[2, 1, 0])
    assert (model.n_iter_, model.t_, model.n_outputs_) == (1, 60, 3)
    model.partial_fit(X, Y)
    assert (model.n_iter_, model.t_, len(model.loss_curve_)) == (1, 210, 2)
    with pytest.raises(ValueError, match="not the same as on last call"):
        model.partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"classes not in `self\.classes_`"):
        model.partial_fit(X, Y + 1)
    with pytest.raises(ValueError, match="does not support early_stopping"):
        classifier(early_stopping=True).partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="class_weight='balanced' needs all rows"):
        classifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])
    for estimator in (classifier(solver="lbfgs"), MLPRegressor(solver="lbfgs")):
        assert not hasattr(estimator, "partial_fit")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("solver", STOCHASTIC)
def test_divergence_is_an_error_that_leaves_finite_parameters(solver: str) -> None:
    model = MLPRegressor(solver=solver, learning_rate_init=1e200, random_state=0)
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        model.fit(X, Y)
    assert all(np.isfinite(w).all() for w in model.coefs_)


def test_early_stopping_restores_parameters_from_before_a_divergence() -> None:
    model = MLPRegressor(
        activation="identity", solver="sgd", learning_rate_init=1.0, early_stopping=True,
        random_state=0,
    )  # fmt: skip
    with pytest.warns(ConvergenceWarning, match="Training diverged in iteration"):
        model.fit(X, Y)
    assert np.isnan(model.validation_scores_[-1])
    assert np.isfinite(model.predict(X)).all()


def test_ctrl_c_ends_training_with_a_warning_and_a_usable_model() -> None:
    def interrupt(run: Any) -> None:
        if run.epoch == 2:
            _thread.interrupt_main()

    x, y = load_digits(return_X_y=True)
    model = classifier(callbacks=[Lambda(on_epoch_end=interrupt)])
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(x, y)
    assert 3 <= model.n_iter_ <= 4
    assert model.predict(x).shape == y.shape


@quiet
def test_coefs_are_live_views_and_assignable() -> None:
    model = classifier(max_iter=2).fit(X, Y)
    for layer, (w, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        model.coefs_[layer] = np.zeros(w.shape)
        b[...] = 0
    np.testing.assert_allclose(model.predict_proba(X), 1 / 3)
    with pytest.raises(ValueError, match="expected arrays of the shapes"):
        model.coefs_ = [np.zeros((3, 8)), np.zeros((8, 3))]


# ---- beyond scikit-learn -------------------------------------------------------------------


@quiet
@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 5.0, 2: 0.5}])
def test_class_weight_multiplies_sample_weight(solver: str, class_weight: Any) -> None:
    x, y = X[:120], Y[:120]
    given = np.linspace(1, 2, 120)
    by_class = classifier(solver=solver, max_iter=5, class_weight=class_weight).fit(x, y, given)
    by_row = classifier(solver=solver, max_iter=5).fit(
        x, y, given * compute_sample_weight(class_weight, y)
    )
    np.testing.assert_array_equal(by_class.predict_proba(X), by_row.predict_proba(X))


@quiet
def test_dropout_acts_only_in_training_and_depends_on_random_state() -> None:
    x, y = load_digits(return_X_y=True)
    runs = [
        classifier(max_iter=5, dropout=rate, random_state=seed).fit(x[:500] / 16, y[:500])
        for rate, seed in ((0.0, 1), (0.5, 1), (0.5, 1), ([0.2, 0.5], 1), (0.5, 2))
    ]
    curves = [run.loss_curve_ for run in runs]
    assert curves[1] == curves[2]
    assert len({tuple(curve) for curve in curves}) == 4
    assert runs[1].loss_ > runs[0].loss_
    np.testing.assert_array_equal(runs[1].predict_proba(x), runs[2].predict_proba(x))


@quiet
def test_an_activation_for_each_layer() -> None:
    model = classifier(hidden_layer_sizes=(6, 5), activation=["gelu", "logistic"], max_iter=2)
    model.fit(X, Y)
    first, second, last = model.coefs_
    gelu = nncore.Network([4, 6], output_activation="gelu", dtype="float64", initializer="zeros")
    gelu.weights, gelu.biases = [first.T], [model.intercepts_[0]]
    hidden = 1 / (1 + np.exp(-(gelu.feedforward(X) @ second + model.intercepts_[1])))
    z = np.exp(hidden @ last + model.intercepts_[2])
    np.testing.assert_allclose(model.predict_proba(X), z / z.sum(axis=1, keepdims=True), 1e-10)


@quiet
def test_the_validation_loss_is_that_of_the_rows_given() -> None:
    weight = np.linspace(0.5, 1.5, 75)
    held_out = X[1::2], Y[1::2], weight
    model = classifier(max_iter=4, alpha=1.0).fit(X[::2], Y[::2], eval_set=held_out)
    assert len(model.validation_loss_curve_) == 4
    expected = log_loss(Y[1::2], model.predict_proba(X[1::2]), sample_weight=weight)
    assert model.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-9)
    assert model.validation_scores_ is None
    alone = classifier(max_iter=4, alpha=1.0).fit(X[::2], Y[::2])
    assert alone.loss_curve_ == model.loss_curve_
    assert alone.validation_loss_curve_ is None


@quiet
def test_the_validation_loss_of_several_outputs_is_their_mean() -> None:
    x, y = load_diabetes(return_X_y=True)
    y = np.column_stack([y, -y]) / 100
    model = MLPRegressor(hidden_layer_sizes=(5,), max_iter=3).fit(x, y, eval_set=(x, y))
    expected = 0.5 * np.mean((model.predict(x) - y) ** 2)
    assert model.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("scoring", ["f1_macro", "neg_log_loss", "loss"])
def test_early_stopping_monitors_any_metric_and_restores_the_best(scoring: str) -> None:
    rng = np.random.default_rng(0)
    noisy = np.where(rng.random(75) < 0.4, rng.integers(0, 3, 75), Y[::2])
    model = classifier(
        hidden_layer_sizes=(50,), early_stopping=True, scoring=scoring, n_iter_no_change=5,
        learning_rate_init=0.05, max_iter=500,
    ).fit(X[::2], noisy, eval_set=(X[1::2], Y[1::2]))  # fmt: skip
    scores = model.validation_scores_
    assert model.best_validation_score_ == max(scores)
    assert len(scores) == model.n_iter_ < 500
    proba = model.predict_proba(X[1::2])
    expected = -log_loss(Y[1::2], proba)
    if scoring == "f1_macro":
        expected = f1_score(Y[1::2], model.predict(X[1::2]), average="macro")
    assert max(scores) == pytest.approx(expected, rel=1e-9)


@quiet
def test_callbacks_observe_and_change_the_run(tmp_path: Path) -> None:
    seen = []
    model = classifier(
        max_iter=9,
        callbacks=[
            Lambda(on_epoch_end=lambda run: seen.append(dict(run.logs))),
            LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch)),
            ModelCheckpoint(tmp_path / "checkpoint"),
            Lambda(on_epoch_end=lambda run: run.stop() if len(run.history) == 4 else None),
        ],
    ).fit(X, Y, eval_set=(X, Y))
    assert model.n_iter_ == 4
    assert [logs["cost"] for logs in seen] == model.loss_curve_
    assert [logs["validation_cost"] for logs in seen] == model.validation_loss_curve_
    assert [logs["learning_rate"] for logs in seen] == [0.1, 0.05, 0.1 / 3, 0.025]
    saved = nncore.Network.resume(tmp_path / "checkpoint")
    np.testing.assert_array_equal(saved.feedforward(X), model.predict_proba(X))
    with pytest.raises(ValueError, match="no validation data"):
        classifier(callbacks=[EarlyStopping("validation_cost")]).fit(X, Y)


@quiet
def test_bits_do_not_depend_on_the_number_of_threads() -> None:
    x, y = load_digits(return_X_y=True)
    one, two = (classifier(max_iter=2, n_threads=n, random_state=5).fit(x, y) for n in (1, 2))
    assert one.loss_curve_ == two.loss_curve_


# ---- from and to scikit-learn --------------------------------------------------------------


@quiet
@pytest.mark.parametrize(
    ("kind", "y"),
    [
        ("MLPClassifier", Y),
        ("MLPClassifier", np.array(["no", "yes"])[np.minimum(Y, 1)]),
        ("MLPClassifier", np.eye(3, dtype=int)[Y] | (Y == 2)[:, None]),
        ("MLPRegressor", Y / 2),
        ("MLPRegressor", X[:, :2]),
    ],
    ids=["multiclass", "binary", "multilabel", "regression", "several outputs"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_converted_estimators_predict_the_same(kind: str, y: Any, dtype: Any) -> None:
    x = X.astype(dtype)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    method = "predict_proba" if kind == "MLPClassifier" else "predict"
    theirs = getattr(neural_network, kind)(
        hidden_layer_sizes=(7, 6), max_iter=20, random_state=0
    ).fit(x, y)
    ours = from_sklearn(theirs)
    back = ours.to_sklearn()
    for estimator in (ours, back):
        found = getattr(estimator, method)(x)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, getattr(theirs, method)(x), atol=tolerance)
        if kind == "MLPClassifier":
            np.testing.assert_array_equal(estimator.predict(x), theirs.predict(x))
        assert estimator.loss_curve_ == theirs.loss_curve_
        assert estimator.get_params()["max_iter"] == 20
    before = ours.loss_
    assert ours.set_params(warm_start=True).fit(x, y).loss_ < before
    assert back.set_params(warm_start=True).fit(x, y).loss_ < before


@quiet
def test_unconvertible_estimators_are_refused() -> None:
    with pytest.raises(TypeError, match="got a MLPClassifier"):
        from_sklearn(classifier(max_iter=2).fit(X, Y))
    with pytest.raises(NotFittedError):
        from_sklearn(neural_network.MLPRegressor())
    with pytest.raises(NotFittedError):
        classifier().to_sklearn()
    with pytest.raises(ValueError, match=r"one activation for all hidden layers.*gelu"):
        classifier(activation="gelu", max_iter=2).fit(X, Y).to_sklearn()
