"""TabularClassifier and TabularRegressor: data frames as they come."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("pandas")

import pandas
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris, make_friedman1
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import check_estimator

import nncore
from frames import mixed_frame
from nncore.sklearn import TabularClassifier, TabularRegressor
from nncore.sklearn._input_scales import learnt_scales

SMALL: dict[str, Any] = {"hidden_layer_sizes": (32,), "epochs": 60, "random_state": 0}
FRAME, LABELS, NUMBERS = mixed_frame()
KINDS = ["classifier", "regressor"]


def fitted(kind: str, **parameters: Any) -> Any:
    if kind == "classifier":
        return TabularClassifier(**SMALL | parameters).fit(FRAME, LABELS)
    return TabularRegressor(**SMALL | parameters).fit(FRAME, NUMBERS)


def answers(model: Any, frame: Any) -> Any:
    return model.predict_proba(frame) if hasattr(model, "classes_") else model.predict(frame)


def changed(column: str, row: int, value: Any) -> Any:
    frame = FRAME.copy()
    frame[column] = frame[column].astype(object)
    frame.loc[row, column] = value
    return frame


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "estimator", [TabularClassifier(**SMALL), TabularRegressor(**SMALL)], ids=KINDS
)
def test_passes_scikit_learns_checks(estimator: Any) -> None:
    random = "which rows are held out, and how rows come together in mini-batches, is drawn"
    name = "check_sample_weight_equivalence_on_dense_data"
    results = check_estimator(estimator, expected_failed_checks={name: random}, on_skip=None)
    assert len(results) > 50
    assert {r["status"] for r in results if r["check_name"] != name} <= {"passed", "skipped"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_of_all_kinds_of_columns_is_learnt(kind: str) -> None:
    model = fitted(kind)
    assert model.score(FRAME, LABELS if kind == "classifier" else NUMBERS) > 0.9
    assert model.left_out_ == {
        "constant": "the same in every row", "name": "text of 240 kinds in 240 rows"
    }  # fmt: skip
    assert model.feature_names_in_.tolist() == list(FRAME.columns)


@pytest.mark.parametrize("kind", KINDS)
def test_new_categories_and_missing_cells_are_predicted(kind: str) -> None:
    model = fitted(kind)
    for column in ("number", "kind", "text", "when", "flag"):
        for value in (None, "new" if column in ("kind", "text") else None):
            found = answers(model, changed(column, 1, value))
            assert np.isfinite(found).all()
            assert (found[2:] == answers(model, FRAME)[2:]).all()


def test_an_unseen_category_is_none_of_those_seen() -> None:
    model = fitted("classifier")
    inputs = [model.inputs_.inputs(*model._columns(changed("text", 1, t))) for t in ("new", "old")]
    assert (inputs[0] == inputs[1]).all()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("number", "abc", r"column 'number': expected a finite number, found 'abc' in row 4"),
        ("number", np.inf, r"column 'number': expected a finite number, found inf in row 4"),
        ("when", 3.5, r"column 'when': expected dates, as in other rows, found 3.5 in row 4"),
        ("kind", [1], r"column 'kind': each argument must be a string.*found \[1\] in row 4"),
    ],
)
def test_errors_name_column_and_row(column: str, value: Any, message: str) -> None:
    model = fitted("classifier", epochs=1)
    frame = FRAME.copy()
    frame[column] = frame[column].astype(object)
    frame.at[4, column] = value
    with pytest.raises((TypeError, ValueError), match=message):
        model.predict(frame)


def test_numbers_in_place_of_dates_are_refused() -> None:
    model = fitted("classifier", epochs=1)
    with pytest.raises(ValueError, match=r"column 'when': expected a date, found 7 in row 0"):
        model.predict(FRAME.assign(when=7))
    with pytest.raises(ValueError, match=r"column 'whole': expected a finite number, found a date"):
        model.predict(FRAME.assign(whole=FRAME["when"]))


def test_columns_of_an_array_are_those_of_the_frame_in_order() -> None:
    numbers = FRAME[["number", "constant", "whole"]].astype(float)
    model = TabularRegressor(**SMALL).fit(numbers, NUMBERS)
    with pytest.warns(UserWarning, match="feature names"):
        assert (model.predict(numbers.to_numpy()) == model.predict(numbers)).all()
    with pytest.raises(ValueError, match="feature names"):
        model.predict(numbers[["whole", "number", "constant"]])


def test_two_columns_of_one_name_are_refused() -> None:
    frame = pandas.concat([FRAME, FRAME[["number"]]], axis=1)
    with pytest.raises(ValueError, match=r"two columns called 'number'|unique column names"):
        TabularClassifier(**SMALL).fit(frame, LABELS)


@pytest.mark.parametrize("kind", KINDS)
def test_saved_pickled_and_cloned(kind: str, tmp_path: Path) -> None:
    model = fitted(kind, n_ensemble=2, epochs=5)
    model.save(tmp_path / "model.safetensors")
    loaded = type(model).load(tmp_path / "model.safetensors")
    for copy in (loaded, pickle.loads(pickle.dumps(model))):
        assert (answers(copy, FRAME) == answers(model, FRAME)).all()
        assert (copy.predict(FRAME) == model.predict(FRAME)).all()
        assert copy.left_out_ == model.left_out_
        assert copy.best_epochs_ == model.best_epochs_
        assert copy.get_params() == {**model.get_params(), **_as_lists(copy.get_params())}
    assert not hasattr(clone(model), "ensemble_")


def _as_lists(parameters: dict[str, Any]) -> dict[str, Any]:
    """JSON has no tuples."""
    return {"hidden_layer_sizes": parameters["hidden_layer_sizes"]}


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    fitted("classifier", epochs=1).save(path)
    with pytest.raises(nncore.ModelFileError, match="a TabularClassifier of version 1; expected a"):
        TabularRegressor.load(path)
    nncore.Ensemble([nncore.Network([2, 1])]).save(path)
    with pytest.raises(nncore.ModelFileError, match="no TabularRegressor"):
        TabularRegressor.load(path)


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_bits_at_any_number_of_threads(kind: str) -> None:
    runs = [fitted(kind, n_ensemble=2, epochs=3, n_threads=n) for n in (1, 3, None)]
    for run in runs[1:]:
        assert (answers(run, FRAME) == answers(runs[0], FRAME)).all()


def test_rows_of_no_weight_do_not_count() -> None:
    weight = np.ones(len(FRAME))
    weight[50:] = 0
    model = TabularClassifier(**SMALL).fit(FRAME, LABELS, weight)
    few = TabularClassifier(**SMALL).fit(FRAME, np.where(weight > 0, LABELS, "low"), weight)
    assert (answers(model, FRAME) == answers(few, FRAME)).all()
    with pytest.raises(ValueError, match=r"non-zero|are 0"):
        TabularClassifier(**SMALL).fit(FRAME, LABELS, 0 * weight)


def test_class_weights_find_the_rare_class() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(600, 2))
    y = (x[:, 0] + rng.normal(size=600) > 2.2).astype(int)
    plain, balanced = (
        TabularClassifier(**SMALL, class_weight=each).fit(x, y) for each in (None, "balanced")
    )
    assert balanced.predict(x)[y == 1].mean() > plain.predict(x)[y == 1].mean() + 0.2


@pytest.mark.parametrize(
    "labels", [np.array([3, 7]), np.array([True, False]), np.array(["n", "y"])]
)
def test_classes_keep_their_labels(labels: Any) -> None:
    y = np.array(labels)[(LABELS == "high").astype(int)]
    model = TabularClassifier(**SMALL).fit(FRAME, y)
    assert model.predict(FRAME).dtype == y.dtype
    assert (model.predict(FRAME) == y).mean() > 0.9


def test_several_targets_of_different_size() -> None:
    x, y = make_friedman1(200, random_state=0)
    both = np.stack([y, 1e6 * x[:, 3]], axis=1)
    model = TabularRegressor(**SMALL).fit(x, both)
    assert model.predict(x).shape == (200, 2)
    assert model.score(x, both) > 0.7
    found = model.predict(x * 100)
    assert (found >= both.min(axis=0)).all()
    assert (found <= both.max(axis=0)).all()


def test_quantiles_and_distributions() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (800, 1))
    y = 3 * x[:, 0] + np.exp(x[:, 0]) * rng.normal(size=800)
    settings = SMALL | {"epochs": 100}
    quantiles = TabularRegressor("quantile", quantile=[0.1, 0.5, 0.9], **settings).fit(x, y)
    low, middle, high = quantiles.predict_quantiles(x).T
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert 0.7 < np.mean((low <= y) & (y <= high)) < 0.9
    gaussian = TabularRegressor("gaussian", n_ensemble=2, **settings).fit(x, y)
    mean, deviation = gaussian.predict(x, return_std=True)
    assert np.corrcoef(deviation, np.exp(x[:, 0]))[0, 1] > 0.9
    found = gaussian.predict_quantiles(x, [0.1, 0.9])
    np.testing.assert_allclose(found.mean(axis=1), mean, atol=0.2)
    with pytest.raises(AttributeError, match="no attribute 'predict_quantiles'"):
        TabularRegressor(**SMALL).predict_quantiles(x)


def scales_after_a_step(x: Any, y: Any, weight: Any = None) -> Any:
    net = nncore.Network([3, 8, 1], activation="tanh", output_activation="linear", seed=1)
    return learnt_scales(
        net, x, y, weight, rates=lambda epoch: 0.05, unit=1.0, trainer={}, batch_size=1_000,
        epochs=1, random=np.random.RandomState(0),
    )  # fmt: skip


def test_scales_of_inputs_go_down_their_gradient() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    y = x[:, 0] * x[:, 1]
    net = nncore.Network([3, 8, 1], activation="tanh", output_activation="linear", seed=1)
    slopes = [
        net.evaluate(x * (1 + 1e-2 * unit), y).cost - net.evaluate(x * (1 - 1e-2 * unit), y).cost
        for unit in np.eye(3, dtype=np.float32)
    ]
    expected = 1 - 6 * 0.05 * np.sign(slopes)  # Adam's first step is one rate, either way
    expected /= np.sqrt(np.mean(expected**2))
    np.testing.assert_allclose(scales_after_a_step(x, y), expected, rtol=1e-4)
    assert len(np.unique(np.sign(slopes))) == 2

    weight = np.arange(50) % 3.0
    rows = np.repeat(np.arange(50), weight.astype(int))
    once, repeated = scales_after_a_step(x, y, weight), scales_after_a_step(x[rows], y[rows])
    np.testing.assert_allclose(once, repeated, rtol=1e-4)


def test_works_with_cross_validation_and_scikit_learns_calibration() -> None:
    x, y = load_iris(return_X_y=True)
    assert cross_val_score(TabularClassifier(**SMALL), x, y, cv=3).mean() > 0.9
    model = TabularClassifier(**SMALL).fit(x[::2], y[::2])
    try:
        theirs = CalibratedClassifierCV(FrozenEstimator(model), method="temperature")
        theirs.fit(x[1::2], y[1::2])
    except ValueError as error:  # scikit-learn before 1.8
        pytest.skip(str(error))
    assert (theirs.predict(x) == model.predict(x)).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_ensemble": 0}, "n_ensemble must be at least 1, got 0"),
        ({"validation_fraction": 1.0}, "validation_fraction must be at least 0 and below 1"),
        ({"categorical_features": ["colour"]}, "'colour'"),
        ({"categorical_features": "number"}, "must be a list of columns, got 'number'"),
        ({"learning_rate": -1.0}, "learning_rate must be above 0"),
        ({"epochs": 2.5}, "epochs must be an integer"),
    ],
)
def test_wrong_parameters_are_named(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        TabularClassifier(**SMALL | parameters).fit(FRAME, LABELS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_that_fails_leaves_the_estimator_as_it_was(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fitted(kind, epochs=2)
    before = answers(model, FRAME)

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nncore.sklearn._tabular.fit_many", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(FRAME[["whole"]], LABELS[::-1] if kind == "classifier" else -NUMBERS)
    assert (answers(model, FRAME) == before).all()


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_frames_of_other_libraries_are_the_same(library: str) -> None:
    module = pytest.importorskip(library)
    given = FRAME.assign(kind=FRAME["kind"].astype(object))
    other = module.from_pandas(given) if library == "polars" else module.Table.from_pandas(given)
    model = TabularClassifier(**SMALL).fit(other, LABELS)
    assert (answers(model, other) == answers(fitted("classifier"), FRAME)).all()
    assert model.feature_names_in_.tolist() == list(FRAME.columns)


def test_numbers_can_be_categories() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 12, (400, 1)).astype(float)
    y = (x[:, 0] % 2).astype(int)
    model = TabularClassifier(**SMALL, categorical_features=[0]).fit(x, y)
    assert model.inputs_.width == 12
    assert model.score(x, y) == 1.0


def test_columns_of_no_use_leave_a_constant_prediction() -> None:
    model = TabularRegressor(**SMALL).fit(np.ones((20, 2)), np.arange(20.0))
    assert len(np.unique(model.predict(np.zeros((3, 2))))) == 1
