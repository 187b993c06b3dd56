"""The book's first network: sigmoid neurons, quadratic cost, mini-batch gradient descent.

Names, signatures, shapes and printed lines are those of the book's module `network` (chapter 1);
this is the one part of nncore that prints by itself. Work is done by the C++ core in float64
(`Network.dtype = "float32"` changes that). Parameters are drawn from NumPy's global generator and
mini-batches from `random`, so that a script that seeds both keeps its results.

>>> import random
>>> import numpy as np
>>> from nncore.book import network
>>> random.seed(0)
>>> np.random.seed(0)
>>> ones = [(np.array([[i], [j]]), np.array([[i & j]])) for i in (0, 1) for j in (0, 1)]
>>> net = network.Network([2, 3, 1])
>>> net.SGD(ones, epochs=2, mini_batch_size=4, eta=3.0)
Epoch 0 complete
Epoch 1 complete
>>> net.feedforward(np.array([[1], [1]])).shape
(1, 1)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from nncore.book._shared import (
    Array,
    ColumnNetwork,
    Example,
    Examples,
    Gradients,
    sigmoid,
    sigmoid_prime,
)

__all__ = ["Network", "sigmoid", "sigmoid_prime"]


class Network(ColumnNetwork):
    """A network of sigmoid neurons with `sizes` neurons in each layer, inputs first.

    `weights` are (out, in) and `biases` (n, 1) arrays, drawn from N(0, 1); both are live views.
    A method that a subclass replaces is called as in the book, at the book's speed.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__(sizes, "quadratic")
        self._draw(scaled=False)

    def SGD(
        self,
        training_data: Iterable[Example],
        epochs: int,
        mini_batch_size: int,
        eta: float,
        test_data: Iterable[Example] | None = None,
    ) -> None:
        """Trains by mini-batch stochastic gradient descent, and prints a line an epoch.

        `training_data` are tuples (x, y) of columns (sizes[0], 1) and (sizes[-1], 1); `test_data`
        tuples of a column and a class number, counted after every epoch. A list of training data
        is shuffled in place, as by the book. Raises ValueError where
        a shape is another or a number is not finite.
        """
        own = self._replaced(Network, "update_mini_batch", "backprop", "cost_derivative")
        test = Examples(test_data) if test_data else None

        def report(epoch: int) -> bool:
            if test is None:
                print(f"Epoch {epoch} complete")
            else:
                print(f"Epoch {epoch}: {self.evaluate(test)} / {len(test)}")
            return False

        self._train(
            Examples(training_data),
            training_data,
            epochs,
            mini_batch_size,
            eta,
            0.0,
            (lambda mini_batch: self.update_mini_batch(mini_batch, eta)) if own else None,
            report,
        )

    def update_mini_batch(self, mini_batch: Iterable[Example], eta: float) -> None:
        """One step of size `eta` against the gradient averaged over `mini_batch`, tuples (x, y)."""
        own = self._replaced(Network, "backprop", "cost_derivative")
        step = self._book_step if own else self._core_step
        step(mini_batch, eta, 0.0, 1)

    def backprop(self, x: Array, y: Array) -> Gradients:
        """The gradient of one example's cost: lists (nabla_b, nabla_w) shaped as the parameters."""
        if self._replaced(Network, "cost_derivative"):
            return self._book_gradients(
                x, y, lambda z, a, y: self.cost_derivative(a, y) * sigmoid_prime(z)
            )
        return self._core_gradients(x, y)

    def evaluate(self, test_data: Iterable[Example]) -> int:
        """How many of the tuples (x, class number) have their class as the strongest output."""
        data = Examples.of(test_data)
        if self._core_counts(data, labels=True):
            return self._evaluated(data, labels=True)[1]
        return int(np.sum(self._outputs(data).argmax(axis=1) == data.labels()))

    def cost_derivative(self, output_activations: Array, y: Array) -> Array:
        """The slope of the quadratic cost with respect to the output activations."""
        return output_activations - y
