"""nncore's estimators pass scikit-learn's checks and work with its tools."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

import joblib
import sklearn
from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.estimator_checks import check_estimator

from nncore.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

KINDS = ["MLPClassifier", "MLPRegressor"]
X, Y = load_iris(return_X_y=True)


def make(kind: str, **parameters: Any) -> Any:
    parameters = {"hidden_layer_sizes": (8,), "solver": "lbfgs", "random_state": 0, **parameters}
    return {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}[kind](**parameters)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "estimator", [MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)], ids=KINDS
)
def test_passes_scikit_learns_checks(estimator: Any) -> None:
    """With as many iterations as scikit-learn gives its own estimators in these checks."""
    results = check_estimator(estimator, on_skip=None)
    assert len(results) > 50
    assert {result["status"] for result in results} <= {"passed", "skipped"}


@pytest.mark.parametrize("kind", KINDS)
def test_takes_scikit_learns_parameters_first_and_with_its_defaults(kind: str) -> None:
    theirs = inspect.signature(getattr(neural_network, kind)).parameters
    ours = list(inspect.signature(type(make(kind))).parameters.values())
    for expected, found in zip(theirs.values(), ours, strict=False):
        assert (found.name, found.kind) == (expected.name, expected.kind)
        assert found.default == expected.default


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_has_scikit_learns_methods_and_attributes(kind: str, solver: str) -> None:
    theirs = getattr(neural_network, kind)(max_iter=3, solver=solver).fit(X, Y)
    ours = make(kind, max_iter=3, solver=solver).fit(X, Y)
    for name in dir(theirs):
        # scikit-learn's regressor has partial_fit for lbfgs, too, where it cannot work.
        if not name.startswith("_") and (solver, name) != ("lbfgs", "partial_fit"):
            assert hasattr(ours, name), name
    assert [w.shape for w in ours.coefs_] == [(4, 8), (8, ours.n_outputs_)]
    for name in ("n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name)


def test_in_a_pipeline_with_a_grid_search() -> None:
    model = make_pipeline(StandardScaler(), make("MLPClassifier"))
    search = GridSearchCV(
        model,
        {
            "mlpclassifier__alpha": [1e-3, 1.0],
            "mlpclassifier__activation": ["tanh", ["softplus"]],
        },
        cv=3,
    ).fit(X, Y)
    assert search.best_score_ > 0.93
    assert search.predict(X[:3]).tolist() == Y[:3].tolist()


def test_cross_validation_in_two_processes_gives_the_same_scores() -> None:
    model = make("MLPClassifier", alpha=1.0)
    alone = cross_val_score(model, X, Y, cv=3)
    np.testing.assert_allclose(cross_val_score(model, X, Y, cv=3, n_jobs=2), alone, atol=1e-12)
    assert alone.min() > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_a_clone_is_unfitted_and_equal(kind: str) -> None:
    fitted = make(kind, dropout=0.0, n_threads=1).fit(X, Y)
    again = clone(fitted)
    assert again.get_params() == fitted.get_params()
    assert not hasattr(again, "coefs_")
    np.testing.assert_array_equal(again.fit(X, Y).predict(X), fitted.predict(X))


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_pickled_it_predicts_and_goes_on_training_alike(solver: str) -> None:
    x, y = X[:64], Y[:64]
    model = make("MLPClassifier", solver=solver).partial_fit(x, y, classes=[0, 1, 2])
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    for estimator in (model, copy):
        estimator.partial_fit(x, y).partial_fit(x, y)
    assert copy.loss_curve_ == model.loss_curve_
    np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))


def test_joblib_with_and_without_memory_mapping(tmp_path: Path) -> None:
    model = make("MLPRegressor").fit(X, Y)
    joblib.dump(model, tmp_path / "model")
    for mode in (None, "r"):
        back = joblib.load(tmp_path / "model", mmap_mode=mode)
        np.testing.assert_array_equal(back.predict(X), model.predict(X))


def test_set_output_and_feature_names() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    model = make_pipeline(StandardScaler(), make("MLPClassifier")).set_output(transform="pandas")
    model.fit(frame, Y)
    assert model[-1].feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert model.score(frame, Y) > 0.95
    with pytest.raises(ValueError, match="feature names"):
        model[-1].predict(frame[["b", "a", "c", "d"]])


@pytest.mark.parametrize("scoring", [None, "accuracy"])
def test_early_stopping_on_a_data_frame_does_not_warn_about_feature_names(
    scoring: str | None,
) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    model = make("MLPClassifier", solver="adam", early_stopping=True, scoring=scoring, max_iter=5)
    assert len(model.fit(frame, Y).validation_scores_) == 5


def test_metadata_routing_passes_sample_weight_on() -> None:
    weight = np.random.default_rng(0).uniform(0.1, 2, len(Y))
    alone = make("MLPClassifier", max_iter=5).fit(scale(X), Y, sample_weight=weight)
    with sklearn.config_context(enable_metadata_routing=True):
        model = make("MLPClassifier", max_iter=5).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, model).fit(X, Y, sample_weight=weight)
        np.testing.assert_allclose(pipeline.predict_proba(X), alone.predict_proba(scale(X)))
        with pytest.raises(TypeError, match="no_such"):
            model.set_fit_request(no_such=True)


def test_without_scikit_learn_the_error_names_the_extra() -> None:
    program = (
        "import sys; sys.modules['sklearn'] = None; import nncore\n"
        "try:\n    import nncore.sklearn\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == (
        "nncore.sklearn needs scikit-learn; install it with: pip install 'nncore[sklearn]'\n"
    )
