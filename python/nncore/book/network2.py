"""The book's improved network: cross-entropy, weight decay, better initial weights, monitoring.

Names, signatures, shapes and printed lines are those of the book's module `network2` (chapter 3),
with `early_stopping_n` as in its well-known Python 3 port. Work is done by the C++ core in float64
(`Network.dtype = "float32"` changes that); a cost class of the user's own runs in NumPy.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from nncore import _core
from nncore.book import _json_file
from nncore.book._shared import (
    Array,
    ColumnNetwork,
    Example,
    Examples,
    Gradients,
    sigmoid,
    sigmoid_prime,
    vectorized_result,
)

__all__ = [
    "CrossEntropyCost",
    "Network",
    "QuadraticCost",
    "load",
    "sigmoid",
    "sigmoid_prime",
    "vectorized_result",
]

Monitored = tuple[list[float], list[int], list[float], list[int]]


class Cost(Protocol):
    """What a cost class offers; all columns are (sizes[-1], 1)."""

    @staticmethod
    def fn(a: Array, y: Array, /) -> Any:
        """The cost of the output column a when y is wanted."""

    @staticmethod
    def delta(z: Array, a: Array, y: Array, /) -> Any:
        """The error of the output layer: the cost's slope with respect to its weighted inputs."""


CostLike = type[Cost] | Cost


class QuadraticCost:
    """Half the squared distance between output and target."""

    @staticmethod
    def fn(a: Array, y: Array) -> float:
        """The cost of the output column a when y is wanted."""
        return float(0.5 * np.linalg.norm(a - y) ** 2)

    @staticmethod
    def delta(z: Array, a: Array, y: Array) -> Array:
        """The error of the output layer, for sigmoid neurons with weighted inputs z."""
        return np.asarray((a - y) * sigmoid_prime(z))


class CrossEntropyCost:
    """The cross-entropy of outputs in [0, 1] (the book's equation 63)."""

    @staticmethod
    def fn(a: Array, y: Array) -> float:
        """The cost of the output column a when y is wanted; 0 log 0 counts as nothing."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return float(np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a))))

    @staticmethod
    def delta(z: Array, a: Array, y: Array) -> Array:
        """The error of the output layer: a - y, whatever the slope at z."""
        return np.asarray(a - y)


_CORE_COSTS: dict[Any, str] = {QuadraticCost: "quadratic", CrossEntropyCost: "cross_entropy"}


def _core_cost(cost: CostLike) -> str | None:
    """The core's name of a cost, which may be one of the classes above or an instance; or None."""
    if isinstance(cost, type):
        return _CORE_COSTS.get(cost)
    return None if getattr(cost, "__dict__", None) else _CORE_COSTS.get(type(cost))


class Network(ColumnNetwork):
    """A network of sigmoid neurons with `sizes` neurons in each layer, inputs first.

    `cost` is QuadraticCost, CrossEntropyCost or a class of one's own with static methods
    `fn(a, y)` and `delta(z, a, y)`, or an instance of one. `weights` (out, in) and `biases` (n, 1)
    are live views.
    A method that a subclass replaces is called as in the book, at the book's speed.
    """

    def __init__(self, sizes: Sequence[int], cost: CostLike = CrossEntropyCost) -> None:
        self._cost = cost
        super().__init__(sizes, _core_cost(cost) or "quadratic")
        self.default_weight_initializer()

    @property
    def cost(self) -> CostLike:
        """The cost class or instance; a new one may be assigned at any time."""
        return self._cost

    @cost.setter
    def cost(self, cost: CostLike) -> None:
        weights, biases = self.weights, self.biases
        self._cost = cost
        self._build(_core_cost(cost) or "quadratic", self._net.dtype)
        self.weights, self.biases = weights, biases

    def default_weight_initializer(self) -> None:
        """Draws biases from N(0, 1) and weights from N(0, 1) / sqrt(inputs of the neuron)."""
        self._draw(scaled=True)

    def large_weight_initializer(self) -> None:
        """Draws weights and biases from N(0, 1), as chapter 1 does."""
        self._draw(scaled=False)

    def SGD(
        self,
        training_data: Iterable[Example],
        epochs: int,
        mini_batch_size: int,
        eta: float,
        lmbda: float = 0.0,
        evaluation_data: Iterable[Example] | None = None,
        monitor_evaluation_cost: bool = False,
        monitor_evaluation_accuracy: bool = False,
        monitor_training_cost: bool = False,
        monitor_training_accuracy: bool = False,
        early_stopping_n: int = 0,
    ) -> Monitored:
        """Trains by mini-batch stochastic gradient descent with weight decay `lmbda`.

        `training_data` are tuples (x, y) of columns (sizes[0], 1) and (sizes[-1], 1);
        `evaluation_data` tuples of a column and a class number. Prints what is monitored and
        returns it, a value an epoch: (evaluation costs, evaluation accuracies, training costs,
        training accuracies), accuracies as counts, lists empty where nothing was monitored.
        A list of training data is shuffled in place, as by the book.
        Stops when `early_stopping_n` epochs (0: never) brought no better evaluation accuracy.
        Raises ValueError where a shape is another, a number is not finite, or evaluation data are
        missing.
        """
        training = Examples(training_data)
        evaluation = Examples(evaluation_data) if evaluation_data else None
        if evaluation is None and (
            monitor_evaluation_cost or monitor_evaluation_accuracy or early_stopping_n > 0
        ):
            raise ValueError("expected evaluation_data to monitor or stop early by, found none")
        evaluation_cost: list[float] = []
        evaluation_accuracy: list[int] = []
        training_cost: list[float] = []
        training_accuracy: list[int] = []
        best, stale = 0, 0
        n = len(training)
        own = self._replaced(Network, "update_mini_batch") or not self._core_trains()

        def monitor(epoch: int) -> bool:
            nonlocal best, stale
            print(f"Epoch {epoch} training complete")
            cost, right = self._measured(
                training, lmbda, monitor_training_cost, monitor_training_accuracy
            )
            if monitor_training_cost:
                training_cost.append(cost)
                print(f"Cost on training data: {cost}")
            if monitor_training_accuracy:
                training_accuracy.append(right)
                print(f"Accuracy on training data: {right} / {n}")
            accuracy = 0
            if evaluation is not None:
                counts = monitor_evaluation_accuracy or early_stopping_n > 0
                cost, accuracy = self._measured(
                    evaluation, lmbda, monitor_evaluation_cost, counts, labels=True
                )
                if monitor_evaluation_cost:
                    evaluation_cost.append(cost)
                    print(f"Cost on evaluation data: {cost}")
                if monitor_evaluation_accuracy:
                    evaluation_accuracy.append(accuracy)
                    print(f"Accuracy on evaluation data: {accuracy} / {len(evaluation)}")
            print()
            best, stale = (accuracy, 0) if accuracy > best else (best, stale + 1)
            return 0 < early_stopping_n <= stale

        self._train(
            training,
            training_data,
            epochs,
            mini_batch_size,
            eta,
            lmbda,
            (lambda batch: self.update_mini_batch(batch, eta, lmbda, n)) if own else None,
            monitor,
        )
        return evaluation_cost, evaluation_accuracy, training_cost, training_accuracy

    def update_mini_batch(
        self, mini_batch: Iterable[Example], eta: float, lmbda: float, n: int
    ) -> None:
        """One step of size `eta` on `mini_batch`, tuples (x, y), from a training set of `n`."""
        step = self._core_step if self._core_trains() else self._book_step
        step(mini_batch, eta, lmbda, n)

    def backprop(self, x: Array, y: Array) -> Gradients:
        """The gradient of one example's cost: lists (nabla_b, nabla_w) shaped as the parameters."""
        if _core_cost(self._cost):
            return self._core_gradients(x, y)
        return self._book_gradients(x, y, self._cost.delta)

    def accuracy(self, data: Iterable[Example], convert: bool = False) -> int:
        """How many of the tuples (x, y) have their class as the strongest output.

        y is a class number, or a column (sizes[-1], 1) where `convert` is true.
        """
        data = Examples.of(data)
        if self._core_counts(data, labels=not convert):
            return self._evaluated(data, labels=not convert)[1]
        wanted = data.targets(self._net).argmax(axis=1) if convert else data.labels()
        return int(np.sum(self._outputs(data).argmax(axis=1) == wanted))

    def total_cost(self, data: Iterable[Example], lmbda: float, convert: bool = False) -> float:
        """The mean cost over the tuples (x, y), plus lmbda / 2n times the squared weights.

        y is a column (sizes[-1], 1), or a class number where `convert` is true.
        """
        data = Examples.of(data)
        if _core_cost(self._cost) and not self._replaced(ColumnNetwork, "feedforward"):
            cost, _ = _core.evaluate(self._net, data.dataset(self._net, with_labels=convert))
        else:
            one_hot = np.eye(self.sizes[-1])
            targets = one_hot[data.labels()] if convert else data.targets(self._net)
            outputs = self._outputs(data)
            pairs = zip(outputs[:, :, np.newaxis], targets[:, :, np.newaxis], strict=True)
            cost = sum(self._cost.fn(a, y) for a, y in pairs) / len(data)
        return self._penalised(cost, lmbda, len(data))

    def _measured(
        self, data: Examples, lmbda: float, cost: bool, accuracy: bool, labels: bool = False
    ) -> tuple[float, int]:
        """`total_cost` and `accuracy`, 0 for what is not wanted; in one pass where the core can."""
        own = self._replaced(Network, "total_cost", "accuracy") or not _core_cost(self._cost)
        if cost and accuracy and not own and self._core_counts(data, labels):
            mean, right = self._evaluated(data, labels)
            return self._penalised(mean, lmbda, len(data)), right
        return (
            self.total_cost(data, lmbda, convert=labels) if cost else 0.0,
            self.accuracy(data, convert=not labels) if accuracy else 0,
        )

    def _penalised(self, cost: float, lmbda: float, n: int) -> float:
        squares = sum(np.linalg.norm(w) ** 2 for w in self.weights)
        return float(cost + 0.5 * (lmbda / n) * squares)

    def save(self, filename: str | os.PathLike[str]) -> None:
        """Writes sizes, weights, biases and the cost's name as JSON, whole or not at all."""
        cost = self._cost if isinstance(self._cost, type) else type(self._cost)
        _json_file.write(filename, self.weights, self.biases, cost.__name__)

    def _core_trains(self) -> bool:
        return _core_cost(self._cost) is not None and not self._replaced(Network, "backprop")


def load(filename: str | os.PathLike[str], cost: CostLike | None = None) -> Network:
    """The network that `save`, ours or the book's, wrote to `filename`.

    `cost` is needed where the network was trained with a cost class of one's own. Raises
    ModelFileError where the file is not such a network.
    """
    known = {own.__name__: own for own in (QuadraticCost, CrossEntropyCost)}
    saved = _json_file.read(filename)
    if cost is None and saved.cost not in known:
        raise _core.ModelFileError(
            f"{filename}: its cost is {saved.cost!r}; pass the class: "
            f"load(filename, cost={saved.cost})"
        )
    net = Network(saved.sizes, cost=cost or known[saved.cost])
    net.weights, net.biases = saved.weights, saved.biases
    return net
