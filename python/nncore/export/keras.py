"""Keras 3, with any backend: a network as a Sequential model, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from nncore._support.extras import require
from nncore.export._activations import identify, relative
from nncore.export._exportable import Exportable, network_of
from nncore.export._layers import Layers, Scaling, batch_normalization
from nncore.export._outputs import check_outputs
from nncore.network import Network

_NO_OPS = ("Flatten", "Dropout", "Identity")


def to_keras(net: Exportable) -> Any:
    """A keras.Sequential of Dense layers with a copy of the network's parameters and its dtype.

    It predicts what the network does, (n, sizes[-1]), the last activation included; Keras's
    losses expect that (from_logits=False). Float64 parameters stay what they are, but Keras may
    multiply in float32 all the same: its outputs are the network's to 1e-6.

    Raises:
        ImportError: Keras, or the backend that it is set to, is missing.
        ValueError: Keras has no such activation by name: "step" and "gelu_tanh".
    """
    net = network_of(net)
    check_outputs(net)
    keras = require("keras", extra="keras", purpose="to_keras")
    dtype = net.dtype.name
    model = keras.Sequential([keras.Input((net.sizes[0],), dtype=dtype)])
    for w, b, activation in zip(net.weights, net.biases, net.activations, strict=True):
        if activation in ("step", "gelu_tanh"):
            raise ValueError(f"Keras has no activation of its own that is {activation!r}")
        leaky = activation == "leaky_relu"  # by that name Keras means another slope
        dense = keras.layers.Dense(len(w), activation=None if leaky else activation, dtype=dtype)
        model.add(dense)
        dense.set_weights([w.T, b])
        if leaky:
            model.add(keras.layers.LeakyReLU(negative_slope=0.01, dtype=dtype))
    return model


def from_keras(model: Any, *, output_activation: str | None = None) -> Network:
    """A network that predicts as a keras.Sequential of dense layers does, with its dtype.

    Args:
        model: built, nested or not; of Dense layers and activations that nncore has.
            BatchNormalization, Normalization and Rescaling are folded into a dense layer beside
            them. Flatten, Dropout and Identity count for nothing. A Dense without a bias gets one
            of zeros. A log_softmax at the end becomes softmax outputs: the network gives the
            probabilities themselves.
        output_activation: what a model with linear outputs leaves to its loss. "softmax" or
            "sigmoid" go with a loss that has from_logits=True. The network then trains
            log_likelihood or cross_entropy.

    Raises:
        ImportError: Keras, or the backend that it is set to, is missing.
        ValueError: there is another layer in it, which the message names; the outputs are not
            linear, or output_activation is another one.
    """
    keras = require("keras", extra="keras", purpose="from_keras")
    layers = Layers()

    def activation(function: Any, where: str) -> None:
        def compute(z: Any) -> Any:
            return keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(z)))

        name = identify(compute)
        if name is None:
            raise ValueError(f"{where}: nncore has no such layer or activation{relative(compute)}")
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
        elif kind.__name__ in _SCALINGS and kind is getattr(keras.layers, kind.__name__):
            layers.scaling(_SCALINGS[kind.__name__](layer), where)
        elif kind not in no_ops:
            if layer.weights or isinstance(layer, keras.Model):
                raise ValueError(f"{where}: expected a Sequential of Dense layers")
            activation(layer, where)

    if not isinstance(model, keras.layers.Layer):
        raise TypeError(f"expected a keras.Sequential, found a {type(model).__name__}")
    no_ops = [getattr(keras.layers, name) for name in _NO_OPS]
    add(model)
    return layers.network(output_activation)


def _of_batch_normalization(layer: Any) -> Scaling:
    values = dict(zip([w.name for w in layer.weights], layer.get_weights(), strict=True))
    mean, variance = (np.asarray(values[f"moving_{name}"], float) for name in ("mean", "variance"))
    gamma, beta = np.asarray(values.get("gamma", 1.0)), np.asarray(values.get("beta", 0.0))
    return batch_normalization(gamma, beta, mean, variance, layer.epsilon)


def _of_normalization(layer: Any) -> Scaling:
    mean, variance = (_numbers(value) for value in (layer.mean, layer.variance))
    deviation = np.maximum(np.sqrt(variance), 1e-7)  # Keras's own least number
    if layer.invert:
        return Scaling(deviation, mean)
    return Scaling(1 / deviation, -mean / deviation)


def _of_rescaling(layer: Any) -> Scaling:
    return Scaling(_numbers(layer.scale), _numbers(layer.offset))


def _numbers(value: Any) -> Any:
    """Constants as Keras keeps them, in float64, (columns,) or ()."""
    detached = value.detach().cpu() if hasattr(value, "detach") else value
    array = np.asarray(detached, np.float64)
    return array.reshape(-1) if array.size == max(array.shape, default=1) else array


_SCALINGS = {
    "BatchNormalization": _of_batch_normalization,
    "Normalization": _of_normalization,
    "Rescaling": _of_rescaling,
}
