"""SIGKILL at a random moment of every call that writes, and removal of what is left."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
from pathlib import Path

from attacks.interrupts import usual_seconds
from harness.base import Case, Failure, Part, expect, forked
from harness.calls import Calls, _shape
from harness.posix_timer import PosixTimer

EVERY = 8
"""Kills between two saves that must find nothing left behind, or remove it."""


class Attack(Part):
    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        # On a disk most of the time is spent in fsync, in memory elsewhere.
        self.disk = Path(tempfile.mkdtemp(prefix="campaign-disk-"))
        self.calls = {
            f"{name}{where}": call
            for where, place in ((" in memory", folder), (" on disk", self.disk))
            for name, call in Calls(place, ["writers", "commands"]).by_name.items()
            if call.folder
        }
        self.names = list(self.calls)
        self.usual = {name: usual_seconds(call) for name, call in self.calls.items()}
        for call in self.calls.values():
            call.prepare()
        self.killed = 0

    def draw(self, rng: random.Random, index: int) -> Case:
        moments = [rng.uniform(0.0, 1.6) for _ in range(EVERY)]
        return {"call": self.names[index % len(self.names)], "moments": moments}

    def run(self, case: Case) -> int:
        call = self.calls[case["call"]]
        assert call.folder is not None
        for moment in case["moments"]:
            (call.folder / call.target).write_bytes(call.old)
            call.reset()

            def doomed(seconds: float = moment * self.usual[case["call"]]) -> None:
                timer = PosixTimer(signal.SIGKILL)
                timer.arm(seconds)
                call.run()
                timer.disarm()

            ended = forked(doomed)
            expect(ended in (0, signal.SIGKILL), f"the child was ended by signal {ended}")
            self.killed += ended == signal.SIGKILL
            call.check_file(leftovers=True)
        self.check_cleared(case)
        return len(case["moments"])

    def check_cleared(self, case: Case) -> None:
        """The next save to that path removes temporary files of killed processes."""
        call = self.calls[case["call"]]
        assert call.folder is not None
        before = set(os.listdir(call.folder))
        call.run()
        left = sorted((set(os.listdir(call.folder)) & before) - {call.target})
        for name in os.listdir(call.folder):
            if name != call.target:
                path = call.folder / name
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if left:
            kinds = _shape(left[:1])
            raise Failure(f"the next save leaves files of killed processes where they are: {kinds}")

    def finish(self) -> None:
        shutil.rmtree(self.disk)
        expect(self.killed, "nobody was killed: nothing was tried")
