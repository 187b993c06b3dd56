"""Rows that come in blocks, from files and other places that do not fit into memory."""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore._support.checks import integer
from nncore._support.extras import require
from nncore._support.files import open_file
from nncore.errors import DataError

_WINDOW_ROWS = 16 * 16_384


class Block(NamedTuple):
    """Some rows: inputs (n, inputs), targets (n,) or (n, outputs), and weights (n,) or None."""

    x: NDArray[Any]
    y: NDArray[Any]
    weight: NDArray[Any] | None

    def __len__(self) -> int:
        return len(self.x)

    def taken(self, first: int, last: int) -> Block:
        """Rows from `first` to before `last`, without a copy."""
        weight = None if self.weight is None else self.weight[first:last]
        return Block(self.x[first:last], self.y[first:last], weight)


class PendingBlock:
    """A block that is read when it is first asked for; `rows` may be known before."""

    def __init__(
        self,
        number: int,
        first_row: int,
        rows: int | None,
        load: Callable[[], Block],
        on_release: Callable[[], None] = lambda: None,
    ) -> None:
        self.number, self.first_row = number, first_row
        self._rows, self._load, self._on_release = rows, load, on_release
        self._loaded: Block | None = None

    @property
    def rows(self) -> int:
        return len(self.get()) if self._rows is None else self._rows

    def get(self) -> Block:
        """Raises DataError, which names the block, whatever is wrong with it."""
        if self._loaded is None:
            try:
                self._loaded = self._load()
            except Exception as error:
                # A KeyError's text is the key alone.
                reason = "" if isinstance(error, LookupError) else str(error)
                reason = reason or f"{type(error).__name__}: {error}".removesuffix(": ")
                raise DataError(f"{self.name}: {reason}") from error
            if self._rows is not None and len(self._loaded) != self._rows:
                raise DataError(
                    f"{self.name}: expected {self._rows:,} rows, found {len(self._loaded):,}"
                )
        return self._loaded

    def release(self) -> None:
        """Forgets the rows; asked for again, they are read again."""
        if self._rows is not None:
            self._loaded = None
            self._on_release()

    @property
    def name(self) -> str:
        """`block 3, from row 49,152`; both count from 0."""
        return f"block {self.number}, from row {self.first_row:,}"


class Blocks:
    """Rows for `nncore.Network.fit` that need not be in memory: `net.fit(Blocks(x, y))`.

    Args:
        x: inputs (n, inputs): whatever has a `shape` and can be sliced, such as np.memmap, a data
            set of h5py or zarr, or an array of dask. Or a function without arguments that returns
            a new iterator over (x, y) or (x, y, sample_weight), a block of rows each, whenever it
            is called.
        y: labels (n,) or targets (n, outputs) that can be sliced; None with a function.
        sample_weight: (n,) that can be sliced, or None.
        block_rows: rows that are read at once, of what is sliced.
        window: how many blocks are in memory together. Rows are shuffled among those of a window;
            up to three times as many are held, since a thread reads ahead.
        rows: how many rows a function's iterators give. None has the first one count them.

    What is sliced comes in another order of blocks each epoch; a function's blocks come as it gives
    them. All orders are drawn from the network's seed and the epoch's number, so that a run has the
    same bits however fast its data are read. Where all blocks fit into one window it has the bits
    of the same rows as arrays.

    As validation data, `fit(..., validation_data=Blocks(...))`, they are read in order, a window
    at a time.

    Blocks of uint8 and float16 stay so in memory; `scale` and `offset` are as those of `Scaled`.

    Raises:
        ValueError, TypeError: shapes that do not fit together, or no rows.

    >>> import numpy as np, nncore
    >>> x, y = np.random.default_rng(0).normal(size=(1000, 5)), np.arange(1000) % 2
    >>> net = nncore.Network([5, 1])
    >>> history = net.fit(nncore.data.Blocks(x, y, block_rows=100, window=4), epochs=2)
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        *,
        sample_weight: Any = None,
        block_rows: int = 16_384,
        window: int = 16,
        rows: int | None = None,
        scale: float | None = None,
        offset: float = 0.0,
    ) -> None:
        self.window = integer("window", window, low=1)
        self.scale, self.offset = scale, offset
        block_rows = integer("block_rows", block_rows, low=1)
        if callable(x) and not hasattr(x, "shape"):
            if y is not None or sample_weight is not None:
                raise TypeError("a function of blocks gives y and weights itself; y must be None")
            self._source: _Slices | _Iterators | _RowGroups = _Iterators(
                x, None if rows is None else integer("rows", rows, low=1)
            )
            return
        if rows is not None:
            raise TypeError("rows is for a function of blocks; what is sliced has a shape")
        self._source = _Slices(x, y, sample_weight, block_rows)

    @classmethod
    def from_parquet(
        cls,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        target: str,
        *,
        columns: Sequence[str] | None = None,
        sample_weight: str | None = None,
        window: int | None = None,
    ) -> Blocks:
        """Blocks of Parquet files, a row group each (needs pyarrow: nncore[parquet]).

        Args:
            paths: a file, or several with the same columns.
            target: the column of labels or targets.
            columns: those of the inputs, in order; None for all others.
            sample_weight: the column of weights.
            window: how many row groups are in memory together; None for as many as hold some
                260,000 rows, one at least.

        Raises:
            DataError: a file is no Parquet file, or a column is no column of numbers.
            OSError: there is no such file.
            ValueError: a column is not there.
        """
        blocks = cls.__new__(cls)
        blocks.scale, blocks.offset = None, 0.0
        if window is not None:
            window = integer("window", window, low=1)
        many = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
        groups = _RowGroups([os.fspath(p) for p in many], target, columns, sample_weight)
        blocks._source = groups
        blocks.window = window or max(1, _WINDOW_ROWS // groups.largest)
        return blocks

    @property
    def rows(self) -> int:
        """How many rows there are; for a function this may read all of them once."""
        return self._source.rows

    @property
    def layout(self) -> int:
        """A number that tells ways to cut the same rows from each other."""
        return self.window * 1_000_003 + self._source.block_rows

    def ordered(self, shuffle: bool, seed: int, epoch: int) -> Iterator[PendingBlock]:
        """The blocks in the epoch's order."""
        # Those of one window alone need no order of their own.
        return self._source.ordered(self.window if shuffle else sys.maxsize, seed, epoch)


def _rows_of(array: Any, what: str) -> int:
    shape = getattr(array, "shape", None)
    if not isinstance(shape, tuple) or not shape or not hasattr(array, "__getitem__"):
        raise TypeError(
            f"{what} must have a shape and take slices, or x be a function that returns iterators; "
            f"got {type(array).__name__}"
        )
    return int(shape[0])


def _in_order(count: int, window: int, seed: int, epoch: int) -> Iterable[int]:
    """Numbers of the blocks, in order where they fit into the window."""
    if count <= window:
        return range(count)
    # Another key than that of the rows.
    return map(int, _core.permutation(count, seed=seed ^ 0xB10C_0000_0000_0000, epoch=epoch))


class _Slices:
    """Blocks of arrays that are sliced."""

    def __init__(self, x: Any, y: Any, weight: Any, block_rows: int) -> None:
        self._x, self._y, self._weight, self.block_rows = x, y, weight, block_rows
        self.rows = _rows_of(x, "x")
        if len(x.shape) != 2:
            raise ValueError(f"x has shape {tuple(x.shape)}; expected (n, inputs)")
        if hasattr(x, "tocsr"):
            raise TypeError("blocks of sparse matrices are not read; fit takes them whole")
        if y is None:
            raise TypeError("Blocks needs y, unless x is a function that returns iterators")
        for what, array in (("y", y), ("sample_weight", weight)):
            if array is not None and _rows_of(array, what) != self.rows:
                raise ValueError(f"{what} has {_rows_of(array, what)} rows; x has {self.rows}")
        if self.rows == 0:
            raise ValueError("x has no rows; training needs one at least")

    def ordered(self, window: int, seed: int, epoch: int) -> Iterator[PendingBlock]:
        size = self.block_rows
        for number in _in_order(-(-self.rows // size), window, seed, epoch):
            first, last = number * size, min(self.rows, (number + 1) * size)
            yield PendingBlock(
                number,
                first,
                last - first,
                partial(self._load, first, last),
                partial(self._give_back, first, last),
            )

    def _load(self, first: int, last: int) -> Block:
        weight = None if self._weight is None else np.asarray(self._weight[first:last])
        return Block(np.asarray(self._x[first:last]), np.asarray(self._y[first:last]), weight)

    def _give_back(self, first: int, last: int) -> None:
        """The pages of a map count as the process's memory until they are given back."""
        for array in (self._x, self._y, self._weight):
            mapped = _map_of(array)
            if mapped is not None:
                _give_back(mapped, array[first:last])


def _map_of(array: Any) -> mmap.mmap | None:
    """The file's map that the pages of an array belong to, if they can be given back."""
    # Not those of "c", whose changes are in its pages alone.
    if not isinstance(array, np.memmap) or array.mode not in ("r", "r+", "w+"):
        return None
    if not array.flags.c_contiguous or not hasattr(mmap, "MADV_DONTNEED"):
        return None
    base: Any = array
    while base is not None and not isinstance(base, mmap.mmap):
        base = getattr(base, "base", None)
    return base


def _give_back(mapped: mmap.mmap, part: NDArray[Any]) -> None:
    start = np.frombuffer(mapped, np.uint8).__array_interface__["data"][0]
    first = part.__array_interface__["data"][0] - start
    page = mmap.PAGESIZE
    begin, end = -(-first // page) * page, (first + part.nbytes) // page * page
    if end > begin:
        mapped.madvise(mmap.MADV_DONTNEED, begin, end - begin)


class _Iterators:
    """Blocks of a function that returns iterators."""

    block_rows = 0

    def __init__(self, make: Callable[[], Iterator[Any]], rows: int | None) -> None:
        self._make, self._rows = make, rows

    @property
    def rows(self) -> int:
        if self._rows is None:
            self._rows = sum(block.rows for block in self.ordered(0, 0, 0))
            if self._rows == 0:
                raise ValueError(
                    "the function's iterator gave no rows; training needs one at least"
                )
        return self._rows

    def ordered(self, window: int, seed: int, epoch: int) -> Iterator[PendingBlock]:
        first = number = 0
        iterator = iter(self._make())
        while True:
            ended: list[bool] = []

            def load(ended: list[bool] = ended) -> Block:
                try:
                    return _checked(next(iterator))
                except StopIteration:
                    ended.append(True)
                    return Block(np.empty((0, 0)), np.empty(0), None)

            block = PendingBlock(number, first, None, load)
            rows = block.rows
            if ended:
                break
            if rows:
                yield block
            first, number = first + rows, number + 1
        if self._rows is not None and first != self._rows:
            raise DataError(
                f"the function's iterator ended after {first:,} rows; expected {self._rows:,}"
            )


def _checked(given: Any) -> Block:
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        kind = type(given).__name__
        raise TypeError(f"expected (x, y) or (x, y, sample_weight), got a {kind}")
    x, y = np.asarray(given[0]), np.asarray(given[1])
    weight = np.asarray(given[2]) if len(given) == 3 and given[2] is not None else None
    if x.ndim != 2:
        raise ValueError(f"x has shape {x.shape}; expected (n, inputs)")
    for what, array in (("y", y), ("sample_weight", weight)):
        if array is not None and array.shape[:1] != x.shape[:1]:
            raise ValueError(f"{what} has shape {array.shape}; x has shape {x.shape}")
    return Block(x, y, weight)


class _RowGroups:
    """Row groups of Parquet files."""

    block_rows = 0

    def __init__(
        self, paths: list[str], target: str, columns: Sequence[str] | None, weight: str | None
    ) -> None:
        self._parquet = require("pyarrow.parquet", extra="parquet", purpose="reading Parquet")
        self._arrow = require("pyarrow", extra="parquet", purpose="reading Parquet")
        self._target, self._weight = target, weight
        self._groups: list[tuple[str, int, int]] = []
        for path in paths:
            with open_file(path) as file:
                try:
                    metadata = self._parquet.ParquetFile(file).metadata
                except self._arrow.ArrowException as error:
                    raise DataError(f"{path}: expected a Parquet file: {error}") from None
                names = list(metadata.schema.to_arrow_schema().names)
            if columns is None:
                columns = [name for name in names if name not in (target, weight)]
            for name in (target, *columns, *([weight] if weight else [])):
                if name not in names:
                    raise ValueError(f"{path}: no column {name!r}; there are {', '.join(names)}")
            for group in range(metadata.num_row_groups):
                self._groups.append((path, group, metadata.row_group(group).num_rows))
        self._columns = list(columns or [])
        self.rows = sum(rows for _, _, rows in self._groups)
        self.largest = max((rows for _, _, rows in self._groups), default=0)
        if self.rows == 0:
            raise ValueError("there are no rows; training needs one at least")

    def ordered(self, window: int, seed: int, epoch: int) -> Iterator[PendingBlock]:
        first_rows = np.cumsum([0, *(rows for _, _, rows in self._groups)])
        for number in _in_order(len(self._groups), window, seed, epoch):
            _, _, rows = self._groups[number]
            yield PendingBlock(number, int(first_rows[number]), rows, self._loader(number))

    def _loader(self, number: int) -> Callable[[], Block]:
        path, group, _ = self._groups[number]

        def load() -> Block:
            wanted = [*self._columns, self._target, *([self._weight] if self._weight else [])]
            with open_file(path) as file:
                read = self._parquet.ParquetFile(file).read_row_group(group, columns=wanted)
            arrays = {name: _numbers(path, name, read.column(name)) for name in wanted}
            x = np.column_stack([arrays[name] for name in self._columns])
            weight = arrays[self._weight] if self._weight else None
            return Block(x, arrays[self._target], weight)

        return load


def _numbers(path: str, name: str, column: Any) -> NDArray[Any]:
    array: NDArray[Any] = column.to_numpy()
    if array.dtype.kind not in "biuf":
        raise DataError(f"{path}, column {name!r}: expected numbers, found {array.dtype}")
    return array
