"""The libFuzzer targets of cpp/fuzz, under sanitizers, for their share of the time. Needs clang."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from pathlib import Path

from harness.base import Case, Failure, Part, warn

REPOSITORY = Path(__file__).resolve().parents[3]
BUILD = REPOSITORY / "build" / "campaign-fuzz"
SECONDS = 20
"""Of one run; a case is one input."""
LENGTHS = [64, 256, 512, 1024]
OPTIONS = ["-print_final_stats=1", "-timeout=20", "-rss_limit_mb=1024", "-verbosity=0"]


def targets() -> list[str]:
    return sorted(
        path.stem.removeprefix("fuzz_") for path in (REPOSITORY / "cpp/fuzz").glob("fuzz_*.cpp")
    )


def build() -> None:
    """Builds the targets, optimised and with symbols for reports."""
    subprocess.run(
        ["cmake", "--preset", "fuzz", "-B", BUILD, "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O2 -g1"],
        cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    names = [f"fuzz_{name}" for name in targets()]
    subprocess.run(
        ["cmake", "--build", BUILD, "-j1", "--target", *names], check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


class Attack(Part):
    patience = 1200.0  # the first case includes the build

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self.found = BUILD / "corpus"
        self.built = False
        if not shutil.which("clang++") or not shutil.which("cmake"):
            warn("SKIPPED: libFuzzer's targets, for want of clang or CMake")
            raise SystemExit(0)

    def draw(self, rng: random.Random, index: int) -> Case:
        names = targets()
        return {
            "kind": names[index % len(names)],
            "max_len": rng.choice(LENGTHS),
            "seed": rng.randrange(1, 2**31),
        }

    def run(self, case: Case) -> int:
        if not self.built:
            build()
            self.built = True
        name = case["kind"]
        program = str(BUILD / "cpp/fuzz" / f"fuzz_{name}")
        crash = self.folder / "crash"
        if "input" in case:
            crash.write_bytes(case["input"])
            again = subprocess.run([program, str(crash)], capture_output=True, check=False)
            if again.returncode:
                raise Failure(report(again.stderr))
            return 1
        corpus = self.found / f"{name}-{self.seed}"
        corpus.mkdir(parents=True, exist_ok=True)
        dictionary = REPOSITORY / "cpp/fuzz" / f"{name}.dict"
        command = [program, *OPTIONS, f"-max_total_time={SECONDS}", f"-max_len={case['max_len']}"]
        command += [f"-seed={case['seed']}", f"-exact_artifact_path={crash}"]
        command += [f"-dict={dictionary}"] if dictionary.exists() else []
        command += [str(corpus), str(REPOSITORY / "cpp/fuzz/corpus" / name)]
        environment = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD",)}
        done = subprocess.run(command, capture_output=True, env=environment, check=False)
        if crash.exists():
            case["input"] = crash.read_bytes()
            crash.unlink()
        if done.returncode:
            raise Failure(report(done.stderr))
        found = re.search(rb"number_of_executed_units:\s*(\d+)", done.stderr)
        return int(found.group(1)) if found else 1


def report(output: bytes) -> str:
    """The line of the sanitizer or libFuzzer, then the end of the output."""
    lines = output.decode(errors="replace").splitlines()
    first = next((x for x in lines if "ERROR: " in x or "runtime error: " in x), "a crash")
    return "\n".join([re.sub(r"^==\d+==\s*|0x[0-9a-f]+", "", first), *lines[-25:]])
