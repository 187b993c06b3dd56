"""Where the system grants few threads or none, calls use fewer, and give the same bits."""

from __future__ import annotations

import os
import sys

import pytest
from test_threads import lines_of, run, train_wide

from nncore import _core

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="needs Linux's limits on a process"
)

WITH_FEW_PROCESSES = """
import os, resource
from test_threads import nncore, train_wide
train_wide(1)  # all that is imported is there
if os.geteuid() == 0:  # whom no limit holds
    os.setgroups([])
    os.setgid({nobody})
    os.setuid({nobody})
resource.setrlimit(resource.RLIMIT_NPROC, ({limit}, {limit}))
print(*{{train_wide(threads) for threads in (8, 2, 3, 64, 8)}})
"""
NOBODY = 54_321  # a user of no other process
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.mark.parametrize(
    "limit",
    [
        1,
        *(
            pytest.param(n, marks=pytest.mark.skipif(not IS_ROOT, reason="needs to be root"))
            for n in (2, 3, 7, 11, 12, 20, 63)
        ),
    ],
)
def test_a_limit_on_processes_leaves_fewer_threads(limit: int) -> None:
    expected = train_wide(1)
    program = WITH_FEW_PROCESSES.format(limit=limit, nobody=NOBODY)
    assert lines_of(run(program)) == [expected]


WITH_LITTLE_MEMORY = """
import resource
from pathlib import Path
from test_threads import nncore, train_wide
expected = train_wide(1)
pages = int(Path("/proc/self/statm").read_text().split()[0])
most = pages * resource.getpagesize() + ({more} << 20)
hard = resource.getrlimit(resource.RLIMIT_AS)[1]
resource.setrlimit(resource.RLIMIT_AS, (most, hard))
try:
    print(train_wide(8) == expected)
except MemoryError:
    print("MemoryError")
resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
print(train_wide(8) == expected)
"""


@pytest.mark.parametrize("more", [2, 8, 16, 32, 64, 96, 128, 256])
def test_a_small_address_space_leaves_fewer_threads(more: int) -> None:
    first, then = lines_of(run(WITH_LITTLE_MEMORY.format(more=more)))
    assert first in ("True", "MemoryError")
    assert then == "True"


@pytest.mark.skipif(not _core.build_info()["openmp"], reason="needs a build with OpenMP")
def test_a_stack_too_large_for_openmps_threads_leaves_fewer_of_them() -> None:
    expected = train_wide(1)
    program = "from test_threads import train_wide; print(train_wide(4))"
    assert lines_of(run(program, OMP_STACKSIZE="100000G")) == [expected]
