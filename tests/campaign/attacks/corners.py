"""Corners where the core once went wrong: memory of many threads, pickling, NaN among weights."""

from __future__ import annotations

import copy
import pickle
import random
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import nncore
from harness import world
from harness.base import Case, Part, expect, forked
from harness.world import X, Y
from networks import hidden_activations, legal_pairings, make_network, outputs_for
from nncore import _core

FREE, PER_THREAD = 24 << 20, 1 << 20
"""Bytes that predicting may take beside its results: at all, and for each thread."""


class Attack(Part):
    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        net = make_network([5, 4, 3], ["tanh", "sigmoid"])
        trainer = _core.Trainer(net, batch_size=3, optimizer="adam")
        trained = world.trained()
        self.objects: dict[str, object] = {
            "Network": trained,
            "core Network": net,
            "Dataset": _core.Dataset(net, X[:, :5], Y) if X.shape[1] >= 5 else None,
            "Trainer": trainer,
            "history": trained.history,
            "core Network's class": type(net),
            "uninitialised core Network": _core.Network.__new__(_core.Network),
            "uninitialised Trainer": _core.Trainer.__new__(_core.Trainer),
        }

    def draw(self, rng: random.Random, index: int) -> Case:
        cost, output = rng.choice(legal_pairings())
        kind = rng.choice(["pickle", "nan", "nan", "memory"])
        if kind == "pickle":
            protocol = rng.randrange(pickle.HIGHEST_PROTOCOL + 1)
            return {"kind": kind, "object": rng.choice(list(self.objects)), "protocol": protocol}
        if kind == "memory":
            return {
                "kind": kind,
                "sizes": [rng.choice([20, 300, 784]), rng.choice([30, 256, 600]), 10],
                "rows": rng.choice([100, 1000, 3000]),
                "threads": rng.choice([2, 8, 24, 64]),
                "dtype": rng.choice(["float32", "float64"]),
            }
        return {
            "kind": kind,
            "sizes": [
                rng.choice([3, 16, 30, 70]),
                rng.choice([4, 17, 40]),
                20,
                outputs_for(cost, rng.choice([2, 5])),
            ],
            "activations": [*rng.choices(hidden_activations(), k=2), output],
            "cost": cost,
            "dtype": rng.choice(["float32", "float64"]),
            "layer": rng.randrange(3),
            "bad": rng.choice(["nan", "inf", "-inf"]),
            "zeros": rng.choice([0.1, 0.5, 0.9]),
            "rows": rng.choice([2, 3, 17, 65, 300]),
            "seed": rng.randrange(2**31),
        }

    def run(self, case: Case) -> None:
        tries: dict[str, Callable[[Case], None]] = {
            "pickle": self.pickling,
            "nan": self.bad_weights,
            "memory": self.memory,
        }
        tries[case["kind"]](case)

    def pickling(self, case: Case) -> None:
        """What cannot be pickled says so. No protocol aborts the process."""
        given = self.objects[case["object"]]
        copies: list[Callable[[Any], object]] = [
            lambda o: pickle.loads(pickle.dumps(o, case["protocol"])),
            copy.copy,
            copy.deepcopy,
            lambda o: o.__reduce_ex__(case["protocol"]),
        ]

        def ask() -> None:
            for make in copies:
                try:
                    made = make(given)
                except (TypeError, ValueError, pickle.PicklingError):
                    continue
                if isinstance(made, nncore.Network):
                    expect(np.array_equal(made.predict(X), world.trained().predict(X)), "a copy")
                repr(made)

        ended = forked(ask)
        name = f"{case['object']} by protocol {case['protocol']}"
        expect(ended == 0, f"pickling a {name} ended with signal {ended}")

    def bad_weights(self, case: Case) -> None:
        """NaN meeting an input of zero says the same of a row alone and in a batch."""
        net = make_network(
            case["sizes"], case["activations"], case["cost"], case["dtype"], case["seed"] % 1000
        )
        rng = np.random.default_rng(case["seed"])
        weights = _core.weight_views(net)[case["layer"]]
        place = tuple(int(rng.integers(n)) for n in weights.shape)
        weights[place] = float(case["bad"])
        x = rng.normal(size=(case["rows"], case["sizes"][0]))
        x = (x * (rng.random(x.shape) >= case["zeros"])).astype(case["dtype"])
        together = net.feedforward(x)
        alone = np.array([net.feedforward(row) for row in x])
        if np.array_equal(np.isnan(together), np.isnan(alone)):
            known = ~np.isnan(alone)
            if np.allclose(together[known], alone[known], rtol=1e-4, atol=1e-6):
                return
        differ = int((np.isnan(together) != np.isnan(alone)).any(axis=1).sum())
        expect(False, f"{case['bad']} among weights: {differ} rows differ alone and in a batch")

    def memory(self, case: Case) -> None:
        """Predicting takes memory that grows with the threads, not with their square."""
        net = nncore.Network(case["sizes"], dtype=case["dtype"], seed=1)
        x = np.random.default_rng(0).random((case["rows"], case["sizes"][0])).astype(case["dtype"])

        def ask() -> None:
            nncore.set_num_threads(1)
            net.predict(x)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            nncore.set_num_threads(case["threads"])
            net.predict(x)
            taken = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
            most = FREE + case["threads"] * PER_THREAD
            expect(taken <= most, f"{case['threads']} threads take {taken >> 20} MiB more than one")

        ended = forked(ask)
        expect(ended == 0, f"predicting on {case['threads']} threads ended with signal {ended}")
