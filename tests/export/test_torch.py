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
        ([nn.BatchNorm1d(2, track_running_stats=False)], "BatchNorm1d"),
        ([nn.BatchNorm1d(3)], "BatchNorm1d"),
        ([nn.BatchNorm2d(2)], "BatchNorm2d"),
        ([nn.Sigmoid(), nn.BatchNorm1d(2)], "BatchNorm1d.*it follows the outputs' sigmoid"),
        ([nn.LayerNorm(2)], "LayerNorm"),
        ([Residual()], "Residual"),
        ([nn.LeakyReLU(0.2)], r"LeakyReLU\(negative_slope=0.2\).* 0.2, and nncore's slope is 0.01"),
        ([nn.ELU(0.5)], "ELU.*nncore's alpha is 1"),
        ([nn.Softplus(beta=2)], "Softplus"),
        ([nn.Hardswish()], "Hardswish"),
        ([nn.Hardsigmoid()], "Hardsigmoid"),
        ([nn.Hardtanh(-100.0, 100.0)], "Hardtanh"),
        ([nn.Softshrink(1e-2)], "Softshrink"),
        ([nn.LogSoftmax(dim=0)], "LogSoftmax"),
        ([nn.LogSoftmax(dim=1), nn.Linear(2, 2)], "hidden and cannot be log_softmax"),
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


class Standardize(nn.Module):
    """As users write it, with buffers."""

    def __init__(self, mean: Any, deviation: Any) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, x: Any) -> Any:
        return (x - self.mean) / self.deviation


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scalings_are_folded(dtype: Any) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        Standardize(torch.tensor([1.0, 2, 3, 4]), torch.tensor([2.0, 3, 4, 5])), nn.BatchNorm1d(4),
        nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.BatchNorm1d(5, affine=False),
        nn.Linear(5, 3), nn.LogSoftmax(-1),
    ).to(dtype)  # fmt: skip
    model(4 * torch.randn(100, 4, dtype=dtype) + 1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    net = from_torch(model)
    assert (net.sizes, net.activations) == ((4, 5, 3), ("relu", "softmax"))
    assert model.training
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in before.items())
    x = rows(net)
    with torch.no_grad():
        expected = model.eval()(torch.from_numpy(x)).numpy()
    assert error(np.log(net.feedforward(x)), expected) < (1e-5 if net.dtype == "float32" else 1e-12)


@pytest.mark.parametrize(
    ("output", "cost"), [("softmax", "log_likelihood"), ("sigmoid", "cross_entropy")]
)
def test_a_classifier_of_logits_trains_cross_entropy_when_told_so(output: str, cost: str) -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))
    assert from_torch(model).cost == "quadratic"
    net = from_torch(model, output_activation=output)
    assert (net.activations, net.cost) == (("tanh", output), cost)
    x, y = rows(net), torch.arange(40) % 2
    with torch.no_grad():
        logits = model(torch.from_numpy(x))
    if output == "softmax":
        loss = nn.functional.cross_entropy(logits, y)
    else:
        targets = nn.functional.one_hot(y).float()
        loss = 2 * nn.functional.binary_cross_entropy_with_logits(logits, targets)
    assert net.evaluate(x, y.numpy()).cost == pytest.approx(loss.item(), rel=1e-5)
    with pytest.raises(ValueError, match="these are softmax already"):
        from_torch(nn.Sequential(nn.Linear(2, 2), nn.Softmax(1)), output_activation=output)
