"""Threads and instruction sets as the surroundings ask for them: limits, forks, PyTorch, load."""

from __future__ import annotations

import multiprocessing
import os
import platform
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import nncore
from networks import digest, make_network, make_problem, train
from nncore import _core

LISTS_THREADS = Path("/proc/self/task").is_dir()


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = nncore.get_num_threads()
    yield
    nncore.set_num_threads(before)


def train_wide(threads: int = 0, dtype: str = "float32") -> str:
    """The hash of a network whose layers, at a batch of 128, are worth four threads and more."""
    if threads:
        nncore.set_num_threads(threads)
    net = make_network([64, 600, 10], ["tanh", "sigmoid"], dtype=dtype)
    x, y = make_problem(net, 400)
    train(net, _core.Dataset(net, x.astype(dtype), y), batch_size=128, epochs=3)
    return digest(*net.weight_views(), *net.bias_views(), net.feedforward(x.astype(dtype)))


def run(program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own, where it may import this file."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OMP_")}
    here = Path(__file__).parent
    folders = [str(here), str(here.parent / "helpers")]
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {folders!r}\n{program}"]
    return subprocess.run(
        command, env=kept | variables, capture_output=True, text=True, timeout=120, check=False
    )


def lines_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


HASHES_OF_THE_INSTRUCTION_SET = """
from test_threads import _core, train_wide
print(_core.build_info()["instruction_set"])
for dtype in ("float32", "float64"):
    print(*{train_wide(threads, dtype) for threads in (1, 2, 3, 4)})
"""


def hashes_under(name: str) -> list[str]:
    """One hash per dtype, under that instruction set; skips the test if the machine lacks it."""
    done = run(HASHES_OF_THE_INSTRUCTION_SET, NNCORE_ISA=name)
    if "this machine does not have that instruction set" in done.stderr:
        pytest.skip(f"needs a machine with {name}")
    ran, *hashes = lines_of(done)
    assert ran == name
    return hashes


X86 = platform.machine().lower() in ("x86_64", "amd64")


@pytest.mark.parametrize(
    "name",
    [
        "baseline",
        pytest.param("avx2", marks=pytest.mark.skipif(not X86, reason="needs x86-64")),
        pytest.param("avx512", marks=pytest.mark.skipif(not X86, reason="needs x86-64")),
    ],
)
def test_the_forced_instruction_set_runs_with_the_same_bits_on_any_threads(name: str) -> None:
    for hashes in hashes_under(name):
        assert len(hashes.split()) == 1


@pytest.mark.skipif(not X86, reason="needs x86-64")
def test_avx2_and_avx512_give_the_same_bits() -> None:
    assert hashes_under("avx512") == hashes_under("avx2")


def test_an_unknown_instruction_set_is_an_error() -> None:
    program = """
import nncore
for ask in (nncore._core.build_info, lambda: nncore.Network([2, 1])):
    try:
        ask()
    except ValueError as error:
        print(error)
"""
    lines = lines_of(run(program, NNCORE_ISA="mmx"))
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("NNCORE_ISA=mmx: no such instruction set; expected one of ")
        assert line.endswith("baseline")


def test_an_empty_choice_of_instruction_set_is_none() -> None:
    program = "import nncore; print(nncore._core.build_info()['instruction_set'])"
    [name] = lines_of(run(program, NNCORE_ISA=""))
    assert lines_of(run(program, NNCORE_ISA=name)) == [name]


needs_openmp = pytest.mark.skipif(
    not _core.build_info()["openmp"], reason="needs a build with OpenMP"
)


@needs_openmp
@pytest.mark.parametrize("threads", ["1", "3"])
def test_omp_num_threads_is_honoured(threads: str) -> None:
    program = "import nncore; print(nncore.get_num_threads())"
    assert lines_of(run(program, OMP_NUM_THREADS=threads)) == [threads]


@pytest.mark.skipif(not LISTS_THREADS, reason="needs /proc to count threads")
@pytest.mark.parametrize(("wanted", "joined"), [(1, 0), (2, 1), (4, 3)])
def test_so_many_threads_work_as_were_asked_for(wanted: int, joined: int) -> None:
    program = f"""
import os
from test_threads import tasks_while, train_wide
train_wide(1)
before = len(os.listdir("/proc/self/task"))
print(tasks_while(lambda: train_wide({wanted}), {joined}) - before - 1)
"""
    assert lines_of(run(program)) == [str(joined)]


def tasks_while(work: Callable[[], Any], enough: int) -> int:
    """The most threads this process had while a thread of its own worked, over and over.

    The first time does not count: before a team grows, more threads are made on trial.
    """
    begun, finished, seen = threading.Event(), threading.Event(), 0
    before = len(os.listdir("/proc/self/task"))

    def repeat() -> None:
        work()
        begun.set()
        while not finished.is_set():
            work()

    worker = threading.Thread(target=repeat)
    worker.start()
    assert begun.wait(60)
    deadline = time.monotonic() + (30 if enough else 0.3)
    while time.monotonic() < deadline and seen < before + 1 + enough:
        seen = max(seen, len(os.listdir("/proc/self/task")))
    finished.set()
    worker.join()
    return seen


@needs_openmp
def test_threadpoolctl_limits_the_threads() -> None:
    pytest.importorskip("threadpoolctl")
    program = """
import threadpoolctl
from test_threads import nncore, train_wide
def state():
    print(nncore.get_num_threads(), train_wide())
state()
with threadpoolctl.threadpool_limits(1):
    state()
with threadpoolctl.threadpool_limits(2, user_api="openmp"):
    state()
state()
nncore.set_num_threads(4)
with threadpoolctl.threadpool_limits(1):
    state()
state()
"""
    states = [line.split() for line in lines_of(run(program, OMP_NUM_THREADS="3"))]
    assert [threads for threads, _ in states] == ["3", "1", "2", "3", "1", "4"]
    assert {bits for _, bits in states} == {train_wide(1)}


def answer_of_a_fork(task: Callable[[], Any]) -> Any:
    """What the task returns in a forked child, which is given a minute."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sender.send(task()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own about such forks
        process.start()
    sender.close()
    try:
        assert receiver.poll(60), "the child hangs"
        return receiver.recv()
    finally:
        process.kill()
        process.join()
        receiver.close()


needs_fork = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="needs fork"
)


@needs_fork
def test_the_child_of_a_forked_child_trains() -> None:
    expected = train_wide(2)  # threads exist from here on
    assert answer_of_a_fork(lambda: (train_wide(3), answer_of_a_fork(train_wide))) == (
        expected,
        expected,
    )


@needs_fork
def test_children_are_forked_while_the_parent_trains() -> None:
    expected, finished = train_wide(2), threading.Event()

    def keep_training() -> set[str]:
        hashes = set()
        while not finished.is_set():
            hashes.add(train_wide())
        return hashes

    with ThreadPoolExecutor(1) as pool:
        parent = pool.submit(keep_training)
        try:
            assert [answer_of_a_fork(train_wide) for _ in range(3)] == [expected] * 3
        finally:
            finished.set()
        assert parent.result() <= {expected}


@needs_fork
@pytest.mark.skipif(not LISTS_THREADS, reason="needs /proc to count threads")
def test_a_forked_child_has_threads_of_its_own() -> None:
    train_wide(3)
    # In the child: the thread that forked, the one that trains, and two that help it.
    assert answer_of_a_fork(lambda: tasks_while(train_wide, 2)) >= 4


BESIDE_PYTORCH = """
{imports}
import numpy as np
torch.set_num_threads(2)
a = np.random.default_rng(0).integers(-8, 8, (512, 512)).astype("float32")
def multiply():
    assert np.array_equal((torch.from_numpy(a) @ torch.from_numpy(a)).numpy(), a @ a)
for _ in range(3):
    print(train_wide(2))
    multiply()
"""


@pytest.mark.parametrize("first", ["torch", "nncore"])
def test_pytorch_in_the_same_process(first: str) -> None:
    """Whole numbers, so that any order of the sums gives the same product."""
    pytest.importorskip("torch")
    imports = ["import torch", "from test_threads import train_wide"]
    program = BESIDE_PYTORCH.format(imports="\n".join(sorted(imports, reverse=first == "torch")))
    expected = train_wide(1)
    assert lines_of(run(program)) == [expected] * 3


EXTRA_WORK_OF_THREADS = """
import os, subprocess, sys, time
if {pinned}:
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
from test_threads import _core, make_network, make_problem, nncore, train
net = make_network([64, 300, 10], ["sigmoid"] * 2, dtype="float32")
x, y = make_problem(net, 40000)
data = _core.Dataset(net, x.astype("float32"), y)
def processor_time(threads):
    nncore.set_num_threads(threads)
    begin = time.process_time()
    train(net, data, batch_size=64)
    return time.process_time() - begin
processor_time({threads})
busy = [sys.executable, "-S", "-E", "-c", "print(flush=True)\\nwhile True: pass"]
loops = []
try:
    for _ in range({loops}):
        loops.append(subprocess.Popen(busy, stdout=subprocess.PIPE))
    for loop in loops:
        loop.stdout.readline()
    print(processor_time({threads}) / processor_time(1))
finally:
    for loop in loops:
        loop.kill()
"""


def extra_work_of_threads(threads: int, *, pinned: bool = False, loops: int = 0) -> float:
    """How much more processor time, of all our threads, an epoch takes than with one thread.

    It is not what a clock on the wall shows: other processes do not add to it.
    """
    program = EXTRA_WORK_OF_THREADS.format(threads=threads, pinned=pinned, loops=loops)
    [ratio] = lines_of(run(program))
    return float(ratio)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs to choose processors")
def test_threads_that_share_a_processor_leave_it_to_the_one_that_works() -> None:
    """Were they to spin while they wait, the work would take eight times as much."""
    assert extra_work_of_threads(8, pinned=True) <= 3


def test_a_busy_machine_costs_little_more_work() -> None:
    """Eight idle loops a processor: a barrier after each product would wait for their turns."""
    assert extra_work_of_threads(2, loops=8 * (os.cpu_count() or 1)) <= 5
