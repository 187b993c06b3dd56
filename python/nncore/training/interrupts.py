"""Ctrl-C, acted on only where a run can go on from."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class held_back:
    """Keeps Ctrl-C waiting, but lets it through at once where `unless()` says so.

    Entering gives a function that lets through what has been waiting; leaving does the same.
    Between an epoch and the callbacks that have seen it nothing can be resumed to the same bits, so
    there Ctrl-C must wait. Whoever presses it twice does not want to.

    A second press may come while this is being entered or left. So the handler looks whether the
    function that entered is still at work, and otherwise undoes itself.
    """

    def __init__(self, unless: Callable[[], bool]) -> None:
        self._unless = unless
        self._before = _handler_at_work()
        self._pressed = False
        self._entered_by: FrameType | None = None

    def __enter__(self) -> Callable[[], None]:
        main = threading.current_thread() is threading.main_thread()
        if main and self._before is not None:
            self._entered_by = sys._getframe(1)
            signal.signal(signal.SIGINT, self._handle)
        return self._let_through

    def __exit__(self, *_: object) -> None:
        if self._entered_by is not None:
            self._leave()
            self._let_through()

    def _leave(self) -> None:
        signal.signal(signal.SIGINT, self._before)
        self._entered_by = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self._is_at_work(frame):
            self._leave()
            self._pass_on(number, frame)
        elif self._pressed or self._unless():
            self._pressed = False
            self._pass_on(number, frame)
        else:
            self._pressed = True

    def _is_at_work(self, frame: FrameType | None) -> bool:
        while frame is not None and frame is not self._entered_by:
            frame = frame.f_back
        return frame is not None

    def _let_through(self) -> None:
        if self._pressed:
            self._pressed = False
            self._pass_on(signal.SIGINT, None)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        if self._before is not None:
            self._before(number, frame)


def _handler_at_work() -> Callable[[int, FrameType | None], Any] | None:
    """Who is called on Ctrl-C, if it is a function of Python's that is still meant."""
    handler = signal.getsignal(signal.SIGINT)
    while isinstance(left := getattr(handler, "__self__", None), held_back):
        if left._is_at_work(sys._getframe()):
            break
        handler = left._before
    return handler if callable(handler) else None
