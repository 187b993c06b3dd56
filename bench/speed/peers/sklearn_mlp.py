"""scikit-learn's MLPClassifier and MLPRegressor. partial_fit runs one epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from peers import Task
from workloads import Array, Problem


def prepare(problem: Problem, threads: int) -> Task:
    return Predict(problem) if problem.workload.predicts else Train(problem)


class Estimator(Task):
    def __init__(self, problem: Problem) -> None:
        workload = problem.workload
        rows = len(problem.y)
        if workload.batch == 1 and not workload.predicts:
            rows = max(rows // 10, 1)
            self.fraction = rows / len(problem.y)
        self.x = problem.x[:rows]
        self.y = problem.y[:rows].ravel() if problem.y.ndim == 2 else problem.y[:rows]
        rate, first_call = workload.rate, {}
        if workload.output == "sigmoid":  # ten binary labels: sigmoids and cross-entropy
            self.y = problem.targets(rows).astype(int)
            if workload.cost == "quadratic" and not workload.predicts:
                self.note = "cross-entropy: it has no sigmoid outputs with the quadratic cost"
                rate /= 6
        if workload.output != "linear":
            first_call = {"classes": np.arange(workload.sizes[-1])}
        kind = MLPRegressor if workload.output == "linear" else MLPClassifier
        self.mlp: Any = kind(
            hidden_layer_sizes=workload.sizes[1:-1],
            activation={"sigmoid": "logistic"}.get(workload.hidden, workload.hidden),
            solver=workload.optimizer,
            alpha=workload.l2 * workload.batch / len(problem.y),
            batch_size=workload.batch,
            learning_rate_init=rate,
            momentum=0.0,
            nesterovs_momentum=False,
            random_state=0,
        )
        few = slice(0, min(rows, 50))
        self.mlp.set_params(batch_size=1).partial_fit(self.x[few], self.y[few], **first_call)
        self.mlp.set_params(batch_size=min(workload.batch, rows))
        for i, (w, b) in enumerate(zip(problem.weights, problem.biases, strict=True)):
            self.mlp.coefs_[i][...] = w.T
            self.mlp.intercepts_[i][...] = b
        del self.mlp._optimizer  # the first epoch creates it again, with empty slots

    def parameters(self) -> tuple[list[Array], list[Array]]:
        return [w.T for w in self.mlp.coefs_], self.mlp.intercepts_


class Train(Estimator):
    def work(self) -> None:
        self.mlp.partial_fit(self.x, self.y)


class Predict(Estimator):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.x = self.x[: problem.workload.epoch_rows]

    def work(self) -> None:
        self.mlp.predict_proba(self.x)
