"""The campaign itself: every part runs a few cases, and failures of all kinds are noticed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="the campaign needs signals and fork")

from harness.runner import Campaign, Result, table
from harness.worker import PARTS

CASES = {
    "interrupts": 20, "opcodes": 12, "kills": 12, "faults": 20, "threads": 1, "fuzz": 100,
    "arrays": 100, "differential": 8, "resume": 8, "races": 8, "lifecycles": 40,
    "targets": 30, "corners": 30, "many": 13,
}  # fmt: skip
"""libFuzzer needs clang and a build of its own, and so is left out."""


def command(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    program = Path(__file__).parent
    return subprocess.run(
        [sys.executable, program, *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's timers and limits")
@pytest.mark.parametrize("part", CASES)
def test_a_few_cases_of(part: str, tmp_path: Path) -> None:
    if part == "threads" and not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    count = CASES[part]
    done = command("--parts", part, "--cases", count, "--minutes", 30, "--seed", 5, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith(part + " "))
    assert int(row.split()[1].replace(",", "")) >= count


def test_every_part_is_tested_here_or_left_out() -> None:
    assert set(CASES) | {"libfuzzer"} == set(PARTS)


BROKEN = """
import os, sys, time
from harness.base import Failure, Part
class Attack(Part):
    patience = 1.0
    def draw(self, rng, index):
        return {{"call": "x", "data": bytes([index])}}
    def run(self, case):
        if case["data"] == b"\\x02":
            {fault}
"""


def attack(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Result]:
    (tmp_path / "broken.py").write_text(BROKEN.format(fault=fault))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("CAMPAIGN_PARTS", "broken=broken")
    monkeypatch.setitem(PARTS, "broken", "broken")
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    return Campaign(["broken"], 1, 60.0, 5, 1, tmp_path / "keep", {}).run()


def test_a_case_that_gets_on_slowly_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = "end = time.process_time() + 1.5\n            while time.process_time() < end: pass"
    results = attack(slow, tmp_path, monkeypatch)
    assert (results["broken"].cases, results["broken"].failures) == (5, 0)


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("raise Failure('wrong bits')", "wrong bits [x]"),
        ("1 / 0", "ZeroDivisionError: division by zero [x]"),
        ("os.abort()", "the worker was killed by SIGABRT  [x]"),
        ("os._exit(3)", "the worker was left with 3  [x]"),
        ("time.sleep(60)", "hangs: "),
    ],
)
def test_failures_are_noticed_counted_and_kept(
    fault: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = attack(fault, tmp_path, monkeypatch)
    assert results["broken"].cases == 5
    assert results["broken"].failures == 1
    kept = json.loads((tmp_path / "keep" / "broken-1-2.json").read_text())
    assert kept["what"].startswith(what)
    assert kept["case"] == {"call": "x", "data": {"base64": "Ag=="}}
    assert "broken" in table(results)

    again = command("--replay", tmp_path / "keep" / "broken-1-2.json", "--times", 1, cwd=tmp_path)
    assert again.returncode == 1
    assert what.split(" [")[0].strip() in again.stdout
