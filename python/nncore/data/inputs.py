"""What the columns of a data frame become before a network sees them, without any settings.

After Holzmüller, Grinsztajn and Steinwart (2024): numbers are centred at their median, divided by
the distance of their quartiles, and bent so that none is far out; categories become one column each
(one-hot). What is missing gets a column that says so. Beside that, numbers are coded by pieces. All
of it is kept as JSON in a model's file.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import real
from nncore._support.names import check_name
from nncore.data.frames import CATEGORY, DATE, NUMBER, FrameColumn
from nncore.data.preparation import CategoryColumn, find_categories
from nncore.data.table import Column

BEND = 3.0
"""Scaled numbers z become z / sqrt(1 + (z / BEND)^2), which is less than BEND."""
PIECES = 8
"""Into how many pieces of as many rows each a column of numbers is cut."""
CYCLES = {"day": 1.0, "week": 7.0, "year": 365.2425}
"""What dates may go round in, and how many days that takes."""


@dataclass
class RobustColumn:
    """A column of numbers: (number - median) * factor, bent, and whether it is missing.

    With `knots`, between each two of them how far the number is from the one to the other, from 0
    to 1: a piecewise linear code (Gorishniy, Rubachev and Babenko 2022).
    """

    name: str
    median: float
    factor: float
    missing: bool
    knots: list[float]
    kind: str = NUMBER

    @property
    def width(self) -> int:
        return 1 + self.missing + self.pieces

    @property
    def pieces(self) -> int:
        """How many stretches there are between knots."""
        return max(0, len(self.knots) - 1)

    def write(self, cells: Column, out: NDArray[np.float32]) -> None:
        """Fills (n, width)."""
        absent = cells.are_missing()
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (cells.numbers - self.median) * self.factor
            bent = np.clip(scaled / np.hypot(1, scaled / BEND), -BEND, BEND)
            out[:, 0] = np.where(absent, 0.0, bent)
            given = np.where(absent, self.median, cells.numbers)
            for i, (low, high) in enumerate(pairwise(self.knots), start=1):
                out[:, i] = np.clip((given - low) / (high - low), 0, 1)
        if self.missing:
            out[:, -1] = absent


@dataclass
class DateColumn:
    """A column of dates: when, as a number, and where in its day, week and year that is."""

    when: RobustColumn
    cycles: list[str]
    """Those of CYCLES in which the dates differ: sine and cosine of each."""
    kind: str = DATE

    @property
    def name(self) -> str:
        return self.when.name

    @property
    def width(self) -> int:
        return self.when.width + 2 * len(self.cycles)

    def write(self, cells: Column, out: NDArray[np.float32]) -> None:
        """Fills (n, width)."""
        self.when.write(cells, out[:, : self.when.width])
        there = ~cells.are_missing()
        days = np.where(there, cells.numbers, 0.0)
        for i, cycle in enumerate(self.cycles):
            turns = days / CYCLES[cycle]
            angles = 2 * np.pi * (turns - np.floor(turns))
            out[:, self.when.width + 2 * i] = np.sin(angles) * there
            out[:, self.when.width + 2 * i + 1] = np.cos(angles) * there


InputColumn = RobustColumn | DateColumn | CategoryColumn


@dataclass
class FrameInputs:
    """How the rows of a data frame, or of an array, become a network's inputs."""

    names: list[str]
    """Of all columns that training had; rows to predict have theirs in the same order."""
    columns: list[InputColumn]
    left_out: dict[str, str]
    """Columns that are not used, and why."""
    numeric: bool = False
    """Whether training had an array of numbers, and no columns of one kind or another."""

    @property
    def width(self) -> int:
        """Inputs of the network: one at least, which is 0 where no column is of use."""
        return max(1, sum(column.width for column in self.columns))

    @classmethod
    def found_in(
        cls,
        columns: Mapping[str, FrameColumn],
        categorical: Collection[str] = (),
        *,
        named: bool = True,
    ) -> FrameInputs:
        """What the columns of training hold; those of `categorical` are taken for categories.

        `named` says that they come from a data frame, and not from an array.

        Raises:
            ValueError: a number is infinite, or they are too large; the message names the column.
        """
        numeric = not named and all(kind == NUMBER for _, kind in columns.values())
        inputs = cls(list(columns), [], {}, numeric)
        for name, (cells, kind) in columns.items():
            if name in categorical and kind == NUMBER:
                kind = CATEGORY
            column, why = _found(name, cells, kind, name in categorical)
            if column is None:
                inputs.left_out[name] = why
            else:
                inputs.columns.append(column)
        return inputs

    def inputs(self, columns: Mapping[str, FrameColumn], rows: int) -> NDArray[np.float32]:
        """(rows, width). A category that training did not see is none of those that it saw.

        What is missing where training missed nothing is taken for the median.

        Raises:
            ValueError: a cell is not what its column held; the message names row and column.
        """
        x = np.zeros((rows, self.width), np.float32)
        at = 0
        found = dict(zip(self.names, columns.values(), strict=True))
        for column in self.columns:
            cells, kind = found[column.name]
            check_kind(column.name, cells, kind, column.kind)
            column.write(cells, x[:, at : at + column.width])
            at += column.width
        return x

    def to_json(self) -> dict[str, Any]:
        columns = [asdict(column) for column in self.columns]
        return {**vars(self), "columns": columns}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> FrameInputs:
        """Raises KeyError, TypeError or ValueError for what `to_json` never gives."""
        left_out = {str(name): str(why) for name, why in content["left_out"].items()}
        columns = [_from_json(column) for column in content["columns"]]
        names = [str(name) for name in content["names"]]
        if len({*names}) != len(names) or not {column.name for column in columns} <= {*names}:
            raise ValueError("expected columns of different names, and no others")
        return cls(names, columns, left_out, bool(content["numeric"]))


@dataclass
class ScaledNumbers:
    """Targets (n, targets) that are numbers: (number - mean) / scale is what the network learns."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    low: NDArray[np.float64]
    """(targets,) the least of training, and in `high` the greatest."""
    high: NDArray[np.float64]

    @classmethod
    def found_in(cls, y: NDArray[np.float64], weight: NDArray[Any] | None) -> ScaledNumbers:
        """Raises ValueError where the numbers are too large."""
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(y, axis=0, weights=weight)
            scale = np.sqrt(np.average((y - mean) ** 2, axis=0, weights=weight))
        if not (np.isfinite(mean).all() and np.isfinite(scale).all()):
            raise ValueError("y: its numbers are too large to be scaled")
        # A deviation that is rounding error alone says nothing.
        scale = np.where(scale > 1e-12 * np.abs(mean), scale, 1.0)
        return cls(mean, scale, y.min(axis=0), y.max(axis=0))

    def __len__(self) -> int:
        return len(self.mean)

    def scaled(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        return (y - self.mean) / self.scale

    def unscaled(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """(n, targets, k) numbers in training's range, from outputs (n, targets * k)."""
        each = outputs.astype(np.float64).reshape(len(outputs), len(self), -1)
        numbers = each * self.scale[:, None] + self.mean[:, None]
        clipped: NDArray[np.float64] = np.clip(numbers, self.low[:, None], self.high[:, None])
        return clipped

    def to_json(self) -> dict[str, Any]:
        return {name: each.tolist() for name, each in vars(self).items()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> ScaledNumbers:
        """Raises KeyError, TypeError or ValueError for what `to_json` never gives."""
        lowest = -float(np.finfo(np.float64).max)
        found = cls(
            *(
                np.array([real(name, each, low=lowest) for each in content[name]])
                for name in ("mean", "scale", "low", "high")
            )
        )
        if {len(each) for each in vars(found).values()} != {max(len(found), 1)}:
            raise ValueError("expected as many numbers of each kind, one at least")
        return found


def check_kind(name: str, cells: Column, kind: str, expected: str) -> None:
    """Raises ValueError where cells are not what is expected, or infinite."""
    words = cells.are_words()
    wrong = words if expected != CATEGORY else np.zeros(len(cells), bool)
    if kind != expected and DATE in (kind, expected):
        wrong = ~cells.are_missing()
    wrong = wrong | np.isinf(cells.numbers)
    if wrong.any():
        row = int(np.argmax(wrong))
        found = "a date" if kind == DATE else repr(cells.text(row)).strip("'" * (not words[row]))
        what = {NUMBER: "a finite number", DATE: "a date", CATEGORY: "a category"}[expected]
        raise ValueError(f"X, column {name!r}: expected {what}, found {found} in row {row}")


def _found(
    name: str, cells: Column, kind: str, in_any_case: bool
) -> tuple[InputColumn | None, str]:
    missing = cells.are_missing()
    if missing.all():
        return None, "empty"
    check_kind(name, cells, kind, kind)
    if kind == CATEGORY:
        return find_categories(name, cells, in_any_case=in_any_case)
    numbers = cells.numbers[~missing].astype(np.float64)
    if not missing.any() and (numbers == numbers[0]).all():
        return None, "the same in every row"
    robust = _robust(name, numbers, bool(missing.any()), coded=kind == NUMBER)
    if kind == NUMBER:
        return robust, ""
    return DateColumn(robust, _cycles(numbers)), ""


def _robust(name: str, numbers: NDArray[np.float64], missing: bool, coded: bool) -> RobustColumn:
    low, lower, median, upper, high = np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1]).tolist()
    spread = upper - lower
    if spread <= 1e-12 * max(abs(lower), abs(upper)):  # more than half of them are equal
        spread = (high - low) / 2
    factor = 0.0 if spread == 0 else 1 / spread
    if not (math.isfinite(factor) and math.isfinite(high - low)):
        raise ValueError(f"X, column {name!r}: its numbers are too large, or too small, to scale")
    return RobustColumn(name, median, factor, missing, _knots(numbers) if coded else [])


def _knots(numbers: NDArray[np.float64]) -> list[float]:
    """Quantiles, so that as many rows lie between each two; none for two different numbers."""
    knots: list[float] = np.unique(np.quantile(numbers, np.linspace(0, 1, PIECES + 1))).tolist()
    return knots if len(knots) > 2 else []


def _cycles(days: NDArray[np.float64]) -> list[str]:
    """In which the dates are not all at one place, and of which they cover a part that tells."""
    span = float(np.ptp(days))
    found = []
    for cycle, length in CYCLES.items():
        places = days % length
        if np.ptp(places) > 0 and span >= length / 4:
            found.append(cycle)
    return found


def _from_json(content: Mapping[str, Any]) -> InputColumn:
    kind = check_name("kind of column", content["kind"], [NUMBER, CATEGORY, DATE])
    if kind == CATEGORY:
        values = [str(value) for value in content["values"]]
        return CategoryColumn(
            str(content["name"]), values, bool(content["other"]), bool(content["missing"])
        )
    if kind == NUMBER:
        lowest = -np.finfo(np.float64).max
        return RobustColumn(
            str(content["name"]), real("median", content["median"], low=float(lowest)),
            real("factor", content["factor"]), bool(content["missing"]),
            [real("knot", knot, low=float(lowest)) for knot in content["knots"]],
        )  # fmt: skip
    when = _from_json(content["when"])
    if not isinstance(when, RobustColumn):
        raise TypeError("expected a number for when a date is")
    return DateColumn(when, [check_name("cycle", c, CYCLES) for c in content["cycles"]])
