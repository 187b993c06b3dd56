"""Callbacks: when they are called, what they may do, and every callback that nncore has."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nncore
from nncore import Network, schedules
from nncore.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    Lambda,
    LearningRateScheduler,
    ModelCheckpoint,
    TerminateOnNaN,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5))
Y = (X @ RNG.normal(size=(5, 3))).argmax(axis=1)


def network(seed: int = 1) -> Network:
    return Network([5, 6, 3], seed=seed, dtype="float64")


def bits(net: Network) -> bytes:
    return b"".join(np.ascontiguousarray(p).tobytes() for p in net.weights + net.biases)


class Recorder(Callback):
    """Records when it is called and what it sees."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []

    def on_train_begin(self, run: Any) -> None:
        self.calls.append(("train_begin", run.net.epoch))

    def on_epoch_begin(self, run: Any) -> None:
        self.calls.append(("epoch_begin", run.epoch))

    def on_epoch_end(self, run: Any) -> None:
        assert tuple(run.logs) == run.columns
        assert run.history.epochs[-1] == run.epoch == run.net.epoch - 1
        self.calls.append(("epoch_end", run.epoch))

    def on_train_end(self, run: Any) -> None:
        self.calls.append(("train_end", run.net.epoch))


class ScriptedColumns(Callback):
    """Replaces a measured column by given values."""

    def __init__(self, column: str, values: list[float]) -> None:
        self.column, self.values = column, values

    def on_epoch_end(self, run: Any) -> None:
        run.logs[self.column] = self.values[run.epoch]


def test_hooks_are_called_in_order() -> None:
    recorder, net = Recorder(), network()
    net.fit(X, Y, 2, callbacks=[recorder], validation_data=(X, Y), metrics=["f1"])
    net.fit(X, Y, 1, callbacks=[recorder])
    assert recorder.calls == [
        ("train_begin", 0), ("epoch_begin", 0), ("epoch_end", 0), ("epoch_begin", 1),
        ("epoch_end", 1), ("train_end", 2),
        ("train_begin", 2), ("epoch_begin", 2), ("epoch_end", 2), ("train_end", 3),
    ]  # fmt: skip


def test_callbacks_may_predict_save_and_stop(tmp_path: Path) -> None:
    seen: list[Any] = []

    def look(run: Any) -> None:
        seen.append(run.net.predict(X).shape)
        seen.append(run.net.evaluate(X, Y).cost)
        run.net.save(tmp_path / "model")
        if run.epoch == 1:
            run.stop()

    net = network()
    history = net.fit(X, Y, 10, callbacks=[Lambda(on_epoch_end=look)])
    assert len(history) == net.epoch == 2
    assert len(seen) == 4
    assert bits(Network.load(tmp_path / "model")) == bits(net)


@pytest.mark.parametrize(
    "hook", ["on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end"]
)
def test_after_a_callback_raises_the_network_is_usable(hook: str) -> None:
    def fail(run: Any) -> None:
        if hook == "on_train_begin" or run.epoch == 1:
            raise RuntimeError("out of ink")

    net, twin = network(), network()
    with pytest.raises(RuntimeError, match="out of ink"):
        net.fit(X, Y, 2, optimizer="adam", callbacks=[Lambda(**{hook: fail})])
    assert len(net.history) == net.epoch
    net.fit(X, Y, 4, optimizer="adam", initial_epoch=net.epoch)
    twin.fit(X, Y, 4, optimizer="adam")
    assert bits(net) == bits(twin)


# --- EarlyStopping ------------------------------------------------------------------------------


def test_early_stopping_restores_the_best_parameters() -> None:
    best: list[bytes] = []
    keep = Lambda(on_epoch_end=lambda run: best.append(bits(run.net)))
    script = ScriptedColumns("validation_cost", [5.0, 3.0, 4.0, 3.0, 9.0, 1.0])
    stopping = EarlyStopping(patience=3)
    net = network()
    history = net.fit(X, Y, 20, validation_data=(X, Y), callbacks=[keep, script, stopping])
    assert len(history) == net.epoch == 5
    assert (stopping.best, stopping.best_epoch) == (3.0, 1)
    assert bits(net) == best[1]


def test_early_stopping_may_keep_the_last_parameters() -> None:
    last: list[bytes] = []
    net = network()
    net.fit(
        X, Y, 20, validation_data=(X, Y),
        callbacks=[
            ScriptedColumns("validation_cost", [5.0, 6.0, 7.0]),
            EarlyStopping(patience=2, restore_best=False),
            Lambda(on_epoch_end=lambda run: last.append(bits(run.net))),
        ],
    )  # fmt: skip
    assert len(last) == 3
    assert bits(net) == last[-1]


@pytest.mark.parametrize(
    ("monitor", "options", "values", "epochs"),
    [
        ("validation_accuracy", {}, [0.5, 0.6, 0.6, 0.5, 0.9], 4),
        ("cost", {"min_delta": 0.5}, [5.0, 4.8, 4.6, 1.0], 3),
        ("validation_f1", {}, [0.5, math.nan, 0.4, 0.9], 3),
        ("mine", {"mode": "min"}, [0.5, 0.6, 0.7, 0.1], 3),
        ("mine", {"mode": "max"}, [0.5, 0.6, 0.7, 0.1, 0.2], 5),
    ],
)
def test_early_stopping_on_any_metric(
    monitor: str, options: dict[str, Any], values: list[float], epochs: int
) -> None:
    stopping = EarlyStopping(monitor, patience=2, **options)
    history = network().fit(
        X, Y, 9, validation_data=(X, Y), metrics={"f1": "f1", "mine": lambda y, p: 0.0},
        callbacks=[ScriptedColumns(monitor, values + [math.nan] * 9), stopping],
    )  # fmt: skip
    assert len(history) == epochs


def test_early_stopping_is_reset_by_every_fit() -> None:
    stopping, net = EarlyStopping("cost", patience=1), network()
    for _ in range(2):
        epochs = net.fit(
            X,
            Y,
            9,
            callbacks=[Lambda(on_epoch_end=lambda run: run.logs.update(cost=1.0)), stopping],
        ).epochs
        assert len(epochs) == 2


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: EarlyStopping(patience=0), ValueError, "patience must be at least 1"),
        (lambda: EarlyStopping(min_delta=-1.0), ValueError, "min_delta must be at least 0"),
        (lambda: EarlyStopping(mode="up"), ValueError, "unknown mode 'up'"),
        (lambda: EarlyStopping("mine"), ValueError, "known here; give mode='min' or mode='max'"),
        (lambda: EarlyStopping("val_loss"), ValueError, "did you mean 'validation_cost'"),
        (lambda: EarlyStopping("val_accuracy"), ValueError, "did you mean 'validation_accuracy'"),
        (lambda: ModelCheckpoint("x", every=0), ValueError, "every must be at least 1"),
        (lambda: Lambda(on_epoch_end=3), TypeError, "on_epoch_end must be a function"),
    ],
)
def test_bad_arguments(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_monitored_columns_are_checked_before_training() -> None:
    net = network()
    for callback, message in (
        (EarlyStopping(), "EarlyStopping follows 'validation_cost', but there is no validation"),
        (EarlyStopping("f1"), "unknown column for EarlyStopping to follow 'f1'"),
        (ModelCheckpoint("x", "acuracy", mode="max"), "unknown column for ModelCheckpoint"),
        (LearningRateScheduler(schedules.HalveOnPlateau(0.1)), "no validation data"),
        (ModelCheckpoint("x-{epoch}-{acuracy}"), "cannot fill in .*acuracy.*; expected epoch or"),
        (ModelCheckpoint("x-{}"), "cannot fill in"),
        (ModelCheckpoint("x-{cost:d}"), "cannot fill in"),
    ):
        with pytest.raises(ValueError, match=message):
            net.fit(X, Y, 1, callbacks=[callback])
    assert net.epoch == 0
    stopping = EarlyStopping("confusion_matrix", mode="max")
    with pytest.raises(TypeError, match="'confusion_matrix' is not a number"):
        net.fit(X, Y, 1, metrics=["confusion_matrix"], callbacks=[stopping])


# --- the others ---------------------------------------------------------------------------------


def test_model_checkpoint_saves_every_epoch(tmp_path: Path) -> None:
    net = network()
    pattern = tmp_path / "run-{epoch:02d}-{cost:.3f}.safetensors"
    history = net.fit(X, Y, 4, callbacks=[ModelCheckpoint(pattern, every=2)])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"run-{e:02d}-{history['cost'][e]:.3f}.safetensors" for e in (1, 3)]
    assert bits(Network.load(tmp_path / names[-1])) == bits(net)
    assert Network.resume(tmp_path / names[0]).epoch == 2


def test_model_checkpoint_keeps_the_best(tmp_path: Path) -> None:
    """It runs after the other callbacks, whatever its place in the list, and sees their effects."""
    path, net = tmp_path / "best", network()
    script = ScriptedColumns("validation_accuracy", [0.5, 0.7, 0.6, 0.7])
    checkpoint = ModelCheckpoint(path, "validation_accuracy")
    net.fit(X, Y, 4, validation_data=(X, Y), callbacks=[checkpoint, script])
    assert Network.resume(path).epoch == 2


def test_csv_logger(tmp_path: Path) -> None:
    path, net = tmp_path / "log.csv", network()
    net.fit(X, Y, 2)
    net.fit(X, Y, 2, callbacks=[CSVLogger(path)], validation_data=(X, Y))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    assert [float(row["cost"]) for row in rows] == net.history["cost"]
    assert [float(row["validation_cost"] or "nan") for row in rows[2:]] == (
        net.history["validation_cost"][2:]
    )
    net.fit(X, Y, 1, callbacks=[CSVLogger(path)])
    with path.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 5


def test_learning_rate_scheduler() -> None:
    one, two = network(), network()
    schedule = schedules.Step(1.0, every=2)
    history = one.fit(X, Y, 4, callbacks=[LearningRateScheduler(schedule)])
    two.fit(X, Y, 4, learning_rate=schedule)
    assert history["learning_rate"] == [1.0, 1.0, 0.5, 0.5]
    assert bits(one) == bits(two)
    plateau = schedules.ReduceOnPlateau(1.0, factor=0.5, patience=1, monitor="cost", min_delta=9.0)
    history = network().fit(X, Y, 3, callbacks=[LearningRateScheduler(plateau)])
    assert history["learning_rate"] == [1.0, 1.0, 0.5]


def test_terminate_on_nan() -> None:
    net = Network([5, 1], output_activation="linear", seed=1)
    with pytest.raises(nncore.DivergenceError):
        net.fit(X, X[:, 0], 50, learning_rate=1e30)
    recorder = Recorder()
    history = net.fit(
        X, X[:, 0], 50, learning_rate=lambda epoch: 0.01 if epoch < 2 else 1e30,
        callbacks=[TerminateOnNaN(), recorder],
    )  # fmt: skip
    assert len(history) == net.epoch == 2
    assert net.all_finite()
    assert recorder.calls[-1] == ("train_end", 2)
    odd = network().fit(
        X, Y, 9, callbacks=[TerminateOnNaN()], metrics={"odd": lambda y, p: math.nan}
    )
    assert len(odd) == 1
