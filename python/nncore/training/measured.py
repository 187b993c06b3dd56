"""What is measured after every epoch, of rows in memory and of blocks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore._model import Model
from nncore._support.checks import naming
from nncore.data.blocks import Block, Blocks
from nncore.errors import DataError
from nncore.metrics import Metric, check_targets, with_arguments
from nncore.training.blocked import BlockedData
from nncore.training.samples import Samples


class MeasuredData:
    """Samples to train or to measure on, as the core takes them and as the metrics do.

    Class weights are in `data` alone, for training: what metrics say of training and validation
    rows compares.
    """

    def __init__(
        self, net: Model, samples: Samples, measures: dict[str, Metric], data: _core.Dataset
    ) -> None:
        self.data = data
        self.y, self.weight = samples.y, samples.weight
        self.metrics = with_arguments(measures, net, samples.weight)
        if len(self.data) == 0:
            raise ValueError("x has no rows; training and validation need one at least")
        check_targets(measures, samples.y, net)

    def __len__(self) -> int:
        return len(self.data)

    @property
    def has_classes(self) -> bool:
        return self.data.has_classes

    def measure(self, net: Model) -> dict[str, Any]:
        """The value of every metric, by its name."""
        if not self.metrics:
            return {}
        return _measured(self.metrics, self.y, net.feedforward(self.data))

    def validate(self, net: Model) -> dict[str, Any]:
        """The cost, for classes the accuracy, and the metrics, as a history names them."""
        logs = _validation_logs(*_core.evaluate(net, self.data))
        wanted = _not_in(logs, self.metrics)
        if wanted:
            measured = _measured(wanted, self.y, net.feedforward(self.data))
            logs |= {f"validation_{name}": value for name, value in measured.items()}
        return logs


class MeasuredBlocks:
    """Validation rows that come in blocks, of which a window at a time is in memory.

    For metrics the outputs and targets of all rows are kept until they are measured.
    """

    def __init__(self, net: Model, blocks: Blocks, measures: Mapping[str, Metric]) -> None:
        self._blocks = BlockedData(net, blocks)
        self.metrics = measures
        data, first = self._blocks.first_rows(net)
        self.has_classes = data.has_classes
        check_targets(measures, first.y, net)

    def validate(self, net: Model) -> dict[str, Any]:
        """As `MeasuredData.validate`; sums of several windows may round otherwise."""
        with naming("validation_data"), closing(self._blocks.in_order(net)) as windows:
            return self._validated(net, windows)

    def _validated(
        self, net: Model, windows: Iterable[tuple[_core.Dataset, Block]]
    ) -> dict[str, Any]:
        parts: list[_Part] = []
        kept: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]] = []
        known = _validation_logs(0.0, 0.0 if self.has_classes else None)
        wanted = _not_in(known, self.metrics)
        for data, rows in windows:
            if data.has_classes != self.has_classes:
                raise DataError("some blocks have class numbers, others targets")
            parts.append(_Part(net, data, rows))
            if wanted:  # a copy, for the window's memory is that of the next one
                weight = None if rows.weight is None else rows.weight.copy()
                kept.append((net.feedforward(data), rows.y.copy(), weight))
        logs = _validation_logs(*_joined(parts))
        if wanted:
            outputs, y, weights = zip(*kept, strict=True)
            weight = None if weights[0] is None else np.concatenate(weights)
            metrics = with_arguments(wanted, net, weight)
            measured = _measured(metrics, np.concatenate(y), np.concatenate(outputs))
            logs |= {f"validation_{name}": value for name, value in measured.items()}
        return logs


class _Part:
    """What a window's rows weigh and cost together, and how many are right."""

    def __init__(self, net: Model, data: _core.Dataset, rows: Block) -> None:
        self.cost, self.share = _core.evaluate(net, data)
        counts = rows.weight is None or rows.weight.any()
        self.weight = data.weight_sum if counts else 0.0
        self.right = 0.0 if self.share is None else self.share * self.weight
        if rows.weight is None:
            self.right = round(self.right)


def _joined(parts: list[_Part]) -> tuple[float, float | None]:
    """The mean cost of all parts, and of classes the share that is right."""
    counted = [part for part in parts if part.weight > 0]
    if not counted:
        raise ValueError("all sample weights are 0; expected at least one above")
    if len(counted) == 1:
        return counted[0].cost, counted[0].share
    total = math.fsum(part.weight for part in counted)
    cost = math.fsum(part.cost * part.weight for part in counted) / total
    if counted[0].share is None:
        return cost, None
    return cost, math.fsum(part.right for part in counted) / total


def _validation_logs(cost: float, share: float | None) -> dict[str, Any]:
    right = {} if share is None else {"validation_accuracy": share}
    return {"validation_cost": cost} | right


def _not_in(logs: Mapping[str, Any], metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    """The metrics that have not been measured as a matter of course."""
    return {name: m for name, m in metrics.items() if f"validation_{name}" not in logs}


def _measured(
    metrics: Mapping[str, Metric], y: NDArray[Any], outputs: NDArray[Any]
) -> dict[str, Any]:
    if outputs.shape[1] == 1:  # numbers (n,) less numbers (n, 1) would be (n, n)
        outputs = outputs.reshape(y.shape)
    elif y.shape[1:] == (1,):  # less means and variances (n, 2) they would be (n, 2)
        y = y[:, 0]
    return {name: _plain(name, metric(y, outputs)) for name, metric in metrics.items()}


def _plain(name: str, value: Any) -> Any:
    """Numbers as floats and arrays as lists: what a history holds."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"metric {name!r} must return a number or an array of them, got {value!r}")
    return array.tolist() if array.ndim else float(array)
