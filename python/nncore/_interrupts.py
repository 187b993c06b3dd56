"""Ctrl-C, acted on only where a run can go on from."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_back(unless: Callable[[], bool]) -> Iterator[Callable[[], None]]:
    """Keeps Ctrl-C waiting, but lets it through at once where `unless()` says so.

    Gives a function that lets through what has been waiting; leaving does the same. Between an
    epoch and the callbacks that have seen it nothing can be resumed to the same bits, so there
    Ctrl-C must wait. Whoever presses it twice does not want to.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield lambda: None
        return
    pressed = False

    def handler(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        at_once = pressed or unless()
        pressed = not at_once
        if at_once:
            before(number, frame)

    def let_through() -> None:
        nonlocal pressed
        if pressed:
            pressed = False
            before(signal.SIGINT, None)

    signal.signal(signal.SIGINT, handler)
    try:
        yield let_through
    finally:
        signal.signal(signal.SIGINT, before)
    let_through()
