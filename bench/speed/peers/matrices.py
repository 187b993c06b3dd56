"""NumPy on whole mini-batches. All parameters are one block, so that Adam takes few calls."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from peers import Task
from workloads import Array, Problem


def prepare(problem: Problem, threads: int) -> Task:
    return Predict(problem) if problem.workload.predicts else Train(problem)


def activate(name: str, z: Array) -> None:
    """Applies the activation in place."""
    if name == "relu":
        np.maximum(z, 0, out=z)
    elif name == "sigmoid":
        np.negative(z, out=z)
        np.exp(z, out=z)
        z += 1
        np.reciprocal(z, out=z)
    elif name == "softmax":
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=1, keepdims=True)


class Network(Task):
    """Weights as (inputs, units), views of one block."""

    def __init__(self, problem: Problem) -> None:
        self.workload, self.dtype = problem.workload, np.dtype(problem.workload.dtype)
        self.block, self.w, self.b = self.empty()
        for w, b, weights, biases in zip(
            self.w, self.b, problem.weights, problem.biases, strict=True
        ):
            w[...] = weights.T
            b[...] = biases

    def empty(self) -> tuple[Array, list[Array], list[Array]]:
        """A block of zeros with the parameters' layout, and its views."""
        shapes = [*pairwise(self.workload.sizes), *((n,) for n in self.workload.sizes[1:])]
        ends = np.cumsum([np.prod(shape) for shape in shapes])
        block = np.zeros(ends[-1], self.dtype)
        parts = np.split(block, ends[:-1])
        views = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        return block, views[: len(views) // 2], views[len(views) // 2 :]

    def forward(self, x: Any) -> list[Array]:
        activations = [x]
        for layer, (w, b) in enumerate(zip(self.w, self.b, strict=True), start=1):
            z = activations[-1] @ w
            z += b
            output = layer == len(self.w)
            activate(self.workload.output if output else self.workload.hidden, z)
            activations.append(z)
        return activations

    def parameters(self) -> tuple[list[Array], list[Array]]:
        return [w.T for w in self.w], self.b


class Predict(Network):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.x = problem.x[: problem.workload.epoch_rows]

    def work(self) -> None:
        self.forward(self.x)


class Train(Network):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.x, self.y = problem.x, problem.targets()
        self.sparse = problem.workload.data == "text"
        self.note = "scipy's CSR" if self.sparse else ""
        self.gradient, self.dw, self.db = self.empty()
        self.m, self.v, self.scratch = (np.zeros_like(self.block) for _ in range(3))
        self.rate = 1.0 if self.workload.optimizer == "adam" else self.workload.rate
        self.steps = 0
        self.rng = np.random.default_rng(0)

    def work(self) -> None:
        order, batch = self.rng.permutation(len(self.y)), self.workload.batch
        x = self.x[order] if self.sparse else self.x
        with np.errstate(over="ignore"):
            for start in range(0, len(order), batch):
                rows = order[start : start + batch]
                here = x[start : start + batch] if self.sparse else x.take(rows, axis=0)
                self.update(here, self.y.take(rows, axis=0))

    def update(self, x: Any, y: Array) -> None:
        activations = self.forward(x)
        a = activations[-1]
        delta = a - y
        if self.workload.cost == "quadratic" and self.workload.output == "sigmoid":
            delta *= a * (1 - a)
        delta *= self.rate / len(y)
        for layer in range(len(self.w) - 1, -1, -1):
            a = activations[layer]
            if layer or not self.sparse:
                np.matmul(a.T, delta, out=self.dw[layer])
            else:
                self.update_sparse(a, delta)
            np.add.reduce(delta, axis=0, out=self.db[layer])
            if layer:
                delta = delta @ self.w[layer].T
                delta *= (a > 0) if self.workload.hidden == "relu" else a * (1 - a)
        if self.workload.optimizer == "adam":
            self.adam()
        else:
            self.sgd()

    def update_sparse(self, x: Any, delta: Array) -> None:
        """Updates only the rows of the weights whose inputs occur in the mini-batch."""
        columns, where = np.unique(x.indices, return_inverse=True)
        touched = type(x)((x.data, where, x.indptr), shape=(x.shape[0], len(columns)))
        self.w[0][columns] -= touched.T @ delta

    def sgd(self) -> None:
        """The gradients are already multiplied by the rate."""
        if self.workload.l2:
            decay = 1 - self.workload.rate * self.workload.l2 / len(self.y)
            for w in self.w:
                w *= decay
        start = self.w[0].size if self.sparse else 0
        self.block[start:] -= self.gradient[start:]

    def adam(self) -> None:
        self.steps += 1
        g, m, v, scratch = self.gradient, self.m, self.v, self.scratch
        m *= 0.9
        np.multiply(g, 0.1, out=scratch)
        m += scratch
        v *= 0.999
        np.square(g, out=g)
        g *= 0.001
        v += g
        np.multiply(v, 1 / (1 - 0.999**self.steps), out=scratch)
        np.sqrt(scratch, out=scratch)
        scratch += 1e-8
        np.divide(m, scratch, out=scratch)
        scratch *= self.workload.rate / (1 - 0.9**self.steps)
        self.block -= scratch
