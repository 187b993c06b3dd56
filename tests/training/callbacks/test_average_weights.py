"""`callbacks.AverageWeights`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import nncore
from nncore.callbacks import AverageWeights, Callback

X = np.random.default_rng(0).normal(size=(40, 5))
Y = (X @ np.arange(15.0).reshape(5, 3)).argmax(axis=1)


def network() -> nncore.Network:
    return nncore.Network([5, 6, 3], seed=1, dtype="float64")


def flat(net: Any) -> NDArray[np.float64]:
    return np.concatenate([np.ravel(p) for p in [*net.weights, *net.biases]])


class Recorded(Callback):
    """The weights of each epoch."""

    def __init__(self) -> None:
        self.weights: list[NDArray[np.float64]] = []

    def on_epoch_end(self, run: Any) -> None:
        self.weights.append(flat(run.net))


@pytest.mark.parametrize("start", [0, 3, 5])
def test_the_mean_of_the_epochs_from_the_start_on(start: int) -> None:
    net, recorded, average = network(), Recorded(), AverageWeights(start)
    net.fit(X, Y, 6, callbacks=[recorded, average], progress=False)
    assert average.count == 6 - start
    np.testing.assert_allclose(flat(net), np.mean(recorded.weights[start:], axis=0), rtol=1e-12)
    # Training itself saw nothing of it.
    alone, plain = network(), Recorded()
    alone.fit(X, Y, 6, callbacks=[plain], progress=False)
    assert np.array_equal(recorded.weights, plain.weights)


def test_an_average_that_forgets() -> None:
    net, recorded = network(), Recorded()
    net.fit(X, Y, 5, callbacks=[recorded, AverageWeights(1, decay=0.75)], progress=False)
    wanted = recorded.weights[1]
    for weights in recorded.weights[2:]:
        wanted = 0.75 * wanted + 0.25 * weights
    np.testing.assert_allclose(flat(net), wanted, rtol=1e-12)


def test_a_run_that_is_too_short_keeps_its_weights() -> None:
    net, recorded, average = network(), Recorded(), AverageWeights(start=9)
    net.fit(X, Y, 3, callbacks=[recorded, average], progress=False)
    assert average.network is None
    assert np.array_equal(flat(net), recorded.weights[-1])


def test_a_resumed_run_ends_with_the_same_average(tmp_path: Path) -> None:
    class Stop(Callback):
        def on_epoch_end(self, run: Any) -> None:
            if run.epoch == 2:
                run.net.save_checkpoint(tmp_path / "run")

        saves = True

    whole = network()
    whole.fit(X, Y, 6, callbacks=[AverageWeights(1), Stop()], progress=False)
    resumed = nncore.Network.resume(tmp_path / "run")
    average = AverageWeights(1)
    resumed.fit(X, Y, 6, initial_epoch=3, callbacks=[average], progress=False)
    assert average.count == 5
    assert np.array_equal(flat(resumed), flat(whole))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": -1}, "start must be at least 0"),
        ({"decay": 1.0}, "decay must be at least 0 and below 1"),
        ({"start": 1.5}, "start must be an integer"),
    ],
)
def test_what_is_wrong_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        AverageWeights(**options)
