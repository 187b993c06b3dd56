"""Metrics agree with scikit-learn, if it is installed, and with values computed by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nncore import metrics

KINDS = ["binary, one output", "binary, two outputs", "multiclass", "multilabel"]


def problem(kind: str, n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets, outputs with ties, and the labels that the outputs predict."""
    rng = np.random.default_rng(seed)
    if kind == "binary, one output":
        y, outputs = rng.integers(0, 2, n), rng.integers(0, 10, (n, 1)) / 10
        return y, outputs, (outputs[:, 0] > 0.5).astype(int)
    if kind == "multilabel":
        y, outputs = rng.integers(0, 2, (n, 3)), rng.integers(0, 10, (n, 3)) / 10
        return y, outputs, (outputs > 0.5).astype(int)
    k = 2 if kind == "binary, two outputs" else 5
    y, outputs = rng.integers(0, k, n), rng.integers(1, 8, (n, k)).astype(float)
    outputs /= outputs.sum(axis=1, keepdims=True)
    return y, outputs, outputs.argmax(axis=1)


def weights(weighted: bool, n: int = 60) -> np.ndarray | None:
    return np.random.default_rng(1).random(n) if weighted else None


@pytest.fixture
def sklearn_metrics() -> Any:
    return pytest.importorskip("sklearn.metrics")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_classification_metrics_agree_with_scikit_learn(
    kind: str, weighted: bool, sklearn_metrics: Any
) -> None:
    y, outputs, labels = problem(kind)
    w = weights(weighted)
    average = "binary" if kind.startswith("binary") else "macro"

    def equal(ours: float, expected: float) -> None:
        assert ours == pytest.approx(expected, rel=1e-12)
        assert isinstance(ours, float)

    equal(
        metrics.accuracy(y, outputs, w), sklearn_metrics.accuracy_score(y, labels, sample_weight=w)
    )
    for name in ("precision", "recall", "f1"):
        their = getattr(sklearn_metrics, f"{name}_score")
        our = metrics.METRICS[name]
        equal(our(y, outputs, w), their(y, labels, average=average, sample_weight=w))
        equal(our(y, labels, w), their(y, labels, average=average, sample_weight=w))
        for other in ("macro", "micro", "weighted"):
            equal(
                our(y, outputs, w, average=other),
                their(y, labels, average=other, sample_weight=w),
            )
    scores = outputs[:, -1] if kind.startswith("binary") else outputs
    expected = sklearn_metrics.roc_auc_score(y, scores, sample_weight=w, multi_class="ovr")
    equal(metrics.auc(y, outputs, w), expected)
    if kind != "multilabel":
        matrix = metrics.confusion_matrix(y, outputs, w)
        assert np.allclose(matrix, sklearn_metrics.confusion_matrix(y, labels, sample_weight=w))
        assert matrix.dtype == (float if weighted else np.int64)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_top_k_accuracy_agrees_with_scikit_learn(
    k: int, weighted: bool, sklearn_metrics: Any
) -> None:
    y, outputs, _ = problem("multiclass")
    w = weights(weighted)
    expected = sklearn_metrics.top_k_accuracy_score(y, outputs, k=k, sample_weight=w)
    assert metrics.top_k(y, outputs, w, k=k) == pytest.approx(expected, rel=1e-12)
    one_hot = np.eye(5)[y]
    assert metrics.top_k(one_hot, outputs, w, k=k) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("columns", [None, 1, 3])
def test_regression_metrics_agree_with_scikit_learn(
    columns: int | None, weighted: bool, sklearn_metrics: Any
) -> None:
    rng = np.random.default_rng(2)
    shape = (60,) if columns is None else (60, columns)
    y, p = rng.normal(size=shape), rng.normal(size=shape)
    w = weights(weighted)
    for ours, their in (
        (metrics.mse, sklearn_metrics.mean_squared_error),
        (metrics.mae, sklearn_metrics.mean_absolute_error),
        (metrics.r2, sklearn_metrics.r2_score),
    ):
        assert ours(y, p, w) == pytest.approx(their(y, p, sample_weight=w), rel=1e-12)


@pytest.mark.parametrize(
    ("y", "p"),
    [
        ([1.0, 1.0], [1.0, 1.0]),
        ([1.0, 1.0], [1.0, 2.0]),
        ([[1.0, 5.0], [2.0, 5.0]], [[1.0, 5.0], [1.5, 4.0]]),
    ],
)
def test_r2_of_constant_targets(y: Any, p: Any, sklearn_metrics: Any) -> None:
    assert metrics.r2(y, p) == pytest.approx(sklearn_metrics.r2_score(y, p))


@pytest.mark.parametrize("average", ["binary", "macro", "micro", "weighted"])
@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_classes_without_predictions_or_targets(
    name: str, average: str, sklearn_metrics: Any
) -> None:
    for y, p in (([0, 1, 1], [0, 0, 0]), ([0, 0, 0], [0, 1, 1]), ([0, 0, 0], [0, 0, 0])):
        expected = getattr(sklearn_metrics, f"{name}_score")(y, p, average=average, zero_division=0)
        assert metrics.METRICS[name](y, p, average=average) == pytest.approx(expected)


def test_absent_classes_are_left_out_of_the_mean(sklearn_metrics: Any) -> None:
    y, outputs = np.array([0, 1, 4, 4]), np.eye(6)[[0, 4, 4, 1]]
    expected = sklearn_metrics.f1_score(y, outputs.argmax(axis=1), average="macro")
    assert metrics.f1(y, outputs) == pytest.approx(expected)
    assert metrics.confusion_matrix(y, outputs).shape == (6, 6)


def test_values_computed_by_hand() -> None:
    y, p = [0, 1, 1, 2, 2, 2], [0, 1, 2, 2, 2, 0]
    assert metrics.confusion_matrix(y, p).tolist() == [[1, 0, 0], [0, 1, 1], [1, 0, 2]]
    assert metrics.accuracy(y, p) == 4 / 6
    assert metrics.precision(y, p) == pytest.approx((1 / 2 + 1 + 2 / 3) / 3)
    assert metrics.recall(y, p) == pytest.approx((1 + 1 / 2 + 2 / 3) / 3)
    assert metrics.auc([0, 1, 1, 0], [0.5, 0.5, 0.9, 0.1]) == 0.875
    assert metrics.mse([[1, 2], [3, 4]], [[1, 0], [3, 3]]) == 5 / 4
    assert metrics.mse([1, 0], [[0.0, 1.0], [0.0, 1.0]]) == 0.5  # labels as one-hot targets


def test_auc_of_a_single_class_is_nan() -> None:
    assert np.isnan(metrics.auc([1, 1], [0.2, 0.3]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.accuracy([0, 3], [[0.1, 0.9], [0.5, 0.5]]), "from 0 to 1, got 0 to 3"),
        (lambda: metrics.accuracy([0, 1, 1], [0, 1]), "y_true has 3 rows and y_pred has 2"),
        (lambda: metrics.accuracy([0.5, 1.0], [0.1, 0.9]), "expected classes"),
        (lambda: metrics.accuracy([[0, 2]], [[0.1, 0.9]]), "0/1 targets"),
        (lambda: metrics.accuracy([[0, 1, 0]], [[0.1, 0.9]]), "3 columns for 2 outputs"),
        (lambda: metrics.top_k([0, 1], [0.1, 0.9]), "two outputs or more"),
        (lambda: metrics.confusion_matrix([[1, 1]], [[0.1, 0.9]]), "multilabel"),
        (lambda: metrics.f1([0, 2], [0, 2], average="binary"), "needs two classes"),
        (lambda: metrics.f1([0, 1], [0, 1], average="makro"), "did you mean 'macro'"),
        (lambda: metrics.mse([1.0], [1.0, 2.0]), r"\(1, 1\) and y_pred has \(2, 1\)"),
        (lambda: metrics.mse([1.0, 2.0], [1.0, 2.0], [1.0]), r"expected \(2,\)"),
        (lambda: metrics.mse([1.0, 2.0], [1.0, 2.0], [0.0, 0.0]), "at least one above 0"),
        (lambda: metrics.mse([1.0, 2.0], [1.0, 2.0], [2.0, -1.0]), "from 0 up"),
        (lambda: metrics.r2([], []), "no rows to measure"),
        (lambda: metrics.accuracy([], []), "no rows to measure"),
    ],
)
def test_wrong_arguments_are_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_minus_one_and_one_are_two_classes(sklearn_metrics: Any) -> None:
    y, p = np.array([-1, 1, 1, -1, 1]), np.array([[-0.9], [0.3], [-0.2], [0.1], [0.8]])
    labels = np.where(p[:, 0] > 0.0, 1, -1)
    for name in ("accuracy", "precision", "recall", "f1"):
        expected = getattr(sklearn_metrics, f"{name}_score")(y, labels)
        assert metrics.METRICS[name](y, p, threshold=0.0) == pytest.approx(expected)
        assert metrics.METRICS[name](y, (labels > 0).astype(int)) == pytest.approx(expected)
    assert metrics.auc(y, p) == pytest.approx(sklearn_metrics.roc_auc_score(y, p))
    matrix = metrics.confusion_matrix(y, p, threshold=0.0)
    assert np.array_equal(matrix, sklearn_metrics.confusion_matrix(y, labels))
    rows = np.array([[1, -1, 1], [-1, -1, 1]])
    assert metrics.accuracy(rows, 0.1 * rows, threshold=0.0) == 1.0


def test_resolve() -> None:
    def odd(y: Any, p: Any) -> float:
        return 1.0

    found = metrics.resolve(["accuracy", odd])
    assert found == {"accuracy": metrics.accuracy, "odd": odd}
    assert metrics.resolve({"error": "mse", "mine": odd}) == {"error": metrics.mse, "mine": odd}
    with pytest.raises(ValueError, match="did you mean 'accuracy'"):
        metrics.resolve(["acuracy"])
    with pytest.raises(ValueError, match="two columns"):
        metrics.resolve(["mse", "mse"])
    with pytest.raises(ValueError, match="two columns"):
        metrics.resolve({"cost": odd})
    with pytest.raises(TypeError, match="list of names"):
        metrics.resolve("accuracy")
    with pytest.raises(TypeError, match="must be a name"):
        metrics.resolve([3])  # type: ignore[list-item]
