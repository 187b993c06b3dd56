"""Dense networks in ONNX models, in all the ways in which a layer can be written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx
from onnx import TensorProto

from nncore.export import from_onnx
from onnx_models import DENSE, GIVEN, B, W, node, one_layer, save


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.onnx"


@pytest.mark.parametrize(
    ("nodes", "constants", "weights", "biases"),
    [
        ([node("Gemm", ["x", "w", "b"], ["y"], transB=1)], GIVEN, W, B),
        ([node("Gemm", ["x", "w", "b"], ["y"])], {"w": W.T, "b": B}, W, B),
        (
            [node("Gemm", ["x", "w", "b"], ["y"], transB=1, alpha=2.0, beta=0.5)],
            GIVEN,
            2 * W,
            B / 2,
        ),
        ([node("Gemm", ["x", "w", "b"], ["y"], transB=1)], {"w": W, "b": np.float32(3)}, W, [3, 3]),
        ([node("Gemm", ["x", "w"], ["y"], transB=1)], {"w": W}, W, [0, 0]),
        ([node("MatMul", ["x", "w"], ["y"])], {"w": W.T}, W, [0, 0]),
        (
            [node("MatMul", ["x", "w"], ["z"]), node("Add", ["b", "z"], ["y"])],
            {"w": W.T, "b": B[None]},
            W,
            B,
        ),
        (
            [node("Transpose", ["w"], ["wt"]), node("MatMul", ["x", "wt"], ["y"])],
            {"w": W},
            W,
            [0, 0],
        ),
        ([DENSE, node("Dropout", ["z"], ["y"])], GIVEN, W, B),
        (
            [
                DENSE,
                node("Cast", ["z"], ["d"], to=TensorProto.DOUBLE),
                node("Identity", ["d"], ["y"]),
            ],
            GIVEN,
            W,
            B,
        ),
    ],
)
def test_equivalent_graphs_of_one_layer(
    nodes: list[Any], constants: dict[str, Any], weights: Any, biases: Any, path: Path
) -> None:
    net = from_onnx(save(path, nodes, constants))
    assert (net.sizes, net.activations, net.cost) == ((3, 2), ("linear",), "quadratic")
    np.testing.assert_array_equal(net.weights[0], weights)
    np.testing.assert_array_equal(net.biases[0], biases)


@pytest.mark.parametrize("shape", [("n", 1, 3), (1, 3, 1), (None, None), (4, 3)])
def test_inputs_are_flattened(shape: Any, path: Path) -> None:
    nodes = [node("Flatten", ["x"], ["rows"]), node("Gemm", ["rows", "w", "b"], ["y"], transB=1)]
    assert from_onnx(save(path, nodes, GIVEN, shape)).sizes == (3, 2)


def test_integer_inputs(path: Path) -> None:
    nodes = [node("Cast", ["x"], ["c"], to=1), node("Gemm", ["c", "w", "b"], ["y"], transB=1)]
    net = from_onnx(save(path, nodes, GIVEN, dtype=np.int64))
    np.testing.assert_array_equal(net.weights[0], W)


def test_local_functions_are_inlined(path: Path) -> None:
    path.write_bytes(
        onnx.parser.parse_model(
            """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
            g (float[n, 2] x) => (float[n, 2] y)
            <float[2, 2] w = {1.0, 2.0, 3.0, 4.0}> { z = MatMul(x, w) y = own.act(z) }
            <domain: "own", opset_import: ["" : 17]> act (a) => (c) { c = Relu(a) }"""
        ).SerializeToString()
    )
    net = from_onnx(path)
    assert net.activations == ("relu",)
    np.testing.assert_array_equal(net.weights[0], [[1, 3], [2, 4]])


def test_activations_composed_of_simpler_operators(path: Path) -> None:
    half, root, one = np.float32(0.5), np.float32(2**0.5), np.float32(1)
    silu = node("Sigmoid", ["z"], ["s"]), node("Mul", ["z", "s"], ["y"])
    assert one_layer(path, *silu).activations == ("silu",)
    gelu = (
        node("Div", ["z", "root"], ["u"]),
        node("Erf", ["u"], ["e"]),
        node("Add", ["e", "one"], ["p"]),
        node("Mul", ["z", "p"], ["m"]),
        node("Mul", ["m", "half"], ["y"]),
    )
    assert one_layer(path, *gelu, root=root, one=one, half=half).activations == ("gelu",)
    softplus = (
        node("Softplus", ["z"], ["t"]),
        node("Greater", ["z", "top"], ["g"]),
        node("Where", ["g", "z", "t"], ["y"]),
    )
    assert one_layer(path, *softplus, top=np.float32(20)).activations == ("softplus",)
    relu = node("Clip", ["z", "low"], ["y"])
    assert one_layer(path, relu, low=np.float32(0)).activations == ("relu",)
    net = one_layer(path, node("Softmax", ["z"], ["y"], axis=-1))
    assert (net.activations, net.cost) == (("softmax",), "log_likelihood")
