"""Layers as other programs' models hold them, put together to a network."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore._support.names import check_name
from nncore.export._activations import LOG_SOFTMAX, natural_cost
from nncore.network import Network

Array = NDArray[Any]


class Scaling(NamedTuple):
    """y = scale * x + shift, unit by unit: numbers for all units, or one for each (units,)."""

    scale: ArrayLike
    shift: ArrayLike


def batch_normalization(
    gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> Scaling:
    """What batch normalisation does once it is trained."""
    with np.errstate(invalid="ignore", divide="ignore"):  # what is not finite is refused later
        scale = gamma / np.sqrt(variance + epsilon)
    return Scaling(scale, beta - mean * scale)


class Layers:
    """Weights, biases and activations, in the order in which a model applies them.

    Every method raises ValueError for what a network of nncore cannot be made of; `where` is
    what the error calls the layer.
    """

    def __init__(self) -> None:
        self.weights: list[Array] = []
        self.biases: list[Array] = []
        self.activations: list[str | None] = []
        self._pending: list[tuple[Scaling, str]] = []
        """The scalings of what the next dense layer takes in, with their names."""

    def dense(self, weights: Array, biases: Array | None, where: str) -> None:
        """Adds weights (units, inputs) and biases (units,), None for zeros."""
        if biases is None:
            biases = np.zeros(len(weights), weights.dtype)
        if weights.ndim != 2 or biases.shape != weights.shape[:1]:
            raise ValueError(
                f"{where}: expected weights (units, inputs) and a bias for each unit, found "
                f"shapes {weights.shape} and {biases.shape}"
            )
        for array in (weights, biases):
            if array.dtype not in (np.float32, np.float64):
                raise ValueError(f"{where}: expected float32 or float64, found {array.dtype}")
        if self.weights and weights.shape[1] != len(self.weights[-1]):
            raise ValueError(
                f"{where}: it takes {weights.shape[1]} inputs, and the layer before it has "
                f"{len(self.weights[-1])} units"
            )
        if self.activations and self.activations[-1] == LOG_SOFTMAX:
            raise ValueError(f"{where}: the layer before it is hidden and cannot be {LOG_SOFTMAX}")
        if self._pending:
            w, b = weights.astype(np.float64), biases.astype(np.float64)
            for scaling, name in reversed(self._pending):  # what comes last is folded first
                scale, shift = _checked(scaling, w.shape[1], name)
                w, b = w * scale, b + w @ shift
            weights, biases = w.astype(weights.dtype), b.astype(biases.dtype)
            self._pending = []
        self.weights.append(weights)
        self.biases.append(biases)
        self.activations.append(None)

    def scaling(self, scaling: Scaling, where: str) -> None:
        """Folds what multiplies and shifts each unit by constants into a dense layer.

        That is the layer before it, where nothing stands between them, or else the next one.
        """
        if np.all(np.equal(scaling.scale, 1)) and np.all(np.equal(scaling.shift, 0)):
            return
        if not self.weights or self.activations[-1] is not None:
            self._pending.append((scaling, where))
            return
        weights, biases = self.weights[-1], self.biases[-1]
        scale, shift = _checked(scaling, len(weights), where)
        self.weights[-1] = (weights * scale[:, None]).astype(weights.dtype)
        self.biases[-1] = (biases * scale + shift).astype(biases.dtype)

    def activation(self, name: str, where: str) -> None:
        """Sets the activation of the last layer added; the names are nncore's."""
        if name == "linear":
            return
        if not self.activations:
            raise ValueError(f"{where}: {name} stands before the first dense layer")
        if self.activations[-1] is not None:
            raise ValueError(
                f"{where}: {name} follows {self.activations[-1]}; expected one activation a layer"
            )
        self.activations[-1] = name

    def network(self, output_activation: str | None = None) -> Network:
        """A network of copies of these layers, float64 if any of the arrays is.

        Args:
            output_activation: what the model leaves to its loss, for linear outputs only.
        """
        if not self.weights:
            raise ValueError("it has no dense layer")
        *hidden, output = [name or "linear" for name in self.activations]
        if self._pending:
            raise ValueError(
                f"{self._pending[0][1]}: it follows the outputs' {output}, and no dense layer "
                "comes after it that could take it up"
            )
        if output == LOG_SOFTMAX:
            output = "softmax"
        if output_activation is not None:
            check_name("output_activation", output_activation, OUTPUT_ACTIVATIONS)
            if output != "linear":
                raise ValueError(
                    f"output_activation={output_activation!r} is for models whose outputs are "
                    f"linear; these are {output} already"
                )
            output = output_activation
        return Network(
            [self.weights[0].shape[1], *map(len, self.weights)],
            activation=hidden,
            output_activation=output,
            cost=natural_cost(output),
            initializer=(self.weights, self.biases),
            dtype=np.result_type(*self.weights, *self.biases),
        )


OUTPUT_ACTIVATIONS = ["softmax", "sigmoid", "exponential"]
"""What models leave to their losses, which then take logits or the logarithm of a rate."""


def _checked(scaling: Scaling, units: int, where: str) -> tuple[Array, Array]:
    """The scaling's constants in float64, (units,) each."""
    constants = []
    for constant in scaling:
        array = np.asarray(constant, np.float64)
        if array.shape not in ((), (1,), (units,)):
            raise ValueError(f"{where}: it has constants of shape {array.shape} for {units} units")
        if not np.isfinite(array).all():
            raise ValueError(f"{where}: its constants are not finite")
        constants.append(np.broadcast_to(array, (units,)))
    return constants[0], constants[1]
