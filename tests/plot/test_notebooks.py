"""What notebooks show."""

from __future__ import annotations

import math
import sys
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

import nncore
from nncore.callbacks import LivePlot, Log


def elements(html: str) -> list[ElementTree.Element]:
    """All elements, of HTML that is XML as well."""
    return list(ElementTree.fromstring(f"<all>{html}</all>").iter())


def texts(html: str) -> list[str]:
    return [(element.text or "").strip() for element in elements(html)]


def test_a_history_is_curves_and_a_table() -> None:
    history = nncore.History(
        {"cost": [0.5, math.nan, 0.25, 0.125], "validation_cost": [0.5] * 4, "<b>": [1.0] * 4},
        range(4),
    )
    found = elements(history._repr_html_())
    names = [element.tag.rpartition("}")[2] for element in found]
    assert names.count("svg") == 2
    assert names.count("tr") == 5
    assert names.count("circle") == 1  # epoch 0 stands alone before the gap
    assert "script" not in names
    assert "<b>" in texts(history._repr_html_())
    assert elements(nncore.History()._repr_html_())
    long = nncore.History({"cost": [1.0] * 400}, range(400))
    assert "..." in texts(long._repr_html_())
    assert len(elements(long._repr_html_())) < 100


def test_a_network_is_its_summary_and_its_history() -> None:
    net = nncore.Network([2, 3, 1], seed=5)
    assert "svg" not in net._repr_html_()
    net.fit([[0, 0], [1, 1]], [0, 1], epochs=2)
    shown = texts(net._repr_html_())
    assert {"layer", "sigmoid", "9"} <= set(shown)
    assert "<svg" in net._repr_html_()


def test_an_evaluation_is_a_table() -> None:
    assert {"0.25", "50.00 %"} <= set(texts(nncore.Evaluation(0.25, 0.5)._repr_html_()))
    assert "-" in texts(nncore.Evaluation(0.25, None)._repr_html_())


class Writer:
    def __init__(self) -> None:
        self.scalars: list[tuple[str, float, int]] = []

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.scalars.append((name, value, step))


def test_log_writes_for_tensorboard_mlflow_and_functions() -> None:
    board = Writer()
    flow: list[tuple[dict[str, float], int]] = []
    mlflow = SimpleNamespace(log_metrics=lambda values, step: flow.append((values, step)))
    calls: list[tuple[int, dict[str, Any]]] = []
    history = nncore.Network([2, 3, 1], seed=5).fit(
        [[0, 0], [1, 1]], [0, 1], epochs=2, metrics=["confusion_matrix"],
        callbacks=[Log(board), Log(mlflow), Log(lambda *call: calls.append(call))],
    )  # fmt: skip
    assert [step for name, _, step in board.scalars if name == "cost"] == [0, 1]
    assert [values["cost"] for values, _ in flow] == history["cost"]
    assert "confusion_matrix" not in flow[0][0]
    assert "confusion_matrix" in calls[1][1]
    with pytest.raises(TypeError, match="writer must have add_scalar"):
        Log(3)


def test_a_live_plot_shows_the_history_and_ends_with_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[int] = []

    class Handle:
        def update(self, history: nncore.History) -> None:
            shown.append(len(history))

    display = SimpleNamespace(display=lambda history, display_id: Handle())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    net = nncore.Network([2, 1])
    net.fit([[0, 0], [1, 1]], [0, 1], epochs=3, callbacks=[LivePlot(seconds=0)])
    assert shown == [1, 2, 3, 3]
