"""Layers as other programs' models hold them, put together to a network."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore.export._activations import natural_cost
from nncore.network import Network

Array = NDArray[Any]


class Layers:
    """Weights, biases and activations, in the order in which a model applies them.

    Every method raises ValueError for what a network of nncore cannot be made of; `where` is
    what the error calls the layer.
    """

    def __init__(self) -> None:
        self.weights: list[Array] = []
        self.biases: list[Array] = []
        self.activations: list[str | None] = []

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
        self.weights.append(weights)
        self.biases.append(biases)
        self.activations.append(None)

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

    def network(self) -> Network:
        """A network of copies of these layers, float64 if any of the arrays is."""
        if not self.weights:
            raise ValueError("it has no dense layer")
        *hidden, output = [name or "linear" for name in self.activations]
        return Network(
            [self.weights[0].shape[1], *map(len, self.weights)],
            activation=hidden,
            output_activation=output,
            cost=natural_cost(output),
            initializer=(self.weights, self.biases),
            dtype=np.result_type(*self.weights, *self.biases),
        )
