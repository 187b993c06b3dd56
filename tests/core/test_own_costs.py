"""A cost of one's own: a callable, trained, measured, checked and handed in again."""

from __future__ import annotations

import copy
import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nncore
from networks import parameter_digest, relative
from nncore import export

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4))
Y = RNG.normal(size=(30, 2))


def quadratic(outputs: Any, y: Any) -> Any:
    d = outputs - y
    return (0.5 * d**2).sum(axis=1), d


def cauchy(outputs: Any, y: Any) -> Any:
    d = outputs - y
    return np.log1p(d**2).sum(axis=1), 2 * d / (1 + d**2)


def likelihood(outputs: Any, y: Any) -> Any:
    return -(y * np.log(outputs)).sum(axis=1), -y / outputs


def mixture(outputs: Any, y: Any) -> Any:
    """Targets of another width than the outputs: y has a lower and an upper bound."""
    low, high = y[:, :1] - outputs, outputs - y[:, 1:]
    slopes = (high > 0) * high - (low > 0) * low
    return (0.5 * slopes**2).sum(axis=1), slopes


def make(cost: Any, output: str = "linear", dtype: str = "float64", outputs: int = 2):
    return nncore.Network(
        [4, 6, outputs], activation="tanh", output_activation=output, cost=cost, dtype=dtype, seed=2
    )


@pytest.mark.parametrize("output", ["linear", "tanh", "sigmoid"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_trains_like_the_cost_it_copies(output: str, dtype: str) -> None:
    own, ours = make(quadratic, output, dtype), make("quadratic", output, dtype)
    y = {"linear": Y, "tanh": np.tanh(Y), "sigmoid": np.tanh(np.abs(Y))}[output]
    weight = RNG.exponential(size=30)
    tolerance = 1e-9 if dtype == "float64" else 1e-4
    for net in (own, ours):
        net.fit(X, y, 3, 7, 0.05, optimizer="adam", sample_weight=weight, progress=False)
    for a, b in zip(own.weights, ours.weights, strict=True):
        assert relative(a, b) < tolerance
    assert own.evaluate(X, y, weight).cost == pytest.approx(
        ours.evaluate(X, y, weight).cost, rel=tolerance
    )
    np.testing.assert_allclose(own.input_gradient(X, y), ours.input_gradient(X, y), rtol=1e-3)


def test_softmax_outputs_and_labels() -> None:
    labels = np.arange(30) % 3
    own, ours = make(likelihood, "softmax", outputs=3), make("log_likelihood", "softmax", outputs=3)
    for net in (own, ours):
        net.fit(X, labels, 3, 7, 0.2, progress=False)
    for a, b in zip(own.weights, ours.weights, strict=True):
        assert relative(a, b) < 1e-9
    assert own.evaluate(X, labels).accuracy == ours.evaluate(X, labels).accuracy
    assert (own.predict(X) == ours.predict(X)).all()


@pytest.mark.parametrize(
    ("cost", "output", "y"),
    [(cauchy, "tanh", Y), (likelihood, "softmax", np.eye(2)[np.arange(30) % 2]),
     (mixture, "linear", np.sort(Y, axis=1))],
)  # fmt: skip
def test_gradients_of_the_network_agree_with_differences(cost: Any, output: str, y: Any) -> None:
    assert nncore.check_gradient(make(cost, output), X, y, tolerance=1e-6) < 1e-6


def test_targets_may_have_any_width_and_arrive_as_rows() -> None:
    seen = []

    def cost(outputs: Any, y: Any) -> Any:
        seen.append((outputs.shape, y.shape, outputs.dtype, y.dtype))
        return np.zeros(len(outputs)), np.zeros_like(outputs)

    net = make(cost, dtype="float32")
    net.evaluate(X, RNG.normal(size=(30, 5)))
    net.evaluate(X, RNG.normal(size=30))
    net.evaluate(X, np.arange(30) % 2)
    nncore.Trainer(net, "sgd", 0.1).step(X[0], [1.0, 2.0, 3.0])
    f = np.dtype(np.float32)
    assert [s for s in seen if s[0][0] == 30] == [
        ((30, 2), (30, 5), f, f), ((30, 2), (30, 1), f, f), ((30, 2), (30, 2), f, f)
    ]  # fmt: skip
    assert seen[-1][:2] == ((1, 2), (1, 3))


def test_the_same_bits_at_any_number_of_threads() -> None:
    x, y = RNG.normal(size=(500, 4)), RNG.normal(size=(500, 2))
    digests = set()
    for threads in (1, 2):
        net = nncore.Network([4, 300, 2], output_activation="linear", cost=cauchy, seed=1)
        net.fit(x, y, 1, 250, 0.01, n_threads=threads, progress=False)
        digests.add((parameter_digest(net), net.evaluate(x, y).cost))
    assert len(digests) == 1


def test_it_may_ask_other_networks() -> None:
    """A network that learns from another one, asked within the cost."""
    teacher = make("quadratic")

    def cost(outputs: Any, y: Any) -> Any:
        d = outputs - teacher.feedforward(y)
        return (0.5 * d**2).sum(axis=1), d

    net, plain = make(cost), make("quadratic")
    taught = teacher.feedforward(X)
    assert net.evaluate(X, X).cost == pytest.approx(plain.evaluate(X, taught).cost, rel=1e-12)
    for student, y in ((net, X), (plain, taught)):
        student.copy_from(nncore.Network([4, 6, 2], dtype="float64", seed=8))
        student.fit(X, y, 2, 7, 0.1, progress=False)
    for a, b in zip(net.weights, plain.weights, strict=True):
        assert relative(a, b) < 1e-9


def test_what_it_raises_passes_and_the_epoch_is_undone() -> None:
    calls = 0

    def cost(outputs: Any, y: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise RuntimeError("the third call")
        return quadratic(outputs, y)

    net = make(cost)
    before = parameter_digest(net)
    with pytest.raises(RuntimeError, match="the third call"):
        net.fit(X, Y, 1, 5, 0.1, progress=False)
    assert parameter_digest(net) == before
    net.fit(X, Y, 1, 5, 0.1, progress=False)


def test_it_cannot_use_the_network_in_training() -> None:
    def cost(outputs: Any, y: Any) -> Any:
        net.feedforward(X)
        return quadratic(outputs, y)

    net = make(cost)
    with pytest.raises(nncore.BusyError):
        net.fit(X, Y, 1, 5, 0.1, progress=False)


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        (lambda a, y: 1.0, r"must return \(costs, slopes\)"),
        (lambda a, y: (a, y, a), r"must return \(costs, slopes\)"),
        (lambda a, y: (np.mean(a), a), "the costs have shape"),
        (lambda a, y: (a[:, 0], a[:, :1]), "the cost's slopes have shape"),
    ],
)
def test_results_of_another_shape_are_refused(cost: Any, message: str) -> None:
    net = make(cost)
    for call in (lambda: net.evaluate(X, Y), lambda: net.fit(X, Y, 1, 5, 0.1, progress=False)):
        with pytest.raises((TypeError, ValueError), match=message):
            call()


def test_nan_is_a_divergence() -> None:
    net = make(lambda a, y: (np.full(len(a), np.nan), a))
    before = parameter_digest(net)
    with pytest.raises(nncore.DivergenceError):
        net.fit(X, Y, 1, 5, 0.1, progress=False)
    assert parameter_digest(net) == before


def test_files_keep_the_outputs_and_the_cost_is_handed_in_again(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    net = make(cauchy)
    net.fit(X, Y, 1, 5, 0.1, progress=False)
    net.save(path)
    bare = nncore.Network.load(path)
    np.testing.assert_array_equal(bare.feedforward(X), net.feedforward(X))
    assert bare.cost == "custom"
    assert bare.cost_function is None
    for call in (lambda: bare.evaluate(X, Y), lambda: bare.fit(X, Y, 1, progress=False)):
        with pytest.raises(ValueError, match="hand it in again"):
            call()
    bare.cost_function = cauchy
    again = nncore.Network.load(path, cost=cauchy)
    for other in (bare, again):
        assert other.evaluate(X, Y) == net.evaluate(X, Y)
    make("quadratic").save(path)
    with pytest.raises(ValueError, match="the network's cost is quadratic"):
        nncore.Network.load(path, cost=cauchy)


def test_checkpoints_go_on_with_it(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    whole, part = make(cauchy), make(cauchy)
    whole.fit(X, Y, 4, 5, 0.1, optimizer="adam", progress=False)
    part.fit(X, Y, 2, 5, 0.1, optimizer="adam", progress=False)
    part.save_checkpoint(path)
    resumed = nncore.Network.resume(path, cost=cauchy)
    resumed.fit(X, Y, 2, 5, 0.1, optimizer="adam", progress=False)
    assert parameter_digest(resumed) == parameter_digest(whole)
    trainer = nncore.Trainer(make(cauchy), "adam", 0.1)
    trainer.step(X, Y)
    trainer.save(path)
    nncore.Trainer.resume(path, cost=cauchy).step(X, Y)


def test_copies_and_pickles_have_it() -> None:
    net = make(cauchy)
    for other in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.cost_function is cauchy
        assert other.evaluate(X, Y) == net.evaluate(X, Y)


def test_exporters_keep_the_outputs_and_say_what_stays_behind(tmp_path: Path) -> None:
    net = make(cauchy, dtype="float32")
    with pytest.warns(UserWarning, match="hand that in again"):
        export.to_c(net, tmp_path / "net.h")
    export.to_npz(net, tmp_path / "net.npz")
    bare = export.from_npz(tmp_path / "net.npz")
    np.testing.assert_array_equal(bare.feedforward(X), net.feedforward(X))
    with pytest.raises(ValueError, match="hand it in again"):
        bare.evaluate(X, Y)
    assert export.from_npz(tmp_path / "net.npz", cost=cauchy).evaluate(X, Y) == net.evaluate(X, Y)


def test_threads_evaluate_at_once() -> None:
    net = make(cauchy)
    expected, found = net.evaluate(X, Y), []
    threads = [threading.Thread(target=lambda: found.append(net.evaluate(X, Y))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_check_gradient_finds_what_is_wrong() -> None:
    outputs, y = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))
    assert nncore.check_gradient(cauchy, outputs, y) < 1e-8
    assert nncore.check_gradient(quadratic, outputs[:, 0], y[:, 0]) < 1e-8
    with pytest.raises(ValueError, match=r"the slope in row \d, output \d is .* give"):
        nncore.check_gradient(lambda a, t: (cauchy(a, t)[0], cauchy(a, t)[1] / 5), outputs, y)
    with pytest.raises(ValueError, match="changes with the outputs of row 0"):
        nncore.check_gradient(
            lambda a, t: (np.full(len(a), ((a - t) ** 2).sum()), 2 * (a - t)), outputs, y
        )
    with pytest.raises(ValueError, match="returned shapes"):
        nncore.check_gradient(lambda a, t: (a.mean(), a), outputs, y)
    with pytest.raises(ValueError, match="NaN or infinity"):
        nncore.check_gradient(lambda a, t: (np.full(len(a), np.nan), a), outputs, y)
    with pytest.raises(TypeError, match="callable"):
        nncore.check_gradient("quadratic", outputs, y)


def test_check_gradient_of_networks_leaves_them_as_they_are() -> None:
    for dtype in ("float32", "float64"):
        net = make("huber", dtype=dtype)
        before = parameter_digest(net)
        assert nncore.check_gradient(net, X, Y) < 1e-6
        assert parameter_digest(net) == before
