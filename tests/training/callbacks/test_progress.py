"""fit's progress bar."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from typing import Any

import pytest

from small_problem import X, Y, network

TRAIN = "import numpy as np, nncore; nncore.Network([2, 1]).fit(np.eye(2), [0, 1], 3{})"


def run_on_a_terminal(code: str) -> str:
    """What the process writes to stderr if that is a pseudo-terminal."""
    pty, termios, fcntl = (pytest.importorskip(name) for name in ("pty", "termios", "fcntl"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 120, 0, 0))
    with subprocess.Popen([sys.executable, "-c", code], stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        text = b""
        while True:
            try:
                chunk = os.read(ours, 1024)
            except OSError:
                break
            if not chunk:
                break
            text += chunk
    os.close(ours)
    assert process.returncode == 0, text
    return text.decode()


def test_a_progress_bar_on_a_terminal() -> None:
    pytest.importorskip("tqdm")
    shown = run_on_a_terminal(TRAIN.format(""))
    assert "3/3" in shown
    assert "cost 0." in shown
    assert "right" not in shown
    assert run_on_a_terminal(TRAIN.format(", progress=False")) == ""


def test_no_progress_bar_in_a_pipe() -> None:
    for option in ("", ", progress=False"):
        code = [sys.executable, "-c", TRAIN.format(option)]
        out = subprocess.run(code, capture_output=True, text=True, check=True)
        assert out.stdout == out.stderr == ""
    pytest.importorskip("tqdm")
    code = [sys.executable, "-c", TRAIN.format(", progress=True")]
    out = subprocess.run(code, capture_output=True, text=True, check=True)
    assert "3/3" in out.stderr


def test_a_progress_bar_needs_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name="tqdm")

    monkeypatch.setattr("nncore._support.extras.import_module", hidden)
    with pytest.raises(ImportError, match=r"a progress bar needs tqdm; .*nncore\[progress\]"):
        network().fit(X, Y, 1, progress=True)
    network().fit(X, Y, 1)
