"""The rows that `fit` is given: split into training and validation, weighted by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore._support.checks import real
from nncore._support.names import check_name
from nncore.data.blocks import Blocks
from nncore.data.scaled import Scaled

ClassWeight = str | Mapping[int, float] | None


class Samples(NamedTuple):
    """Inputs, targets and weights, a sample a row, as the user gave them."""

    x: Any
    y: NDArray[Any]
    weight: NDArray[Any] | None
    columns: list[Any] | None = None
    """The names of x's columns, where it is a table that has names."""

    @classmethod
    def of(cls, x: Any, y: ArrayLike | None, weight: ArrayLike | None = None) -> Samples:
        """Arrays of what may be lists; sparse and scaled rows stay as they are, and samples too."""
        if isinstance(x, Samples):
            return x
        _refuse_batches(x)
        if y is None:
            raise TypeError("y is None; fit needs a label or targets for every row of x")
        columns = list(x.columns) if hasattr(x, "columns") and hasattr(x, "iloc") else None
        if not isinstance(x, Scaled):
            x = x.tocsr() if hasattr(x, "tocsr") else np.asarray(x)
        return cls(x, np.asarray(y), None if weight is None else np.asarray(weight), columns)

    def check_lengths(self) -> None:
        """Checks that there is one target and one weight a row; the core checks all else."""
        rows = self.x.shape[:1]
        if self.y.shape[:1] != rows:
            raise ValueError(f"y has shape {self.y.shape}; x has shape {self.x.shape}")
        if self.weight is not None and self.weight.shape != rows:
            raise ValueError(f"sample_weight has shape {self.weight.shape}; expected {rows}")

    def split(self, fraction: float) -> tuple[Samples, Samples]:
        """The first rows, and the last `fraction` of them."""
        self.check_lengths()
        at = split_point(self.x.shape[0], fraction)
        return self.taken(slice(at)), self.taken(slice(at, None))

    def taken(self, rows: NDArray[np.int64] | slice) -> Samples:
        """Some of the samples, as views for a slice."""
        weight = None if self.weight is None else self.weight[rows]
        return self._replace(x=self.x[rows], y=self.y[rows], weight=weight)

    def with_weight(self, weight: NDArray[Any]) -> Samples:
        """The same samples with another weight."""
        return self._replace(weight=weight)

    def weighted(self, class_weight: ClassWeight, n_outputs: int) -> Samples:
        """The same samples, each row's weight multiplied by that of its class."""
        if class_weight is None:
            return self
        self.check_lengths()
        labels = _labels(self.y)
        by_class = _class_weights(class_weight, labels, max(n_outputs, 2))
        weight = by_class[labels]
        return self.with_weight(weight if self.weight is None else weight * self.weight)


def split_point(n: int, fraction: float) -> int:
    """The number of the first of n rows that is for validation."""
    at = n - int(n * fraction)
    if not 0 < at < n:
        raise ValueError(f"validation_split={fraction:g} of {n} rows leaves one side empty")
    return at


def training_and_validation(
    samples: Samples, validation_data: Sequence[Any] | Blocks | None, validation_split: float
) -> tuple[Samples, Samples | Blocks | None]:
    """The samples to train on, and those to validate on, which come in one of two ways."""
    fraction = real("validation_split", validation_split, high=1.0, below=True)
    if validation_data is not None:
        if fraction:
            raise ValueError("give validation_data or validation_split, not both")
        return samples, validation_samples(validation_data)
    return samples.split(fraction) if fraction else (samples, None)


def named_validation_data(
    given: Any, name: str, X_val: Any, y_val: Any, sample_weight_val: Any = None
) -> Any:
    """Validation data that come whole, as the argument of that name, or one by one.

    Raises:
        ValueError: they come both ways, or in part.
    """
    if X_val is None and y_val is None and sample_weight_val is None:
        return given
    if given is not None:
        raise ValueError(f"give {name}, or X_val and y_val, not both")
    if X_val is None or y_val is None:
        missing = "X_val" if X_val is None else "y_val"
        raise ValueError(f"{missing} is missing; validation data are X_val and y_val together")
    return (X_val, y_val) if sample_weight_val is None else (X_val, y_val, sample_weight_val)


def validation_samples(validation_data: Sequence[Any] | Blocks) -> Samples | Blocks:
    """The samples of `fit`'s validation_data."""
    if isinstance(validation_data, (Samples, Blocks)):
        return validation_data
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
        raise TypeError(
            "validation_data must be a tuple (x, y) or (x, y, sample_weight), or Blocks, got "
            + _described(validation_data)
        )
    return Samples.of(*validation_data)


def _refuse_batches(x: Any) -> None:
    """Tells who has a generator or a loader of batches what `fit` takes in place of it."""
    whole = isinstance(x, (str, bytes)) or any(
        hasattr(x, name) for name in ("__array__", "__getitem__", "tocsr", "shape")
    )
    if whole or not (hasattr(x, "__iter__") or callable(x)):
        return
    raise TypeError(
        f"x is a {type(x).__name__}; fit takes all rows at once, as an array, and makes the "
        "mini-batches itself. For rows that come in batches, give nncore.data.Blocks, or call "
        "fit(x, y, epochs=1, penalty_rows=n) with each of them, n being the rows of all"
    )


def _described(value: Any) -> str:
    kind = type(value).__name__
    return f"a {kind} of {len(value)}" if isinstance(value, (tuple, list)) else f"a {kind}"


def _labels(y: NDArray[Any]) -> NDArray[np.int64]:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        y = y.argmax(axis=1)
    if y.ndim != 1 or y.dtype.kind not in "biuf" or (y != np.floor(y)).any() or (y < 0).any():
        raise ValueError("class_weight needs one class a row: integer labels or one-hot targets")
    return y.astype(np.int64)


def _class_weights(
    class_weight: str | Mapping[int, float], labels: NDArray[np.int64], n_classes: int
) -> NDArray[np.float64]:
    if len(labels) and labels.max() >= n_classes:
        raise ValueError(f"labels go up to {labels.max()}; expected 0 to {n_classes - 1}")
    if isinstance(class_weight, str):
        check_name("class_weight", class_weight, ["balanced"])
        counts = np.bincount(labels, minlength=n_classes)
        present = np.count_nonzero(counts)
        balanced: NDArray[np.float64] = len(labels) / (present * np.maximum(counts, 1.0))
        return balanced
    if not isinstance(class_weight, Mapping):
        raise TypeError(
            f"class_weight must be 'balanced' or a dict of weights, got {class_weight!r}"
        )
    weights = np.ones(n_classes)
    for label, weight in class_weight.items():
        if label not in range(n_classes):
            raise ValueError(
                f"class_weight names class {label!r}; expected classes 0 to {n_classes - 1}"
            )
        weights[label] = real(f"class_weight[{label}]", weight)
    return weights
