"""The estimators' parameters: checked when `fit` is called, as scikit-learn's convention has it."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nncore import _core
from nncore._support.checks import integer, real
from nncore._support.names import check_name
from nncore.training.loop import in_calling_order

STOCHASTIC = ("sgd", "adam")
CORE_NAMES = {"identity": "linear", "logistic": "sigmoid"}
"""What nncore calls the activations for which scikit-learn has another name."""

_ACTIVATIONS = [
    *CORE_NAMES,
    *(name for name in _core.ACTIVATIONS if _core.is_trainable(name) and name != "softmax"),
]
_FLAGS = ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping")


def check_parameters(params: dict[str, Any]) -> None:
    """Refuses what is out of range.

    Raises:
        TypeError, ValueError: naming the parameter, what was expected and what was found.
    """
    layer_activations(params["activation"], len(hidden_sizes(params["hidden_layer_sizes"])))
    solver = check_name("solver", params["solver"], ["lbfgs", *STOCHASTIC])
    check_name("learning_rate", params["learning_rate"], ["constant", "invscaling", "adaptive"])
    for name in ("alpha", "power_t", "tol"):
        real(name, params[name])
    for name in ("learning_rate_init", "epsilon"):
        real(name, params[name], above=True)
    for name in ("momentum", "beta_1", "beta_2", "validation_fraction"):
        real(name, params[name], high=1.0, below=True)
    for name in ("max_iter", "max_fun"):
        integer(name, params[name], low=1)
    for name in _FLAGS:
        if not isinstance(params[name], (bool, np.bool_)):
            raise TypeError(f"{name} must be True or False, got {params[name]!r}")
    if isinstance(params["batch_size"], str):
        check_name("batch_size", params["batch_size"], ["auto"])
    else:
        integer("batch_size", params["batch_size"], low=1)
    patience = params["n_iter_no_change"]
    if not (isinstance(patience, numbers.Real) and patience == math.inf):
        integer("n_iter_no_change", patience, low=1)
    if isinstance(params.get("class_weight"), str):
        check_name("class_weight", params["class_weight"], ["balanced"])
    elif isinstance(params.get("class_weight"), Mapping):
        for label, weight in params["class_weight"].items():
            real(f"class_weight[{label!r}]", weight)
    for rate in np.ravel(params["dropout"]):
        real("dropout", rate, high=1.0, below=True)
    real("label_smoothing", params.get("label_smoothing", 0.0), high=1.0, below=True)
    in_calling_order(params["callbacks"] or ())
    if params["n_threads"] is not None:
        integer("n_threads", params["n_threads"], low=1)
    if solver == "lbfgs":
        given = [name for name in ("dropout", "callbacks") if np.any(params[name])]
        if given:
            raise ValueError(f"solver='lbfgs' knows no {given[0]}; take solver='adam' or 'sgd'")


def hidden_sizes(sizes: Any) -> list[int]:
    """A number, or any sequence of numbers, as a list."""
    given = list(sizes) if isinstance(sizes, Iterable) else [sizes]
    return [integer("every one of hidden_layer_sizes", size, low=1) for size in given]


def layer_activations(activation: str | Sequence[str], layers: int) -> list[str]:
    """The name of each hidden layer's activation, as it was given."""
    names = [activation] * layers if isinstance(activation, str) else list(activation)
    if len(names) != layers:
        raise ValueError(
            f"activation has {len(names)} names; expected {layers}, one for each hidden layer"
        )
    if isinstance(activation, str):
        check_name("activation", activation, _ACTIVATIONS)
    return [check_name("activation", name, _ACTIVATIONS) for name in names]


def glorot_bounds(activation: str | Sequence[str], sizes: Sequence[int]) -> list[float]:
    """How far each layer's initial parameters may lie from 0, in scikit-learn's version of
    Glorot and Bengio (2010): the factor under the root is 2 for logistic units, else 6."""
    hidden = layer_activations(activation, len(sizes) - 2)
    last = activation if isinstance(activation, str) else hidden[-1] if hidden else ""
    return [
        math.sqrt((2.0 if name in ("logistic", "sigmoid") else 6.0) / (fan_in + fan_out))
        for name, fan_in, fan_out in zip([*hidden, last], sizes, sizes[1:], strict=False)
    ]


def drawn_parameters(
    draw: Callable[..., Any], activation: str | Sequence[str], sizes: Sequence[int]
) -> tuple[list[Any], list[Any]]:
    """Initial weights, (units, inputs) each, and biases, by scikit-learn's draws in its order."""
    weights, biases = [], []
    bounds = glorot_bounds(activation, sizes)
    for bound, fan_in, fan_out in zip(bounds, sizes, sizes[1:], strict=False):
        weights.append(draw(-bound, bound, (fan_in, fan_out)).T)
        biases.append(draw(-bound, bound, fan_out))
    return weights, biases
