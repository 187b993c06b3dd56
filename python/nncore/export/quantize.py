"""Networks with weights and activations of eight bits, as `to_c` writes them for int8."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import _core, costs
from nncore.export._activations import natural_cost
from nncore.export._exportable import Exportable, network_of
from nncore.network import Evaluation, Network

Array = NDArray[Any]

MOST_INPUTS = (2**31 - 1) // 127**2
"""The most inputs of a layer with which no sum of products overflows 32 bits."""


class QuantizedLayer(NamedTuple):
    """z = scales * (weights @ q) + biases, with q = round(inputs * levels) within +-127."""

    weights: NDArray[np.int8]
    """(units, inputs), in +-127."""
    scales: NDArray[np.float32]
    """(units,): the value of 1 in that row of `weights`, times the value of 1 in q."""
    biases: NDArray[np.float32]
    """(units,)"""
    levels: np.float32
    """The value of q for an input of 1."""
    activation: str


class QuantizedNetwork:
    """A network whose weights and activations are rounded to eight-bit integers.

    Each unit's weights are scaled by the largest of them, and each layer's inputs by the largest
    that the calibration rows bring about; what is larger later is cut off (see Jacob et al.,
    "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", 2018, without the zero points). Biases and activation functions stay float32.

    Args:
        net: of at most 133,144 units a layer, or a fitted estimator of `nncore.sklearn`.
        calibration: rows like those that it will be asked, (n, sizes[0]), n at least 1; a few
            hundred of the training data are enough.

    Raises:
        ValueError: a layer is too wide, there are no rows, or they or the parameters are wrong.

    >>> import nncore
    >>> from nncore.export import QuantizedNetwork
    >>> data = nncore.datasets.load_digits(n_train=2_000, n_validation=0, n_test=500, seed=1)
    >>> net = nncore.Network([784, 30, 10], output_activation="softmax", cost="log_likelihood")
    >>> _ = net.fit(*data.train, epochs=3, optimizer="adam")
    >>> small = QuantizedNetwork(net, data.train.x[:500])
    >>> bool(abs(small.evaluate(*data.test).accuracy - net.evaluate(*data.test).accuracy) < 0.01)
    True
    """

    layers: list[QuantizedLayer]

    def __init__(self, net: Exportable, calibration: ArrayLike) -> None:
        net = network_of(net)
        if max(net.sizes[:-1]) > MOST_INPUTS:
            raise ValueError(f"int8 takes at most {MOST_INPUTS:,} inputs a layer, got {net.sizes}")
        net.check_finite()
        x = np.atleast_2d(np.asarray(calibration, net.dtype))
        if not len(x):
            raise ValueError("there are no rows to calibrate with")
        # The core checks x and computes what each layer takes in; its last answer is the output.
        inputs = [x, *net.hidden_activations(_core.Dataset(net, x))[:-1]]
        self.sizes = net.sizes
        self.layers = [
            _quantized(as_float32(w), as_float32(b), activation, as_float32(a))
            for w, b, activation, a in zip(
                net.weights, net.biases, net.activations, inputs, strict=True
            )
        ]
        hidden = [natural_cost(activation) for activation in net.activations[:-1]]
        each = [*hidden, costs.of(net)]
        self._core = [_as_network(*pair) for pair in zip(self.layers, each, strict=True)]

    def feedforward(self, x: ArrayLike) -> NDArray[np.float32]:
        """The outputs for rows x (n, sizes[0]), (n, sizes[-1]) float32."""
        return self._core[-1].feedforward(self._last_inputs(x))

    def evaluate(self, x: ArrayLike, y: ArrayLike) -> Evaluation:
        """The mean cost and the accuracy on rows x and their y, as `nncore.Network.evaluate`."""
        return self._core[-1].evaluate(self._last_inputs(x), y)

    def quantized_inputs(self, x: ArrayLike) -> NDArray[np.int8]:
        """Rows x (n, sizes[0]) as the eight-bit integers that the C file's functions take."""
        a = np.atleast_2d(np.asarray(x, np.float32))
        return _rounded(a, self.layers[0].levels).astype(np.int8)

    def _last_inputs(self, x: ArrayLike) -> Array:
        a = np.atleast_2d(np.asarray(x, np.float32))
        for layer, net in zip(self.layers[:-1], self._core[:-1], strict=True):
            a = net.feedforward(_rounded(a, layer.levels))
        return _rounded(a, self.layers[-1].levels)


def as_float32(values: Array) -> NDArray[np.float32]:
    """A copy in float32. Raises ValueError where that is not finite."""
    with np.errstate(over="ignore"):
        converted = np.array(values, np.float32)
    if not np.isfinite(converted).all():
        raise ValueError("a parameter or an activation is too large for float32")
    return converted


def _quantized(w: Array, b: Array, activation: str, inputs: Array) -> QuantizedLayer:
    levels = np.float32(127) / _largest(inputs)
    row_levels = np.float32(127) / np.array([_largest(row) for row in w])
    weights = np.rint(w * row_levels[:, None]).clip(-127, 127).astype(np.int8)
    scales = (1 / (row_levels.astype(float) * levels)).astype(np.float32)
    return QuantizedLayer(weights, scales, b, levels, activation)


def _largest(values: Array) -> np.float32:
    """The largest magnitude, or 1 where all are 0 or close to it."""
    largest: np.float32 = np.float32(np.abs(values).max())
    return largest if largest > 1e-30 else np.float32(1)


def _as_network(layer: QuantizedLayer, cost: costs.AnyCost) -> Network:
    """A network of one layer that takes the whole numbers q."""
    weights = layer.weights * layer.scales[:, None]
    return Network(
        [weights.shape[1], len(weights)],
        output_activation=layer.activation,
        cost=cost,
        initializer=([weights], [layer.biases]),
    )


def _rounded(a: Array, levels: np.float32) -> Array:
    rounded: Array = np.rint((a * levels).clip(-127, 127))
    return rounded
