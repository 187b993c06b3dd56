"""An epoch tells what each of its mini-batches cost."""

from __future__ import annotations

import numpy as np
import pytest

from nncore import Network, _core

RNG = np.random.default_rng(0)
X, Y = RNG.random((23, 4)), RNG.random((23, 3))
WEIGHT = RNG.uniform(0.1, 2, 23)
ORDER = RNG.permutation(23)


def network() -> Network:
    return Network([4, 5, 3], dtype="float64", seed=1)


@pytest.mark.parametrize("batch_size", [1, 6, 23, 40])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_they_are_those_of_single_steps(batch_size: int, weight: np.ndarray | None) -> None:
    options = {"l2": 0.3, "l1": 0.2, "optimizer": "adam", "batch_size": batch_size}
    net, twin = network(), network()
    starts = range(0, 23, batch_size)
    costs = np.full((len(starts), 3), np.nan)
    mean = _core.Trainer(net, **options).epoch(
        _core.Dataset(net, X, Y, weight), ORDER, learning_rate=0.1, penalty_by_mini_batch=True,
        cost_with_penalty=True, mini_batch_costs=costs,
    )  # fmt: skip
    trainer, data = _core.Trainer(twin, **options), _core.Dataset(twin, X, Y, weight)
    for found, start in zip(costs, starts, strict=True):
        rows = ORDER[start : start + batch_size]
        total = len(rows) if weight is None else weight[rows].sum()
        squares = sum((w**2).sum() for w in twin.weights)
        sizes = sum(abs(w).sum() for w in twin.weights)
        expected = trainer.step_data(data, rows, learning_rate=0.1) * total
        penalty = (0.15 * squares + 0.2 * sizes) / total
        np.testing.assert_allclose(found, [expected, total, penalty], rtol=1e-12)
    cost, total, penalty = costs.T
    assert mean == pytest.approx((cost + total * penalty).sum() / total.sum(), rel=1e-12)


def test_without_penalty_in_the_cost_none_is_told() -> None:
    net = network()
    costs = np.full((4, 3), np.nan)
    trainer = _core.Trainer(net, batch_size=6, l2=0.3)
    trainer.epoch(_core.Dataset(net, X, Y), learning_rate=0.1, mini_batch_costs=costs)
    assert (costs[:, 1] == [6, 6, 6, 5]).all()
    assert (costs[:, 2] == 0).all()


def test_mini_batches_that_weigh_nothing_cost_nothing() -> None:
    net = network()
    costs = np.full((4, 3), np.nan)
    weight = np.ones(23)
    weight[6:12] = 0
    data = _core.Dataset(net, X, Y, weight)
    trainer = _core.Trainer(net, batch_size=6, l2=0.3)
    trainer.epoch(data, learning_rate=0.1, cost_with_penalty=True, mini_batch_costs=costs)
    assert (costs[1] == 0).all()
    assert (costs[[0, 2, 3]] > 0).all()


@pytest.mark.parametrize(
    ("costs", "error", "message"),
    [
        (np.zeros((3, 3)), ValueError, r"mini_batch_costs has shape \(3, 3\); expected \(4, 3\)"),
        (np.zeros((4, 2)), ValueError, r"mini_batch_costs has shape \(4, 2\); expected \(4, 3\)"),
        (np.zeros(12), ValueError, r"mini_batch_costs has shape \(12,\); expected \(4, 3\)"),
        (np.zeros((4, 3), np.float32), TypeError, "incompatible function arguments"),
        (np.zeros((4, 6))[:, ::2], TypeError, "incompatible function arguments"),
        (np.broadcast_to(np.float64(0), (4, 3)), TypeError, "incompatible function arguments"),
    ],
)
def test_an_array_that_cannot_hold_them_is_refused(
    costs: np.ndarray, error: type[Exception], message: str
) -> None:
    net = network()
    trainer, data = _core.Trainer(net, batch_size=6), _core.Dataset(net, X, Y)
    with pytest.raises(error, match=message):
        trainer.epoch(data, learning_rate=0.1, mini_batch_costs=costs)
    assert net.epoch == 0


def test_a_read_only_array_is_refused() -> None:
    net = network()
    costs = np.zeros((4, 3))
    costs.flags.writeable = False
    trainer, data = _core.Trainer(net, batch_size=6), _core.Dataset(net, X, Y)
    with pytest.raises(ValueError, match="not writeable"):
        trainer.epoch(data, learning_rate=0.1, mini_batch_costs=costs)
