"""The solver lbfgs: scipy's, on the core's gradients."""

from __future__ import annotations

import warnings
from copy import copy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from nncore import _core
from nncore._support.extras import require
from nncore.gradients import in_float64
from nncore.network import Network
from nncore.sklearn._samples import Rows, cost_epsilon
from nncore.sklearn._tasks import CALLER, FitTasks

Vector = NDArray[np.float64]


class Result(NamedTuple):
    """How the solver ended."""

    loss: float
    n_iter: int


def fit_lbfgs(
    net: Network,
    rows: Rows,
    *,
    alpha: float,
    tol: float,
    max_iter: int,
    max_fun: int,
    verbose: bool | int,
    tasks: FitTasks | None = None,
) -> Result:
    """Minimises the loss of all rows at once, in float64 whatever the network's dtype is.

    With several squared-error outputs it minimises the sum of their errors, as in the
    other solvers; the loss returned is their mean, as everywhere in scikit-learn. `tasks` are told
    of each iteration.
    """
    optimize = require("scipy.optimize", extra="sklearn", purpose="the solver lbfgs")
    work = in_float64(net)
    data = rows.dataset(work)
    parameters = [*work.weights, *work.biases]
    penalty = alpha / data.weight_sum
    epsilon = cost_epsilon(work)
    losses: list[float] = []
    stopped = False
    watching = tasks if tasks is not None and tasks.watched else None

    def reached(packed: Vector) -> Network:
        found = copy(net)
        _unpack(packed, [*found.weights, *found.biases])
        return found

    def objective(packed: Vector) -> tuple[float, Vector]:
        if watching is not None:
            watching.begin("iteration")
        _unpack(packed, parameters)
        cost, by_weights, by_biases = _core.gradients(
            work, data, l2=penalty, penalty_rows=1, cost_epsilon=epsilon
        )
        return cost, _pack([*by_weights, *by_biases])

    def after_iteration(intermediate_result: Any) -> None:
        nonlocal stopped
        losses.append(float(intermediate_result.fun))
        if verbose:
            print(f"Iteration {len(losses)}, loss = {losses[-1]:.8f}")
        if watching is not None:
            stopped = watching.end(lambda: reached(intermediate_result.x))
            if stopped:
                raise StopIteration

    result = optimize.minimize(
        objective,
        _pack(parameters),
        method="L-BFGS-B",
        jac=True,
        callback=after_iteration,
        options={
            "maxfun": max_fun,
            "maxiter": max_iter,
            "gtol": tol,
        },
    )
    if not np.isfinite(result.x).all():
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large "
            "values and need to be preprocessed."
        )
    _unpack(result.x, parameters)
    for parameter, value in zip([*net.weights, *net.biases], parameters, strict=True):
        parameter[...] = value
    squares = sum(float(np.vdot(w, w)) for w in work.weights)
    penalised = 0.5 * penalty * squares
    loss = rows.loss(float(result.fun) - penalised) + penalised
    # Some versions of scipy count one iteration more than they were allowed.
    n_iter = min(result.nit, max_iter)
    if result.status != 0 and not stopped:
        warnings.warn(
            f"lbfgs failed to converge after {n_iter} iteration(s) "
            f"(status={result.status}): {result.message}. Increase max_iter or max_fun, "
            "or scale the data.",
            ConvergenceWarning,
            stacklevel=CALLER,
        )
    return Result(loss, n_iter)


def _pack(arrays: list[NDArray[Any]]) -> Vector:
    return np.concatenate([np.ravel(array) for array in arrays])


def _unpack(packed: Vector, arrays: list[NDArray[Any]]) -> None:
    start = 0
    for array in arrays:
        array[...] = packed[start : start + array.size].reshape(array.shape)
        start += array.size
