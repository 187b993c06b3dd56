"""This machine: its processor, its FMA peak, and the C++ programs built for it."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np

from processes import cores, environment

HERE = Path(__file__).parent


class Peak(NamedTuple):
    """GFLOP/s at some number of threads, by dtype, and how they were measured."""

    gflops: dict[str, float]
    how: str


def cache_folder() -> Path:
    """Where built programs are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "nncore-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def compiler() -> str | None:
    candidates = (os.environ.get("CXX"), "c++", "g++", "clang++")
    return next((found for name in candidates if name and (found := shutil.which(name))), None)


@cache
def peak(threads: int) -> Peak:
    """The best of several short runs, on as many cores as the peers use."""
    program = _build_peak()
    if program is None:
        return Peak(_matmul_peak(threads), "NumPy's matmul (there is no C++ compiler)")
    command = [str(program), str(threads)]
    if hasattr(os, "sched_setaffinity") and shutil.which("taskset"):
        command = ["taskset", "-c", ",".join(map(str, sorted(cores(threads)))), *command]
    single, double = map(float, subprocess.check_output(command, text=True).split())
    found = {"float32": single, "float64": double}
    if threads > 1:  # on a busy machine, many cores may be slower than one
        found = {dtype: max(found[dtype], peak(1).gflops[dtype]) for dtype in found}
    return Peak(found, "C++ with -march=native, multiply-adds on registers")


def _build_peak() -> Path | None:
    cxx = compiler()
    if cxx is None:
        return None
    program = cache_folder() / f"peak-{_digest([HERE / 'peak.cpp'])}"
    flags = ["-O3", "-march=native", "-ffp-contract=fast", "-std=c++17", "-pthread"]
    if not program.exists():
        command = [cxx, *flags, str(HERE / "peak.cpp"), "-o", str(program)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return None
    return program


def _matmul_peak(threads: int) -> dict[str, float]:
    script = "import machine; print(*machine.matmul_gflops())"
    command = [sys.executable, "-c", script]
    found = subprocess.check_output(command, text=True, cwd=HERE, env=environment(threads))
    return dict(zip(("float32", "float64"), map(float, found.split()), strict=True))


def matmul_gflops(n: int = 2048) -> tuple[float, float]:
    """GFLOP/s of float32 and of float64, by products of large matrices."""

    def one(dtype: str) -> float:
        a = np.ones((n, n), dtype)
        best = np.inf
        for _ in range(5):
            start = perf_counter()
            a @ a
            best = min(best, perf_counter() - start)
        return 2e-9 * n**3 / best

    return one("float32"), one("float64")


def build_eigen() -> Path | None:
    """The program in eigen/, or None if it cannot be built."""
    sources = sorted((HERE / "eigen").iterdir())
    folder = cache_folder() / f"eigen-{_digest(sources)}"
    program = folder / "bench_eigen"
    if program.exists():
        return program
    if shutil.which("cmake") is None or compiler() is None:
        return None
    print("building the Eigen peer ...", flush=True)
    for command in (
        ["cmake", "-S", str(HERE / "eigen"), "-B", str(folder), "-DCMAKE_BUILD_TYPE=Release"],
        ["cmake", "--build", str(folder)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return None
    return program if program.exists() else None


def _digest(files: list[Path]) -> str:
    """A hash of the sources and of the processor, which -march=native depends on."""
    parts = [file.read_bytes() for file in files] + [processor().encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def processor() -> str:
    """The name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def load() -> float:
    """The number of other processes that are ready to run."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
