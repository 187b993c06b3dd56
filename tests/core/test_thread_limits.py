"""If the system grants few threads or none, calls use fewer and give the same bits."""

from __future__ import annotations

import os
import sys

import pytest

from nncore import _core
from thread_programs import output_lines, run, train_wide

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="needs Linux's limits on a process"
)

WITH_FEW_PROCESSES = """
import os, resource
from thread_programs import nncore, train_wide
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
    assert output_lines(run(program)) == [expected]


WITH_LITTLE_MEMORY = """
import resource
from pathlib import Path
from thread_programs import nncore, train_wide
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
    first, then = output_lines(run(WITH_LITTLE_MEMORY.format(more=more)))
    assert first in ("True", "MemoryError")
    assert then == "True"


@pytest.mark.skipif(not _core.build_info()["openmp"], reason="needs a build with OpenMP")
def test_a_stack_too_large_for_openmps_threads_leaves_fewer_of_them() -> None:
    expected = train_wide(1)
    program = "from thread_programs import train_wide; print(train_wide(4))"
    assert output_lines(run(program, OMP_STACKSIZE="100000G")) == [expected]
