"""Ranks that end before they have entered a world, which nothing else would end all of.

The others wait for them in MPI, for ever: mpiexec ends all ranks when a signal or Abort ends one,
and not when one exits. So where mpiexec started several, an exception that nobody catches is told
as ever, and then ends all; and a rank that exits, as by `sys.exit`, sends word of it to those that
enter the world without it.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from nncore.distributed.started import started_by_mpiexec, started_ranks

_Hook = Callable[[type[BaseException], BaseException, TracebackType | None], Any]


_TAG = 20_511
"""Of the empty message that says that a rank has ended."""
_has_entered = False


class EndsAll:
    """An excepthook that calls the one before it, and then ends all ranks."""

    def __init__(self, before: _Hook) -> None:
        self.before = before

    def __call__(
        self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        self.before(kind, error, traceback)
        sys.stdout.flush()
        sys.stderr.flush()
        mpi = sys.modules.get("mpi4py.MPI")
        if mpi is not None and mpi.Is_initialized() and not mpi.Is_finalized():
            mpi.COMM_WORLD.Abort(1)
            os._exit(1)  # some MPIs return, and end all a little later
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


def install() -> None:
    """Where mpiexec started several ranks."""
    if started_ranks() > 1 and not isinstance(sys.excepthook, EndsAll):
        sys.excepthook = EndsAll(sys.excepthook)
        atexit.register(_send_word, os.getpid())


def enter() -> None:
    """This rank has entered a world, which knows how ranks end."""
    global _has_entered
    _has_entered = True


def first_gone(mpi: Any, communicator: Any) -> int | None:
    """The first rank of those that has ended without entering a world, as far as it is known."""
    everyone = mpi.COMM_WORLD.Get_group()
    members = communicator.Get_group()
    ranks = range(communicator.Get_size())
    for rank, among_all in enumerate(mpi.Group.Translate_ranks(members, list(ranks), everyone)):
        if among_all != mpi.UNDEFINED and mpi.COMM_WORLD.Iprobe(source=among_all, tag=_TAG):
            return rank
    return None


def _send_word(process: int) -> None:
    if _has_entered or process != os.getpid():
        return
    if "mpi4py.MPI" not in sys.modules and not started_by_mpiexec():
        return
    try:
        from mpi4py import MPI as mpi  # where the others wait already, or will
    except (ImportError, RuntimeError):
        return
    if not mpi.Is_initialized() or mpi.Is_finalized():
        return
    here = mpi.COMM_WORLD.Get_rank()
    for rank in range(mpi.COMM_WORLD.Get_size()):
        if rank != here:
            mpi.COMM_WORLD.Isend([b"", mpi.BYTE], rank, _TAG).Free()


def uninstall() -> None:
    """All ranks have left a world together: what one does from here on is its own affair."""
    if isinstance(hook := sys.excepthook, EndsAll):
        sys.excepthook = hook.before
