"""The classes that targets and outputs stand for, for the metrics."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class Classes(NamedTuple):
    """Truth and prediction of a classification, one column for each label (n, k), 0 or 1."""

    true: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    weight: Floats
    kind: str  # "binary", "multiclass" or "multilabel"


def as_outputs(y_pred: ArrayLike) -> Floats:
    """Outputs as columns, (n, k)."""
    outputs = np.asarray(y_pred, dtype=np.float64)
    return outputs[:, None] if outputs.ndim == 1 else outputs


def as_weights(sample_weight: ArrayLike | None, n: int) -> Floats:
    """The weight of each of n rows, 1 where none are given; n must not be 0."""
    if n == 0:
        raise ValueError("there are no rows to measure")
    if sample_weight is None:
        return np.ones(n)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (n,):
        raise ValueError(f"sample_weight has shape {weights.shape}; expected ({n},)")
    if not (weights >= 0).all() or not 0 < weights.sum() < np.inf:
        raise ValueError("sample_weight must be finite numbers from 0 up, at least one above 0")
    return weights


def as_labels(y: ArrayLike, n_outputs: int) -> NDArray[np.int64]:
    """One class a row (n,), from labels or one-hot rows."""
    truth, kind = as_columns(y, n_outputs)
    if kind == "multilabel":
        raise ValueError("expected one class a row, got multilabel targets")
    labels: NDArray[np.int64] = wide(truth).argmax(axis=1)
    return labels


def as_columns(y: ArrayLike, n_outputs: int) -> tuple[NDArray[np.bool_], str]:
    """Targets as columns of 0 and 1, as many as there are outputs, and the kind of problem."""
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim not in (1, 2):
        raise ValueError(f"expected labels (n,) or targets (n, k), got shape {y.shape}")
    if y.dtype.kind not in "biuf" or (y.dtype.kind == "f" and (y != np.floor(y)).any()):
        raise ValueError("expected classes (integer labels or 0/1 targets), got other values")
    if y.ndim == 1:
        n_classes = max(n_outputs, 2)
        y = _as_zero_one(y) if n_classes == 2 else y
        if len(y) and not (y.min() >= 0 and y.max() < n_classes):
            raise ValueError(
                f"expected labels from 0 to {n_classes - 1}, got {y.min()} to {y.max()}"
            )
        columns = y[:, None] == (np.arange(n_outputs) if n_outputs > 1 else 1)
        return columns, "binary" if n_classes == 2 else "multiclass"
    if y.shape[1] != n_outputs:
        raise ValueError(f"targets have {y.shape[1]} columns for {n_outputs} outputs")
    y = _as_zero_one(y)
    if not np.isin(y, (0, 1)).all():
        raise ValueError("expected 0/1 targets, got other values")
    if (y.sum(axis=1) != 1).any():
        return y.astype(bool), "multilabel"
    return y.astype(bool), "binary" if n_outputs == 2 else "multiclass"


def _as_zero_one(y: NDArray[Any]) -> NDArray[Any]:
    """Targets of -1 and 1, which suit tanh outputs, become 0 and 1; others stay as they are."""
    return y > 0 if (y == -1).any() and np.isin(y, (-1, 1)).all() else y


def as_classes(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None, threshold: float
) -> Classes:
    """Targets beside predictions. Outputs, in place of labels, are positive above `threshold`."""
    predicted = np.asarray(y_pred)
    if predicted.ndim == 1 and predicted.dtype.kind in "biu":
        # Both are labels. There are as many columns as the largest label needs.
        true_labels = np.asarray(y_true)
        largest = max(int(labels.max(initial=1)) for labels in (true_labels, predicted))
        width = true_labels.shape[1] if true_labels.ndim == 2 else largest + 1
        predicted_columns, _ = as_columns(predicted, width)
    else:
        outputs = as_outputs(y_pred)
        width = outputs.shape[1]
        predicted_columns = outputs > threshold
    true, kind = as_columns(y_true, width)
    if len(true) != len(predicted_columns):
        raise ValueError(f"y_true has {len(true)} rows and y_pred has {len(predicted_columns)}")
    if predicted.ndim == 2 and width > 1 and kind != "multilabel":
        predicted_columns = predicted.argmax(axis=1)[:, None] == np.arange(width)
    return Classes(true, predicted_columns, as_weights(sample_weight, len(true)), kind)


def wide(columns: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """One column for each class, also for two classes that one column told apart."""
    return np.hstack([~columns, columns]) if columns.shape[1] == 1 else columns
