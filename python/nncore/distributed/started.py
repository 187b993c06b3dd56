"""Whether mpiexec has started this process, without asking MPI."""

from __future__ import annotations

import os

_COUNTS = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "PMIX_SIZE", "SLURM_STEP_NUM_TASKS")
_RANKS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID")


def started_ranks() -> int:
    """How many processes were started together, as mpiexec or Slurm tells them; else 1."""
    return _first_number(_COUNTS, 1)


def started_by_mpiexec() -> bool:
    """Whether several were, and by who started them for MPI: Slurm also starts others."""
    return started_ranks() > 1 and any(name in os.environ for name in _COUNTS[:3])


def started_rank() -> int:
    """This one's number among them, counted from 0."""
    return _first_number(_RANKS, 0) if started_ranks() > 1 else 0


def _first_number(names: tuple[str, ...], otherwise: int) -> int:
    for name in names:
        value = os.environ.get(name, "")
        if value.isdigit():
            return int(value)
    return otherwise
