"""The process in which cases are tried. It records its state in a file that outlives it."""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import json
import mmap
import os
import signal
import struct
import sys
import time
from pathlib import Path

from harness.base import Case, Part, dump_case, load_case, reason, rng_of

PARTS = {
    "interrupts": "attacks.interrupts",
    "opcodes": "attacks.opcodes",
    "kills": "attacks.kills",
    "faults": "attacks.faults",
    "threads": "attacks.threads",
    "fuzz": "attacks.fuzz",
    "arrays": "attacks.arrays",
    "libfuzzer": "attacks.libfuzzer",
    "differential": "attacks.differential",
    "resume": "attacks.resume",
    "races": "attacks.races",
    "lifecycles": "attacks.lifecycles",
    "targets": "attacks.targets",
    "corners": "attacks.corners",
    "many": "attacks.many",
}
"""Where each part's class `Attack` is."""
for _pair in filter(None, os.environ.get("CAMPAIGN_PARTS", "").split(",")):  # additional parts
    PARTS.__setitem__(*_pair.split("=", 1))

_COUNTS = struct.Struct("<qqqq")
_ROOM = 1 << 22


class State:
    """The current case and the numbers of finished and failed ones, shared with the runner."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        if create:
            path.write_bytes(_COUNTS.pack(-1, 0, 0, 0).ljust(_ROOM, b"\0"))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _ROOM)

    def begin(self, index: int, done: int, failed: int, case: Case | None) -> None:
        text = b"" if case is None else dump_case(case).encode()
        if len(text) > _ROOM - _COUNTS.size:
            text = b""
        self._memory[_COUNTS.size : _COUNTS.size + len(text)] = text
        _COUNTS.pack_into(self._memory, 0, index, done, failed, len(text))

    def counts(self) -> tuple[int, int, int]:
        return _COUNTS.unpack_from(self._memory)[:3]

    def case(self) -> Case:
        """The current case, with which the worker may have crashed."""
        size = _COUNTS.unpack_from(self._memory)[3]
        text = self._memory[_COUNTS.size : _COUNTS.size + size].decode()
        found: Case = load_case(text) if text else {}
        return found


def part_class(name: str) -> type[Part]:
    found: type[Part] = importlib.import_module(PARTS[name]).Attack
    return found


def use_package() -> None:
    """Imports the package that was built for a sanitizer, not the installed one."""
    wanted = os.environ.get("CAMPAIGN_PACKAGE")
    if wanted is None:
        return
    # An editable install comes before all paths.
    sys.meta_path = [each for each in sys.meta_path if "Redirecting" not in type(each).__name__]
    import nncore

    if not str(nncore.__file__).startswith(wanted):
        raise SystemExit(f"expected nncore from {wanted}, found {nncore.__file__}")


def work(options: argparse.Namespace) -> int:
    """Tries cases until the time or the count is up."""
    faulthandler.enable()
    # Shells start what runs in the background with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    use_package()
    folder = Path(options.folder)
    state = State(folder / "state")
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    part = part_class(options.worker)(scratch, options.seed)
    given = load_case(Path(options.replay).read_text())["case"] if options.replay else None
    end = time.monotonic() + options.seconds
    index, done, failed = options.first, 0, 0
    with (folder / "failures").open("a") as failures:
        while time.monotonic() < end and (options.cases is None or done < options.cases):
            case = given or part.draw(rng_of(options.worker, options.seed, index), index)
            state.begin(index, done, failed, case)
            try:
                tried = part.run(case)
                done += 1 if tried is None else tried
            except BaseException as error:
                done += 1
                failed += 1
                if failed <= 1000:
                    what = reason(error)
                    failures.write(dump_case({"index": index, "case": case, "what": what}) + "\n")
                    failures.flush()
                if isinstance(error, (SystemExit, GeneratorExit)):
                    raise
            index += 1
        state.begin(index, done, failed, None)
        try:
            if given is None:
                part.finish()
        except BaseException as error:
            failures.write(json.dumps({"index": index, "case": {}, "what": reason(error)}) + "\n")
            state.begin(index, done, failed + 1, None)
    return 0
