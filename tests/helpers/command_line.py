"""Running the command line as users do: a process, its output and its exit code."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nncore
from nncore import cli

SMALL = ["--layers", "784,12,10", "--batch-size", "20"]


def environment(**more: str) -> dict[str, str]:
    """The environment, in which only the instruction set is taken from nncore's variables."""
    kept = {name: v for name, v in os.environ.items() if not name.startswith(("NNCORE_", "PYTEST"))}
    if chosen := os.environ.get("NNCORE_ISA"):
        kept["NNCORE_ISA"] = chosen
    return kept | {"NO_PROXY": "*", **more}


def run(
    *arguments: object, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nncore", *map(str, arguments)],
        cwd=cwd,
        env=env or environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def failure(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line of stderr with which the command must fail."""
    try:
        code = cli.main(list(map(str, arguments)))
    except SystemExit as left:
        code = left.code  # type: ignore[assignment]
    error = capsys.readouterr().err
    assert code == 2
    assert re.fullmatch(r"nncore: error: [^\n]+\n", error), error
    return error


def epochs_of(output: str) -> list[tuple[int, float, int]]:
    """The epoch lines: number, cost and number of correct validation images."""
    pattern = r"^ *(\d+)/\d+ +(\d+\.\d{5}) +([\d,]+) / 200 +\d+\.\d\d % +\d+\.\d\d$"
    lines = re.findall(pattern, output, flags=re.MULTILINE)
    return [(int(n), float(cost), int(right)) for n, cost, right in lines]


def same_parameters(a: nncore.Network, b: nncore.Network) -> bool:
    return all(
        np.array_equal(p, q)
        for p, q in zip(a.weights + a.biases, b.weights + b.biases, strict=True)
    )


AS_ON_A_TERMINAL = """
import fcntl, os, signal, struct, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, "-m", "nncore", *sys.argv[1:]])
"""


class Terminal:
    """The command on a pseudo-terminal of its own, to which keys can be sent."""

    def __init__(self, *arguments: object, cwd: Path) -> None:
        pty = pytest.importorskip("pty", reason="needs pseudo-terminals")
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", AS_ON_A_TERMINAL, *map(str, arguments)],
            cwd=cwd,
            env=environment(TERM="xterm"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.output = b""

    def read_until(self, text: bytes | None) -> None:
        """Reads until `text` appears, or to the end."""
        while text is None or text not in self.output:
            ready, _, _ = select.select([self.ours], [], [], 60)
            assert ready, f"nothing more in a minute: {self.output!r}"
            try:
                chunk = os.read(self.ours, 4096)
            except OSError:  # Linux raises this when the other side was closed
                chunk = b""
            if not chunk:
                assert text is None, self.output
                return
            self.output += chunk

    def press(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def wait(self) -> int:
        self.read_until(None)
        os.close(self.ours)
        return self.process.wait(timeout=60)

    def screen(self) -> str:
        """What the terminal shows in the end: a carriage return goes back to the line's start."""
        lines = []
        for line in self.output.decode().replace("\r\n", "\n").split("\n"):
            seen: list[str] = []
            for part in line.split("\r"):
                seen[: len(part)] = part
            lines.append("".join(seen).rstrip())
        return "\n".join(lines)
