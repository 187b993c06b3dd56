"""Intervals and sets that hold for the stated share of new rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("pandas")

from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_val_score

from frames import mixed_frame
from nncore.sklearn import (
    ConformalClassifier,
    ConformalRegressor,
    TabularClassifier,
    TabularRegressor,
)

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (6_000, 2))
Y = X[:, 0] + np.exp(1.5 * X[:, 1]) * RNG.normal(size=len(X))
FEW, MANY = slice(2_000), slice(2_000, None)
SMALL: dict[str, Any] = {"hidden_layer_sizes": (32,), "epochs": 30, "random_state": 0}
MODELS = {
    "point": LinearRegression(),
    "ensemble": TabularRegressor(**SMALL, n_ensemble=2),
    "gaussian": TabularRegressor("gaussian", **SMALL),
    "quantile": TabularRegressor("quantile", quantile=[0.2, 0.5, 0.8], **SMALL),
}


def held(model: Any, coverage: float | None = None) -> tuple[float, float, Any]:
    """How often intervals hold, their mean width, and how this goes with the true deviation."""
    low, high = model.predict_interval(X[MANY], coverage).T
    assert (low <= high).all()
    inside = np.mean((low <= Y[MANY]) & (Y[MANY] <= high))
    return float(inside), float(np.mean(high - low)), high - low


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_intervals_hold_as_often_as_they_say(name: str, coverage: float) -> None:
    model = ConformalRegressor(MODELS[name], coverage=coverage, random_state=0).fit(X[FEW], Y[FEW])
    assert held(model)[0] == pytest.approx(coverage, abs=0.05)
    assert held(model, 0.8)[0] == pytest.approx(0.8, abs=0.05)
    assert model.predict(X[:5]).shape == (5,)


def test_widths_follow_the_noise_where_the_estimator_knows_it() -> None:
    fits = {
        name: ConformalRegressor(MODELS[name], random_state=0).fit(X[FEW], Y[FEW])
        for name in ("point", "gaussian", "quantile")
    }
    widths = {name: held(model)[2] for name, model in fits.items()}
    true = np.exp(1.5 * X[MANY][:, 1])
    assert np.ptp(widths["point"]) < 1e-9
    for name in ("gaussian", "quantile"):
        assert np.corrcoef(widths[name], true)[0, 1] > 0.8
        assert widths[name].mean() < 0.95 * widths["point"].mean()


def test_a_trained_estimator_is_left_as_it_is() -> None:
    model = LinearRegression().fit(X[:500], Y[:500])
    conformal = ConformalRegressor(FrozenEstimator(model)).fit(X[500:2_000], Y[500:2_000])
    assert conformal.estimator_ is model
    assert len(conformal.scores_) == 1_500
    scores = np.sort(np.abs(model.predict(X[500:2_000]) - Y[500:2_000]))
    low, high = conformal.predict_interval(X[:1])[0]
    assert high - low == pytest.approx(2 * scores[int(np.ceil(1_501 * 0.9)) - 1])


def test_agrees_with_mapie() -> None:
    mapie = pytest.importorskip("mapie.regression")
    model = LinearRegression().fit(X[:500], Y[:500])
    ours = ConformalRegressor(FrozenEstimator(model)).fit(X[500:2_000], Y[500:2_000])
    theirs = mapie.SplitConformalRegressor(model, confidence_level=0.9, prefit=True)
    _, intervals = theirs.conformalize(X[500:2_000], Y[500:2_000]).predict_interval(X[MANY])
    np.testing.assert_allclose(ours.predict_interval(X[MANY]), intervals[:, :, 0], atol=0.02)


def test_frames_and_weights_go_to_the_estimator() -> None:
    frame, labels, numbers = mixed_frame(400)
    model = ConformalRegressor(TabularRegressor(**SMALL), random_state=0)
    model.fit(frame, numbers, sample_weight=np.ones(400))
    assert model.predict_interval(frame).shape == (400, 2)
    sets = ConformalClassifier(TabularClassifier(**SMALL), random_state=0).fit(frame, labels)
    assert sets.predict_set(frame).shape == (400, 2)
    assert clone(sets).get_params()["estimator__epochs"] == 30
    assert cross_val_score(sets, frame, labels, cv=2).mean() > 0.8


def test_sets_hold_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 4_000)
    x = rng.normal(size=(4_000, 2)) + np.array([[0, 0], [0, 2], [2, 0], [2, 2]])[y]
    model = ConformalClassifier(LogisticRegression(), random_state=0).fit(x[:1_500], y[:1_500])
    for coverage in (None, 0.8):
        sets = model.predict_set(x[1_500:], coverage)
        right = sets[np.arange(2_500), y[1_500:]].mean()
        assert right == pytest.approx(0.9 if coverage is None else 0.8, abs=0.04)
        assert (sets.sum(axis=1) >= 1).all()
    labels = np.array(["a", "b", "c", "d"])[y]
    words = ConformalClassifier(LogisticRegression(), random_state=0).fit(x[:1_500], labels[:1_500])
    assert (words.predict_set(x) == model.predict_set(x)).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"coverage": 0.99}, "a coverage of 0.99 needs 99 rows set aside, got 25"),
        ({"coverage": 1.5}, "coverage must be above 0 and below 1"),
        ({"method": "quantil"}, "method"),
        ({"method": "quantile"}, "predict_quantiles"),
        ({"calibration_fraction": 0}, "calibration_fraction must be above 0"),
    ],
)
def test_what_cannot_be_says_so(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises((AttributeError, ValueError), match=message):
        ConformalRegressor(LinearRegression(), **parameters).fit(X[:100], Y[:100])


def test_a_regressor_has_no_sets() -> None:
    with pytest.raises(TypeError, match="must be a classifier"):
        ConformalClassifier(LinearRegression()).fit(*load_iris(return_X_y=True))
