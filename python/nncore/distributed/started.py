"""Whether mpiexec has started this process, without asking MPI."""

from __future__ import annotations

import os

_COUNTS = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "PMIX_SIZE", "SLURM_STEP_NUM_TASKS")


def started_ranks() -> int:
    """How many processes were started together, as mpiexec or Slurm tells them; else 1."""
    for name in _COUNTS:
        value = os.environ.get(name, "")
        if value.isdigit():
            return int(value)
    return 1
