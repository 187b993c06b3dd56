"""fit: its results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nncore
from nncore import Network, _core, metrics, schedules
from small_problem import RNG, X, Y, bits, network


def test_an_epoch_runs_the_mini_batches_in_shuffled_order() -> None:
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


def test_shuffle_false_keeps_the_row_order() -> None:
    net, twin = network(), network()
    net.fit(X, Y, 1, 10, 0.5, shuffle=False)
    for start in range(0, 40, 10):
        twin.update_mini_batch(X[start : start + 10], Y[start : start + 10], 0.5)
    assert np.allclose(net.weights[0], twin.weights[0], rtol=1e-10)


def test_cost_falls() -> None:
    net = network(activation="tanh", output_activation="softmax", cost="log_likelihood")
    history = net.fit(X, Y, 150, learning_rate=0.3)
    assert net.evaluate(X, Y).accuracy == 1.0
    assert history["cost"][-1] < 0.1 * history["cost"][0]


@pytest.mark.parametrize("plateau", [False, True])
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_two_fits_equal_one_longer_fit(optimizer: str, plateau: bool) -> None:
    """A schedule begins anew with each call, but not where that resumes a run."""
    schedule = schedules.ReduceOnPlateau(0.05, factor=0.5, patience=2, min_delta=9.0)
    options: dict[str, Any] = {
        "optimizer": optimizer, "learning_rate": schedule if plateau else 0.05, "dropout": 0.3,
        "l2": 0.1, "validation_data": (X, Y),
    }  # fmt: skip
    whole, parts = network(), network()
    whole.fit(X, Y, 7, **options)
    first = parts.fit(X, Y, 3, **options)
    if plateau:
        second = parts.fit(X, Y, 7, initial_epoch=3, **options)
    else:
        second = parts.fit(X, Y, 4, **options)
    assert bits(whole) == bits(parts)
    assert (first.epochs, second.epochs) == ([0, 1, 2], [3, 4, 5, 6])
    assert parts.history["cost"] == first["cost"] + second["cost"] == whole.history["cost"]
    assert parts.history.epochs == list(range(7))
    assert len(set(whole.history["learning_rate"])) == (3 if plateau else 1)


def test_changing_the_optimizer_resets_its_slots() -> None:
    one, two = network(), network()
    one.fit(X, Y, 1, optimizer="adam")
    two.fit(X, Y, 1, optimizer="adam")
    two.training_state.forget_optimizer()
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


def test_history_has_one_row_per_epoch() -> None:
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
    """l2 / n is 1/8. With a rate of 1 and a gradient of 0, a step multiplies weights by 7/8."""
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


def test_sparse_rows_train_like_dense_rows() -> None:
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
def test_clipping_and_max_norm_reach_the_core(option: str) -> None:
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


def test_bits_do_not_depend_on_the_number_of_threads() -> None:
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
