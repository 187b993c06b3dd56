"""Networks to Keras models, and back."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("keras")

import keras
from keras import layers

from export_networks import ACTIVATIONS, assert_same, error, network, rows
from nncore.export import from_keras, to_keras

# Keras causes these with NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def predict(model: Any, x: Any) -> Any:
    return keras.ops.convert_to_numpy(model(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"step", "gelu_tanh"}))
def test_round_trip(activation: str, dtype: str) -> None:
    net = network(activation, dtype)
    model = to_keras(net)
    x = rows(net)
    y = predict(model, x)
    assert error(y, net.feedforward(x)) < 1e-6
    assert_same(from_keras(model), net)


@pytest.mark.parametrize("activation", ["step", "gelu_tanh"])
def test_activations_that_keras_lacks_are_refused(activation: str) -> None:
    with pytest.raises(ValueError, match=f"no activation of its own that is '{activation}'"):
        to_keras(network(activation))


def test_no_op_and_nested_layers() -> None:
    model = keras.Sequential(
        [
            keras.Input((2, 3)),
            layers.Flatten(),
            keras.Sequential([layers.Dense(5, use_bias=False), layers.Dropout(0.5)]),
            layers.LeakyReLU(negative_slope=0.01),
            layers.Dense(4),
            layers.Activation("silu"),
            layers.Dense(3, activation=keras.activations.softmax),
        ]
    )
    net = from_keras(model)
    assert (net.sizes, net.activations) == ((6, 5, 4, 3), ("leaky_relu", "silu", "softmax"))
    assert not net.biases[0].any()
    x = rows(net)
    assert error(net.feedforward(x), predict(model, x.reshape(-1, 2, 3))) < 1e-6


@pytest.mark.parametrize(
    ("added", "named"),
    [
        (layers.LayerNormalization(), "LayerNormalization"),
        (layers.LeakyReLU(), "LeakyReLU.*leaky_relu with slope 0.3, and nncore's slope is 0.01"),
        (layers.ReLU(max_value=5), "ReLU"),
        (layers.Dense(2, activation="leaky_relu"), "activation leaky_relu.* slope 0.2"),
    ],
)
def test_unsupported_layers_are_refused_by_name(added: Any, named: str) -> None:
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2), added])
    with pytest.raises(ValueError, match=named):
        from_keras(model)


def test_non_sequential_models_are_refused() -> None:
    x = keras.Input((2,))
    with pytest.raises(ValueError, match="Functional"):
        from_keras(keras.Model(x, layers.Dense(1)(x) + x))
    with pytest.raises(ValueError, match="no weights yet"):
        from_keras(keras.Sequential([layers.Dense(2)]))
    with pytest.raises(TypeError, match="ndarray"):
        from_keras(np.ones(3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scalings_are_folded(dtype: str) -> None:
    rng = np.random.default_rng(0)
    data = rng.normal([1, 20, -3], [2, 5, 0.1], (200, 3))
    normalization = layers.Normalization(dtype=dtype)
    normalization.adapt(data)
    model = keras.Sequential(
        [
            keras.Input((3,), dtype=dtype),
            layers.Rescaling(2.0, offset=1.0, dtype=dtype),
            normalization,
            layers.Dense(4, dtype=dtype),
            layers.BatchNormalization(dtype=dtype),
            layers.Activation(lambda z: keras.activations.gelu(z, approximate=True), dtype=dtype),
            layers.BatchNormalization(scale=False, dtype=dtype),
            layers.Dense(2, activation="log_softmax", dtype=dtype),
        ]
    )
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 2, w.shape) for w in layer.get_weights()])
    net = from_keras(model)
    assert (net.sizes, net.activations) == ((3, 4, 2), ("gelu_tanh", "softmax"))
    assert error(np.log(net.feedforward(data)), predict(model, data.astype(dtype))) < 1e-4


def test_outputs_are_logits_when_the_caller_says_so() -> None:
    model = keras.Sequential([keras.Input((2,)), layers.Dense(3)])
    net = from_keras(model, output_activation="softmax")
    assert (net.activations, net.cost) == (("softmax",), "log_likelihood")
