"""Trainings that Python and JavaScript run alike, and the hash that Python's model files have.

As a program it prints the cases and their hashes as JSON, in the names of nncore.d.ts.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import nncore
from nncore import costs, optimizers, schedules

Case = dict[str, Any]


def numbers(seed: int, count: int) -> np.ndarray:
    """Numbers from 0 to below 1, of 24 bits; web/tests/helpers.mjs draws the same (xorshift32)."""
    state, drawn = seed, np.empty(count, np.float32)
    for i in range(count):
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        drawn[i] = (state >> 8) / 2**24
    return drawn


def case(name: str, sizes: list[int], net: Case, fit: Case, **data: Any) -> Case:
    usual = {"rows": 24, "y": "classes", "seed": len(name) + 1, "zeros": 0.0, "bytes": False}
    fit = {"epochs": 2, "batchSize": 5, "learningRate": 0.1} | fit
    return {"name": name, "sizes": sizes, "net": {"seed": 7} | net, "fit": fit} | usual | data


def all_cases() -> list[Case]:
    small = [6, 9, 3]
    adam: Case = {"optimizer": "adam", "learningRate": 0.01}
    hidden = [name for name in nncore._core.ACTIVATIONS if name not in ("softmax", "step")]
    found = [case(f"activation {name}", small, {"activation": name}, adam) for name in hidden]
    outputs = {
        "quadratic": "tanh", "mean_absolute": "linear", "huber": "softplus",
        "poisson": "exponential", "cross_entropy": "sigmoid", "log_likelihood": "softmax",
        "focal": "softmax", "binary_focal": "sigmoid", "gaussian": "linear", "pinball": "linear",
    }  # fmt: skip
    for name in nncore._core.COSTS:
        if name == "custom":
            continue
        of_classes = name in ("cross_entropy", "log_likelihood", "focal", "binary_focal")
        sizes = [6, 9, {"gaussian": 2, "pinball": 3}.get(name, 3)]
        cost: Any = {"name": name, "quantiles": [0.1, 0.5, 0.9]} if name == "pinball" else name
        net = {"cost": cost, "outputActivation": outputs[name]}
        columns = 1 if of_classes or name in ("gaussian", "pinball") else 3
        y = "classes" if of_classes else "targets"
        found.append(case(f"cost {name}", sizes, net, adam, y=y, columns=columns))
    smooth = {"cost": {"name": "cross_entropy", "labelSmoothing": 0.1}}
    found.append(case("label smoothing", small, smooth, {}))
    for name in nncore._core.OPTIMIZERS:
        found.append(case(f"optimizer {name}", small, {}, {"optimizer": name, "l2": 0.5}))
    for name in ["auto", *nncore._core.INITIALIZERS]:
        net = {"initializer": name, "activation": "relu"}
        found.append(case(f"initializer {name}", [6, 40, 20, 3], net, {"epochs": 1}))
    for schedule in (
        {"name": "constant", "rate": 0.3},
        {"name": "step", "rate": 0.3, "factor": 0.7, "every": 2},
        {"name": "exponential", "rate": 0.3, "factor": 0.93},
        {"name": "inverse_scaling", "rate": 0.3, "power": 0.37},
        {"name": "cosine", "rate": 0.3, "epochs": 7, "final": 0.01},
        {"name": "one_cycle", "rate": 0.3, "epochs": 7},
    ):
        fit = {"epochs": 7, "learningRate": schedule}
        found.append(case(f"schedule {schedule['name']}", small, {}, fit))
    options: list[Case] = [
        {"l2": 1.0, "l1": 0.1}, {"maxNorm": 0.5}, {"clipNorm": 0.1}, {"clipValue": 0.01},
        {"dropout": 0.5}, {"dropout": [0.2, 0.4]}, {"frozen": [0]}, {"shuffle": False},
        {"batchSize": 24}, {"batchSize": 1},
        {"optimizer": {"name": "adam", "beta1": 0.8, "epsilon": 1e-5}},
    ]  # fmt: skip
    found += [case(f"options {json.dumps(option)}", small, {}, option) for option in options]
    images = [784, 30, 10]
    found += [
        case("bytes", small, {}, {}, bytes=True),
        case("images", images, {}, {"batchSize": 10}, rows=200, zeros=0.8),
        case("images of bytes", images, {}, {"batchSize": 10}, rows=200, zeros=0.8, bytes=True),
        case("one output", [2, 4, 1], {"cost": "cross_entropy"}, {"optimizer": "nesterov"}),
        case("wide", [30, 130, 65, 5], {"activation": "relu"}, {"batchSize": 64}, rows=150),
        case("lanes", [20, 40, 3], {}, {"batchSize": 600}, rows=1300),
        case("no hidden layer", [6, 3], {}, {}),
    ]
    return found


def data_of(c: Case) -> tuple[Any, np.ndarray]:
    inputs, outputs = c["sizes"][0], c["sizes"][-1]
    x = numbers(c["seed"], c["rows"] * inputs).reshape(-1, inputs)
    x = np.where(x < c["zeros"], np.float32(0), x)
    drawn = numbers(c["seed"] + 1000, c["rows"] * c.get("columns", 1))
    y = drawn.reshape(c["rows"], -1)
    if c["y"] == "classes":
        y = (drawn * max(outputs, 2)).astype(np.int64)
    if c["bytes"]:
        return nncore.data.Scaled((x * 256).astype(np.uint8), 1 / 256), y
    return x, y


def snake(name: str) -> str:
    return re.sub(r"([A-Z]|(?<=a)\d)", r"_\1", name).lower()


def thing(module: Any, given: Any) -> Any:
    """{"name": "adam", "beta1": 0.8} as optimizers.Adam(beta_1=0.8)."""
    if not isinstance(given, dict):
        return given
    kinds = {c.name: c for c in vars(module).values() if hasattr(c, "name")}
    return kinds[given["name"]](**{snake(k): v for k, v in given.items() if k != "name"})


def network(c: Case) -> nncore.Network:
    options = {snake(key): value for key, value in c["net"].items()}
    options["cost"] = thing(costs, options.get("cost", "quadratic"))
    return nncore.Network(c["sizes"], **options)


def fitted(c: Case) -> nncore.Network:
    net = network(c)
    options = {snake(key): value for key, value in c["fit"].items()}
    options["learning_rate"] = thing(schedules, options["learning_rate"])
    options["optimizer"] = thing(optimizers, options.get("optimizer", "sgd"))
    net.fit(*data_of(c), progress=False, **options)
    return net


def file_hash(net: nncore.Network) -> str:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.safetensors"
        net.save(path)
        return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    cases = all_cases()
    for c in cases:
        c["before"], c["after"] = file_hash(network(c)), file_hash(fitted(c))
    print(json.dumps(cases))


if __name__ == "__main__":
    main()
