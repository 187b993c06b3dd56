"""What the extension promises without the GIL: it stays off, and shared objects do not crash."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nncore import _core
from support import digest, make_network, make_problem

GIL_STAYS_OFF = """
import sys, nncore, nncore.callbacks, nncore.datasets
assert not sys._is_gil_enabled(), "importing nncore turned the GIL on"
"""


def free_threaded() -> str:
    """A Python without the GIL that has nncore; skips the test if there is none."""
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return sys.executable
    for name in ("python3.15t", "python3.14t", "python3.13t"):
        found = shutil.which(name)
        command = [found or name, "-c", "import nncore"]
        if found and subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return found
    pytest.skip("needs a free-threaded Python that has nncore")


def test_the_gil_stays_off() -> None:
    command = [free_threaded(), "-W", "error", "-c", GIL_STAYS_OFF]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_shared_objects_do_not_crash(tmp_path: Path) -> None:
    """Nine threads do everything at once to one network, data set and trainer; whoever comes at
    a bad time is told so, and in the end all of it works as before."""
    net = make_network([30, 50, 10], ["sigmoid"] * 2, dtype="float32")
    x, y = make_problem(net, 200)
    rows = x.astype("float32")
    data = _core.Dataset(net, rows, y)
    trainer = _core.Trainer(net, batch_size=10, optimizer="adam")
    file = tmp_path / "shared.safetensors"
    asks: list[Callable[[], object]] = [
        lambda: trainer.epoch(data, None, learning_rate=0.001),
        lambda: trainer.step(data, learning_rate=0.001),
        lambda: (net.feedforward(data), net.predict(rows), net.hidden_activations(rows[0])),
        lambda: (net.evaluate_dataset(data), net.gradients(data), net.input_gradient_dataset(data)),
        lambda: [w.shape for w in net.weight_views() + net.bias_views() + trainer.slots],
        lambda: (
            net.epoch,
            net.sizes,
            net.cost,
            trainer.steps,
            trainer.hyperparameters,
            net.all_finite(),
        ),
        lambda: (_core.Network(net), _core.Dataset(net, rows, y), _core.build_info()),
        lambda: (
            trainer.save_checkpoint(file, unfinished=(0, 0, 0), metadata={}, tensors={}),
            _core.Trainer.resume(_core.Network.load_file(file), file),
        ),
        lambda: _core.permutation(200, seed=1, epoch=2).sum(),
    ]
    start = threading.Barrier(len(asks))
    wrong: list[BaseException] = []

    def insist(ask: Callable[[], object]) -> None:
        start.wait()
        for _ in range(200):
            try:
                ask()
            except _core.BusyError:
                continue
            except BaseException as error:
                wrong.append(error)

    threads = [threading.Thread(target=insist, args=[ask]) for ask in asks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert net.all_finite()
    before = digest(net.feedforward(rows))
    trainer.epoch(data, np.arange(200), learning_rate=0.001)
    assert digest(net.feedforward(rows)) != before
