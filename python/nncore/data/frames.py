"""Columns of data frames and arrays, whose dtypes say what they hold."""

from __future__ import annotations

import datetime
import numbers
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore.data.table import Column, number_text

NUMBER, CATEGORY, DATE = "number", "category", "date"
_MICROSECONDS_A_DAY = 86_400_000_000
_NO_VALUES = ("NAType", "NaTType")
"""What pandas calls the classes of its missing values, which compare to nothing."""


class FrameColumn(NamedTuple):
    """A column and what it holds."""

    cells: Column
    """Dates are days since 1970, in UTC where they have a time zone."""
    kind: str
    """NUMBER, CATEGORY or DATE."""


def is_frame(data: Any) -> bool:
    """Whether these are named columns: a data frame of pandas or polars, or a table of Arrow."""
    return hasattr(data, "columns") and hasattr(data, "shape") and not isinstance(data, np.ndarray)


def frame_columns(data: Any) -> dict[str, FrameColumn]:
    """The columns of a data frame or of an array (n, columns), which are named "0", "1", ...

    Numbers and spans of time are numbers; text, booleans and pandas' categories are categories.
    Objects are what they all are. None, NaN, NaT, pandas' NA and empty text are missing.

    Raises:
        TypeError: a column holds something else; the message names it.
        ValueError: two columns of one name.
    """
    if is_frame(data):
        keys = list(getattr(data, "column_names", data.columns))
        names = [str(key) for key in keys]
        columns = [data[key] for key in keys]
    else:
        names = [str(i) for i in range(data.shape[1])]
        columns = [data[:, i] for i in range(data.shape[1])]
    found: dict[str, FrameColumn] = {}
    for name, column in zip(names, columns, strict=True):
        if name in found or len(getattr(column, "shape", ())) > 1:
            raise ValueError(f"X has two columns called {name!r}; expected different names")
        try:
            found[name] = column_and_kind(column)
        except TypeError as error:
            raise TypeError(f"X, column {name!r}: {error}") from None
    return found


def column_and_kind(values: Any) -> FrameColumn:
    """One column of a data frame, or an array (n,).

    Raises:
        TypeError: cells that are neither numbers, text, booleans nor dates.
    """
    dtype = getattr(values, "dtype", None)
    categories = getattr(dtype, "categories", None)
    if categories is not None and hasattr(values.cat, "codes"):
        of_categories = _of_texts(categories.tolist())  # several may have one text
        codes = np.append(_codes(of_categories), np.int32(-1))[np.asarray(values.cat.codes)]
        return FrameColumn(_of_words(codes, of_categories.words), CATEGORY)
    array = _as_array(values, dtype)
    if array.dtype.kind in "iuf":
        return FrameColumn(Column(array), NUMBER)
    if array.dtype.kind == "M":
        return FrameColumn(Column(_days(array)), DATE)
    if array.dtype.kind == "m":
        seconds = array / np.timedelta64(1, "s")
        return FrameColumn(Column(seconds), NUMBER)
    if array.dtype.kind == "b":
        return FrameColumn(_of_words(array.astype(np.int32), ("False", "True")), CATEGORY)
    if array.dtype.kind in "UT":
        return FrameColumn(_of_texts(array.tolist()), CATEGORY)
    if array.dtype.kind == "O":
        return _of_objects(array.tolist())
    raise TypeError(f"expected numbers, text, booleans or dates, found {array.dtype}")


def _as_array(values: Any, dtype: Any) -> NDArray[Any]:
    if not hasattr(values, "isna") or isinstance(dtype, np.dtype):
        return np.asarray(values)
    if dtype.kind in "iuf":  # pandas' own dtypes have a missing value of their own
        array: NDArray[Any] = values.to_numpy(np.float64, na_value=np.nan)
        return array
    return np.asarray(values, "datetime64[us]" if dtype.kind == "M" else object)


def _days(dates: NDArray[Any]) -> NDArray[np.float64]:
    microseconds = dates.astype("datetime64[us]")
    days: NDArray[np.float64] = microseconds.astype(np.int64) / _MICROSECONDS_A_DAY
    return np.where(np.isnat(microseconds), np.nan, days)


def _of_objects(cells: list[Any]) -> FrameColumn:
    cells = [None if _is_missing(cell) else cell for cell in cells]
    given = [cell for cell in cells if cell is not None]
    if given and all(isinstance(cell, (bool, np.bool_)) for cell in given):
        return FrameColumn(_of_texts(cells), CATEGORY)
    if all(map(_is_number, given)):
        floats = [np.nan if cell is None else float(cell) for cell in cells]
        return FrameColumn(Column(np.array(floats, np.float64)), NUMBER)
    if all(isinstance(cell, (datetime.date, np.datetime64)) for cell in given):
        moments = [np.datetime64("NaT") if cell is None else _moment(cell) for cell in cells]
        return FrameColumn(Column(_days(np.array(moments, "datetime64[us]"))), DATE)
    _check_mixture(cells, len(given))
    are_numbers = [_is_number(cell) for cell in cells]
    found = _of_texts([None if n else c for c, n in zip(cells, are_numbers, strict=True)])
    for row in np.flatnonzero(are_numbers).tolist():
        found.numbers[row] = float(cells[row])
    return FrameColumn(found, CATEGORY)


def _check_mixture(cells: list[Any], given: int) -> None:
    """Raises TypeError for cells that are no text, numbers or booleans."""
    dates = [isinstance(cell, (datetime.date, np.datetime64)) for cell in cells]
    if sum(dates) > given / 2:
        row = next(r for r, cell in enumerate(cells) if cell is not None and not dates[r])
        raise TypeError(f"expected dates, as in other rows, found {cells[row]!r} in row {row}")
    for row, cell in enumerate(cells):
        if (
            cell is not None
            and not isinstance(cell, (str, bool, np.bool_))
            and not _is_number(cell)
        ):
            raise TypeError(
                "each argument must be a string, a number or a boolean, or all of them dates; "
                f"found {cell!r} in row {row}"
            )


def _is_number(cell: Any) -> bool:
    truth = isinstance(cell, (bool, np.bool_))
    return isinstance(cell, (numbers.Real, Decimal)) and not truth


def _is_missing(cell: Any) -> bool:
    if cell is None or type(cell).__name__ in _NO_VALUES:
        return True
    return isinstance(cell, (float, np.floating, np.datetime64, Decimal)) and bool(cell != cell)


def _moment(date: Any) -> Any:
    if isinstance(date, datetime.datetime) and date.tzinfo is not None:
        date = date.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return np.datetime64(date, "us")


def _of_texts(cells: Sequence[Any]) -> Column:
    places: dict[str, int] = {}
    codes = [
        -1 if cell is None or cell == "" else places.setdefault(_text(cell), len(places))
        for cell in cells
    ]
    return _of_words(np.array(codes, np.int32), tuple(places))


def _codes(cells: Column) -> NDArray[np.int32]:
    return np.zeros(0, np.int32) if cells.codes is None else cells.codes


def _of_words(codes: NDArray[Any], words: Sequence[str]) -> Column:
    return Column(np.full(len(codes), np.nan), codes.astype(np.int32), words)


def _text(cell: Any) -> str:
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, (bool, str)):
        return str(cell)
    return number_text(float(cell) if isinstance(cell, Decimal) else cell)
