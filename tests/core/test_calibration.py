"""Calibration errors, and temperatures that make them small."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import nncore
from nncore.metrics import calibration_error

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4_000, 3))


def overconfident(output: str, factor: float) -> tuple[nncore.Network, np.ndarray]:
    """A network that knows the true logits, and says them `factor` times as surely."""
    k = 1 if output == "sigmoid" else 3
    w = RNG.normal(size=(k, 3))
    z = X @ w.T
    if k == 1:
        y = (RNG.random(len(X)) < 1 / (1 + np.exp(-z[:, 0]))).astype(int)
    else:
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        y = (RNG.random((len(X), 1)) > p.cumsum(axis=1)).sum(axis=1)
    cost = "cross_entropy" if k == 1 else "log_likelihood"
    arrays = ([factor * w], [np.zeros(k)])
    return nncore.Network([3, k], output_activation=output, cost=cost, initializer=arrays), y


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
@pytest.mark.parametrize("factor", [4.0, 0.25])
def test_the_temperature_undoes_what_was_multiplied(output: str, factor: float) -> None:
    net, y = overconfident(output, factor)
    before = net.evaluate(X, y, calibration=True)
    classes = net.predict(X)
    assert net.calibrate(X[:2_000], y[:2_000]) == pytest.approx(factor, rel=0.1)
    after = net.evaluate(X[2_000:], y[2_000:], calibration=True)
    assert before.calibration_error is not None
    assert after.calibration_error is not None
    assert after.calibration_error < 0.03 < before.calibration_error
    assert after.cost < before.cost
    assert (net.predict(X) == classes).all()


def test_rows_that_are_all_right_leave_a_doubt() -> None:
    net = nncore.Network([1, 1], initializer=([[[5.0]]], [[0.0]]))
    net.calibrate([[1.0], [-1.0]] * 10, [1, 0] * 10)
    assert 0.9 < net.feedforward([[1.0]])[0, 0] < 0.999


def test_weights_count() -> None:
    net, y = overconfident("softmax", 3.0)
    weight = np.where(np.arange(len(X)) < 3_000, 0.0, 2.0)
    other = pickle.loads(pickle.dumps(net))
    assert net.calibrate(X, y, weight) == pytest.approx(other.calibrate(X[3_000:], y[3_000:]), 0.01)


def test_what_is_no_probability_is_refused() -> None:
    net = nncore.Network([3, 2], output_activation="linear")
    with pytest.raises(ValueError, match="softmax or sigmoid, not linear"):
        net.calibrate(X, np.zeros(len(X), int))
    with pytest.raises(ValueError, match="needs probabilities"):
        calibration_error([0, 1], [[0.1, 1.2], [0.3, 0.4]])
    with pytest.raises(ValueError, match="metric 'calibration_error' measures probabilities"):
        net.fit(X, np.zeros(len(X), int), epochs=1, metrics=["calibration_error"])


def test_the_error_is_the_mean_gap_of_the_bins() -> None:
    y = [1, 1, 0, 1, 0]
    p = [0.95, 0.97, 0.96, 0.55, 0.42]  # (3 rows, right 2/3, sure .96), (2 rows: 1, .565)
    expected = (3 * abs(2 / 3 - 0.96) + 2 * abs(1 - (0.55 + 0.58) / 2)) / 5
    assert calibration_error(y, p, bins=5) == pytest.approx(expected)
    doubled = calibration_error([*y, *y[:3]], [*p, *p[:3]], bins=5)
    assert calibration_error(y, p, [2, 2, 2, 1, 1], bins=5) == pytest.approx(doubled)


def test_an_evaluation_stays_a_pair() -> None:
    net, y = overconfident("softmax", 1.0)
    cost, accuracy = net.evaluate(X, y)
    measured = net.evaluate(X, y, calibration=True)
    assert measured == (cost, accuracy)
    assert net.evaluate(X, y).calibration_error is None
    copy = pickle.loads(pickle.dumps(measured))
    assert copy.calibration_error == measured.calibration_error
    assert "calibration_error=0.0" in repr(copy)
    assert "calibration error" in copy._repr_html_()
    ensemble = nncore.Ensemble([net, net]).evaluate(X, y, calibration=True)
    assert ensemble.calibration_error == pytest.approx(measured.calibration_error, abs=1e-6)
