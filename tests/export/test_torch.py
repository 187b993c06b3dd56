"""Networks to PyTorch modules, and back."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import nncore
from export_networks import ACTIVATIONS, assert_same, error, network, rows
from nncore.export import from_torch, to_torch


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"exponential", "step"}))
def test_round_trip(activation: str, dtype: str) -> None:
    net = network(activation, dtype)
    model = to_torch(net)
    assert type(model) is nn.Sequential
    x = rows(net)
    with torch.no_grad():
        y = model(torch.from_numpy(x)).numpy()
    assert y.dtype == dtype
    # PyTorch's softplus is the identity above 20, an error of 2e-9.
    assert error(y, net.feedforward(x)) < (1e-6 if dtype == "float32" else 3e-9)
    assert_same(from_torch(model), net)


def test_the_module_has_its_own_parameters() -> None:
    net = network("relu")
    before = net.weights[0].copy()
    model = to_torch(net)
    with torch.no_grad():
        model[0].weight.zero_()
    np.testing.assert_array_equal(net.weights[0], before)
    back = from_torch(model)
    back.weights[0] = before
    assert not model[0].weight.any()


def test_pytorchs_global_generator_is_not_used() -> None:
    before = torch.get_rng_state()
    to_torch(network("relu"))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("activation", ["exponential", "step"])
def test_activations_that_pytorch_lacks_are_refused(activation: str) -> None:
    with pytest.raises(ValueError, match=f"no module for the activation '{activation}'"):
        to_torch(network(activation))


def test_the_last_module_maps_logits_to_outputs() -> None:
    net = network("softmax")
    x, y = torch.from_numpy(rows(net)), torch.arange(40) % 3
    cost = nn.functional.cross_entropy(to_torch(net)[:-1](x), y).item()
    assert cost == pytest.approx(net.evaluate(x.numpy(), y.numpy()).cost, rel=1e-5)


class Exponential(nn.Module):
    def forward(self, z: Any) -> Any:
        return torch.exp(z)


def test_no_op_and_nested_modules() -> None:
    model = nn.Sequential(
        nn.Flatten(),
        nn.Sequential(nn.Dropout(), nn.Linear(6, 5, bias=False), nn.Identity()),
        nn.Linear(5, 4), nn.Sequential(nn.SiLU()), nn.AlphaDropout(),
        nn.Linear(4, 3, dtype=torch.float32), Exponential(),
    )  # fmt: skip
    net = from_torch(model)
    assert (net.sizes, net.activations) == ((6, 5, 4, 3), ("linear", "silu", "exponential"))
    assert (net.cost, net.dtype) == ("poisson", "float32")
    assert not net.biases[0].any()
    x = rows(net)
    with torch.no_grad():
        assert error(net.feedforward(x), model.eval()(torch.from_numpy(x)).numpy()) < 1e-6
    assert from_torch(nn.Linear(2, 1)).sizes == (2, 1)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x: Any) -> Any:
        return x + self.linear(x)


@pytest.mark.parametrize(
    ("modules", "named"),
    [
        ([nn.Conv2d(1, 1, 3)], "'conv', Conv2d"),
        ([nn.BatchNorm1d(2)], "BatchNorm1d"),
        ([nn.LayerNorm(2)], "LayerNorm"),
        ([Residual()], "Residual"),
        ([nn.LeakyReLU(0.2)], r"LeakyReLU\(negative_slope=0.2\)"),
        ([nn.ELU(0.5)], "ELU"),
        ([nn.Softplus(beta=2)], "Softplus"),
        ([nn.GELU(approximate="tanh")], "GELU"),
        ([nn.ReLU6()], "ReLU6"),
        ([nn.LogSoftmax(dim=-1)], "LogSoftmax"),
        ([nn.Softmax(dim=0)], "Softmax"),
        ([nn.PReLU()], "PReLU"),
        ([nn.Softmax(dim=1), nn.Linear(2, 2)], "hidden and cannot be softmax"),
        ([nn.ReLU(), nn.Sigmoid()], "sigmoid follows relu"),
        ([nn.Linear(3, 2)], "3 inputs, and the layer before it has 2"),
        ([nn.Linear(2, 2, dtype=torch.bfloat16)], "bfloat16"),
        ([nn.LazyLinear(2)], "LazyLinear"),
    ],
)
def test_unsupported_modules_are_refused_by_name(modules: list[Any], named: str) -> None:
    named_modules = OrderedDict([("first", nn.Linear(2, 2)), ("conv", modules[0])])
    model = nn.Sequential(named_modules)
    for module in modules[1:]:
        model.append(module)
    with pytest.raises(ValueError, match=named):
        from_torch(model)


def test_other_objects_are_refused() -> None:
    with pytest.raises(ValueError, match="no dense layer"):
        from_torch(nn.Sequential())
    with pytest.raises(ValueError, match="relu stands before the first dense layer"):
        from_torch(nn.Sequential(nn.ReLU(), nn.Linear(2, 1)))
    with pytest.raises(TypeError, match="Network"):
        from_torch(nncore.Network([2, 1]))
    model = nn.Linear(2, 1)
    nn.init.constant_(model.weight, float("nan"))
    with pytest.raises(ValueError, match="finite"):
        from_torch(model)
