"""fit: how it ends early, and what other threads may do meanwhile."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

import nncore
from nncore import Network
from nncore.callbacks import Lambda
from small_problem import X, Y, bits, network


def test_divergence_keeps_the_last_finite_parameters() -> None:
    net = Network([5, 1], output_activation="linear", seed=1)
    net.fit(X, X[:, 0], 2, learning_rate=0.01)
    before = bits(net)
    with pytest.raises(nncore.DivergenceError, match="epoch 2") as caught:
        net.fit(X, X[:, 0], 50, learning_rate=1e30)
    assert caught.value.epoch == 2
    assert bits(net) == before
    assert net.history.epochs == [0, 1]
    net.fit(X, X[:, 0], 1, learning_rate=0.01)
    assert net.history.epochs == [0, 1, 2]


def test_other_threads_cannot_copy_a_network_in_training(tmp_path: Path) -> None:
    """Another thread could copy a half-finished update."""
    net = network()
    copies: list[Any] = [
        lambda: net.save_checkpoint(tmp_path / "run"),
        lambda: copy.deepcopy(net),
        lambda: pickle.dumps(net),
    ]
    refused: list[Any] = []

    def try_elsewhere(make: Any) -> None:
        try:
            make()
        except nncore.BusyError:
            refused.append(make)

    def on_epoch_end(run: Any) -> None:
        for make in copies:
            make()
            thread = threading.Thread(target=try_elsewhere, args=(make,))
            thread.start()
            thread.join()

    net.fit(X, Y, 1, callbacks=[Lambda(on_epoch_end=on_epoch_end)])
    assert refused == copies
    for make in copies:
        try_elsewhere(make)
    assert refused == copies


def test_a_second_trainer_is_refused() -> None:
    net = network()
    refused: list[str] = []

    def try_to_train(run: Any) -> None:
        for train in (lambda: net.fit(X, Y, 1), lambda: net.update_mini_batch(X, Y, 0.1)):
            try:
                train()
            except nncore.BusyError as error:
                refused.append(str(error))

    def from_another_thread(run: Any) -> None:
        thread = threading.Thread(target=try_to_train, args=(run,))
        thread.start()
        thread.join()

    for hook in (try_to_train, from_another_thread):
        net.fit(X, Y, 1, callbacks=[Lambda(on_epoch_end=hook)])
    assert len(refused) == 4
    assert all("being trained" in message for message in refused)
    assert net.epoch == 2


def test_two_threads_train_two_networks() -> None:
    nets = [network(seed=seed) for seed in (1, 2)]
    alone = [network(seed=seed) for seed in (1, 2)]
    threads = [threading.Thread(target=net.fit, args=(X, Y, 20)) for net in nets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for net, expected in zip(nets, alone, strict=True):
        expected.fit(X, Y, 20)
        assert bits(net) == bits(expected)


INTERRUPTED = """
    import os, signal, threading, time
    import numpy as np, nncore

    net = nncore.Network([50, 1000, 1000, 10], seed=1)
    x, y = np.zeros((100_000, 50), np.float32), np.arange(100_000) % 10
    net.fit(x[:50], y[:50], 2, learning_rate=0.01)
    before = net.biases[-1].copy()

    def press_when_it_runs():
        while np.array_equal(net.biases[-1], before):
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press_when_it_runs).start()
    try:
        net.fit(x, y, 1000, batch_size=1, learning_rate=0.01)
    except KeyboardInterrupt:
        print("stopped", net.epoch, len(net.history), net.all_finite())
    assert not np.array_equal(net.biases[-1], before)
    net.fit(x[:50], y[:50], 1)
    print(net.epoch, len(net.predict(x[:3])))
"""


def test_ctrl_c_ends_a_long_epoch() -> None:
    """Its 100,000 updates of a million parameters would take minutes."""
    code = [sys.executable, "-c", textwrap.dedent(INTERRUPTED)]
    out = subprocess.run(code, capture_output=True, text=True, timeout=120)
    assert out.returncode == 0, out.stderr
    assert out.stdout.split() == ["stopped", "2", "2", "True", "3", "3"]
