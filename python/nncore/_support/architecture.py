"""A network's architecture: what the user gives is checked and put into the core's form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from nncore import _core
from nncore._support.checks import integer
from nncore._support.names import check_name

Arrays = Sequence[ArrayLike]
Initializer = str | Sequence[str] | tuple[Arrays, Arrays]


def checked_sizes(sizes: Sequence[int]) -> list[int]:
    if isinstance(sizes, str) or not isinstance(sizes, Iterable):
        raise TypeError(f"sizes must be a list such as [784, 30, 10], got {sizes!r}")
    checked = [integer("every size", size, low=1, high=2**63 - 1) for size in sizes]
    if len(checked) < 2:
        raise ValueError(f"sizes needs two layers or more, got {checked}")
    return checked


def checked_dtype(dtype: Any) -> Literal["float32", "float64"]:
    expected = f"dtype must be 'float32' or 'float64', got {dtype!r}"
    try:
        found = None if dtype is None else np.dtype(dtype)  # NumPy takes None for float64
    except TypeError:
        raise ValueError(expected) from None
    if found == np.float32:
        return "float32"
    if found == np.float64:
        return "float64"
    raise ValueError(expected)


def every_activation(activation: str | Sequence[str], output: str, layers: int) -> list[str]:
    if not isinstance(activation, Iterable):
        raise TypeError(f"activation must be a name or a list of names, got {activation!r}")
    hidden = [activation] * (layers - 1) if isinstance(activation, str) else list(activation)
    if len(hidden) != layers - 1:
        raise ValueError(
            f"activation has {len(hidden)} names; expected {layers - 1}, one for each hidden layer"
        )
    return [check_name("activation", name, _core.ACTIVATIONS) for name in [*hidden, output]]


def initializer_names(initializer: Any, activations: list[str]) -> list[str]:
    names = [initializer] * len(activations) if isinstance(initializer, str) else list(initializer)
    if len(names) != len(activations):
        raise ValueError(
            f"initializer has {len(names)} names; expected {len(activations)}, one for each layer "
            "but the inputs"
        )
    legal = ("auto", *_core.INITIALIZERS)
    return [
        _core.default_initializer(activation) if name == "auto" else name
        for name, activation in zip(
            [check_name("initializer", name, legal) for name in names], activations, strict=True
        )
    ]


def initial_arrays(initializer: Any) -> tuple[Arrays, Arrays] | None:
    expected = "initializer must be a name, a list of names, or (weights, biases)"
    if not isinstance(initializer, Sequence):
        raise TypeError(f"{expected}, got {initializer!r}")
    if all(isinstance(name, str) for name in initializer):
        return None
    if len(initializer) != 2:
        raise ValueError(f"{expected}, got {len(initializer)} things")
    weights, biases = initializer
    if isinstance(weights, str) or isinstance(biases, str):
        raise TypeError(f"{expected}, got {initializer!r}")
    return weights, biases
