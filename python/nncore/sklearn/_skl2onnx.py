"""The converters by which skl2onnx writes nncore's estimators, alone or within a pipeline."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from nncore._support.extras import require
from nncore.export._onnx_graph import GraphWriter
from nncore.export._outputs import check_outputs

_OPSET = 13
"""That of the operators which the converters write. skl2onnx writes a later one as well."""


def register(estimator: type) -> None:
    """Teaches skl2onnx to convert one of nncore's classes of estimators.

    Raises:
        ImportError: skl2onnx is missing.
    """
    skl2onnx = require("skl2onnx", extra="skl2onnx", purpose="converting to ONNX")
    alias = f"Nncore{estimator.__name__}"
    if hasattr(estimator, "predict_proba"):
        options = {
            "zipmap": [True, False, "columns"],
            "nocl": [True, False],
            "output_class_labels": [False, True],
        }
        functions = _classifier_shapes, _convert_classifier
        skl2onnx.update_registered_converter(estimator, alias, *functions, options=options)
    else:
        skl2onnx.update_registered_converter(
            estimator, alias, _regressor_shapes, _convert_regressor
        )


def register_if_imported(estimator: type) -> None:
    """The same where skl2onnx has been imported, and nothing where it has not."""
    if hasattr(sys.modules.get("skl2onnx"), "update_registered_converter"):
        register(estimator)


def _has_several_labels(model: Any) -> bool:
    return bool(model.out_activation_ == "logistic" and model.n_outputs_ > 1)


def _classifier_shapes(operator: Any) -> None:
    """Labels (n,), or for several labels a row (n, n_labels), and probabilities (n, n_classes)."""
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    model = operator.raw_operator
    rows, classes = operator.inputs[0].get_first_dimension(), len(model.classes_)
    kind = Int64TensorType if _labels(model).dtype.kind == "i" else StringTensorType
    shape = [rows, classes] if _has_several_labels(model) else [rows]
    operator.outputs[0].set_type(kind(shape))
    operator.outputs[1].set_type(_float_type(operator, [rows, max(model.n_outputs_, 2)]))


def _regressor_shapes(operator: Any) -> None:
    """Predictions (n, n_outputs)."""
    rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].set_type(_float_type(operator, [rows, operator.raw_operator.n_outputs_]))


def _float_type(operator: Any, shape: list[Any]) -> Any:
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    return (DoubleTensorType if _dtype(operator) == "float64" else FloatTensorType)(shape)


def _dtype(operator: Any) -> str:
    """The dtype of the operators, which is that of the inputs."""
    from skl2onnx.common.data_types import DoubleTensorType

    return "float64" if isinstance(operator.inputs[0].type, DoubleTensorType) else "float32"


def _labels(model: Any) -> Any:
    """The classes as integers or strings, which is what ONNX has for them."""
    labels = np.asarray(model.classes_)
    if len(labels) == 1:  # it has seen one class, and predicts no other
        labels = labels.repeat(2)
    return labels.astype(np.int64 if labels.dtype.kind in "biuf" else str)


def _convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    model, output = operator.raw_operator, operator.outputs[0].full_name
    check_outputs(model.network_)
    numbers = range(model.network_.sizes[-1])
    wanted = numbers[model.predicted_outputs_]
    if wanted == numbers:
        _add_network(scope, operator, container, output)
        return
    every = scope.get_unique_variable_name("every")
    _add_network(scope, operator, container, every)
    columns = _add_constant(scope, container, "columns", np.array(wanted))
    container.add_node(
        "Gather", [every, columns], output, op_version=_OPSET, axis=1,
        name=scope.get_unique_operator_name("Gather"),
    )  # fmt: skip


def _convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    model = operator.raw_operator
    label, probabilities = (output.full_name for output in operator.outputs)
    floats = np.dtype(_dtype(operator))

    def add(kind: str, inputs: list[str], output: str | None = None, **options: Any) -> str:
        output = output or scope.get_unique_variable_name(kind.lower())
        domain = "ai.onnx.ml" if kind == "ArrayFeatureExtractor" else ""
        container.add_node(
            kind, inputs, output, op_domain=domain, op_version=1 if domain else _OPSET,
            name=scope.get_unique_operator_name(kind), **options,
        )  # fmt: skip
        return output

    def constant(name: str, value: Any) -> str:
        return _add_constant(scope, container, name, np.asarray(value))

    if model.n_outputs_ > 1:
        _add_network(scope, operator, container, probabilities)
    else:
        second = scope.get_unique_variable_name("second")
        _add_network(scope, operator, container, second)
        first = add("Sub", [constant("one", np.ones((), floats)), second])
        add("Concat", [first, second], probabilities, axis=1)
    if _has_several_labels(model):
        above = add("Greater", [probabilities, constant("half", np.full((), 0.5, floats))])
        add("Cast", [above], label, to=_number_of(np.int64))
        return
    # ArgMax takes the first of equal ones, as predict does.
    number = add("ArgMax", [probabilities], axis=1, keepdims=0)
    named = add("ArrayFeatureExtractor", [constant("classes", _labels(model)), number])
    add("Reshape", [named, constant("rows", np.array([-1]))], label)


def _add_network(scope: Any, operator: Any, container: Any, output: str) -> None:
    """The network's operators, which give `output`, (n, n_outputs)."""
    onnx, dtype = require("onnx", extra="onnx", purpose="skl2onnx"), _dtype(operator)
    cast = scope.get_unique_variable_name("x")
    container.add_node(
        "Cast", [operator.inputs[0].full_name], cast, op_version=_OPSET,
        name=scope.get_unique_operator_name("Cast"), to=_number_of(np.dtype(dtype)),
    )  # fmt: skip
    names = {"x": cast, "y": output}
    writer = GraphWriter(onnx, operator.raw_operator.network_, dtype)
    writer.layers(writer.net)
    for name, constant in writer.constants.items():
        value = onnx.numpy_helper.to_array(constant)
        names[name] = _add_constant(scope, container, name, value)
    for node in writer.nodes:
        for tensor in node.output:
            names.setdefault(tensor, scope.get_unique_variable_name(tensor))
        options = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        given = [names[each] for each in node.input]
        made = [names[each] for each in node.output]
        name = scope.get_unique_operator_name(node.op_type)
        container.add_node(node.op_type, given, made, op_version=_OPSET, name=name, **options)


def _add_constant(scope: Any, container: Any, name: str, value: Any) -> str:
    unique: str = scope.get_unique_variable_name(name)
    content = [text.encode() for text in value] if value.dtype.kind == "U" else value.ravel()
    container.add_initializer(unique, _number_of(value.dtype), list(value.shape), content)
    return unique


def _number_of(dtype: Any) -> int:
    """ONNX's number for a type."""
    onnx = require("onnx", extra="onnx", purpose="skl2onnx")
    dtype = np.dtype(dtype)
    if dtype.kind == "U":
        return int(onnx.TensorProto.STRING)
    return int(onnx.helper.np_dtype_to_tensor_dtype(dtype))
