"""Training by several processes, on one machine or many, with MPI (`pip install 'nncore[mpi]'`).

Started by `mpiexec -n 4 python program.py`, every process (a rank, as MPI says) runs the program:

    from nncore import distributed

    with distributed.world() as world:
        net = nncore.Network([784, 128, 10], seed=1)
        net.fit(x, y, batch_size=256, lanes=8, world=world)
        if world.rank == 0:
            net.save("net.safetensors")

Each mini-batch is cut into lanes, which the ranks share: each makes the gradients of its own, and
all add them in the same order. So the network has the same bits on any number of ranks, which are
those of `net.fit(x, y, batch_size=256, lanes=8)` in one process, and a checkpoint resumes on
another number of them. Rank 0 alone measures, calls callbacks, saves and shows progress; every rank
ends with its network, and with its history.

Ranks that have all rows, as an array or a memory map, read those of their own lanes. Where each
rank has rows of its own, `world.split` says which. `expectation` says what to expect of more ranks,
and what of other mini-batches.

Whatever ends one rank ends all: leaving the `with` statement by an exception is told once, by the
rank that raised it, and where the others do not come along, they are aborted.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nncore.distributed import ending

if TYPE_CHECKING:
    from nncore.distributed.model import Core, Expectation, Link, expectation
    from nncore.distributed.worlds import RankError, Split, World, world

_MODULES = {
    "Core": "model", "Expectation": "model", "Link": "model", "RankError": "worlds",
    "Split": "worlds", "World": "worlds", "expectation": "model", "world": "worlds",
}  # fmt: skip

__all__ = ["Core", "Expectation", "Link", "RankError", "Split", "World", "expectation", "world"]


ending.install()


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
