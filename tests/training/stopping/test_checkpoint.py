"""Checkpoint and resume: the same bits as an uninterrupted run, also after SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nncore import ModelFileError, Network, _core, schedules
from nncore.callbacks import Callback, CSVLogger, EarlyStopping, Lambda, ModelCheckpoint

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5))
Y = (X @ RNG.normal(size=(5, 3))).argmax(axis=1)


def network(dtype: str = "float32") -> Network:
    return Network([5, 8, 3], activation="tanh", seed=3, dtype=dtype)


def bits(net: Network) -> bytes:
    return b"".join(np.ascontiguousarray(p).tobytes() for p in net.weights + net.biases)


def history_without_seconds(net: Network) -> dict[str, Any]:
    """The history without its column of seconds."""
    return {key: column for key, column in dict(net.history).items() if key != "seconds"}


OPTIONS: dict[str, Any] = {
    "batch_size": 7,
    "dropout": 0.2,
    "l2": 0.1,
    "validation_data": (X[:20], Y[:20]),
    "learning_rate": schedules.HalveOnPlateau(0.05, patience=2),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", _core.OPTIMIZERS)
def test_a_resumed_run_has_the_same_bits(optimizer: str, dtype: str, tmp_path: Path) -> None:
    options = {**OPTIONS, "optimizer": optimizer}
    whole, net = network(dtype), network(dtype)
    whole.fit(X, Y, 9, **options)
    for stop in (4, 7):
        net.fit(X, Y, stop, initial_epoch=net.epoch, **options)
        net.save_checkpoint(tmp_path / "run")
        net = Network.resume(tmp_path / "run")
    assert history_without_seconds(net) == {
        key: column[:7] for key, column in history_without_seconds(whole).items()
    }
    net.fit(X, Y, 9, initial_epoch=net.epoch, **options)
    assert bits(net) == bits(whole)
    assert history_without_seconds(net) == history_without_seconds(whole)
    assert net.epoch == 9


def test_a_checkpoint_is_a_model(tmp_path: Path) -> None:
    net = network()
    net.fit(X, Y, 2, optimizer="adam", callbacks=[EarlyStopping("cost")])
    net.save_checkpoint(tmp_path / "run")
    model = Network.load(tmp_path / "run")
    assert bits(model) == bits(net)
    assert model.epoch == 2
    assert model.feedforward(X).tobytes() == net.feedforward(X).tobytes()


def test_the_file_is_safetensors(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors")
    net = network()
    net.fit(X, Y, 2, optimizer="adam")
    net.save_checkpoint(tmp_path / "run")
    with safetensors.safe_open(tmp_path / "run", "numpy") as file:
        assert np.array_equal(file.get_tensor("weights.0"), net.weights[0])
        assert file.get_tensor("optimizer.1.weights.0").shape == (8, 5)
        assert {"optimizer.0.biases.1", "optimizer.hyperparameters"} <= set(file.keys())
        assert "checkpoint" in file.metadata()


@pytest.mark.parametrize("stop", [2, 5, 8])
def test_early_stopping_is_resumed(stop: int, tmp_path: Path) -> None:
    """Also if the best epoch was before the checkpoint, and if training had stopped already."""
    values = [5.0, 4.0, 3.0, 4.0, 4.0, 4.0, 4.0, 4.0]

    def callbacks() -> list[Callback]:
        script = Lambda(on_epoch_end=lambda run: run.logs.update(validation_cost=values[run.epoch]))
        return [ModelCheckpoint(tmp_path / "run"), script, EarlyStopping(patience=5)]

    options = {key: value for key, value in OPTIONS.items() if key != "learning_rate"}
    whole, net = network(), network()
    whole.fit(X, Y, 20, callbacks=callbacks(), **options)
    assert whole.epoch == 8
    net.fit(X, Y, stop, callbacks=callbacks(), **options)
    net = Network.resume(tmp_path / "run")
    stopping = callbacks()
    net.fit(X, Y, 20, initial_epoch=net.epoch, callbacks=stopping, **options)
    assert net.epoch == 8
    assert bits(net) == bits(whole)
    assert (stopping[2].best, stopping[2].best_epoch) == (3.0, 2)


def test_a_resumed_network_saves_the_same_checkpoint(tmp_path: Path) -> None:
    net = network()
    net.fit(X, Y, 3, optimizer="adam", callbacks=[EarlyStopping("cost")])
    net.save_checkpoint(tmp_path / "one")
    Network.resume(tmp_path / "one").save_checkpoint(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


class Child(Network):
    """A subclass to resume."""


def test_resume_returns_the_subclass(tmp_path: Path) -> None:
    net = network()
    net.save_checkpoint(tmp_path / "run")
    child = Child.resume(tmp_path / "run")
    assert type(child) is Child
    assert len(child.history) == 0


def test_csv_logger_continues_after_resume(tmp_path: Path) -> None:
    net = network()
    net.fit(X, Y, 2, callbacks=[ModelCheckpoint(tmp_path / "run"), CSVLogger(tmp_path / "log")])
    net = Network.resume(tmp_path / "run")
    net.fit(X, Y, 4, initial_epoch=2, callbacks=[CSVLogger(tmp_path / "log")])
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", "0", "1", "2", "3"]


# --- damaged files ------------------------------------------------------------------------------


def test_a_model_file_is_refused_as_checkpoint(tmp_path: Path) -> None:
    network().save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="model: a model without a checkpoint"):
        Network.resume(tmp_path / "model")


def write_damaged_checkpoint(path: Path, change: Any) -> None:
    """Writes a checkpoint of two epochs and changes the file."""
    net = network()
    net.fit(X, Y, 2, optimizer="adam")
    net.save_checkpoint(path)
    metadata, tensors = _core.read_tensors(path)
    before = str((metadata, tensors))
    change(metadata, tensors)
    assert str((metadata, tensors)) != before
    _core.write_tensors(path, metadata, tensors)


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: "",
        lambda text: "[]",
        lambda text: "{}",
        lambda text: "[" * 100_000,
        lambda text: text.replace('"version": 2', '"version": 1'),
        lambda text: text.replace('"epochs": [0, 1]', '"epochs": [0]'),
        lambda text: text.replace('"callbacks": []', '"callbacks": [1]'),
    ],
)
def test_damaged_checkpoints_are_refused(edit: Any, tmp_path: Path) -> None:
    write_damaged_checkpoint(
        tmp_path / "run", lambda m, _: m.update(checkpoint=edit(m["checkpoint"]))
    )
    with pytest.raises(ModelFileError, match="run: a damaged checkpoint"):
        Network.resume(tmp_path / "run")


SLOT = "optimizer.1.weights.0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m, _: m.update({"nncore.optimizer": "adamant"}), "unknown optimizer 'adamant'"),
        (lambda m, _: m.update({"nncore.optimizer": "sgd"}), r"to be F64 of shape \(0,\)"),
        (lambda m, _: m.pop("nncore.steps"), "no entry nncore.steps"),
        (lambda m, _: m.update({"nncore.steps": "-1"}), 'nncore.steps has "-1"'),
        (lambda m, _: m.update({"nncore.steps": "1.5"}), 'nncore.steps has "1.5"'),
        (lambda m, _: m.pop("nncore.unfinished"), "no entry nncore.unfinished"),
        (lambda m, _: m.update({"nncore.unfinished": "40,10"}), "has 2 numbers; expected 3"),
        (lambda m, _: m.update({"nncore.unfinished": "40,10,0.5"}), 'has "0.5"'),
        (lambda _, t: t["optimizer.hyperparameters"].put(0, 1.9), "beta_1 is 1.9"),
        (lambda _, t: t["optimizer.hyperparameters"].put(2, np.nan), "epsilon is nan"),
        (lambda _, t: t.pop(SLOT), f'a tensor "{SLOT}"'),
        (lambda _, t: t.update({SLOT: t[SLOT][:-1]}), r"F32 of shape \(7, 5\)"),
        (lambda _, t: t.update({SLOT: t[SLOT].astype("float64")}), r"F64 of shape \(8, 5\)"),
        (lambda _, t: t[SLOT].put(3, np.nan), f"{SLOT} has NaN or infinity"),
    ],
)
def test_damaged_trainer_state_is_refused(change: Any, message: str, tmp_path: Path) -> None:
    write_damaged_checkpoint(tmp_path / "run", change)
    with pytest.raises(ModelFileError, match=f"run: .*{message}"):
        Network.resume(tmp_path / "run")
    assert Network.load(tmp_path / "run").epoch == 2


def test_non_finite_optimizer_slots_are_not_saved(tmp_path: Path) -> None:
    net = network()
    net.fit(X, Y, 1, optimizer="adam")
    assert net.training_state.trainer is not None
    net.training_state.trainer.slots[1][3] = np.inf
    with pytest.raises(ValueError, match="the memory of adam has NaN or infinite numbers"):
        net.save_checkpoint(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_invalid_callback_states_are_refused(tmp_path: Path) -> None:
    net = network()
    net.fit(X, Y, 1, callbacks=[EarlyStopping("cost")])
    net.save_checkpoint(tmp_path / "run")
    metadata, tensors = _core.read_tensors(tmp_path / "run")
    damaged = {**metadata, "checkpoint": metadata["checkpoint"].replace('"waited"', '"weighted"')}
    _core.write_tensors(tmp_path / "run", damaged, tensors)
    net = Network.resume(tmp_path / "run")
    with pytest.raises(ModelFileError, match="not that of this EarlyStopping: KeyError"):
        net.fit(X, Y, 2, initial_epoch=1, callbacks=[EarlyStopping("cost")])


# --- processes that are stopped and killed --------------------------------------------------------

SCRIPT = """
    import os, sys
    import numpy as np
    from nncore import Network, optimizers
    from nncore.callbacks import EarlyStopping, ModelCheckpoint

    path, epochs = sys.argv[1], int(sys.argv[2])
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 50)), rng.integers(0, 10, 400)
    if os.path.exists(path):
        net = Network.resume(path)
    else:
        net = Network([50, 200, 10], activation="relu", seed=4)
    print("ready", flush=True)
    try:
        net.fit(
            x, y, epochs, batch_size=16, optimizer="adam", dropout=[0.1, 0.4],
            validation_split=0.1, initial_epoch=net.epoch,
            callbacks=[ModelCheckpoint(path), EarlyStopping(patience=1000)],
        )
    except KeyboardInterrupt:
        net.save_checkpoint(path)
    print(net.epoch, flush=True)
"""


def start(path: Path, epochs: int) -> subprocess.Popen[str]:
    code = textwrap.dedent(SCRIPT)
    return subprocess.Popen(
        [sys.executable, "-c", code, os.fspath(path), str(epochs)],
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(path: Path, epochs: int) -> Network:
    with start(path, epochs) as process:
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert out.split() == ["ready", str(epochs)]
    return Network.resume(path)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "SIGINT"])
def test_a_run_killed_at_any_moment_resumes_to_the_same_bits(
    sent: signal.Signals, tmp_path: Path
) -> None:
    """The checkpoint is complete whenever the process dies. In the end the bits are the same."""
    epochs = 60
    whole = finish(tmp_path / "whole", epochs)
    path = tmp_path / "run"
    reached = 0
    for delay in np.random.default_rng(int(sent)).uniform(0.0, 0.15, 8):
        with start(path, epochs) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(delay)
            process.send_signal(sent)
            process.wait(timeout=60)
        if path.exists():
            net = Network.resume(path)  # the file is complete at any moment
            assert reached <= net.epoch <= epochs
            reached = net.epoch
    if reached == 0:  # a busy machine, where none of them came to the end of an epoch
        with start(path, epochs) as process:
            while not path.exists() or Network.load(path).epoch == 0:
                assert process.poll() is None
                time.sleep(0.001)
            process.send_signal(sent)
    net = finish(path, epochs)
    assert bits(net) == bits(whole)
    assert net.history["validation_cost"] == whole.history["validation_cost"]
    if sent == signal.SIGINT:  # a killed process cannot remove its temporary file
        assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "whole"]


def test_an_epoch_interrupted_by_ctrl_c_resumes_where_it_stopped(tmp_path: Path) -> None:
    """The process is interrupted within its second epoch."""
    code = """
        import os, signal, sys, threading, time
        import numpy as np
        from nncore import Network
        from nncore.callbacks import Lambda

        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(20_000, 50)), rng.integers(0, 10, 20_000)
        options = dict(batch_size=2, optimizer="momentum", dropout=0.3, l2=1.0)
        whole = Network([50, 200, 10], seed=4)

        def press_once_it_runs(net):
            before = net.biases[-1].copy()
            while np.array_equal(net.biases[-1], before):
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGINT)

        def press_soon(run):
            global presser
            if run.epoch == 1:
                presser = threading.Thread(target=press_once_it_runs, args=(run.net,))
                presser.start()

        while True:
            net = Network([50, 200, 10], seed=4)
            try:
                net.fit(x, y, 5, callbacks=[Lambda(on_epoch_begin=press_soon)], **options)
                presser.join()  # if it is late, it is pressed here
            except KeyboardInterrupt:
                position = net.training_state.trainer.position
                if net.epoch == 1 and position is not None:  # else the epoch ended meanwhile
                    break
        print(0 < position[3] < 10_000)
        net.save_checkpoint(sys.argv[1])
        net = Network.resume(sys.argv[1])
        net.fit(x, y, 3, initial_epoch=net.epoch, **options)
        whole.fit(x, y, 3, **options)
        print(all(np.array_equal(p, q) for p, q in zip(net.weights, whole.weights)))
        print(net.history.epochs == [0, 1, 2] and net.history["cost"] == whole.history["cost"])
    """
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), os.fspath(tmp_path / "run")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert out.stdout.split() == ["True", "True", "True"], out.stderr
