"""Training that Ctrl-C stops anywhere, saved and resumed, against uninterrupted training."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from harness.base import Case, Part, expect
from harness.fits import Fit, draw_fit, expect_same, saved_and_resumed
from harness.posix_timer import PosixTimer
from nncore import DivergenceError, Network

RUNS = 40
"""Of so many runs from one seed the undisturbed ones are remembered."""


class Attack(Part):
    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self.timer = PosixTimer()
        self.known: dict[str, tuple[Fit, Any, float]] = {}
        self.stopped = 0

    def draw(self, rng: random.Random, index: int) -> Case:
        run = random.Random(f"run {self.seed} {index // 500} {rng.randrange(RUNS)}")
        epochs = run.choice([3, 6])
        rows = run.choice([60, 60, 600])
        moments = [rng.uniform(0.0, 1.05) for _ in range(rng.choice([1, 1, 2]))]
        fit = draw_fit(run, rows, epochs)
        # After early stopping the best parameters are restored, so the run cannot be resumed.
        planned = [rng.randrange(epochs + 1)] if not fit["stop"] and rng.random() < 0.2 else []
        return {"fit": fit, "moments": moments, "planned": planned}

    def run(self, case: Case) -> None:
        key = repr(case["fit"])
        if key not in self.known:
            if len(self.known) > 2 * RUNS:
                self.known.clear()
            fit = Fit(case["fit"])
            try:
                fit.whole()  # imports what it needs
                started = time.perf_counter()
                whole = fit.whole()
            except DivergenceError:
                return
            self.known[key] = fit, whole, time.perf_counter() - started
        fit, whole, usual = self.known[key]
        net = fit.network()
        path = self.folder / "run.safetensors"
        stops = 0
        for epoch in case["planned"]:
            fit.go(net, epoch)
            net = saved_and_resumed(net, path)
        for moment in case["moments"]:
            if not self.interrupt(fit, net, moment * usual):
                break
            stops += 1
            net = saved_and_resumed(net, path)
        else:
            fit.go(net)
        self.stopped += stops
        expect_same(net, whole, "stopped, saved and resumed" if stops else "trained in parts")

    def interrupt(self, fit: Fit, net: Network, seconds: float) -> bool:
        try:
            try:
                self.timer.arm(seconds)
                fit.go(net)
            finally:
                self.timer.disarm()
        except KeyboardInterrupt:
            return True
        return False

    def finish(self) -> None:
        expect(self.stopped, "no run was stopped: nothing was tried")
