"""ONNX models that would run for ever, or fill the memory, are refused quickly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx
from onnx import TensorProto, helper

from nncore import ModelFileError
from nncore.export import from_onnx
from onnx_models import DENSE, GIVEN, node, save


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.onnx"


LAYER = node("Gemm", ["x", "w", "c"], ["y"], transB=1)
"""A layer whose biases are computed."""


def _loop(trips: str, start: str) -> Any:
    body = helper.make_graph(
        [node("Identity", ["on"], ["on_"]), node("Identity", ["v"], ["v_"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, ()),
            helper.make_tensor_value_info("on", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on_", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("v_", TensorProto.FLOAT, None),
        ],
    )
    return node("Loop", [trips, "", start], ["c"], body=body)


TRIPS = {"trips": np.int64(2**62), "one": np.int64(1)}
LONG = np.ones((1 << 15, 1), np.float32)


@pytest.mark.parametrize(
    ("nodes", "constants", "named"),
    [
        ([_loop("trips", "b"), LAYER], TRIPS, "constant weights"),
        (
            [
                node("Shape", ["x"], ["s"]),
                node("Loop", ["trips", "", "s"], ["c"], body=_loop("a", "b").attribute[0].g),
                node("Reshape", ["x", "c"], ["r"]),
                node("Gemm", ["r", "w", "b"], ["y"], transB=1),
            ],
            TRIPS,
            "Loop",
        ),
        (
            [
                node("RegexFullMatch", ["text"], ["m"], pattern="(a|a|aa)+$"),
                node("Cast", ["m"], ["c"], to=TensorProto.FLOAT),
                LAYER,
            ],
            {"text": np.array(["a" * 60 + "b"])},
            "constant weights",
        ),
        (
            [node("ConstantOfShape", ["shape"], ["c"]), LAYER],
            {"shape": np.array([1 << 40])},
            "ConstantOfShape",
        ),
        ([node("Expand", ["b", "shape"], ["c"]), LAYER], {"shape": [1 << 40, 2]}, "Expand"),
        ([node("Add", ["l", "t"], ["c"]), LAYER], {"l": LONG, "t": LONG.T}, "Add"),
        ([node("Gather", ["l", "i"], ["c"]), LAYER], {"l": LONG, "i": [0] * (1 << 10)}, "Gather"),
        (
            [node("Concat", ["b", "b"], ["c0"], axis=0)]
            + [node("Concat", [f"c{i}"] * 2, [f"c{i + 1}"], axis=0) for i in range(60)]
            + [node("Gemm", ["x", "w", "c60"], ["y"], transB=1)],
            {},
            "Concat",
        ),
        (
            [DENSE]
            + [node("Identity", ["z"], ["y"])]
            + [node("Neg", ["b"], [f"u{i}"]) for i in range(5000)],
            {},
            "5,000 operators",
        ),
    ],
    ids=["loop", "shape", "regex", "fill", "expand", "outer", "gather", "doubling", "nodes"],
)
def test_graphs_that_explode_are_refused_quickly(
    nodes: list[Any], constants: dict[str, Any], named: str, path: Path
) -> None:
    save(path, nodes, {**GIVEN, **constants}, opset=20)
    with pytest.raises(ModelFileError, match=f"net.onnx: .*{named}"):
        from_onnx(path)


def test_exponentially_nested_functions_are_refused_quickly(path: Path) -> None:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    functions = [
        helper.make_function(
            "own",
            f"f{i}",
            ["a"],
            ["c"],
            [
                node(f"f{i - 1}" if i else "Neg", ["a"], ["b"], domain="own" if i else ""),
                node(f"f{i - 1}" if i else "Neg", ["b"], ["c"], domain="own" if i else ""),
            ],
            opsets,
        )
        for i in range(40)
    ]
    save(path, [DENSE, node("f39", ["z"], ["y"], domain="own")], GIVEN)
    model = onnx.load(path)
    model.opset_import.append(opsets[1])
    model.functions.extend(functions)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match="more than 5,000 operators"):
        from_onnx(path)


def test_a_large_fixed_batch_is_refused(path: Path) -> None:
    save(path, [DENSE, node("Identity", ["z"], ["y"])], GIVEN, shape=(1 << 40, 3))
    with pytest.raises(ModelFileError, match="1,099,511,627,776 rows at a time"):
        from_onnx(path)
