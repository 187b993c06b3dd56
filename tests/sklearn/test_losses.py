"""MLPRegressor's losses beyond scikit-learn's, and label smoothing."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_regression
from sklearn.model_selection import cross_val_score

import nncore
from nncore import costs
from nncore.sklearn import MLPClassifier, MLPRegressor

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (600, 1))
DEVIATION = np.where(X[:, 0] > 0, 0.8, 0.2)
Y = X[:, 0] + DEVIATION * RNG.normal(size=600)
FEW: dict[str, Any] = {
    "hidden_layer_sizes": (16,), "activation": "tanh", "learning_rate_init": 0.01,
    "random_state": 0, "batch_size": 50, "max_iter": 60, "n_iter_no_change": 1000,
}  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
LOSSES = ["squared_error", "absolute_error", "huber", "quantile", "gaussian", "poisson"]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_every_loss_learns_and_is_measured(loss: str, solver: str) -> None:
    x, y = make_regression(120, 3, noise=1.0, random_state=0)
    y = np.abs(y / y.std()) if loss == "poisson" else y / y.std()
    rate = 0.001 if (solver, loss) == ("sgd", "gaussian") else 0.01
    model = MLPRegressor(loss, (16,), solver=solver, learning_rate_init=rate, max_iter=300,
                         random_state=0).fit(x, y)  # fmt: skip
    assert model.score(x, y) > 0.6
    assert model.predict(x).shape == (120,)
    assert model.n_outputs_ == 1
    if solver != "lbfgs":
        assert model.loss_curve_[-1] < model.loss_curve_[0]


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile", "gaussian"])
def test_the_loss_is_that_of_its_name(loss: str) -> None:
    """Of parameters that stay, what the curve shows is the mean over rows and outputs."""
    y = np.column_stack([Y, -2 * Y])
    model = MLPRegressor(loss, (4,), solver="sgd", learning_rate_init=1e-12, alpha=0, max_iter=1,
                         quantile=[0.1, 0.7], random_state=0).fit(X, y)  # fmt: skip
    outputs = model.network_.feedforward(X)
    d = y - outputs if loss in ("absolute_error", "huber") else None
    if loss == "absolute_error":
        expected = np.abs(d).mean()
    elif loss == "huber":
        expected = np.where(np.abs(d) < 1, 0.5 * d**2, np.abs(d) - 0.5).mean()
    elif loss == "quantile":
        d = y[:, :, None] - outputs.reshape(-1, 2, 2)
        tau = np.array([0.1, 0.7])
        expected = np.maximum(tau * d, (tau - 1) * d).mean()
    else:
        mean, s = np.split(outputs, 2, axis=1)
        expected = (0.5 * (s + (y - mean) ** 2 / np.exp(s))).mean()
    assert model.loss_ == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("non_crossing", [False, True])
def test_quantiles(non_crossing: bool) -> None:
    taus = [0.1, 0.5, 0.9]
    model = MLPRegressor("quantile", quantile=taus, non_crossing=non_crossing, **FEW).fit(X, Y)
    found = model.predict_quantiles(X)
    assert found.shape == (600, 3)
    np.testing.assert_allclose((Y[:, None] < found).mean(axis=0), taus, atol=0.08)
    np.testing.assert_array_equal(model.predict(X), found[:, 1])
    if non_crossing:
        wild = model.predict_quantiles(RNG.normal(size=(500, 1)) * 100)
        assert (np.diff(wild, axis=1) >= 0).all()
    with pytest.raises(ValueError, match="those of training"):
        model.predict_quantiles(X, [0.3])


def test_quantiles_of_several_outputs() -> None:
    y = np.column_stack([Y, 10 + Y])
    few = FEW | {"max_iter": 5}
    model = MLPRegressor("quantile", quantile=[0.2, 0.8], **few).fit(X, y)
    assert model.predict(X).shape == (600, 2)
    assert model.predict_quantiles(X).shape == (600, 2, 2)
    assert model.n_outputs_ == 2
    np.testing.assert_array_equal(model.predict(X), model.predict_quantiles(X)[:, :, 0])
    single = MLPRegressor("quantile", quantile=0.9, **few).fit(X, Y)
    assert single.predict_quantiles(X).shape == (600, 1)
    np.testing.assert_array_equal(single.predict(X), single.predict_quantiles(X)[:, 0])


def test_gaussian_means_and_deviations() -> None:
    model = MLPRegressor("gaussian", **FEW).fit(X, Y)
    mean, deviation = model.predict(np.array([[-0.5], [0.5]]), return_std=True)
    np.testing.assert_allclose(mean, [-0.5, 0.5], atol=0.25)
    np.testing.assert_allclose(deviation, [0.2, 0.8], rtol=0.35)
    found = model.predict_quantiles(np.array([[-0.5], [0.5]]), [0.5, 0.975])
    np.testing.assert_allclose(found[:, 0], mean)
    np.testing.assert_allclose(found[:, 1], mean + 1.95996 * deviation, rtol=1e-4)
    y = np.column_stack([Y, 3 * Y])
    both = MLPRegressor("gaussian", **FEW | {"max_iter": 3}).fit(X, y)
    mean, deviation = both.predict(X, return_std=True)
    assert mean.shape == deviation.shape == (600, 2)
    assert both.predict_quantiles(X, 0.9).shape == (600, 2, 1)


def test_what_a_loss_cannot_answer_is_refused() -> None:
    model = MLPRegressor("huber", (4,), max_iter=2).fit(X, Y)
    assert not hasattr(model, "predict_quantiles")
    with pytest.raises(ValueError, match="return_std needs loss='gaussian'"):
        model.predict(X, return_std=True)
    with pytest.raises(ValueError, match="has no loss 'huber'"):
        model.to_sklearn()
    with pytest.raises(ValueError, match="unknown loss 'absolute_eror'"):
        MLPRegressor("absolute_eror").fit(X, Y)
    with pytest.raises(ValueError, match="ascend"):
        MLPRegressor("quantile", quantile=[0.9, 0.1]).fit(X, Y)
    with pytest.raises(ValueError, match="a quantile must be above 0"):
        MLPRegressor("quantile", quantile=0).fit(X, Y)
    with pytest.raises(TypeError, match="non_crossing"):
        MLPRegressor("quantile", non_crossing="yes").fit(X, Y)


@pytest.mark.parametrize("loss", LOSSES)
def test_estimators_of_every_loss_clone_pickle_and_go_on(loss: str) -> None:
    y = np.abs(Y)
    model = clone(MLPRegressor(loss, (4,), quantile=[0.5, 0.9], max_iter=2, random_state=0))
    model.fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    for each in (model, again):
        each.partial_fit(X, y)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    wrapped = MLPRegressor.from_network(model.network_)
    assert wrapped.loss == loss
    np.testing.assert_array_equal(wrapped.predict(X), model.predict(X))


def test_early_stopping_and_cross_validation() -> None:
    model = MLPRegressor("quantile", quantile=[0.1, 0.9], early_stopping=True, **FEW)
    assert len(cross_val_score(model, X, Y, cv=2)) == 2
    model.fit(X, Y, eval_set=(X, Y))
    assert model.validation_loss_curve_


def test_warm_start_with_another_loss_keeps_the_parameters() -> None:
    model = MLPRegressor("squared_error", (4,), max_iter=2, warm_start=True, random_state=0)
    model.fit(X, Y)
    before = [np.array(coef) for coef in model.coefs_]
    model.set_params(loss="huber", learning_rate_init=1e-12).fit(X, Y)
    assert model.network_.cost == "huber"
    for old, new in zip(before, model.coefs_, strict=True):
        np.testing.assert_allclose(old, new, atol=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_label_smoothing(classes: int) -> None:
    labels = np.array(["a", "b", "c"])[np.digitize(X[:, 0], [-0.3, 0.3][: classes - 1])]
    plain = MLPClassifier((8,), random_state=0, max_iter=200, learning_rate_init=0.05)
    smooth = clone(plain).set_params(label_smoothing=0.2)
    sure, less = plain.fit(X, labels), smooth.fit(X, labels)
    assert less.score(X, labels) > 0.9
    assert less.predict_proba(X).max() < 0.97 < sure.predict_proba(X).max()
    cost = costs.of(less.network_)
    assert isinstance(cost, costs.Cost)
    assert cost.hyperparameters() == {"label_smoothing": 0.2}
    with pytest.raises(ValueError, match="label_smoothing"):
        MLPClassifier(label_smoothing=1.0).fit(X, labels)


def test_a_network_of_quantiles_becomes_an_estimator() -> None:
    net = nncore.Network([1, 4, 2], cost=costs.Pinball([0.25, 0.75], non_crossing=True), seed=1)
    model = MLPRegressor.from_network(net)
    assert (model.quantile, model.non_crossing) == ((0.25, 0.75), True)
    np.testing.assert_array_equal(model.predict_quantiles(X), net.feedforward(X))


@pytest.mark.parametrize("loss", ["quantile", "gaussian", "huber"])
@pytest.mark.parametrize("targets", [1, 2])
def test_skl2onnx_converts_what_predict_gives(loss: str, targets: int) -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    runtime = pytest.importorskip("onnxruntime")
    from nncore.sklearn import register_skl2onnx

    register_skl2onnx()
    x = X.astype(np.float32)
    y = Y if targets == 1 else np.column_stack([Y, -Y])
    model = MLPRegressor(loss, (4,), quantile=[0.1, 0.5, 0.9], max_iter=2, random_state=0).fit(x, y)
    converted = skl2onnx.to_onnx(model, x[:1])
    found = runtime.InferenceSession(converted.SerializeToString()).run(None, {"X": x})[0]
    expected = model.predict(x).reshape(len(x), targets)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    if loss == "quantile":
        model.set_params(non_crossing=True).fit(x, y)
        with pytest.raises(ValueError, match="puts its quantiles in order"):
            skl2onnx.to_onnx(model, x[:1])
