"""Networks of dense layers from ONNX models, whoever wrote them.

The graph is followed from its input. MatMul and Gemm with constant weights begin a layer, an
addition right behind them belongs to its biases, and all operators from there to the next layer
are its activation, recognised by what they compute together. What a classifier derives from its
outputs (the label, a dictionary) is left out. In the end the network is compared with the model
on random rows, so that nothing is read wrong in silence.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import file_path
from nncore._support.extras import require
from nncore._support.labels import labels_from_metadata
from nncore.errors import ModelFileError
from nncore.export._activations import LOG_SOFTMAX, identify, probe, relative
from nncore.export._layers import Layers, Scaling
from nncore.export._onnx_file import UnsupportedModel, load, nodes_between, text_of
from nncore.export._onnx_scaling import as_scaling, scaled_input
from nncore.network import Network

Array = NDArray[Any]

_RESHAPES = {"Flatten", "Reshape", "Squeeze", "Unsqueeze"}
_UNIT_BY_UNIT = {
    "Abs", "Add", "Cast", "Clip", "Div", "Dropout", "Elu", "Erf", "Exp", "Gelu", "Greater",
    "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Less",
    "LessOrEqual", "Log", "Max", "Min", "Mish", "Mul", "Neg", "Not", "PRelu", "Pow",
    "Reciprocal", "Relu", "Selu", "Sigmoid", "Sign", "Softplus", "Softsign", "Sqrt", "Sub",
    "Swish", "Tanh", "ThresholdedRelu", "Where",
}  # fmt: skip
_SCALINGS = {"BatchNormalization", "Scaler"}
"""Further operators that do nothing but multiply and shift each unit by constants."""
_ACTIVATIONS = _UNIT_BY_UNIT | _RESHAPES | {"LogSoftmax", "ReduceMax", "ReduceSum", "Softmax"}
"""The operators that activations, and reshapes between layers, may consist of."""
_EVALUATED = _ACTIVATIONS | _SCALINGS | {
    "Concat", "Constant", "ConstantOfShape", "DequantizeLinear", "Expand", "Gather", "Gemm",
    "MatMul", "Shape", "Slice", "Transpose",
}  # fmt: skip
"""The only operators that are run. Each takes time in proportion to its arrays' sizes."""
_MOST_ELEMENTS = 1 << 24
"""The most elements that one operator may make, unless the file has half as many constants."""
_MOST_WORK = 1 << 28
"""The most elements that all operators together may make while a file is read."""
_LEAST_WORK = 1 << 12
"""What running any operator counts for, in elements."""
_MOST_SEARCHED, _MOST_IN_FRONT, _MOST_BEHIND = 50, 8, 3
"""The operators among which scalings are looked for, and the most scalings beside an activation."""
_DECISIONS = {"ArgMax", "Binarizer", "ZipMap"}
"""Operators that turn a classifier's outputs into its answer."""


class _Place(NamedTuple):
    """The place of a tensor: behind `steps` layers and biases, the last of which gave `start`."""

    steps: int
    start: str


def from_onnx(path: str | os.PathLike[str], *, output_activation: str | None = None) -> Network:
    """Reads a network of dense layers from an ONNX model, float64 if the model's weights are.

    A layer is a Gemm, or a MatMul with or without an Add. Its activation is one or more operators
    that compute one of nncore's. A layer without biases gets zeros. What multiplies and shifts
    each unit by constants (BatchNormalization, a StandardScaler) is folded into a dense layer
    beside it. In float32 that may cost a few digits where a mean is far larger than its deviation.

    Of a classifier the scores are read, and the labels are kept as the network's `classes`. Two
    classes may have one output, the second one's probability. Outputs of LogSoftmax become softmax
    outputs: the network gives the probabilities themselves.

    Nothing is evaluated but what dense networks are written with, and in bounded time and memory:
    models of more than 5,000 operators are refused, as are constants computed by loops.

    Args:
        output_activation: what a model with linear outputs leaves to its loss. "softmax" or
            "sigmoid" make a classifier of one that gives logits, which then trains log_likelihood
            or cross_entropy; "exponential" takes its outputs for logarithms of rates.

    Raises:
        ImportError: the onnx package is missing.
        ValueError: the outputs are not linear, or output_activation is another one.
        ModelFileError: the file cannot be read, is damaged, or holds something that nncore has
            not; the message names the operator.
    """
    onnx = require("onnx", extra="onnx", purpose="from_onnx")
    require("onnx.checker", extra="onnx", purpose="from_onnx")
    name = file_path(path)
    require("onnx.inliner", extra="onnx", purpose="from_onnx")
    require("onnx.reference", extra="onnx", purpose="from_onnx")
    try:
        model = load(onnx, name)
    except OSError as error:
        raise ModelFileError(f"{name}: {error.strerror or error}") from error
    except UnsupportedModel as error:
        raise ModelFileError(f"{name}: {error}") from error
    except Exception as error:  # protobuf and onnx raise all kinds, of damaged files
        raise ModelFileError(f"{name}: damaged, or not an ONNX model: {_reason(error)}") from error
    try:
        layers, classes = _Reader(onnx, model).read()
    except Exception as error:  # as of constants that are shorter than they say
        raise ModelFileError(f"{name}: {_reason(error)}") from error
    net = layers.network(output_activation)
    net.classes = classes
    return net


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


class _Reader:
    """One pass over the nodes, which ONNX keeps in an order of execution."""

    def __init__(self, onnx: Any, model: Any) -> None:
        reference = require("onnx.reference", extra="onnx", purpose="from_onnx")
        self.evaluator = reference.ReferenceEvaluator
        self.onnx = onnx
        self.model = model
        graph = model.graph
        self.constants: dict[str, Array] = {
            each.name: self._constant(each) for each in graph.initializer
        }
        inputs = [each for each in graph.input if each.name not in self.constants]
        if len(inputs) != 1:
            names = [each.name for each in inputs]
            raise UnsupportedModel(f"expected one input, found {len(names)}: {names}")
        self.input = inputs[0]
        if self.input.type.tensor_type.elem_type not in self._numbers():
            raise UnsupportedModel(f"its input {self.input.name!r} is no tensor of numbers")
        self.unshaped = [self._unshaped(node) for node in graph.node]
        self.layers = Layers()
        self.places = {self.input.name: _Place(0, self.input.name)}
        self.here = self.places[self.input.name]
        self.most = max(_MOST_ELEMENTS, 2 * sum(each.size for each in self.constants.values()))
        self.work = _MOST_WORK + self.most
        self.decided: dict[str, str] = {}
        """The tensors that follow a decision, and the scores that it was made from."""
        self.classes = labels_from_metadata({each.key: each.value for each in model.metadata_props})

    def _constant(self, tensor: Any) -> Array:
        known = self.onnx.TensorProto.DataType.values()
        if tensor.data_type not in known:
            raise UnsupportedModel(f"the constant {tensor.name!r} has no known type")
        array: Array = self.onnx.numpy_helper.to_array(tensor)
        return array

    def _numbers(self) -> list[int]:
        types = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8")
        return [self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(name)) for name in types]

    def read(self) -> tuple[Layers, Array | None]:
        """The layers, and the classes' labels where there are any."""
        for node in self.model.graph.node:
            self._follow(node)
        output = self._output()
        self._activate(output)
        net = self.layers.network()
        self._compare(net, output)
        several_labels = net.activations[-1] == "sigmoid" and net.sizes[-1] > 1
        fit = self.classes is not None and len(self.classes) == max(net.sizes[-1], 2)
        return self.layers, self.classes if fit and not several_labels else None

    def _follow(self, node: Any) -> None:
        inputs = [name for name in node.input if name]
        if all(name in self.constants for name in inputs):
            if node.op_type not in _EVALUATED:  # no matter, unless a layer needs it
                return
            values = self._run([node], {}, list(node.output))
            self.constants |= dict(zip(node.output, values, strict=True))
            return
        if any(name in self.decided for name in inputs):
            scores = next(self.decided[name] for name in inputs if name in self.decided)
            self.decided |= dict.fromkeys(node.output, scores)
            self._note_classes(node)
            return
        behind = [name for name in inputs if name in self.places]
        if node.op_type == "Shape" or not behind:  # computed from shapes, for a Reshape
            return
        if any(self.places[name] != self.here for name in behind):
            raise UnsupportedModel(f"{text_of(node)} takes up an earlier layer again: not a chain")
        if node.op_type in ("Gemm", "MatMul"):
            self._dense(node)
        elif node.op_type == "Add" and self._is_bias(node):
            self._bias(node)
        elif node.op_type in _DECISIONS:
            self.decided |= dict.fromkeys(node.output, behind[0])
            self._note_classes(node)
        elif node.op_type == "Concat" and self._is_pair(node):
            self.decided |= dict.fromkeys(node.output, node.input[1])
        elif node.op_type in _ACTIVATIONS | _SCALINGS:
            self._check_constants(node)
            self.places |= dict.fromkeys(node.output, self.here)
        else:
            raise UnsupportedModel(f"{text_of(node)}: nncore has no such operator")

    def _dense(self, node: Any) -> None:
        options = self._options(node)
        x, *others = node.input
        constant = all(name in self.constants for name in others if name)
        if x not in self.places or not constant or options.get("transA"):
            raise UnsupportedModel(f"{text_of(node)}: expected rows times constant weights")
        self._activate(x)
        weights = self.constants[others[0]]
        if weights.ndim != 2:
            raise UnsupportedModel(f"{text_of(node)}: its weights have shape {weights.shape}")
        weights = weights if options.get("transB") else weights.T
        if options.get("alpha", 1.0) != 1.0:
            weights = weights * weights.dtype.type(options["alpha"])
        bias = None
        if len(others) == 2 and others[1]:
            bias = self.constants[others[1]]
            if options.get("beta", 1.0) != 1.0:
                bias = bias * bias.dtype.type(options["beta"])
            bias = self._spread(bias, len(weights), node)
        self.layers.dense(weights, bias, text_of(node))
        self._step(node.output[0])

    def _is_bias(self, node: Any) -> bool:
        """Whether it adds a constant to what a MatMul, a Gemm or another such addition gave."""
        constant = any(name in self.constants for name in node.input)
        return bool(self.layers.weights) and constant and self.here.start in node.input

    def _bias(self, node: Any) -> None:
        (bias,) = (self.constants[name] for name in node.input if name in self.constants)
        biases = self.layers.biases
        biases[-1] = biases[-1] + self._spread(bias, len(biases[-1]), node)
        self._step(node.output[0])

    def _spread(self, bias: Array, units: int, node: Any) -> Array:
        if bias.size not in (1, units) or bias.shape[-1:] not in ((), (bias.size,)):
            raise UnsupportedModel(
                f"{text_of(node)}: biases of shape {bias.shape} for {units} units"
            )
        return np.broadcast_to(bias.reshape(-1), (units,))

    def _step(self, start: str) -> None:
        self.here = _Place(self.here.steps + 1, start)
        self.places[start] = self.here

    def _is_pair(self, node: Any) -> bool:
        """Whether it puts 1 - p in front of p, the probability of the second of two classes."""
        if len(node.input) != 2 or not all(name in self.places for name in node.input):
            return False
        if self.layers.weights and len(self.layers.weights[-1]) == 1:
            first, second = (self._at_probe(name, self.here.start, probe()) for name in node.input)
            return bool(np.array_equal(first, 1 - second))
        return False

    def _note_classes(self, node: Any) -> None:
        """Keeps the labels that a node turns the numbers of classes into."""
        options = self._options(node)
        labels: Any = options.get("classlabels_strings") or options.get("classlabels_int64s")
        if node.op_type == "ArrayFeatureExtractor" and node.input[0] in self.constants:
            labels = self.constants[node.input[0]].ravel().tolist()
        if labels:
            texts = [each.decode() if isinstance(each, bytes) else each for each in labels]
            self.classes = np.array(texts)

    def _scaling(self, node: Any) -> Scaling | None:
        return as_scaling(node, self.constants, self._options(node))

    def _check_constants(self, node: Any) -> None:
        """Refuses operators with a parameter for each unit that are no scaling, nor activation."""
        if node.op_type not in _UNIT_BY_UNIT | _SCALINGS or self._scaling(node) is not None:
            return
        for name in node.input:
            if name in self.constants and self.constants[name].size != 1:
                shape = self.constants[name].shape
                raise UnsupportedModel(f"{text_of(node)}: it has constants of shape {shape}")

    def _activate(self, tensor: str) -> None:
        """Sets the last layer's activation to what leads from its start to `tensor`.

        Scalings in front of the activation and behind it are folded into the dense layers.
        """
        between = nodes_between(self.model.graph.node, tensor, self.here.start)
        before, after = self._scalings(between, tensor)
        starts = [self.here.start, *(node.output[0] for node in before)]
        ends = [tensor, *(self._scaled(node) for node in after)]
        splits = itertools.product(range(len(starts)), range(len(ends)))
        for i, j in sorted(splits, key=sum):  # as few scalings as will do
            inner = nodes_between(self.model.graph.node, ends[j], starts[i])
            if any(node in inner for node in [*before[:i], *after[:j]]):
                continue  # the two chains overlap
            name = identify(partial(self._at_probe, ends[j], starts[i]))
            if name is not None:
                self._add(before[:i], name, inner, after[:j][::-1])
                return
        operators = ", ".join(dict.fromkeys(each.op_type for each in between))
        where = text_of(between[0]) if len(between) == 1 else f"the operators {operators}"
        advice = relative(partial(self._at_probe, tensor, self.here.start))
        raise UnsupportedModel(f"{where}: nncore has no activation that computes the same{advice}")

    def _add(self, before: list[Any], activation: str, inner: list[Any], after: list[Any]) -> None:
        """Adds an activation between scalings to the last layer."""
        for node in before:
            self._fold(node)
        operators = ", ".join(dict.fromkeys(each.op_type for each in inner))
        if activation != "linear" and not self.layers.weights:
            raise UnsupportedModel(f"{operators} in front of the first dense layer")
        self.layers.activation(activation, operators)
        for node in after:
            self._fold(node)

    def _fold(self, node: Any) -> None:
        scaling = self._scaling(node)
        if scaling is not None:
            self.layers.scaling(scaling, text_of(node))

    def _scalings(self, nodes: list[Any], tensor: str) -> tuple[list[Any], list[Any]]:
        """The chains of scalings that begin where the last layer ends, and that end at `tensor`.

        The second one begins at its end. A tensor that two nodes read ends a chain.
        """
        if len(nodes) > _MOST_SEARCHED:
            return [], []
        readers: dict[str, list[Any]] = {}
        for node in (each for each in nodes if each.op_type != "Shape"):
            for name in set(node.input):
                readers.setdefault(name, []).append(node)
        makers = {name: node for node in nodes for name in node.output}
        before: list[Any] = []
        here = self.here.start
        while len(readers.get(here, [])) == 1 and self._scaling(readers[here][0]) is not None:
            if len(before) == _MOST_IN_FRONT:
                break
            before.append(readers[here][0])
            here = before[-1].output[0]
        after: list[Any] = []
        here = tensor
        while here in makers and self._scaling(makers[here]) is not None:
            source = self._scaled(makers[here])
            if len(readers[source]) > 1 or len(after) == _MOST_BEHIND:
                break
            after.append(makers[here])
            here = source
        return before, after

    def _scaled(self, node: Any) -> str:
        return scaled_input(node, self.constants) or node.input[0]

    def _unshaped(self, node: Any) -> Any:
        """The node adapted to the probe, whose rows have another shape."""
        if node.op_type in _RESHAPES:
            return self.onnx.helper.make_node("Identity", node.input[:1], node.output)
        return node

    def _at_probe(self, tensor: str, start: str, z: Array) -> Array:
        """The value of `tensor` where the tensor `start` is z (rows, 2)."""
        nodes = nodes_between(self.unshaped, tensor, start)
        if not nodes:
            return z
        return np.asarray(self._run(nodes, {start: z.astype(self._dtype())}, [tensor])[0])

    def _dtype(self) -> Any:
        return self.layers.weights[-1].dtype if self.layers.weights else np.dtype(np.float32)

    def _run(self, nodes: list[Any], given: dict[str, Array], outputs: list[str]) -> list[Array]:
        """The outputs of a part of the graph, by ONNX's own reference, node by node."""
        values = dict(given)
        for node in nodes:
            inputs = {
                name: np.asarray(values[name] if name in values else self.constants[name])
                for name in node.input
                if name
            }
            self._check_work(node, list(inputs.values()))
            made = self._evaluate(node, inputs)
            values |= dict(zip(node.output, made, strict=True))
        return [values[name] for name in outputs]

    def _check_work(self, node: Any, inputs: list[Array]) -> None:
        """Refuses an operator that could run for long or fill the memory."""
        domains = ("ai.onnx.ml",) if node.op_type == "Scaler" else ("", "ai.onnx")
        if node.op_type not in _EVALUATED or node.domain not in domains:
            raise UnsupportedModel(f"{text_of(node)}: nncore does not evaluate it")
        size = _most_made(node.op_type, inputs)
        self.work -= max(size, _LEAST_WORK)
        if node.op_type in ("Gemm", "MatMul"):  # whose multiplications are many, and fast
            self.work -= size * max(inputs[0].shape, default=1) // 256
        if size > self.most or self.work < 0:
            raise UnsupportedModel(f"{text_of(node)}: it may make {size:,} elements, too many")

    def _evaluate(self, node: Any, inputs: dict[str, Array]) -> list[Array]:
        helper = self.onnx.helper
        graph = helper.make_graph(
            [node],
            "part",
            [
                helper.make_tensor_value_info(
                    name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
                )
                for name, value in inputs.items()
            ],
            [helper.make_empty_tensor_value_info(name) for name in node.output],
        )
        model = helper.make_model(graph, opset_imports=self.model.opset_import)
        try:
            with np.errstate(all="ignore"):
                return list(self.evaluator(model).run(None, inputs))
        except Exception as error:  # it raises anything for an inconsistent model
            raise UnsupportedModel(
                f"ONNX's reference cannot run {node.op_type}: {error}"
            ) from error

    def _options(self, node: Any) -> dict[str, Any]:
        return {a.name: self.onnx.helper.get_attribute_value(a) for a in node.attribute}

    def _output(self) -> str:
        """The tensor with the network's outputs."""
        names = [each.name for each in self.model.graph.output]
        scores = [name for name in names if name in self.places] or [
            self.decided[name] for name in names if name in self.decided
        ]
        if not scores:
            raise UnsupportedModel(f"the outputs {names} do not depend on the input")
        if any(self.places[name] != self.here for name in scores):
            raise UnsupportedModel(f"one of the outputs {names} comes from a hidden layer")
        score: str = scores[0]
        others = scores[1:]
        if any(not self._same_at_probe(score, other) for other in others):
            raise UnsupportedModel(f"the outputs {names} are different things; expected one")
        return score

    def _same_at_probe(self, tensor: str, other: str) -> bool:
        start, z = self.here.start, probe()
        return np.array_equal(self._at_probe(tensor, start, z), self._at_probe(other, start, z))

    def _compare(self, net: Network, output: str) -> None:
        """Refuses a network that does not compute what the model does."""
        x = self._rows(net.sizes[0], max(net.sizes))
        nodes = nodes_between(self.model.graph.node, output, self.input.name)
        (wanted,) = map(np.asarray, self._run(nodes, {self.input.name: x}, [output]))
        with np.errstate(all="ignore"):
            found = net.feedforward(x.reshape(len(x), -1))
            if self.layers.activations[-1] == LOG_SOFTMAX:
                wanted = np.exp(wanted)
        scale = np.abs(wanted).max(initial=1.0)
        # Row by row, as skl2onnx writes several targets below one another.
        if wanted.size != found.size or not np.allclose(
            found, wanted.reshape(found.shape), rtol=1e-3, atol=1e-4 * scale
        ):
            raise UnsupportedModel("the network that was read computes something else than it")

    def _rows(self, inputs: int, widest: int) -> Array:
        """Random rows in the shape and dtype that the model takes."""
        kind = self.input.type.tensor_type
        shape = [each.dim_value for each in kind.shape.dim] or [0]
        rows, *rest = [shape[0] or 4, *shape[1:]]
        if rest.count(0) == 1 and inputs % int(np.prod([n or 1 for n in rest])) == 0:
            rest[rest.index(0)] = inputs // int(np.prod([n or 1 for n in rest]))
        if int(np.prod(rest)) != inputs:
            raise UnsupportedModel(
                f"its input has shape {tuple(shape)} (0 for what is open), its first layer takes "
                f"{inputs} inputs"
            )
        if rows < 0 or rows * widest > self.most:
            raise UnsupportedModel(f"it takes {rows:,} rows at a time, too many to compare it with")
        dtype = self.onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
        return np.random.default_rng(0).normal(size=(rows, *rest)).astype(dtype)


def _most_made(operator: str, inputs: Sequence[Array]) -> int:
    """An upper bound of the elements that an operator makes."""
    sizes = [each.size for each in inputs]
    if operator in ("ConstantOfShape", "Expand"):
        wanted = math.prod(max(1, int(n)) for n in inputs[-1].ravel())
        return wanted * (max(1, sizes[0]) if operator == "Expand" else 1)
    if operator == "Gather":
        return math.prod(sizes)
    if operator in ("Gemm", "MatMul"):
        a, b = (each.shape or (1,) for each in inputs[:2])
        return int(math.prod(a[:-1]) * max(b[0], math.prod(b[1:])))
    if operator in _UNIT_BY_UNIT:
        return math.prod(np.broadcast_shapes(*(each.shape for each in inputs)))
    return sum(sizes)
