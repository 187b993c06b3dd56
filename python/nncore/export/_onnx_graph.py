"""Graphs of ONNX in the making: layers and activations of networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nncore import _core
from nncore._support.architecture import checked_dtype
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
_SINGLE_FLOAT32 = {"leaky_relu": "LeakyRelu", "elu": "Elu", "softplus": "Softplus", "selu": "Selu"}
"""Operators for which onnxruntime has float32 only."""


class GraphWriter:
    """Nodes and constants in the making; tensors are named after what and where they are."""

    start = "x"
    """The tensor that the networks read."""

    def __init__(self, onnx: Any, net: Network, dtype: str | None) -> None:
        self.onnx = onnx
        self.net = net
        self.dtype = net.dtype if dtype is None else checked_dtype(dtype)
        self.float = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def layers(self, net: Network, prefix: str = "") -> str:
        """Adds what computes a network's outputs from `start`, and returns their name."""
        tensor, last = self.start, len(net.activations)
        layers = zip(net.weights, net.biases, net.activations, strict=True)
        for i, (w, b, activation) in enumerate(layers, start=1):
            weights = self.constant(f"{prefix}weights_{i}", w)
            given = [tensor, weights, self.constant(f"{prefix}biases_{i}", b)]
            z = self.node("Gemm", given, f"{prefix}z_{i}", transB=1)
            tensor = self.activate(activation, z, prefix + ("y" if i == last else f"a_{i}"))
        return tensor

    def model(self, members: Sequence[Network] = ()) -> Any:
        """The whole model; of several networks the mean."""
        self.outputs_of(members or [self.net])
        inputs = [self.tensor("x", self.float, self.net.sizes[0])]
        return self.finished(inputs, [self.tensor("y", self.float, self.net.sizes[-1])])

    def outputs_of(self, members: Sequence[Network]) -> str:
        """Adds what computes "y" from `start`: the mean of the networks' outputs."""
        if len(members) == 1:
            return self.layers(members[0])
        each = [self.layers(net, f"member_{i}/") for i, net in enumerate(members)]
        total = self.node("Sum", each, "sum")  # of Mean engines have float32 only
        return self.node("Mul", [total, self.number(1 / len(members))], "y")

    def tensor(self, name: str, kind: int, *shape: int) -> Any:
        """An input or an output of the graph, (n, *shape)."""
        return self.onnx.helper.make_tensor_value_info(name, kind, ["n", *shape])

    def finished(self, inputs: list[Any], outputs: list[Any], **domains: int) -> Any:
        """The model; `domains` are those of operators beside ONNX's own, with their versions."""
        helper = self.onnx.helper
        constants = list(self.constants.values())
        graph = helper.make_graph(self.nodes, "nncore", inputs, outputs, constants)
        imports = {"": _OPSET} | {name.replace("_", "."): v for name, v in domains.items()}
        return helper.make_model(
            graph,
            producer_name="nncore",
            producer_version=_core.__version__,
            opset_imports=[helper.make_opsetid(*each) for each in imports.items()],
            ir_version=_IR_VERSION,
        )

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        node = self.onnx.helper.make_node(operator, inputs, [output], name=output, **attributes)
        self.nodes.append(node)
        return output

    def constant(self, name: str, value: Any) -> str:
        with np.errstate(over="ignore"):
            array = np.ascontiguousarray(value, self.dtype)
        if not np.isfinite(array).all():
            raise ValueError(f"{name}: a parameter is too large for {self.dtype}")
        self.constants[name] = self.onnx.numpy_helper.from_array(array, name)
        return name

    def number(self, value: float) -> str:
        return self.constant(f"{value:.17g}", np.full((), value))

    def activate(self, activation: str, z: str, a: str) -> str:
        """Adds what computes `a` from `z`."""
        single = _SINGLE.get(activation)
        if single is None and self.dtype == np.float32:
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

    def _selu(self, z: str, a: str) -> str:
        alpha, scale = 1.6732632423543772, 1.0507009873554805
        negative = self.node("Min", [z, self.number(0)], f"{a}/negative")
        power = self.node("Exp", [negative], f"{a}/exp")
        below = self.node("Sub", [power, self.number(1)], f"{a}/below")
        below = self.node("Mul", [below, self.number(alpha)], f"{a}/bent")
        above = self.node("Relu", [z], f"{a}/relu")
        whole = self.node("Add", [above, below], f"{a}/unscaled")
        return self.node("Mul", [whole, self.number(scale)], a)

    def _relu6(self, z: str, a: str) -> str:
        return self.node("Clip", [z, self.number(0), self.number(6)], a)

    def _mish(self, z: str, a: str) -> str:
        softplus = self.activate("softplus", z, f"{a}/softplus")
        return self.node("Mul", [z, self.node("Tanh", [softplus], f"{a}/tanh")], a)

    def _gelu_tanh(self, z: str, a: str) -> str:
        first = 2 * math.sqrt(2 / math.pi)
        square = self.node("Mul", [z, z], f"{a}/square")
        third = self.node("Mul", [square, self.number(0.044715 * first)], f"{a}/third")
        both = self.node("Add", [third, self.number(first)], f"{a}/sum")
        argument = self.node("Mul", [z, both], f"{a}/argument")
        return self.node("Mul", [z, self.node("Sigmoid", [argument], f"{a}/sigmoid")], a)

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
