"""fit: what it computes, what it refuses before any work, and how it ends early."""

from __future__ import annotations

import copy
import os
import pickle
import struct
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nncore
from nncore import Network, _core, metrics, schedules
from nncore.callbacks import Callback, Lambda
from nncore.optimizers import Adam, Optimizer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5))
Y = (X @ RNG.normal(size=(5, 3))).argmax(axis=1)


def network(**options: Any) -> Network:
    return Network([5, 6, 3], **{"seed": 1, "dtype": "float64", **options})


def bits(net: Network) -> bytes:
    return b"".join(np.ascontiguousarray(p).tobytes() for p in net.weights + net.biases)


# --- what it computes ---------------------------------------------------------------------------


def test_an_epoch_is_its_mini_batches_in_the_shuffled_order() -> None:
    net, twin = network(), network()
    history = net.fit(X, Y, epochs=2, batch_size=7, learning_rate=0.5)
    for epoch in range(2):
        order = _core.permutation(40, seed=1, epoch=epoch)
        costs = []
        for start in range(0, 40, 7):
            rows = order[start : start + 7]
            costs += [twin.evaluate(X[rows], Y[rows]).cost] * len(rows)
            twin.update_mini_batch(X[rows], Y[rows], 0.5)
        assert history["cost"][epoch] == pytest.approx(np.mean(costs), rel=1e-9)
    for p, q in zip(net.weights + net.biases, twin.weights + twin.biases, strict=True):
        assert np.allclose(p, q, rtol=1e-10, atol=1e-12)
    assert net.epoch == 2


def test_without_shuffling_rows_come_in_their_order() -> None:
    net, twin = network(), network()
    net.fit(X, Y, 1, 10, 0.5, shuffle=False)
    for start in range(0, 40, 10):
        twin.update_mini_batch(X[start : start + 10], Y[start : start + 10], 0.5)
    assert np.allclose(net.weights[0], twin.weights[0], rtol=1e-10)


def test_it_learns() -> None:
    net = network(activation="tanh", output_activation="softmax", cost="log_likelihood")
    history = net.fit(X, Y, 150, learning_rate=0.3)
    assert net.evaluate(X, Y).accuracy == 1.0
    assert history["cost"][-1] < 0.1 * history["cost"][0]


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_two_fits_are_one_longer_fit(optimizer: str) -> None:
    schedule = schedules.ReduceOnPlateau(0.05, factor=0.5, patience=2, min_delta=9.0)
    options: dict[str, Any] = {
        "optimizer": optimizer, "learning_rate": schedule, "dropout": 0.3, "l2": 0.1,
        "validation_data": (X, Y),
    }  # fmt: skip
    whole, parts = network(), network()
    whole.fit(X, Y, 7, **options)
    first = parts.fit(X, Y, 3, **options)
    second = parts.fit(X, Y, 4, **options)
    assert bits(whole) == bits(parts)
    assert (first.epochs, second.epochs) == ([0, 1, 2], [3, 4, 5, 6])
    assert parts.history["cost"] == first["cost"] + second["cost"] == whole.history["cost"]
    assert parts.history.epochs == list(range(7))
    assert len(set(whole.history["learning_rate"])) > 1


def test_another_optimizer_starts_anew() -> None:
    one, two = network(), network()
    one.fit(X, Y, 1, optimizer="adam")
    two.fit(X, Y, 1, optimizer="adam")
    two._optimizer_state = None
    for net in (one, two):
        net.fit(X, Y, 1, optimizer=nncore.optimizers.Adam(beta_1=0.5))
    assert bits(one) == bits(two)


def test_initial_epoch() -> None:
    whole, parts = network(), network()
    whole.fit(X, Y, 5)
    parts.fit(X, Y, 2)
    assert parts.fit(X, Y, 5, initial_epoch=parts.epoch).epochs == [2, 3, 4]
    assert bits(whole) == bits(parts)
    assert len(parts.fit(X, Y, 5, initial_epoch=5)) == 0
    assert parts.fit(X, Y, 1, initial_epoch=0).epochs == [0]
    with pytest.raises(ValueError, match="initial_epoch=6 is beyond epochs=5"):
        parts.fit(X, Y, 5, initial_epoch=6)


def test_history_has_an_entry_per_epoch() -> None:
    net = network()
    history = net.fit(X, Y, 3, validation_data=(X[:10], Y[:10]), learning_rate=0.5)
    assert list(history.keys()) == [
        "cost", "validation_cost", "validation_accuracy", "learning_rate", "seconds",
    ]  # fmt: skip
    assert all(len(history[name]) == 3 for name in dict(history))
    assert history["learning_rate"] == [0.5] * 3
    assert all(s > 0 for s in history["seconds"])
    result = net.evaluate(X[:10], Y[:10])
    assert (history["validation_cost"][-1], history["validation_accuracy"][-1]) == result
    assert history == net.history


def test_regression_has_no_accuracy() -> None:
    net = Network([5, 1], output_activation="linear")
    history = net.fit(X, X[:, 0], 2, learning_rate=0.1, validation_data=(X, X[:, 0]))
    assert list(history.keys()) == ["cost", "validation_cost", "learning_rate", "seconds"]


def test_default_learning_rates() -> None:
    assert network().fit(X, Y, 1)["learning_rate"] == [3.0]
    assert network(cost="cross_entropy").fit(X, Y, 1)["learning_rate"] == [0.1]
    assert network().fit(X, Y, 1, optimizer="adam")["learning_rate"] == [0.001]


def test_validation_split_takes_the_last_rows() -> None:
    one, two = network(), network()
    weight = RNG.random(40)
    a = one.fit(X, Y, 2, validation_split=0.25, sample_weight=weight)
    validation = (X[30:], Y[30:], weight[30:])
    b = two.fit(X[:30], Y[:30], 2, validation_data=validation, sample_weight=weight[:30])
    assert bits(one) == bits(two)
    assert a["validation_cost"] == b["validation_cost"]


def test_penalties_are_divided_by_the_training_rows() -> None:
    """l2 / n is 1/8: with a rate of 1 weights shrink by 7/8 in a step whose gradient is zero."""
    net = Network([5, 1], output_activation="linear", dtype="float64", seed=1)
    start = net.weights[0].copy()
    net.biases[0] = [0.0]
    net.fit(np.zeros((40, 5)), np.zeros(40), 1, batch_size=40, learning_rate=1.0, l2=5.0)
    assert np.allclose(net.weights[0], start * 7 / 8, rtol=1e-14)


def test_sample_and_class_weights() -> None:
    counts = np.bincount(Y, minlength=3)
    by_class = 40 / (3 * counts)
    nets = [network() for _ in range(4)]
    base = RNG.random(40)
    nets[0].fit(X, Y, 2, class_weight="balanced", sample_weight=base)
    nets[1].fit(X, Y, 2, sample_weight=base * by_class[Y])
    nets[2].fit(X, np.eye(3)[Y], 2, class_weight=dict(enumerate(by_class)), sample_weight=base)
    nets[3].fit(X, Y, 2)
    assert bits(nets[0]) == bits(nets[1])
    assert np.allclose(nets[0].weights[0], nets[2].weights[0], rtol=1e-9)
    assert bits(nets[0]) != bits(nets[3])


def test_sparse_rows_are_dense_rows() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    x = np.where(RNG.random(X.shape) < 0.5, X, 0.0)
    results = []
    for form in (np.asarray, sparse.csr_matrix, sparse.csr_array, sparse.coo_matrix):
        net = network()
        history = net.fit(form(x), Y, 3, validation_split=0.25, metrics=["accuracy"])
        results.append((net, history))
    dense, dense_history = results[0]
    for net, history in results[1:]:
        assert np.allclose(net.weights[0], dense.weights[0], rtol=1e-9)
        assert history["accuracy"] == dense_history["accuracy"]


def test_dropout_by_layer() -> None:
    def trained(dropout: Any) -> bytes:
        net = network()
        net.fit(X, Y, 1, dropout=dropout)
        return bits(net)

    assert trained(0.5) == trained([0.0, 0.5]) == trained(np.float32(0.5))
    assert len({trained(d) for d in (0.0, 0.5, [0.5, 0.0], [0.5, 0.5])}) == 4
    assert trained(0) == trained([0, 0])


@pytest.mark.parametrize("option", ["max_norm", "clip_norm", "clip_value"])
def test_bounds_reach_the_core(option: str) -> None:
    free, bound = network(), network()
    free.fit(X, Y, 1)
    bound.fit(X, Y, 1, **{option: 1e-3})
    assert bits(free) != bits(bound)


def test_metrics_are_measured_on_both_sets() -> None:
    def largest(y: Any, outputs: Any) -> float:
        assert outputs.shape == (len(y), 3)
        return outputs.max()

    net = network()
    history = net.fit(
        X, Y, 2, validation_data=(X[:9], Y[:9]), metrics=["f1", "confusion_matrix", largest]
    )
    assert history["f1"][-1] == metrics.f1(Y, net.feedforward(X))
    assert history["validation_f1"][-1] == metrics.f1(Y[:9], net.feedforward(X[:9]))
    assert history["validation_largest"][-1] == net.feedforward(X[:9]).max()
    assert history["confusion_matrix"][-1] == metrics.confusion_matrix(Y, net.predict(X)).tolist()
    named = network().fit(X, Y, 1, metrics={"top_2": lambda y, p: metrics.top_k(y, p, k=2)})
    assert 0.0 < named["top_2"][0] <= 1.0
    once = (name for name in ["mse"])
    history = network().fit(X, Y, 1, metrics=once, validation_split=0.5)
    assert {"mse", "validation_mse"} <= history.keys()


def test_threads_change_no_bit() -> None:
    nets = [network() for _ in range(3)]
    for n_threads, net in enumerate(nets, start=1):
        net.fit(X, Y, 3, dropout=0.2, n_threads=n_threads)
    assert len({bits(net) for net in nets}) == 1


@pytest.mark.parametrize("n", [1, 3])
def test_fewer_rows_than_a_mini_batch(n: int) -> None:
    one, two = network(), network()
    one.fit(X[:n], Y[:n], 2, batch_size=100)
    two.fit(X[:n], Y[:n], 2, batch_size=n)
    assert bits(one) == bits(two)


def test_one_class_only_and_constant_inputs() -> None:
    net = network()
    net.fit(np.ones((20, 5)), np.zeros(20, int), 20, validation_split=0.2)
    assert net.history["validation_accuracy"][-1] == 1.0


# --- what it refuses ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": -1}, ValueError, "epochs must be at least 0"),
        ({"epochs": 2.0}, TypeError, "epochs must be an integer"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate must be above 0"),
        ({"learning_rate": np.nan}, ValueError, "learning_rate must be above 0"),
        ({"learning_rate": "fast"}, TypeError, "learning_rate must be a number"),
        ({"learning_rate": schedules.Step}, TypeError, "a schedule or a callable.*class.*Step"),
        ({"optimizer": Adam}, TypeError, r"as in Adam\(\), got <class"),
        ({"optimizer": Optimizer()}, TypeError, r"as in Adam\(\), got Optimizer"),
        ({"optimizer": "adma"}, ValueError, "did you mean 'adam'"),
        ({"l2": -1.0}, ValueError, "l2 must be at least 0"),
        ({"l1": np.inf}, ValueError, "l1 must be at least 0 and finite"),
        ({"dropout": 1.0}, ValueError, "dropout must be at least 0 and below 1"),
        ({"dropout": [0.1]}, ValueError, "1 rates; expected 2"),
        ({"dropout": "half"}, TypeError, "dropout must be a number"),
        ({"max_norm": 0.0}, ValueError, "max_norm must be above 0"),
        ({"clip_norm": -1.0}, ValueError, "clip_norm must be above 0"),
        ({"clip_value": 0}, ValueError, "clip_value must be above 0"),
        ({"validation_split": 1.0}, ValueError, "validation_split must be at least 0 and below 1"),
        ({"validation_split": 0.01}, ValueError, "leaves one side empty"),
        ({"validation_split": 0.1, "validation_data": (X, Y)}, ValueError, "not both"),
        ({"validation_data": X}, TypeError, r"must be a tuple \(x, y\) or .*, got a ndarray"),
        ({"validation_data": (X,)}, TypeError, "got a tuple of 1"),
        ({"validation_data": (X[:, :4], Y)}, ValueError, "4"),
        ({"validation_data": (X, Y[:-1])}, ValueError, "39"),
        ({"validation_data": (X[:0], Y[:0])}, ValueError, "no rows"),
        ({"sample_weight": np.ones(39)}, ValueError, "39"),
        ({"sample_weight": -np.ones(40)}, ValueError, "weight"),
        ({"sample_weight": np.zeros(40)}, ValueError, "weight"),
        (
            {"sample_weight": np.ones(3), "class_weight": "balanced"},
            ValueError,
            r"sample_weight has shape \(3,\); expected \(40,\)",
        ),
        ({"y": 1, "validation_split": 0.5}, ValueError, r"y has shape \(\); x has shape"),
        ({"class_weight": "balance"}, ValueError, "did you mean 'balanced'"),
        ({"class_weight": {3: 1.0}}, ValueError, "names class 3; expected classes 0 to 2"),
        ({"class_weight": {0: -1.0}}, ValueError, r"class_weight\[0\] must be at least 0"),
        ({"class_weight": 2.0}, TypeError, "'balanced' or a dict"),
        ({"metrics": ["acuracy"]}, ValueError, "did you mean 'accuracy'"),
        ({"metrics": "accuracy"}, TypeError, "list of names"),
        ({"metrics": 3}, TypeError, "list of names"),
        ({"metrics": {1: "mse"}}, TypeError, "a metric's name must be a string, got 1"),
        ({"metrics": {"validation_cost": "mse"}}, ValueError, "begin with 'validation_'"),
        ({"metrics": {"mine": "top_k"}, "y": np.ones((40, 3))}, ValueError, "metric 'mine'"),
        ({"callbacks": [print]}, TypeError, "Callback"),
        ({"callbacks": [Callback]}, TypeError, "Callback"),
        ({"n_threads": 0}, ValueError, "n_threads must be at least 1"),
        ({"n_threads": 2**31}, ValueError, "n_threads must be at most"),
        ({"shuffle": "batch"}, TypeError, "shuffle must be True or False, got 'batch'"),
        ({"initial_epoch": -1}, ValueError, "initial_epoch must be at least 0"),
        ({"progress": "yes"}, ValueError, "progress must be"),
        ({"progress": 0}, ValueError, "progress must be"),
        ({"x": X[:, :4]}, ValueError, "4.*5"),
        ({"x": X[:39]}, ValueError, "39.*40|40.*39"),
        ({"x": X[:0], "y": Y[:0]}, ValueError, "no rows"),
        ({"x": X[0]}, ValueError, "x"),
        ({"x": np.where(X[3, 2] == X, np.nan, X)}, ValueError, "row 3"),
        ({"y": Y + 1}, ValueError, "3"),
        ({"y": np.eye(4)[Y]}, ValueError, "4"),
        ({"y": ["a"] * 40}, (TypeError, ValueError), "y|target|label"),
        (
            {"learning_rate": schedules.HalveOnPlateau(1.0)},
            ValueError,
            "HalveOnPlateau follows 'validation_accuracy', but there is no validation data",
        ),
        (
            {"learning_rate": schedules.ReduceOnPlateau(1.0, monitor="cst", mode="min")},
            ValueError,
            "unknown column for ReduceOnPlateau to follow 'cst'; did you mean 'cost'",
        ),
    ],
)
def test_refused_before_any_work(options: dict[str, Any], error: Any, message: str) -> None:
    net = network()
    before = bits(net)
    begun: list[int] = []
    options = {
        "x": X,
        "y": Y,
        "callbacks": [Lambda(on_train_begin=lambda run: begun.append(1))],
    } | (options)
    with pytest.raises(error, match=message):
        net.fit(**options)
    assert bits(net) == before
    assert not begun
    assert (net.epoch, len(net.history)) == (0, 0)
    net.fit(X, Y, 1)  # and it can be trained as ever


def test_metrics_of_classes_are_refused_for_numbers() -> None:
    net = Network([5, 1], output_activation="linear")
    with pytest.raises(ValueError, match="metric 'f1': expected classes"):
        net.fit(X, X[:, 0], 1, metrics=["f1"])


def test_a_metric_must_return_numbers() -> None:
    for wrong in (None, "0.5"):
        with pytest.raises(TypeError, match=r"metric 'mine' must return a number .*, got"):
            network().fit(X, Y, 1, metrics={"mine": lambda y, outputs, wrong=wrong: wrong})


def test_metrics_of_tanh_outputs_are_those_of_predict() -> None:
    net = Network([5, 4, 1], activation="tanh", output_activation="tanh", seed=1)
    y = (X[:, 0] > 0.0).astype(int)
    for targets in (y, 2 * y - 1):
        history = net.fit(X, targets, 3, learning_rate=0.1, metrics=["accuracy", "f1"])
        right = float(np.mean(net.predict(X) == y))
        assert history["accuracy"][-1] == right
        assert history["f1"][-1] == metrics.f1(y, net.predict(X))
    outputs = net.feedforward(X)
    assert np.any((outputs > 0.0) & (outputs < 0.5))  # where the two thresholds disagree


def test_nothing_to_call_or_to_measure() -> None:
    assert len(network().fit(X, Y, 1, callbacks=None, metrics=None)) == 1


def test_step_networks_cannot_be_trained() -> None:
    for options in ({"activation": "step"}, {"output_activation": "step"}):
        with pytest.raises(ValueError, match="step"):
            network(**options).fit(X, Y, 1)


def test_a_schedule_must_give_rates() -> None:
    net = network()
    with pytest.raises(ValueError, match="learning_rate must be at least 0"):
        net.fit(X, Y, 3, learning_rate=lambda epoch: 1.0 - epoch)
    assert net.epoch == 2


# --- how it ends early --------------------------------------------------------------------------


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


def test_only_its_own_thread_copies_a_network_in_training(tmp_path: Path) -> None:
    """Another thread might copy half an update."""
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
    import os, signal, threading
    import numpy as np, nncore

    net = nncore.Network([50, 1000, 1000, 10], seed=1)
    x, y = np.zeros((100_000, 50), np.float32), np.arange(100_000) % 10
    net.fit(x[:50], y[:50], 2, learning_rate=0.01)
    before = net.biases[-1].copy()
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
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
    out = subprocess.run(code, capture_output=True, text=True, timeout=20)
    assert out.returncode == 0, out.stderr
    assert out.stdout.split() == ["stopped", "2", "2", "True", "3", "3"]


# --- the progress bar ---------------------------------------------------------------------------

TRAIN = "import numpy as np, nncore; nncore.Network([2, 1]).fit(np.eye(2), [0, 1], 3{})"


def run_on_a_terminal(code: str) -> str:
    """What the process writes when its stderr is a pseudo-terminal."""
    pty, termios, fcntl = (pytest.importorskip(name) for name in ("pty", "termios", "fcntl"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 120, 0, 0))
    with subprocess.Popen([sys.executable, "-c", code], stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        text = b""
        while True:
            try:
                chunk = os.read(ours, 1024)
            except OSError:
                break
            if not chunk:
                break
            text += chunk
    os.close(ours)
    assert process.returncode == 0, text
    return text.decode()


def test_a_bar_on_a_terminal() -> None:
    pytest.importorskip("tqdm")
    shown = run_on_a_terminal(TRAIN.format(""))
    assert "3/3" in shown
    assert "cost 0." in shown
    assert "right" not in shown
    assert run_on_a_terminal(TRAIN.format(", progress=False")) == ""


def test_no_bar_in_a_pipe() -> None:
    for option in ("", ", progress=False"):
        code = [sys.executable, "-c", TRAIN.format(option)]
        out = subprocess.run(code, capture_output=True, text=True, check=True)
        assert out.stdout == out.stderr == ""
    pytest.importorskip("tqdm")
    code = [sys.executable, "-c", TRAIN.format(", progress=True")]
    out = subprocess.run(code, capture_output=True, text=True, check=True)
    assert "3/3" in out.stderr


def test_a_bar_needs_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name="tqdm")

    monkeypatch.setattr("nncore._extras.import_module", hidden)
    with pytest.raises(ImportError, match=r"a progress bar needs tqdm; .*nncore\[progress\]"):
        network().fit(X, Y, 1, progress=True)
    network().fit(X, Y, 1)
