"""Dropout: the masks are read back from the update, then the step is checked with them."""

from __future__ import annotations

import numpy as np
import pytest

from networks import assert_same_parameters, make_network, make_problem, relative, twin
from nncore import _core

RATES = [0.2, 0.5, 0.3]
SIZES = [30, 40, 25, 3]


def step_with_dropout(seed: int, epoch: int = 0):
    """One step on one row: the network after it, the reference before it, and the masks."""
    net = make_network(SIZES, ["tanh", "tanh", "linear"], seed=seed)
    net.epoch = epoch
    x = np.random.default_rng(seed).normal(size=(1, SIZES[0]))
    y = np.full((1, SIZES[-1]), 5.0)
    ref = twin(net)
    trainer = _core.Trainer(net, batch_size=1, dropout=RATES)
    trainer.epoch(_core.Dataset(net, x, y), None, learning_rate=0.1)
    masks = [
        (np.asarray(after) != before).any(axis=0)[None, :] / (1.0 - rate)
        for after, before, rate in zip(_core.weight_views(net), ref.weights, RATES, strict=True)
    ]
    return net, ref, x, y, masks


@pytest.mark.parametrize("seed", range(5))
def test_a_step_agrees_with_the_reference_with_the_same_masks(seed: int) -> None:
    net, ref, x, y, masks = step_with_dropout(seed)
    assert all(0 < (m > 0).sum() < m.size for m in masks)
    ref.update_mini_batch(x, y, 0.1, masks=masks)
    assert_same_parameters(net, ref, 1e-10)


def test_the_share_of_dropped_units_is_the_rate() -> None:
    kept = np.zeros(3)
    for seed in range(60):
        *_, masks = step_with_dropout(seed)
        kept += [(m > 0).mean() for m in masks]
    # At least 1,500 draws per layer: four standard deviations are at most 0.052.
    assert np.abs(kept / 60 - (1.0 - np.array(RATES))).max() < 0.06


def test_masks_depend_on_the_epoch_and_the_seed() -> None:
    def mask(seed: int, epoch: int) -> bytes:
        return step_with_dropout(seed, epoch)[-1][1].tobytes()

    assert mask(1, 0) == mask(1, 0)
    assert len({mask(1, 0), mask(1, 1), mask(1, 2), mask(2, 0)}) == 4


def test_every_row_and_mini_batch_draws_its_own_mask() -> None:
    """y = w x, w = x = 1, half the inputs dropped: the bias moves by the share that was kept."""
    moves = []
    for batch_size in (64, 1):
        net = _core.Network([1, 1], ["linear"], dtype="float64")
        _core.weight_views(net)[0][...], _core.bias_views(net)[0][...] = 1.0, 0.0
        data = _core.Dataset(net, np.ones((64, 1)), np.zeros((64, 1)))
        trainer = _core.Trainer(net, batch_size=batch_size, dropout=[0.5])
        trainer.epoch(data, None, learning_rate=1e-6)
        moves.append(-_core.bias_views(net)[0][0] / 1e-6 / (64 / batch_size))
    # The mean of 64 draws of 0 or 2 is 1, with a standard deviation of 1/8.
    assert all(0.4 < move < 1.6 for move in moves), moves


def test_prediction_ignores_dropout_and_rate_zero_is_no_dropout() -> None:
    net = make_network(SIZES, ["tanh", "tanh", "linear"])
    other = make_network(SIZES, ["tanh", "tanh", "linear"])
    x, y = make_problem(net, 20)
    _core.Trainer(net, batch_size=5, dropout=[0.0, 0.0, 0.0]).epoch(
        _core.Dataset(net, x, y), None, learning_rate=0.1
    )
    _core.Trainer(other, batch_size=5).epoch(_core.Dataset(other, x, y), None, learning_rate=0.1)
    assert _core.weight_views(net)[0].tobytes() == _core.weight_views(other)[0].tobytes()
    _core.Trainer(net, batch_size=5, dropout=RATES)
    assert relative(net.feedforward(x), twin(net).feedforward(x)) <= 1e-10


@pytest.mark.parametrize("rates", [[0.5], [0.5] * 4, [0.1, 1.0, 0.1], [-0.1, 0, 0], [np.nan] * 3])
def test_invalid_rates_are_refused(rates: list[float]) -> None:
    net = make_network(SIZES, ["tanh", "tanh", "linear"])
    with pytest.raises(ValueError, match="dropout"):
        _core.Trainer(net, batch_size=5, dropout=rates)
