"""Pictures show what was computed, on the axes that they were given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest

import nncore
from nncore import plot
from nncore._support import extras

if TYPE_CHECKING:
    from matplotlib.axes import Axes

pytest.importorskip("matplotlib").use("Agg")
pyplot = pytest.importorskip("matplotlib.pyplot")

X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def net() -> nncore.Network:
    net = nncore.Network([4, 5, 2], cost="log_likelihood", output_activation="softmax", seed=1)
    net.fit(X, Y, epochs=3, learning_rate=0.1, validation_data=(X, Y))
    return net


@pytest.fixture
def ax() -> Axes:
    return pyplot.figure().add_subplot()


def test_every_display_draws_on_the_axes_that_it_was_given(net: nncore.Network, ax: Axes) -> None:
    displays = [
        plot.HistoryDisplay.from_estimator(net, ax=ax),
        plot.WeightsDisplay.from_estimator(net, ax=ax),
        plot.NetworkDisplay.from_estimator(net, ax=ax),
        plot.MisreadDisplay.from_estimator(net, X, Y, ax=ax),
        plot.ReliabilityDisplay.from_estimator(net, X, Y, ax=ax),
        plot.IntervalDisplay.from_predictions(X[:, 0], X[:, 0] - 1, X[:, 0] + 1, ax=ax),
        plot.GradientFlowDisplay.from_estimator(net, X, Y, ax=ax),
    ]
    for display in displays:
        assert display.ax_ is ax
        assert display.figure_ is ax.figure
        assert display.plot() is display  # again, on new ones
        assert display.ax_ is not ax
        display.figure_.canvas.draw()


def test_history_of_seeds_is_their_median_in_a_band(ax: Axes) -> None:
    costs = [[1.0, 2.0, 9.0], [3.0, 6.0], [4.0, 8.0]]
    runs = [nncore.History({"cost": each}, range(len(each))) for each in costs]
    plot.HistoryDisplay.from_histories({"sgd": runs, "adam": runs[0]}, ax=ax)
    sgd, adam = ax.lines
    np.testing.assert_array_equal(sgd.get_ydata(), [3.0, 6.0, 9.0])
    np.testing.assert_array_equal(adam.get_ydata(), [1.0, 2.0, 9.0])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "sgd, training",
        "adam, training",
    ]
    (band,) = ax.collections
    assert band.get_datalim(ax.transData).y1 == 9.0
    with pytest.raises(ValueError, match="no column 'f1' in these histories; there are: cost"):
        plot.HistoryDisplay.from_histories(runs, "f1")


def test_weights_are_the_layers(net: nncore.Network, ax: Axes) -> None:
    display = plot.WeightsDisplay.from_estimator(net, units=[3, 1], ax=ax)
    np.testing.assert_array_equal(display.images, net.weights[0][[3, 1]].reshape(2, 2, 2))
    with pytest.raises(ValueError, match="expected a layer from 1 to 2, got 3"):
        plot.WeightsDisplay.from_estimator(net, 3)
    with pytest.raises(ValueError, match="5 pixels are no square"):
        plot.WeightsDisplay.from_estimator(net, 2)
    with pytest.raises(ValueError, match=r"expected units from 0 to 4, got \[5\]"):
        plot.WeightsDisplay.from_estimator(net, units=[5])


@pytest.mark.parametrize(("hidden", "shown"), [(5, 4 + 5 + 2), (6, 4 + 5 + 2), (2000, 4 + 5 + 2)])
def test_large_layers_are_drawn_in_part(ax: Axes, hidden: int, shown: int) -> None:
    net = nncore.Network([4, hidden, 2])
    display = plot.NetworkDisplay.from_estimator(net, max_units=5, ax=ax)
    circles = [len(c.get_paths()) for c in display.ax_.collections if c.get_zorder() == 2]
    assert sum(circles) == shown
    assert any(text.get_text().startswith(f"{hidden:,}\n") for text in ax.texts)
    assert any(text.get_text() == "..." for text in ax.texts) == (hidden > 5)


def test_misread_images_come_with_the_surest_first(ax: Axes) -> None:
    net = nncore.Network([4, 1], initializer=([[[9.0, 0, 0, 0]]], [[0.0]]))
    net.classes = ["no", "yes"]
    y = np.where(Y == 1, "yes", "no")
    y[np.argmax(X[:, 0])] = "no"
    y[np.argmin(np.abs(X[:, 0]))] = "no" if X[np.argmin(np.abs(X[:, 0])), 0] > 0 else "yes"
    display = plot.MisreadDisplay.from_estimator(net, X, y, ax=ax)
    assert list(display.expected[:1]) == ["no"]
    np.testing.assert_array_equal(display.images[0].ravel(), X[np.argmax(X[:, 0])])
    assert len(display.images) == 2
    right = plot.MisreadDisplay.from_estimator(net, X, np.where(Y == 1, "yes", "no"))
    assert right.ax_.texts[0].get_text() == "none is misread"


def test_reliability_counts_what_was_right(ax: Axes) -> None:
    display = plot.ReliabilityDisplay.from_predictions(
        [1, 0, 1, 1], [0.5, 0.5, 1.0, 1.0], bins=4, ax=ax
    )
    np.testing.assert_array_equal(display.accuracy, [0.5, 1.0])
    np.testing.assert_array_equal(display.certainty, [0.5, 1.0])
    assert display.expected_calibration_error == 0
    wrong = plot.ReliabilityDisplay.from_predictions([0, 0], [0.9, 0.7])
    assert wrong.expected_calibration_error == pytest.approx(0.8)
    linear = nncore.Network([4, 2], output_activation="linear")
    with pytest.raises(ValueError, match="those of linear units reach from"):
        plot.ReliabilityDisplay.from_estimator(linear, X, Y)


def test_interval_coverage() -> None:
    display = plot.IntervalDisplay.from_predictions([0.0, 2.0, 3.0, 9.0], [0] * 4, [3] * 4)
    assert display.coverage == 0.75
    with pytest.raises(ValueError, match=r"of one shape \(n,\), got \(2,\), \(1,\), \(2,\)"):
        plot.IntervalDisplay([1, 2], [0], [2, 3])


def test_a_plane_shows_outputs_and_classes(ax: Axes) -> None:
    x = X[:, :2]
    one = nncore.Network([2, 3, 1], seed=2)
    display = plot.DecisionPlaneDisplay.from_estimator(one, x, Y, steps=7, ax=ax)
    corner = [display.horizontal[0], display.vertical[-1]]
    np.testing.assert_array_equal(display.answers[-1, 0], one.feedforward([corner])[0, 0])
    several = nncore.Network([2, 3, 3], seed=2)
    display = plot.DecisionPlaneDisplay.from_estimator(several, x, Y, steps=7)
    assert set(display.answers.ravel()) <= {0, 1, 2}
    with pytest.raises(ValueError, match=r"expected X of shape \(n, 2\), got \(60, 4\)"):
        plot.DecisionPlaneDisplay.from_estimator(one, X, Y)


def test_gradients_are_those_of_backprop(net: nncore.Network) -> None:
    display = plot.GradientFlowDisplay.from_estimator(net, X, Y)
    weights, biases = net.backprop(X, Y)
    assert display.biases == [pytest.approx(float(np.linalg.norm(b))) for b in biases]
    assert display.weights[0] == pytest.approx(float(np.sqrt((weights[0] ** 2).mean())))


def test_estimators_and_scikit_learns_confusion_matrix(net: nncore.Network, ax: Axes) -> None:
    pytest.importorskip("sklearn")
    from nncore.sklearn import MLPClassifier

    names = np.array(["cat", "dog"])[Y]
    estimator = MLPClassifier((5,), max_iter=30, tol=1.0, n_iter_no_change=2).fit(X, names)
    plot.HistoryDisplay.from_estimator(estimator, ax=ax)
    plot.MisreadDisplay.from_estimator(estimator, X, names)
    plane = MLPClassifier((5,), max_iter=30, tol=1.0, n_iter_no_change=2).fit(X[:, :2], names)
    plot.DecisionPlaneDisplay.from_estimator(plane, X[:, :2], names)
    for model, labels in ((estimator, names), (net, Y)):
        display = plot.ConfusionMatrixDisplay.from_estimator(model, X, labels)
        assert display.confusion_matrix.sum() == len(X)
        assert display.confusion_matrix.trace() == (model.predict(X) == labels).sum()
    with pytest.raises(TypeError, match=r"expected an nncore\.Network, or a trained estimator"):
        plot.NetworkDisplay.from_estimator(object())


def test_without_matplotlib_it_says_what_to_install(
    net: nncore.Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "import_module", missing("matplotlib"))
    with pytest.raises(ImportError, match=r"nncore\[plot\]"):
        plot.NetworkDisplay.from_estimator(net)


def missing(package: str) -> Any:
    def import_module(name: str) -> NoReturn:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    return import_module


def test_a_validation_column_is_drawn_alone_and_named_so(net: nncore.Network, ax: Axes) -> None:
    plot.HistoryDisplay.from_estimator(net, "validation_cost", ax=ax)
    assert [line.get_label() for line in ax.lines] == ["validation"]
    named = {"one": net.history, "other": net.history}
    display = plot.HistoryDisplay.from_histories(named, "validation_cost")
    assert [line.get_label() for line in display.ax_.lines] == ["one", "other"]
