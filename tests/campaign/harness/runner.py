"""Starts workers, observes how they end, and keeps failed cases."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.base import dump_case, load_case, signal_name
from harness.worker import PARTS, State, part_class

SHARES = {"interrupts": 3, "opcodes": 3, "kills": 3, "fuzz": 4, "libfuzzer": 4, "differential": 3}
"""How much of the time each part has; those not named have 1."""
BEGINNING = 300.0
"""Seconds that a worker may take for its imports, on a busy machine."""
KEPT_OF_A_KIND = 3
"""Files that are kept of failures whose first line is the same."""


@dataclass
class Result:
    """The results of a part."""

    cases: int = 0
    failures: int = 0
    seconds: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Campaign:
    """One run of the campaign."""

    parts: list[str]
    seed: int
    seconds: float
    cases: int | None
    jobs: int
    keep: Path
    environment: dict[str, str]
    scratch: str | None = None
    results: dict[str, Result] = field(default_factory=dict)

    def run(self) -> dict[str, Result]:
        """Every part, `jobs` workers at a time, each part once for every job."""
        self.results = {name: Result() for name in self.parts}
        total = sum(SHARES.get(name, 1) for name in self.parts)
        each = {name: self.seconds * SHARES.get(name, 1) / total for name in self.parts}
        with ThreadPoolExecutor(self.jobs) as pool:
            work = [
                pool.submit(self.run_slice, name, self.seed + job, each[name])
                for name in self.parts
                for job in range(self.jobs)
            ]
            for slice_ in work:
                slice_.result()
        return self.results

    def run_slice(self, name: str, seed: int, seconds: float, replay: str | None = None) -> None:
        """Runs one part from one seed. Starts a new worker after each that ended early."""
        result = self.results[name]
        started = time.monotonic()
        done, first = 0, 0
        with tempfile.TemporaryDirectory(prefix="campaign-", dir=self.scratch) as made:
            folder = Path(made)
            folder.chmod(0o755)
            state = State(folder / "state", create=True)
            (folder / "failures").touch()
            while True:
                left = seconds - (time.monotonic() - started)
                cases = None if self.cases is None else self.cases - done
                if left <= 0 or (cases is not None and cases <= 0):
                    break
                arguments = ["--first", str(first), "--seconds", str(left)]
                arguments += [] if cases is None else ["--cases", str(cases)]
                arguments += [] if replay is None else ["--replay", replay]
                worker = Worker(self, name, seed, folder, arguments)
                ended = worker.wait(state, part_class(name).patience)
                index, more, failed = state.counts()
                case = state.case()
                state.begin(-1, 0, 0, None)
                done += more
                with result.lock:
                    result.cases += more
                    result.failures += failed
                self.take_failures(name, seed, folder)
                if ended is None:
                    break
                done, first = done + 1, index + 1
                with result.lock:
                    result.cases += 1
                    result.failures += 1
                self.keep_failure(name, seed, index, case, ended)
                if not case and more == 0:  # the worker could not start
                    break
        with result.lock:
            result.seconds += time.monotonic() - started

    def take_failures(self, name: str, seed: int, folder: Path) -> None:
        """Keeps the failures that the worker recorded."""
        file = folder / "failures"
        for line in file.read_text().splitlines():
            try:
                found = load_case(line)
            except json.JSONDecodeError:  # the worker died while it wrote
                continue
            self.keep_failure(name, seed, found["index"], found["case"], found["what"])
        file.write_text("")

    def keep_failure(self, name: str, seed: int, index: int, case: Any, what: str) -> None:
        result = self.results[name]
        first, *rest = what.splitlines()
        what = "\n".join([first + label(case), *rest])
        # The kind of failure, without addresses, types and numbers.
        kind = re.sub(r"0x[0-9a-f]+|'[^']*'|\d+", "_", first)[:120] + label(case)
        with result.lock:
            result.kinds[kind] += 1
            count = result.kinds[kind]
        if count > KEPT_OF_A_KIND:
            return
        self.keep.mkdir(parents=True, exist_ok=True)
        path = self.keep / f"{name}-{seed}-{index}.json"
        content = {"part": name, "seed": seed, "index": index, "what": what, "case": case}
        path.write_text(dump_case(content) + "\n")
        shown = what.splitlines()[: 16 if count == 1 else 1]
        print(f"FAILURE  {path}\n    " + "\n    ".join(shown), flush=True)


def label(case: Any) -> str:
    """A description of the case, to follow the first line of the error."""
    words = [str(case[key]) for key in ("call", "kind", "reader") if key in case]
    return f" [{', '.join(words)}]" if words else ""


def processor_seconds(session: int) -> float:
    """What the processes of a session have used by now; 0 where the system does not tell."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                ticks += sum(map(int, fields[11:15]))  # its own, and that of children that ended
    return ticks / os.sysconf("SC_CLK_TCK")


class Worker:
    """A worker process and its standard error."""

    def __init__(
        self, campaign: Campaign, name: str, seed: int, folder: Path, arguments: list[str]
    ) -> None:
        scratch = folder / "scratch"
        if scratch.exists():
            shutil.rmtree(scratch, ignore_errors=True)
        self.errors = folder / "stderr"
        command = [sys.executable, str(Path(__file__).parents[1]), "--worker", name]
        command += ["--seed", str(seed), "--folder", str(folder), *arguments]
        environment = {**os.environ, **campaign.environment}
        for key, value in part_class(name).environment().items():
            both = [environment.get(key, ""), value] if key == "LD_PRELOAD" else [value]
            environment[key] = " ".join(filter(None, both))
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                command, env=environment, stdout=errors, stderr=errors, start_new_session=True
            )

    def wait(self, state: State, patience: float) -> str | None:
        """Waits for the end. Returns what was wrong, or None.

        A case hangs that has not ended after `patience` seconds; but as long as it gets on, for
        others use the processors too, it has ten times as long.
        """
        seen, since = state.counts(), time.monotonic()
        worked, looked = 0.0, since
        while self.process.poll() is None:
            time.sleep(0.05)
            now = state.counts()
            if now != seen:
                seen, since = now, time.monotonic()
                continue
            allowed = patience if seen[0] >= 0 else max(patience, BEGINNING)
            waited = time.monotonic() - since
            if waited > allowed and time.monotonic() - looked > allowed / 10:
                before, worked = worked, processor_seconds(self.process.pid)
                idle = worked - before < 0.02 * (time.monotonic() - looked)
                looked = time.monotonic()
                if idle or waited > 10 * allowed:
                    return self._end_hang(waited)
        code = self.process.returncode
        if code == 0:
            return None
        how = f"killed by {signal_name(-code)}" if code < 0 else f"left with {code}"
        return f"the worker was {how}{self._said()}"

    def _end_hang(self, waited: float) -> str:
        self.process.send_signal(signal.SIGABRT)  # faulthandler then prints where it was
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        with suppress(ProcessLookupError):  # and its children
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return f"hangs: no case ended in {waited:.0f} s{self._said()}"

    def _said(self) -> str:
        lines = self.errors.read_text(errors="replace").strip().splitlines()
        lines = [line for line in lines if not line.startswith("Extension modules:")]
        report = next((line.strip() for line in lines if "ERROR: AddressSanitizer" in line), "")
        return f" {report}\n" + "\n".join(lines[-25:])


def table(results: dict[str, Result]) -> str:
    rows = [("part", "cases", "failures", "seconds", "cases/s")]
    for name, result in results.items():
        rate = result.cases / result.seconds if result.seconds else 0.0
        row = (name, f"{result.cases:,}", f"{result.failures:,}", f"{result.seconds:.0f}")
        rows.append((*row, f"{rate:,.0f}"))
    cases = sum(result.cases for result in results.values())
    failures = sum(result.failures for result in results.values())
    rows.append(("all", f"{cases:,}", f"{failures:,}", "", ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            text.ljust(width) if i == 0 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    for name, result in results.items():
        lines += [f"{name}: {count:,} x {kind}" for kind, count in result.kinds.most_common(30)]
    return "\n".join(lines)


__all__ = ["PARTS", "Campaign", "Result", "table"]
