"""However one rank ends, all end, with one message, soon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ranks import HELPERS, command, needs_mpi, run_ranks

pytestmark = needs_mpi

BEGINNING = """
import os, signal, sys, time
from threading import Thread
import numpy as np
import nncore
from nncore import distributed
from nncore.callbacks import Lambda

def interrupt_in(net):
    "Sends this process SIGINT once some epochs are trained."
    def wait():
        while net.epoch < 3: time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
    Thread(target=wait, daemon=True).start()

def fit(world, interrupted=False, **options):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 5)); y = rng.integers(0, 3, size=64)
    options = {"epochs": 10**6, "learning_rate": 0.01, **options}
    net = nncore.Network([5, 6, 3], seed=1)
    if interrupted: interrupt_in(net)
    return net.fit(x, y, world=world, **options), net
"""


def run(ranks: int, body: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("mpi4py")
    return run_ranks(ranks, sys.executable, "-c", BEGINNING + body, timeout=timeout)


def test_an_error_in_a_callback_ends_all_with_its_traceback_alone() -> None:
    ended = run(
        2,
        """
def fail(run):
    if run.epoch == 3: raise OSError("the disk is full")
with distributed.world() as world:
    fit(world, callbacks=[Lambda(on_epoch_end=fail)])
""",
    )
    assert ended.returncode != 0
    assert ended.stderr.count("the disk is full") == 1
    assert ended.stderr.count("Traceback") == 1


def test_an_error_between_mini_batches_is_raised_on_every_rank() -> None:
    ended = run(
        2,
        """
def fail(run):
    raise OSError("the disk is full")
with distributed.world() as world:
    try:
        fit(world, callbacks=[Lambda(on_batch_end=fail)])
    except OSError as error:
        found = repr(error)
    except distributed.RankError as error:
        found = str(error)
    everyone = world.of_all(found)
    if world.rank == 0: print(everyone)
""",
    )
    assert ended.returncode == 0, ended.stderr
    told = "rank 0 raised an error, and training ends on all ranks"
    assert ended.stdout.strip() == str([repr(OSError("the disk is full")), told])


def test_an_error_outside_of_training_ends_all() -> None:
    ended = run(
        2,
        """
with distributed.world() as world:
    fit(world, epochs=1)
    if world.rank == 1: raise ValueError("only here")
    print("rank", world.rank, "is done")
""",
    )
    assert ended.returncode != 0
    assert "rank 0 is done" in ended.stdout
    assert ended.stderr.count("only here") == 1
    assert ended.stderr.count("Traceback") == 1


@pytest.mark.parametrize("made", [False, True])
def test_an_error_before_the_world_is_entered_ends_all(made: bool) -> None:
    ended = run(
        2,
        f"""
if {made}: distributed.world()
if os.environ["PMI_RANK"] == "1": raise ValueError("only here")
with distributed.world() as world:
    fit(world)
""",
    )
    assert ended.returncode != 0
    assert ended.stderr.count("Traceback") == 1


@pytest.mark.parametrize("made", [False, True])
@pytest.mark.parametrize("status", [0, 3])
def test_a_rank_that_exits_before_the_world_is_entered_ends_all(made: bool, status: int) -> None:
    ended = run(
        3,
        f"""
if {made}: distributed.world()
if os.environ["PMI_RANK"] == "1": sys.exit({status})
with distributed.world() as world:
    fit(world)
""",
    )
    assert ended.returncode != 0
    assert ended.stderr.count("rank 1 has ended, and has not entered the world") == 1


def test_ranks_that_all_exit_without_a_world_end_as_they_say() -> None:
    ended = run(2, "sys.exit(0)")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert run(2, "sys.exit(3)").returncode == 3


def test_divergence_is_raised_on_every_rank_and_told_by_one() -> None:
    body = """
with distributed.world() as world:
    fit(world, learning_rate=1e200)
"""
    ended = run(2, body)
    assert ended.returncode != 0
    assert ended.stderr.count("training diverged in epoch 0") == 1


def test_a_callback_may_end_training_on_divergence() -> None:
    ended = run(
        2,
        """
from nncore.callbacks import TerminateOnNaN
with distributed.world() as world:
    history, net = fit(world, learning_rate=1e200, callbacks=[TerminateOnNaN()])
    assert world.of_all(len(history)) == [0, 0]
""",
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("of_rank", [0, 1])
def test_an_interrupted_rank_interrupts_all(of_rank: int) -> None:
    ended = run(
        2,
        f"""
with distributed.world() as world:
    try:
        fit(world, interrupted=world.rank == {of_rank})
    except KeyboardInterrupt:
        found = "interrupted"
    everyone = world.of_all(found)
    if world.rank == 0: print(everyone)
""",
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == str(["interrupted"] * 2)


def test_ctrl_c_that_nobody_catches_is_told_once() -> None:
    ended = run(
        2,
        """
with distributed.world() as world:
    fit(world, interrupted=True)
""",
    )
    assert ended.returncode != 0
    # One rank's traceback, which may go on with another signal that came meanwhile.
    told = ended.stderr.count("Traceback") - ended.stderr.count("During handling of")
    assert told == 1, ended.stderr


def test_a_killed_rank_ends_all(tmp_path: Path) -> None:
    pytest.importorskip("mpi4py")
    program = (
        BEGINNING
        + f"""
def tell(run):
    open({str(tmp_path / "trains")!r}, "w").close()
with distributed.world() as world:
    open({str(tmp_path)!r} + f"/{{world.rank}}", "w").write(str(os.getpid()))
    fit(world, callbacks=[Lambda(on_epoch_end=tell)])
"""
    )
    started = subprocess.Popen(
        command(3, sys.executable, "-c", program),
        env={**os.environ, "PYTHONPATH": str(HELPERS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    end = time.monotonic() + 20
    while not (tmp_path / "trains").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    os.kill(int((tmp_path / "1").read_text()), signal.SIGKILL)
    started.communicate(timeout=20)
    assert started.returncode != 0


def test_ranks_that_differ_are_told() -> None:
    ended = run(
        2,
        """
def raised(call):
    try: call()
    except Exception as error: return f"{type(error).__name__}: {error}"
rng = np.random.default_rng(0)
x = rng.normal(size=(64, 5)); y = rng.integers(0, 3, size=64)
with distributed.world() as world:
    net = nncore.Network([5, 6, 3], seed=world.rank)
    some = slice(world.rank * 32, world.rank * 32 + 32)
    faults = [
        raised(lambda: net.fit(x[some], y[some], world=world)),
        raised(lambda: net.fit(x, y, batch_size=10 + world.rank, world=world)),
        raised(lambda: net.fit(x, y, lanes=1, world=world)),
        raised(lambda: net.fit(x, y, lanes=0, world=world)),
        raised(lambda: net.fit(x, y, world=world.split(64, batch_size=10))),
        raised(lambda: net.fit(x, y, world=3)),
    ]
    if world.rank == 0: print(*faults, sep="\\n")
""",
    )
    assert ended.returncode == 0, ended.stderr
    rows, sizes, few, none, wrong_rows, no_world = ended.stdout.splitlines()
    assert rows.startswith("ValueError: the targets of rank 1 are not those of rank 0")
    assert "world.split" in rows
    assert sizes == "ValueError: the arguments of fit of rank 1 are not those of rank 0"
    assert "2 ranks for 1 lanes" in few
    assert "lanes is 0" in none
    assert "x has 64 rows on <rank 0 of 2>" in wrong_rows
    assert no_world.startswith("TypeError: world must be of nncore.distributed")


def test_a_world_has_to_be_entered() -> None:
    ended = run(1, "fit(distributed.world())")
    assert "this world was not entered" in ended.stderr


def test_an_mpiexec_of_another_mpi_is_told() -> None:
    pytest.importorskip("mpi4py")
    program = "from nncore import distributed; distributed.world()"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "OMPI_COMM_WORLD_SIZE": "2"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "mpiexec started 2 processes, but each is alone" in ended.stderr
