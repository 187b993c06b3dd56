"""Programs in processes of their own, and the training on several threads that they run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nncore
from networks import digest, make_network, make_problem, train
from nncore import _core


def train_wide(threads: int = 0, dtype: str = "float32") -> str:
    """The hash of a trained network. At a batch of 128 its layers keep four threads busy."""
    if threads:
        nncore.set_num_threads(threads)
    net = make_network([64, 600, 10], ["tanh", "sigmoid"], dtype=dtype)
    x, y = make_problem(net, 400)
    train(net, _core.Dataset(net, x.astype(dtype), y), batch_size=128, epochs=3)
    return digest(
        *_core.weight_views(net), *_core.bias_views(net), net.feedforward(x.astype(dtype))
    )


def run(program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the program in a process of its own, in which it can import this module."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OMP_")}
    here = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    command = [sys.executable, "-c", here + program]
    return subprocess.run(
        command, env=kept | variables, capture_output=True, text=True, timeout=120, check=False
    )


def output_lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def most_threads_during(work: Callable[[], Any], enough: int) -> int:
    """The largest number of threads in this process while another thread repeats the work.

    The first time does not count: before a team grows, more threads are created on trial.
    """
    begun, finished, seen = threading.Event(), threading.Event(), 0
    before = len(os.listdir("/proc/self/task"))

    def repeat() -> None:
        work()
        begun.set()
        while not finished.is_set():
            work()

    worker = threading.Thread(target=repeat)
    worker.start()
    assert begun.wait(60)
    deadline = time.monotonic() + (30 if enough else 0.3)
    while time.monotonic() < deadline and seen < before + 1 + enough:
        seen = max(seen, len(os.listdir("/proc/self/task")))
    finished.set()
    worker.join()
    return seen
