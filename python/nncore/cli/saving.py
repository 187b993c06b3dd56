"""Where models are saved: checked before training, and elsewhere if saving fails in the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from nncore import ModelFileError, Network
from nncore._support.files import check_replaceable, read_file, replace_file

_HEADER = 1 << 16
"""Bytes of a file beside the parameters, at most: names, shapes, the history of a long run."""


def check_target(path: str, net: Network, *, slots: int = 0, keep_earlier: bool = False) -> None:
    """Raises the OSError that saving to `path` would raise, before anything is trained.

    `slots` is how many numbers a checkpoint holds for each parameter.
    """
    numbers = sum(p.nbytes for p in (*net.weights, *net.biases))
    check_replaceable(path, (1 + slots) * numbers + _HEADER)
    if keep_earlier and os.path.exists(path):
        check_replaceable(previous(path), os.path.getsize(path))


def refuse_to_replace(option: str, path: str | None, *sources: str | None) -> None:
    """Raises ValueError where what an option is to write is one of the files that are read."""
    for source in sources:
        if path is None or source is None or not (os.path.isfile(path) and os.path.isfile(source)):
            continue
        if os.path.samefile(path, source):
            raise ValueError(
                f"{option} {path} would replace what is read; expected another file's name"
            )


def previous(path: str) -> str:
    """The name under which an earlier model is kept: `<stem>.previous<suffix>`."""
    file = Path(path)
    return str(file.with_suffix(f".previous{file.suffix}"))


def save(net: Network, path: str, *, keep_earlier: bool) -> str | None:
    """Saves a network; returns where the model that was there is now, if it was to be kept.

    If anything fails, the earlier model is still at `path`, and the kept one is unchanged.
    """
    if not keep_earlier or not os.path.exists(path):
        net.save(path)
        return None
    kept = previous(path)
    before = read_file(kept) if os.path.exists(kept) else None
    replace_file(kept, read_file(path))
    try:
        with suppress(OSError):
            shutil.copystat(path, kept)
        net.save(path)
    except BaseException:
        with suppress(OSError):
            if before is None:
                os.unlink(kept)
            else:
                replace_file(kept, before)
        raise
    return kept


def rescue(net: Network, path: str, fault: Exception) -> str:
    """Saves a network that could not go to `path` under a new name, and returns that.

    Raises:
        ModelFileError: there is no place for it at all.
    """
    tried = []
    for folder in _refuges(path):
        place = _unused(folder, Path(path))
        try:
            net.save(place)
        except (ModelFileError, OSError):
            tried.append(folder)
        else:
            return place
    raise ModelFileError(
        f"{fault}; nor could the model be saved in {' or '.join(tried)}: it is lost"
    )


def _refuges(path: str) -> Iterator[str]:
    """Directories to try in turn: near by first, temporary ones last."""
    folders = [os.path.dirname(os.path.abspath(path))]
    with suppress(OSError):  # the current directory may be gone
        folders.append(os.getcwd())
    folders.append(os.path.expanduser("~"))
    with suppress(OSError):
        folders.append(tempfile.gettempdir())
    yield from dict.fromkeys(folders)


def _unused(folder: str, file: Path) -> str:
    number = 0
    while True:
        name = f"{file.stem[:100]}.rescued{f'-{number}' if number else ''}{file.suffix[:20]}"
        place = os.path.join(folder, name)
        if not os.path.lexists(place):
            return place
        number += 1
