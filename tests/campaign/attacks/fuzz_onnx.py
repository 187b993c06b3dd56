"""ONNX models that are damaged within the rules of the format, and malicious ones."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from harness import mutate as damage
from nncore import Network, export

_FLOAT = TensorProto.FLOAT
OPERATORS = sorted({schema.name for schema in onnx.defs.get_all_schemas()})
USUAL = [
    "Gemm", "MatMul", "Add", "Relu", "Sigmoid", "Tanh", "Softmax", "Mul", "Identity", "Cast",
    "Reshape", "Flatten", "Clip", "LeakyRelu", "Concat", "ArgMax", "Constant", "Where",
]  # fmt: skip


def seeds(folder: Path) -> list[bytes]:
    found = []
    for activation in ("relu", "gelu", "silu", "softplus", "elu"):
        for dtype in ("float32", "float64"):
            path = folder / "seed.onnx"
            export.to_onnx(Network([3, 4, 2], activation=activation, dtype=dtype), path)
            found.append(path.read_bytes())
    return found


def mutate(rng: random.Random, data: bytes) -> bytes:
    if rng.random() < 0.1:
        return damage.bytes_of(rng, data)
    model = onnx.ModelProto.FromString(data)
    for _ in range(rng.choice([1, 1, 2, 3])):
        rng.choice([_node, _node, _attribute, _wire, _constant, _constant, _frame, _harm])(
            rng, model
        )
    return model.SerializeToString()


def _names(model: Any) -> list[str]:
    graph = model.graph
    named = [each.name for each in [*graph.initializer, *graph.input, *graph.output]]
    return [*named, *(name for node in graph.node for name in node.output), "", "nothing"]


def _node(rng: random.Random, model: Any) -> None:
    """Changes, adds, removes or swaps operators."""
    nodes = model.graph.node
    if not nodes:
        return
    node = rng.choice(nodes)
    kind = rng.randrange(5)
    operator = rng.choice(OPERATORS if rng.random() < 0.5 else USUAL)
    if kind == 0:
        node.op_type = operator
    elif kind == 1:
        nodes.remove(node)
    elif kind == 2:
        nodes.add().CopyFrom(node)
    elif kind == 3:
        node.domain = rng.choice(["", "ai.onnx.ml", "com.microsoft", "x"])
    else:
        names = _names(model)
        inputs = [rng.choice(names) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
        output = rng.choice([node.input[0] if node.input else "z", "z", *node.output])
        at = rng.randrange(len(nodes) + 1)
        new = helper.make_node(operator, inputs, [output])
        rest = [*nodes]
        del nodes[:]
        nodes.extend([*rest[:at], new, *rest[at:]])


def _attribute(rng: random.Random, model: Any) -> None:
    if not model.graph.node:
        return
    node = rng.choice(model.graph.node)
    names = [a.name for a in node.attribute] + ["axis", "alpha", "beta", "transA", "transB", "to",
                                                "perm", "value", "shape", "allowzero"]  # fmt: skip
    name = rng.choice(names)
    values: list[Any] = [0, 1, -1, 2**62, 1.5, float("nan"), 1e308, "x", b"\xff", [1, 2], [0.5]]
    for old in [a for a in node.attribute if a.name == name]:
        node.attribute.remove(old)
    if rng.random() < 0.85:
        node.attribute.append(helper.make_attribute(name, rng.choice(values)))


def _wire(rng: random.Random, model: Any) -> None:
    """Renames inputs and outputs."""
    if not model.graph.node:
        return
    node = rng.choice(model.graph.node)
    side = node.input if rng.random() < 0.7 else node.output
    if side and rng.random() < 0.8:
        side[rng.randrange(len(side))] = rng.choice(_names(model))
    else:
        side.append(rng.choice(_names(model)))


def _constant(rng: random.Random, model: Any) -> None:
    """Changes the shape, type or content of a tensor."""
    if not model.graph.initializer:
        return
    tensor = rng.choice(model.graph.initializer)
    kind = rng.randrange(6)
    if kind == 0 and tensor.dims:
        size = rng.choice(damage.INTEGERS)
        tensor.dims[rng.randrange(len(tensor.dims))] = max(min(size, 2**63 - 1), -(2**63))
    elif kind == 1:
        tensor.data_type = rng.choice([*TensorProto.DataType.values(), 99, -1])
    elif kind == 2:
        tensor.raw_data = damage.bytes_of(rng, tensor.raw_data)
    elif kind == 3:
        tensor.data_location = rng.choice([0, 1])
        tensor.external_data.add(key="location", value=rng.choice(["x", "/etc/passwd", "../x"]))
    elif kind == 4:
        shape = [rng.choice([0, 1, 2, 3, 4]) for _ in range(rng.randrange(4))]
        tensor.CopyFrom(numpy_helper.from_array(np.ones(shape, np.float32), tensor.name))
    else:
        tensor.name = rng.choice(_names(model))


def _frame(rng: random.Random, model: Any) -> None:
    """Changes the graph and the model around the nodes."""
    kind = rng.randrange(6)
    graph = model.graph
    if kind == 0 and model.opset_import:
        model.opset_import[0].version = rng.choice([0, 1, 6, 7, 9, 13, 18, 21, 99, -1])
    elif kind == 1:
        model.ir_version = rng.choice([0, 1, 3, 8, 99])
    elif kind == 2 and graph.input:
        shape = graph.input[0].type.tensor_type.shape
        for dim in shape.dim:
            if rng.random() < 0.5:
                dim.dim_value = rng.choice([0, 1, 2, 3, 4, -1, 2**31, 2**40, 2**62])
    elif kind == 3 and graph.input:
        graph.input[0].type.tensor_type.elem_type = rng.choice([0, 1, 2, 7, 8, 10, 11, 16, 99])
    elif kind == 4 and graph.output:
        graph.output[0].name = rng.choice(_names(model))
    else:
        body = helper.make_function(
            "f", "F", ["x"], ["y"], [helper.make_node(rng.choice([*USUAL, "F"]), ["x"], ["y"])],
            [helper.make_opsetid("", 13)],
        )  # fmt: skip
        model.functions.append(body)


def _harm(rng: random.Random, model: Any) -> None:
    """Constant nodes whose evaluation would take for ever, or all the memory."""
    big = rng.choice([10**4, 10**7, 10**10, 2**62])
    make = rng.choice([_loop, _pattern, _fill, _range, _tile, _power, _loop, _pattern])
    nodes = make(big)
    if model.opset_import:
        model.opset_import[0].version = 20
    model.ir_version = 9
    rest = [*model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    if rng.random() < 0.5 and rest and rest[0].input:
        rest[0].input[-1] = nodes[-1].output[0]


def _value(name: str, array: Any) -> Any:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array, name))


def _loop(big: int) -> list[Any]:
    def info(name: str, kind: int) -> Any:
        return helper.make_tensor_value_info(name, kind, [])

    body = helper.make_graph(
        [
            helper.make_node("Identity", ["on"], ["again"]),
            helper.make_node("Add", ["v", "v"], ["w"]),
        ],
        "body",
        [info("i", TensorProto.INT64), info("on", TensorProto.BOOL), info("v", _FLOAT)],
        [info("again", TensorProto.BOOL), info("w", _FLOAT)],
    )
    return [
        _value("h1", np.array(big)), _value("h2", np.array(True)), _value("h3", np.float32(1)),
        helper.make_node("Loop", ["h1", "h2", "h3"], ["h4"], body=body),
    ]  # fmt: skip


def _pattern(big: int) -> list[Any]:
    text = np.array(["a" * 40 + "!"], dtype=object)
    return [
        _value("h1", text),
        helper.make_node("RegexFullMatch", ["h1"], ["h4"], pattern="(a|a|aa)*(a|aa)*b"),
    ]


def _fill(big: int) -> list[Any]:
    return [_value("h1", np.array([big])), helper.make_node("ConstantOfShape", ["h1"], ["h4"])]


def _range(big: int) -> list[Any]:
    ends = [_value(f"h{i}", np.array(v)) for i, v in enumerate((0, big, 1))]
    return [*ends, helper.make_node("Range", ["h0", "h1", "h2"], ["h4"])]


def _tile(big: int) -> list[Any]:
    return [
        _value("h1", np.ones(4, np.float32)), _value("h2", np.array([big])),
        helper.make_node("Tile", ["h1", "h2"], ["h4"]),
    ]  # fmt: skip


def _power(big: int) -> list[Any]:
    """A tensor that is doubled repeatedly."""
    nodes = [_value("h1", np.ones(64, np.float32))]
    last = "h1"
    for i in range(40):
        nodes.append(helper.make_node("Concat", [last, last], [f"d{i}"], axis=0))
        last = f"d{i}"
    return nodes
