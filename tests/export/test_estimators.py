"""Every exporter takes a fitted estimator in place of its network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn import neural_network
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nncore
from nncore import export
from nncore.sklearn import MLPClassifier

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)]
FILES = {"to_npz": "net.npz", "to_onnx": "net.onnx", "to_c": "net.h", "to_book_json": "net.json"}
OBJECTS = {"to_torch": "torch", "to_keras": "keras", "to_sklearn": "sklearn"}


def fitted() -> MLPClassifier:
    return MLPClassifier((4,), "logistic", solver="lbfgs", max_iter=20, random_state=0).fit(X, Y)


def test_all_exporters_are_tested() -> None:
    assert {name for name in export.__all__ if name.startswith("to_")} == {*FILES, *OBJECTS}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", FILES)
def test_files_of_estimators_are_those_of_their_networks(name: str, tmp_path: Path) -> None:
    if name == "to_onnx":
        pytest.importorskip("onnx")
    model, write = fitted(), getattr(export, name)
    one, other = tmp_path / "one" / FILES[name], tmp_path / "other" / FILES[name]
    one.parent.mkdir()
    other.parent.mkdir()
    write(model, one)
    write(model.network_, other)
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ["to_torch", "to_sklearn"])
def test_models_of_estimators(name: str) -> None:
    pytest.importorskip(OBJECTS[name])
    model = fitted()
    made: Any = getattr(export, name)(model)
    if name == "to_torch":
        back = export.from_torch(made)
        np.testing.assert_array_equal(back.weights[0], model.network_.weights[0])
    else:
        assert list(made.classes_) == ["no", "yes"]
        np.testing.assert_array_equal(made.predict(X), model.predict(X))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", [str, object])
def test_networks_know_the_classes_of_their_estimators(dtype: type, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    model = fitted().set_params(max_iter=5).fit(X, Y.astype(dtype))
    export.to_onnx(model, tmp_path / "net.onnx")
    theirs = neural_network.MLPClassifier((2,), max_iter=5).fit(X, Y)
    read = export.from_onnx(tmp_path / "net.onnx")
    for net in (model.network_, read, export.from_sklearn(theirs)):
        assert net.classes is not None
        assert net.classes.tolist() == ["no", "yes"]
    assert (export.to_sklearn(read).predict(X) == model.predict(X)).all()
    several = MLPClassifier((3,), max_iter=2).fit(X, (X > 0).astype(int))
    assert several.network_.classes is None


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_quantized_estimators(tmp_path: Path) -> None:
    model = fitted()
    small = export.QuantizedNetwork(model, X)
    assert np.abs(small.feedforward(X) - model.network_.feedforward(X)).max() < 0.05
    export.to_c(model, tmp_path / "net.h", dtype="int8", calibration=X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", [*FILES, *OBJECTS])
def test_what_has_no_network_is_refused(name: str, tmp_path: Path) -> None:
    for package in ("onnx" if name == "to_onnx" else OBJECTS.get(name, "numpy"),):
        pytest.importorskip(package)
    write = getattr(export, name)
    arguments = (tmp_path / FILES[name],) if name in FILES else ()
    with pytest.raises(NotFittedError, match="MLPClassifier"):
        write(MLPClassifier(), *arguments)
    with pytest.raises(TypeError, match=r"Pipeline; export its last step.* skl2onnx"):
        write(make_pipeline(StandardScaler(), MLPClassifier()), *arguments)
    theirs = neural_network.MLPClassifier((2,), solver="lbfgs", max_iter=500).fit(X, Y)
    with pytest.raises(TypeError, match=r"MLPClassifier; nncore\.export\.from_sklearn makes"):
        write(theirs, *arguments)
    with pytest.raises(TypeError, match="got a list"):
        write([], *arguments)
    assert list(tmp_path.iterdir()) == []


def test_float32_files_of_float64_networks(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    net = nncore.Network([3, 4, 2], dtype="float64", seed=1)
    export.to_onnx(net, tmp_path / "net.onnx", dtype="float32")
    back = export.from_onnx(tmp_path / "net.onnx")
    assert back.dtype == np.float32
    assert np.abs(back.feedforward(X) - net.feedforward(X)).max() < 1e-6
    net.weights[0][0, 0] = 1e300
    with pytest.raises(ValueError, match="weights_1: a parameter is too large for float32"):
        export.to_onnx(net, tmp_path / "large.onnx", dtype="float32")
    with pytest.raises(ValueError, match="dtype must be"):
        export.to_onnx(net, tmp_path / "large.onnx", dtype="float16")
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
