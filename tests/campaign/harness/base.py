"""The interface of a part of the campaign: it draws cases from a seed and tries each."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

Case = dict[str, Any]
"""What a replay needs: JSON, but for bytes."""


class Failure(AssertionError):
    """Something happened that must not happen."""


class Part:
    """One kind of attack. A subclass draws cases and tries them."""

    patience: float = 60.0
    """Seconds that one case may take before it counts as a hang."""

    @classmethod
    def environment(cls) -> dict[str, str]:
        """Environment variables for the workers of this part."""
        return {}

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.seed = seed

    def draw(self, rng: random.Random, index: int) -> Case:
        raise NotImplementedError

    def run(self, case: Case) -> int | None:
        """Tries a case. Raises Failure. A case that counts as several returns how many."""
        raise NotImplementedError

    def finish(self) -> None:
        """Called once, after the last case."""


def expect(condition: object, what: str) -> None:
    if not condition:
        raise Failure(what)


def rng_of(part: str, seed: int, index: int) -> random.Random:
    return random.Random(f"{part} {seed} {index}")


def dump_case(content: Any) -> str:
    return json.dumps(content, default=lambda b: {"base64": base64.b64encode(b).decode()})


def load_case(text: str) -> Any:
    def decode(each: dict[str, Any]) -> Any:
        return base64.b64decode(each["base64"]) if each.keys() == {"base64"} else each

    return json.loads(text, object_hook=decode)


class Hang(BaseException):
    """A case takes too long. It is no Exception, so that `except Exception` cannot catch it."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raises Failure when the block takes longer, also while it waits for a file.

    A block that never comes back to Python is the runner's to end.
    """

    def ring(number: int, frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except Hang as hang:
        where = "".join(traceback.format_tb(hang.__traceback__)[-3:])
        raise Failure(f"hangs: still at work after {seconds:g} s\n{where}") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def forked(action: Callable[[], object], seconds: float = 60.0) -> int:
    """Runs `action` in a forked child; returns by which signal the child ended, 0 if by none.

    Raises Failure with what the child raised, or when it does not end.
    """
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        code = 0
        try:
            os.close(receive)
            action()
        except BaseException:
            code = 1
            os.write(send, traceback.format_exc().encode()[-4000:])
        finally:
            os._exit(code)
    os.close(send)
    try:
        status = _status(child, seconds)
        said = os.read(receive, 65536).decode(errors="replace")
    finally:
        os.close(receive)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status)
    if said:
        raise Failure(f"{said.strip().splitlines()[-1]}\nin the forked child:\n{said}")
    expect(os.WEXITSTATUS(status) == 0, f"the child left with {os.WEXITSTATUS(status)}")
    return 0


def _status(child: int, seconds: float) -> int:
    """The exit status of a child, which is killed if it takes longer."""
    end = time.monotonic() + seconds
    pause = 0.0002
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status
        if time.monotonic() > end:
            os.kill(child, signal.SIGABRT)  # faulthandler then prints where it was
            time.sleep(0.5)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise Failure(f"hangs: the forked child was at work after {seconds:g} s")
        time.sleep(pause)
        pause = min(1.5 * pause, 0.01)


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def reason(error: BaseException) -> str:
    """One line with the error and where it was raised."""
    lines = [f"{type(error).__name__}: {error}".splitlines()[0]]
    if isinstance(error, Failure):
        lines = str(error).splitlines()
    else:
        lines += "".join(traceback.format_exception(error)).splitlines()[-14:]
    return "\n".join(lines)


def warn(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
