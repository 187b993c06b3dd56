"""Random training runs, and the result that they must have however often they are stopped."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np

from harness.base import Case, expect
from harness.world import bits, measured
from nncore import Network, callbacks, optimizers, schedules

RNG = np.random.default_rng(11)
ROWS = 600
X = RNG.normal(size=(ROWS, 6)) * (RNG.random((ROWS, 6)) < 0.5)
LABELS = (X @ RNG.normal(size=(6, 3))).argmax(axis=1)
TARGETS = {"one-hot": np.eye(3)[LABELS], "numbers": np.tanh(X @ RNG.normal(size=(6, 3)))}


def draw_fit(rng: random.Random, rows: int = 60, epochs: int = 6) -> Case:
    """A run, as JSON, so that it can be kept."""
    output, cost = rng.choice(
        [("softmax", "log_likelihood"), ("sigmoid", "cross_entropy"), ("sigmoid", "quadratic"),
         ("linear", "huber")]
    )  # fmt: skip
    return {
        "rows": rng.choice([7, 23, rows, rows]),
        "epochs": epochs,
        "sizes": [6, *(rng.choice([1, 4, 9, 17]) for _ in range(rng.choice([0, 1, 1, 2]))), 3],
        "activation": rng.choice(["tanh", "relu", "sigmoid", "gelu"]),
        "output": output,
        "cost": cost,
        "targets": "numbers" if cost == "huber" else rng.choice(["labels", "one-hot"]),
        "dtype": rng.choice(["float32", "float64"]),
        "seed": rng.randrange(2**31),
        "batch_size": rng.choice([1, 5, 7, 10, 64]),
        "optimizer": rng.choice(list(optimizers.OPTIMIZERS)),
        "l2": rng.choice([0.0, 0.0, 0.1]),
        "l1": rng.choice([0.0, 0.0, 0.05]),
        "dropout": rng.choice([0.0, 0.0, 0.3]),
        "max_norm": rng.choice([None, None, 1.5]),
        "clip_norm": rng.choice([None, None, 0.5]),
        "weights": rng.random() < 0.3,
        "shuffle": rng.random() < 0.8,
        "sparse": rng.random() < 0.3,
        "validation": rng.random() < 0.5,
        "rate": rng.choice(["number", "plateau", "plateau", "halve", "cosine"]),
        "stop": rng.choice([None, None, "cost", "validation_cost"]),
        "terminate": rng.random() < 0.2,
        "metrics": rng.random() < 0.2,
        "threads": rng.choice([None, 1, 2]),
    }


class Fit:
    """One such run, which can be started, stopped and resumed."""

    def __init__(self, case: Case) -> None:
        self.case = case
        n = case["rows"]
        self.x: Any = X[:n]
        if case["sparse"]:
            from scipy.sparse import csr_matrix

            self.x = csr_matrix(self.x)
        self.y = LABELS[:n] if case["targets"] == "labels" else TARGETS[case["targets"]][:n]
        self.rate = 0.002 if case["optimizer"] in ("adam", "adamw", "rmsprop") else 0.05
        self.options: dict[str, Any] = {
            key: case[key]
            for key in ("batch_size", "optimizer", "l2", "l1", "dropout", "max_norm", "clip_norm",
                        "shuffle")
        }  # fmt: skip
        self.options |= {"n_threads": case["threads"], "progress": False}
        if case["weights"]:
            self.options["sample_weight"] = np.linspace(0.1, 2.0, n)
        if case["validation"]:
            self.options["validation_data"] = (self.x[: n // 2 + 1], self.y[: n // 2 + 1])
        if case["metrics"] and case["targets"] != "numbers":
            self.options["metrics"] = ["precision", "recall"]

    def network(self) -> Network:
        case = self.case
        return Network(
            case["sizes"],
            activation=case["activation"],
            output_activation=case["output"],
            cost=case["cost"],
            dtype=case["dtype"],
            seed=case["seed"],
        )

    def learning_rate(self) -> Any:
        monitor = "validation_cost" if self.case["validation"] else "cost"
        return {
            "number": self.rate,
            "plateau": schedules.ReduceOnPlateau(self.rate, patience=1, monitor="cost"),
            "halve": schedules.HalveOnPlateau(self.rate, patience=1, monitor=monitor),
            "cosine": schedules.Cosine(self.rate, 6),
        }[self.case["rate"]]

    def callbacks(self) -> list[callbacks.Callback]:
        found: list[callbacks.Callback] = []
        stop = self.case["stop"]
        if stop == "validation_cost" and not self.case["validation"]:
            stop = "cost"
        if stop:
            found.append(callbacks.EarlyStopping(stop, patience=2, min_delta=1e-3))
        if self.case["terminate"]:
            found.append(callbacks.TerminateOnNaN())
        return found

    def go(self, net: Network, epochs: int | None = None) -> None:
        """Trains up to that epoch, from the current one."""
        net.fit(
            self.x,
            self.y,
            self.case["epochs"] if epochs is None else epochs,
            initial_epoch=net.epoch,
            learning_rate=self.learning_rate(),
            callbacks=self.callbacks(),
            **self.options,
        )

    def whole(self) -> tuple[bytes, dict[str, Any]]:
        """The result of the uninterrupted run."""
        net = self.network()
        self.go(net)
        return bits(net), measured(net)


def saved_and_resumed(net: Network, path: Path) -> Network:
    """The network after saving and resuming."""
    net.save_checkpoint(path)
    return Network.resume(path)


def expect_same(net: Network, whole: tuple[bytes, dict[str, Any]], how: str) -> None:
    """Bits and history are those of the uninterrupted run."""
    history = measured(net)
    different = [
        key
        for key in history.keys() | whole[1].keys()
        if repr(history.get(key)) != repr(whole[1].get(key))
    ]
    same = bits(net) == whole[0]
    if same and not different:
        return
    what = ["" if same else "other weights", "another history" if different else ""]
    details = [f"{key}: {whole[1].get(key)} became {history.get(key)}" for key in sorted(different)]
    expect(False, f"{how}: {' and '.join(filter(None, what))}\n" + "\n".join(details))
