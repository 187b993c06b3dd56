"""ONNX, the file that onnxruntime and most other engines run; `onnx_read` is the way back."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from nncore import _core
from nncore._support.extras import require
from nncore._support.files import replace_file
from nncore.network import Network

_OPSET, _IR_VERSION = 13, 7
"""The one of the end of 2020: nothing newer is needed, and every engine in use reads it."""

_SINGLE = {
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "Relu",
    "linear": "Identity",
    "exponential": "Exp",
    "softmax": "Softmax",
}
"""Operators that compute an activation in either dtype."""
_SINGLE_FLOAT32 = {"leaky_relu": "LeakyRelu", "elu": "Elu", "softplus": "Softplus"}
"""Operators for which onnxruntime has float32 only."""


def to_onnx(net: Network, path: str | os.PathLike[str]) -> None:
    """Writes a network as an ONNX model; the file is written whole or not at all.

    The input "x" is (n, sizes[0]) and the output "y" (n, sizes[-1]), both in the network's
    dtype, with n left open. Opset 13. In float64, gelu goes through the error function in
    float32, as no engine has another: it is right to 1e-7.

    Raises:
        ImportError: the onnx package is missing.
        ValueError: a parameter is not finite, or the model exceeds ONNX's 2 GiB.
        OSError: the file cannot be written, is write-protected or no regular file.
    """
    onnx = require("onnx", extra="onnx", purpose="to_onnx")
    net.check_finite()
    model = _Writer(onnx, net).model()
    onnx.checker.check_model(model, full_check=True)
    replace_file(path, model.SerializeToString())


class _Writer:
    """Nodes and constants in the making; tensors are named after what and where they are."""

    def __init__(self, onnx: Any, net: Network) -> None:
        self.onnx = onnx
        self.net = net
        self.float = onnx.helper.np_dtype_to_tensor_dtype(net.dtype)
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def model(self) -> Any:
        helper = self.onnx.helper
        tensor, last = "x", len(self.net.activations)
        layers = zip(self.net.weights, self.net.biases, self.net.activations, strict=True)
        for i, (w, b, activation) in enumerate(layers, start=1):
            given = [tensor, self.constant(f"weights_{i}", w), self.constant(f"biases_{i}", b)]
            z = self.node("Gemm", given, f"z_{i}", transB=1)
            tensor = self.activate(activation, z, "y" if i == last else f"a_{i}")
        graph = helper.make_graph(
            self.nodes,
            "nncore",
            [helper.make_tensor_value_info("x", self.float, ["n", self.net.sizes[0]])],
            [helper.make_tensor_value_info("y", self.float, ["n", self.net.sizes[-1]])],
            list(self.constants.values()),
        )
        return helper.make_model(
            graph,
            producer_name="nncore",
            producer_version=_core.__version__,
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
        )

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        node = self.onnx.helper.make_node(operator, inputs, [output], name=output, **attributes)
        self.nodes.append(node)
        return output

    def constant(self, name: str, value: Any) -> str:
        array = np.ascontiguousarray(value, self.net.dtype)
        self.constants[name] = self.onnx.numpy_helper.from_array(array, name)
        return name

    def number(self, value: float) -> str:
        return self.constant(f"{value:.4g}", np.full((), value))

    def activate(self, activation: str, z: str, a: str) -> str:
        """Adds what computes `a` from `z`."""
        single = _SINGLE.get(activation)
        if single is None and self.net.dtype == np.float32:
            single = _SINGLE_FLOAT32.get(activation)
        if single is not None:
            options = {"alpha": 0.01} if single == "LeakyRelu" else {}
            return self.node(single, [z], a, **options)
        return getattr(self, f"_{activation}")(z, a)  # type: ignore[no-any-return]

    def _leaky_relu(self, z: str, a: str) -> str:
        leak = self.node("Mul", [z, self.number(0.01)], f"{a}/leak")
        return self.node("Max", [z, leak], a)

    def _elu(self, z: str, a: str) -> str:
        negative = self.node("Min", [z, self.number(0)], f"{a}/negative")
        power = self.node("Exp", [negative], f"{a}/exp")
        below = self.node("Sub", [power, self.number(1)], f"{a}/below")
        return self.node("Add", [self.node("Relu", [z], f"{a}/relu"), below], a)

    def _softplus(self, z: str, a: str) -> str:
        distance = self.node("Neg", [self.node("Abs", [z], f"{a}/abs")], f"{a}/negative")
        power = self.node("Exp", [distance], f"{a}/exp")
        above = self.node(
            "Log", [self.node("Add", [power, self.number(1)], f"{a}/add")], f"{a}/log"
        )
        return self.node("Add", [self.node("Relu", [z], f"{a}/relu"), above], a)

    def _gelu(self, z: str, a: str) -> str:
        float32 = self.onnx.TensorProto.FLOAT
        error = self.node("Mul", [z, self.number(0.5**0.5)], f"{a}/scaled")
        if self.float != float32:
            error = self.node("Cast", [error], f"{a}/narrow", to=float32)
        error = self.node("Erf", [error], f"{a}/erf")
        if self.float != float32:
            error = self.node("Cast", [error], f"{a}/wide", to=self.float)
        doubled = self.node("Add", [error, self.number(1)], f"{a}/add")
        phi = self.node("Mul", [doubled, self.number(0.5)], f"{a}/phi")
        return self.node("Mul", [z, phi], a)

    def _silu(self, z: str, a: str) -> str:
        return self.node("Mul", [z, self.node("Sigmoid", [z], f"{a}/sigmoid")], a)

    def _step(self, z: str, a: str) -> str:
        fires = self.node("Greater", [z, self.number(0)], f"{a}/fires")
        return self.node("Cast", [fires], a, to=self.float)
