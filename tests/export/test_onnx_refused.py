"""ONNX models that are no dense networks, and damaged files, are refused by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx
from onnx import TensorProto, helper

import nncore
from nncore import ModelFileError
from nncore.export import from_onnx
from onnx_models import DENSE, GIVEN, B, W, node, one_layer, save


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.onnx"


@pytest.mark.parametrize(
    ("nodes", "constants", "named"),
    [
        ([node("LogSoftmax", ["z"], ["y"], axis=0)], {}, "LogSoftmax"),
        ([node("Softmax", ["z"], ["y"], axis=0)], {}, "Softmax"),
        (
            [node("LeakyRelu", ["z"], ["y"], alpha=0.2, name="leak")],
            {},
            r"LeakyRelu \(leak\).*leaky_relu with slope 0.2, and nncore's slope is 0.01",
        ),
        (
            [node("Elu", ["z"], ["y"], alpha=0.5)],
            {},
            "Elu.*elu with alpha 0.5, and nncore's alpha is 1",
        ),
        (
            [node("Clip", ["z", "a", "b6"], ["y"])],
            {"a": np.float32(0), "b6": np.float32(5)},
            "Clip",
        ),
        (
            [node("Clip", ["z", "a", "c"], ["y"])],
            {"a": np.float32(0), "c": np.float32(1e3)},
            "Clip",
        ),
        ([node("Tanh", ["z"], ["t"]), node("Mul", ["z", "t"], ["y"])], {}, "Tanh, Mul"),
        (
            [node("Tanh", ["z"], ["t"]), node("Mul", ["t", "v"], ["y"])],
            {"v": B},
            "Mul: it follows the outputs' tanh",
        ),
        (
            [node("Mul", ["z", "v"], ["y"])],
            {"v": np.full(3, 2, np.float32)},
            r"Mul: it has constants of shape \(3,\) for 2 units",
        ),
        ([node("PRelu", ["z", "v"], ["y"])], {"v": B}, "PRelu"),
        ([node("MatMul", ["z", "z"], ["y"])], {}, "MatMul"),
        ([node("Gemm", ["x", "w", "b"], ["y"], transB=1)], {}, "chain"),
        ([node("Add", ["z", "w2"], ["y"])], {"w2": np.ones((4, 2), np.float32)}, "Add"),
        ([node("Concat", ["z", "z"], ["y"], axis=1)], {}, "Concat"),
        (
            [node("BatchNormalization", ["z", "v", "v", "v", "v"], ["y"])],
            {"v": B},
            "BatchNormalization: its constants are not finite",
        ),
        (
            [node("Softmax", ["z"], ["s"]), node("MatMul", ["s", "w2"], ["y"])],
            {"w2": np.eye(2, dtype=np.float32)},
            "hidden and cannot be softmax",
        ),
        (
            [node("Relu", ["z"], ["r"]), node("MatMul", ["r", "w2"], ["y"])],
            {"w2": W.T},
            "3 inputs, and the layer before it has 2",
        ),
        ([node("Transpose", ["z"], ["y"])], {}, "Transpose"),
    ],
)
def test_unsupported_operators_are_refused_by_name(
    nodes: list[Any], constants: dict[str, Any], named: str, path: Path
) -> None:
    with pytest.raises(ModelFileError, match=rf"net\.onnx: .*({named})"):
        one_layer(path, *nodes, **constants)


@pytest.mark.parametrize(
    ("nodes", "named"),
    [
        ([node("Relu", ["x"], ["r"]), node("MatMul", ["r", "w"], ["y"])], "Relu in front of"),
        (
            [
                node("Normalizer", ["x"], ["r"], domain="ai.onnx.ml", norm="L2"),
                node("MatMul", ["r", "w"], ["y"]),
            ],
            r"ai\.onnx\.ml\.Normalizer",
        ),
        ([node("Conv", ["x", "w"], ["y"])], "Conv"),
        ([node("Gemm", ["x", "w"], ["y"], transA=1)], "Gemm"),
        ([node("Relu", ["x"], ["y"])], "Relu|no dense layer"),
        ([node("Identity", ["w"], ["y"])], "do not depend on the input"),
        ([], "dense|output"),
    ],
)
def test_graphs_that_are_not_dense_layers_are_refused_by_name(
    nodes: list[Any], named: str, path: Path
) -> None:
    outputs = ("y",) if nodes else ("x",)
    constants = {"w": W.T, "mean": np.ones(3, np.float32)}
    with pytest.raises(ModelFileError, match=named):
        from_onnx(save(path, nodes, constants, outputs=outputs))


def test_several_inputs_or_outputs_are_refused(path: Path) -> None:
    hidden = [DENSE, node("Relu", ["z"], ["r"]), node("MatMul", ["r", "v"], ["y"])]
    with pytest.raises(ModelFileError, match="hidden layer"):
        from_onnx(save(path, hidden, {**GIVEN, "v": W}, outputs=("y", "r")))
    both = [DENSE, node("Relu", ["z"], ["y"])]
    with pytest.raises(ModelFileError, match="different things"):
        from_onnx(save(path, both, GIVEN, outputs=("y", "z")))
    model = onnx.load(save(path, [DENSE, node("Add", ["z", "x2"], ["y"])], {**GIVEN, "x2": B}))
    model.graph.input.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, [1]))
    onnx.save(model, path)
    with pytest.raises(ModelFileError, match="one input, found 2"):
        from_onnx(path)


@pytest.mark.parametrize(
    ("shape", "dtype", "named"),
    [
        (("n", 4), np.float32, "takes 3 inputs"),
        (("n", "c", "h"), np.float32, "takes 3 inputs"),
        (("n", 3), np.bool_, "no tensor of numbers"),
    ],
)
def test_inputs_of_other_types_are_refused(shape: Any, dtype: Any, named: str, path: Path) -> None:
    with pytest.raises(ModelFileError, match=named):
        from_onnx(
            save(path, [node("Gemm", ["x", "w"], ["y"], transB=1)], {"w": W}, shape, dtype=dtype)
        )


def test_half_precision_is_refused(path: Path) -> None:
    nodes = [node("MatMul", ["x", "w"], ["y"])]
    with pytest.raises(ModelFileError, match="MatMul: expected float32 or float64, found float16"):
        from_onnx(save(path, nodes, {"w": W.T.astype(np.float16)}, dtype=np.float16))


@pytest.mark.parametrize("content", [b"", b"\x08\x07", b"{}", b"\xff" * 100, b"PK\x03\x04" * 9])
def test_damaged_files_are_refused(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"net\.onnx: damaged"):
        from_onnx(path)
    with pytest.raises(ModelFileError, match=r"other\.onnx: No such file"):
        from_onnx(path.with_name("other.onnx"))
    other = path.with_suffix(".json")  # onnx.load would read another format from this suffix
    other.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"net\.json: damaged"):
        from_onnx(other)


def test_truncated_and_corrupted_bytes_are_an_error_or_a_network(path: Path) -> None:
    from nncore.export import to_onnx

    to_onnx(nncore.Network([3, 2], activation=[], seed=1), path)
    good = path.read_bytes()
    path.write_bytes(good.replace(b"Gemm", b"Ge\xcbm"))
    with pytest.raises(ModelFileError, match=r"net\.onnx: damaged"):
        from_onnx(path)
    model = onnx.load_model_from_string(good)
    model.graph.initializer[0].data_type = 99
    onnx.save(model, path)
    with pytest.raises(ModelFileError, match="'weights_1' has no known type"):
        from_onnx(path)
    rng = np.random.default_rng(3)
    for _ in range(60):
        bad = bytearray(good[: rng.integers(1, len(good) + 1)])
        bad[rng.integers(len(bad))] = rng.integers(256)
        path.write_bytes(bad)
        try:
            net = from_onnx(path)
        except ModelFileError:
            continue
        assert net.all_finite()


def test_external_weights_are_read_from_regular_files_only(path: Path, tmp_path: Path) -> None:
    save(path, [DENSE, node("Identity", ["z"], ["y"])], GIVEN)
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights", size_threshold=0)
    np.testing.assert_array_equal(from_onnx(path).weights[0], W)
    (tmp_path / "weights").unlink()
    os.mkfifo(tmp_path / "weights")
    with pytest.raises(ModelFileError, match="is a FIFO, not a regular file"):
        from_onnx(path)
