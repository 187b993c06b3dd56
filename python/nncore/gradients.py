"""Slopes compared with differences of what they are the slopes of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import costs
from nncore._model import Model
from nncore.network import Network

Array = NDArray[np.float64]
_STEP = 1e-5
_MOST = 200  # parameters of each array that are tried


def check_gradient(
    cost: costs.CostFunction | Model,
    outputs: ArrayLike,
    y: ArrayLike,
    *,
    tolerance: float = 1e-5,
) -> float:
    """Compares the slopes of a cost of one's own with central differences of its values.

    Everything is computed in float64.

    Args:
        cost: a callable(outputs, y) -> (costs, slopes), see `nncore.costs`; or a network, whose
            gradients by weights and biases are then compared.
        outputs: (n, outputs) to try; for a network its inputs x, (n, sizes[0]).
        y: (n, columns) targets; for a network as in `fit`.
        tolerance: how far a slope may be from the difference, in units of its own size, or of 1
            where it is smaller.

    Returns:
        The largest such error.

    Raises:
        ValueError: an error is beyond `tolerance`, what the cost returns has another shape, or a
            row's cost depends on other rows; the message names the place, what was expected and
            what was found. At a kink (an |x| at 0) no slope is right: try other outputs.

    >>> import numpy as np
    >>> quadratic = lambda a, y: (((a - y) ** 2).sum(axis=1), a - y)
    >>> check_gradient(quadratic, np.ones((1, 2)), np.zeros((1, 2)))
    Traceback (most recent call last):
        ...
    ValueError: the slope in row 0, output 0 is 1; differences of the costs give 2
    """
    if isinstance(cost, Model):
        return _check_network(cost, outputs, y, tolerance)
    if not callable(cost):
        raise TypeError(f"cost must be a callable(outputs, y) or a network, got {cost!r}")
    a = _matrix("outputs", outputs)
    targets = _matrix("y", y)
    if len(a) != len(targets) or len(a) == 0:
        raise ValueError(f"outputs have {len(a)} rows and y has {len(targets)}; expected as many")
    _, slopes = _called(cost, a, targets)
    if len(a) > 1:
        _check_rows_apart(cost, a, targets)
    numeric = np.empty_like(a)
    for j in range(a.shape[1]):
        step = _STEP * np.maximum(1.0, np.abs(a[:, j]))
        above, below = a.copy(), a.copy()
        above[:, j] += step
        below[:, j] -= step
        difference = _called(cost, above, targets)[0] - _called(cost, below, targets)[0]
        numeric[:, j] = difference / (above[:, j] - below[:, j])
    error = _errors(slopes, numeric)
    worst = np.unravel_index(np.argmax(error), error.shape)
    if not error[worst] <= tolerance:
        raise ValueError(
            f"the slope in row {worst[0]}, output {worst[1]} is {slopes[worst]:g}; differences of "
            f"the costs give {numeric[worst]:g}"
        )
    return float(error[worst])


def in_float64(net: Model) -> Network:
    """The network, or one of the same kind and parameters in float64."""
    if net.dtype == np.float64 and isinstance(net, Network):
        return net
    *hidden, output = net.activations
    return Network(
        net.sizes, activation=hidden, output_activation=output, cost=costs.of(net),
        initializer=(net.weights, net.biases), dtype=np.float64, seed=net.seed,
    )  # fmt: skip


def _check_network(net: Model, x: ArrayLike, y: ArrayLike, tolerance: float) -> float:
    work = in_float64(net)
    if work is net:  # whose parameters stay as they are
        from copy import copy

        work = copy(net)
    _, *gradients = work.loss_and_gradient(x, y)
    most = 0.0
    for what, arrays, found in zip(
        ("weights", "biases"), (work.weights, work.biases), gradients, strict=True
    ):
        for layer, (array, slopes) in enumerate(zip(arrays, found, strict=True)):
            places = np.linspace(0, array.size - 1, min(array.size, _MOST)).astype(int)
            for place in {np.unravel_index(p, array.shape) for p in places}:
                kept = array[place]
                step = _STEP * max(1.0, abs(float(kept)))
                costs_there = []
                for moved in (kept + step, kept - step):
                    array[place] = moved
                    costs_there.append(work.loss_and_gradient(x, y)[0])
                array[place] = kept
                numeric = (costs_there[0] - costs_there[1]) / (2 * step)
                error = float(_errors(slopes[place], numeric))
                if not error <= tolerance:
                    raise ValueError(
                        f"the gradient by {what}[{layer}]{list(map(int, place))} is "
                        f"{slopes[place]:g}; differences of the cost give {numeric:g}"
                    )
                most = max(most, error)
    return most


def _errors(found: Any, expected: Any) -> Array:
    errors: Array = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    return errors


def _matrix(name: str, array: ArrayLike) -> Array:
    a = np.array(array, dtype=np.float64)
    if a.ndim == 1:
        a = a[:, None]
    if a.ndim != 2 or not np.isfinite(a).all():
        raise ValueError(f"{name} must be finite numbers (n, columns), got shape {a.shape}")
    return a


def _called(cost: costs.CostFunction, a: Array, y: Array) -> tuple[Array, Array]:
    result = cost(a.copy(), y.copy())
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise ValueError(f"the cost must return (costs, slopes), got {result!r}")
    values, slopes = (np.asarray(part, dtype=np.float64) for part in result)
    if values.shape != (len(a),) or slopes.shape != a.shape:
        raise ValueError(
            f"the cost returned shapes {values.shape} and {slopes.shape}; expected costs "
            f"{(len(a),)} and slopes {a.shape}"
        )
    if not (np.isfinite(values).all() and np.isfinite(slopes).all()):
        raise ValueError("the cost returned NaN or infinity for these outputs")
    return values, slopes


def _check_rows_apart(cost: costs.CostFunction, a: Array, y: Array) -> None:
    moved = a.copy()
    moved[0] += 0.125 * np.maximum(1.0, np.abs(a[0]))
    before, after = _called(cost, a, y), _called(cost, moved, y)
    for one, other in zip(before, after, strict=True):
        changed = np.flatnonzero(
            (np.abs(other[1:] - one[1:]) > 1e-9 * np.maximum(1.0, np.abs(one[1:])))
            .reshape(len(a) - 1, -1)
            .any(axis=1)
        )
        if len(changed):
            raise ValueError(
                f"the cost of row {changed[0] + 1} changes with the outputs of row 0; expected "
                "each row's cost and slopes to depend on that row alone"
            )
