"""Ctrl-C anywhere in fit: the network is never locked, and the run resumes with the same bits."""

from __future__ import annotations

import copy
import dis
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import pytest

import nncore
from nncore import Network, schedules
from nncore.callbacks import EarlyStopping

RNG = np.random.default_rng(0)
LONG_X = RNG.normal(size=(40_000, 20)).astype("float32")
LONG_Y = (LONG_X @ RNG.normal(size=(20, 5))).argmax(axis=1)
EPOCHS = 5


def bits(net: Network) -> bytes:
    return b"".join(np.ascontiguousarray(p).tobytes() for p in net.weights + net.biases)


def history_without_seconds(net: Network) -> dict[str, Any]:
    """The history without its column of seconds."""
    return {key: column for key, column in dict(net.history).items() if key != "seconds"}


def long_network() -> Network:
    return Network([20, 60, 5], activation="tanh", seed=4)


def fit_long(net: Network, stopping: bool) -> None:
    """The schedule and the callback monitor the training cost of whole epochs."""
    net.fit(
        LONG_X, LONG_Y, EPOCHS, batch_size=2, initial_epoch=net.epoch, dropout=0.2, l2=1.0,
        optimizer="momentum",
        learning_rate=schedules.ReduceOnPlateau(
            0.01, factor=0.5, patience=1, monitor="cost", min_delta=0.05
        ),
        callbacks=[EarlyStopping("cost", patience=4, min_delta=0.01)] if stopping else [],
    )  # fmt: skip


def save_and_resume(net: Network, path: Path) -> Network:
    """The network as its checkpoint restores it."""
    net.save_checkpoint(path)
    return Network.resume(path)


def press_later(net: Network, delay: float | None, finished: threading.Event) -> None:
    """Presses Ctrl-C after some seconds; without a delay, once an update has been made."""
    biases = net.biases[-1]
    before = biases.copy()
    if delay is None:
        while np.array_equal(biases, before) and not finished.wait(0.001):
            pass
    else:
        finished.wait(delay)
    os.kill(os.getpid(), signal.SIGINT)


def interrupted_repeatedly(
    again: Callable[..., Network], file: Path, seed: int
) -> tuple[Network, int]:
    """A long run, interrupted until it ends, and how often it was interrupted within an epoch."""
    net, within, saves = long_network(), 0, again is save_and_resume
    rng = np.random.default_rng(seed)
    while True:
        delay = rng.uniform(0.005, 0.2) if rng.random() < 0.5 else None
        finished = threading.Event()
        press = threading.Thread(target=press_later, args=(net, delay, finished))
        press.start()
        try:
            fit_long(net, stopping=saves)
            finished.set()
            press.join()  # where it is pressed at last
        except KeyboardInterrupt:
            press.join()
            assert net.training_state.trainer is not None
            within += net.training_state.trainer.position is not None
        if finished.is_set():
            return net, within
        net = again(net, *[file] * saves)


@pytest.mark.parametrize("again", [save_and_resume, copy.deepcopy], ids=["file", "copy"])
def test_a_run_interrupted_repeatedly_ends_the_same(
    again: Callable[..., Network], tmp_path: Path
) -> None:
    """Interrupts come within epochs, too, and the history is also the same. Only checkpoints, not
    copies, hold the state of callbacks."""
    whole = long_network()
    fit_long(whole, stopping=again is save_and_resume)
    for seed in range(100):
        net, within = interrupted_repeatedly(again, tmp_path / "run", seed)
        assert net.epoch == whole.epoch == EPOCHS
        assert bits(net) == bits(whole)
        assert history_without_seconds(net) == history_without_seconds(whole)
        if within > 2:
            break
    assert within > 2


# --- at every instruction -------------------------------------------------------------------------

X, Y = LONG_X[:30], LONG_Y[:30]
OURS = os.path.dirname(nncore.__file__)
CHECKS = ("CALL", "PRECALL", "RESUME", "JUMP_BACKWARD", "JUMP_ABSOLUTE")
"""After instructions of these names the interpreter looks for signals."""


def fit_short(net: Network) -> None:
    net.fit(
        X, Y, 3, batch_size=7, initial_epoch=net.epoch, optimizer="momentum", progress=False,
        learning_rate=schedules.ReduceOnPlateau(0.1, patience=1, monitor="cost", min_delta=0.01),
        callbacks=[EarlyStopping("cost", patience=5)],
    )  # fmt: skip


def short_network() -> Network:
    return Network([20, 6, 5], seed=2, dtype="float64")


class CtrlCAtInstruction:
    """Presses Ctrl-C at the n-th instruction of nncore's code at which signals are handled."""

    def __init__(self, n: int, presses: int) -> None:
        self.left, self.presses = n, presses
        self._names: dict[CodeType, dict[int, str]] = {}
        self._last: dict[FrameType, int] = {}

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event != "opcode":
            return self
        last, self._last[frame] = self._last.get(frame, -1), frame.f_lasti
        if last >= 0 and self._name(frame.f_code, last).startswith(CHECKS):
            self.left -= 1
            if self.left == 0:
                for _ in range(self.presses):
                    signal.raise_signal(signal.SIGINT)
        return self

    def _name(self, code: CodeType, offset: int) -> str:
        if code not in self._names:
            self._names[code] = {i.offset: i.opname for i in dis.get_instructions(code)}
        return self._names[code].get(offset, "")


@contextmanager
def traced(trace: CtrlCAtInstruction) -> Iterator[None]:
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def instruction_count() -> int:
    """The number of instructions in such a fit at which signals are handled."""
    count = CtrlCAtInstruction(0, presses=0)
    with traced(count):
        fit_short(short_network())
    return -count.left


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_at_any_instruction(presses: int, tmp_path: Path) -> None:
    """After one press the run resumes to the same bits and history. Two presses always end it. It
    may then have to repeat an epoch."""
    default = signal.getsignal(signal.SIGINT)
    whole = short_network()
    fit_short(whole)
    interrupted = 0
    every = instruction_count()
    assert every > 300
    for n in range(1 + 4 * presses, every, 17):
        net = short_network()
        with suppress(KeyboardInterrupt), traced(CtrlCAtInstruction(n, presses)):
            fit_short(net)
            interrupted -= 1
        interrupted += 1
        resumed = save_and_resume(net, tmp_path / "run")
        for each in (resumed, net):  # neither is locked, and both can be trained
            if each is resumed or each.epoch < 3:
                fit_short(each)
            assert each.epoch == 3
        if presses == 1:
            assert bits(resumed) == bits(whole), n
            assert history_without_seconds(resumed) == history_without_seconds(whole), n
            assert bits(net) == bits(whole), n
        else:
            with suppress(KeyboardInterrupt):  # a handler that was left behind removes itself
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is default, n
    assert interrupted > 10


def test_a_child_forked_during_training_may_use_the_network() -> None:
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    net = long_network()
    finished = threading.Event()

    def train() -> None:
        while not finished.is_set():
            with suppress(nncore.BusyError):  # the prediction below was there first
                net.fit(LONG_X, LONG_Y, 1, batch_size=2, learning_rate=0.01, progress=False)

    thread = threading.Thread(target=train)
    thread.start()
    try:
        for _ in range(3):
            while True:  # until it is within an epoch
                try:
                    net.predict(LONG_X[:1])
                except nncore.BusyError:
                    break
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    net.predict(LONG_X[:1])
                    net.fit(LONG_X[:10], LONG_Y[:10], 1, learning_rate=0.01, progress=False)
                    status = 0
                finally:
                    os._exit(status)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        finished.set()
        thread.join()
