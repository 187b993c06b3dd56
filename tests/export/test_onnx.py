"""The ONNX models that nncore writes are valid, run in onnxruntime, and are read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
import onnxruntime

import nncore
from export_networks import ACTIVATIONS, assert_same, error, network, rows
from nncore.export import from_onnx, to_onnx


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_onnxruntime_agrees_with_the_network(activation: str, dtype: str, tmp_path: Path) -> None:
    net, path = network(activation, dtype), tmp_path / "net.onnx"
    to_onnx(net, path)
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for n in (1, 40):
        x = rows(net, n)
        (y,) = session.run(["y"], {"x": x})
        assert y.dtype == net.dtype
        exact = dtype == "float64" and activation != "gelu"
        assert error(y, net.feedforward(x)) <= (1e-13 if exact else 1e-6)
    assert_same(from_onnx(path), net)


def test_names_shapes_and_version(tmp_path: Path) -> None:
    to_onnx(network("relu"), tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 13)]
    shapes = {
        each.name: [d.dim_param or d.dim_value for d in each.type.tensor_type.shape.dim]
        for each in [*model.graph.input, *model.graph.output]
    }
    assert shapes == {"x": ["n", 6], "y": ["n", 3]}
    assert model.producer_version == nncore.__version__
    assert [node.op_type for node in model.graph.node] == ["Gemm", "Relu"] * 3


def test_refused_networks_write_no_file(tmp_path: Path) -> None:
    net = network("relu")
    net.weights[0][0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        to_onnx(net, tmp_path / "net.onnx")
    with pytest.raises(OSError, match="nowhere"):
        to_onnx(network("relu"), tmp_path / "nowhere" / "net.onnx")
    assert list(tmp_path.iterdir()) == []
