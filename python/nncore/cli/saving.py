"""Where models go: checked before training, and never lost to a second Ctrl-C."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def check_target(path: str) -> None:
    """Raises the OSError that writing `path` would end in, while there is nothing to lose."""
    folder = os.path.dirname(path) or os.curdir
    if os.path.isdir(path):
        raise _error(errno.EISDIR, path)
    if not os.path.isdir(folder):
        raise _error(errno.ENOENT if not os.path.exists(folder) else errno.ENOTDIR, folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _error(errno.EACCES, folder)


def set_aside(path: str) -> str | None:
    """Renames a file that is in the way to `<stem>.previous<suffix>`, and returns that."""
    file = Path(path)
    if not file.exists():
        return None
    previous = file.with_suffix(f".previous{file.suffix}")
    file.replace(previous)
    return str(previous)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignores Ctrl-C for the moment that saving takes."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _error(code: int, path: str) -> OSError:
    return OSError(code, os.strerror(code), path)
