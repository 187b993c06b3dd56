"""Targets that the outputs cannot reach, and classes of outputs that tell none, are not taken
in silence."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest

from nncore import Network
from nncore._support.targets import out_of_reach
from nncore.book import network as book

X = np.random.default_rng(0).normal(size=(6, 3))


def net(output: str, units: int = 1, **options: Any) -> Network:
    return Network([3, units], output_activation=output, **options)


@pytest.mark.parametrize(
    ("output", "units", "y", "message"),
    [
        ("sigmoid", 1, [0, 1, 0.5, 19, 0, 0], "y has 19 in row 3; sigmoid outputs reach 0 to 1"),
        ("sigmoid", 1, [0, 1, 2, 3, 4, 5], "y has 2 in row 2; sigmoid outputs reach 0 to 1"),
        ("sigmoid", 1, [1, -1] * 3, "y has -1 in row 1; .*output_activation='tanh' for -1 and 1"),
        ("tanh", 1, [1, -1, 0, 1.5, 0, 0], "y has 1.5 in row 3; tanh outputs reach -1 to 1"),
        ("sigmoid", 2, [[0, 1], [0, -2]] * 3, "y has -2 in row 1, column 1; sigmoid outputs"),
    ],
)
@pytest.mark.parametrize("cost", ["quadratic", "mean_absolute", "huber"])
def test_targets_beyond_bounded_outputs_are_refused(
    cost: str, output: str, units: int, y: Any, message: str
) -> None:
    model = net(output, units, cost=cost)
    with pytest.raises(ValueError, match=message) as raised:
        model.fit(X, y, 1)
    assert "output_activation='linear'" in str(raised.value)
    assert model.epoch == 0


@pytest.mark.parametrize("output", ["relu", "softplus", "exponential", "elu", "gelu", "silu"])
def test_targets_below_outputs_without_an_upper_end_are_warned_of(output: str) -> None:
    y = [0.5, 2.0, 1000.0, -3.0, 1.0, 1.0]
    with pytest.warns(UserWarning, match=f"y has -3 in row 3; {output} outputs reach") as caught:
        net(output).fit(X, y, 1, learning_rate=1e-9)
    assert "output_activation='linear'" in str(caught[0].message)
    assert caught[0].filename == __file__


def test_what_can_be_reached_is_taken() -> None:
    """The ends of the range too, and what the rounding of a scaler leaves beyond them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net("sigmoid").fit(X, [0, 1, 0.5, 1.0 + 1e-9, -1e-9, 1], 1)
        net("tanh").fit(X, [-1, 1, 0.5, 1.0, 0.25, 1], 1)
        net("elu").fit(X, [-1, 100, 0.5, 1.0, 0.25, 1], 1, learning_rate=1e-6)
        net("linear").fit(X, [-100, 100, 0.5, 1.0, 0.25, 1], 1, learning_rate=1e-6)
        net("leaky_relu").fit(X, [-100, 100, 0.5, 1.0, 0.25, 1], 1, learning_rate=1e-6)
        # Validation rows may lie outside of what training saw.
        net("sigmoid").fit(X, [0, 1] * 3, 1, validation_data=(X, np.full(6, 1.25)))


def test_the_books_network_warns() -> None:
    data = [(np.zeros((2, 1)), np.array([[19.0]]))]
    with pytest.warns(UserWarning, match="y has 19 in row 0; sigmoid outputs reach 0 to 1"):
        book.Network([2, 1]).SGD(data, 1, 1, 0.1)


@pytest.mark.parametrize("output", ["linear", "relu", "exponential"])
def test_classes_of_outputs_that_tell_none_are_warned_of(output: str) -> None:
    model = net(output, 3)
    message = re.escape(
        f"predict gives the index of the largest of 3 {output} outputs; feedforward gives their "
        "values"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        labels = model.predict(X)
    assert caught[0].filename == __file__
    assert "output_activation='softmax'" in str(caught[0].message)
    assert (labels == model.feedforward(X).argmax(axis=1)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="predict gives the index"):
            model.predict(X[0])
        for classifier in (net("sigmoid", 3), net("tanh", 2), net("step", 2), net("sigmoid")):
            classifier.predict(X)
        model.evaluate(X, [0, 1, 2] * 2)


def test_targets_that_change_while_they_are_looked_at() -> None:
    """Another thread may write them. Then the smallest is beyond the reach, and no target is."""

    class Changing(np.ndarray[Any, Any]):
        def min(self, *_: Any, **__: Any) -> float:  # type: ignore[override]
            return -5.0

    y = np.zeros((6, 1)).view(Changing)
    assert out_of_reach(net("sigmoid"), y) is None
