"""The operators of ONNX that multiply and shift each unit by constants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore.export._layers import Scaling, batch_normalization

Array = NDArray[Any]

_NOTHING = {"Cast", "Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"}
_FLOATS = (1, 11)
"""The numbers of float32 and float64 among ONNX's types."""


def scaled_input(node: Any, constants: Mapping[str, Array]) -> str | None:
    """The tensor that a node scales, if its other inputs are constants."""
    inputs = [name for name in node.input if name]
    variable = [name for name in inputs if name not in constants]
    return variable[0] if len(variable) == 1 else None


def as_scaling(
    node: Any, constants: Mapping[str, Array], options: dict[str, Any]
) -> Scaling | None:
    """What a node does to each unit of its input; None if it is something else.

    `options` are the node's attributes.
    """
    kind, inputs = node.op_type, list(node.input)
    if kind in _NOTHING:
        return Scaling(1.0, 0.0) if options.get("to", 1) in _FLOATS else None
    if kind == "Neg":
        return Scaling(-1.0, 0.0)
    if kind == "Scaler":
        return _of_scaler(options)
    if kind == "BatchNormalization":
        return _of_batch_normalization(inputs, constants, options)
    known = [name in constants for name in inputs]
    if kind not in ("Add", "Sub", "Mul", "Div") or sum(known) != 1:
        return None
    second = known[1]
    constant = _by_unit(constants[inputs[1] if second else inputs[0]])
    if constant is None:
        return None
    if kind == "Add":
        return Scaling(1.0, constant)
    if kind == "Sub":
        return Scaling(1.0, -constant) if second else Scaling(-1.0, constant)
    if kind == "Mul":
        return Scaling(constant, 0.0)
    return Scaling(1 / constant, 0.0) if second and constant.all() else None


def _of_scaler(options: dict[str, Any]) -> Scaling:
    scale = np.array(options.get("scale", [1.0]), np.float64)
    return Scaling(scale, -np.array(options.get("offset", [0.0]), np.float64) * scale)


def _of_batch_normalization(
    inputs: list[str], constants: Mapping[str, Array], options: dict[str, Any]
) -> Scaling | None:
    """As it is after training, with the mean and the variance that training has left."""
    if options.get("training_mode") or len(inputs) != 5:
        return None
    gamma, beta, mean, variance = (constants[name].astype(np.float64) for name in inputs[1:])
    return batch_normalization(gamma, beta, mean, variance, options.get("epsilon", 1e-5))


def _by_unit(constant: Array) -> Array | None:
    """The constant in float64 as one number or one for each unit; None for other shapes."""
    rows = constant.size != 1 and constant.shape[-1] != constant.size
    if constant.dtype.kind != "f" or rows:  # whole numbers would be divided as such
        return None
    return constant.astype(np.float64).reshape(-1)
