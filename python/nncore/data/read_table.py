"""Tables from files: CSV, Parquet, and NumPy's .npz."""

from __future__ import annotations

import csv
import gzip
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, BinaryIO, cast
from zipfile import BadZipFile

import numpy as np

from nncore._support.extras import require
from nncore._support.files import open_file
from nncore.data.table import CellReader, Table, column_of
from nncore.errors import DataError

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")
SUFFIXES = (*TEXT_SUFFIXES, ".parquet", ".npz")
"""How names of files end that `read_table` reads."""

CHUNK = 20_000
"""Rows that are made columns of at once."""

OnBadRow = Callable[[str], None]
"""Is told of a row that is left out; it may raise."""


def read_table(
    path: str,
    *,
    target: str | None = None,
    header: bool = True,
    only: Collection[str] | None = None,
    on_bad_row: OnBadRow | None = None,
) -> Iterator[Table]:
    """The rows of a file as tables, one after the other, one at least.

    Args:
        path: a file with one of `SUFFIXES`; "-" is CSV from standard input.
        target: of an .npz file, the name of the array of targets.
        header: whether the first line names the columns; else they are "1", "2", ...
        only: names of the columns to keep; None for all.
        on_bad_row: what to do about a row with too many or too few cells; None raises.

    Raises:
        DataError: the file is damaged or no table; the message names it and the line.
        OSError: there is no such file, or it cannot be read.
        ImportError: reading Parquet without pyarrow.
    """
    suffix = table_suffix(path)
    if suffix == ".parquet":
        return _parquet(path, only)
    if suffix == ".npz":
        return _npz(path, target, only)
    return _text(path, suffix, header, only, on_bad_row)


def table_suffix(path: str) -> str | None:
    """The one of `SUFFIXES` that a name ends in; ".csv" for "-", None for other names."""
    if path == "-":
        return ".csv"
    return next((s for s in reversed(SUFFIXES) if path.lower().endswith(s)), None)


def _text(
    path: str,
    suffix: str | None,
    header: bool,
    only: Collection[str] | None,
    on_bad_row: OnBadRow | None,
) -> Iterator[Table]:
    source = "standard input" if path == "-" else path
    with _opened(path) as file:
        line = 1
        try:
            text = _decoded(file, source)
            first = next(text, "")
            delimiter = "\t" if suffix in (".tsv", ".tsv.gz") else _delimiter(first)
            reader = csv.reader(chain([first], text), delimiter=delimiter, strict=True)
            record = next(reader, [])
            names = _names(record, header, source)
            readers = {
                name: CellReader(decimal_comma=delimiter == ";")
                for name in names
                if only is None or name in only
            }
            rows: list[list[str]] = []
            lines: list[int] = []
            given = False
            records = reader if header else chain([record], reader)
            line = reader.line_num + 1 if header else 1
            for row in records:
                begins, line = line, reader.line_num + 1
                if len(row) == len(names):
                    rows.append(row)
                    lines.append(begins)
                elif row:  # an empty line is none
                    fault = (
                        f"{source}, line {begins}: expected {len(names)} cells, found {len(row)}"
                    )
                    if on_bad_row is None:
                        raise DataError(fault)
                    on_bad_row(fault)
                if len(rows) == CHUNK:
                    yield _made(source, names, readers, rows, lines)
                    given = True
                    rows, lines = [], []
            if rows or not given:
                yield _made(source, names, readers, rows, lines)
        except csv.Error as error:
            raise DataError(f"{source}, line {line}: {_fault(error)}") from None
        except (EOFError, gzip.BadGzipFile) as error:
            raise DataError(f"{source}: a damaged gzip file: {error}") from None


def _fault(error: csv.Error) -> str:
    """What is wrong with a line, where the csv module speaks to programmers."""
    text = str(error)
    if "new-line character" in text:
        return "expected lines that end in \\n or \\r\\n, found \\r alone"
    if "unexpected end of data" in text:
        return 'a quote (") is opened here that is never closed'
    return text


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path == "-":
        yield sys.stdin.buffer
        return
    with open_file(path) as file:
        packed = path.lower().endswith(".gz")
        yield cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file


def _decoded(file: BinaryIO, source: str) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise DataError(
                f"{source}, line {number}: expected text in UTF-8, found the byte "
                f"{line[error.start]:#04x}"
            ) from None
        yield text.removeprefix("\ufeff") if number == 1 else text


def _delimiter(line: str) -> str:
    """The one that parts the names in a file's first line."""
    outside = "".join(line.split('"')[::2])
    return max(",;\t|", key=outside.count)


def _names(first: list[str], header: bool, source: str) -> list[str]:
    if not first:
        raise DataError(f"{source}: expected a table, found nothing in its first line")
    if not header:
        return [str(i + 1) for i in range(len(first))]
    names = [name.strip() for name in first]
    if all(_is_number(name) for name in names):
        raise DataError(
            f"{source}, line 1: expected the columns' names, found numbers only; "
            "--no-header names the columns 1, 2, 3, ..."
        )
    for i, name in enumerate(names):
        if name and name in names[:i]:
            raise DataError(
                f"{source}, line 1: two columns are called {name!r}; if that line is a row, "
                "--no-header names the columns 1, 2, 3, ..."
            )
    # What pandas and R write in front of their rows has no name.
    return [name or f"(column {i + 1})" for i, name in enumerate(names)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _made(
    source: str,
    names: list[str],
    readers: dict[str, CellReader],
    rows: list[list[str]],
    lines: list[int],
) -> Table:
    cells = zip(*rows, strict=True) if rows else ((),) * len(names)
    columns = {
        name: readers[name].column(column)
        for name, column in zip(names, cells, strict=True)
        if name in readers
    }
    return Table(source, columns, np.array(lines, np.int64))


def _parquet(path: str, only: Collection[str] | None) -> Iterator[Table]:
    parquet = require("pyarrow.parquet", extra="parquet", purpose="reading Parquet")
    arrow = require("pyarrow", extra="parquet", purpose="reading Parquet")
    first = 1
    readers: dict[str, CellReader] = defaultdict(CellReader)
    try:
        with open_file(path) as opened:
            file = parquet.ParquetFile(opened)
            names = [n for n in file.schema_arrow.names if only is None or n in only]
            for batch in file.iter_batches(batch_size=CHUNK, columns=names):
                yield _table_of_arrays(path, _arrays(batch), first, readers)
                first += batch.num_rows
            if first == 1:
                empty = file.schema_arrow.empty_table().select(names)
                yield _table_of_arrays(path, _arrays(empty), 1, readers)
    except arrow.ArrowException as error:
        raise DataError(f"{path}: expected a Parquet file: {error}") from None


def _arrays(batch: Any) -> dict[str, Any]:
    arrays = {}
    for name in batch.schema.names:
        column = batch.column(name)
        if str(column.type).startswith(("dictionary", "decimal")):
            column = column.cast(
                "double" if "decimal" in str(column.type) else column.type.value_type
            )
        arrays[name] = column.to_numpy(zero_copy_only=False)
    return arrays


def _table_of_arrays(
    source: str, arrays: dict[str, Any], first: int, readers: dict[str, CellReader]
) -> Table:
    columns = {}
    rows = 0
    for name, array in arrays.items():
        rows = len(array)
        try:
            columns[name] = column_of(array, readers[name])
        except TypeError as error:
            raise DataError(f"{source}, column {name!r}: {error}") from None
    return Table(source, columns, np.arange(first, first + rows), "row")


def _npz(path: str, target: str | None, only: Collection[str] | None) -> Iterator[Table]:
    try:
        with open_file(path) as opened, np.load(opened, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
    except (ValueError, EOFError, BadZipFile, AttributeError, TypeError) as error:
        raise DataError(f"{path}: expected arrays in a file of NumPy's, .npz: {error}") from None
    columns: dict[str, Any] = {}
    rows: int | None = None
    for name, array in arrays.items():
        if array.ndim == 0:
            raise DataError(f"{path}: {name} is one number; expected arrays with a row a sample")
        rows = len(array) if rows is None else rows
        if len(array) != rows:
            lengths = ", ".join(f"{n} {len(a)}" for n, a in arrays.items())
            raise DataError(f"{path}: expected arrays of as many rows each, found {lengths}")
        if array.ndim == 1 or (name == target and array[0:1].size == 1):
            columns[name] = array.reshape(len(array))
        else:
            flat = array.reshape(len(array), -1)
            columns |= {f"{name}{i}": flat[:, i] for i in range(flat.shape[1])}
    if rows is None:
        raise DataError(f"{path}: expected arrays, found none")
    kept = {name: a for name, a in columns.items() if only is None or name in only}
    table = _table_of_arrays(path, kept, 1, defaultdict(CellReader))
    yield Table(path, table.columns, np.arange(1, rows + 1), "row")
