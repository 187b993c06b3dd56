"""nncore.book agrees with the algorithm of the book, in NumPy and one example at a time."""

# ruff: noqa: NPY002  (the book draws from NumPy's global generator)

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from nncore.book import network, network2


class PlainNetwork:
    """Chapter 3's network as the text describes it. Chapter 1's is the case lmbda = 0."""

    def __init__(self, sizes, cost, scaled):
        self.cost = cost
        self.biases = [np.random.randn(n, 1) for n in sizes[1:]]
        self.weights = []
        for into, out in itertools.pairwise(sizes):
            self.weights.append(np.random.randn(out, into) / (np.sqrt(into) if scaled else 1.0))

    def activations(self, x):
        result = [x]
        for w, b in zip(self.weights, self.biases, strict=True):
            result.append(1.0 / (1.0 + np.exp(-(w @ result[-1] + b))))
        return result

    def gradients(self, x, y):
        a = self.activations(x)
        delta = a[-1] - y
        if self.cost == "quadratic":
            delta = delta * a[-1] * (1.0 - a[-1])
        nabla_b, nabla_w = [delta], [delta @ a[-2].T]
        for layer in range(len(self.weights) - 1, 0, -1):
            delta = self.weights[layer].T @ delta * a[layer] * (1.0 - a[layer])
            nabla_b.insert(0, delta)
            nabla_w.insert(0, delta @ a[layer - 1].T)
        return nabla_b, nabla_w

    def step(self, batch, eta, lmbda, n):
        gradients = [self.gradients(x, y) for x, y in batch]
        for layer in range(len(self.weights)):
            mean_b = sum(g[0][layer] for g in gradients) / len(batch)
            mean_w = sum(g[1][layer] for g in gradients) / len(batch)
            self.biases[layer] = self.biases[layer] - eta * mean_b
            decayed = (1.0 - eta * lmbda / n) * self.weights[layer]
            self.weights[layer] = decayed - eta * mean_w

    def train(self, data, epochs, size, eta, lmbda, in_place=False):
        data = data if in_place else list(data)
        for _ in range(epochs):
            random.shuffle(data)
            for start in range(0, len(data), size):
                self.step(data[start : start + size], eta, lmbda, len(data))

    def total_cost(self, data, lmbda):
        total = 0.0
        for x, y in data:
            a = self.activations(x)[-1]
            if self.cost == "quadratic":
                total += 0.5 * np.sum((a - y) ** 2)
            else:
                total -= np.sum(y * np.log(a) + (1.0 - y) * np.log(1.0 - a))
        squares = sum(np.sum(w**2) for w in self.weights)
        return (total + 0.5 * lmbda * squares) / len(data)


COSTS = {"quadratic": network2.QuadraticCost, "cross_entropy": network2.CrossEntropyCost}
SIZES = [[784, 10], [2, 3, 1], [7, 17, 10], [5, 4, 3, 6]]


def seed(number):
    random.seed(number)
    np.random.seed(number)


def examples(sizes, n=23):
    generator = np.random.default_rng(1)
    x = generator.random((n, sizes[0], 1))
    y = np.eye(sizes[-1])[generator.integers(sizes[-1], size=n)][:, :, np.newaxis]
    if sizes[-1] == 1:
        y = generator.integers(2, size=(n, 1, 1)).astype(float)
    return list(zip(x, y, strict=True))


def assert_same(ours, theirs, rtol=1e-9):
    assert len(ours) == len(theirs)
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(our, their, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("batch", [1, 7, 23, 50])
def test_chapter_one_agrees_with_the_plain_algorithm(sizes, batch, capsys):
    data = examples(sizes)
    seed(3)
    theirs = PlainNetwork(sizes, "quadratic", scaled=False)
    theirs.train(data, 3, batch, 2.0, 0.0)
    seed(3)
    ours = network.Network(sizes)
    before = [w.copy() for w in ours.weights]
    ours.SGD(data, 3, batch, 2.0)
    assert_same(ours.weights, theirs.weights)
    assert_same(ours.biases, theirs.biases)
    assert not any(np.allclose(w, old) for w, old in zip(ours.weights, before, strict=True))
    assert capsys.readouterr().out == "Epoch 0 complete\nEpoch 1 complete\nEpoch 2 complete\n"


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("lmbda", [0.0, 3.0])
@pytest.mark.parametrize("scaled", [True, False])
def test_chapter_three_agrees_with_the_plain_algorithm(cost, lmbda, scaled, capsys):
    sizes, data = [7, 17, 10], examples([7, 17, 10])
    seed(4)
    if not scaled:  # nncore.book draws its default parameters first, like the book's code
        PlainNetwork(sizes, cost, scaled=True)
    theirs = PlainNetwork(sizes, cost, scaled)
    theirs.train(data, 3, 5, 0.5, lmbda)
    seed(4)
    ours = network2.Network(sizes, cost=COSTS[cost])
    if not scaled:
        ours.large_weight_initializer()
    costs = ours.SGD(data, 3, 5, 0.5, lmbda, monitor_training_cost=True)[2]
    assert_same(ours.weights, theirs.weights)
    assert_same(ours.biases, theirs.biases)
    assert len(costs) == 3
    np.testing.assert_allclose(costs[-1], theirs.total_cost(data, lmbda), rtol=1e-9)
    capsys.readouterr()


def test_a_zip_iterator_trains_like_a_list(capsys):
    sizes = [4, 3]
    data = examples(sizes)
    results = []
    for source in (data, zip([x for x, _ in data], [y for _, y in data], strict=True)):
        seed(0)
        net = network.Network(sizes)
        net.SGD(source, 2, 4, 1.0)
        results.append(net.weights[0].copy())
    np.testing.assert_array_equal(results[0], results[1])
    capsys.readouterr()


@pytest.mark.parametrize("own_method", [False, True])
def test_one_seed_holds_over_several_calls_on_one_list(own_method, capsys):
    sizes = [4, 5, 3]
    data, theirs_data = examples(sizes), examples(sizes)
    seed(3)
    theirs = PlainNetwork(sizes, "cross_entropy", scaled=True)
    for _ in range(3):
        theirs.train(theirs_data, 2, 7, 0.5, 0.1, in_place=True)
    seed(3)
    ours = network2.Network(sizes)
    if own_method:
        step = ours.update_mini_batch
        ours.update_mini_batch = lambda *arguments: step(*arguments)
    for _ in range(3):
        ours.SGD(data, 2, 7, 0.5, 0.1)
    assert_same(ours.weights, theirs.weights)
    for (x, _), (their_x, _) in zip(data, theirs_data, strict=True):
        np.testing.assert_array_equal(x, their_x)
    capsys.readouterr()


def test_a_run_that_fails_leaves_the_list_in_the_order_it_came_to(capsys):
    data = examples([4, 3])
    whole = sorted(id(pair) for pair in data)
    net = network.Network([4, 3])

    def fail(mini_batch, eta):
        raise KeyboardInterrupt

    net.update_mini_batch = fail
    with pytest.raises(KeyboardInterrupt):
        net.SGD(data, 2, 4, 1.0)
    assert sorted(id(pair) for pair in data) == whole
    capsys.readouterr()


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("cost", COSTS)
def test_backprop_and_one_mini_batch(sizes, cost):
    data = examples(sizes)
    seed(5)
    theirs = PlainNetwork(sizes, cost, scaled=True)
    seed(5)
    ours = network2.Network(sizes, cost=COSTS[cost])
    for our, their in zip(ours.backprop(*data[0]), theirs.gradients(*data[0]), strict=True):
        assert isinstance(our, list)
        assert [g.shape for g in our] == [g.shape for g in their]
        assert_same(our, their, 1e-12)
    theirs.step(data[:6], 0.7, 2.0, 23)
    ours.update_mini_batch(data[:6], 0.7, 2.0, 23)
    assert_same(ours.weights, theirs.weights, 1e-12)
    assert_same(ours.biases, theirs.biases, 1e-12)


class CustomCrossEntropy:
    """The same formulas as in the core, in a class that the core does not know."""

    @staticmethod
    def fn(a, y):
        assert a.shape == y.shape == (10, 1)
        return -np.sum(y * np.log(a) + (1.0 - y) * np.log(1.0 - a))

    @staticmethod
    def delta(z, a, y):
        np.testing.assert_allclose(network2.sigmoid(z), a, rtol=1e-12)
        return a - y


class CustomNetwork(network.Network):
    """Chapter one's network with the derivative of the cross-entropy."""

    def cost_derivative(self, output_activations, y):
        return (output_activations - y) / (output_activations * (1.0 - output_activations))


def test_a_custom_cost_trains_by_its_formulas(capsys):
    data = examples([7, 17, 10])
    test = [(x, int(np.argmax(y))) for x, y in data]
    results = []
    for cost in (network2.CrossEntropyCost, CustomCrossEntropy):
        seed(6)
        net = network2.Network([7, 17, 10], cost=cost)
        monitored = net.SGD(list(data), 3, 5, 0.5, 1.0, test, True, True, True, True)
        assert net.cost is cost
        results.append((monitored, net.weights, net.biases))
    for ours, theirs in zip(*(monitored for monitored, _, _ in results), strict=True):
        assert len(ours) == 3
        np.testing.assert_allclose(theirs, ours, rtol=1e-9)
    assert_same(results[1][1], results[0][1])
    assert_same(results[1][2], results[0][2])
    capsys.readouterr()


def test_an_overridden_cost_derivative_trains_by_its_formula(capsys):
    data = examples([7, 17, 10])
    seed(7)
    theirs = PlainNetwork([7, 17, 10], "cross_entropy", scaled=False)
    theirs.train(data, 2, 5, 0.5, 0.0)
    seed(7)
    ours = CustomNetwork([7, 17, 10])
    ours.SGD(data, 2, 5, 0.5)
    assert_same(ours.weights, theirs.weights)
    assert_same(ours.biases, theirs.biases)
    capsys.readouterr()


def test_an_overridden_update_mini_batch_is_called_for_every_mini_batch(capsys):
    seen = []

    class Counting(network.Network):
        def update_mini_batch(self, mini_batch, eta):
            seen.append(len(mini_batch))
            super().update_mini_batch(mini_batch, eta)

    data = examples([4, 3])
    results = []
    for face in (network.Network, Counting):
        seed(8)
        net = face([4, 3])
        net.SGD(list(data), 2, 10, 1.0)
        results.append(net.weights)
    assert seen == [10, 10, 3] * 2
    assert_same(*results)
    capsys.readouterr()


def test_an_overridden_feedforward_is_used_for_accuracy_and_cost():
    class Inverted(network2.Network):
        def feedforward(self, a):
            return 1.0 - super().feedforward(a)

    net = Inverted([1, 2])
    net.weights = [np.zeros((2, 1))]
    net.biases = [np.array([[3.0], [-3.0]])]
    x = np.zeros((1, 1))
    assert net.accuracy([(x, 1), (x, 0)]) == 1
    assert net.accuracy([(x, 1), (x, 1)]) == 2
    wrong, right = np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])
    assert net.total_cost([(x, right)], 0.0) < 0.2 < 5.0 < net.total_cost([(x, wrong)], 0.0)
