"""What a training run measured, epoch by epoch."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, KeysView, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support.curves import draw_curve, name_axes, twins
from nncore._support.extras import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

_ROWS_SHOWN = 40


class History:
    """A column of values for everything that was measured, with an entry per epoch.

    Always there: `cost`, the mean cost of the epoch's samples, each taken before its mini-batch's
    update and without penalties; `learning_rate`; and `seconds`, which its mini-batches took.
    With validation data `validation_cost`, and for classes `validation_accuracy`. With metrics
    `<metric>` and `validation_<metric>`, measured after the epoch. An epoch in which a column was
    not measured holds NaN there.

    `epochs` are the epochs' numbers, counted from the network's first, 0. Iterating gives a
    dict for each epoch; `keys()` are the columns, so that `dict(history)` is a dict of lists.

    >>> history = History()
    >>> history.append(0, {"cost": 0.5, "validation_accuracy": 0.75})
    >>> history.append(1, {"cost": 0.25, "validation_accuracy": 0.875})
    >>> history["cost"]
    [0.5, 0.25]
    >>> len(history), history.epochs
    (2, [0, 1])
    >>> print(history)
    epoch  cost  validation_accuracy
        0   0.5                 0.75
        1  0.25                0.875
    """

    def __init__(
        self, columns: Mapping[str, Iterable[Any]] | None = None, epochs: Iterable[int] = ()
    ) -> None:
        self.epochs: list[int] = list(epochs)
        self._columns: dict[str, list[Any]] = {k: list(v) for k, v in (columns or {}).items()}
        for name, column in self._columns.items():
            if len(column) != len(self.epochs):
                raise ValueError(
                    f"column {name!r} has {len(column)} entries for {len(self.epochs)} epochs"
                )

    def without_seconds(self) -> History:
        """A copy in which the seconds were not measured."""
        columns = dict(self._columns)
        if "seconds" in columns:
            columns["seconds"] = [math.nan] * len(self.epochs)
        return History(columns, self.epochs)

    def keep_last(self, count: int) -> None:
        """Drops all epochs but the last `count`."""
        if len(self.epochs) > count:
            # As in append: another thread never finds a column that is shorter than `epochs`.
            columns = {name: column[-count:] for name, column in self._columns.items()}
            self.epochs = self.epochs[-count:]
            self._columns = columns

    def append(self, epoch: int, values: Mapping[str, Any]) -> None:
        """Adds an epoch."""
        # Another thread may be reading. It finds a dict that no longer changes, in which every
        # column is at least as long as `epochs`. The columns have the order of `values`.
        columns = {
            name: self._columns[name] if name in self._columns else [math.nan] * len(self.epochs)
            for name in [*values, *self._columns]
        }
        self._columns = columns
        # Ctrl-C cannot interrupt this one call, so no column is ever longer than the others.
        entries = [values.get(name, math.nan) for name in columns]
        deque(map(list.append, [*columns.values(), self.epochs], [*entries, epoch]), maxlen=0)

    def __getitem__(self, name: str) -> list[Any]:
        try:
            return self._columns[name]
        except KeyError:
            there = ", ".join(map(repr, self._columns)) or "none"
            raise KeyError(f"no column {name!r} in this history; there are: {there}") from None

    def keys(self) -> KeysView[str]:
        """The names of the columns."""
        return self._columns.keys()

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __len__(self) -> int:
        return len(self.epochs)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for i, epoch in enumerate(self.epochs):
            yield {"epoch": epoch, **{name: column[i] for name, column in self._columns.items()}}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        # repr is exact for floats, and under it NaN equals NaN.
        return self.epochs == other.epochs and repr(dict(self)) == repr(dict(other))

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> History:
        return History(self._columns, self.epochs)

    def __repr__(self) -> str:
        return f"History({len(self)} epochs: {', '.join(self._columns) or 'nothing measured'})"

    def __str__(self) -> str:
        rows = _rows(self, _ROWS_SHOWN)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    def _repr_html_(self) -> str:
        """What notebooks show: the curves as inline SVG, and the first and last epochs."""
        from nncore._support import html  # what most programs never need

        pictures = "".join(
            html.curves(name.replace("_", " "), self.epochs, _twins(self, name))
            for name in _panels(self)
        )
        rows = _rows(self, _ROWS_SHOWN // 4)
        return f"<div>{pictures}{html.table(rows[0], rows[1:])}</div>"

    def to_pandas(self) -> DataFrame:
        """A pandas DataFrame with a column for each of ours, indexed by epoch.

        Raises:
            ImportError: pandas is not installed.
        """
        pandas = require("pandas", extra="pandas", purpose="a DataFrame")
        index = pandas.Index(self.epochs, name="epoch")
        frame: DataFrame = pandas.DataFrame(dict(self), index=index)
        return frame

    def plot(self) -> Figure:
        """Draws a panel for the cost and for each metric, training and validation together.

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: there is nothing to draw.
        """
        panels = _panels(self)
        if not panels:
            raise ValueError("this history is empty: there is nothing to plot")
        pyplot = require("matplotlib.pyplot", extra="plot", purpose="a plot")
        figure, axes = pyplot.subplots(
            1, len(panels), figsize=(5 * len(panels), 4), squeeze=False, layout="constrained"
        )
        for axis, name in zip(axes[0], panels, strict=True):
            for label, values in _twins(self, name).items():
                draw_curve(axis, self.epochs, values, label=label)
            name_axes(axis, name)
        drawn: Figure = figure
        return drawn


def _panels(history: History) -> list[str]:
    """The columns that can be drawn; a `validation_` column shares the panel of its namesake."""
    drawn = {
        name.removeprefix("validation_"): None
        for name in history.keys() - {"learning_rate", "seconds"}
        if len(history) and all(isinstance(value, float) for value in history[name])
    }
    return sorted(drawn, key=lambda name: (name != "cost", name))


def _twins(history: History, name: str) -> dict[str, list[float]]:
    """A panel's lines: what training measured, and what validation did."""
    return {label: history[column] for label, column in twins(name).items() if column in history}


def _rows(history: History, most: int) -> list[list[str]]:
    """A table of texts, its heading first; of more than `most` epochs the first and the last."""
    rows = [["epoch", *history.keys()]]
    rows += [[_text(value) for value in row.values()] for row in history]
    if len(rows) > most + 1:
        half = most // 2
        rows[half + 1 : -half] = [["...", *[""] * len(history.keys())]]
    return rows


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, list):  # too wide for a table
        return "[" + " x ".join(map(str, np.shape(value))) + "]"
    return str(value)
