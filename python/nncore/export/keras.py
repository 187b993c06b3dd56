"""Keras 3, with any backend: a network as a Sequential model, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from nncore._support.extras import require
from nncore.export._activations import identify
from nncore.export._layers import Layers
from nncore.network import Network

_NO_OPS = ("Flatten", "Dropout", "Identity")


def to_keras(net: Network) -> Any:
    """A keras.Sequential of Dense layers with a copy of the network's parameters and its dtype.

    It predicts what the network does, (n, sizes[-1]), the last activation included; Keras's
    losses expect that (from_logits=False). Float64 parameters stay what they are, but Keras may
    multiply in float32 all the same: its outputs are the network's to 1e-6.

    Raises:
        ImportError: Keras, or the backend that it is set to, is missing.
        ValueError: Keras has no such activation: "step".
    """
    keras = require("keras", extra="keras", purpose="to_keras")
    dtype = net.dtype.name
    model = keras.Sequential([keras.Input((net.sizes[0],), dtype=dtype)])
    for w, b, activation in zip(net.weights, net.biases, net.activations, strict=True):
        if activation == "step":
            raise ValueError("Keras has no activation 'step'")
        leaky = activation == "leaky_relu"  # by that name Keras means another slope
        dense = keras.layers.Dense(len(w), activation=None if leaky else activation, dtype=dtype)
        model.add(dense)
        dense.set_weights([w.T, b])
        if leaky:
            model.add(keras.layers.LeakyReLU(negative_slope=0.01, dtype=dtype))
    return model


def from_keras(model: Any) -> Network:
    """A network that predicts as a keras.Sequential of dense layers does, with its dtype.

    Args:
        model: built, nested or not; of Dense layers and activations that nncore has. Flatten,
            Dropout and Identity count for nothing; a Dense without a bias gets one of zeros.

    Raises:
        ImportError: Keras, or the backend that it is set to, is missing.
        ValueError: there is another layer in it; the message names it.
    """
    keras = require("keras", extra="keras", purpose="from_keras")
    layers = Layers()

    def activation(function: Any, where: str) -> None:
        def compute(z: Any) -> Any:
            return keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(z)))

        name = identify(compute)
        if name is None:
            raise ValueError(f"{where}: nncore has no such layer or activation")
        layers.activation(name, where)

    def add(layer: Any) -> None:
        kind, where = type(layer), f"layer {layer.name!r} ({type(layer).__name__})"
        if kind is keras.Sequential:
            for inner in layer.layers:
                add(inner)
        elif kind is keras.layers.Dense:
            if not layer.built:
                raise ValueError(f"{where}: it has no weights yet; call the model or build it")
            kernel, *bias = (np.asarray(w) for w in layer.get_weights())
            layers.dense(kernel.T, bias[0] if bias else None, where)
            activation(layer.activation, f"{where}, activation {layer.activation.__name__}")
        elif kind not in no_ops:
            if layer.weights or isinstance(layer, keras.Model):
                raise ValueError(f"{where}: expected a Sequential of Dense layers")
            activation(layer, where)

    if not isinstance(model, keras.layers.Layer):
        raise TypeError(f"expected a keras.Sequential, found a {type(model).__name__}")
    no_ops = [getattr(keras.layers, name) for name in _NO_OPS]
    add(model)
    return layers.network()
