"""ONNX models for the tests of `from_onnx`, made of operators and constants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import nncore
from nncore.export import from_onnx

W = np.arange(6, dtype=np.float32).reshape(2, 3) / 6 - 0.4
B = np.array([0.25, -0.5], np.float32)


def save(
    path: Path,
    nodes: list[Any],
    constants: dict[str, Any],
    shape: Any = ("n", 3),
    outputs: tuple[str, ...] = ("y",),
    dtype: Any = np.float32,
    opset: int = 17,
) -> Path:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, (None, None)) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


node = helper.make_node


node = helper.make_node
DENSE = node("Gemm", ["x", "w", "b"], ["z"], transB=1)
GIVEN = {"w": W, "b": B}


def one_layer(path: Path, *nodes: Any, **constants: Any) -> nncore.Network:
    return from_onnx(save(path, [DENSE, *nodes], {**GIVEN, **constants}))
