"""Training on `nncore.data.Blocks`: windows of rows, read ahead by a thread."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore._model import Model
from nncore._support.targets import has_upper_end, out_of_reach
from nncore.data.blocks import Block, Blocks, PendingBlock
from nncore.data.scaled import Scaled
from nncore.errors import DataError
from nncore.training.loop import EpochPart

_BUFFERS = 2
"""One window is trained on while the next one is read."""


class Window(NamedTuple):
    """Rows of an epoch from `first` on, in memory, and the blocks that they are from."""

    number: int
    first: int
    rows: Block
    sources: list[tuple[PendingBlock, int, int]]
    """Blocks, each with the row of the window that it begins at and the row of its own that is
    there."""


class _Buffer:
    """Memory for the rows of one window, kept from window to window."""

    def __init__(self, dtype: str) -> None:
        self._dtype = dtype
        self._x: NDArray[Any] | None = None
        self._y: NDArray[Any] | None = None
        self._weight: NDArray[Any] | None = None

    def begin(self, first: Block, rows: int) -> Block:
        """Room for rows like those of the first block."""
        narrow = first.x.dtype in (np.uint8, np.float16)
        self._x = _room(self._x, rows, first.x, None if narrow else self._dtype)
        self._y = _room(self._y, rows, first.y, None)
        weight = None
        if first.weight is not None:
            self._weight = _room(self._weight, rows, first.weight, None)
            weight = self._weight[:rows]
        return Block(self._x[:rows], self._y[:rows], weight)


def _room(array: NDArray[Any] | None, rows: int, like: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """An array for so many rows like those, the one that is there if it will do."""
    dtype = like.dtype if dtype is None else np.dtype(dtype)
    fits = array is not None and len(array) >= rows
    if fits and array is not None and array.dtype == dtype and array.shape[1:] == like.shape[1:]:
        return array
    return np.empty((rows, *like.shape[1:]), dtype)


T = TypeVar("T")


class _Reader(Generic[T]):
    """Reads an epoch's windows in a thread of its own, so many ahead as there are buffers.

    Each is handed to `prepare` there, too, whose results come out: checks go over all rows, and
    would else make the threads that train wait.
    """

    def __init__(
        self,
        blocks: Blocks,
        net: Model,
        batch_size: int,
        prepare: Callable[[Window], T],
        *,
        shuffle: bool,
        first_row: int,
        buffers: list[_Buffer],
    ) -> None:
        self._prepare = prepare
        self._blocks, self._batch_size, self._first_row = blocks, batch_size, first_row
        self._order, self._inputs = (shuffle, net.seed, net.epoch), net.sizes[0]
        self._free: queue.SimpleQueue[_Buffer | None] = queue.SimpleQueue()
        self._ready: queue.SimpleQueue[tuple[T, _Buffer] | BaseException | None] = (
            queue.SimpleQueue()
        )
        for buffer in buffers:
            self._free.put(buffer)
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="nncore reader", daemon=True)

    def __enter__(self) -> _Reader[T]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        self._free.put(None)
        self._thread.join(timeout=5)  # longer than a block should take; it is a daemon

    def __iter__(self) -> Iterator[T]:
        while (item := self._ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            prepared, buffer = item
            yield prepared
            del item, prepared  # before its memory is another window's
            self._free.put(buffer)

    def _run(self) -> None:
        try:
            for window, buffer in self._windows():
                self._ready.put((self._prepare(window), buffer))
            self._ready.put(None)
        except BaseException as error:
            self._ready.put(error)

    def _windows(self) -> Iterator[tuple[Window, _Buffer]]:
        """Windows of whole mini-batches; rows that are left over come first in the next one."""
        pending: deque[tuple[PendingBlock, int]] = deque()  # with the first row that is left
        held = 0  # blocks since the last window
        number = start = total = read = 0
        blocks = self._blocks.ordered(*self._order)
        block = next(blocks, None)
        while block is not None and not self._stopped:
            following = next(blocks, None)
            pending.append((block, 0))
            total += block.rows
            read += block.rows
            held += 1
            last = following is None
            count = total if last else total - total % self._batch_size
            if count and (last or held == self._blocks.window):
                if start + count > self._first_row:
                    buffer = self._free.get()
                    if buffer is None:
                        return
                    yield self._filled(number, start, count, pending, buffer), buffer
                self._drop(pending, count)
                start, total = start + count, total - count
                number += 1
                held = 0
            block = following
        if not self._stopped and read != self._blocks.rows:
            raise DataError(f"there were {read:,} rows; expected {self._blocks.rows:,}")

    def _filled(
        self,
        number: int,
        start: int,
        count: int,
        pending: deque[tuple[PendingBlock, int]],
        buffer: _Buffer,
    ) -> Window:
        sources: list[tuple[PendingBlock, int, int]] = []
        at = 0
        for block, first in pending:
            if self._stopped:
                raise RuntimeError("the reader was stopped")
            rows = block.get()
            if not sources:
                like = rows.taken(0, 0)
                self._check_width(rows, block)
                filled = buffer.begin(like, count)
            self._check_like(rows, like, block)
            part = rows.taken(first, min(len(rows), first + count - at))
            last = at + len(part)
            with np.errstate(over="ignore"):  # what becomes infinite is refused by its place
                filled.x[at:last], filled.y[at:last] = part.x, part.y
                if filled.weight is not None:
                    filled.weight[at:last] = part.weight
            sources.append((block, at, first))
            if first + len(part) == len(rows):
                block.release()
            at = last
            if at == count:
                break
        return Window(number, start, filled, sources)

    def _check_like(self, block: Block, first: Block, pending: PendingBlock) -> None:
        for what, found, wanted in (
            ("x", block.x, first.x),
            ("y", block.y, first.y),
            ("weights", block.weight, first.weight),
        ):
            if (found is None) != (wanted is None):
                raise DataError(f"{pending.name}: other blocks have weights, or it alone has")
            if found is None or wanted is None:
                continue
            kinds = found.dtype.kind, wanted.dtype.kind
            if found.shape[1:] != wanted.shape[1:] or not {*kinds} <= {*"biuf"}:
                raise DataError(
                    f"{pending.name}: {what} has shape {found.shape} and dtype {found.dtype}; "
                    f"expected (n, {', '.join(map(str, wanted.shape[1:]))}) numbers"
                )
            if found.dtype != wanted.dtype:
                raise DataError(
                    f"{pending.name}: {what} has dtype {found.dtype}; the block before it "
                    f"{wanted.dtype}"
                )

    def _check_width(self, block: Block, pending: PendingBlock) -> None:
        if block.x.ndim != 2 or block.x.shape[1] != self._inputs:
            raise DataError(
                f"{pending.name}: x has shape {block.x.shape}; the network takes "
                f"(n, {self._inputs})"
            )

    @staticmethod
    def _drop(pending: deque[tuple[PendingBlock, int]], count: int) -> None:
        while count:
            block, first = pending[0]
            left = block.rows - first
            if left > count:
                pending[0] = block, first + count
                return
            pending.popleft()
            count -= left


class BlockedData:
    """Blocks as training data; measured by the cost alone."""

    def __init__(self, net: Model, blocks: Blocks) -> None:
        self.blocks = blocks
        self.rows = blocks.rows
        self._buffers = [_Buffer(net.dtype.name) for _ in range(_BUFFERS)]
        self.metrics: dict[str, Any] = {}

    def __len__(self) -> int:
        return self.rows

    def measure(self, net: Model) -> dict[str, Any]:
        return {}

    def windows(
        self, net: Model, batch_size: int, first_row: int, shuffle: bool
    ) -> Generator[EpochPart, None, None]:
        """The parts of one epoch, from the one that has its row `first_row` on."""
        key = 3 + 2 * self.blocks.layout + shuffle
        seed, epoch = net.seed, net.epoch

        def prepare(window: Window) -> EpochPart:
            order = None
            if shuffle:  # the first window's key is that of arrays
                own = (seed + window.number * 0x9E37_79B9_7F4A_7C15) % 2**64
                order = _core.permutation(len(window.rows), seed=own, epoch=epoch)
            return self._dataset(net, window), order, (window.first, self.rows, key)

        with _Reader(
            self.blocks,
            net,
            batch_size,
            prepare,
            shuffle=shuffle,
            first_row=first_row,
            buffers=self._buffers,
        ) as reader:
            yield from reader

    def in_order(self, net: Model) -> Generator[tuple[_core.Dataset, Block], None, None]:
        """All rows as they lie, a window at a time, to be measured."""

        def prepare(window: Window) -> tuple[_core.Dataset, Block]:
            return self._dataset(net, window, to_train=False), window.rows

        with _Reader(
            self.blocks, net, 1, prepare, shuffle=False, first_row=0, buffers=self._buffers
        ) as reader:
            yield from reader

    def _dataset(self, net: Model, window: Window, to_train: bool = True) -> _core.Dataset:
        try:
            x, y, weight = window.rows
            if not to_train and weight is not None and not weight.any():
                weight = None  # other windows have what counts
            data = _core.Dataset(net, self._scaled(x), y, weight)
            if not to_train:
                return data
            fault = None if data.has_classes else out_of_reach(net, window.rows.y)
            if fault and has_upper_end(net):
                raise ValueError(fault)
            return data
        except (ValueError, TypeError) as error:
            self._blame(net, window)
            of = "of the epoch" if to_train else "of them"
            raise DataError(f"rows {window.first:,} and following {of}: {error}") from error

    def _blame(self, net: Model, window: Window) -> None:
        """Raises DataError for the first block that is wrong by itself."""
        ends = [at for _, at, _ in window.sources[1:]] + [len(window.rows)]
        for (block, at, first), end in zip(window.sources, ends, strict=True):
            rows = window.rows.taken(at, end)
            try:
                _core.Dataset(net, self._scaled(rows.x), *rows[1:])
            except (ValueError, TypeError) as error:
                behind = f", behind its row {first:,}" if first else ""
                raise DataError(f"{block.name}{behind}: {error}") from error

    def first_rows(self, net: Model) -> tuple[_core.Dataset, Block]:
        """The first block, by which the kind of all targets is known before anything is trained."""
        block = next(self.blocks.ordered(False, 0, 0), None)
        if block is None:
            raise DataError(f"there were 0 rows; expected {self.blocks.rows:,}")
        rows = block.get()
        window = Window(0, 0, rows, [(block, 0, 0)])
        return self._dataset(net, window, to_train=False), rows

    def _scaled(self, x: NDArray[Any]) -> Any:
        scale = self.blocks.scale
        if scale is None and not self.blocks.offset:
            return x
        return Scaled(x, 1.0 if scale is None else scale, self.blocks.offset)
