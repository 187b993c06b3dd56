"""JAX: a whole epoch in one jitted call, a scan over the mini-batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, nn

from peers import Task
from workloads import Array, Problem, Workload


def prepare(problem: Problem, threads: int) -> Task:
    jax.config.update("jax_enable_x64", problem.workload.dtype == "float64")
    return Predict(problem) if problem.workload.predicts else Train(problem)


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": nn.relu,
    "sigmoid": nn.sigmoid,
    "softmax": nn.softmax,
    "linear": lambda z: z,
}


class Network(Task):
    """Weights as (inputs, units)."""

    def __init__(self, problem: Problem) -> None:
        self.workload = problem.workload
        self.params = [
            (jnp.asarray(w.T), jnp.asarray(b))
            for w, b in zip(problem.weights, problem.biases, strict=True)
        ]

    def parameters(self) -> tuple[list[Array], list[Array]]:
        return [np.asarray(w).T for w, _ in self.params], [np.asarray(b) for _, b in self.params]


class Predict(Network):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        rows = self.workload.epoch_rows
        self.x = problem.x[0] if rows == 1 else problem.x[:rows]
        output = ACTIVATIONS[self.workload.output]
        self.feedforward = jax.jit(lambda params, x: output(logits(self.workload, params, x)))

    def work(self) -> None:
        np.asarray(self.feedforward(self.params, self.x))


class Train(Network):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.rows = len(problem.y)
        self.y = jnp.asarray(problem.targets())
        if self.workload.data == "text":
            self.x: Any = padded(problem.x)
            self.note = "rows padded to the longest"
            step = text_step(self.workload)
        else:
            self.x = jnp.asarray(problem.x)
            step = dense_step(self.workload, self.rows)
        zeros = jax.tree.map(jnp.zeros_like, self.params)
        slots = (zeros, jax.tree.map(jnp.copy, zeros)) if self.workload.optimizer == "adam" else ()
        self.state = (self.params, slots, jnp.zeros((), self.workload.dtype))
        self.epoch = jax.jit(epoch_of(step, self.workload.batch), donate_argnums=0)
        self.rng = np.random.default_rng(0)

    def work(self) -> None:
        order = self.rng.permutation(self.rows).astype(np.int32)
        self.state = jax.block_until_ready(self.epoch(self.state, self.x, self.y, order))
        self.params = self.state[0]


def epoch_of(step: Callable[..., Any], batch: int) -> Callable[..., Any]:
    """All mini-batches of an epoch. A shorter last one runs after the scan."""

    def epoch(state: Any, x: Any, y: Any, order: Any) -> Any:
        def on_rows(state: Any, rows: Any) -> tuple[Any, None]:
            return step(state, jax.tree.map(lambda part: part[rows], x), y[rows]), None

        whole = len(order) // batch * batch
        state, _ = lax.scan(on_rows, state, order[:whole].reshape(-1, batch))
        return state if whole == len(order) else on_rows(state, order[whole:])[0]

    return epoch


def logits(workload: Workload, params: Any, x: Any) -> Any:
    for w, b in params[:-1]:
        x = ACTIVATIONS[workload.hidden](x @ w + b)
    w, b = params[-1]
    return x @ w + b


def mean_cost(workload: Workload, z: Any, y: Any) -> Any:
    """The mean cost over rows, from the weighted inputs of the last layer."""
    if workload.cost == "log_likelihood":
        return -jnp.sum(nn.log_softmax(z) * y) / len(y)
    if workload.cost == "cross_entropy":
        return jnp.sum(nn.softplus(z) - z * y) / len(y)
    return 0.5 * jnp.sum(jnp.square(ACTIVATIONS[workload.output](z) - y)) / len(y)


def dense_step(workload: Workload, rows: int) -> Callable[..., Any]:
    """One update by jax.grad."""
    rate, decay = workload.rate, 1 - workload.rate * workload.l2 / rows

    def step(state: Any, x: Any, y: Any) -> Any:
        params, slots, t = state
        g = jax.grad(lambda p: mean_cost(workload, logits(workload, p, x), y))(params)
        if workload.optimizer == "sgd":
            pairs = zip(params, g, strict=True)
            params = [(decay * w - rate * dw, b - rate * db) for (w, b), (dw, db) in pairs]
            return params, slots, t
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, slots[0], g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, slots[1], g)
        scale, correction = rate / (1 - 0.9**t), 1 / (1 - 0.999**t)
        params = jax.tree.map(
            lambda p, m, v: p - scale * m / (jnp.sqrt(v * correction) + 1e-8), params, m, v
        )
        return params, (m, v), t

    return step


def text_step(workload: Workload) -> Callable[..., Any]:
    """The first layer gathers and scatters its rows of weights explicitly. A gradient that is
    dense in the weights would cost far more.
    """
    rate = workload.rate

    def step(state: Any, x: Any, y: Any) -> Any:
        ((w, b), *rest), slots, t = state
        indices, values = x
        z = jnp.einsum("nk,nkh->nh", values, w[indices]) + b

        def cost(z: Any, rest: Any) -> Any:
            hidden = ACTIVATIONS[workload.hidden](z)
            return mean_cost(workload, logits(workload, rest, hidden), y)

        delta, gradients = jax.grad(cost, argnums=(0, 1))(z, rest)
        w = w.at[indices].add(-rate * values[:, :, None] * delta[:, None, :])
        rest = jax.tree.map(lambda p, g: p - rate * g, rest, gradients)
        return [(w, b - rate * delta.sum(axis=0)), *rest], slots, t

    return step


def padded(x: Any) -> tuple[Any, Any]:
    """Indices and values (n, longest row) of a CSR matrix, padded with zeros."""
    lengths = np.diff(x.indptr)
    inside = np.arange(lengths.max()) < lengths[:, None]
    indices, values = np.zeros(inside.shape, np.int32), np.zeros(inside.shape, x.dtype)
    indices[inside], values[inside] = x.indices, x.data
    return jnp.asarray(indices), jnp.asarray(values)
