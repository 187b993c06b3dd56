"""Optimisers step for step: against the NumPy reference, and PyTorch where it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import reference
from networks import assert_same_parameters, make_network, make_problem, relative, twin
from nncore import _core

STEPS = 12
SIZES, ACTIVATIONS = [7, 5, 3], ["tanh", "sigmoid"]


def steps_of(net: _core.Network, optimizer: str, **options: Any) -> Iterator[Any]:
    """Trains on one mini-batch after the other, and yields each for the reference."""
    x, y = make_problem(net, 4 * STEPS)
    data = _core.Dataset(net, x, y)
    trainer = _core.Trainer(net, batch_size=4, optimizer=optimizer, **options)
    for t in range(STEPS):
        rows = np.arange(4 * t, 4 * t + 4)
        trainer.epoch(data, rows, learning_rate=0.05, penalty_rows=40)
        assert trainer.steps == t + 1
        yield x[rows], y[rows], trainer


@pytest.mark.parametrize("options", [{}, {"l2": 3.0}, {"l1": 1.0}], ids=str)
@pytest.mark.parametrize("name", _core.OPTIMIZERS)
def test_every_step_agrees_with_the_reference(name: str, options: dict[str, float]) -> None:
    net = make_network(SIZES, ACTIVATIONS)
    ref, optimizer = twin(net), reference.OPTIMIZERS[name](**_core.OPTIMIZERS[name])
    for x, y, trainer in steps_of(net, name, **options):
        ref.update_mini_batch(x, y, 0.05, optimizer, n=40, **options)
        assert_same_parameters(net, ref, 1e-10)
        assert len(trainer.slots) == optimizer.n_slots


@pytest.mark.parametrize("name", _core.OPTIMIZERS)
def test_every_hyperparameter_has_its_effect(name: str) -> None:
    """Changing a hyperparameter changes the result as it does in the reference."""
    for key, default in _core.OPTIMIZERS[name].items():
        changed = {
            **_core.OPTIMIZERS[name],
            key: 0.01 if key.startswith("epsilon") else default * 0.7,
        }
        net, usual = make_network(SIZES, ACTIVATIONS), make_network(SIZES, ACTIVATIONS)
        ref, optimizer = twin(net), reference.OPTIMIZERS[name](**changed)
        for x, y, _ in steps_of(net, name, hyperparameters={key: changed[key]}):
            ref.update_mini_batch(x, y, 0.05, optimizer, n=40)
        list(steps_of(usual, name))
        assert_same_parameters(net, ref, 1e-10)
        assert relative(_core.weight_views(net)[0], _core.weight_views(usual)[0]) > 1e-6


def test_slots_and_steps_are_the_whole_state() -> None:
    """A new trainer with the old one's slots and steps continues with the same bits."""
    for name in _core.OPTIMIZERS:
        net, other = make_network(SIZES, ACTIVATIONS), make_network(SIZES, ACTIVATIONS)
        x, y = make_problem(net, 24)
        data, other_data = _core.Dataset(net, x, y), _core.Dataset(other, x, y)
        trainer = _core.Trainer(net, batch_size=4, optimizer=name)
        first = _core.Trainer(other, batch_size=4, optimizer=name)
        for _ in range(2):
            trainer.epoch(data, None, learning_rate=0.05)
        first.epoch(other_data, None, learning_rate=0.05)
        second = _core.Trainer(other, batch_size=4, optimizer=name)
        for old, new in zip(first.slots, second.slots, strict=True):
            new[...] = old
        second.steps = first.steps
        second.epoch(other_data, None, learning_rate=0.05)
        for a, b in zip(_core.weight_views(net), _core.weight_views(other), strict=True):
            assert a.tobytes() == b.tobytes(), name


def torch_optimizer(torch: Any, name: str, weights: list, biases: list) -> Any:
    parameters, lr = [*weights, *biases], 0.05
    h = _core.OPTIMIZERS[name]
    if name == "sgd":
        return torch.optim.SGD(parameters, lr)
    if name in ("momentum", "nesterov"):
        return torch.optim.SGD(parameters, lr, momentum=h["momentum"], nesterov=name == "nesterov")
    if name == "rmsprop":
        return torch.optim.RMSprop(parameters, lr, alpha=h["rho"], eps=h["epsilon"])
    if name == "adagrad":
        return torch.optim.Adagrad(parameters, lr, eps=h["epsilon"])
    betas = (h["beta_1"], h["beta_2"])
    if name == "adam":
        return torch.optim.Adam(parameters, lr, betas, h["epsilon"])
    groups = [
        {"params": weights, "weight_decay": 3.0 / 40},
        {"params": biases, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr, betas, h["epsilon"])


@pytest.mark.parametrize("name", _core.OPTIMIZERS)
def test_every_step_agrees_with_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    net = make_network(SIZES, ACTIVATIONS)
    weights, biases = (
        [torch.tensor(np.array(p), requires_grad=True) for p in views]
        for views in (_core.weight_views(net), _core.bias_views(net))
    )
    optimizer = torch_optimizer(torch, name, weights, biases)
    for x, y, _ in steps_of(net, name, l2=3.0 if name == "adamw" else 0.0):
        hidden = torch.tanh(torch.tensor(x) @ weights[0].T + biases[0])
        output = torch.sigmoid(hidden @ weights[1].T + biases[1])
        cost = 0.5 * ((output - torch.tensor(y)) ** 2).sum() / len(x)
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        for found, expected in zip(_core.weight_views(net), weights, strict=True):
            assert relative(found, expected.detach().numpy()) <= 1e-10
