"""`on_batch_end`: called after mini-batches, at a stride, and what it may change."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nncore import BusyError, Network, _core, schedules
from nncore.callbacks import Callback, Lambda, LearningRateScheduler, WarmUp
from small_problem import X, Y, bits, network


class Recorder(Callback):
    def __init__(self, stride: int | None = 1) -> None:
        self.batch_stride = stride
        self.seen: list[tuple[int, int, int]] = []
        self.costs: list[float] = []

    def on_batch_end(self, run: Any) -> None:
        self.seen.append((run.epoch, run.batch, run.step))
        self.costs.append(run.batch_cost)


@pytest.mark.parametrize("stride", [1, 3, 4, 5, 100])
def test_it_is_called_at_its_stride(stride: int) -> None:
    """40 rows in mini-batches of 9 are 5, the last of 4."""
    recorder = Recorder(stride)
    net, plain = network(), network()
    history = net.fit(X, Y, 3, 9, callbacks=[recorder])
    expected = [(e, b, e * 5 + b + 1) for e in range(3) for b in range(5) if (b + 1) % stride == 0]
    assert recorder.seen == expected
    assert plain.fit(X, Y, 3, 9)["cost"] == history["cost"]
    assert bits(net) == bits(plain)
    if stride == 1:
        sizes = np.array([9, 9, 9, 9, 4])
        costs = np.array(recorder.costs).reshape(3, 5) @ sizes / 40
        np.testing.assert_allclose(costs, history["cost"], rtol=1e-12)


def test_several_strides() -> None:
    recorders = [Recorder(2), Recorder(3), Recorder(None), Recorder(1)]
    network().fit(X, Y, 1, 4, callbacks=recorders)
    assert [len(recorder.seen) for recorder in recorders] == [5, 3, 0, 10]


def test_nobody_asks_nobody_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """The epoch is one call into the core, without the way back."""
    options: list[set[str]] = []

    class Trainer(_core.Trainer):
        def epoch(self, *arguments: Any, **given: Any) -> float:
            options.append(set(given))
            return super().epoch(*arguments, **given)

    monkeypatch.setattr(_core, "Trainer", Trainer)
    network().fit(X, Y, 1, callbacks=[Callback(), Recorder(None), Lambda()])
    network().fit(X, Y, 1, callbacks=[Recorder()])
    assert "after_batches" not in options[0]
    assert "after_batches" in options[1]


def test_steps_count_from_the_call() -> None:
    net, recorder = network(), Recorder(5)
    net.fit(X, Y, 2, 8)
    net.fit(X, Y, 2, 8, callbacks=[recorder])
    assert recorder.seen == [(2, 4, 5), (3, 4, 10)]


def test_the_rate_may_change_within_an_epoch() -> None:
    """As the same mini-batches, one call each, at those rates."""
    net, steps = network(), network()

    class Halve(Callback):
        def on_batch_end(self, run: Any) -> None:
            run.learning_rate /= 2

    history = net.fit(X, Y, 1, 10, 1.0, callbacks=[Halve()], shuffle=False)
    assert history["learning_rate"] == [1.0 / 16]
    for i in range(4):
        steps.update_mini_batch(X[10 * i : 10 * i + 10], Y[10 * i : 10 * i + 10], 0.5**i)
    np.testing.assert_allclose(net.weights[0], steps.weights[0], rtol=1e-12)


@pytest.mark.parametrize("rate", [-1.0, float("nan"), "fast"])
def test_a_wrong_rate_is_refused(rate: Any) -> None:
    def change(run: Any) -> None:
        run.learning_rate = rate

    with pytest.raises((TypeError, ValueError), match="learning_rate must be"):
        network().fit(X, Y, 1, 4, callbacks=[Lambda(on_batch_end=change)])


@pytest.mark.parametrize("way", ["stop", "raise"])
@pytest.mark.parametrize("batch", [0, 3, 8, 9])
def test_training_may_end_within_an_epoch(way: str, batch: int, tmp_path: Path) -> None:
    """What was begun goes on in the next call, with the bits of a run that was not stopped."""
    whole, net = network(), network()
    whole.fit(X, Y, 3, 4, optimizer="adam", dropout=0.25)

    def leave(run: Any) -> None:
        if (run.epoch, run.batch) == (1, batch):
            if way == "raise":
                raise RuntimeError("enough")
            run.stop()

    ended: list[int] = []
    callbacks = [
        Lambda(on_batch_end=leave, on_train_end=lambda run: ended.append(run.epoch)),
    ]
    options: dict[str, Any] = {"optimizer": "adam", "dropout": 0.25}
    if way == "raise":
        with pytest.raises(RuntimeError, match="enough"):
            net.fit(X, Y, 3, 4, callbacks=callbacks, **options)
    else:
        history = net.fit(X, Y, 3, 4, callbacks=callbacks, **options)
        assert history.epochs == ([0, 1] if batch == 9 else [0])
        assert ended == [1]
    last = batch == 9
    assert net.epoch == (2 if last else 1)
    assert net.history.epochs == ([0, 1] if last else [0])
    net.predict(X)
    net.save_checkpoint(tmp_path / "run")
    for resumed in (Network.resume(tmp_path / "run"), pickle.loads(pickle.dumps(net)), net):
        resumed.fit(X, Y, 3, 4, initial_epoch=resumed.epoch, **options)
        assert bits(resumed) == bits(whole)
        assert resumed.history["cost"] == whole.history["cost"]


def test_the_network_is_busy() -> None:
    def ask(run: Any) -> None:
        run.net.predict(X)

    net = network()
    with pytest.raises(BusyError):
        net.fit(X, Y, 1, 4, callbacks=[Lambda(on_batch_end=ask)])
    net.fit(X, Y, 1)


@pytest.mark.parametrize("l2", [0.0, 1.0])
def test_sparse_rows_stop_too(l2: float) -> None:
    """Where decay is pending an epoch ends up to fifteen mini-batches later."""
    sparse = pytest.importorskip("scipy.sparse")
    x = sparse.csr_matrix(np.where(np.abs(X) > 1.2, X, 0.0))
    stop = Lambda(on_batch_end=lambda run: run.stop() if run.batch == 2 else None)
    whole, net = network(), network()
    whole.fit(x, Y, 2, 1, l2=l2)
    net.fit(x, Y, 2, 1, l2=l2, callbacks=[stop])
    assert net.epoch == 0
    assert net.training_state.trainer is not None
    assert net.training_state.trainer.position[3] == (3 if l2 == 0 else 16)  # type: ignore[index]
    net.fit(x, Y, 2, 1, l2=l2, initial_epoch=0)
    assert bits(net) == bits(whole)


def test_warm_up() -> None:
    rates: list[float] = []
    note = Lambda(
        on_epoch_begin=lambda run: rates.append(run.learning_rate),
        on_batch_end=lambda run: rates.append(run.learning_rate),
    )
    warm = WarmUp(8)
    network().fit(X, Y, 2, 8, 0.8, callbacks=[warm, note])
    # Before the first mini-batch, and after each of five.
    first, second = rates[:6], rates[6:]
    assert first == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert second == pytest.approx([0.6, 0.7, 0.8, 0.8, 0.8, 0.8])
    rates.clear()
    net = network()
    net.fit(X, Y, 3, 8, callbacks=[LearningRateScheduler(schedules.Step(0.8, every=1)), warm, note])
    assert rates[5:8] == pytest.approx([0.6, 0.3, 0.35])
    assert rates[12:] == [0.2] * 6
    assert warm.batch_stride is None  # nothing is left to do


def test_warm_up_of_a_resumed_run() -> None:
    whole, net = network(), network()
    whole.fit(X, Y, 3, 8, 0.8, callbacks=[WarmUp(8)])
    stop = Lambda(on_batch_end=lambda run: run.stop() if run.step == 7 else None)
    net.fit(X, Y, 3, 8, 0.8, callbacks=[WarmUp(8), stop])
    assert net.epoch == 1
    net.fit(X, Y, 3, 8, 0.8, initial_epoch=net.epoch, callbacks=[WarmUp(8)])
    assert bits(net) == bits(whole)


def test_a_schedule_that_counts_mini_batches() -> None:
    rates: list[float] = []
    note = Lambda(
        on_epoch_begin=lambda run: rates.append(run.learning_rate),
        on_batch_end=lambda run: rates.append(run.learning_rate),
    )
    schedule = schedules.Cosine(0.8, epochs=10)
    callback = LearningRateScheduler(schedule, batch_stride=2)
    whole, net = network(), network()
    whole.fit(X, Y, 2, 8, callbacks=[callback, note])  # of five mini-batches each
    asked = [0, 0, 2, 2, 4, 4, 5, 5, 7, 7, 9, 9]
    assert rates == [schedule(step) for step in asked]
    stop = Lambda(on_batch_end=lambda run: run.stop() if run.step == 7 else None)
    net.fit(X, Y, 2, 8, callbacks=[callback, stop])
    assert net.epoch == 1
    net.fit(X, Y, 2, 8, initial_epoch=net.epoch, callbacks=[callback])
    assert bits(net) == bits(whole)
    plain = network()
    plain.fit(X, Y, 2, 8, callbacks=[LearningRateScheduler(schedule)])
    assert bits(plain) != bits(whole)


def test_what_follows_epochs_does_not_count_mini_batches() -> None:
    with pytest.raises(ValueError, match="HalveOnPlateau follows what epochs measured"):
        LearningRateScheduler(schedules.HalveOnPlateau(0.1), batch_stride=5)
    with pytest.raises(ValueError, match="batch_stride must be at least 1, got 0"):
        LearningRateScheduler(0.1, batch_stride=0)


@pytest.mark.parametrize("stride", [0, -1, 1.5, True])
def test_bad_strides(stride: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="batch_stride must be"):
        network().fit(X, Y, 1, callbacks=[Recorder(stride)])
    with pytest.raises((TypeError, ValueError), match="batch_stride must be"):
        Lambda(batch_stride=stride)


def test_the_sklearn_face_calls_it() -> None:
    estimators = pytest.importorskip("nncore.sklearn")
    recorder = Recorder(2)
    model = estimators.MLPClassifier((4,), max_iter=2, batch_size=10, callbacks=[recorder])
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model.fit(X, Y)
    assert recorder.seen == [(0, 1, 2), (0, 3, 4), (1, 1, 6), (1, 3, 8)]
    stop = Lambda(on_batch_end=lambda run: run.stop() if run.step == 6 else None)
    model = estimators.MLPClassifier((4,), batch_size=10, callbacks=[stop]).fit(X, Y)
    assert model.n_iter_ == len(model.loss_curve_) == 1
