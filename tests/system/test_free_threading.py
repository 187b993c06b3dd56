"""Without the GIL: nncore does not turn it on, and objects shared by threads do not crash.

All tests but the first make sense with a GIL, too. The core releases it while it computes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import nncore
from endless_epochs import ORDER, during, endless_data
from networks import digest, make_network, make_problem, parameter_digest, train
from nncore import _core
from nncore.callbacks import Lambda
from nncore.history import History
from nncore.training import Run

GIL_STAYS_OFF = """
import sys, nncore, nncore.callbacks, nncore.datasets
assert not sys._is_gil_enabled(), "importing nncore turned the GIL on"
"""


def free_threaded() -> str:
    """A Python without the GIL that has nncore. Skips the test if there is none."""
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return sys.executable
    for name in ("python3.15t", "python3.14t", "python3.13t"):
        found = shutil.which(name)
        command = [found or name, "-c", "import nncore"]
        if found and subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return found
    pytest.skip("needs a free-threaded Python that has nncore")


def test_importing_keeps_the_gil_off() -> None:
    command = [free_threaded(), "-W", "error", "-c", GIL_STAYS_OFF]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def run_concurrently(*asks: Callable[[], object]) -> None:
    """Calls each in a thread of its own, all at the same time. Raises what any of them raised."""
    start = threading.Barrier(len(asks))

    def begin(ask: Callable[[], object]) -> object:
        start.wait()
        return ask()

    with ThreadPoolExecutor(len(asks)) as pool:
        for done in [pool.submit(begin, ask) for ask in asks]:
            done.result()


def repeated(ask: Callable[[], object], times: int = 200) -> Callable[[], None]:
    """A function that makes the call so many times and ignores every BusyError."""

    def insist() -> None:
        for _ in range(times):
            with suppress(nncore.BusyError):
                ask()

    return insist


def test_shared_objects_do_not_crash(tmp_path: Path) -> None:
    """Ten threads use one network, data set and trainer in every way. A call may get a BusyError.
    In the end everything works as before."""
    net = make_network([30, 50, 10], ["sigmoid"] * 2, dtype="float32")
    x, y = make_problem(net, 200)
    rows = x.astype("float32")
    data = _core.Dataset(net, rows, y)
    trainer = _core.Trainer(net, batch_size=10, optimizer="adam")
    file = tmp_path / "shared.safetensors"
    asks: list[Callable[[], object]] = [
        lambda: trainer.epoch(data, None, learning_rate=0.001),
        lambda: trainer.step_data(data, learning_rate=0.001),
        lambda: (net.feedforward(data), net.predict(rows), net.hidden_activations(rows[0])),
        lambda: (
            _core.evaluate(net, data),
            _core.gradients(net, data),
            _core.input_gradient(net, data),
        ),
        lambda: [w.shape for w in _core.weight_views(net) + _core.bias_views(net) + trainer.slots],
        lambda: (
            net.epoch,
            net.sizes,
            net.cost,
            net.all_finite(),
        ),
        lambda: (trainer.steps, trainer.position, trainer.optimizer, trainer.hyperparameters),
        lambda: (_core.Network(net), _core.Dataset(net, rows, y), _core.build_info()),
        lambda: (
            trainer.save_checkpoint(file, metadata={}, tensors={}),
            _core.Trainer.resume(_core.load_model(file)[0], file),
        ),
        lambda: _core.permutation(200, seed=1, epoch=2).sum(),
    ]
    run_concurrently(*map(repeated, asks))
    assert net.all_finite()
    before = digest(net.feedforward(rows))
    trainer.epoch(data, np.arange(200), learning_rate=0.001)
    assert digest(net.feedforward(rows)) != before


def test_a_trainer_is_used_by_one_thread_at_a_time() -> None:
    """A call during an epoch is refused and does not change what the trainer counts."""
    net, data = endless_data()
    trainer = _core.Trainer(net, batch_size=1)

    def ask() -> list[str]:
        refusals = []
        for order in (None, ORDER):
            with pytest.raises(_core.BusyError) as refused:
                trainer.epoch(data, order, learning_rate=-1)  # which is not looked at yet
            refusals.append(str(refused.value))
        with pytest.raises(_core.BusyError) as refused:
            trainer.step_data(data, learning_rate=0.01)
        return [*refusals, str(refused.value)]

    for refusal in during(lambda: trainer.epoch(data, ORDER, learning_rate=0.01), net, ask):
        assert "already being trained" in refusal
    done = trainer.steps
    assert trainer.position is not None
    assert trainer.position[3] == done
    trainer.epoch(data, ORDER[:200], learning_rate=0.01)
    assert trainer.steps == done + 200
    assert trainer.position is None


def test_a_dataset_copies_its_labels() -> None:
    """Labels become addresses, so a data set checks and keeps a copy of them."""
    found = []
    for label in (None, 10**12):
        net = make_network([4, 6, 3], ["sigmoid"] * 2)
        y = np.array([0, 1, 2])
        data = _core.Dataset(net, np.eye(3, 4), y)
        if label is not None:
            y[...] = label
        train(net, data, batch_size=2, epochs=3)
        found.append((parameter_digest(net), _core.evaluate(net, data)))
    assert found[0] == found[1]


def test_predictions_during_training_use_parameters_between_epochs() -> None:
    """Many threads predict with a network that another one trains. Each call is refused, or uses
    the parameters between two epochs."""
    net = nncore.Network([30, 40, 10], seed=1)
    x, y = make_problem(make_network([30, 40, 10], ["sigmoid"] * 2), 500)
    rows, epochs = x.astype("float32"), 40
    between = {digest(net.feedforward(rows))}
    finished = threading.Event()
    served: list[str] = []
    one_is_served = threading.Event()

    def note_and_wait(run: Run) -> None:
        between.add(digest(run.net.feedforward(rows)))
        if run.epoch == epochs // 2:  # however busy the machine: here is time for a reader
            assert one_is_served.wait(60), "nobody was served between two epochs"

    def fit() -> None:
        note = Lambda(on_epoch_end=note_and_wait)
        while net.epoch < epochs:
            with suppress(nncore.BusyError):  # a reader came first
                net.fit(rows, y, epochs, callbacks=note, initial_epoch=net.epoch, progress=False)
        finished.set()

    def predict() -> None:
        while not finished.wait(0.0005):
            with suppress(nncore.BusyError):
                served.append(digest(net.feedforward(rows)))
                one_is_served.set()

    run_concurrently(fit, predict, predict, predict)
    assert len(between) == epochs + 1
    assert served
    assert set(served) <= between
    assert net.history.epochs == list(range(epochs))


def test_networks_are_created_and_freed_while_others_train() -> None:
    """Some threads train a network each. Others create and free networks, whose views outlive them,
    and change the number of threads. The trained networks have the same bits as alone."""

    def trained(seed: int) -> str:
        net = make_network([60, 40, 10], ["sigmoid"] * 2, dtype="float32", seed=seed)
        data = _core.Dataset(net, *make_problem(net, 300, seed))
        train(net, data, batch_size=32, epochs=20, optimizer="adam", learning_rate=0.01)
        return parameter_digest(net)

    alone, found = [trained(seed) for seed in range(3)], [""] * 3

    def train_one(seed: int) -> Callable[[], None]:
        return lambda: found.__setitem__(seed, trained(seed))

    def come_and_go() -> None:
        views = []
        for seed in range(200):
            net = nncore.Network([20, 10, 5], seed=seed)
            trainer = _core.Trainer(net, batch_size=1, optimizer="adam")
            views.append([*net.weights, *net.biases, *trainer.slots])
            del net, trainer
            for view in views[-1]:
                view += seed
            del views[:-3]

    run_concurrently(
        *map(train_one, range(3)),
        *[come_and_go] * 2,
        repeated(lambda: [nncore.set_num_threads(n) for n in (1, 2, 3)]),
    )
    assert found == alone


def test_parameter_views_may_be_read_and_written_during_training() -> None:
    """Their values are then undefined, but finite, and nothing crashes."""
    net = make_network([60, 40, 10], ["sigmoid"] * 2, dtype="float32")
    data = _core.Dataset(net, *make_problem(net, 300))
    trainer = _core.Trainer(net, batch_size=10)
    weights, biases = _core.weight_views(net)[0], _core.bias_views(net)[0]

    def write() -> None:
        biases[...] = 0.5
        weights[0] *= 0.5

    run_concurrently(
        repeated(lambda: trainer.epoch(data, None, learning_rate=0.1), times=40),
        repeated(lambda: weights.sum() + biases.sum()),
        repeated(write),
    )
    assert net.all_finite()


def test_a_history_may_be_read_while_epochs_are_appended() -> None:
    history, grown = History(), threading.Event()

    def grow() -> None:
        for epoch in range(300):
            history.append(epoch, {f"column {i}": 0.0 for i in range(epoch + 1)})
        grown.set()

    def read() -> None:
        while not grown.is_set():
            assert all(len(column) for column in dict(history).values())
            seen = [row["epoch"] for row in history]
            assert seen == list(range(len(seen)))

    run_concurrently(grow, read, read)


FIRST_USE = """
import threading
import numpy as np
import nncore
start, fitted = threading.Barrier(8), []
def use():
    start.wait()
    net = nncore.Network([4, 3, 2], seed=1)
    net.fit(np.eye(4), [0, 1, 0, 1], 2, progress=False)
    nncore.datasets.load_digits(n_train=2, n_validation=1, n_test=1, seed=1)
    fitted.append(nncore.metrics.accuracy([0, 1], [0, 1]))
threads = [threading.Thread(target=use) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert fitted == [1.0] * 8, fitted
"""


def test_lazy_imports_may_first_happen_in_many_threads() -> None:
    command = [sys.executable, "-W", "error", "-c", FIRST_USE]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
