"""Trainings whose bits do not depend on the number of ranks. As a program, run by mpiexec, it
prints the digest of each; `digests(None)` trains them in this process alone."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

import numpy as np

import nncore
from small_problem import bits

RNG = np.random.default_rng(3)
X = RNG.normal(size=(83, 9))
X[RNG.random(X.shape) < 0.5] = 0  # not so many that they are left out
MOSTLY_ZERO = np.where(RNG.random(X.shape) < 0.6, 0, X)
Y = (X @ RNG.normal(size=(9, 3))).argmax(axis=1)
WEIGHTS = RNG.uniform(0, 2, size=83)

COMMON: dict[str, Any] = {"epochs": 2, "batch_size": 30, "learning_rate": 0.3, "lanes": 5}
CASES: dict[str, dict[str, Any]] = {
    "sgd": {},
    "fewer rows than lanes": {"batch_size": 4},
    "adam": {"optimizer": "adam", "learning_rate": 0.01},
    "nesterov": {"optimizer": "nesterov", "l2": 1.0, "shuffle": False},
    "adagrad": {"optimizer": "adagrad", "l1": 1.0, "max_norm": 0.9},
    "clipped": {"clip_norm": 0.02, "clip_value": 0.01, "sample_weight": WEIGHTS},
    "dropout": {"optimizer": "rmsprop", "learning_rate": 0.01, "dropout": [0.2, 0.5]},
    "frozen": {"layer_rates": [0, 1.5], "bias_rate": 0.5, "class_weight": {0: 2.0}},
    "sparse": {"x": "csr", "l2": 1.0, "sample_weight": WEIGHTS},
    "augmented": {"augment": nncore.augment.Affine(rotation=20) + nncore.augment.Noise(0.1)},
    "mostly zero": {"x": "mostly zero", "optimizer": "adamw", "learning_rate": 0.01},
}


def network(**options: Any) -> nncore.Network:
    return nncore.Network([9, 8, 3], activation="tanh", **{"seed": 1, **options})


def rows(kind: str) -> Any:
    if kind == "csr":
        from scipy.sparse import csr_array

        return csr_array(X)
    return MOSTLY_ZERO if kind == "mostly zero" else X


def digest(net: nncore.Network) -> str:
    return hashlib.sha256(bits(net)).hexdigest()


def trained(world: Any, options: dict[str, Any]) -> str:
    """The network's digest, and that of its history but for the seconds."""
    options = {**COMMON, **options}
    net = network()
    history = net.fit(
        rows(options.pop("x", "")),
        Y,
        world=world,
        validation_data=(X[:20], Y[:20]),
        metrics=["accuracy"],
        **options,
    )
    columns = {name: values for name, values in dict(history).items() if name != "seconds"}
    return f"{digest(net)} {hashlib.sha256(json.dumps(columns).encode()).hexdigest()}"


def digests(world: Any) -> dict[str, str]:
    return {name: trained(world, options) for name, options in CASES.items()}


def split_digest(world: Any) -> str:
    """As `trained`, of rows that no rank has all of."""
    part = world.split(83, batch_size=30, lanes=5)
    net = network()
    net.fit(
        MOSTLY_ZERO[part.rows],
        Y[part.rows],
        sample_weight=WEIGHTS[part.rows],
        batch_size=30,
        epochs=2,
        learning_rate=0.1,
        l2=1.0,
        world=part,
    )
    return digest(net)


def main() -> None:
    from nncore import distributed

    nncore.set_num_threads(int(sys.argv[1]))
    with distributed.world() as world:
        found = {**digests(world), "split": split_digest(world)}
        everyone = world.of_all(found)
        assert all(theirs == found for theirs in everyone)
        if world.rank == 0:
            print(json.dumps({"ranks": world.size, "digests": found}))


if __name__ == "__main__":
    main()
