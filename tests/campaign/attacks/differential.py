"""Random networks, compared with NumPy and among numbers of threads and instruction sets."""

from __future__ import annotations

import os
import pickle
import random
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import reference
from harness.base import Case, Failure, Part, expect
from networks import (
    hidden_activations,
    legal_pairings,
    make_network,
    make_problem,
    outputs_for,
    parameter_digest,
    relative,
    twin,
)
from nncore import DivergenceError, _core

TOLERANCE = {"float64": 1e-9, "float32": 3e-3}
SMOOTH = ["sigmoid", "tanh", "gelu", "silu", "softplus", "elu", "linear"]
"""Activations without a kink, beside which a rounding error is another slope."""


def draw_network(rng: random.Random) -> Case:
    dtype = rng.choice(["float64", "float64", "float32"])
    hidden = hidden_activations() if dtype == "float64" else SMOOTH
    cost, output = rng.choice(legal_pairings())
    layers = rng.choice([0, 1, 1, 1, 2, 3])
    sizes = [rng.choice([1, 2, 5, 8, 15, 17, 33, 70]) for _ in range(layers)]
    outputs = 2 if output == "softmax" else 1
    last = outputs_for(cost, rng.choice([outputs, 3, 10, 17]))
    return {
        "sizes": [rng.choice([1, 2, 7, 16, 31, 64, 130]), *sizes, last],
        "activations": [*(rng.choice(hidden) for _ in range(layers)), output],
        "cost": cost,
        "dtype": dtype,
        "seed": rng.randrange(2**31),
        "rows": rng.choice([1, 2, 5, 16, 23, 40, 90]),
        "batch_size": rng.choice([1, 3, 7, 10, 16, 32, 100]),
        "optimizer": rng.choice(list(_core.OPTIMIZERS)),
        "rate": rng.choice([0.001, 0.01]),
        "l2": rng.choice([0.0, 0.0, 0.5]),
        "l1": rng.choice([0.0, 0.0, 0.1]),
        "clip_value": rng.choice([0.0, 0.0, 0.01]),
        "clip_norm": rng.choice([0.0, 0.0, 0.1]),
        "max_norm": rng.choice([0.0, 0.0, 0.8]),
        "weighted": rng.random() < 0.3,
        "sparse": rng.random() < 0.3,
        "labels": rng.random() < 0.3,
        "dropout": rng.choice([0.0, 0.0, 0.0, 0.3]),
        "isa": rng.random() < 0.1,
    }


class Drawn:
    """The network and the problem of a case."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.net = self.network()
        self.x, self.y = make_problem(self.net, case["rows"], case["seed"] % 1000)
        rng = np.random.default_rng(case["seed"])
        self.weight = None
        if case["weighted"]:
            self.weight = rng.integers(0, 4, case["rows"]).astype(float)
            self.weight[0] = 1.0  # the weights are not all zero

    def network(self) -> _core.Network:
        case = self.case
        return make_network(
            case["sizes"], case["activations"], case["cost"], case["dtype"], case["seed"]
        )

    def data(self, net: _core.Network) -> _core.Dataset:
        x: Any = self.x.astype(net.dtype)
        if self.case["sparse"]:
            from scipy.sparse import csr_matrix

            x = csr_matrix(x)
        y = self.y
        one_hot = self.case["cost"] == "log_likelihood" and y.shape[1] > 1
        if self.case["labels"] and one_hot:
            y = y.argmax(axis=1)
        return _core.Dataset(net, x, y, self.weight)

    def order(self, epoch: int) -> np.ndarray:
        return _core.permutation(self.case["rows"], seed=3, epoch=epoch)

    def trainer(self, net: _core.Network, dropout: float = 0.0) -> _core.Trainer:
        case = self.case
        rates = [0.0, *[dropout] * (len(case["sizes"]) - 2)]
        options = {key: case[key] for key in ("l2", "l1", "clip_value", "clip_norm", "max_norm")}
        return _core.Trainer(
            net, batch_size=case["batch_size"], optimizer=case["optimizer"],
            dropout=rates if dropout and len(rates) > 1 else [], **options,
        )  # fmt: skip

    def bits(self, threads: int) -> str:
        """The hash of training with dropout on so many threads."""
        net = self.network()
        trainer, data = self.trainer(net, self.case["dropout"]), self.data(net)
        costs = []
        for epoch in range(2):
            costs.append(
                trainer.epoch(
                    data, self.order(epoch), learning_rate=self.case["rate"], n_threads=threads
                )
            )
        outputs = net.feedforward(self.x.astype(net.dtype)).tobytes()
        return f"{parameter_digest(net)} {costs} {hash_of(outputs)}"


def hash_of(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


class Attack(Part):
    patience = 120.0

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self.elsewhere: dict[str, Twin] = {}
        self.compared = 0

    def draw(self, rng: random.Random, index: int) -> Case:
        return draw_network(rng)

    def run(self, case: Case) -> None:
        drawn = Drawn(case)
        self.against_numpy(drawn)
        try:
            alone = drawn.bits(1)
        except DivergenceError:
            return
        for threads in (2, 3, 4):
            found = drawn.bits(threads)
            expect(found == alone, f"{threads} threads give other bits than one")
        if case["isa"]:
            self.on_other_machines(case, alone)
        self.compared += 1

    def against_numpy(self, drawn: Drawn) -> None:
        case, net, x, y = drawn.case, drawn.net, drawn.x, drawn.y
        tolerance = TOLERANCE[case["dtype"]]
        ref = twin(net)
        data = drawn.data(net)

        def near(what: str, found: Any, expected: Any, slack: float = 1.0) -> None:
            difference = relative(found, expected)
            expect(difference <= slack * tolerance, f"{what}: NumPy's differ by {difference:.1e}")

        expected = ref.feedforward(x)
        if not np.isfinite(expected).all() or np.abs(expected).max() > 1e30:
            return
        near("feedforward", net.feedforward(x.astype(net.dtype)), expected)
        cost, nabla_w, nabla_b = _core.gradients(net, data)
        with np.errstate(all="ignore"):
            wanted_cost = ref.mean_cost(x, y, drawn.weight)
        if not np.isfinite(wanted_cost):
            return  # the reference takes log(0) of a rounded output; the core does not
        near("cost", [cost], [wanted_cost], cost_slack(case["cost"], expected, tolerance))
        ref_w, ref_b = ref.backprop(x, y, drawn.weight)
        for found, wanted in zip([*nabla_w, *nabla_b], [*ref_w, *ref_b], strict=True):
            if np.abs(wanted).max(initial=0.0) > 1e-12:
                near("gradient", found, wanted, 10.0)
        plain = case["optimizer"] in ("sgd", "momentum", "nesterov")
        if case["dtype"] == "float32" and not plain:
            return  # dividing by a tiny gradient magnifies its rounding
        if case["weighted"] and not all_batches_count(drawn):
            return
        rule = reference.OPTIMIZERS[case["optimizer"]](**_core.OPTIMIZERS[case["optimizer"]])
        options = {key: case[key] for key in ("l2", "l1", "clip_value", "clip_norm", "max_norm")}
        rows, rate = case["rows"], case["rate"]
        trainer = drawn.trainer(net)
        for epoch in range(2):
            order = drawn.order(epoch)
            with np.errstate(all="ignore"):
                cost = ref.epoch(
                    x, y, order, case["batch_size"], rate, rule,
                    n=rows, sample_weight=drawn.weight, **options,
                )  # fmt: skip
            largest = max(np.abs(p).max() for p in [*ref.weights, *ref.biases])
            if not cost < 1e6 or not largest < 1e6:
                return  # it diverges, and rounding decides when
            trainer.epoch(data, order, learning_rate=rate, penalty_rows=rows)
        for found, wanted in zip(_core.weight_views(net), ref.weights, strict=True):
            near("weights after two epochs", found, wanted, 10.0 if plain else 1e3)

    def on_other_machines(self, case: Case, alone: str) -> None:
        """AVX2 and AVX-512 give the same bits, baseline nearly the same numbers."""
        for isa in ("avx2", "avx512", "baseline"):
            if isa not in self.elsewhere:
                self.elsewhere[isa] = Twin(isa)
            found = self.elsewhere[isa].ask(case)
            if found is None:  # this processor lacks the instruction set
                continue
            if isa == "baseline":
                expect(found.count(" ") == alone.count(" "), "baseline gives no answer")
                continue
            here = _core.build_info()["instruction_set"]
            expect(here == "baseline" or found == alone, f"{isa} gives other bits than {here}")

    def finish(self) -> None:
        for each in self.elsewhere.values():
            each.close()
        expect(self.compared, "no network was compared")


def cost_slack(cost: str, outputs: np.ndarray, tolerance: float) -> float:
    """What the reference's own rounding allows: it takes log(1 - a) of an `a` that was rounded."""
    if cost != "cross_entropy":
        return 1.0
    beside_one = (1 - outputs)[outputs < 1].min(initial=1.0)
    return 1.0 + float(np.finfo(np.float64).eps / beside_one / tolerance)


def all_batches_count(drawn: Drawn) -> bool:
    """Whether every mini-batch has a positive sum of weights, by which the reference divides."""
    assert drawn.weight is not None
    for epoch in range(2):
        for rows in reference.mini_batches(drawn.order(epoch), drawn.case["batch_size"]):
            if drawn.weight[rows].sum() == 0:
                return False
    return True


class Twin:
    """The library in another process, on another instruction set."""

    def __init__(self, isa: str) -> None:
        here = Path(__file__).resolve()
        folders = [str(here.parents[1]), str(here.parents[2] / "helpers")]
        self.process = subprocess.Popen(
            [sys.executable, str(here)],
            env={**os.environ, "NNCORE_ISA": isa, "PYTHONPATH": os.pathsep.join(folders)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.there = self.ask(None) == "ready"

    def ask(self, case: Case | None) -> str | None:
        if case is not None and not self.there:
            return None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            content = pickle.dumps(case)
            self.process.stdin.write(struct.pack("<q", len(content)) + content)
            self.process.stdin.flush()
            line = self.process.stdout.readline().decode().strip()
        except BrokenPipeError:
            line = ""
        if case is not None and not line:
            raise Failure(f"the twin ended with {self.process.wait()}")
        return line

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def answer() -> None:
    """The main loop of a twin: it reads cases and answers with hashes."""
    while head := sys.stdin.buffer.read(8):
        (size,) = struct.unpack("<q", head)
        case = pickle.loads(sys.stdin.buffer.read(size))
        try:
            print("ready" if case is None else Drawn(case).bits(1), flush=True)
        except DivergenceError:
            print("diverged", flush=True)


if __name__ == "__main__":
    answer()
