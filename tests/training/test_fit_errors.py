"""fit: what it refuses, if possible before any work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nncore import Network, metrics, schedules
from nncore.callbacks import Callback, Lambda
from nncore.optimizers import Adam, Optimizer
from small_problem import X, Y, bits, network


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": -1}, ValueError, "epochs must be at least 0"),
        ({"epochs": 2.0}, TypeError, "epochs must be an integer"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate must be above 0"),
        ({"learning_rate": np.nan}, ValueError, "learning_rate must be above 0"),
        ({"learning_rate": "fast"}, TypeError, "learning_rate must be a number"),
        ({"learning_rate": schedules.Step}, TypeError, "a schedule or a callable.*class.*Step"),
        ({"optimizer": Adam}, TypeError, r"as in Adam\(\), got <class"),
        ({"optimizer": Optimizer()}, TypeError, r"as in Adam\(\), got Optimizer"),
        ({"optimizer": "adma"}, ValueError, "did you mean 'adam'"),
        ({"l2": -1.0}, ValueError, "l2 must be at least 0"),
        ({"l1": np.inf}, ValueError, "l1 must be at least 0 and finite"),
        ({"dropout": 1.0}, ValueError, "dropout must be at least 0 and below 1"),
        ({"dropout": [0.1]}, ValueError, "1 rates; expected 2"),
        ({"dropout": "half"}, TypeError, "dropout must be a number"),
        ({"max_norm": 0.0}, ValueError, "max_norm must be above 0"),
        ({"clip_norm": -1.0}, ValueError, "clip_norm must be above 0"),
        ({"clip_value": 0}, ValueError, "clip_value must be above 0"),
        ({"validation_split": 1.0}, ValueError, "validation_split must be at least 0 and below 1"),
        ({"validation_split": 0.01}, ValueError, "leaves one side empty"),
        ({"validation_split": 0.1, "validation_data": (X, Y)}, ValueError, "not both"),
        ({"validation_data": X}, TypeError, r"must be a tuple \(x, y\) or .*, got a ndarray"),
        ({"validation_data": (X,)}, TypeError, "got a tuple of 1"),
        ({"validation_data": (X[:, :4], Y)}, ValueError, "4"),
        ({"validation_data": (X, Y[:-1])}, ValueError, "39"),
        ({"validation_data": (X[:0], Y[:0])}, ValueError, "no rows"),
        ({"sample_weight": np.ones(39)}, ValueError, "39"),
        ({"sample_weight": -np.ones(40)}, ValueError, "weight"),
        ({"sample_weight": np.zeros(40)}, ValueError, "weight"),
        (
            {"sample_weight": np.ones(3), "class_weight": "balanced"},
            ValueError,
            r"sample_weight has shape \(3,\); expected \(40,\)",
        ),
        ({"y": 1, "validation_split": 0.5}, ValueError, r"y has shape \(\); x has shape"),
        ({"class_weight": "balance"}, ValueError, "did you mean 'balanced'"),
        ({"class_weight": {3: 1.0}}, ValueError, "names class 3; expected classes 0 to 2"),
        ({"class_weight": {0: -1.0}}, ValueError, r"class_weight\[0\] must be at least 0"),
        ({"class_weight": 2.0}, TypeError, "'balanced' or a dict"),
        ({"metrics": ["acuracy"]}, ValueError, "did you mean 'accuracy'"),
        ({"metrics": "accuracy"}, TypeError, "list of names"),
        ({"metrics": 3}, TypeError, "list of names"),
        ({"metrics": {1: "mse"}}, TypeError, "a metric's name must be a string, got 1"),
        ({"metrics": {"validation_cost": "mse"}}, ValueError, "begin with 'validation_'"),
        ({"metrics": {"mine": "top_k"}, "y": np.ones((40, 3))}, ValueError, "metric 'mine'"),
        ({"callbacks": [print]}, TypeError, "Callback"),
        ({"callbacks": [Callback]}, TypeError, "Callback"),
        ({"n_threads": 0}, ValueError, "n_threads must be at least 1"),
        ({"n_threads": 2**31}, ValueError, "n_threads must be at most"),
        ({"shuffle": "batch"}, TypeError, "shuffle must be True or False, got 'batch'"),
        ({"initial_epoch": -1}, ValueError, "initial_epoch must be at least 0"),
        ({"progress": "yes"}, ValueError, "progress must be"),
        ({"progress": 0}, ValueError, "progress must be"),
        ({"x": X[:, :4]}, ValueError, "4.*5"),
        ({"x": X[:39]}, ValueError, "39.*40|40.*39"),
        ({"x": X[:0], "y": Y[:0]}, ValueError, "no rows"),
        ({"x": X[0]}, ValueError, "x"),
        ({"x": np.where(X[3, 2] == X, np.nan, X)}, ValueError, "row 3"),
        ({"y": Y + 1}, ValueError, "3"),
        ({"y": np.eye(4)[Y]}, ValueError, "4"),
        ({"y": ["a"] * 40}, (TypeError, ValueError), "y|target|label"),
        (
            {"learning_rate": schedules.HalveOnPlateau(1.0)},
            ValueError,
            "HalveOnPlateau follows 'validation_accuracy', but there is no validation data",
        ),
        (
            {"learning_rate": schedules.ReduceOnPlateau(1.0, monitor="cst", mode="min")},
            ValueError,
            "unknown column for ReduceOnPlateau to follow 'cst'; did you mean 'cost'",
        ),
    ],
)
def test_bad_arguments_are_refused_before_training(
    options: dict[str, Any], error: Any, message: str
) -> None:
    net = network()
    before = bits(net)
    begun: list[int] = []
    options = {
        "x": X,
        "y": Y,
        "callbacks": [Lambda(on_train_begin=lambda run: begun.append(1))],
    } | (options)
    with pytest.raises(error, match=message):
        net.fit(**options)
    assert bits(net) == before
    assert not begun
    assert (net.epoch, len(net.history)) == (0, 0)
    net.fit(X, Y, 1)  # the network can still be trained


def test_classification_metrics_are_refused_for_regression() -> None:
    net = Network([5, 1], output_activation="linear")
    with pytest.raises(ValueError, match="metric 'f1': expected classes"):
        net.fit(X, X[:, 0], 1, metrics=["f1"])


def test_a_metric_must_return_numbers() -> None:
    for wrong in (None, "0.5"):
        with pytest.raises(TypeError, match=r"metric 'mine' must return a number .*, got"):
            network().fit(X, Y, 1, metrics={"mine": lambda y, outputs, wrong=wrong: wrong})


def test_metrics_of_tanh_outputs_are_those_of_predict() -> None:
    net = Network([5, 4, 1], activation="tanh", output_activation="tanh", seed=1)
    y = (X[:, 0] > 0.0).astype(int)
    for targets in (y, 2 * y - 1):
        history = net.fit(X, targets, 3, learning_rate=0.1, metrics=["accuracy", "f1"])
        right = float(np.mean(net.predict(X) == y))
        assert history["accuracy"][-1] == right
        assert history["f1"][-1] == metrics.f1(y, net.predict(X))
    outputs = net.feedforward(X)
    assert np.any((outputs > 0.0) & (outputs < 0.5))  # the two thresholds disagree there


def test_callbacks_and_metrics_may_be_none() -> None:
    assert len(network().fit(X, Y, 1, callbacks=None, metrics=None)) == 1


def test_step_networks_cannot_be_trained() -> None:
    for options in ({"activation": "step"}, {"output_activation": "step"}):
        with pytest.raises(ValueError, match="step"):
            network(**options).fit(X, Y, 1)


def test_a_schedule_must_give_rates() -> None:
    net = network()
    with pytest.raises(ValueError, match="learning_rate must be at least 0"):
        net.fit(X, Y, 3, learning_rate=lambda epoch: 1.0 - epoch)
    assert net.epoch == 2
