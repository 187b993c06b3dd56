"""scikit-learn's own callbacks on our estimators, from its version 1.9 on."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nncore.callbacks import Lambda
from nncore.sklearn import MLPClassifier, MLPRegressor

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")
X, Y = load_iris(return_X_y=True)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Recorder:
    """Counts what it is told, and keeps the estimator of each epoch's end."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.calls: list[str] = []
        self.accuracies: list[float] = []
        self.stop_after = stop_after

    def setup(self, estimator: Any, context: Any) -> None:
        self.calls.append("setup")

    def teardown(self, estimator: Any, context: Any) -> None:
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.calls.append(f"begin {context.task_name}")

    def on_fit_task_end(
        self,
        estimator: Any,
        context: Any,
        *,
        X: Any = None,
        y: Any = None,
        metadata: Any = None,
        fitted_estimator: Any = None,
    ) -> bool:
        self.calls.append(f"end {context.task_name}")
        if fitted_estimator is not None:
            self.fitted, self.metadata = fitted_estimator, metadata
            self.accuracies.append(fitted_estimator.score(X, y))
        return self.stop_after is not None and len(self.accuracies) >= self.stop_after


def classifier(**parameters: Any) -> MLPClassifier:
    defaults = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 4}
    return MLPClassifier(**{**defaults, **parameters})


@pytest.mark.parametrize(("solver", "task"), [("adam", "epoch"), ("lbfgs", "iteration")])
def test_each_epoch_is_a_task(solver: str, task: str) -> None:
    recorder = Recorder()
    model = classifier(solver=solver).set_callbacks(recorder).fit(X, Y)
    inner = [f"begin {task}", f"end {task}"] * model.n_iter_
    assert recorder.calls == ["setup", "begin fit", *inner, "end fit", "teardown"]
    assert recorder.accuracies[-1] == model.score(X, Y)
    assert (recorder.fitted.coefs_[0] == model.coefs_[0]).all()


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_callback_ends_training_and_changes_nothing_else(solver: str) -> None:
    recorder = Recorder(stop_after=2)
    model = classifier(solver=solver, max_iter=30).set_callbacks(recorder).fit(X, Y)
    assert model.n_iter_ == 2
    assert recorder.calls[-1] == "teardown"
    alone = classifier(solver=solver, max_iter=2).fit(X, Y)
    assert (model.coefs_[0] == alone.coefs_[0]).all()


def test_early_stopping_is_seen_with_the_parameters_it_would_end_with() -> None:
    recorder = Recorder()
    parameters = {"early_stopping": True, "learning_rate_init": 0.3, "max_iter": 15}
    model = classifier(**parameters).set_callbacks(recorder).fit(X, Y)
    assert (recorder.fitted.coefs_[0] == model.coefs_[0]).all()


def test_weights_are_told_and_frames_keep_their_names() -> None:
    pandas = pytest.importorskip("pandas")
    weight = np.linspace(0.5, 1, len(Y))
    recorder = Recorder()
    classifier().set_callbacks(recorder).fit(pandas.DataFrame(X), Y, sample_weight=weight)
    assert recorder.metadata["sample_weight"] is weight
    named = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    classifier().set_callbacks(Recorder()).fit(named, Y)  # a warning would be an error here


def test_what_fails_within_is_torn_down() -> None:
    recorder = Recorder()
    fails = Lambda(on_epoch_end=lambda run: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        classifier(callbacks=[fails]).set_callbacks(recorder).fit(X, Y)
    assert recorder.calls == ["setup", "begin fit", "begin epoch", "teardown"]


def test_scikit_learn_s_monitor_in_a_search_of_pipelines() -> None:
    monitor = callback.ScoringMonitor(scoring="accuracy")
    pipeline = make_pipeline(StandardScaler(), classifier().set_callbacks(monitor))
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4, 1e-1]}, cv=2).fit(X, Y)
    rows = [row for log in monitor.get_logs(select="all") for row in log.data]
    assert len(rows) == 4 * (2 * 2 + 1)  # four epochs of each fit, and of the last one
    assert {"epoch"} == {row["task_name"] for row in rows}
    best = search.best_estimator_
    assert best.score(X, Y) in [row["accuracy"] for row in rows]


def test_callbacks_of_a_search_are_handed_on_to_the_epochs() -> None:
    recorder = Recorder()
    recorder.max_propagation_depth = None  # type: ignore[attr-defined]  # as progress bars have it
    search = GridSearchCV(MLPRegressor(max_iter=3, random_state=0), {"alpha": [0.1, 1.0]}, cv=2)
    search.set_callbacks(recorder).fit(X, Y)
    assert recorder.calls.count("setup") == recorder.calls.count("teardown") == 1
    assert recorder.calls.count("end epoch") == 3 * (2 * 2 + 1)


def test_an_older_scikit_learn_has_none() -> None:
    program = (
        "import sys, sklearn.neural_network; sys.modules['sklearn.callback'] = None\n"
        "import warnings; warnings.simplefilter('ignore')\n"
        "from nncore.sklearn import MLPClassifier\n"
        "model = MLPClassifier((4,), max_iter=2, random_state=0).fit([[0.0], [1.0]], [0, 1])\n"
        "print(hasattr(model, 'set_callbacks'), model.n_iter_)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False 2\n", done.stderr


def test_notebooks_show_estimators() -> None:
    assert "MLPClassifier" in classifier().fit(X, Y)._repr_html_()
