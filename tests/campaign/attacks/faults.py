"""Resources that the machine may refuse: disk space, byte by byte, and memory."""

from __future__ import annotations

import ctypes
import os
import random
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.base import Case, Part, expect, forked, signal_name
from harness.calls import Call, Calls
from nncore import DataError, ModelFileError

_MIB = 1 << 20
_NEW_MOUNTS = 0x20000
_REFUSED = (OSError, ModelFileError, DataError, MemoryError)


class Attack(Part):
    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        calls = Calls(folder)
        self.calls = calls.by_name
        self.writers = {name: call for name, call in self.calls.items() if call.folder}
        default_output(calls, self.writers)
        self.kinds = ["full", "full", "memory"]
        self.small: Path | None = tiny_disk(folder / "tiny")
        if self.small:
            self.tiny = Calls(self.small, ["writers"]).by_name
            self.kinds.append("tiny disk")
        else:
            print("SKIPPED: a disk of a few KiB, which only root can make", flush=True)
        for call in self.calls.values():  # the first call imports what it needs
            call.prepare()
            call.run()
            call.check()
        calls.poor = True
        self.refused = 0

    def draw(self, rng: random.Random, index: int) -> Case:
        kind = self.kinds[index % len(self.kinds)]
        step = index // len(self.kinds)
        if kind == "memory":
            room = int(2 ** rng.uniform(10, 26))
            return {"kind": kind, "call": rng.choice(list(self.calls)), "room": room}
        calls = self.writers if kind == "full" else self.tiny
        name = rng.choice(list(calls))
        return {"kind": kind, "call": name, "room": self._room(rng, calls[name], step)}

    def _room(self, rng: random.Random, call: Call, step: int) -> int:
        """Disk space at every byte that it writes, and at random ones between."""
        size = max(map(len, [call.old, *call.new])) + 2
        return step % size if size < 20_000 else rng.randrange(size)

    def run(self, case: Case) -> None:
        kind, name, room = case["kind"], case["call"], case["room"]
        if kind == "full":
            call = self.writers[name]
            self.attempt(call, lambda: limited(resource.RLIMIT_FSIZE, room))
        elif kind == "tiny disk":
            self.attempt(self.tiny[name], lambda: nearly_full(self.small, room))  # type: ignore[arg-type]
        else:
            call = self.calls[name]
            ended = forked(
                lambda: self.attempt(
                    call, lambda: limited(resource.RLIMIT_AS, virtual_memory() + room)
                )
            )
            expect(ended == 0, f"memory refused: the process was killed by {signal_name(ended)}")

    def attempt(self, call: Call, poor: Callable[[], object]) -> None:
        """Makes a call with limited resources, then checks what it left."""
        call.prepare()
        try:
            with poor():  # type: ignore[attr-defined]
                call.run()
        except _REFUSED:
            self.refused += 1
        except SystemExit:
            pass
        except RuntimeError as error:
            if "thread" not in str(error):  # Python reports refused threads like this
                raise
        call.check_file()
        call.check()

    def finish(self) -> None:
        expect(self.refused, "nothing was refused: nothing was tried")


@contextmanager
def limited(kind: int, most: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))


def virtual_memory() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def tiny_disk(folder: Path) -> Path | None:
    """A file system of 1 MiB that ends with this process, or None if that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    folder.mkdir()
    if libc.unshare(_NEW_MOUNTS) != 0:
        return None
    # In a namespace of its own: other processes must not see the mount.
    libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None)
    size = f"size={2 * _MIB}".encode()
    return folder if libc.mount(b"tmpfs", bytes(folder), b"tmpfs", 0, size) == 0 else None


@contextmanager
def nearly_full(folder: Path, room: int) -> Iterator[None]:
    """Leaves about so many bytes, rounded to pages, on the disk of `folder`."""
    found = os.statvfs(folder)
    filler = folder / "filler"
    filler.write_bytes(bytes(max(found.f_bavail * found.f_frsize - room, 0)))
    try:
        yield
    finally:
        filler.unlink()


def default_output(calls: Calls, writers: dict[str, Call]) -> None:
    """`nncore train` without --output, which renames the previous model."""
    from nncore import Network, cli

    folder = calls.folder / "default-output"
    folder.mkdir()
    target = folder / "nncore-model.safetensors"
    Network([784, 10], seed=9).save(target)
    old = target.read_bytes()
    arguments = ["train", "--data", str(calls.data), "--layers", "784,6,10", "--epochs", "1"]

    def run() -> None:
        before = os.getcwd()
        os.chdir(folder)
        try:
            with open(os.devnull, "w") as nothing:
                from contextlib import redirect_stderr, redirect_stdout

                with redirect_stdout(nothing), redirect_stderr(nothing):
                    cli.main(arguments)
        finally:
            os.chdir(before)
            target.with_suffix(".previous.safetensors").unlink(missing_ok=True)

    name = "nncore train to its default output"
    writers[name] = Call(name, run, folder=folder, target=target.name, old=old, load=Network.load)
