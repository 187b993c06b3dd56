"""A timer of the kernel that sends this process a signal, to the microsecond.

A thread would need the GIL to call os.kill, and so could not send it while the library holds the
GIL.
"""

from __future__ import annotations

import ctypes
import os
import signal


class _Event(ctypes.Structure):
    _fields_ = [
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("padding", ctypes.c_char * 64),
    ]


class _Setting(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "s", "ns")]


_libc = ctypes.CDLL(None, use_errno=True)
_MONOTONIC, _SIGNAL = 1, 0


class PosixTimer:
    """Sends one signal to the process that created it. Forked children do not inherit timers."""

    def __init__(self, number: int = signal.SIGINT) -> None:
        event = _Event(signo=number, notify=_SIGNAL)
        self._timer = ctypes.c_void_p()
        if _libc.timer_create(_MONOTONIC, ctypes.byref(event), ctypes.byref(self._timer)):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def arm(self, seconds: float) -> None:
        self._set(max(int(seconds * 1e9), 1))

    def disarm(self) -> None:
        self._set(0)

    def _set(self, nanoseconds: int) -> None:
        setting = _Setting(0, 0, *divmod(nanoseconds, 10**9))
        if _libc.timer_settime(self._timer, 0, ctypes.byref(setting), None):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
