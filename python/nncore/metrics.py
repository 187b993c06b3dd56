"""Measures of what a network learned, equal to scikit-learn's functions of the same meaning.

Every metric is a function `metric(y_true, y_pred, sample_weight=None, ...)`.

`y_true` holds integer labels (n,), one-hot rows (n, k), rows of independent 0/1 labels (n, k)
(multilabel), or, for the regression metrics, numbers (n,) or (n, k).

`y_pred` holds the outputs of `Network.feedforward`, (n, k), or (n,) or (n, 1) for one output. For
metrics that need only labels, it may hold those of `Network.predict`. Of several outputs the
largest is the predicted class. A single output, and each output of a multilabel row, is positive
above `threshold`: 0.5, or, as in `Network.predict`, 0 in `fit` where the outputs are tanh. Where
one output tells two classes, and in multilabel rows, -1 and 1 mean the same as 0 and 1.

A metric of your own is a callable(y_true, y_pred) that gets the targets as they were given to
`fit` and the outputs (n, k); those of a single output in the shape of the targets, (n,) or (n, 1).
Of the costs gaussian and pinball it gets all outputs, while `mse`, `mae` and `r2` measure the
means, or the quantiles that are nearest to the median.
Where it has a parameter `sample_weight`, it gets `fit`'s, (n,), or its default where there are
none. Its column in the history has the name of the function, or the key where `metrics` is a dict.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore._support.classes import (
    Floats,
    as_classes,
    as_columns,
    as_labels,
    as_outputs,
    as_weights,
    wide,
)
from nncore._support.names import check_name
from nncore.costs import Gaussian, Pinball, point_outputs

if TYPE_CHECKING:
    from nncore._core import Network

Metric = Callable[..., Any]


def accuracy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    threshold: float = 0.5,
) -> float:
    """Fraction of the rows that are right; of multilabel rows, those right in every label.

    >>> accuracy([0, 1, 2, 2], [0, 1, 2, 0])
    0.75
    >>> accuracy([0, 1], [[0.9, 0.1], [0.6, 0.4]])
    0.5
    """
    classes = as_classes(y_true, y_pred, sample_weight, threshold)
    right = (classes.true == classes.predicted).all(axis=1)
    return float(np.average(right, weights=classes.weight))


def top_k(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None, *, k: int = 5
) -> float:
    """Fraction of the rows whose class is among the k largest outputs.

    Among equal outputs the later class counts as the larger, as in scikit-learn.

    >>> top_k([2, 0], [[0.5, 0.2, 0.3], [0.1, 0.7, 0.2]], k=2)
    0.5
    """
    outputs = as_outputs(y_pred)
    if outputs.shape[1] < 2:
        raise ValueError(f"top_k needs two outputs or more, got shape {outputs.shape}")
    labels = as_labels(y_true, outputs.shape[1])
    own = np.take_along_axis(outputs, labels[:, None], axis=1)
    later = np.arange(outputs.shape[1]) > labels[:, None]
    rank = ((outputs > own) | ((outputs == own) & later)).sum(axis=1)
    return float(np.average(rank < k, weights=as_weights(sample_weight, len(labels))))


def precision(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    average: str = "auto",
    threshold: float = 0.5,
) -> float:
    """Of what was predicted to be in a class, the fraction that is: tp / (tp + fp).

    `average` is "binary" (class 1 alone), "macro" (mean over the classes), "weighted" (by how
    often they are true), "micro" (over all decisions), or "auto": binary for two classes, else
    macro. A class that was never predicted counts 0.

    >>> precision([0, 1, 1, 0], [1, 1, 1, 0])
    0.6666666666666666
    """
    tp, fp, fn, mean = _decisions(y_true, y_pred, sample_weight, average, threshold)
    return mean(_ratio(tp, tp + fp), tp + fn)


def recall(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    average: str = "auto",
    threshold: float = 0.5,
) -> float:
    """Of what is in a class, the fraction that was found: tp / (tp + fn).

    `average` is as in `precision`; a class that is never true counts 0.

    >>> recall([0, 1, 1, 0], [1, 1, 0, 0])
    0.5
    """
    tp, _, fn, mean = _decisions(y_true, y_pred, sample_weight, average, threshold)
    return mean(_ratio(tp, tp + fn), tp + fn)


def f1(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    average: str = "auto",
    threshold: float = 0.5,
) -> float:
    """The harmonic mean of precision and recall, 2 tp / (2 tp + fp + fn).

    `average` is as in `precision`.

    >>> f1([0, 1, 1, 0], [1, 1, 0, 0])
    0.5
    """
    tp, fp, fn, mean = _decisions(y_true, y_pred, sample_weight, average, threshold)
    return mean(_ratio(2 * tp, 2 * tp + fp + fn), tp + fn)


def auc(y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Area under the ROC curve: how likely a row of the class outranks one that is not.

    Several classes are each measured against the rest and averaged, as are the labels of a
    multilabel problem. NaN where a class has no rows, or nothing but rows.

    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    outputs = as_outputs(y_pred)
    truth, kind = as_columns(y_true, outputs.shape[1])
    if kind == "binary":
        truth, outputs = truth[:, -1:], outputs[:, -1:]
    weight = as_weights(sample_weight, len(truth))
    areas = [_area(t, score, weight) for t, score in zip(truth.T, outputs.T, strict=True)]
    return float(np.mean(areas))


def confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    threshold: float = 0.5,
) -> NDArray[Any]:
    """Counts (k, k) of the rows of class i that were taken for class j, in [i, j].

    int64, or float64 sums of weights where there are weights. k is the number of outputs, or for
    labels the largest one plus one.

    >>> confusion_matrix([0, 1, 1, 2], [0, 1, 2, 2])
    array([[1, 0, 0],
           [0, 1, 1],
           [0, 0, 1]])
    """
    classes = as_classes(y_true, y_pred, sample_weight, threshold)
    if classes.kind == "multilabel":
        raise ValueError("a confusion matrix needs one class a row, got multilabel targets")
    true, predicted = wide(classes.true), wide(classes.predicted)
    matrix: Floats = (true * classes.weight[:, None]).T @ predicted
    return matrix if sample_weight is not None else matrix.astype(np.int64)


def calibration_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    bins: int = 15,
) -> float:
    """How far the probability of the predicted class is from how often it is right.

    The expected calibration error (Guo et al. 2017): rows are put into `bins` by that probability;
    it is the mean distance of a bin's accuracy from its mean probability, weighted by its rows.

    >>> calibration_error([1, 1, 1, 0], [[0.2, 0.8]] * 4)  # doctest: +ELLIPSIS
    0.05...
    """
    outputs = as_outputs(y_pred)
    if not (outputs.min(initial=0) >= 0 and outputs.max(initial=0) <= 1):
        raise ValueError(
            "calibration_error needs probabilities, got outputs from "
            f"{outputs.min():.3g} to {outputs.max():.3g}"
        )
    truth, kind = as_columns(y_true, outputs.shape[1])
    if kind == "multilabel":
        raise ValueError("calibration_error needs one class a row, got multilabel targets")
    if len(truth) != len(outputs):
        raise ValueError(f"y_true has {len(truth)} rows and y_pred has {len(outputs)}")
    if outputs.shape[1] == 1:
        outputs = np.hstack([1 - outputs, outputs])
    chosen = outputs.argmax(axis=1)
    right = wide(truth)[np.arange(len(chosen)), chosen]
    weight = as_weights(sample_weight, len(right))
    certainty, accuracy, rows = reliability(right, outputs.max(axis=1), weight, bins)
    return float(np.average(np.abs(accuracy - certainty), weights=rows))


def reliability(
    right: ArrayLike, certainty: ArrayLike, sample_weight: ArrayLike | None = None, bins: int = 15
) -> tuple[Floats, Floats, Floats]:
    """Of each bin of certainty that has rows: mean certainty, accuracy, and what its rows weigh.

    >>> [each.tolist() for each in reliability([1, 0, 1], [0.95, 0.25, 0.95], bins=10)]
    [[0.25, 0.95], [0.0, 1.0], [1.0, 2.0]]
    """
    rights, sure = np.asarray(right, np.float64), np.asarray(certainty, np.float64)
    weight = as_weights(sample_weight, len(sure))
    places = np.minimum((sure * bins).astype(int), bins - 1)
    weights, certain, accurate = (
        np.bincount(places, each * weight, bins).astype(np.float64)
        for each in (np.ones(len(sure)), sure, rights)
    )
    there = weights > 0
    return certain[there] / weights[there], accurate[there] / weights[there], weights[there]


def mse(y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Mean of the squared errors over rows and outputs.

    >>> mse([1.0, 2.0], [1.0, 4.0])
    2.0
    """
    true, predicted = _numbers(y_true, y_pred)
    return _mean((true - predicted) ** 2, sample_weight)


def mae(y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Mean of the absolute errors over rows and outputs.

    >>> mae([1.0, 2.0], [1.0, 4.0])
    1.0
    """
    true, predicted = _numbers(y_true, y_pred)
    return _mean(np.abs(true - predicted), sample_weight)


def r2(y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Coefficient of determination, the mean over the outputs: 1 is perfect, 0 the mean's.

    A target that never varies counts 1 where it was met exactly, else 0.

    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    0.5
    """
    true, predicted = _numbers(y_true, y_pred)
    weight = as_weights(sample_weight, len(true))[:, None]
    residual = (weight * (true - predicted) ** 2).sum(axis=0)
    centre = np.average(true, axis=0, weights=weight[:, 0])
    total = (weight * (true - centre) ** 2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.where(total > 0, 1.0 - residual / total, np.where(residual > 0, 0.0, 1.0))
    return float(scores.mean())


METRICS: dict[str, Metric] = {
    metric.__name__: metric
    for metric in (
        accuracy,
        top_k,
        precision,
        recall,
        f1,
        auc,
        confusion_matrix,
        calibration_error,
        mse,
        mae,
        r2,
    )
}
LOWER_IS_BETTER = frozenset({"cost", "mse", "mae", "calibration_error"})
HIGHER_IS_BETTER = METRICS.keys() - LOWER_IS_BETTER - {"confusion_matrix"}
_WITH_THRESHOLD = (accuracy, precision, recall, f1, confusion_matrix)
_OF_NUMBERS = (mse, mae, r2)


def resolve(
    metrics: Iterable[str | Metric] | Mapping[str, str | Metric] | None,
) -> dict[str, Metric]:
    """The functions to measure with, by the names that their columns will have.

    Raises:
        TypeError: something is neither a name nor a callable.
        ValueError: an unknown name, or one given twice.
    """
    if metrics is None:
        return {}
    if isinstance(metrics, str) or callable(metrics) or not isinstance(metrics, Iterable):
        raise TypeError(f"metrics must be a list of names and callables, got {metrics!r}")
    named: Iterable[tuple[str | None, str | Metric]] = (
        metrics.items() if isinstance(metrics, Mapping) else ((None, each) for each in metrics)
    )
    found: dict[str, Metric] = {}
    for name, metric in named:
        function = metric if callable(metric) else METRICS[check_name("metric", metric, METRICS)]
        key = str(getattr(function, "__name__", type(function).__name__)) if name is None else name
        if not isinstance(key, str):
            raise TypeError(f"a metric's name must be a string, got {key!r}")
        if key in found or key in ("cost", "seconds", "learning_rate", "epoch"):
            raise ValueError(f"two columns of the history would be called {key!r}")
        if key.startswith("validation_"):
            raise ValueError(
                f"metric {key!r}: names that begin with 'validation_' are for what is measured on "
                "validation data"
            )
        found[key] = function
    return found


def with_arguments(
    metrics: Mapping[str, Metric], net: Network, sample_weight: NDArray[Any] | None
) -> dict[str, Metric]:
    """The same metrics of a network's outputs, to be called as metric(y_true, y_pred).

    Ours take the threshold of `Network.predict` for these outputs, or those outputs that are near
    the targets, and metrics with a parameter `sample_weight` take the weights: where there are
    none, their default, or None.
    """
    prepared: dict[str, Metric] = {}
    for name, metric in metrics.items():
        given: dict[str, Any] = {}
        if net.activations[-1] == "tanh" and _is_one(metric, _WITH_THRESHOLD):
            given["threshold"] = 0.0
        weight = _weight_parameter(metric)
        if weight is not None and (sample_weight is not None or weight.default is weight.empty):
            given["sample_weight"] = sample_weight
        prepared[name] = partial(metric, **given) if given else metric
        if _is_one(metric, _OF_NUMBERS) and net.cost in (Gaussian.name, Pinball.name):
            prepared[name] = partial(_of_points, prepared[name], point_outputs(net))
    return prepared


def _is_one(metric: Metric, of: Iterable[Metric]) -> bool:
    return any(metric is each for each in of)


def _of_points(metric: Metric, points: slice, y_true: ArrayLike, y_pred: ArrayLike) -> Any:
    return metric(y_true, as_outputs(y_pred)[:, points])


def _weight_parameter(metric: Metric) -> inspect.Parameter | None:
    """The parameter `sample_weight` of a callable; None where it has none."""
    try:
        parameter = inspect.signature(metric).parameters.get("sample_weight")
    except (TypeError, ValueError):  # a builtin may not tell
        return None
    named = parameter is not None and parameter.kind in (
        parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY
    )  # fmt: skip
    return parameter if named else None


def check_targets(metrics: Mapping[str, Metric], y: ArrayLike, net: Network) -> None:
    """Raises ValueError where one of our metrics cannot measure `y`, such as numbers as classes."""
    outputs = np.zeros((len(np.asarray(y)), net.sizes[-1]))
    ours = {name: m for name, m in metrics.items() if _is_one(m, METRICS.values())}
    for name, metric in with_arguments(ours, net, None).items():
        if net.cost in (Gaussian.name, Pinball.name) and not _is_one(ours[name], _OF_NUMBERS):
            raise ValueError(
                f"metric {name!r} measures classes, but outputs trained with the cost {net.cost} "
                "are numbers; expected 'mse', 'mae', 'r2', or a callable of your own"
            )
        if ours[name] is calibration_error and net.activations[-1] not in ("softmax", "sigmoid"):
            raise ValueError(
                f"metric {name!r} measures probabilities, softmax or sigmoid outputs; these are "
                f"{net.activations[-1]}"
            )
        try:
            metric(y, outputs)
        except ValueError as error:
            raise ValueError(f"metric {name!r}: {error}") from None


def _decisions(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sample_weight: ArrayLike | None,
    average: str,
    threshold: float,
) -> tuple[Floats, Floats, Floats, Callable[[Floats, Floats], float]]:
    """True positives, false positives and false negatives of each class, and how to average."""
    check_name("average", average, ["auto", "binary", "macro", "micro", "weighted"])
    classes = as_classes(y_true, y_pred, sample_weight, threshold)
    if average == "auto":
        average = "binary" if classes.kind == "binary" else "macro"
    true, predicted = classes.true, classes.predicted
    if average == "binary":
        if classes.kind != "binary":
            raise ValueError(f"average='binary' needs two classes, got {true.shape[1]}")
        true, predicted = true[:, -1:], predicted[:, -1:]
    elif classes.kind != "multilabel":
        true, predicted = wide(true), wide(predicted)
        # A class that is neither true nor predicted is left out of a mean, as in scikit-learn.
        named = true.any(axis=0) | predicted.any(axis=0)
        true, predicted = true[:, named], predicted[:, named]
    counts = [classes.weight @ part for part in (true & predicted, ~true & predicted)]
    tp, fp = counts
    fn = classes.weight @ (true & ~predicted)
    if average == "micro":
        tp, fp, fn = (np.atleast_1d(part.sum()) for part in (tp, fp, fn))

    def mean(values: Floats, true_count: Floats) -> float:
        if average == "weighted":
            return float(_ratio(values @ true_count, true_count.sum()))
        return float(values.mean())

    return tp, fp, fn, mean


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)


def _area(true: NDArray[np.bool_], score: Floats, weight: Floats) -> float:
    order = np.argsort(score, kind="stable")[::-1]
    last_of_equals = np.append(np.diff(score[order]) != 0, True)
    tp = np.append(0.0, np.cumsum((weight * true)[order])[last_of_equals])
    fp = np.append(0.0, np.cumsum((weight * ~true)[order])[last_of_equals])
    if tp[-1] <= 0 or fp[-1] <= 0:
        return float("nan")
    area = (np.diff(fp) * (tp[1:] + tp[:-1])).sum() / 2
    return float(area / (tp[-1] * fp[-1]))


def _numbers(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Floats, Floats]:
    """Targets and outputs, both (n, k); labels become one-hot rows where k > 1."""
    outputs = as_outputs(y_pred)
    true = np.asarray(y_true)
    if true.ndim == 1 and outputs.shape[1] > 1:
        true = as_columns(true, outputs.shape[1])[0]
    true = as_outputs(true)
    if true.shape != outputs.shape:
        raise ValueError(f"y_true has shape {true.shape} and y_pred has {outputs.shape}")
    return true, outputs


def _mean(errors: Floats, sample_weight: ArrayLike | None) -> float:
    return float(np.average(errors.mean(axis=1), weights=as_weights(sample_weight, len(errors))))
