"""What training measured, drawn."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore._support.curves import draw_curve, name_axes, twins
from nncore.history import History

from ._display import Display, network_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Histories = History | Sequence[History]


class HistoryDisplay(Display):
    """A column of one or several runs' histories, and its validation column dashed.

    Runs of one name are one line at their median, in a band from the least to the greatest.

    Args:
        runs: {name: histories}, one history for each seed.
        column: "cost" or a metric's name, drawn for training and validation; with `validation_`
            before it, for validation alone.

    >>> import nncore
    >>> net = nncore.Network([2, 3, 1], seed=1)
    >>> history = net.fit([[0, 0], [1, 1]], [0, 1], epochs=3)
    >>> display = HistoryDisplay.from_histories(history)  # doctest: +SKIP
    """

    def __init__(self, runs: Mapping[str, Sequence[History]], column: str = "cost") -> None:
        self.runs = {name: list(histories) for name, histories in runs.items()}
        self.column = column

    @classmethod
    def from_histories(
        cls,
        histories: Histories | Mapping[str, Histories],
        column: str = "cost",
        *,
        ax: Axes | None = None,
    ) -> HistoryDisplay:
        """Draws histories: one, those of several seeds, or a mapping from names to either.

        Raises:
            ValueError: no history has the column; the message names those that are there.
        """
        named = histories if isinstance(histories, Mapping) else {"": histories}
        runs = {
            name: [each] if isinstance(each, History) else list(each)
            for name, each in named.items()
        }
        there = {name: None for each in runs.values() for history in each for name in dict(history)}
        if not {column, f"validation_{column}"} & set(there):
            raise ValueError(
                f"no column {column!r} in these histories; there are: {', '.join(there) or 'none'}"
            )
        return cls(runs, column).plot(ax)

    @classmethod
    def from_estimator(
        cls, model: Any, column: str = "cost", *, ax: Axes | None = None
    ) -> HistoryDisplay:
        """Draws what training a network or an estimator measured."""
        return cls.from_histories(network_of(model).history, column, ax=ax)

    def _shown(self) -> dict[str, str]:
        """The columns drawn, by what a label says of each."""
        return {"": self.column} if self.column.startswith("validation_") else twins(self.column)

    def _draw(self, ax: Axes) -> None:
        for number, (name, histories) in enumerate(self.runs.items()):
            for words, column in self._shown().items():
                epochs, values = _stacked(histories, column)
                if not epochs:
                    continue
                label = ", ".join(part for part in (name, words) if part) or "validation"
                line = "--" if words == "validation" else "-"
                style = {"linestyle": line, "color": f"C{number}", "label": label}
                draw_curve(ax, epochs, _median(values), **style)
                if len(values) > 1:
                    low, high = _range(values)
                    ax.fill_between(epochs, low, high, color=f"C{number}", alpha=0.15, linewidth=0)
        name_axes(ax, self.column)


def _stacked(histories: Sequence[History], column: str) -> tuple[list[int], NDArray[Any]]:
    """All epochs' numbers, and (run, epoch) the values, NaN where a run has none."""
    having = [history for history in histories if column in history]
    epochs = sorted({epoch for history in having for epoch in history.epochs})
    places = {epoch: place for place, epoch in enumerate(epochs)}
    values = np.full((len(having), len(epochs)), np.nan)
    for row, history in zip(values, having, strict=True):
        row[[places[epoch] for epoch in history.epochs]] = history[column]
    return epochs, values


def _median(values: NDArray[Any]) -> NDArray[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an epoch that no run measured is a gap
        median: NDArray[Any] = np.nanmedian(values, axis=0)
    return median


def _range(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    known = np.ma.masked_invalid(values)
    return known.min(axis=0).filled(np.nan), known.max(axis=0).filled(np.nan)
