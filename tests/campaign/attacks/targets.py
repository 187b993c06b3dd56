"""Everything that writes is sent to what must not be replaced, or cannot be made."""

from __future__ import annotations

import os
import random
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.base import Case, Part, deadline, expect
from harness.calls import Calls
from nncore import ModelFileError


def _protected(path: Path) -> None:
    path.write_bytes(b"protected")
    path.chmod(random.Random(str(path)).choice([0o444, 0o400, 0]))


def _socket(path: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)  # the path of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)


KINDS: dict[str, Callable[[Path], Any]] = {
    "FIFO": os.mkfifo,
    "socket": _socket,
    "directory": Path.mkdir,
    "protected file": _protected,
    "link to a device": lambda path: path.symlink_to("/dev/full"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "link to nowhere": lambda path: path.symlink_to("none/file"),
    "link to an open file": lambda path: path.symlink_to("/proc/self/fd/1"),
}


class Attack(Part):
    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        calls = Calls(folder, ["writers", "commands"])
        calls.poor = True
        self.calls = {name: call for name, call in calls.by_name.items() if call.folder}

    def draw(self, rng: random.Random, index: int) -> Case:
        return {"call": rng.choice(list(self.calls)), "kind": rng.choice(list(KINDS))}

    def run(self, case: Case) -> None:
        call = self.calls[case["call"]]
        assert call.folder is not None
        target = call.folder / call.target
        _remove(target)
        KINDS[case["kind"]](target)
        before = _seen(target)
        call.reset()
        command: Any = getattr(call.run, "__self__", None)
        refused = False
        try:
            with deadline(30):
                try:
                    call.run()
                except (OSError, ModelFileError):
                    refused = True
            if command is not None:
                refused = command.code == 2 and "nncore: error: " in command.said
                late = "  1/3  " in command.said
                expect(not late, f"{call.name} trains before it finds its target a {case['kind']}")
            expect(refused, f"{call.name} does not refuse a {case['kind']}")
            expect(_seen(target) == before, f"{call.name} changed a {case['kind']}")
            left = sorted(set(os.listdir(call.folder)) - {call.target})
            expect(not left, f"{call.name}: beside a {case['kind']} it left {left}")
        finally:
            _remove(target)


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        if stat.S_ISDIR(path.lstat().st_mode):
            path.rmdir()
        else:
            path.unlink()


def _seen(path: Path) -> tuple[object, ...]:
    found = path.lstat()
    content = path.read_bytes() if stat.S_ISREG(found.st_mode) else b""
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, content
