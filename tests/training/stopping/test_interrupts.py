"""Ctrl-C is deferred until the run can be resumed, and no longer."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import pytest

from nncore.training.interrupts import defer_sigint


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def run(events: list[str], unless: Callable[[], bool], presses: int = 1) -> None:
    with defer_sigint(unless) as interrupt:
        for _ in range(presses):
            press_ctrl_c()
        events.append("after the press")
        interrupt()
        events.append("let through")


def test_an_interrupt_is_deferred() -> None:
    events: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run(events, unless=lambda: False)
    assert events == ["after the press"]


@pytest.mark.parametrize("presses", [1, 2])
def test_an_interrupt_is_not_deferred_outside_critical_parts_or_when_pressed_twice(
    presses: int,
) -> None:
    events: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run(events, unless=lambda: presses == 1, presses=presses)
    assert events == []


def test_leaving_delivers_the_deferred_interrupt() -> None:
    events: list[str] = []

    def hold() -> None:
        with defer_sigint(unless=lambda: False):
            press_ctrl_c()
            events.append("held")

    with pytest.raises(KeyboardInterrupt):
        hold()
    assert events == ["held"]


def test_the_previous_handler_is_called_and_restored() -> None:
    calls: list[int] = []
    default = signal.signal(signal.SIGINT, lambda number, frame: calls.append(number))
    try:
        mine = signal.getsignal(signal.SIGINT)
        run([], unless=lambda: False)
        assert calls == [signal.SIGINT]
        assert signal.getsignal(signal.SIGINT) is mine
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        run([], unless=lambda: True)
        assert calls == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, default)


def test_other_threads_leave_the_handler_alone() -> None:
    seen: list[bool] = []

    def elsewhere() -> None:
        before = signal.getsignal(signal.SIGINT)
        with defer_sigint(unless=lambda: False) as interrupt:
            interrupt()
            seen.append(signal.getsignal(signal.SIGINT) is before)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [True]


def test_a_handler_that_was_never_removed_removes_itself() -> None:
    """A second press may have come while the handler was being removed. The next one must count."""
    default = signal.getsignal(signal.SIGINT)

    def enter() -> defer_sigint:
        entered = defer_sigint(unless=lambda: False)
        entered.__enter__()
        return entered

    left = enter()
    try:
        assert signal.getsignal(signal.SIGINT) is not default
        with pytest.raises(KeyboardInterrupt):
            press_ctrl_c()
        assert signal.getsignal(signal.SIGINT) is default
        left = enter()
        events: list[str] = []
        with pytest.raises(KeyboardInterrupt):
            run(events, unless=lambda: False)
        assert events == ["after the press"]
        assert signal.getsignal(signal.SIGINT) is default
        del left
    finally:
        signal.signal(signal.SIGINT, default)
