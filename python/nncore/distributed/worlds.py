"""The ranks of a program, and how they end together."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore._support.checks import integer
from nncore._support.extras import require
from nncore.distributed.ending import enter, first_gone, uninstall
from nncore.distributed.started import started_ranks

DEFAULT_LANES = 8

_NONE, _FOLLOWS, _INTERRUPT, _ERROR = range(4)
"""How a rank stands, the worse the higher. One that follows raises because another one did."""

_PATIENCE = 2.0
"""Seconds that a rank which raised waits for the others, before it ends them."""


class RankError(RuntimeError):
    """Another rank raised an error, which that rank tells."""


class World:
    """The ranks that train together, as one of them sees them; made by `world`.

    It is a context manager. Leaving it waits for all ranks. Left by an exception, the rank that
    raised it tells it, and the others exit with status 1 in silence; those that do not come within
    two seconds are ended by MPI's Abort.

    Attributes:
        rank: this one's number, counted from 0.
        size: how many there are.
    """

    def __init__(self, communicator: Any) -> None:
        self._mpi = require("mpi4py.MPI", extra="mpi", purpose="training on several ranks")
        self.rank: int = communicator.Get_rank()
        self.size: int = communicator.Get_size()
        _check_size(self.size)
        self._given = communicator
        self._data: Any = None
        self._control: Any = None
        self._lost = False
        self._threads = 1

    def __repr__(self) -> str:
        return f"<rank {self.rank} of {self.size}>"

    def __enter__(self) -> World:
        if self._data is not None:
            raise ValueError("this world was entered already")
        self._wait_for_all()
        enter()
        self._data, self._control = self._given.Dup(), self._given.Dup()
        machine = self._given.Split_type(self._mpi.COMM_TYPE_SHARED)
        processors = set().union(*machine.allgather(_processors()))
        self._threads = max(1, len(processors) // machine.Get_size())
        machine.Free()
        return self

    def _wait_for_all(self) -> None:
        """Raises RankError where a rank has ended before it came here."""
        arrived, pause = self._given.Ibarrier(), 0.0
        while not arrived.Test():
            if (gone := first_gone(self._mpi, self._given)) is not None:
                if self.rank != (gone == 0):  # one tells it, and thereby ends all
                    time.sleep(_PATIENCE)
                raise RankError(f"rank {gone} has ended, and has not entered the world")
            time.sleep(pause)
            pause = min(0.01, pause + 1e-5)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        mine = _standing(error)
        try:
            with _sigint_ignored(error is not None):
                everyone = self._met_at_end(mine)
        except KeyboardInterrupt as interrupt:
            self._abort(KeyboardInterrupt, interrupt, interrupt.__traceback__)
            return
        if everyone is None:
            self._abort(kind, error, traceback)
            return
        worst = int(everyone[:, 0].max())
        uninstall()
        if worst == _NONE:
            self._data.Free()
            self._control.Free()
            return
        if int(np.argmax(everyone[:, 0] == worst)) != self.rank:
            sys.stdout.flush()
            sys.stderr.flush()
            if worst == _INTERRUPT and _is_main_thread():  # that of this rank may be under way
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            raise SystemExit(130 if worst == _INTERRUPT else 1) from None

    def split(self, rows: int, *, batch_size: int, lanes: int = DEFAULT_LANES) -> Split:
        """For ranks that have rows of their own: see `Split`, which `fit` takes as its world.

        Args:
            rows: of all ranks together.
            batch_size, lanes: those of `fit`.

        >>> part = world.split(n, batch_size=256)  # doctest: +SKIP
        >>> net.fit(x[part.rows], y[part.rows], batch_size=256, world=part)  # doctest: +SKIP
        """
        return Split(self, rows, batch_size, lanes)

    # ---- what the core asks for; see collective.hpp ----

    @property
    def ranks(self) -> int:
        return self.size

    def all_to_all(self, send: Any, receive: Any) -> None:
        """Sends a block of bytes to every rank, and receives one from each."""
        byte = self._mpi.BYTE
        self._data.Alltoall([send, byte], [receive, byte])

    def all_gather(self, send: Any, receive: Any) -> None:
        """Sends the same bytes to every rank, and receives a block from each."""
        byte = self._mpi.BYTE
        self._data.Allgather([send, byte], [receive, byte])

    # ---- what training asks for ----

    def checked_lanes(self, lanes: int | None, given: bool = True) -> int:
        """The lanes to train with, those asked for or the usual number.

        Raises:
            ValueError: they are fewer than ranks, or 0.
        """
        if lanes is None:
            if given:
                raise ValueError("lanes is 0; ranks share lanes: expected 1 or more")
            lanes = DEFAULT_LANES
        if lanes < self.size:
            raise ValueError(
                f"there are {self.size} ranks for {lanes} lanes; expected a lane for each rank at "
                f"least, as lanes={self.size}"
            )
        return lanes

    def check_entered(self) -> None:
        """Raises ValueError outside of the with statement, where nothing would end all ranks."""
        if self._data is None:
            raise ValueError(
                "this world was not entered; write: with distributed.world() as world: ..."
            )

    def threads(self) -> int:
        """The most threads of this rank, where ranks share a machine's processors evenly."""
        return min(_core.get_num_threads(), self._threads)

    def from_first(self, value: Any) -> Any:
        """Rank 0's value, which is pickled."""
        return self._data.bcast(value, root=0)

    def of_all(self, value: Any) -> list[Any]:
        """Every rank's value, which is pickled."""
        found: list[Any] = self._data.allgather(value)
        return found

    def copy_first(self, array: NDArray[Any]) -> None:
        """Fills the array, which is contiguous, with that of rank 0."""
        self._data.Bcast([array, self._mpi.BYTE], root=0)

    def agree(self, error: BaseException | None = None) -> None:
        """Ranks meet; raises on all of them where one comes with an error.

        Raises:
            the error that was given; KeyboardInterrupt where another rank was interrupted;
            RankError where another one raised an error.
        """
        everyone = self._meet(_standing(error), leaving=False)
        if error is not None:
            raise error
        assert everyone is not None
        standings, left = everyone.T
        worst = int(standings.max())
        if worst == _NONE:
            if left.any():
                raise RankError(f"rank {int(np.argmax(left))} does not train any more")
            return
        rank = int(np.argmax(standings == worst))
        if worst == _INTERRUPT:
            raise _Interrupted(f"rank {rank} was interrupted")
        raise RankError(f"rank {rank} raised an error, and training ends on all ranks")

    def _met_at_end(self, mine: int) -> NDArray[np.int32] | None:
        """As `_meet`, with all ranks leaving: those still training learn of an error, and come."""
        while not self._lost:
            everyone = self._meet(mine, leaving=True)
            if everyone is not None and everyone[:, 1].all():
                return everyone
        return None

    def _meet(self, standing: int, *, leaving: bool) -> NDArray[np.int32] | None:
        """How every rank stands, and whether it leaves, (size, 2).

        None where this one raised and the others do not come. Who waits sleeps: another rank may be
        measuring or saving for long.
        """
        patient = standing == _NONE
        mine = np.array([standing, leaving], np.int32)
        everyone = np.zeros((self.size, 2), np.int32)
        request = self._control.Iallgather(mine, everyone)
        begun = time.monotonic()
        pause = 0.0
        while not request.Test():
            if not patient and time.monotonic() - begun > _PATIENCE:
                self._lost = True
                return None
            time.sleep(pause)
            pause = min(0.01, pause + 1e-5)
        return everyone

    def _abort(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends all ranks, after telling the error as the interpreter would have told it."""
        uninstall()
        if kind is not None and error is not None and not isinstance(error, SystemExit):
            sys.excepthook(kind, error, traceback)
        sys.stdout.flush()
        sys.stderr.flush()
        code = 130 if isinstance(error, KeyboardInterrupt) else 1
        self._given.Abort(code)
        os._exit(code)  # some MPIs return, and end all a little later


class _Interrupted(KeyboardInterrupt):
    """Another rank was interrupted."""


class Split:
    """Which rows of a data set each rank has, where no rank has all of them.

    The rows lie in as many pieces as there are lanes, one after the other; a lane's rows come from
    its own piece alone, shuffled within it. A rank has the pieces of its lanes. The bits then are
    those of any other number of ranks that split the same rows, but others than without a split,
    where rows are shuffled all over.

    Attributes:
        rows: a slice, this rank's rows of all.
        total: how many rows all ranks have together.
    """

    def __init__(self, world: World, rows: int, batch_size: int, lanes: int) -> None:
        self.world = world
        self.total = integer("rows", rows, low=1)
        self.batch_size = min(integer("batch_size", batch_size, low=1), rows)
        self.lanes = integer("lanes", lanes, low=1, high=_core.MAX_LANES)
        world.checked_lanes(lanes)
        sizes = [sum(end - begin for begin, end in self._places(i)) for i in range(lanes)]
        ends = np.cumsum([0, *sizes])
        first, last = lanes * world.rank // world.size, lanes * (world.rank + 1) // world.size
        self.rows = slice(int(ends[first]), int(ends[last]))
        if self.rows.start == self.rows.stop:
            raise ValueError(f"{rows} rows in mini-batches of {batch_size} leave {world} without")
        self._lanes_here = range(first, last)
        self._pieces = [(int(ends[i]), sizes[i]) for i in self._lanes_here]

    def checked_lanes(self, lanes: int | None, given: bool = True) -> int:
        """As `World.checked_lanes`: those of the split."""
        if lanes is not None and given and lanes != self.lanes:
            raise ValueError(f"lanes is {lanes}; world.split was told {self.lanes}")
        return self.lanes

    def check_rows(self, here: int) -> None:
        """Raises ValueError unless a rank has its rows, and no others."""
        expected = self.rows.stop - self.rows.start
        if here != expected:
            raise ValueError(
                f"x has {here} rows on {self.world}; expected its {expected}, which are "
                f"x[{self.rows.start}:{self.rows.stop}] of all {self.total}"
            )

    def _places(self, lane: int) -> list[tuple[int, int]]:
        """Where the lane's rows are among an epoch's: from begin to before end, times over."""
        whole, left = divmod(self.total, self.batch_size)
        begin, end = _core.rows_of_lane(self.batch_size, self.lanes, lane)
        places = [(b * self.batch_size + begin, b * self.batch_size + end) for b in range(whole)]
        if left:
            begin, end = _core.rows_of_lane(left, self.lanes, lane)
            places.append((whole * self.batch_size + begin, whole * self.batch_size + end))
        return places

    def order(self, seed: int, epoch: int, shuffle: bool) -> NDArray[np.int64]:
        """The rows of an epoch, those of this rank counted from 0, the others 0."""
        order = np.zeros(self.total, np.int64)
        for lane, (start, size) in zip(self._lanes_here, self._pieces, strict=True):
            key = (seed + (lane + 1) * 0x9E3779B97F4A7C15) % 2**64
            rows = _core.permutation(size, seed=key, epoch=epoch) if shuffle else np.arange(size)
            done = 0
            for begin, end in self._places(lane):
                order[begin:end] = rows[done : done + end - begin] + (start - self.rows.start)
                done += end - begin
        return order


def world(communicator: Any = None) -> World:
    """The ranks of this program, to be entered by a with statement.

    Args:
        communicator: of mpi4py; all ranks that mpiexec started by default.

    Raises:
        ImportError: there is no mpi4py, or it finds no MPI library.
        RuntimeError: mpiexec started several processes, but each is alone: it belongs to another
            MPI than the library that mpi4py has loaded.
    """
    mpi = require("mpi4py.MPI", extra="mpi", purpose="training on several ranks")
    return World(mpi.COMM_WORLD if communicator is None else communicator)


@contextmanager
def _sigint_ignored(ignored: bool) -> Iterator[None]:
    """Where it ends all the same."""
    if not (ignored and _is_main_thread()):
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _processors() -> set[int]:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def _check_size(size: int) -> None:
    started = started_ranks()
    if size == 1 and started > 1:
        raise RuntimeError(
            f"mpiexec started {started} processes, but each is alone: that mpiexec is of another "
            "MPI than the library that mpi4py loads; call the one of its own, as "
            f"{os.path.join(os.path.dirname(sys.executable), 'mpiexec')} of the package mpich"
        )


def _standing(error: BaseException | None) -> int:
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return _NONE
    if isinstance(error, (RankError, _Interrupted)):
        return _FOLLOWS
    return _INTERRUPT if isinstance(error, KeyboardInterrupt) else _ERROR
