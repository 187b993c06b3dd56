"""What rank 0 does for all; checkpoints; the command; what is expected of ranks."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nncore
from nncore.distributed import Core, Expectation, Link, expectation
from rank_cases import COMMON, WEIGHTS, X, Y, digest, network
from ranks import needs_mpi, run_ranks

PROGRAM = """
import os, sys
import numpy as np
import nncore
from nncore import distributed
from nncore.callbacks import *
from rank_cases import *
"""


def run(ranks: int, body: str) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("mpi4py")
    ended = run_ranks(ranks, sys.executable, "-c", PROGRAM + body)
    assert ended.returncode == 0, ended.stderr
    return ended


@needs_mpi
def test_a_checkpoint_resumes_on_another_number_of_ranks(tmp_path: Path) -> None:
    options = {**COMMON, "optimizer": "adam", "learning_rate": 0.01, "epochs": 4}
    whole = network()
    whole.fit(X, Y, **options)
    path = str(tmp_path / "checkpoint.safetensors")
    run(
        3,
        f"""
def stop_within(run):
    if run.epoch == 1 and run.batch == 0: run.stop()
with distributed.world() as world:
    net = network()
    net.fit(X, Y, 4, 30, 0.01, optimizer="adam", lanes=5, world=world,
            callbacks=[Lambda(on_batch_end=stop_within)])
    if world.rank == 0: net.save_checkpoint({path!r})
    world.of_all(None)
    assert net.epoch == 1 and net.training_state.trainer.position[3] == 2
""",
    )
    ended = run(
        2,
        f"""
with distributed.world() as world:
    net = nncore.Network.resume({path!r})
    net.fit(X, Y, 4, 30, 0.01, optimizer="adam", world=world, initial_epoch=net.epoch)
    if world.rank == 0: print(digest(net))
""",
    )
    assert ended.stdout.strip() == digest(whole)
    alone = nncore.Network.resume(path)
    assert alone.training_state.lanes == 5
    alone.fit(X, Y, 4, 30, 0.01, optimizer="adam", initial_epoch=alone.epoch)
    assert digest(alone) == digest(whole)


@needs_mpi
def test_callbacks_of_rank_0_count_on_all(tmp_path: Path) -> None:
    body = """
def halve(run): run.learning_rate /= 2
def disturb(run): run.net.weights[0][...] *= 0.5
def train(world):
    rank = world.rank if world else 0
    net = network()
    history = net.fit(X, Y, **{**COMMON, "epochs": 8}, world=world, validation_data=(X, Y),
        callbacks=[EarlyStopping("validation_cost", patience=1), WarmUp(9),
                   Lambda(on_batch_end=halve, on_epoch_end=disturb)])
    return digest(net), history["learning_rate"], history["validation_cost"], net.epoch
if __name__ == "__main__":
    with distributed.world() as world:
        found = train(world)
        assert world.of_all(found) == [found] * 3, found
        if world.rank == 0: assert found == train(None)
"""
    run(3, body)


@needs_mpi
def test_the_command_trains_on_ranks(tmp_path: Path) -> None:
    pytest.importorskip("mpi4py")
    rng = np.random.default_rng(5)
    table = rng.normal(size=(120, 4)).round(3)
    text = "\n".join(",".join(map(str, row)) for row in table)
    (tmp_path / "t.csv").write_text("a,b,c,y\n" + text + "\n")
    options = ["--data", "t.csv", "--target", "y", "--epochs", "2", "--lanes", "6"]
    digests = set()
    for ranks in (1, 3):
        name = f"{ranks}.safetensors"
        command = [sys.executable, "-m", "nncore", "train", *options, "--output", name]
        ended = run_ranks(ranks, *command, cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.count("saved     ") == 1
        assert ("ranks     3 for 6 lanes" in ended.stdout) == (ranks == 3)
        digests.add(digest(nncore.Network.load(tmp_path / name)))
    assert len(digests) == 1


@needs_mpi
def test_an_error_of_the_command_is_told_once(tmp_path: Path) -> None:
    pytest.importorskip("mpi4py")
    command = [sys.executable, "-m", "nncore", "train", "--data", "no-such.csv", "--target", "y"]
    ended = run_ranks(3, *command, cwd=tmp_path)
    assert ended.returncode != 0
    assert ended.stderr.count("nncore: error:") == 1


@needs_mpi
def test_a_link_is_measured_between_ranks() -> None:
    ended = run(
        2,
        """
with distributed.world() as world:
    found = distributed.expectation(network(), X, Y, batch_size=40, lanes=4, world=world)
    assert world.of_all(found) == [found] * 2
    assert 0 < found.link.latency < 1 and found.link.bandwidth > 1e6
    if world.rank == 0: print(found)
""",
    )
    assert ended.stdout.startswith("ranks    a step  exchange  an epoch  efficiency\n")


CORE = Core(row=1e-6, lane=1e-6, update=2e-6, byte=1e-10)
LARGE = Core(row=1e-4, lane=1e-4, update=1e-3, byte=1e-10)


def test_expectations_add_up() -> None:
    link = Link.of(10, latency=1e-5)
    small = Expectation(CORE, link, 4 * 23_860, batch_size=10, lanes=8, rows=50_000)
    assert small.step(1) == pytest.approx(10e-6 + 8e-6 + 2e-6)
    # A slice of half the parameters to the other rank, and back.
    sent = 2 * (1e-5 + 4 * 11_930 / 1.25e9) + 64 / 1.25e9
    assert small.exchange(2) == pytest.approx(sent + 4 * 4 * 23_860e-10)
    assert small.step(2) == pytest.approx(5e-6 + 4e-6 + 2e-6 + small.exchange(2))
    assert small.epoch(2) == pytest.approx(5_000 * small.step(2))
    assert small.speedup(2) < 1
    assert "2 ranks are slower than one" in small.advice(2)
    assert "Mini-batches of" in small.advice(2)
    assert "fit_many" in small.advice(2)
    large = Expectation(LARGE, link, 4 * 23_860, batch_size=256, lanes=8, rows=50_000)
    assert 0.9 < large.efficiency(2) < 1
    assert large.advice(2) == ""
    assert large.efficiency(3) < large.efficiency(2)  # three lanes on the rank that has most
    assert "Up to 4 would pay." in large.advice(7)
    assert str(large).count("\n") == 4  # 1, 2, 4 and 8 ranks under a heading


def test_an_expectation_of_ranks_to_come_needs_a_link() -> None:
    with pytest.raises(ValueError, match=r"needs a world, or a link such as Link\.of\(10\)"):
        expectation(network(), X, Y)
    found = expectation(network(), X, Y, batch_size=40, lanes=4, link=Link.of(100, latency=3e-6))
    assert found.step(1) > 0
    assert found.parameter_bytes == 4 * (9 * 8 + 8 + 8 * 3 + 3)


def test_lanes_are_of_the_run_and_of_its_checkpoints(tmp_path: Path) -> None:
    net = network()
    net.fit(X, Y, **COMMON)
    cut = digest(net)
    assert net.training_state.lanes == 5
    other = network()
    other.fit(X, Y, **{**COMMON, "lanes": 4})
    assert digest(other) != cut
    plain = network()
    plain.fit(X, Y, **{**COMMON, "lanes": None})
    assert plain.training_state.lanes == 0
    path = tmp_path / "checkpoint.safetensors"
    net.save_checkpoint(path)
    resumed = nncore.Network.resume(path)
    assert resumed.training_state.lanes == 5
    for each in (net, resumed):
        each.fit(X, Y, 1, 30, 0.3, sample_weight=WEIGHTS)
        assert each.training_state.lanes == 5
    assert digest(net) == digest(resumed)
    net.fit(X, Y, 1, lanes=0)
    assert net.training_state.lanes == 0


@pytest.mark.parametrize("lanes", [-1, 2**20 + 1])
def test_lanes_out_of_range_are_refused(lanes: int) -> None:
    with pytest.raises(ValueError, match="lanes"):
        network().fit(X, Y, 1, lanes=lanes)


def test_lanes_give_the_same_bits_on_any_number_of_threads() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(1_000, 40)), rng.integers(0, 3, size=1_000)
    found = set()
    for threads in (1, 2, 4):
        nncore.set_num_threads(threads)
        net = nncore.Network([40, 60, 3], seed=1)
        net.fit(x, y, 2, 300, lanes=3, n_threads=threads, dropout=0.3)
        found.add(digest(net))
    assert len(found) == 1


def test_without_mpi4py_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(module: str) -> None:
        raise ModuleNotFoundError(f"No module named {module!r}", name="mpi4py")

    monkeypatch.setattr("nncore._support.extras.import_module", missing)
    with pytest.raises(ImportError, match=r"ranks needs mpi4py; .*pip install 'nncore\[mpi\]'"):
        nncore.distributed.world()


@needs_mpi
def test_blocks_are_refused_on_ranks() -> None:
    ended = run(
        1,
        """
with distributed.world() as world:
    try: network().fit(nncore.data.Blocks(X, Y), world=world)
    except TypeError as error: print(error)
""",
    )
    assert ended.stdout.startswith("Blocks are for one process")


@needs_mpi
def test_a_split_is_not_augmented() -> None:
    ended = run(
        1,
        """
with distributed.world() as world:
    part = world.split(len(X), batch_size=10)
    try: network().fit(X, Y, batch_size=10, world=part, augment=nncore.augment.Affine(rotation=9))
    except ValueError as error: print(error)
""",
    )
    assert ended.stdout.startswith("augment draws by the numbers of all rows")


def test_lanes_share_rows_evenly_whatever_their_number() -> None:
    for rows, lanes in [(1, 1), (1, 5), (7, 5), (30, 7), (128, 8), (1_000, 3)]:
        places = [nncore._core.rows_of_lane(rows, lanes, i) for i in range(lanes)]
        assert places[0][0] == 0
        assert all(before[1] == after[0] for before, after in itertools.pairwise(places))
        assert places[-1][1] == rows
        taken = [end - begin for begin, end in places if end > begin]
        assert len(taken) == min(rows, lanes)
        assert max(taken) - min(taken) <= 4
