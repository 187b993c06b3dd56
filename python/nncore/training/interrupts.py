"""Ctrl-C (SIGINT) is acted on only where a run can be resumed from."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class defer_sigint:
    """Defers Ctrl-C to the next safe moment; where `unless()` is true it acts at once.

    Entering returns a function that delivers a Ctrl-C which was deferred; leaving delivers it, too.
    Between an epoch and the callbacks that have seen it, a run cannot be resumed to the same bits;
    so Ctrl-C is deferred there. A second Ctrl-C always acts at once.

    A second one may also come while the context is entered or left. So the handler looks whether
    the function that entered the context is still on the stack, and otherwise removes itself.
    """

    def __init__(self, unless: Callable[[], bool]) -> None:
        self._unless = unless
        self._previous = _active_handler()
        self._pending = False
        self._entered_from: FrameType | None = None

    def __enter__(self) -> Callable[[], None]:
        main = threading.current_thread() is threading.main_thread()
        if main and self._previous is not None:
            self._entered_from = sys._getframe(1)
            signal.signal(signal.SIGINT, self._handle)
        return self._deliver

    def __exit__(self, *_: object) -> None:
        if self._entered_from is not None:
            self._restore()
            self._deliver()

    def _restore(self) -> None:
        signal.signal(signal.SIGINT, self._previous)
        self._entered_from = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self._is_active(frame):
            self._restore()
            self._call_previous(number, frame)
        elif self._pending or self._unless():
            self._pending = False
            self._call_previous(number, frame)
        else:
            self._pending = True

    def _is_active(self, frame: FrameType | None) -> bool:
        while frame is not None and frame is not self._entered_from:
            frame = frame.f_back
        return frame is not None

    def _deliver(self) -> None:
        if self._pending:
            self._pending = False
            self._call_previous(signal.SIGINT, None)

    def _call_previous(self, number: int, frame: FrameType | None) -> None:
        if self._previous is not None:
            self._previous(number, frame)


def _active_handler() -> Callable[[int, FrameType | None], Any] | None:
    """The handler of SIGINT, if it is a Python function; those that should have removed themselves
    are skipped."""
    handler = signal.getsignal(signal.SIGINT)
    while isinstance(stale := getattr(handler, "__self__", None), defer_sigint):
        if stale._is_active(sys._getframe()):
            break
        handler = stale._previous
    return handler if callable(handler) else None
