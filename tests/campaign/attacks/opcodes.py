"""An interrupt after every bytecode instruction of the calls that train and save.

A trace function calls the current handler of SIGINT, only at instructions after which CPython
handles signals. So a real interrupt could come at each of these points.
"""

from __future__ import annotations

import copy
import random
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from harness import world
from harness.base import Case, Part, expect
from harness.calls import Call, Calls
from harness.fits import Fit, draw_fit, expect_same, saved_and_resumed
from nncore import Network

NAMES = ["save", "save_checkpoint", "to_npz", "to_book_json", "to_c", "network2 save",
         "fit with ModelCheckpoint", "update_mini_batch"]  # fmt: skip
"""Calls of `calls.py`; beside them runs of training that are resumed."""
RUNS = 6

_LOOKS = ("RESUME", "CALL", "JUMP_BACKWARD", "POP_JUMP_BACKWARD")
_LOOKS_NOT = ("CALL_INTRINSIC", "JUMP_BACKWARD_NO_INTERRUPT")


def looks_for_signals(name: str) -> bool:
    return name.startswith(_LOOKS) and not name.startswith(_LOOKS_NOT)


class Points:
    """Counts the instructions at which signals are handled, and sends one at the given number."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.count = 0
        self.where = ""
        self._last: dict[FrameType, str] = {}
        self._names: dict[Any, dict[int, str]] = {}

    def __enter__(self) -> Points:
        sys.settrace(self._called)
        return self

    def __exit__(self, *raised: object) -> None:
        sys.settrace(None)
        self._last.clear()

    def _names_of(self, frame: FrameType) -> dict[int, str]:
        import dis

        code = frame.f_code
        if code not in self._names:
            self._names[code] = {i.offset: i.opname for i in dis.get_instructions(code)}
        return self._names[code]

    def _called(self, frame: FrameType, event: str, arg: Any) -> Any:
        back = frame.f_back
        ours = is_ours(frame)
        if back in self._last and frame.f_code.co_name != "__init__":
            # It called Python code, which handles signals when it begins, not when it ends.
            if ours or is_generator(frame):
                pass
            else:
                self._point(frame)
            if not is_contextlib(back):  # its next() calls C code
                self._last[back] = ""
        if not ours:
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        self._last[frame] = ""
        return self._traced

    def _traced(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "opcode":
            if looks_for_signals(self._last.get(frame, "")):
                self._point(frame)
            self._last[frame] = self._names_of(frame).get(frame.f_lasti, "")
        elif event == "return":
            self._last.pop(frame, None)
        return self._traced

    def _point(self, frame: FrameType) -> None:
        if self.count == self.at:
            sys.settrace(None)
            self.count += 1
            code = frame.f_code
            self.where = f"{Path(code.co_filename).name}:{frame.f_lineno} in {code.co_name}"
            handler = signal.getsignal(signal.SIGINT)
            assert callable(handler)
            handler(signal.SIGINT, frame)
            sys.settrace(self._called)
        self.count += 1


def is_ours(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return "/nncore/" in file or is_contextlib(frame)


def is_contextlib(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_code.co_filename.endswith("contextlib.py")


def is_generator(frame: FrameType) -> bool:
    return bool(frame.f_code.co_flags & 0x20)


class Attack(Part):
    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        by_name = Calls(folder, ["trainers", "writers"]).by_name
        self.calls = {name: by_name[name] for name in NAMES}
        runs = [draw_fit(random.Random(f"opcodes {seed} {i}"), 23, 2) for i in range(RUNS)]
        for run in runs:
            run["rate"], run["stop"], run["optimizer"] = "plateau", "cost", "adam"
            run["batch_size"] = 7
            name = f"fit {len(self.calls)}"
            self.calls[name] = Run(run, folder / "run").call(name)
        self.points = [(name, k) for name in self.calls for k in range(self.count(name))]
        random.Random(seed).shuffle(self.points)

    def count(self, name: str) -> int:
        call = self.calls[name]
        for _ in range(2):  # the first call imports what it needs
            call.prepare()
            with Points() as points:
                call.run()
            call.check_file()
            call.check()
        return points.count

    def draw(self, rng: random.Random, index: int) -> Case:
        name, at = self.points[index % len(self.points)]
        return {"call": name, "at": at}

    def run(self, case: Case) -> None:
        call = self.calls[case["call"]]
        call.prepare()
        points = Points(case["at"])
        try:
            with points:
                call.run()
        except KeyboardInterrupt:
            pass
        try:
            call.check_file()
            call.check()
        except Exception as error:
            error.args = (f"{error.args[0] if error.args else error}\nat {points.where}",)
            raise

    def finish(self) -> None:
        expect(self.points, "there were no points: nothing was tried")


class Run:
    """Training that is stopped, saved, resumed and finished."""

    def __init__(self, case: Case, path: Path) -> None:
        self.fit, self.path = Fit(case), path
        self.whole = self.fit.whole()
        self.pristine = self.fit.network()
        self.net = self.pristine

    def call(self, name: str) -> Call:
        return Call(name, self.run, self.reset, self.check)

    def reset(self) -> None:
        self.net = copy.copy(self.pristine)

    def run(self) -> None:
        self.fit.go(self.net)

    def check(self) -> None:
        net: Network = saved_and_resumed(self.net, self.path)
        self.fit.go(net)
        expect_same(net, self.whole, "stopped, saved and resumed")
        world.expect(net.all_finite(), "parameters are not finite")
