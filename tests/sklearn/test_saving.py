"""Fitted estimators in other programs' files: skl2onnx converts them, skops saves them."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nncore.sklearn import MLPClassifier, MLPRegressor, register_skl2onnx

X = np.random.default_rng(0).normal(5, 3, (80, 4))
CLASSES: dict[str, Callable[[], Any]] = {
    "two": lambda: np.array(["no", "yes"])[(X[:, 0] > 5).astype(int)],
    "three": lambda: np.digitize(X[:, 1], [4.0, 6.0]) * 10,
    "booleans": lambda: X[:, 0] > 5,
    "floats": lambda: np.where(X[:, 0] > 5, 2.0, 1.0),
    "labels": lambda: (X[:, :3] > 5).astype(int),
    "one": lambda: np.full(len(X), 7),
}


def quietly(work: Callable[[], Any]) -> Any:
    """Ignores deprecation warnings of other packages."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return work()


@pytest.fixture(scope="module")
def skl2onnx() -> Any:
    pytest.importorskip("onnxruntime")
    return quietly(lambda: pytest.importorskip("skl2onnx"))


def run(skl2onnx: Any, model: Any, x: Any, **options: Any) -> list[Any]:
    """What onnxruntime computes of the converted model."""
    import onnxruntime

    written = quietly(lambda: skl2onnx.to_onnx(model, x[:1], **options))
    session = onnxruntime.InferenceSession(
        written.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    outputs: list[Any] = session.run(None, {session.get_inputs()[0].name: x})
    return outputs


def classifier(**arguments: Any) -> MLPClassifier:
    return MLPClassifier((6, 5), ["tanh", "gelu"], max_iter=5, random_state=0, **arguments)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", CLASSES)
def test_pipelines_convert_with_labels_and_probabilities(
    kind: str, dtype: str, skl2onnx: Any
) -> None:
    model = make_pipeline(StandardScaler(), classifier()).fit(X, CLASSES[kind]())
    assert model[-1].network_.dtype == np.float64
    x = X.astype(dtype)
    label, probabilities = run(skl2onnx, model, x, options={"zipmap": False})
    expected = model.predict_proba(x)
    assert probabilities.dtype == dtype
    assert probabilities.shape == expected.shape
    # gelu goes through the error function in float32 in any case.
    assert np.abs(probabilities - expected).max() < (1e-5 if dtype == "float32" else 1e-6)
    assert np.array_equal(label.astype(model.predict(x).dtype), model.predict(x))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_probabilities_by_class(skl2onnx: Any) -> None:
    model = classifier().fit(X, CLASSES["two"]())
    _, by_class = run(skl2onnx, model, X.astype(np.float32))
    assert by_class[0].keys() == {"no", "yes"}
    expected = model.predict_proba(X)
    assert by_class[3]["yes"] == pytest.approx(expected[3, 1], abs=1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_regressors_convert(dtype: str, outputs: int, skl2onnx: Any) -> None:
    y = X[:, 0] if outputs == 1 else X[:, :outputs]
    regressor = MLPRegressor(hidden_layer_sizes=(5,), max_iter=5, random_state=0)
    model = make_pipeline(StandardScaler(), regressor).fit(X, y)
    x = X.astype(dtype)
    (found,) = run(skl2onnx, model, x)
    assert found.shape == (len(X), outputs)
    expected = model.predict(x).reshape(len(X), outputs)
    assert np.abs(found - expected).max() < (1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_integers_are_taken_for_numbers(skl2onnx: Any) -> None:
    x = X.astype(np.int64)
    model = classifier().fit(x, CLASSES["three"]())
    _, probabilities = run(skl2onnx, model, x, options={"zipmap": False})
    assert np.abs(probabilities - model.predict_proba(x)).max() < 1e-5


AFTERWARDS = """
import pickle, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from nncore.sklearn import MLPClassifier, register_skl2onnx
x = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
model = MLPClassifier((3,), max_iter=2, random_state=0).fit(x, x[:, 0] > 0)
assert "skl2onnx" not in sys.modules
import skl2onnx
if sys.argv[1] == "register":
    register_skl2onnx()
else:
    model = pickle.loads(pickle.dumps(model))
print([each.name for each in skl2onnx.to_onnx(model, x[:1]).graph.output])
"""


@pytest.mark.parametrize("how", ["register", "load"])
def test_skl2onnx_may_be_imported_after_the_fit(how: str, skl2onnx: Any) -> None:
    printed = subprocess.check_output([sys.executable, "-c", AFTERWARDS, how], text=True)
    assert "output_label" in printed
    assert "probabilities" in printed or "output_probability" in printed


def test_without_skl2onnx_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"needs skl2onnx; .*pip install 'nncore\[skl2onnx\]'"):
        register_skl2onnx()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", ["two", "three", "labels", "regressor"])
def test_skops_saves_what_goes_on_with_the_same_bits(kind: str) -> None:
    io = pytest.importorskip("skops.io")
    if kind == "regressor":
        y = X[:, 0]
        model: Any = MLPRegressor(hidden_layer_sizes=(5,), max_iter=3, random_state=0).fit(X, y)
    else:
        y = CLASSES[kind]()
        model = classifier(dropout=0.1).fit(X, y)
    model.network_.metadata["of"] = "flowers"
    stored = io.dumps(model)
    unknown = io.get_untrusted_types(data=stored)
    assert unknown == [f"{type(model).__module__}.{type(model).__name__}"]
    for other in (io.loads(stored, trusted=unknown), pickle.loads(pickle.dumps(model))):
        assert np.array_equal(other.predict(X), model.predict(X))
        assert other.network_.epoch == model.network_.epoch
        assert other.network_.metadata == {"of": "flowers"}
        assert other.network_.history["cost"] == model.network_.history["cost"]
        assert other.loss_curve_ == model.loss_curve_
    restored = io.loads(stored, trusted=unknown)
    model.partial_fit(X, y)
    restored.partial_fit(X, y)
    for one, two in zip(model.coefs_, restored.coefs_, strict=True):
        assert np.array_equal(one, two)


def test_skops_saves_what_is_not_fitted() -> None:
    io = pytest.importorskip("skops.io")
    stored = io.dumps(MLPRegressor(alpha=0.5))
    model = io.loads(stored, trusted=io.get_untrusted_types(data=stored))
    assert model.alpha == 0.5
    assert not hasattr(model, "network_")
