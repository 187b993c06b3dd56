"""Files are written whole or not at all, and opened for reading without blocking."""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO

from nncore import _core
from nncore._support.checks import file_path

_KINDS = {
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


def replace_file(path: str | os.PathLike[str], content: bytes | memoryview) -> None:
    """Makes `content` the file at `path`. If that fails, the file is as it was before.

    A new file has the usual permissions, a replaced one keeps its own; a symbolic link stays one
    and its target is written. What is write-protected (to root, too), a device, a FIFO, a socket
    or a directory is refused.

    Raises:
        OSError: the file cannot be written.
    """
    _core.replace_file(file_path(path), content)


def check_replaceable(path: str | os.PathLike[str], size: int = 0) -> None:
    """Raises the OSError that writing `size` bytes to `path` would raise now."""
    _core.check_replaceable(file_path(path), size)


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Opens a regular file for reading, without blocking.

    Opening a FIFO would wait for its writer, and a device may have no end.

    Raises:
        OSError: there is no such file, it cannot be read, or is no regular file.
    """
    name = os.fspath(path)
    _check_regular(os.stat(name), name)
    file = open(name, "rb", opener=_open_without_blocking)  # noqa: SIM115
    try:
        _check_regular(os.fstat(file.fileno()), name)  # the path may name another file by now
    except BaseException:
        file.close()
        raise
    return file


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The content of a file; raises OSError as `open_file` does."""
    with open_file(path) as file:
        return file.read()


def append_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Adds to the end of a file, or makes it; raises OSError as `open_file` does."""
    name = os.fspath(path)
    if os.path.exists(name):
        _check_regular(os.stat(name), name)
    with open(name, "ab", opener=_open_without_blocking) as file:
        _check_regular(os.fstat(file.fileno()), name)
        file.write(content)


def _open_without_blocking(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0), 0o666)


def _check_regular(found: os.stat_result, name: str) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "of an unknown kind")
        raise OSError(errno.EINVAL, f"is {kind}, not a regular file", name)
