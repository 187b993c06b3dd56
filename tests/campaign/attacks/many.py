"""`fit_many`: random specs on shared rows, some of which fail, are stopped or interrupted; what was
finished has the bits of the same fit alone."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

import nncore
from harness.base import Case, Part, expect
from nncore import DivergenceError, FitManyError, FitManyInterrupt

ROWS, INPUTS, CLASSES = 240, 12, 3


class _Refused(Exception):
    """What a spec's callback raises."""


class _Fails(nncore.callbacks.Callback):
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_end(self, run: Any) -> None:
        if run.epoch == self.epoch:
            raise _Refused


class Attack(Part):
    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(ROWS, INPUTS))
        self.y = (x @ rng.normal(size=(INPUTS, CLASSES))).argmax(axis=1)
        self.x = {"dense": x, "zeros": np.where(rng.random(x.shape) < 0.8, 0, x)}

    def draw(self, rng: random.Random, index: int) -> Case:
        specs = [
            {
                "seed": rng.randrange(99),
                "hidden": rng.choice([3, 8, 70]),
                "optimizer": rng.choice(["sgd", "adam", "rmsprop"]),
                "learning_rate": rng.choice([0.01, 0.3, 0.3, 1e300]),
                "batch_size": rng.choice([1, 7, 60, 256]),
                "epochs": rng.randrange(4),
                "first_row": rng.choice([0, 0, 0, 100]),
                "fails_in": rng.choice([None, None, None, 0, 1]),
                "stops_in": rng.choice([None, None, 0, 1]),
            }
            for _ in range(rng.randrange(1, 9))
        ]
        return {
            "specs": specs,
            "rows": rng.choice(["dense", "zeros"]),
            "dtype": rng.choice(["float32", "float64"]),
            "threads": rng.choice([1, 2, 5]),
            "executor": rng.choice([None, None, 1, 3]),
            "interrupted_after": rng.choice([None, None, 0.0, rng.random() / 20]),
            "shut_down_after": rng.choice([None, None, None, rng.random() / 50]),
        }

    def run(self, case: Case) -> int:
        nncore.set_num_threads(case["threads"])
        results = self._results(case)
        if results is None:  # the interrupt came before or after
            return 1
        for result in results:
            self._check(case, result)
        deadline = time.monotonic() + 10
        while any(thread.name.startswith("nncore fit_many") for thread in threading.enumerate()):
            expect(time.monotonic() < deadline, "threads of fit_many are left")
            time.sleep(0.001)
        return max(1, len(results))

    def _results(self, case: Case) -> Any:
        specs = case["specs"]
        executor = case["executor"] and ThreadPoolExecutor(case["executor"])
        timers = []
        if case["interrupted_after"] is not None:
            process = os.getpid()
            timers.append(
                threading.Timer(case["interrupted_after"], os.kill, (process, signal.SIGINT))
            )
        if executor and case["shut_down_after"] is not None:
            options = {"wait": False, "cancel_futures": True}
            timers.append(
                threading.Timer(case["shut_down_after"], executor.shutdown, kwargs=options)
            )
        seen: set[tuple[int, int]] = set()

        def stop(index: int, epoch: int, logs: Any) -> bool:
            expect((index, epoch) not in seen, "an epoch was told twice")
            seen.add((index, epoch))
            return bool(specs[index]["stops_in"] == epoch)

        try:
            with executor or nullcontext():
                for timer in timers:
                    timer.start()
                try:
                    results = self._fitted(case, executor or None, stop)
                finally:
                    for timer in timers:
                        timer.cancel()
                    for timer in timers:
                        timer.join()
            ended_early = case["shut_down_after"] is not None and executor
            expect(len(results) == len(specs), "results are missing")
            if not ended_early:
                told = sum(len(result.history) for result in results if result.error is None)
                expect(len(seen) >= told, "epochs were not told")
            return results
        except FitManyInterrupt as interrupt:
            expect(case["interrupted_after"] is not None, "an interrupt that nobody sent")
            return interrupt.results
        except KeyboardInterrupt:
            return None

    def _fitted(self, case: Case, executor: Executor | None, stop: Any) -> Any:
        common = {"errors": "return"} if case["threads"] == 2 else {}
        try:
            return nncore.fit_many(
                [_arguments(spec) for spec in case["specs"]],
                self.x[case["rows"]],
                self.y,
                executor=executor,
                on_epoch_end=stop,
                dtype=case["dtype"],
                progress=False,
                **common,
            )
        except FitManyError as error:
            expect(not common, "an error was to be returned")
            expect(any(result.error is not None for result in error.results), "no error in it")
            return error.results

    def _check(self, case: Case, result: Any) -> None:
        spec = case["specs"][result.index]
        if result.error is not None:
            expected: Any = (_Refused, DivergenceError)
            if case["shut_down_after"] is not None:
                expected = Exception
            expect(isinstance(result.error, expected), f"unexpected: {result.error!r}")
            return
        expect(spec["fails_in"] is None or spec["fails_in"] >= result.network.epoch, "no error")
        arguments = _arguments(spec)
        rows = arguments.pop("rows")
        fit = {name: arguments.pop(name) for name in _OF_FIT if name in arguments}
        fit["epochs"] = result.network.epoch
        fit.pop("callbacks", None)
        alone = nncore.Network(**arguments, dtype=case["dtype"])
        alone.fit(self.x[case["rows"]][rows], self.y[rows], progress=False, **fit)
        for mine, its in zip(alone.weights, result.network.weights, strict=True):
            expect(np.array_equal(mine, its), "other bits than alone")
        if spec["stops_in"] is None or spec["stops_in"] >= spec["epochs"]:
            expect(result.network.epoch == spec["epochs"], "too few epochs")
        else:
            expect(result.network.epoch == spec["stops_in"] + 1, "it was not stopped")


_OF_FIT = ("learning_rate", "batch_size", "optimizer", "epochs", "callbacks")


def _arguments(spec: dict[str, Any]) -> dict[str, Any]:
    arguments = {name: spec[name] for name in (*_OF_FIT[:4], "seed")}
    arguments["sizes"] = [INPUTS, spec["hidden"], CLASSES]
    arguments["rows"] = np.arange(spec["first_row"], ROWS)
    if spec["fails_in"] is not None:
        arguments["callbacks"] = [_Fails(spec["fails_in"])]
    return arguments
