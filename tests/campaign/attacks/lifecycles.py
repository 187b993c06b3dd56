"""Objects are created and freed repeatedly: memory, descriptors and threads do not grow."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import random
import tracemalloc
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from harness import world
from harness.base import Case, Part, expect
from harness.calls import HAS_ONNX, HAS_SKLEARN
from harness.world import X32, X, Y
from nncore import ModelFileError, Network, _core, datasets, export
from nncore.book import network as book_network

TIMES = 150
PAGES = 64 * 1024
"""Bytes that a process may gain without a leak: an arena that the allocator keeps."""


class Cycles:
    """Life cycles of objects, a method each."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "a.safetensors"
        self.net = world.trained()
        self.net.save_checkpoint(self.path)
        self.npz = folder / "a.npz"
        export.to_npz(self.net, self.npz)
        pairs = [(x.reshape(-1, 1), np.eye(3)[y].reshape(-1, 1)) for x, y in zip(X, Y, strict=True)]
        (folder / "bad").write_bytes(self.path.read_bytes()[:-9])
        self.all: dict[str, Callable[[], object]] = {
            "network": lambda: Network([30, 40, 10], dtype="float64").weights,
            "dataset": lambda: len(_core.Dataset(self.net, X, Y, np.ones(len(Y)))),
            "trainer": lambda: _core.Trainer(self.net, batch_size=3, optimizer="adam").slots,
            "fit": lambda: world.network().fit(X, Y, 1, optimizer="adam", progress=False),
            "fit on threads": lambda: world.network().fit(
                X32, Y, 1, 60, n_threads=3, progress=False
            ),
            "predict": lambda: (self.net.predict(X), self.net.predict(X32[0])),
            "gradients": lambda: self.net.loss_and_gradient(X, Y),
            "pickle": lambda: pickle.loads(pickle.dumps(self.net)),
            "copy": lambda: (copy.copy(self.net), copy.deepcopy(self.net)),
            "save and load": self.save_and_load,
            "load what is damaged": lambda: self.fails(lambda: Network.load(folder / "bad")),
            "refuse x": lambda: self.fails(lambda: self.net.predict(np.ones((2, 9)))),
            "refuse y": lambda: self.fails(lambda: self.net.evaluate(X, Y + 9)),
            "resume": lambda: Network.resume(self.path),
            "npz": lambda: (export.to_npz(self.net, self.npz), export.from_npz(self.npz)),
            "to_c": lambda: export.to_c(self.net, folder / "a.h"),
            "book": lambda: book_network.Network([5, 4, 3]).SGD(pairs, 1, 10, 0.5),
            "digits": lambda: datasets.load_digits(n_train=3, n_validation=1, n_test=1, seed=1),
        }
        if HAS_SKLEARN:
            self.add_sklearn()
        if HAS_ONNX:
            self.all["to_onnx"] = lambda: export.to_onnx(self.net, folder / "a.onnx")

    def add_sklearn(self) -> None:
        from scipy.sparse import csr_matrix

        from nncore.sklearn import MLPClassifier

        sparse = csr_matrix(X)
        self.all["sparse"] = lambda: (self.net.predict(sparse), self.net.evaluate(sparse, Y))
        self.all["estimator"] = lambda: MLPClassifier((4,), max_iter=2).fit(X, Y).predict(X)

    def save_and_load(self) -> None:
        self.net.save_checkpoint(self.path)
        Network.load(self.path)

    @staticmethod
    def fails(call: Callable[[], object]) -> None:
        with suppress(ModelFileError, ValueError):
            call()


class Attack(Part):
    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        warnings.simplefilter("ignore")
        self.cycles = Cycles(folder).all

    def draw(self, rng: random.Random, index: int) -> Case:
        return {"call": list(self.cycles)[index % len(self.cycles)]}

    def run(self, case: Case) -> int:
        cycle = self.cycles[case["call"]]

        def many(times: int = TIMES) -> tuple[int, int, int]:
            for _ in range(times):
                cycle()
            gc.collect()
            return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")), resident()

        before = many()
        # Growth in one round may come from the allocator. Growth in every round is a leak.
        for _ in range(6):
            after = many()
            if all(x <= y for x, y in zip(after, before, strict=True)):
                break
            grown = [y - x for x, y in zip(before, after, strict=True)]
            if grown[0] <= 0 and grown[1] <= 0 and grown[2] < PAGES:
                break
            before = after
        else:
            expect(False, f"every {TIMES} times more files, threads, bytes: {grown}")
        tracemalloc.start()
        try:
            many(20)
            # What Python keeps for the next call comes to an end; a leak does not.
            grown_python = [self.traced(many)]
            while grown_python[-1] > 2000 and len(grown_python) < 12:
                grown_python.append(self.traced(many))
        finally:
            tracemalloc.stop()
        leaks = grown_python[-1] > 2000
        expect(not leaks, f"Python's memory grows every 60 times by {grown_python} bytes")
        return TIMES

    @staticmethod
    def traced(many: Callable[[int], object]) -> int:
        before = tracemalloc.get_traced_memory()[0]
        many(60)
        return tracemalloc.get_traced_memory()[0] - before


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
