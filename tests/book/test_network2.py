"""nncore.book.network2: monitoring, early stopping, files, costs."""

# ruff: noqa: NPY002  (the book draws from NumPy's global generator)

from __future__ import annotations

import json
import random
import warnings

import numpy as np
import pytest

from networks import full_disk
from nncore import Network, _core
from nncore.book import network2


def task(n=30):
    generator = np.random.default_rng(5)
    labelled = []
    for _ in range(n):
        x = generator.random((6, 1))
        labelled.append((x, int(np.argmax(x[:3]))))
    return [(x, np.eye(3)[:, [y]]) for x, y in labelled], labelled


def seeded(cost=network2.CrossEntropyCost):
    random.seed(0)
    np.random.seed(0)
    return network2.Network([6, 5, 3], cost=cost)


def test_initializers_draw_from_numpys_generator():
    net = seeded()
    assert net.cost is network2.CrossEntropyCost
    np.random.seed(0)
    expected = [np.random.randn(*shape) for shape in [(5, 1), (3, 1), (5, 6), (3, 5)]]
    for ours, theirs in zip(net.biases, expected[:2], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(net.weights, expected[2:], strict=True):
        np.testing.assert_array_equal(ours, theirs / np.sqrt(theirs.shape[1]))
    np.random.seed(0)
    net.large_weight_initializer()
    for ours, theirs in zip(net.biases + net.weights, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("cost", [network2.CrossEntropyCost, network2.QuadraticCost])
def test_an_instance_of_a_cost_trains_in_the_core(cost, capsys, tmp_path, monkeypatch):
    training, _ = task()
    results = []
    for given in (cost, cost()):
        net = seeded(given)
        assert net.cost is given
        if given is not cost:  # what NumPy would need
            monkeypatch.setattr(cost, "delta", None)
            monkeypatch.setattr(cost, "fn", None)
        costs = net.SGD(list(training), 2, 5, 0.5, monitor_training_cost=True)[2]
        results.append((costs, [w.copy() for w in net.weights]))
        net.save(tmp_path / "net.json")
        assert network2.load(tmp_path / "net.json").cost is cost
    assert results[0][0] == results[1][0]
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(a, b)
    capsys.readouterr()


def test_an_instance_with_attributes_of_its_own_is_the_callers_cost(capsys):
    training, _ = task()
    asked = []
    cost = network2.CrossEntropyCost()
    cost.delta = lambda z, a, y: asked.append(1) or a - y
    seeded(cost).SGD(training, 1, 10, 0.5)
    assert len(asked) == len(training)
    capsys.readouterr()


def test_printed_lines_and_the_four_lists(capsys):
    training, labelled = task()
    net = seeded()
    monitored = net.SGD(
        training,
        2,
        7,
        0.5,
        lmbda=0.3,
        evaluation_data=iter(labelled[:20]),
        monitor_evaluation_cost=True,
        monitor_evaluation_accuracy=True,
        monitor_training_cost=True,
        monitor_training_accuracy=True,
    )
    lines = []
    for epoch, (ec, ea, tc, ta) in enumerate(zip(*monitored, strict=True)):
        lines += [
            f"Epoch {epoch} training complete",
            f"Cost on training data: {tc}",
            f"Accuracy on training data: {ta} / 30",
            f"Cost on evaluation data: {ec}",
            f"Accuracy on evaluation data: {ea} / 20",
            "",
        ]
    assert len(lines) == 12
    assert capsys.readouterr().out == "\n".join(lines) + "\n"
    assert monitored[0][-1] == net.total_cost(labelled[:20], 0.3, convert=True)
    assert monitored[1][-1] == net.accuracy(labelled[:20])
    # SGD has shuffled the list, so the sum has another order.
    assert monitored[2][-1] == pytest.approx(net.total_cost(training, 0.3), rel=1e-12)
    assert monitored[3][-1] == net.accuracy(training, convert=True)
    assert all(type(value) is float for value in monitored[0] + monitored[2])
    assert all(type(value) is int for value in monitored[1] + monitored[3])


def test_nothing_monitored(capsys):
    assert seeded().SGD(task()[0], 1, 10, 0.5) == ([], [], [], [])
    assert capsys.readouterr().out == "Epoch 0 training complete\n\n"


@pytest.mark.parametrize("convert", [False, True])
def test_accuracy_and_total_cost_of_both_kinds_of_data(convert):
    training, labelled = task()
    net = seeded()
    outputs = [net.feedforward(x) for x, _ in training]
    right = sum(int(np.argmax(a) == y) for a, (_, y) in zip(outputs, labelled, strict=True))
    assert net.accuracy(training if convert else labelled, convert=convert) == right
    costs = [net.cost.fn(a, y) for a, (_, y) in zip(outputs, training, strict=True)]
    decay = 0.5 * (2.0 / 30) * sum(np.sum(w**2) for w in net.weights)
    total = net.total_cost(labelled if convert else training, 2.0, convert=convert)
    assert total == pytest.approx(np.mean(costs) + decay, rel=1e-12)


@pytest.mark.parametrize("monitor", [True, False])
def test_early_stopping(monitor, capsys):
    training, labelled = task()

    class ScriptedAccuracy(network2.Network):
        counts = iter([5, 9, 9, 8, 20, 1])

        def accuracy(self, data, convert=False):
            return next(self.counts)

    net = ScriptedAccuracy([6, 5, 3])
    results = net.SGD(
        training,
        6,
        10,
        0.5,
        evaluation_data=labelled,
        monitor_evaluation_accuracy=monitor,
        early_stopping_n=2,
    )
    assert results[1] == ([5, 9, 9, 8] if monitor else [])
    out = capsys.readouterr().out
    assert out.count("training complete") == 4
    assert out.count("Accuracy") == (4 if monitor else 0)


@pytest.mark.parametrize(
    "options",
    [
        {"monitor_evaluation_cost": True},
        {"monitor_evaluation_accuracy": True},
        {"early_stopping_n": 3},
    ],
)
def test_early_stopping_without_monitoring_is_refused(options, capsys):
    net = seeded()
    before = net.weights[0].copy()
    with pytest.raises(ValueError, match="expected evaluation_data"):
        net.SGD(task()[0], 1, 10, 0.5, **options)
    np.testing.assert_array_equal(net.weights[0], before)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("cost", [network2.QuadraticCost, network2.CrossEntropyCost])
def test_delta_is_the_derivative_of_fn(cost):
    generator = np.random.default_rng(0)
    z, y = generator.normal(size=(4, 1)), generator.random((4, 1))
    delta = cost.delta(z, network2.sigmoid(z), y)
    assert delta.shape == (4, 1)
    h = 1e-6
    for i in range(4):
        step = np.zeros((4, 1))
        step[i] = h
        up, down = (cost.fn(network2.sigmoid(z + s), y) for s in (step, -step))
        assert delta[i, 0] == pytest.approx((up - down) / (2 * h), rel=1e-6)


def test_cross_entropy_of_certain_outputs():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert network2.CrossEntropyCost.fn(np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]])) == 0
        assert network2.CrossEntropyCost.fn(np.array([[0.0]]), np.array([[1.0]])) > 1e300


def test_the_cost_may_be_replaced():
    training, _ = task()
    net, twin = seeded(), seeded(network2.QuadraticCost)
    assert net.total_cost(training, 0.0) != twin.total_cost(training, 0.0)
    net.cost = network2.QuadraticCost
    assert net.total_cost(training, 0.0) == twin.total_cost(training, 0.0)
    net.update_mini_batch(training, 0.5, 0.0, 30)
    twin.update_mini_batch(training, 0.5, 0.0, 30)
    np.testing.assert_array_equal(net.weights[0], twin.weights[0])


@pytest.mark.parametrize("cost", [network2.QuadraticCost, network2.CrossEntropyCost])
def test_save_and_load(cost, tmp_path):
    net = seeded(cost)
    net.save(tmp_path / "net.json")
    content = json.loads((tmp_path / "net.json").read_text())
    assert set(content) == {"sizes", "weights", "biases", "cost"}
    assert content["sizes"] == [6, 5, 3]
    assert np.shape(content["biases"][0]) == (5, 1)
    assert content["cost"] == cost.__name__
    twin = network2.load(tmp_path / "net.json")
    assert twin.cost is cost
    for ours, theirs in zip(twin.weights + twin.biases, net.weights + net.biases, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [p.name for p in tmp_path.iterdir()] == ["net.json"]


class OwnCost(network2.QuadraticCost):
    pass


def test_load_with_a_custom_cost(tmp_path):
    path = tmp_path / "net.json"
    seeded(OwnCost).save(path)
    with pytest.raises(ValueError, match=r"its cost is 'OwnCost'; pass the class"):
        network2.load(path)
    assert network2.load(path, cost=OwnCost).cost is OwnCost


def test_a_failed_save_keeps_the_old_file(tmp_path):
    path = tmp_path / "net.json"
    seeded().save(path)
    old = path.read_bytes()
    net = seeded()
    net.large_weight_initializer()
    with full_disk(), pytest.raises(OSError, match="File too large"):
        net.save(path)
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["net.json"]


GOOD = {"sizes": [1, 1], "weights": [[[1.0]]], "biases": [[[2.0]]], "cost": "QuadraticCost"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "7",
        "[" * 100_000,
        json.dumps({**GOOD, "sizes": [10**9, 10**9]}),
        json.dumps({**GOOD, "sizes": "11"}),
        json.dumps({**GOOD, "weights": [[["a"]]]}),
        json.dumps({**GOOD, "weights": []}),
        json.dumps({**GOOD, "weights": [[1.0]]}),
        json.dumps({**GOOD, "biases": [[2.0]]}),
        json.dumps({**GOOD, "cost": "json"}),
        json.dumps({**GOOD, "cost": ["QuadraticCost"]}),
        json.dumps({k: v for k, v in GOOD.items() if k != "biases"}),
    ],
)
def test_invalid_files_are_refused_by_name(content, tmp_path):
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"bad\.json"):
        network2.load(path)
    path.write_text(json.dumps(GOOD))
    assert network2.load(path).biases[0] == 2.0


def test_vectorized_result():
    column = network2.vectorized_result(3)
    assert column.shape == (10, 1)
    assert column[3, 0] == column.sum() == 1.0


class Passes:
    """Counts the rows that go through the core."""

    def __init__(self, monkeypatch):
        self.rows = 0
        evaluate, feedforward = _core.evaluate, Network.feedforward

        def counted_evaluate(net, data):
            self.rows += len(data)
            return evaluate(net, data)

        def counted_feedforward(net, x):
            self.rows += len(x)
            return feedforward(net, x)

        monkeypatch.setattr(_core, "evaluate", counted_evaluate)
        monkeypatch.setattr(Network, "feedforward", counted_feedforward)


MONITORS = (
    "monitor_evaluation_cost",
    "monitor_evaluation_accuracy",
    "monitor_training_cost",
    "monitor_training_accuracy",
)


@pytest.mark.parametrize("cost", [network2.QuadraticCost, network2.CrossEntropyCost])
def test_four_monitors_take_one_pass_over_each_data_set(cost, capsys, monkeypatch):
    training, labelled = task()
    passes = Passes(monkeypatch)
    net = seeded(cost)
    options = dict.fromkeys(MONITORS, True) | {"evaluation_data": labelled[:20]}
    net.SGD(training, 3, 7, 0.5, lmbda=0.3, **options)
    assert passes.rows == 3 * (30 + 20)
    capsys.readouterr()


@pytest.mark.parametrize("kind", ["soft", "label 3", "own cost", "one output"])
def test_monitors_count_what_the_core_does_not(kind, capsys):
    """Targets between 0 and 1, labels without an output, costs of one's own."""
    training, labelled = task()
    evaluation = labelled[:20]
    net = seeded(OwnCost if kind == "own cost" else network2.CrossEntropyCost)
    if kind == "soft":
        training = [(x, 0.8 * y + 0.05) for x, y in training]
    if kind == "label 3":
        evaluation = [(x, 3 if y == 0 else y) for x, y in evaluation]
    if kind == "one output":
        net = network2.Network([6, 5, 1])
        training = [(x, y[:1]) for x, y in training]
        evaluation = [(x, int(y == 0)) for x, y in evaluation]
    skipped = {"monitor_evaluation_cost": kind != "label 3"}  # which has none
    options = dict.fromkeys(MONITORS, True) | skipped | {"evaluation_data": evaluation}
    _, evaluated, _, trained = net.SGD(list(training), 2, 7, 0.5, **options)
    right = [int(np.argmax(net.feedforward(x)) == np.argmax(y)) for x, y in training]
    assert trained[-1] == sum(right)
    assert evaluated[-1] == sum(int(np.argmax(net.feedforward(x)) == y) for x, y in evaluation)
    capsys.readouterr()


def test_monitors_call_the_methods_that_a_subclass_has(capsys):
    training, labelled = task()

    class Own(network2.Network):
        def total_cost(self, data, lmbda, convert=False):
            return -super().total_cost(data, lmbda, convert)

    options = dict.fromkeys(MONITORS, True) | {"evaluation_data": labelled}
    costs, counts, _, _ = Own([6, 5, 3]).SGD(training, 1, 7, 0.5, **options)
    assert costs[0] < 0
    assert 0 <= counts[0] <= 30
    capsys.readouterr()
