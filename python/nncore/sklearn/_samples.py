"""The rows of one call of `fit`, as the solvers take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore.network import Network


def cost_epsilon(net: Network) -> float:
    """How far from 0 and 1 scikit-learn clips probabilities before it takes its log-loss."""
    log_loss = net.cost in ("cross_entropy", "log_likelihood")
    return float(np.finfo(net.dtype).eps) if log_loss else 0.0


@dataclass
class Rows:
    """Checked inputs, targets and weights.

    `labels` are the targets as the user gave them, `targets` as the core takes them. `constants`
    is what scikit-learn's loss adds to the core's cost, one number a row, or None for nothing.
    `divisor` is what it divides the core's cost by.
    """

    x: Any
    labels: Any
    targets: NDArray[Any]
    weight: NDArray[Any] | None
    constants: NDArray[np.float64] | None = None
    divisor: int = 1

    def __len__(self) -> int:
        return int(self.x.shape[0])

    def take(self, rows: NDArray[np.int64]) -> Rows:
        """Some of the rows."""

        def of(array: Any) -> Any:
            return None if array is None else array[rows]

        return Rows(
            of(self.x), of(self.labels), of(self.targets), of(self.weight), of(self.constants),
            self.divisor,
        )  # fmt: skip

    def dataset(self, net: Network) -> _core.Dataset:
        return _core.Dataset(net, self.x, self.targets, self.weight)

    def loss(self, cost: float) -> float:
        """scikit-learn's loss of all rows, from the core's mean cost of them."""
        loss = cost / self.divisor
        if self.constants is not None:
            loss += float(np.average(self.constants, weights=self.weight))
        return loss

    def loss_of_mini_batches(
        self, costs: NDArray[np.float64], order: NDArray[np.int64], batch_size: int
    ) -> float:
        """scikit-learn's loss of an epoch over the rows in that order, with the penalty.

        `costs` is (mini-batches, 3), as the core fills it: each one's summed cost, weight and
        penalty. scikit-learn takes each mini-batch's weighted mean by its number of rows, and
        divides the samples' loss but not the penalty by the number of outputs.
        """
        cost, weight, penalty = costs.T
        sizes = np.full(len(costs), batch_size)
        sizes[-1] = len(order) - batch_size * (len(costs) - 1)
        loss = cost / self.divisor
        if self.constants is not None:
            constants = self.constants if self.weight is None else self.constants * self.weight
            loss += np.add.reduceat(constants[order], np.arange(0, len(order), batch_size))
        counts = weight > 0  # scikit-learn leaves out mini-batches that weigh nothing
        means = loss[counts] / weight[counts] + penalty[counts]
        return float(sizes[counts] @ means / len(order))
