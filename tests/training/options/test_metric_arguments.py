"""What `fit` hands to metrics: targets and outputs in one shape, and the weights of the samples."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from nncore import Network, costs, metrics
from nncore.data import Blocks
from small_problem import X, Y, network

RNG = np.random.default_rng(3)
NUMBERS = X @ RNG.normal(size=5) * 0.1
WEIGHTS = RNG.integers(0, 5, len(X)).astype(float)


def rmse(y: Any, p: Any) -> float:
    return float(np.sqrt(np.mean((y - p) ** 2)))


def regression() -> Network:
    return Network([5, 4, 1], activation="tanh", output_activation="linear", seed=1)


@pytest.mark.parametrize("columns", [1, 2])
def test_targets_and_outputs_of_one_unit_have_one_shape(columns: int) -> None:
    y = NUMBERS if columns == 1 else NUMBERS[:, None]
    shapes = set()

    def error(y_true: Any, outputs: Any) -> float:
        shapes.add((y_true.shape, outputs.shape))
        return rmse(y_true, outputs)

    net = regression()
    history = net.fit(X, y, 2, 4, 0.01, metrics=[error, "mse"], validation_data=(X[:7], y[:7]))
    tails = (1,) * (columns - 1)
    assert shapes == {((40, *tails), (40, *tails)), ((7, *tails), (7, *tails))}
    expected = rmse(NUMBERS, net.feedforward(X)[:, 0])
    assert history["error"][-1] == pytest.approx(expected, rel=1e-5)
    assert history["error"][-1] == pytest.approx(history["mse"][-1] ** 0.5, rel=1e-5)


def test_several_outputs_stay_as_they_are() -> None:
    seen = {}

    def shapes(y_true: Any, outputs: Any) -> float:
        seen["labels"] = y_true.shape, outputs.shape
        return 0.0

    network().fit(X, Y, 1, metrics=[shapes])
    assert seen["labels"] == ((40,), (40, 3))


@pytest.mark.parametrize("name", ["accuracy", "f1", "auc", "mse"])
def test_metrics_are_weighted(name: str) -> None:
    net = Network([5, 6, 3], seed=1)
    history = net.fit(
        X, Y, 1, sample_weight=WEIGHTS, metrics=[name], validation_data=(X, Y, WEIGHTS)
    )
    expected = metrics.METRICS[name](Y, net.feedforward(X), WEIGHTS)
    assert expected != metrics.METRICS[name](Y, net.feedforward(X))
    assert history[name][-1] == expected
    assert history[f"validation_{name}"][-1] == pytest.approx(expected, rel=1e-12)


def test_a_callable_that_takes_sample_weight_gets_it() -> None:
    got: dict[str, Any] = {}

    def takes(y: Any, p: Any, sample_weight: Any = None) -> float:
        got["takes"] = sample_weight
        return 0.0

    def must(y: Any, p: Any, *, sample_weight: Any) -> float:
        got["must"] = sample_weight
        return 0.0

    class Measure:
        def __call__(self, y: Any, p: Any, sample_weight: float = 1.0) -> float:
            got["object"] = sample_weight
            return 0.0

    measures = {
        "takes": takes,
        "must": must,
        "object": Measure(),
        "partial": functools.partial(metrics.f1, average="micro"),
        "none": lambda y, p: 0.0,
    }
    net = network()
    history = net.fit(X, Y, 1, sample_weight=WEIGHTS, metrics=measures)
    for name in ("takes", "must", "object"):
        np.testing.assert_array_equal(got[name], WEIGHTS)
    expected = metrics.f1(Y, net.feedforward(X), WEIGHTS, average="micro")
    assert history["partial"][-1] == expected

    network().fit(X, Y, 1, metrics=measures)
    assert got["takes"] is got["must"] is None
    assert got["object"] == 1.0


def test_class_weights_are_for_training_only() -> None:
    """The metrics of training and of validation rows can be compared."""
    net = network()
    history = net.fit(X, Y, 1, class_weight={0: 9.0}, metrics=["accuracy"], validation_data=(X, Y))
    assert history["accuracy"] == history["validation_accuracy"]


def test_validation_weights_of_a_split() -> None:
    net = network()
    history = net.fit(X, Y, 1, sample_weight=WEIGHTS, metrics=["f1"], validation_split=0.5)
    expected = metrics.f1(Y[20:], net.feedforward(X[20:]), WEIGHTS[20:])
    assert history["validation_f1"][-1] == expected


def test_no_column_replaces_another() -> None:
    def accuracy(y: Any, p: Any) -> float:
        return 2.0

    with pytest.raises(ValueError, match=r"would be called 'validation_accuracy'.* another name"):
        network().fit(X, Y, 1, metrics=[accuracy], validation_data=(X, Y))
    assert network().fit(X, Y, 1, metrics=[accuracy])["accuracy"] == [2.0]
    # Without classes there is no accuracy of fit's own.
    net = regression()
    history = net.fit(
        X, NUMBERS, 1, 4, 0.01, metrics={"accuracy": rmse}, validation_data=(X, NUMBERS)
    )
    assert history["validation_accuracy"] == history["accuracy"]


def test_targets_of_one_column_do_not_spread_over_several_outputs() -> None:
    """Numbers (n, 1) less means and variances (n, 2) would be a number for each output."""
    x = np.random.default_rng(0).normal(size=(30, 2))
    shapes: list[Any] = []

    def own(y: Any, outputs: Any) -> float:
        shapes.append((y.shape, outputs.shape))
        return 0.0

    for cost, outputs in (("gaussian", 2), (costs.Pinball([0.1, 0.9]), 2)):
        net = Network([2, outputs], cost=cost)
        net.fit(x, x[:, :1], 1, metrics=[own], validation_data=(x, x[:, :1]), progress=False)
        blocks = Blocks(x, x[:, :1])
        net.fit(x, x[:, 0], 1, metrics=[own], validation_data=blocks, progress=False)
    assert set(shapes) == {((30,), (30, 2))}


@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("of_blocks", [False, True])
def test_of_gaussian_and_pinball_the_means_and_medians_are_measured(
    targets: int, of_blocks: bool
) -> None:
    y = np.stack([NUMBERS, 2 * NUMBERS], axis=1)[:, :targets]
    quantiles = costs.Pinball([0.1, 0.4, 0.9])
    for cost, outputs, points in (
        ("gaussian", 2, slice(targets)),
        (quantiles, 3, slice(1, None, 3)),
    ):
        net = Network([5, 4, outputs * targets], cost=cost, seed=1)
        given: Any = Blocks(X, y) if of_blocks else (X, y)
        measured: Any = ["mse", metrics.mae, "r2"]
        history = net.fit(X, y, 2, 4, 0.01, metrics=measured, validation_data=given)
        found = net.feedforward(X)[:, points]
        for name in ("mse", "mae", "r2"):
            expected = metrics.METRICS[name](y, found)
            assert history["validation_" + name][-1] == pytest.approx(expected, rel=1e-6)
            assert history[name][-1] == pytest.approx(expected, rel=1e-6)


def test_classes_are_not_measured_of_outputs_that_are_numbers() -> None:
    net = Network([5, 4, 2], cost="gaussian", seed=1)
    with pytest.raises(ValueError, match=r"'accuracy' measures classes.*gaussian.*'mse'"):
        net.fit(X, np.arange(len(X)) % 2, 1, metrics=["accuracy"])
