"""ONNX models that PyTorch and skl2onnx write."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

from export_networks import error
from nncore.export import from_onnx


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.onnx"


def ignoring_deprecations(work: Callable[[], Any]) -> Any:
    """Ignores deprecation warnings of other packages."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return work()


def export_by_pytorch(model: Any, path: Path, inputs: tuple[int, ...], dynamo: bool) -> None:
    """Writes the model for any number of rows, by PyTorch's old exporter or the new one."""
    torch = pytest.importorskip("torch")
    if dynamo:
        ignoring_deprecations(lambda: pytest.importorskip("onnxscript"))
    options: dict[str, Any] = {"dynamo": dynamo, "input_names": ["x"], "verbose": False}
    options["dynamic_shapes" if dynamo else "dynamic_axes"] = (
        ({0: torch.export.Dim.DYNAMIC},) if dynamo else {"x": {0: "n"}}
    )
    x = torch.zeros(2, *inputs)
    ignoring_deprecations(lambda: torch.onnx.export(model, (x,), str(path), **options))


@pytest.mark.parametrize("dynamo", [False, True])
def test_reads_models_exported_by_pytorch(dynamo: bool, path: Path) -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(6, 5), nn.GELU(), nn.Dropout(), nn.Linear(5, 4, bias=False),
        nn.SiLU(), nn.Linear(4, 4), nn.Softplus(), nn.Linear(4, 4), nn.ELU(), nn.Linear(4, 4),
        nn.LeakyReLU(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3), nn.Softmax(-1),
    ).eval()  # fmt: skip
    export_by_pytorch(model, path, (2, 3), dynamo)
    net = from_onnx(path)
    assert net.activations == (
        "gelu", "silu", "softplus", "elu", "leaky_relu", "tanh", "softmax",
    )  # fmt: skip
    x = np.random.default_rng(0).normal(size=(20, 2, 3)).astype(np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(x)).numpy()
    assert error(net.feedforward(x.reshape(20, 6)), expected) < 1e-6


def test_reads_pytorchs_view_of_a_dynamic_batch(path: Path) -> None:
    torch = pytest.importorskip("torch")

    class Model(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(6, 1)

        def forward(self, x: Any) -> Any:
            return torch.sigmoid(self.linear(x.view(x.size(0), -1)))

    export_by_pytorch(Model(), path, (2, 3), dynamo=False)
    net = from_onnx(path)
    assert (net.sizes, net.activations, net.cost) == ((6, 1), ("sigmoid",), "cross_entropy")


CLASSIFIERS = {
    "several": (lambda rng: rng.integers(0, 3, 60), "relu"),
    "two": (lambda rng: np.array(["no", "yes"])[rng.integers(0, 2, 60)], "tanh"),
    "labels": (lambda rng: rng.integers(0, 2, (60, 3)), "logistic"),
}


@pytest.mark.parametrize("zipmap", [False, True])
@pytest.mark.parametrize("kind", CLASSIFIERS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_reads_classifiers_exported_by_skl2onnx(kind: str, zipmap: bool, path: Path) -> None:
    skl2onnx = ignoring_deprecations(lambda: pytest.importorskip("skl2onnx"))
    from sklearn.neural_network import MLPClassifier

    make, activation = CLASSIFIERS[kind]
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    model = MLPClassifier((5, 4), activation, max_iter=5, random_state=0).fit(x, make(rng))
    options = {id(model): {"zipmap": zipmap}}
    written = ignoring_deprecations(lambda: skl2onnx.to_onnx(model, x[:1], options=options))
    path.write_bytes(written.SerializeToString())
    net, probabilities = from_onnx(path), model.predict_proba(x)
    outputs = net.feedforward(x)
    assert error(outputs, probabilities[:, 1:] if kind == "two" else probabilities) < 1e-6
    if kind == "labels":
        assert net.classes is None
    else:
        assert net.classes is not None
        np.testing.assert_array_equal(net.classes[net.predict(x)], model.predict(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_reads_regressors_exported_by_skl2onnx(dtype: str, path: Path) -> None:
    skl2onnx = ignoring_deprecations(lambda: pytest.importorskip("skl2onnx"))
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(60, 4)).astype(dtype), rng.normal(size=(60, 2))
    model = MLPRegressor(
        hidden_layer_sizes=(5,), activation="identity", max_iter=5, random_state=0
    ).fit(x, y)
    path.write_bytes(
        ignoring_deprecations(lambda: skl2onnx.to_onnx(model, x[:1])).SerializeToString()
    )
    net = from_onnx(path)
    assert net.dtype == dtype
    assert error(net.feedforward(x), model.predict(x)) < (1e-6 if dtype == "float32" else 1e-13)
    pipeline = make_pipeline(StandardScaler(), model).fit(x, y)
    path.write_bytes(
        ignoring_deprecations(lambda: skl2onnx.to_onnx(pipeline, x[:1])).SerializeToString()
    )
    scaled = from_onnx(path)
    assert scaled.dtype == dtype
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    assert error(scaled.feedforward(x), pipeline.predict(x)) < tolerance


@pytest.mark.parametrize("dynamo", [False, True])
def test_reads_batch_normalisation_exported_by_pytorch(dynamo: bool, path: Path) -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.BatchNorm1d(6), nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU6(), nn.BatchNorm1d(5),
        nn.Linear(5, 4), nn.Mish(), nn.Linear(4, 4), nn.SELU(), nn.Linear(4, 4),
        nn.GELU(approximate="tanh"), nn.Linear(4, 3), nn.LogSoftmax(-1),
    )  # fmt: skip
    model(5 * torch.randn(100, 6) + 3)  # so that there are means and variances
    model.eval()
    export_by_pytorch(model, path, (6,), dynamo)
    net = from_onnx(path)
    assert net.activations == ("relu6", "mish", "selu", "gelu_tanh", "softmax")
    x = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    with torch.no_grad():
        assert error(np.log(net.feedforward(x)), model(torch.from_numpy(x)).numpy()) < 1e-5
