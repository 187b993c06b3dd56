"""Threads and instruction sets: environment variables, limits, forks, PyTorch, a busy machine."""

from __future__ import annotations

import multiprocessing
import os
import platform
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from nncore import _core
from thread_programs import most_threads_during, output_lines, run, train_wide

LISTS_THREADS = Path("/proc/self/task").is_dir()


HASHES_OF_THE_INSTRUCTION_SET = """
from thread_programs import _core, train_wide
print(_core.build_info()["instruction_set"])
for dtype in ("float32", "float64"):
    print(*{train_wide(threads, dtype) for threads in (1, 2, 3, 4)})
"""


def hashes_under(name: str) -> list[str]:
    """One hash per dtype with that instruction set. Skips the test if the machine lacks it."""
    done = run(HASHES_OF_THE_INSTRUCTION_SET, NNCORE_ISA=name)
    if "this machine does not have that instruction set" in done.stderr:
        pytest.skip(f"needs a machine with {name}")
    ran, *hashes = output_lines(done)
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
def test_a_forced_instruction_set_gives_the_same_bits_on_any_number_of_threads(name: str) -> None:
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
    lines = output_lines(run(program, NNCORE_ISA="mmx"))
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("NNCORE_ISA=mmx: no such instruction set; expected one of ")
        assert line.endswith("baseline")


def test_an_empty_nncore_isa_means_no_choice() -> None:
    program = "import nncore; print(nncore._core.build_info()['instruction_set'])"
    [name] = output_lines(run(program, NNCORE_ISA=""))
    assert output_lines(run(program, NNCORE_ISA=name)) == [name]


needs_openmp = pytest.mark.skipif(
    not _core.build_info()["openmp"], reason="needs a build with OpenMP"
)


@needs_openmp
@pytest.mark.parametrize("threads", ["1", "3"])
def test_omp_num_threads_is_honoured(threads: str) -> None:
    program = "import nncore; print(nncore.get_num_threads())"
    assert output_lines(run(program, OMP_NUM_THREADS=threads)) == [threads]


@pytest.mark.skipif(not LISTS_THREADS, reason="needs /proc to count threads")
@pytest.mark.parametrize(("wanted", "joined"), [(1, 0), (2, 1), (4, 3)])
def test_the_number_of_threads_is_the_one_asked_for(wanted: int, joined: int) -> None:
    program = f"""
import os
from thread_programs import most_threads_during, train_wide
train_wide(1)
before = len(os.listdir("/proc/self/task"))
print(most_threads_during(lambda: train_wide({wanted}), {joined}) - before - 1)
"""
    assert output_lines(run(program)) == [str(joined)]


@needs_openmp
def test_threadpoolctl_limits_the_threads() -> None:
    pytest.importorskip("threadpoolctl")
    program = """
import threadpoolctl
from thread_programs import nncore, train_wide
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
    states = [line.split() for line in output_lines(run(program, OMP_NUM_THREADS="3"))]
    assert [threads for threads, _ in states] == ["3", "1", "2", "3", "1", "4"]
    assert {bits for _, bits in states} == {train_wide(1)}


def result_in_forked_child(task: Callable[[], Any]) -> Any:
    """What the task returns in a forked child. The child has a minute."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sender.send(task()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns about forks with threads
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
def test_a_forked_grandchild_trains() -> None:
    expected = train_wide(2)  # threads exist from here on
    assert result_in_forked_child(lambda: (train_wide(3), result_in_forked_child(train_wide))) == (
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
            assert [result_in_forked_child(train_wide) for _ in range(3)] == [expected] * 3
        finally:
            finished.set()
        assert parent.result() <= {expected}


@needs_fork
@pytest.mark.skipif(not LISTS_THREADS, reason="needs /proc to count threads")
def test_a_forked_child_has_threads_of_its_own() -> None:
    train_wide(3)
    # In the child: the main thread, the one that trains, and two that help it.
    assert result_in_forked_child(lambda: most_threads_during(train_wide, 2)) >= 4


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
    """The numbers are integers, so that the product does not depend on the order of sums."""
    pytest.importorskip("torch")
    imports = ["import torch", "from thread_programs import train_wide"]
    program = BESIDE_PYTORCH.format(imports="\n".join(sorted(imports, reverse=first == "torch")))
    expected = train_wide(1)
    assert output_lines(run(program)) == [expected] * 3


EXTRA_WORK_OF_THREADS = """
import os, subprocess, sys, time
if {pinned}:
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
from thread_programs import _core, make_network, make_problem, nncore, train
net = make_network([64, 300, 10], ["sigmoid"] * 2, dtype="float32")
x, y = make_problem(net, 40000)
data = _core.Dataset(net, x.astype("float32"), y)
def processor_time(threads):
    nncore.set_num_threads(threads)
    begin = time.process_time()
    train(net, data, batch_size=256)
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
    """The processor time of an epoch over that with one thread, summed over our threads.

    Unlike elapsed time it does not include what other processes use.
    """
    program = EXTRA_WORK_OF_THREADS.format(threads=threads, pinned=pinned, loops=loops)
    [ratio] = output_lines(run(program))
    return float(ratio)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs to choose processors")
def test_idle_threads_yield_a_shared_processor() -> None:
    """If waiting threads would spin, the epoch would take eight times the processor time."""
    assert extra_work_of_threads(8, pinned=True) <= 3


def test_a_busy_machine_costs_little_more_processor_time() -> None:
    """Eight busy loops per processor: a barrier after each product would wait for all of them."""
    assert extra_work_of_threads(2, loops=8 * (os.cpu_count() or 1)) <= 5
