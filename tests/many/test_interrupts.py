"""Ctrl-C while many networks are trained: it is heard at once, and what is finished is had."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nncore
from executors import Inline, Touch
from small_problem import X, Y, bits, network

ENDLESS = {"epochs": 1_000_000, "learning_rate": 1e-3, "dtype": "float64", "sizes": [5, 6, 3]}
LONG_EPOCH = {
    **ENDLESS, "sizes": [5, 800, 800, 3], "rows": np.zeros(100_000, int), "batch_size": 1,
    "epochs": 1,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _two_cores() -> None:
    nncore.set_num_threads(2)


@contextmanager
def ctrl_c_once(*paths: Path, presses: int = 1) -> Iterator[None]:
    """Presses Ctrl-C when all the files are there."""
    over = threading.Event()

    def press() -> None:
        while not all(path.exists() for path in paths):
            if over.wait(0.005):
                return
        for _ in range(presses):
            time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def executor(kind: str) -> Executor | None:
    if kind == "processes":
        return ProcessPoolExecutor(2, get_context("spawn"))
    return ThreadPoolExecutor(2) if kind == "threads" else None


@pytest.mark.parametrize("endless", [ENDLESS, LONG_EPOCH], ids=["epochs", "an epoch"])
@pytest.mark.parametrize("kind", ["own", "threads", "processes"])
def test_ctrl_c_ends_what_goes_on(kind: str, endless: dict[str, Any], tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    short = {"epochs": 2, "sizes": [5, 6, 3], "seed": 1, "dtype": "float64"}
    specs = [
        {**endless, "callbacks": [Touch(a)]},
        short,
        {**endless, "callbacks": [Touch(b)]},
        {**endless, "callbacks": [Touch(tmp_path / "never")]},
    ]
    pool = executor(kind)
    try:
        with ctrl_c_once(a, b), pytest.raises(KeyboardInterrupt) as caught:
            nncore.fit_many(specs, X, Y, executor=pool)
        assert isinstance(caught.value, nncore.FitManyInterrupt)
        assert "1 of 4 networks" in str(caught.value)
        (result,) = caught.value.results
        assert result.index == 1
        alone = network()
        alone.fit(X, Y, epochs=2)
        assert bits(result.network) == bits(alone)
        if pool is not None:  # its workers are free again
            assert pool.submit(os.getpid).result(timeout=30)
        assert not (tmp_path / "never").exists()
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_where_the_caller_does_the_work(tmp_path: Path) -> None:
    a = tmp_path / "a"
    with ctrl_c_once(a), pytest.raises(nncore.FitManyInterrupt) as caught:
        nncore.fit_many([{**ENDLESS, "callbacks": [Touch(a)]}], X, Y, executor=Inline())
    assert caught.value.results == []


def test_another_exception_than_ctrl_c_stops_all_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("the bar broke")

    monkeypatch.setattr("nncore.many.fitting._in_words", broken)
    specs = [{"epochs": 1}, {"epochs": 1_000_000}]
    with pytest.raises(RuntimeError, match="the bar broke"):
        nncore.fit_many(specs, X, Y, sizes=[5, 3])
    end = time.monotonic() + 30
    while any("fit_many" in thread.name for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_stop_flag_ends_an_epoch_behind_a_mini_batch() -> None:
    core = nncore._core
    net, flag = network(), core.StopFlag()
    trainer = core.Trainer(net, batch_size=4)
    data = core.Dataset(net, X, Y)
    trainer.epoch(data, learning_rate=0.1, stop=flag)
    assert net.epoch == 1
    flag.set()
    assert flag.is_set()
    trainer.epoch(data, learning_rate=0.1, stop=flag)
    assert net.epoch == 1
    assert trainer.position is not None
    assert trainer.position[3] == 1
    trainer.epoch(data, learning_rate=0.1)
    assert net.epoch == 2
    other = network()
    both = core.Trainer(other, batch_size=4)
    for _ in range(2):
        both.epoch(data, learning_rate=0.1)
    assert bits(net) == bits(other)
    with pytest.raises(TypeError, match="StopFlag"):
        __import__("pickle").dumps(flag)
