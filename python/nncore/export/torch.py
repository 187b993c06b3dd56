"""PyTorch: a network as an nn.Sequential, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from nncore._support.extras import require
from nncore.export._activations import identify
from nncore.export._layers import Layers
from nncore.network import Network

_MODULES: dict[str, tuple[str, dict[str, Any]]] = {
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "relu": ("ReLU", {}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": 0.01}),
    "elu": ("ELU", {}),
    "gelu": ("GELU", {}),
    "silu": ("SiLU", {}),
    "softplus": ("Softplus", {}),
    "softmax": ("Softmax", {"dim": -1}),
}
_NO_OPS = ("Identity", "Flatten", "Dropout", "AlphaDropout")


def to_torch(net: Network) -> Any:
    """An nn.Sequential of nn.Linear and activations with a copy of the network's parameters.

    The dtype is kept. The last activation is a module like the others, so that the model
    predicts what the network does, (n, sizes[-1]). PyTorch's losses differ in what they expect:
    MSELoss and BCELoss take this model's outputs, but CrossEntropyLoss wants the values before
    the softmax, and BCEWithLogitsLoss those before the sigmoid: train `model[:-1]` with these.

    Raises:
        ImportError: PyTorch is missing.
        ValueError: PyTorch has no module for an activation: "exponential" and "step".
    """
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


def from_torch(module: Any) -> Network:
    """A network that predicts as a PyTorch model of dense layers does, with its dtype.

    Args:
        module: an nn.Sequential, nested or not, of nn.Linear and modules that compute one of
            nncore's activations. Flatten, Dropout and Identity count for nothing; a Linear
            without a bias gets one of zeros.

    Raises:
        ImportError: PyTorch is missing.
        ValueError: there is another module in it; the message names it.
    """
    torch = require("torch", extra="torch", purpose="from_torch")
    layers = Layers()

    def add(module: Any, where: str) -> None:
        kind = type(module)
        if kind is torch.nn.Sequential:
            for name, child in module.named_children():
                add(child, f"{where}.{name}" if where else name)
        elif kind is torch.nn.Linear:
            weight, bias = (
                None if p is None else _array(p, _name(module, where), torch)
                for p in (module.weight, module.bias)
            )
            assert weight is not None  # only the bias is ever left out
            layers.dense(weight, bias, _name(module, where))
        elif kind not in no_ops:
            name = _activation(module, torch)
            if name is None:
                raise ValueError(
                    f"{_name(module, where)}: expected Linear, an activation that nncore has, "
                    "Flatten, Dropout or Identity, in an nn.Sequential"
                )
            layers.activation(name, _name(module, where))

    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"expected a module of PyTorch's, found a {type(module).__name__}")
    no_ops = [getattr(torch.nn, name) for name in _NO_OPS]
    add(module, "")
    return layers.network()


def _name(module: Any, where: str) -> str:
    return f"module {where!r}, {module}" if where else str(module)


def _array(parameter: Any, where: str, torch: Any) -> Any:
    if parameter.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"{where}: expected float32 or float64, found {parameter.dtype}")
    return parameter.detach().cpu().numpy()


def _activation(module: Any, torch: Any) -> str | None:
    if next(module.parameters(), None) is not None or next(module.buffers(), None) is not None:
        return None
    with torch.no_grad():
        return identify(lambda z: module(torch.from_numpy(z)).numpy())
