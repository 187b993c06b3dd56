"""nncore.book.network: attributes, shapes, printed lines, errors."""

# ruff: noqa: NPY002  (the book draws from NumPy's global generator)

from __future__ import annotations

import copy
import pickle
import random
import warnings

import numpy as np
import pytest

from nncore.book import network


@pytest.fixture
def net():
    np.random.seed(0)
    return network.Network([4, 3, 2])


def labelled(n, columns=4, classes=2):
    generator = np.random.default_rng(2)
    return [(generator.random((columns, 1)), int(generator.integers(classes))) for _ in range(n)]


def test_attributes_agree_with_the_book(net):
    assert net.num_layers == 3
    assert net.sizes == [4, 3, 2]
    assert isinstance(net.weights, list)
    assert isinstance(net.biases, list)
    assert [w.shape for w in net.weights] == [(3, 4), (2, 3)]
    assert [b.shape for b in net.biases] == [(3, 1), (2, 1)]
    assert all(p.dtype == np.float64 for p in net.weights + net.biases)


def test_parameters_are_drawn_from_numpys_generator_biases_first(net):
    np.random.seed(0)
    expected = [np.random.randn(*shape) for shape in [(3, 1), (2, 1), (3, 4), (2, 3)]]
    for ours, theirs in zip(net.biases + net.weights, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_class_attribute_sets_the_dtype(net):
    class Single(network.Network):
        dtype = "float32"

    np.random.seed(0)
    single = Single([4, 3, 2])
    assert single.weights[0].dtype == np.float32
    a = np.full((4, 1), 0.5)
    assert single.feedforward(a).dtype == np.float32
    np.testing.assert_allclose(single.feedforward(a), net.feedforward(a), rtol=1e-5)


def test_feedforward_sees_parameters_edited_in_place_and_assigned(net):
    x = np.full((4, 1), 0.25)

    def expected():
        a = x
        for w, b in zip(net.weights, net.biases, strict=True):
            a = network.sigmoid(w @ a + b)
        return a

    outputs = []
    for edit in (
        lambda: None,
        lambda: net.weights[0].__imul__(0.5),
        lambda: net.biases[1].__setitem__((0, 0), 2.0),
        lambda: setattr(net, "weights", [np.ones((3, 4)), -np.ones((2, 3))]),
        lambda: net.weights.__setitem__(1, np.eye(2, 3)),
        lambda: setattr(net, "biases", [b + 1 for b in net.biases]),
    ):
        edit()
        outputs.append(net.feedforward(x))
        assert outputs[-1].shape == (2, 1)
        np.testing.assert_allclose(outputs[-1], expected(), rtol=1e-12)
    assert len({output.tobytes() for output in outputs}) == len(outputs)


def test_assigned_parameters_are_copied(net):
    w = [np.ones((3, 4)), np.ones((2, 3))]
    net.weights = w
    w[0][:] = 7.0
    assert net.weights[0].max() == 1.0


def test_feedforward_of_many_columns(net):
    columns = np.random.default_rng(0).random((4, 5))
    together = net.feedforward(columns)
    assert together.shape == (2, 5)
    for i in range(5):
        np.testing.assert_allclose(together[:, i : i + 1], net.feedforward(columns[:, i : i + 1]))


def test_layers_may_be_swapped():
    net = network.Network([3, 3, 3])
    first, second = (w.copy() for w in net.weights)
    net.weights = net.weights[::-1]
    np.testing.assert_array_equal(net.weights[0], second)
    np.testing.assert_array_equal(net.weights[1], first)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([np.ones((3, 4))], r"expected arrays of shapes \[\(3, 4\), \(2, 3\)\], found"),
        ([np.ones((3, 4)), np.ones((3, 2))], r"found \[\(3, 4\), \(3, 2\)\]"),
        ([np.ones((3, 4)), 1.0], r"found \[\(3, 4\), \(\)\]"),
    ],
)
def test_invalid_weights_change_nothing(net, weights, message):
    before = [w.copy() for w in net.weights]
    with pytest.raises(ValueError, match=message):
        net.weights = weights
    with pytest.raises(ValueError, match="found"):
        net.weights[1] = np.ones((3, 2))
    for now, old in zip(net.weights, before, strict=True):
        np.testing.assert_array_equal(now, old)


def test_evaluate_counts_correct_argmax(net):
    data = labelled(40)
    expected = sum(int(np.argmax(net.feedforward(x)) == y) for x, y in data)
    count = net.evaluate(data)
    assert count == expected
    assert type(count) is int
    assert net.evaluate(iter(data)) == expected
    flipped = [(x, 1 - y) for x, y in data]
    assert net.evaluate(flipped) == 40 - expected


def test_printed_lines_with_test_data(net, capsys):
    test = labelled(12)
    training = [(x, np.eye(2)[:, [y]]) for x, y in test]
    random.seed(0)
    assert net.SGD(training, 2, 5, 0.1, test_data=iter(test)) is None
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Epoch 0: ")
    assert lines[1] == f"Epoch 1: {net.evaluate(test)} / 12"


def test_training_learns_a_separable_task(capsys):
    random.seed(1)
    np.random.seed(1)
    data = [(np.array([[i], [j]]), int(i | j)) for i in (0, 1) for j in (0, 1)] * 5
    training = [(x, np.eye(2)[:, [y]]) for x, y in data]
    net = network.Network([2, 4, 2])
    net.SGD(training, 200, 4, 3.0, data)
    assert capsys.readouterr().out.splitlines()[-1] == "Epoch 199: 20 / 20"


def test_update_mini_batch_lowers_the_cost(net):
    x, y = np.full((4, 1), 0.5), np.array([[1.0], [0.0]])
    before = np.sum((net.feedforward(x) - y) ** 2)
    net.update_mini_batch([(x, y)], 0.5)
    assert np.sum((net.feedforward(x) - y) ** 2) < before


def test_a_single_output_accepts_scalars(capsys):
    results = []
    for targets in ([np.array([[0.0]]), np.array([[1.0]])], [0, 1]):
        np.random.seed(3)
        random.seed(3)
        net = network.Network([1, 1])
        net.SGD([(np.array([[i]]), y) for i, y in enumerate(targets)], 3, 1, 1.0)
        results.append(net.weights[0].copy())
    np.testing.assert_array_equal(*results)
    capsys.readouterr()


X, Y = np.zeros((4, 1)), np.zeros((2, 1))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "the data set is empty"),
        ([(np.zeros(4), Y)], r"expected x of shape \(4, 1\), found \(4,\)"),
        ([(X, Y), (np.zeros((3, 1)), Y)], r"expected x of shape \(4, 1\), found \(3, 1\)"),
        ([(X, np.zeros(2))], r"expected y of shape \(2, 1\), found \(2,\)"),
        ([(X, 1)], r"expected y of shape \(2, 1\), found \(\)"),
        ([(X * np.nan, Y)], "(?i)nan"),
    ],
)
def test_bad_training_data(net, data, message):
    with pytest.raises(ValueError, match=message):
        net.SGD(data, 1, 1, 1.0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1.5, 1, 1.0), TypeError, "epochs must be an integer"),
        ((1, 0, 1.0), ValueError, "mini_batch_size must be at least 1"),
        ((1, 1, "fast"), TypeError, "eta must be a number, got 'fast'"),
        ((1, 1, float("nan")), ValueError, "eta must be at least 0 and finite"),
    ],
)
def test_bad_arguments(net, arguments, error, message):
    with pytest.raises(error, match=message):
        net.SGD([(X, Y)], *arguments)


def test_bad_test_data_and_bad_columns(net):
    with pytest.raises(ValueError, match=r"class number, found shape \(2, 1\)"):
        net.evaluate([(X, Y)])
    with pytest.raises(ValueError, match=r"expected a of shape \(4, 1\), found \(4,\)"):
        net.feedforward(np.zeros(4))


def test_copies_are_independent(net):
    x = np.full((4, 1), 0.5)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert twin.sizes == net.sizes
        np.testing.assert_array_equal(twin.feedforward(x), net.feedforward(x))
        twin.weights[0][:] = 0.0
        assert net.weights[0].any()


def test_sigmoid_is_accurate_and_does_not_overflow():
    z = np.array([-1e4, -40.0, -1.0, 0.0, 1.0, 40.0, 1e4])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        a, slope = network.sigmoid(z), network.sigmoid_prime(z)
    np.testing.assert_allclose(a[1:6], 1 / (1 + np.exp(-z[1:6])), rtol=1e-12)
    assert a[0] == 0.0
    assert a[-1] == 1.0
    assert network.sigmoid_prime(0.0) == pytest.approx(0.25)
    h = 1e-5
    steps = (network.sigmoid(z + h) - network.sigmoid(z - h)) / (2 * h)
    np.testing.assert_allclose(slope, steps, atol=1e-9)


def test_cost_derivative(net):
    np.testing.assert_array_equal(net.cost_derivative(np.array([3.0]), np.array([1.0])), [2.0])
