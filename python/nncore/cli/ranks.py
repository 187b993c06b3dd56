"""`nncore train` started by mpiexec: rank 0 speaks and saves."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from textwrap import wrap
from typing import TYPE_CHECKING

from nncore.distributed.started import started_ranks

from .job import Job
from .output import print_error, say

if TYPE_CHECKING:
    from nncore.distributed import World


@contextmanager
def entered_world() -> Iterator[World | None]:
    """The ranks, where mpiexec started several, all but rank 0 being silent; else None."""
    if started_ranks() == 1:
        yield None
        return
    from nncore import distributed

    before = sys.excepthook
    sys.excepthook = _tell  # where the ranks have to be aborted
    try:
        with distributed.world() as world:
            if world.rank == 0:
                yield world
            else:
                with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
                    yield world
    finally:
        sys.excepthook = before


def _tell(kind: type[BaseException], error: BaseException, _: object) -> None:
    if isinstance(error, Exception):
        print_error(error)
    else:
        print("nncore: interrupted", file=sys.stderr)


def say_expectation(world: World, job: Job) -> None:
    """Prints what this many ranks are expected to gain, measured on all of them."""
    from nncore import distributed

    options = job.options
    lanes = world.checked_lanes(options.lanes or job.net.training_state.lanes or None, given=False)
    found = distributed.expectation(
        job.net,
        job.x,
        job.y,
        batch_size=options.batch_size,
        lanes=lanes,
        optimizer=options.optimizer,
        world=world,
    )
    say(f"ranks     {world.size} for {lanes} lanes; expected, from what was just measured:")
    for line in found.table(sorted({1, world.size})).splitlines():
        say(f"          {line}")
    if advice := found.advice(world.size):
        for line in wrap(advice, 88, initial_indent=" " * 10, subsequent_indent=" " * 10):
            say(line)
