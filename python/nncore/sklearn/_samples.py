"""The rows of one call of `fit`, as the solvers take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore.network import Network


@dataclass
class Rows:
    """Checked inputs, targets and weights.

    `labels` are the targets as the user gave them, `targets` as the core takes them. `constants`
    is what scikit-learn's loss has beyond the core's cost, a number a row, or None for nothing;
    `divisor` is how many times the core's cost scikit-learn's loss is small.
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

    def loss(self, cost: float, rows: NDArray[np.int64] | None = None) -> float:
        """scikit-learn's loss of some rows (None: all) from the core's mean cost of these."""
        loss = cost / self.divisor
        if self.constants is not None:
            some = slice(None) if rows is None else rows
            weight = None if self.weight is None else self.weight[some]
            loss += float(np.average(self.constants[some], weights=weight))
        return loss
