"""Worker processes: their environment, their pipes, and their end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "NPROC",
)  # fmt: skip
"""What the peers' libraries ask for their number of threads; NPROC is XLA's."""


class WorkerError(Exception):
    """The worker ended, took too long, or reported an error."""


def environment(threads: int) -> dict[str, str]:
    """The environment of a process that may use so many threads."""
    found = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
    flags = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    found["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    found["JAX_PLATFORMS"] = "cpu"
    return found


def cores(threads: int) -> set[int]:
    """CPUs of so many different cores. Every peer runs on these only."""
    allowed = sorted(os.sched_getaffinity(0))
    first_of_core: dict[str, int] = {}
    for cpu in allowed:
        topology = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        siblings = topology.read_text() if topology.exists() else str(cpu)
        first_of_core.setdefault(siblings, cpu)
    chosen = [*first_of_core.values()]
    chosen += [cpu for cpu in allowed if cpu not in chosen]
    return set(chosen[:threads])


class Process:
    """A worker for one peer at one number of threads."""

    def __init__(self, peer: str, threads: int) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the process)
        self.child = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker.py")), peer, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=environment(threads),
        )
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self.child.pid, cores(threads))
        self.answers: SimpleQueue[str] = SimpleQueue()
        Thread(target=self._listen, daemon=True).start()

    def ask(self, do: str, timeout: float, **arguments: Any) -> dict[str, Any]:
        """The answer to one request. After a WorkerError the process has ended."""
        assert self.child.stdin is not None
        try:
            print(json.dumps({"do": do, **arguments}), file=self.child.stdin, flush=True)
            line = self.answers.get(timeout=timeout)
        except Empty:
            self.end()
            raise WorkerError(f"took longer than {timeout:.0f} s") from None
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerError(f"the worker ended: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"].partition("\n")[0][:200])
        return answer

    def end(self) -> None:
        self.child.kill()
        self.child.wait()

    def _listen(self) -> None:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            self.answers.put(line)
        self.answers.put("")

    def _last_words(self) -> str:
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no message"
