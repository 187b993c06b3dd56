"""Tables: named columns whose cells are numbers, words or missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support.names import check_name

MISSING = frozenset(
    {"", "?", "<NA>", "#N/A", "NA", "N/A", "n/a", "NULL", "null", "None", "NaN", "-NaN"}
    | {"nan", "-nan"}
)
"""What is written in cells that hold nothing, by spreadsheets, pandas, R and databases."""


@dataclass
class Column:
    """The cells of one column.

    A cell is a number, or NaN in `numbers`; then it is a word, or -1 in `codes`; then it is
    missing.
    """

    numbers: NDArray[Any]
    """(n,), of any real dtype."""
    codes: NDArray[np.int32] | None = None
    """(n,), indices into `words`; None where there are no words."""
    words: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.numbers)

    def are_words(self) -> NDArray[np.bool_]:
        """(n,), where there are words."""
        return np.zeros(len(self), bool) if self.codes is None else self.codes >= 0

    def are_missing(self) -> NDArray[np.bool_]:
        """(n,), where there is nothing."""
        if self.numbers.dtype.kind != "f":
            return np.zeros(len(self), bool)
        missing: NDArray[np.bool_] = np.isnan(self.numbers) & ~self.are_words()
        return missing

    def texts(self) -> tuple[list[str], NDArray[np.int64]]:
        """The different cells as text, and (n,) the index of each cell's, -1 where missing.

        A number has one text, however it was written: 1 and 1.0 are the same.
        """
        indices = np.full(len(self), -1, np.int64)
        found: list[str] = []
        words, missing = self.are_words(), self.are_missing()
        if self.codes is not None and words.any():
            used, inverse = np.unique(self.codes[words], return_inverse=True)
            found += [self.words[code] for code in used]
            indices[words] = inverse
        numeric = ~(words | missing)
        if numeric.any():
            values, inverse = np.unique(self.numbers[numeric], return_inverse=True)
            indices[numeric] = len(found) + inverse
            found += [number_text(value) for value in values.tolist()]
        return found, indices

    def text(self, row: int) -> str:
        """One cell, for an error."""
        if self.codes is not None and self.codes[row] >= 0:
            return str(self.words[self.codes[row]])
        return number_text(float(self.numbers[row]))

    def taken(self, rows: NDArray[Any]) -> Column:
        """The cells of these rows."""
        return Column(
            self.numbers[rows], None if self.codes is None else self.codes[rows], self.words
        )


def number_text(value: float) -> str:
    """A number as people write it: 3 also for 3.0."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


@dataclass
class Table:
    """Columns of equal length, in order, and where their rows come from."""

    source: str
    columns: dict[str, Column]
    lines: NDArray[np.int64]
    """(rows,), the line or row of the file that each row begins at, counted from 1."""
    unit: str = "line"
    """What `lines` counts: "line" or "row"."""

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, name: str) -> Column:
        if name not in self.columns:
            check_name(f"column of {self.source}", name, self.columns)
        return self.columns[name]

    def place(self, row: int, column: str | None = None) -> str:
        """`table.csv, line 17, column 'age'`."""
        at = f"{self.source}, {self.unit} {self.lines[row]}"
        return at if column is None else f"{at}, column {column!r}"

    def taken(self, rows: NDArray[Any]) -> Table:
        """These rows, by their numbers or by a mask."""
        columns = {name: column.taken(rows) for name, column in self.columns.items()}
        return Table(self.source, columns, self.lines[rows], self.unit)


def joined(tables: Iterable[Table]) -> Table:
    """The rows of several tables of one reader, whose words are the same."""
    parts = list(tables)
    first = parts[0]
    if len(parts) == 1:
        return first
    columns = {}
    for name in first.columns:
        cells = [part.columns[name] for part in parts]
        codes = None
        if any(each.codes is not None for each in cells):
            codes = np.concatenate(
                [np.full(len(c), -1, np.int32) if c.codes is None else c.codes for c in cells]
            )
        columns[name] = Column(
            np.concatenate([c.numbers for c in cells]), codes, parts[-1].columns[name].words
        )
    lines = np.concatenate([part.lines for part in parts])
    return Table(first.source, columns, lines, first.unit)


class CellReader:
    """Makes columns of cells that are text; the words of one column keep their codes.

    With `decimal_comma` 3,14 is a number, too.
    """

    def __init__(self, decimal_comma: bool = False) -> None:
        self._codes: dict[str, int] = {}
        self._words: list[str] = []
        self._decimal_comma = decimal_comma

    def column(self, cells: Sequence[str]) -> Column:
        text = "".join(cells)
        if not self._words and "_" not in text:  # Python's float would take 1_000
            try:
                return Column(np.fromiter(map(float, cells), np.float64, len(cells)))
            except ValueError:
                pass
        numbers = np.full(len(cells), np.nan)
        codes = np.full(len(cells), -1, np.int32)
        for row, cell in enumerate(cells):
            cell = cell.strip()
            if cell in MISSING:
                continue
            number = self._number(cell)
            if number is None:
                code = self._codes.setdefault(cell, len(self._words))
                if code == len(self._words):
                    self._words.append(cell)
                codes[row] = code
            else:
                numbers[row] = number
        return Column(numbers, codes if self._words else None, self._words)

    def _number(self, cell: str) -> float | None:
        if "_" in cell:
            return None
        if self._decimal_comma and "." not in cell:
            cell = cell.replace(",", ".", 1)
        try:
            return float(cell)
        except ValueError:
            return None


def column_of(array: NDArray[Any], reader: CellReader) -> Column:
    """A column of a NumPy array (n,) of numbers, booleans, strings or objects.

    Text goes through the reader.

    Raises:
        TypeError: an array of another dtype, such as dates.
    """
    if array.dtype.kind in "iuf":
        return Column(array)
    if array.dtype.kind == "b":
        return Column(np.full(len(array), np.nan), array.astype(np.int32), ("False", "True"))
    if array.dtype.kind not in "UOT":
        raise TypeError(f"expected numbers or text, found {array.dtype}")
    cells: list[str] = []
    for cell in array.tolist():
        if cell is None or cell != cell:  # NaN
            cells.append("")
        elif isinstance(cell, (str, int, float)):
            cells.append(str(cell))
        else:
            raise TypeError(f"expected numbers or text, found {cell!r}")
    return reader.column(cells)
