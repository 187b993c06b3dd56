"""The book's code: NumPy in float64, one sample at a time, gradients summed over a mini-batch."""

from __future__ import annotations

import numpy as np

from peers import NotTaken, Task
from workloads import Array, Problem


def prepare(problem: Problem, threads: int) -> Task:
    workload = problem.workload
    if workload.hidden != "sigmoid":
        raise NotTaken("the book's networks are of sigmoids")
    return Predict(problem) if workload.predicts else Train(problem)


def sigmoid(z: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-z))


class Network(Task):
    """Parameters in float64, biases as columns."""

    def __init__(self, problem: Problem) -> None:
        self.workload = problem.workload
        self.weights = [w.astype(np.float64) for w in problem.weights]
        self.biases = [b.astype(np.float64)[:, None] for b in problem.biases]

    def parameters(self) -> tuple[list[Array], list[Array]]:
        return self.weights, [b[:, 0] for b in self.biases]


class Predict(Network):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.x = problem.x[0].astype(np.float64)[:, None]

    def work(self) -> None:
        a = self.x
        for w, b in zip(self.weights, self.biases, strict=True):
            a = sigmoid(w @ a + b)


class Train(Network):
    fraction = 0.1

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        rows = max(int(self.fraction * len(problem.y)), 1)
        self.fraction = rows / len(problem.y)
        self.x = problem.x[:rows].astype(np.float64)[:, :, None]
        self.y = problem.targets(rows).astype(np.float64)[:, :, None]
        self.decay = 1 - workload_decay(problem)
        self.rng = np.random.default_rng(0)

    def work(self) -> None:
        order, batch = self.rng.permutation(len(self.x)), self.workload.batch
        for start in range(0, len(order), batch):
            self.update(order[start : start + batch])

    def update(self, rows: Array) -> None:
        """Equations 20 and 21, with chapter 3's weight decay."""
        nabla_w = [np.zeros_like(w) for w in self.weights]
        nabla_b = [np.zeros_like(b) for b in self.biases]
        for i in rows:
            for layer, (dw, db) in enumerate(self.backprop(self.x[i], self.y[i])):
                nabla_w[layer] += dw
                nabla_b[layer] += db
        eta = self.workload.rate / len(rows)
        for layer in range(len(self.weights)):
            self.weights[layer] = self.decay * self.weights[layer] - eta * nabla_w[layer]
            self.biases[layer] = self.biases[layer] - eta * nabla_b[layer]

    def backprop(self, x: Array, y: Array) -> list[tuple[Array, Array]]:
        """Equations BP1 to BP4 for one sample."""
        activations = [x]
        for w, b in zip(self.weights, self.biases, strict=True):
            activations.append(sigmoid(np.dot(w, activations[-1]) + b))
        a = activations[-1]
        delta = a - y
        if self.workload.cost == "quadratic":
            delta = delta * a * (1 - a)
        gradients = [(np.dot(delta, activations[-2].T), delta)]
        for layer in range(len(self.weights) - 2, -1, -1):
            a = activations[layer + 1]
            delta = np.dot(self.weights[layer + 1].T, delta) * a * (1 - a)
            gradients.append((np.dot(delta, activations[layer].T), delta))
        return gradients[::-1]


def workload_decay(problem: Problem) -> float:
    """The factor of weight decay in an update. n is the number of rows of an epoch."""
    return problem.workload.rate * problem.workload.l2 / len(problem.y)
