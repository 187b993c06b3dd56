"""Epochs that last until they are interrupted: whatever waits for one to begin finds it running."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from networks import make_network
from nncore import _core

T = TypeVar("T")

ORDER = np.zeros(4_000_000, dtype=np.int64)
"""Of mini-batches of one row each: minutes of work."""


def endless_data() -> tuple[_core.Network, _core.Dataset]:
    """A network, and one row for it, which an epoch in ORDER repeats."""
    net = make_network([100, 500, 10], ["sigmoid"] * 2, dtype="float32")
    return net, _core.Dataset(net, np.ones((1, 100), dtype="float32"), np.array([3]))


def during(epoch: Callable[[], object], net: _core.Network, ask: Callable[[], T]) -> T:
    """What `ask` returns in another thread while this one, the main one, runs the epoch.

    It is asked once an update has changed the network, and the epoch is interrupted afterwards.
    """
    biases = _core.bias_views(net)[-1]
    before, ended = biases.copy(), threading.Event()
    answers: list[T] = []
    errors: list[BaseException] = []

    def ask_once_it_runs() -> None:
        while np.array_equal(biases, before):
            if ended.wait(0.001):
                return
        try:
            answers.append(ask())
        except BaseException as error:
            errors.append(error)
        _thread.interrupt_main()

    thread = threading.Thread(target=ask_once_it_runs)
    thread.start()
    try:
        epoch()
    except KeyboardInterrupt:
        assert answers or errors, "interrupted by somebody else"
    else:
        raise AssertionError("the epoch was not interrupted")
    finally:
        ended.set()
        thread.join()
    if errors:
        raise errors[0]
    return answers[0]
