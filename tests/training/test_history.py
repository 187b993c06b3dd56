"""History is plain data: columns, rows, equality, pickling, a table, a frame, a plot."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import pytest

from nncore.history import History


def small() -> History:
    history = History()
    history.append(4, {"cost": 0.5, "validation_cost": 0.6, "learning_rate": 0.1, "seconds": 0.2})
    history.append(5, {"cost": 0.25, "validation_cost": 0.5, "learning_rate": 0.1, "seconds": 0.1})
    return history


def test_columns_and_epochs() -> None:
    history = small()
    assert history["cost"] == [0.5, 0.25]
    assert history.epochs == [4, 5]
    assert len(history) == 2
    assert list(history.keys()) == ["cost", "validation_cost", "learning_rate", "seconds"]
    assert "cost" in history
    assert "accuracy" not in history
    assert dict(history)["validation_cost"] == [0.6, 0.5]
    assert [row["epoch"] for row in history] == [4, 5]
    with pytest.raises(KeyError, match=r"no column 'acuracy'.*'validation_cost'"):
        history["acuracy"]


def test_missing_columns_hold_nan() -> None:
    history = History()
    history.append(0, {"cost": 1.0})
    history.append(1, {"cost": 0.5, "accuracy": 0.75})
    history.append(2, {"cost": 0.25})
    assert math.isnan(history["accuracy"][0])
    assert history["accuracy"][1] == 0.75
    assert math.isnan(history["accuracy"][2])
    assert len(history["cost"]) == len(history["accuracy"]) == 3
    assert history == pickle.loads(pickle.dumps(history))


def test_equality_and_copies() -> None:
    history = small()
    for twin in (copy.deepcopy(history), pickle.loads(pickle.dumps(history))):
        assert twin == history
        twin.append(6, {"cost": 0.1})
        assert twin != history
    assert history == History(dict(history), history.epochs)
    assert history != History(dict(history), [0, 1])
    assert history != "history"
    with pytest.raises(ValueError, match="2 entries for 1 epochs"):
        History({"cost": [1.0, 2.0]}, [0])


def test_str_is_a_table() -> None:
    assert str(small()).splitlines() == [
        "epoch  cost  validation_cost  learning_rate  seconds",
        "    4   0.5              0.6            0.1      0.2",
        "    5  0.25              0.5            0.1      0.1",
    ]
    assert repr(small()) == "History(2 epochs: cost, validation_cost, learning_rate, seconds)"
    assert str(History()) == "epoch"
    classes = History({"confusion_matrix": [[[1, 0, 0]] * 2]}, [0])
    assert str(classes).splitlines()[1].split() == ["0", "[2", "x", "3]"]
    long = History({"cost": [1.0] * 400}, range(400))
    lines = str(long).splitlines()
    assert len(lines) == 42
    assert lines[1].split() == ["0", "1"]
    assert lines[21].split() == ["..."]
    assert lines[-1].split() == ["399", "1"]


def test_to_pandas() -> None:
    pytest.importorskip("pandas")
    frame = small().to_pandas()
    assert frame.index.tolist() == [4, 5]
    assert frame.index.name == "epoch"
    assert frame["validation_cost"].tolist() == [0.6, 0.5]


def test_plot() -> None:
    matplotlib: Any = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    history = small()
    history.append(6, {"cost": 0.1, "accuracy": 0.9, "confusion_matrix": [[1, 0], [0, 1]]})
    figure = history.plot()
    cost, accuracy = figure.axes
    assert (cost.get_ylabel(), accuracy.get_ylabel()) == ("cost", "accuracy")
    assert [line.get_label() for line in cost.lines] == ["training", "validation"]
    assert [line.get_label() for line in accuracy.lines] == ["training"]
    assert cost.lines[0].get_ydata().tolist() == [0.5, 0.25, 0.1]
    assert cost.lines[0].get_xdata().tolist() == [4, 5, 6]
    matplotlib.pyplot.close(figure)
    figure = History({"cost": [0.5]}, [0]).plot()  # one point makes no line
    assert figure.axes[0].lines[0].get_marker() == "."
    assert all(tick == round(tick) for tick in figure.axes[0].get_xticks())
    matplotlib.pyplot.close(figure)
    with pytest.raises(ValueError, match="nothing to plot"):
        History().plot()
