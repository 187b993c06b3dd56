"""Ranks that fail before they have entered a world, which nothing else would end all of.

The others wait for them in MPI, for ever: mpiexec ends all ranks when a signal or Abort ends one,
and not when one exits. So where mpiexec started several, an exception that nobody catches is told
as ever, and then ends all.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from nncore.distributed.started import started_ranks

_Hook = Callable[[type[BaseException], BaseException, TracebackType | None], Any]


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


def uninstall() -> None:
    """All ranks have left a world together: what one does from here on is its own affair."""
    if isinstance(hook := sys.excepthook, EndsAll):
        sys.excepthook = hook.before
