"""PyTorch: a network as an nn.Sequential, and back."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from nncore._support.extras import require
from nncore.export._activations import identify, relative
from nncore.export._exportable import Exportable, network_of
from nncore.export._layers import Layers, Scaling
from nncore.export._outputs import check_outputs
from nncore.network import Network

_MODULES: dict[str, tuple[str, dict[str, Any]]] = {
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "relu": ("ReLU", {}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": 0.01}),
    "elu": ("ELU", {}),
    "selu": ("SELU", {}),
    "relu6": ("ReLU6", {}),
    "gelu": ("GELU", {}),
    "gelu_tanh": ("GELU", {"approximate": "tanh"}),
    "silu": ("SiLU", {}),
    "mish": ("Mish", {}),
    "softplus": ("Softplus", {}),
    "softmax": ("Softmax", {"dim": -1}),
}
_NO_OPS = ("Identity", "Flatten", "Dropout", "AlphaDropout")


def to_torch(net: Exportable) -> Any:
    """An nn.Sequential of nn.Linear and activations with a copy of the network's parameters.

    The dtype is kept. The last activation is a module like the others, so that the model
    predicts what the network does, (n, sizes[-1]). PyTorch's losses differ in what they expect:
    MSELoss and BCELoss take this model's outputs, but CrossEntropyLoss wants the values before
    the softmax, and BCEWithLogitsLoss those before the sigmoid: train `model[:-1]` with these.

    Raises:
        ImportError: PyTorch is missing.
        ValueError: PyTorch has no module for an activation: "exponential" and "step".
    """
    net = network_of(net)
    check_outputs(net)
    torch = require("torch", extra="torch", purpose="to_torch")
    modules = []
    for w, b, activation in zip(net.weights, net.biases, net.activations, strict=True):
        dtype = getattr(torch, net.dtype.name)
        linear = torch.nn.utils.skip_init(torch.nn.Linear, w.shape[1], w.shape[0], dtype=dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(np.array(w)))
            linear.bias.copy_(torch.from_numpy(np.array(b)))
        modules.append(linear)
        if activation == "linear":
            continue
        if activation not in _MODULES:
            raise ValueError(f"PyTorch has no module for the activation {activation!r}")
        name, options = _MODULES[activation]
        modules.append(getattr(torch.nn, name)(**options))
    return torch.nn.Sequential(*modules)


def from_torch(module: Any, *, output_activation: str | None = None) -> Network:
    """A network that predicts as a PyTorch model of dense layers does, with its dtype.

    Args:
        module: an nn.Sequential, nested or not, of nn.Linear and modules that compute one of
            nncore's activations. BatchNorm1d, and other modules that multiply and shift each
            column by constants, are folded into a dense layer beside them, as they are in
            `module.eval()`. Flatten, Dropout and Identity count for nothing. A Linear without a
            bias gets one of zeros. A LogSoftmax at the end becomes softmax outputs: the network
            gives the probabilities themselves.
        output_activation: what a model with linear outputs leaves to its loss. "softmax" goes with
            PyTorch's CrossEntropyLoss, "sigmoid" with BCEWithLogitsLoss, "exponential" with
            PoissonNLLLoss. The network then trains log_likelihood, cross_entropy or poisson.

    Raises:
        ImportError: PyTorch is missing.
        ValueError: there is another module in it, which the message names; the outputs are not
            linear, or output_activation is another one.
    """
    torch = require("torch", extra="torch", purpose="from_torch")
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"expected a module of PyTorch's, found a {type(module).__name__}")
    reader = _Reader(torch)
    reader.add(module, "")
    reader.fold_scalings(None)
    return reader.layers.network(output_activation)


class _Reader:
    """Walks through modules in the order in which an nn.Sequential calls them."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.layers = Layers()
        self.no_ops = [getattr(torch.nn, name) for name in _NO_OPS]
        self.scalings: list[tuple[Any, str]] = []
        """Modules in front of the first Linear, which says how many columns they have."""

    def add(self, module: Any, where: str) -> None:
        kind, nn = type(module), self.torch.nn
        if kind is nn.Sequential:
            for name, child in module.named_children():
                self.add(child, f"{where}.{name}" if where else name)
        elif kind is nn.Linear:
            weight, bias = (
                None if p is None else _array(p, _name(module, where), self.torch)
                for p in (module.weight, module.bias)
            )
            assert weight is not None  # only the bias is ever left out
            self.fold_scalings(weight.shape[1])
            self.layers.dense(weight, bias, _name(module, where))
        elif kind not in self.no_ops:
            name = _activation(module, self.torch)
            if name is not None:
                self.fold_scalings(None)
                self.layers.activation(name, _name(module, where))
            elif self.layers.weights:
                self.fold(module, where, len(self.layers.weights[-1]))
            else:
                self.scalings.append((module, where))

    def fold_scalings(self, columns: int | None) -> None:
        """Takes up the modules that were waiting for the first Linear; None if there is none."""
        for module, where in self.scalings:
            self.fold(module, where, columns)
        self.scalings = []

    def fold(self, module: Any, where: str, columns: int | None) -> None:
        scaling = None if columns is None else _scaling(module, columns, self.torch)
        if scaling is None:
            raise ValueError(
                f"{_name(module, where)}: expected Linear, an activation that nncore has, a "
                "scaling of each column, Flatten, Dropout or Identity, in an nn.Sequential"
                f"{relative(_function(module, self.torch))}"
            )
        self.layers.scaling(scaling, _name(module, where))


def _name(module: Any, where: str) -> str:
    return f"module {where!r}, {module}" if where else str(module)


def _array(parameter: Any, where: str, torch: Any) -> Any:
    if parameter.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"{where}: expected float32 or float64, found {parameter.dtype}")
    return parameter.detach().cpu().numpy()


def _function(module: Any, torch: Any) -> Callable[[Any], Any]:
    """What a module computes in prediction, of arrays and in their dtype."""
    copied = copy.deepcopy(module).eval()

    def compute(z: Any) -> Any:
        with torch.no_grad():
            return copied.to(getattr(torch, z.dtype.name))(torch.from_numpy(z)).numpy()

    return compute


def _activation(module: Any, torch: Any) -> str | None:
    if next(module.parameters(), None) is not None or next(module.buffers(), None) is not None:
        return None
    return identify(_function(module, torch))


def _scaling(module: Any, columns: int, torch: Any) -> Scaling | None:
    """The scaling that a module computes of rows with so many columns; None for anything else."""
    if not getattr(module, "track_running_stats", True):
        return None  # a normalisation that goes by the rows that it is asked
    compute = _function(module, torch)
    sizes = 10.0 ** np.arange(-3, 7)[:, None]  # so that nothing that bends, or cuts off, passes
    other = sizes * np.random.default_rng(0).normal(size=(5, len(sizes), columns))
    other = other.reshape(-1, columns)
    try:
        shift = compute(np.zeros((1, columns)))
        scale = compute(np.ones((1, columns))) - shift
        found = compute(other)
    except Exception:  # other people's code, asked about other shapes than it was written for
        return None
    if shift.shape != (1, columns) or found.shape != other.shape or not np.isfinite(found).all():
        return None
    size = np.abs(scale * other) + np.abs(shift)
    if (np.abs(found - scale * other - shift) > 1e-9 * size).any():
        return None
    return Scaling(scale[0], shift[0])
