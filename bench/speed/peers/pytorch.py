"""PyTorch: autograd, with the fused optimiser."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from peers import Task
from workloads import Array, Problem

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}


def prepare(problem: Problem, threads: int) -> Task:
    torch.set_num_threads(threads)
    if problem.workload.predicts:
        return Predict(problem)
    return TrainText(problem) if problem.workload.data == "text" else Train(problem)


class Network(Task):
    def __init__(self, problem: Problem) -> None:
        self.problem, self.workload = problem, problem.workload
        self.linears = [nn.Linear(w.shape[1], w.shape[0]) for w in problem.weights]
        layers: list[nn.Module] = []
        for linear, w, b in zip(self.linears, problem.weights, problem.biases, strict=True):
            linear.weight = nn.Parameter(torch.tensor(w))
            linear.bias = nn.Parameter(torch.tensor(b))
            layers += [linear, ACTIVATIONS[self.workload.hidden]()]
        self.model = nn.Sequential(*layers[:-1])

    def parameters(self) -> tuple[list[Array], list[Array]]:
        weights = [linear.weight.detach().numpy() for linear in self.linears]
        return weights, [linear.bias.detach().numpy() for linear in self.linears]

    def cost(self, z: Any, y: Any) -> Any:
        """The mean over rows. PyTorch's losses include softmax and sigmoid where possible."""
        if self.workload.cost == "log_likelihood":
            return functional.cross_entropy(z, y)
        if self.workload.cost == "cross_entropy":
            return functional.binary_cross_entropy_with_logits(z, y, reduction="sum") / len(z)
        a = torch.sigmoid(z) if self.workload.output == "sigmoid" else z
        return functional.mse_loss(a, y, reduction="sum") * (0.5 / len(z))


class Predict(Network):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        last = nn.Softmax(dim=-1) if self.workload.output == "softmax" else nn.Sigmoid()
        self.model.append(last)
        self.x = problem.x[: self.workload.epoch_rows]

    def work(self) -> None:
        with torch.inference_mode():
            self.model(torch.from_numpy(self.x)).numpy()


class Train(Network):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        rows = len(problem.y)
        if self.workload.batch == 1:
            self.fraction = 0.1
            rows = max(int(self.fraction * rows), 1)
            self.fraction = rows / len(problem.y)
        self.x = torch.from_numpy(problem.x[:rows])
        labels = self.workload.cost == "log_likelihood"
        self.y = torch.from_numpy(problem.y[:rows] if labels else problem.targets(rows))
        self.decay = self.workload.l2 / len(problem.y)
        weights = [linear.weight for linear in self.linears]
        groups: list[Any] = [
            {"params": weights, "weight_decay": self.decay},
            {"params": [linear.bias for linear in self.linears]},
        ]
        groups = groups if self.decay else [{"params": list(self.model.parameters())}]
        kind = torch.optim.Adam if self.workload.optimizer == "adam" else torch.optim.SGD
        self.optimizer = kind(groups, lr=self.workload.rate, fused=True)

    def work(self) -> None:
        for rows in torch.randperm(len(self.x)).split(self.workload.batch):
            loss = self.cost(self.model(self.x[rows]), self.y[rows])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()


class TrainText(Network):
    """Sparse rows as bags of features: the gradients of an EmbeddingBag are sparse, too."""

    note = "EmbeddingBag with sparse gradients"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        first = self.linears[0]
        self.bag = nn.EmbeddingBag(first.in_features, first.out_features, mode="sum", sparse=True)
        self.bag.weight = nn.Parameter(first.weight.detach().T.contiguous())
        self.bias = first.bias
        self.rest = self.model[1:]
        self.y = torch.from_numpy(problem.y)
        self.optimizer = torch.optim.SGD([self.bag.weight], lr=self.workload.rate)
        dense = [self.bias, *self.rest.parameters()]
        self.dense_optimizer = torch.optim.SGD(dense, lr=self.workload.rate, fused=True)
        self.rng = np.random.default_rng(0)

    def work(self) -> None:
        order, batch = self.rng.permutation(len(self.y)), self.workload.batch
        x = self.problem.x[order]
        y = self.y[torch.from_numpy(order)]
        parts = (x.indices.astype(np.int64), x.indptr.astype(np.int64), x.data)
        indices, starts, values = map(torch.from_numpy, parts)
        for start in range(0, len(order), batch):
            end = min(start + batch, len(order))
            span = slice(int(starts[start]), int(starts[end]))
            offsets = starts[start:end] - starts[start]
            z = self.bag(indices[span], offsets, per_sample_weights=values[span])
            loss = self.cost(self.rest(z + self.bias), y[start:end])
            self.optimizer.zero_grad()
            self.dense_optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.dense_optimizer.step()

    def parameters(self) -> tuple[list[Array], list[Array]]:
        weights, biases = super().parameters()
        return [self.bag.weight.detach().numpy().T, *weights[1:]], biases
