"""Threads, signals and forks: concurrent training, many readers, Ctrl-C, training in a child."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from endless_epochs import ORDER, during, endless_data
from networks import digest, make_network, make_problem, parameter_digest, train
from nncore import _core


def train_from_seed(seed: int, sizes: tuple[int, ...] = (60, 40, 10), rows: int = 400) -> str:
    net = make_network(list(sizes), ["sigmoid"] * (len(sizes) - 1), dtype="float32", seed=seed)
    x, y = make_problem(net, rows, seed)
    data = _core.Dataset(net, x.astype("float32"), y)
    train(net, data, batch_size=10, epochs=20, n_threads=2)
    return parameter_digest(net)


def test_networks_trained_concurrently_have_the_same_bits_as_alone() -> None:
    alone = [train_from_seed(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(train_from_seed, range(4))) == alone
    assert len(set(alone)) == 4


def test_many_threads_predict_with_one_network() -> None:
    net = make_network([60, 300, 10], ["relu", "sigmoid"], dtype="float32")
    batches = [make_problem(net, n, seed=n)[0] for n in (1, 2, 33, 500) * 8]
    expected = [digest(net.feedforward(x), net.predict(x)) for x in batches]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda x: digest(net.feedforward(x), net.predict(x)), batches))
    assert found == expected


def test_two_networks_may_train_on_one_array() -> None:
    """Two data sets share rows without a copy, for two networks in two threads."""
    net = make_network([60, 40, 10], ["sigmoid"] * 2, dtype="float32")
    x, y = make_problem(net, 400)
    rows = np.ascontiguousarray(x, dtype="float32")
    rows.flags.writeable = False

    def run(_: int) -> str:
        own = make_network([60, 40, 10], ["sigmoid"] * 2, dtype="float32")
        train(own, _core.Dataset(own, rows, y), batch_size=10, epochs=5)
        return parameter_digest(own)

    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(run, range(4)))) == 1


def test_a_second_trainer_is_refused() -> None:
    net, data = endless_data()
    first, second = (_core.Trainer(net, batch_size=1) for _ in range(2))

    def ask() -> str:
        with pytest.raises(_core.BusyError) as refused:
            second.epoch(data, None, learning_rate=0.1)
        return str(refused.value)

    assert "train" in during(lambda: first.epoch(data, ORDER, learning_rate=0.1), net, ask)
    assert second.steps == 0
    second.epoch(data, None, learning_rate=0.1)
    assert second.steps == 1
    assert net.all_finite()


INTERRUPTED = """
import threading, time
import numpy as np
from nncore import _core
net = _core.Network([64, 1024, 1024, 10], ["sigmoid"] * 3, seed=1)
_core.initialize(net, ["scaled"] * 3)
before = _core.weight_views(net)[2].copy()
rng = np.random.default_rng(0)
n = 200_000
x = rng.random((n, 64), dtype=np.float32)
data = _core.Dataset(net, x, np.arange(n) % 10)
trainer = _core.Trainer(net, batch_size={batch_size})

def tell_when_it_runs():
    while (_core.weight_views(net)[2] == before).all():
        time.sleep(0.001)
    print("running", flush=True)

threading.Thread(target=tell_when_it_runs, daemon=True).start()
try:
    trainer.epoch(data, None, learning_rate=0.1, n_threads={threads})
    print("finished")
except KeyboardInterrupt:
    print("interrupted", trainer.steps, net.all_finite(), len(net.predict(x[:5])), flush=True)
    trainer.epoch(_core.Dataset(net, x[:100], np.arange(100) % 10), None, learning_rate=0.1)
    print("moved", bool((_core.weight_views(net)[2] != before).any()), net.all_finite())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT to a process")
@pytest.mark.parametrize(("threads", "batch_size"), [(1, 10), (2, 128)])
def test_ctrl_c_stops_a_long_epoch(threads: int, batch_size: int) -> None:
    """An epoch of minutes stops at once. The network and its trainer stay usable."""
    program = INTERRUPTED.format(threads=threads, batch_size=batch_size)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        try:
            output, _ = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 0
    interrupted, moved = output.splitlines()
    word, steps, *rest = interrupted.split()
    assert (word, rest) == ("interrupted", ["True", "5"])
    assert 0 < int(steps) < 200_000 // batch_size
    assert moved == "moved True True"


PRESSED = """
import os, random, signal, time
import numpy as np
from nncore import _core
net = _core.Network([20, 5, 3], ["sigmoid"] * 2, dtype="float32")
x = np.random.default_rng(0).random({shape})
net.predict(x)
for _ in range(100):
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(sender, b"ready")
            while True:
                net.predict(x)
        except KeyboardInterrupt:
            os._exit(7)
    os.read(receiver, 5)
    os.close(receiver), os.close(sender)
    time.sleep(random.random() * 0.004)
    os.kill(child, signal.SIGINT)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.parametrize("shape", [(20,), (30, 20)])
def test_ctrl_c_at_any_moment_is_a_keyboard_interrupt(shape: tuple[int, ...]) -> None:
    """The rows are float64 and the network float32: the conversion must not stop half-way."""
    program = PRESSED.format(shape=shape)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.stdout.split(), run.stderr) == (["7"] * 100, "")


LEFT_RUNNING = """
import threading
import numpy as np
import nncore
x, y = np.random.default_rng(0).random((3000, 100)), np.arange(3000) % 10
started = threading.Barrier(4)

def work():
    net = nncore.Network([100, 200, 10], seed=1)
    {work}
    started.wait()
    while True:
        {work}

for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
started.wait()
"""


@pytest.mark.parametrize("work", ["net.predict(x)", "net.fit(x, y, 3)"])
def test_daemon_threads_may_run_when_the_process_exits(work: str) -> None:
    """Python ends such a thread when it acquires the GIL. That must not call abort()."""
    program = LEFT_RUNNING.format(work=work)
    for _ in range(5):
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_forked_child_trains() -> None:
    """Threads do not survive a fork. The child must not wait for those of its parent."""
    shape = (200, 300, 10)
    expected = train_from_seed(3, shape, rows=100)  # the parent's threads exist from here on
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def child() -> None:
        sender.send(train_from_seed(3, shape, rows=100))

    process = context.Process(target=child)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns about forks with threads
        process.start()
    try:
        assert receiver.poll(60), "the child hangs"
        assert receiver.recv() == expected
    finally:
        process.kill()
        process.join()
    assert train_from_seed(3, shape, rows=100) == expected
