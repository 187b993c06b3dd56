"""Schedules count from the call of fit, or from where a resumed run began, and tell their end."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest

from nncore import Network, schedules
from nncore.callbacks import LearningRateScheduler, ModelCheckpoint
from small_problem import X, Y, network

COSINE = schedules.Cosine(0.5, 10)
RATES = [COSINE(epoch) for epoch in range(10)]


def trained(epochs: int) -> Network:
    net = network()
    net.fit(X, Y, epochs)
    return net


@pytest.mark.parametrize("earlier", [0, 3, 30])
def test_a_schedule_counts_from_the_call(earlier: int) -> None:
    assert trained(earlier).fit(X, Y, 10, 10, COSINE)["learning_rate"] == RATES
    with_callback = trained(earlier).fit(X, Y, 10, callbacks=[LearningRateScheduler(COSINE)])
    assert with_callback["learning_rate"] == RATES
    seen: list[int] = []
    trained(earlier).fit(X, Y, 3, 10, lambda epoch: seen.append(epoch) or 0.1)
    assert seen == [0, 1, 2]


def test_a_plateau_counts_from_the_call() -> None:
    plateau = schedules.ReduceOnPlateau(0.5, factor=0.5, patience=1, monitor="cost", min_delta=9.0)
    net = trained(5)
    assert net.fit(X, Y, 3, 10, plateau)["learning_rate"] == [0.5, 0.5, 0.25]
    assert net.fit(X, Y, 3, 10, plateau)["learning_rate"] == [0.5, 0.5, 0.25]


@pytest.mark.parametrize("schedule", [
    COSINE,
    schedules.ReduceOnPlateau(0.5, factor=0.5, patience=2, monitor="cost", min_delta=9.0),
], ids=lambda schedule: type(schedule).__name__)  # fmt: skip
@pytest.mark.parametrize("as_callback", [False, True])
@pytest.mark.parametrize("way", ["checkpoint", "pickle", "same network"])
def test_a_resumed_run_counts_from_its_beginning(
    way: str, as_callback: bool, schedule: Any, tmp_path: Path
) -> None:
    file = tmp_path / "run"

    def train(net: Network, epochs: int, **options: Any) -> list[float]:
        callbacks = [ModelCheckpoint(file)]
        if as_callback:
            callbacks.append(LearningRateScheduler(schedule))
        else:
            options["learning_rate"] = schedule
        return net.fit(X, Y, epochs, callbacks=callbacks, **options)["learning_rate"]

    whole = train(trained(30), 10)
    net = trained(30)
    rates = train(net, 4)
    for epoch in (37, 40):
        if way == "checkpoint":
            net = Network.resume(file)
        elif way == "pickle":
            net = pickle.loads(pickle.dumps(net))
        rates += train(net, epoch, initial_epoch=net.epoch)
    assert rates == whole
    assert train(net, 4) == whole[:4]  # a call of its own


@pytest.mark.parametrize(("schedule", "last"), [
    (COSINE, "0"),
    (schedules.Cosine(0.5, 10, final=0.25), "0.25"),
    (schedules.OneCycle(0.5, 10, final_factor=10.0), "0.002"),
])  # fmt: skip
@pytest.mark.parametrize("as_callback", [False, True])
def test_a_schedule_that_is_over_says_so(schedule: Any, last: str, as_callback: bool) -> None:
    message = (
        rf"{type(schedule).__name__}\(.*\) is over after 10 epochs; the last 5 of the 15 epochs "
        f"of this run train at the rate {last}"
    )

    def train(net: Network, epochs: int, **options: Any) -> None:
        if as_callback:
            options["callbacks"] = [LearningRateScheduler(schedule)]
        else:
            options["learning_rate"] = schedule
        net.fit(X, Y, epochs, **options)

    with pytest.warns(UserWarning, match=message) as caught:
        train(trained(2), 15)
    assert caught[0].filename == __file__
    net = network()
    train(net, 8)
    with pytest.warns(UserWarning, match="the last 1 of the 3 epochs"):
        train(net, 11, initial_epoch=net.epoch)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(network(), 10)
