"""What `Network.diagnose` finds in networks that are broken on purpose, and not in healthy ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nncore
from nncore.datasets import make_digits

DIGITS = make_digits(1500, seed=1)
RNG = np.random.default_rng(5)
TABLE = RNG.normal(size=(800, 6))
SIDE = (TABLE[:, 0] + TABLE[:, 1] ** 2 > 0.5).astype(int)
VALUE = TABLE @ RNG.normal(size=(6, 1)) + np.sin(TABLE[:, :1])


def digits(*hidden: int, **options: Any) -> nncore.Network:
    return nncore.Network([784, *hidden, 10], **{"seed": 1, **options})


def table(*sizes: int, **options: Any) -> nncore.Network:
    return nncore.Network([6, *sizes], **{"seed": 1, **options})


def softmax(*hidden: int, **options: Any) -> nncore.Network:
    return digits(
        *hidden, activation="relu", output_activation="softmax", cost="log_likelihood", **options
    )


def trained(net: nncore.Network, x: Any, y: Any, **options: Any) -> nncore.Network:
    net.fit(x, y, progress=False, **options)
    return net


Case = Callable[[], tuple[nncore.Network, Any, Any, dict[str, Any]]]

REGRESSION = {"activation": "relu", "output_activation": "linear"}

HEALTHY: dict[str, Case] = {
    "the book's first": lambda: (digits(30, initializer="normal"), *DIGITS, {}),
    "the book's first, trained": lambda: (
        trained(digits(30, initializer="normal"), *DIGITS, epochs=5), *DIGITS, {}
    ),
    "the book's third chapter": lambda: (
        digits(30, cost="cross_entropy"), *DIGITS, {"learning_rate": 0.5}
    ),
    "relu and softmax with Adam": lambda: (
        softmax(64), *DIGITS, {"optimizer": "adam", "batch_size": 32}
    ),
    "the same, trained": lambda: (
        trained(softmax(64), *DIGITS, epochs=5, optimizer="adam"), *DIGITS, {"optimizer": "adam"}
    ),
    "two layers of tanh": lambda: (
        table(16, 16, 1, activation="tanh", cost="cross_entropy"), TABLE, SIDE,
        {"learning_rate": 0.1},
    ),
    "a regression with Adam": lambda: (
        table(32, 32, 1, **REGRESSION), TABLE, VALUE, {"optimizer": "adam"}
    ),
    "a regression, trained": lambda: (
        trained(table(32, 1, **REGRESSION), TABLE, VALUE, epochs=30, optimizer="adam"), TABLE,
        VALUE, {"optimizer": "adam"},
    ),
    "noisy labels": lambda: (
        table(8, 1, cost="cross_entropy"), TABLE, SIDE ^ (RNG.random(800) < 0.2),
        {"learning_rate": 0.5},
    ),
    "validation rows of their own": lambda: (
        table(8, 1, cost="cross_entropy"), TABLE[:600], SIDE[:600],
        {"learning_rate": 0.5, "validation_data": (TABLE[600:], SIDE[600:])},
    ),
}  # fmt: skip

BROKEN: dict[str, tuple[str, Case]] = {
    "one column in other units": ("unscaled", lambda: (
        table(8, 1, cost="cross_entropy"), TABLE * [1, 1, 1, 1, 1, 5000], SIDE, {}
    )),
    "pixels from 0 to 255": ("unscaled", lambda: (
        digits(30, cost="cross_entropy"), DIGITS.x * 255, DIGITS.y, {"learning_rate": 0.5}
    )),
    "a column that is all but nothing": ("unscaled", lambda: (
        table(8, 1, cost="cross_entropy"), TABLE * [1, 1, 1, 1e-6, 1, 1], SIDE, {}
    )),
    "a rate too high": ("rate too high", lambda: (
        softmax(64), *DIGITS, {"learning_rate": 30.0}
    )),
    "a rate too low": ("rate too low", lambda: (
        digits(30, cost="cross_entropy"), *DIGITS, {"learning_rate": 1e-5}
    )),
    "weights of zero": ("identical units", lambda: (
        digits(30, initializer="zeros"), *DIGITS, {}
    )),
    "large weights": ("saturated units", lambda: saturated()),
    "dead units": ("dead units", lambda: dead()),
    "labels that contradict each other": ("contradicting labels", lambda: (
        table(8, 1, cost="cross_entropy"), np.round(TABLE / 3), SIDE, {"learning_rate": 0.5}
    )),
    "validation rows from training": ("leak", lambda: (
        table(8, 1, cost="cross_entropy"), TABLE, SIDE,
        {"learning_rate": 0.5, "validation_data": (TABLE[100:300], SIDE[100:300])},
    )),
    "ten layers of sigmoids": ("vanishing gradient", lambda: (
        digits(*[30] * 10, initializer="scaled"), *DIGITS, {}
    )),
    "one label only": ("one class", lambda: (
        table(8, 1, cost="cross_entropy"), TABLE, np.ones(800, int), {"learning_rate": 0.5}
    )),
    "the same row again and again": ("constant inputs", lambda: (
        table(8, 1, cost="cross_entropy"), np.tile(TABLE[:1], (800, 1)), SIDE,
        {"learning_rate": 0.5},
    )),
}  # fmt: skip


def saturated() -> tuple[nncore.Network, Any, Any, dict[str, Any]]:
    net = digits(30, cost="cross_entropy")
    net.biases[0][:] = 40.0
    return net, *DIGITS, {"learning_rate": 0.5}


def dead() -> tuple[nncore.Network, Any, Any, dict[str, Any]]:
    net = softmax(64)
    net.biases[0][:40] = -100.0
    return net, *DIGITS, {"optimizer": "adam"}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found_and_named(name: str) -> None:
    kind, case = BROKEN[name]
    net, x, y, options = case()
    before = [np.array(w) for w in net.weights]
    found = net.diagnose(x, y, **options)
    assert kind in found.kinds(), str(found)
    assert found
    assert kind in str(found)
    for was, now in zip(before, net.weights, strict=True):
        np.testing.assert_array_equal(was, now)
    assert (net.epoch, len(net.history)) == (0, 0)


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_found_in_healthy_networks(name: str) -> None:
    net, x, y, options = HEALTHY[name]()
    found = net.diagnose(x, y, **options)
    assert not found, str(found)
    assert str(found) == "nothing was found that keeps this network from learning"


def test_findings_have_their_numbers_and_columns_their_names() -> None:
    x = TABLE * [1, 1, 1, 1, 1, 5000]
    found = table(8, 1).diagnose(x, SIDE, columns=list("abcdef"))
    (finding,) = [each for each in found if each.kind == "unscaled"]
    assert finding.numbers["columns"] == ["f"]
    assert "1 of 6 inputs are large: f (-" in finding.sentence
    assert "<td>unscaled</td>" in found._repr_html_()
    found = table(8, 1).diagnose(np.round(TABLE[:, :6] / 3), SIDE)
    (finding,) = [each for each in found if each.kind == "contradicting labels"]
    x, right = np.round(TABLE / 3) + 0.0, 0
    for row in np.unique(x, axis=0):
        of = SIDE[(x == row).all(axis=1)]
        right += max(of.sum(), len(of) - of.sum())
    assert finding.numbers["best_accuracy"] == right / 800
    with pytest.raises(ValueError, match="expected 6 names of columns, got 2"):
        table(8, 1).diagnose(TABLE, SIDE, columns=["a", "b"])


def test_frames_and_sparse_rows() -> None:
    pandas = pytest.importorskip("pandas")
    sparse = pytest.importorskip("scipy.sparse")
    frame = pandas.DataFrame(TABLE * [1, 1, 1, 1, 1, 5000], columns=list("uvwxyz"))
    found = table(8, 1).diagnose(frame, SIDE, validation_data=(frame[:50], SIDE[:50]))
    assert found[0].numbers["columns"] == ["z"]
    assert "leak" in found.kinds()
    thin = sparse.csr_matrix(np.where(np.abs(TABLE) > 1, TABLE, 0))
    rows = np.repeat(np.arange(40), 20)
    found = table(8, 1).diagnose(thin[rows], SIDE)
    assert "contradicting labels" in found.kinds()
