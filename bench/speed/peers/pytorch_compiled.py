"""PyTorch with torch.compile: gradients and update of a mini-batch in one compiled graph."""

from __future__ import annotations

from typing import Any

import torch

from peers import NotTaken, Task, pytorch
from workloads import Problem


def prepare(problem: Problem, threads: int) -> Task:
    torch.set_num_threads(threads)
    if problem.workload.data == "text":
        raise NotTaken("sparse gradients are not compiled")
    if not problem.workload.predicts:
        return Train(problem)
    task = pytorch.Predict(problem)
    task.model = torch.compile(task.model, dynamic=False)  # type: ignore[assignment]
    return task


class Train(pytorch.Train):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.named = {name: p.detach() for name, p in self.model.named_parameters()}
        self.slots = [
            {name: torch.zeros_like(p) for name, p in self.named.items()} for _ in range(2)
        ]
        self.t = 0
        self.compiled = torch.compile(self.step, dynamic=False)

    def step(self, x: Any, y: Any, scale: Any, correction: Any) -> None:
        def cost(named: Any) -> Any:
            return self.cost(torch.func.functional_call(self.model, named, (x,)), y)

        gradients = torch.func.grad(cost)(self.named)
        if self.workload.optimizer == "sgd":
            for name, p in self.named.items():
                if self.decay and name.endswith("weight"):
                    p.mul_(1 - self.workload.rate * self.decay)
                p.sub_(gradients[name], alpha=self.workload.rate)
            return
        for name, p in self.named.items():
            g, m, v = gradients[name], self.slots[0][name], self.slots[1][name]
            m.mul_(0.9).add_(0.1 * g)
            v.mul_(0.999).add_(0.001 * g * g)
            p.sub_(scale * m / ((v * correction).sqrt() + 1e-8))

    def work(self) -> None:
        with torch.no_grad():
            for rows in torch.randperm(len(self.x)).split(self.workload.batch):
                self.t += 1
                scale = torch.tensor(self.workload.rate / (1 - 0.9**self.t), dtype=self.x.dtype)
                correction = torch.tensor(1 / (1 - 0.999**self.t), dtype=self.x.dtype)
                self.compiled(self.x[rows], self.y[rows], scale, correction)
