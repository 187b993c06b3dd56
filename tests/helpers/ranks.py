"""Programs on several ranks: what mpiexec is needed for them, and how they are run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HELPERS = Path(__file__).parent
MPIEXEC = Path(sys.executable).parent / "mpiexec"

needs_mpi = pytest.mark.skipif(not MPIEXEC.exists(), reason="needs pip install 'nncore[mpi]'")


def command(ranks: int, *program: str | Path) -> list[str]:
    """This Python's own mpiexec: another one first on PATH would start ranks that are alone."""
    return [str(MPIEXEC), "-n", str(ranks), *map(str, program)]


def run_ranks(
    ranks: int,
    *program: str | Path,
    timeout: float = 60,
    cwd: Path | None = None,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(ranks, *program),
        env={**os.environ, "PYTHONPATH": str(HELPERS), **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        check=False,
    )
