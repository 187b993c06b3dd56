"""What becomes of a table's columns before a network sees them, as training learned it.

Numbers are scaled to mean 0 and deviation 1, categories become one column each (one-hot), and what
is missing gets a column that says so. It is kept as JSON in a model file's metadata.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore._support.names import check_name
from nncore.data.table import Column, Table, number_text
from nncore.errors import DataError

if TYPE_CHECKING:
    from nncore._model import Model

MOST_CATEGORIES = 100
"""The most frequent ones have a column each; the others share one."""

FEW = 20
"""Up to so many different values are categories in any case."""


class Cell(NamedTuple):
    """A cell that is not what its column holds."""

    row: int
    column: str
    expected: str


@dataclass
class NumberColumn:
    """A column of numbers: (number - mean) / scale, and whether it is missing."""

    name: str
    mean: float
    scale: float
    missing: bool
    kind: str = "number"

    @property
    def width(self) -> int:
        return 1 + self.missing

    def write(self, cells: Column, out: NDArray[np.float32]) -> int:
        """Fills (n, width); returns how many cells are as training never saw any."""
        absent = cells.are_missing()
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (cells.numbers - self.mean) / self.scale
        out[:, 0] = np.where(absent, 0.0, scaled)
        if self.missing:
            out[:, 1] = absent
            return 0
        return int(absent.sum())

    def unseen(self) -> str:
        return f"missing in {self.name!r}, where training missed none: taken for the mean"


@dataclass
class CategoryColumn:
    """A column of categories: one of its own for each value, and whether it is missing."""

    name: str
    values: list[str]
    other: bool
    """Whether there is a column for all values beside these."""
    missing: bool
    kind: str = "category"

    @property
    def width(self) -> int:
        return len(self.values) + self.other + self.missing

    def write(self, cells: Column, out: NDArray[np.float32]) -> int:
        """Fills (n, width), which is zero; returns how many cells hold what training never saw."""
        texts, indices = cells.texts()
        places = {value: i for i, value in enumerate(self.values)}
        rest = len(self.values) if self.other else -1
        nothing = self.width - 1 if self.missing else -1
        column = np.array([*(places.get(text, rest) for text in texts), nothing])[indices]
        known = np.flatnonzero(column >= 0)
        out[known, column[known]] = 1
        return len(cells) - len(known)

    def unseen(self) -> str:
        return f"new to {self.name!r}, which training never saw: taken for none of its values"


@dataclass
class ClassTarget:
    """A target that is one of some classes."""

    name: str
    classes: list[str]
    task: str = "classification"

    @property
    def outputs(self) -> int:
        return len(self.classes)

    def bad_cells(self, cells: Column, name: str) -> Iterator[Cell]:
        texts, indices = cells.texts()
        places = set(self.classes)
        known = np.array([*(text in places for text in texts), False])[indices]
        for row in np.flatnonzero(~known).tolist():
            yield Cell(row, name, f"one of the {len(self.classes)} classes")

    def encoded(self, cells: Column) -> NDArray[np.int64]:
        """(n,) labels."""
        texts, indices = cells.texts()
        places = {name: i for i, name in enumerate(self.classes)}
        labels: NDArray[np.int64] = np.array([places[text] for text in texts], np.int64)[indices]
        return labels


@dataclass
class NumberTarget:
    """A target that is a number: (number - mean) / scale is what the network learns."""

    name: str
    mean: float
    scale: float
    task: str = "regression"

    @property
    def outputs(self) -> int:
        return 1

    def bad_cells(self, cells: Column, name: str) -> Iterator[Cell]:
        for row in np.flatnonzero(~np.isfinite(cells.numbers)).tolist():
            yield Cell(row, name, "a number")

    def encoded(self, cells: Column) -> NDArray[np.float64]:
        """(n,) scaled numbers."""
        scaled: NDArray[np.float64] = (cells.numbers - self.mean) / self.scale
        return scaled

    def decoded(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Numbers of the target's own scale."""
        numbers: NDArray[np.float64] = outputs.astype(np.float64) * self.scale + self.mean
        return numbers

    def answers(self, net: Model, outputs: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
        """What the outputs (n, k) of a network of any cost say, (n,) each, by its name.

        The target's own name comes first: the mean, or of quantiles the one nearest to the median.
        """
        if net.cost == "gaussian":
            least = net.cost_hyperparameters["min_variance"]
            deviation = np.sqrt(np.exp(outputs[:, 1].astype(np.float64)) + least) * self.scale
            return {self.name: self.decoded(outputs[:, 0]), f"{self.name}_std": deviation}
        if net.cost != "pinball":
            return {self.name: self.decoded(outputs[:, 0])}
        taus = net.cost_list
        middle = min(range(len(taus)), key=lambda i: abs(taus[i] - 0.5))
        each = {f"{self.name}_{tau:g}": self.decoded(outputs[:, i]) for i, tau in enumerate(taus)}
        return {self.name: self.decoded(outputs[:, middle])} | (each if len(taus) > 1 else {})


@dataclass
class TablePreparation:
    """How a table's rows become a network's inputs and targets."""

    target: ClassTarget | NumberTarget
    columns: list[NumberColumn | CategoryColumn]
    left_out: dict[str, str]
    """Columns that are not used, and why."""

    @property
    def width(self) -> int:
        """Inputs of the network."""
        return sum(column.width for column in self.columns)

    @property
    def outputs(self) -> int:
        return self.target.outputs

    def bad_cells(self, table: Table, *, target: bool) -> list[Cell]:
        """Cells that are not what their column holds, row by row."""
        found: list[Cell] = []
        for column in self.columns:
            if column.kind == "number":
                cells = table[column.name]
                bad = cells.are_words() | np.isinf(cells.numbers)
                found += [Cell(r, column.name, "a number") for r in np.flatnonzero(bad).tolist()]
        if target:
            found += self.target.bad_cells(table[self.target.name], self.target.name)
        return sorted(found)

    def inputs(self, table: Table) -> tuple[NDArray[np.float32], Counter[str]]:
        """(n, width) inputs, and of each column how many cells are as training never saw any.

        Raises:
            ValueError: a column is missing; the message names it.
            DataError: a number is so far from training's that it cannot be scaled.
        """
        x = np.zeros((len(table), self.width), np.float32)
        unseen: Counter[str] = Counter()
        at = 0
        for column in self.columns:
            with np.errstate(over="ignore"):
                part = x[:, at : at + column.width]
                count = column.write(table[column.name], part)
            at += column.width
            if not np.isfinite(part).all():
                row = int(np.flatnonzero(~np.isfinite(part).all(axis=1))[0])
                raise DataError(
                    f"{table.place(row, column.name)}: {table[column.name].text(row)} is too far "
                    f"from training's numbers, whose mean is {column_mean(column):g}"
                )
            if count:
                unseen[column.name] += count
        return x, unseen

    def unseen_texts(self, unseen: Counter[str]) -> list[str]:
        """Sentences about what `inputs` counted."""
        return [
            f"{unseen[column.name]:,} {'cell is' if unseen[column.name] == 1 else 'cells are'} "
            + column.unseen()
            for column in self.columns
            if unseen[column.name]
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            "version": 1,
            "kind": "table",
            "target": asdict(self.target),
            "columns": [asdict(column) for column in self.columns],
            "left_out": self.left_out,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> TablePreparation:
        """Raises KeyError, TypeError or ValueError for what `to_json` never gives."""
        return cls(
            _target_from(content["target"]),
            [_column_from(column) for column in content["columns"]],
            {str(name): str(why) for name, why in content["left_out"].items()},
        )


def column_mean(column: NumberColumn | CategoryColumn) -> float:
    return column.mean if isinstance(column, NumberColumn) else math.nan


def explain(table: Table, cells: list[Cell]) -> str:
    """The first of bad cells by line and column, and how many there are."""
    row, column, expected = cells[0]
    missing = bool(table[column].are_missing()[row])
    found = "nothing" if missing else repr(table[column].text(row))
    more = len({cell.row for cell in cells}) - 1
    rest = f" (and {more:,} more such {'row' if more == 1 else 'rows'})" if more else ""
    return f"{table.place(row, column)}: expected {expected}, found {found}{rest}"


def find_target(
    table: Table, name: str, task: str | None
) -> tuple[ClassTarget | NumberTarget, list[Cell]]:
    """What a column of targets holds, and its bad cells; `task` says it, None looks.

    Text is classes. So are whole numbers of few kinds, as labels are.
    """
    cells = table[name]
    words, missing = cells.are_words(), cells.are_missing()
    numeric = ~(words | missing) & np.isfinite(cells.numbers)
    if task is None:
        task = "classification" if _looks_like_classes(cells, words, numeric) else "regression"
    if task == "regression":
        mean, scale = _mean_and_scale(cells.numbers[numeric], table.source, name)
        target: ClassTarget | NumberTarget = NumberTarget(name, mean, scale)
    else:
        texts, indices = cells.texts()
        used = np.unique(indices[indices >= 0]).tolist()
        target = ClassTarget(name, _sorted_texts([texts[i] for i in used]))
    return target, list(target.bad_cells(cells, name))


def _looks_like_classes(
    cells: Column, words: NDArray[np.bool_], numeric: NDArray[np.bool_]
) -> bool:
    if 4 * words.sum() > numeric.sum():  # fewer are bad cells among numbers
        return True
    values = cells.numbers[numeric]
    if not (values == np.floor(values)).all():
        return False
    kinds = len(np.unique(values))
    return kinds <= 2 or (kinds <= FEW and 5 * kinds <= len(values))


def find_columns(
    table: Table, *, without: Collection[str], categorical: Collection[str]
) -> tuple[list[NumberColumn | CategoryColumn], dict[str, str], list[Cell]]:
    """What the other columns hold, which of them are left out and why, and bad cells."""
    columns: list[NumberColumn | CategoryColumn] = []
    left_out: dict[str, str] = {}
    bad: list[Cell] = []
    for name, cells in table.columns.items():
        if name in without:
            continue
        found, why = _find_column(table, name, cells, name in categorical)
        if found is None:
            left_out[name] = why
            continue
        columns.append(found)
        if isinstance(found, NumberColumn):
            wrong = cells.are_words() | np.isinf(cells.numbers)
            bad += [Cell(row, name, "a number") for row in np.flatnonzero(wrong).tolist()]
    return columns, left_out, sorted(bad)


def _find_column(
    table: Table, name: str, cells: Column, categorical: bool
) -> tuple[NumberColumn | CategoryColumn | None, str]:
    if name.startswith("(column "):
        return None, "without a name"
    words, missing = cells.are_words(), cells.are_missing()
    n_words, n_missing = int(words.sum()), int(missing.sum())
    n_numbers = len(cells) - n_words - n_missing
    if n_words + n_numbers == 0:
        return None, "empty"
    # A few words among many numbers are bad cells; among few numbers they are categories.
    if not categorical and n_numbers >= 4 * n_words:
        numbers = cells.numbers[~(words | missing)]
        numbers = numbers[np.isfinite(numbers)]
        if not n_missing and (numbers == numbers[:1]).all():
            return None, "the same in every row"
        mean, scale = _mean_and_scale(numbers, table.source, name)
        return NumberColumn(name, mean, scale, n_missing > 0), ""
    return find_categories(name, cells, in_any_case=categorical)


def find_categories(
    name: str, cells: Column, *, in_any_case: bool = False
) -> tuple[CategoryColumn | None, str]:
    """How the categories of a column are coded; None and why where they are left out."""
    texts, indices = cells.texts()
    given = indices[indices >= 0]
    n_missing = len(indices) - len(given)
    counts = np.bincount(given, minlength=len(texts))
    kinds = int((counts > 0).sum())
    if kinds == 1 and not n_missing:
        return None, "the same in every row"
    if not in_any_case and kinds > FEW and 2 * kinds > len(given):
        return None, f"text of {kinds:,} kinds in {len(cells):,} rows"
    frequent = np.argsort(-counts, kind="stable")[: min(kinds, MOST_CATEGORIES)]
    values = _sorted_texts([texts[i] for i in frequent.tolist()])
    return CategoryColumn(name, values, kinds > len(values), n_missing > 0), ""


def _mean_and_scale(numbers: NDArray[Any], source: str, name: str) -> tuple[float, float]:
    if len(numbers) == 0:
        return 0.0, 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = float(np.mean(numbers, dtype=np.float64)), float(np.std(numbers, dtype=float))
    if not (math.isfinite(mean) and math.isfinite(scale)):
        raise DataError(f"{source}, column {name!r}: its numbers are too large to be scaled")
    # A deviation that is rounding error alone says nothing.
    return mean, scale if scale > 1e-12 * abs(mean) else 1.0


def _sorted_texts(texts: Iterable[str]) -> list[str]:
    """Numbers by their size, words behind them by their letters."""

    def key(text: str) -> tuple[bool, float, str]:
        try:
            number = float(text)
        except ValueError:
            return True, 0.0, text
        return False, number, text

    return sorted(texts, key=key)


def _target_from(content: dict[str, Any]) -> ClassTarget | NumberTarget:
    check_name("task", content["task"], ("classification", "regression"))
    if content["task"] == "regression":
        return NumberTarget(
            _text(content["name"]), _finite(content["mean"]), _scale(content["scale"])
        )
    return ClassTarget(_text(content["name"]), _texts(content["classes"]))


def _column_from(content: dict[str, Any]) -> NumberColumn | CategoryColumn:
    check_name("kind of column", content["kind"], ("number", "category"))
    name, missing = _text(content["name"]), _truth(content["missing"])
    if content["kind"] == "number":
        return NumberColumn(name, _finite(content["mean"]), _scale(content["scale"]), missing)
    return CategoryColumn(name, _texts(content["values"]), _truth(content["other"]), missing)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {value!r}")
    return value


def _texts(values: Any) -> list[str]:
    texts = [_text(value) for value in values]
    if len(set(texts)) != len(texts):
        raise ValueError("expected different values")
    return texts


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"expected true or false, found {value!r}")
    return value


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"expected a finite number, found {value!r}")
    return float(value)


def _scale(value: Any) -> float:
    if _finite(value) <= 0:
        raise ValueError(f"expected a scale above 0, found {number_text(value)}")
    return float(value)
