"""The optimisers' Python classes: names, hyperparameters, and their use in fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nncore
from nncore import _core, optimizers
from nncore.optimizers import OPTIMIZERS, SGD, Adam, AdamW, Momentum, RMSprop


def test_names_and_hyperparameters_agree_with_the_core() -> None:
    assert {
        name: optimizer().hyperparameters() for name, optimizer in OPTIMIZERS.items()
    } == _core.OPTIMIZERS


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_name_stands_for_the_defaults(name: str) -> None:
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    nets = [nncore.Network([3, 4, 2], seed=1) for _ in range(2)]
    start = nets[0].weights[0].copy()
    nets[0].fit(x, y, 2, 5, 0.1, optimizer=name)
    nets[1].fit(x, y, 2, 5, 0.1, optimizer=OPTIMIZERS[name]())
    assert np.array_equal(nets[0].weights[0], nets[1].weights[0])
    assert not np.array_equal(nets[0].weights[0], start)


def test_hyperparameters_reach_the_core() -> None:
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    results = []
    for momentum in (0.5, 0.9):
        net = nncore.Network([3, 4, 2], seed=1)
        net.fit(x, y, 2, 5, 0.1, optimizer=Momentum(momentum))
        results.append(net.weights[0].copy())
    assert not np.array_equal(*results)


def test_resolve_and_equality() -> None:
    assert optimizers.resolve("adam") == Adam()
    assert optimizers.resolve(SGD()) == SGD()
    assert Adam() != AdamW()
    assert Adam(beta_1=0.8) != Adam()
    with pytest.raises(ValueError, match="unknown optimizer 'adm'; did you mean 'adam'"):
        optimizers.resolve("adm")
    with pytest.raises(TypeError, match="optimizer must be a name"):
        optimizers.resolve(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Momentum(1.0), "momentum must be at least 0 and below 1, got 1.0"),
        (lambda: Momentum(-0.1), "momentum must be at least 0"),
        (lambda: RMSprop(epsilon=0.0), "epsilon must be above 0"),
        (lambda: Adam(beta_2=float("nan")), "beta_2 must be at least 0 and below 1, got nan"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
    with pytest.raises(TypeError, match="momentum must be a number"):
        Momentum("0.9")  # type: ignore[arg-type]
