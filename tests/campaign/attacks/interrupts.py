"""One real SIGINT at a random moment of every public call and command."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from pathlib import Path

from harness.base import Case, Part, expect
from harness.calls import Call, Calls
from harness.posix_timer import PosixTimer


class Attack(Part):
    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self.timer = PosixTimer()
        self.calls = Calls(folder).by_name
        self.names = list(self.calls)
        self.usual = {name: usual_seconds(call) for name, call in self.calls.items()}
        self.interrupted = 0

    def draw(self, rng: random.Random, index: int) -> Case:
        return {"call": self.names[index % len(self.names)], "moment": rng.uniform(0.0, 1.15)}

    def run(self, case: Case) -> None:
        name = case["call"]
        call = self.calls[name]
        call.prepare()
        was_interrupted = False
        try:
            try:
                self.timer.arm(case["moment"] * self.usual[name])
                call.run()
            finally:
                self.timer.disarm()
        except KeyboardInterrupt:
            was_interrupted = True
        except Exception as error:
            if not elsewhere(error):
                raise
            was_interrupted = True
        self.interrupted += was_interrupted
        call.check_file()
        call.check()

    def finish(self) -> None:
        expect(self.interrupted, "no call was interrupted: nothing was tried")


def usual_seconds(call: Call) -> float:
    """The shortest duration of a few calls."""
    found = []
    for _ in range(4):
        call.prepare()
        started = time.perf_counter()
        with suppress(KeyboardInterrupt):
            call.run()
        found.append(time.perf_counter() - started)
        call.check_file()
        call.check()
    return min(found)


def elsewhere(error: BaseException) -> bool:
    """Whether another library turned the interrupt into an error of its own.

    NumPy's savez does: zipfile refuses to be closed in the middle of a member.
    """
    trace, context = error.__traceback__, error.__context__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    here = "nncore" in trace.tb_frame.f_code.co_filename if trace else True
    while context is not None and not isinstance(context, KeyboardInterrupt):
        context = context.__context__
    return context is not None and not here
