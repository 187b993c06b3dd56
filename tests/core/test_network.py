"""nncore.Network: construction, parameters, prediction, gradients, files, pickles, text."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nncore
from nncore import Network, _core

X = np.random.default_rng(0).normal(size=(30, 5))
Y = np.arange(30) % 3


def bits(net: Network) -> bytes:
    return b"".join(np.ascontiguousarray(p).tobytes() for p in net.weights + net.biases)


# --- construction -------------------------------------------------------------------------------


def test_defaults() -> None:
    net = Network([4, 3, 2])
    assert net.sizes == (4, 3, 2)
    assert net.activations == ("sigmoid", "sigmoid")
    assert (net.cost, net.dtype, net.seed, net.epoch) == ("quadratic", np.float32, 0, 0)
    assert len(net.history) == 0
    assert [w.shape for w in net.weights] == [(3, 4), (2, 3)]
    assert [b.shape for b in net.biases] == [(3,), (2,)]


def test_activations_by_layer() -> None:
    net = Network(
        [4, 3, 3, 2],
        activation=["relu", "tanh"],
        output_activation="softmax",
        cost="log_likelihood",
    )
    assert net.activations == ("relu", "tanh", "softmax")
    assert Network([4, 2], activation=[]).activations == ("sigmoid",)
    assert Network([4, 2], activation="relu").activations == ("sigmoid",)


def test_auto_initializer_follows_the_activation() -> None:
    """He's standard deviation is sqrt(2 / in), Glorot's bound sqrt(6 / (in + out))."""
    auto = Network([400, 300, 200], activation="relu", seed=3)
    named = Network(
        [400, 300, 200], activation="relu", seed=3, initializer=["he_normal", "glorot_uniform"]
    )
    assert bits(auto) == bits(named)
    assert auto.weights[0].std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    bound = np.sqrt(6 / 500)
    assert 0.98 * bound < np.abs(auto.weights[1]).max() <= bound
    assert not np.any(auto.biases[0])


@pytest.mark.parametrize("name", _core.INITIALIZERS)
def test_every_initializer_by_name_and_seed(name: str) -> None:
    same = [bits(Network([20, 10, 5], initializer=name, seed=2)) for _ in range(2)]
    assert same[0] == same[1]
    if name != "zeros":
        assert same[0] != bits(Network([20, 10, 5], initializer=name, seed=3))


def test_initialisation_from_given_arrays() -> None:
    weights, biases = [[[1.0, 2.0]]], [[3.0]]
    for given in ((weights, biases), [weights, biases]):
        net = Network([2, 1], initializer=given, dtype="float64")
        assert net.weights[0].tolist() == [[1.0, 2.0]]
        assert net.biases[0].tolist() == [3.0]


@pytest.mark.parametrize("dtype", ["float32", "float64", np.float32, np.dtype("f8"), float])
def test_dtypes(dtype: Any) -> None:
    net = Network([2, 1], dtype=dtype)
    assert net.dtype == np.dtype(dtype)
    assert net.weights[0].dtype == net.feedforward([[1, 2]]).dtype == net.dtype


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sizes": [4]}, ValueError, "two layers or more"),
        ({"sizes": []}, ValueError, "two layers or more"),
        ({"sizes": [4, 0]}, ValueError, "every size must be at least 1, got 0"),
        ({"sizes": [4, 2**70]}, ValueError, "every size must be at most"),
        ({"sizes": [4, 2.5]}, TypeError, "every size must be an integer"),
        ({"sizes": "42"}, TypeError, "sizes must be a list"),
        ({"sizes": 4}, TypeError, "sizes must be a list"),
        ({"activation": "rlu"}, ValueError, "unknown activation 'rlu'; did you mean 'relu'"),
        ({"activation": ["relu", "relu"]}, ValueError, "2 names; expected 1"),
        ({"activation": 3}, TypeError, "activation"),
        ({"activation": "softmax"}, ValueError, "softmax"),
        ({"output_activation": "sigmod"}, ValueError, "did you mean 'sigmoid'"),
        ({"cost": "crossentropy"}, ValueError, "take 'cross_entropy' .sigmoid outputs. or"),
        ({"cost": "log_likelihood"}, ValueError, "softmax"),
        ({"output_activation": "softmax"}, ValueError, "log_likelihood|softmax"),
        ({"initializer": "he"}, ValueError, "unknown initializer 'he'"),
        ({"initializer": ["zeros"]}, ValueError, "1 names; expected 2"),
        ({"initializer": ([], [])}, ValueError, "shapes"),
        ({"initializer": ([], [], [])}, ValueError, "expected|must be"),
        ({"initializer": ("zeros", [[0], [0]])}, TypeError, "initializer must be a name"),
        ({"initializer": 3}, TypeError, "initializer must be a name"),
        ({"dtype": "float16"}, ValueError, "dtype must be 'float32' or 'float64'"),
        ({"dtype": "single precision"}, ValueError, "dtype must be 'float32' or 'float64'"),
        ({"dtype": None}, ValueError, "dtype must be 'float32' or 'float64', got None"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": 2**64}, ValueError, "seed must be at most"),
        ({"seed": 1.5}, TypeError, "seed must be an integer"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Network(**{"sizes": [4, 3, 2], **arguments})


# --- parameters ---------------------------------------------------------------------------------


def test_views_are_live() -> None:
    net = Network([2, 1], output_activation="linear", initializer="zeros")
    net.weights[0][0, 1] = 2.0
    net.biases[0] += 1.0
    assert net.feedforward([[5.0, 3.0]]).tolist() == [[7.0]]
    net.weights = [[[1, 0]]]
    assert net.feedforward([[5.0, 3.0]]).tolist() == [[6.0]]
    net.biases[0] = [0]
    assert net.feedforward([[5.0, 3.0]]).tolist() == [[5.0]]


def test_views_outlive_the_network() -> None:
    net = Network([50, 20])
    w = net.weights[0]
    before = w.copy()
    del net
    gc.collect()
    assert np.array_equal(w, before)


def test_assigning_parameters_copies_all_or_nothing() -> None:
    net = Network([3, 2, 1], dtype="float64")
    before = bits(net)
    good, bad = np.ones((2, 3)), np.ones((2, 2))
    for wrong, error in (
        ([good, bad], ValueError),
        ([good], ValueError),
        ([good, [[np.nan, 0]]], ValueError),
        ([good, [["a", "b"]]], TypeError),
        ([good, [[1j, 0]]], TypeError),
        ([good, [[1], [1, 0]]], ValueError),
        (3, TypeError),
    ):
        with pytest.raises(error, match="expected"):
            net.weights = wrong
        assert bits(net) == before
    with pytest.raises(ValueError, match="expected"):
        net.biases[0] = np.zeros(3)
    source = [good, np.ones((1, 2))]
    net.weights = source
    source[0][0, 0] = 7.0
    assert net.weights[0][0, 0] == 1.0
    net.weights[:] = [2 * w for w in source]
    assert net.weights[1].tolist() == [[2.0, 2.0]]


def test_parameters_too_large_for_float32_are_refused() -> None:
    with pytest.raises(ValueError, match="finite numbers in float32"):
        Network([1, 1]).weights = [[[1e300]]]


# --- prediction and gradients ---------------------------------------------------------------


def test_evaluate() -> None:
    net = Network([5, 4, 3], seed=1, dtype="float64")
    result = net.evaluate(X, Y)
    outputs = net.feedforward(X)
    assert result.cost == pytest.approx(0.5 * ((outputs - np.eye(3)[Y]) ** 2).sum(axis=1).mean())
    assert result.accuracy == (net.predict(X) == Y).mean()
    weight = np.random.default_rng(1).random(30)
    weighted = net.evaluate(X, Y, weight)
    assert weighted.accuracy == pytest.approx(np.average(net.predict(X) == Y, weights=weight))
    regression = Network([5, 1], output_activation="linear")
    assert regression.evaluate(X, X[:, 0]).accuracy is None


def test_backprop_is_the_gradient_of_the_cost() -> None:
    net = Network([5, 4, 3], seed=1, dtype="float64")
    weights, biases = net.backprop(X, Y)
    for parameters, gradients in ((net.weights, weights), (net.biases, biases)):
        for p, g in zip(parameters, gradients, strict=True):
            assert g.shape == p.shape
            index = tuple(0 for _ in p.shape)
            kept = p[index]
            p[index] = kept + 1e-6
            above = net.evaluate(X, Y).cost
            p[index] = kept - 1e-6
            below = net.evaluate(X, Y).cost
            p[index] = kept
            assert g[index] == pytest.approx((above - below) / 2e-6, rel=1e-5)


def test_loss_and_gradient_adds_the_penalties() -> None:
    net = Network([5, 4, 3], seed=1, dtype="float64")
    plain, plain_w, plain_b = net.loss_and_gradient(X, Y)
    loss, weights, biases = net.loss_and_gradient(X, Y, l2=3.0, l1=2.0, penalty_rows=40)
    squares = sum((w**2).sum() for w in net.weights)
    sizes = sum(np.abs(w).sum() for w in net.weights)
    assert loss == pytest.approx(plain + 3.0 / 80 * squares + 2.0 / 40 * sizes)
    for w, g, p in zip(net.weights, weights, plain_w, strict=True):
        assert np.allclose(g, p + 3.0 / 40 * w + 2.0 / 40 * np.sign(w), atol=1e-14)
    for g, p in zip(biases, plain_b, strict=True):
        assert np.allclose(g, p, atol=1e-14)
    by_rows = net.loss_and_gradient(X, Y, l2=3.0)[0]
    assert by_rows == pytest.approx(plain + 3.0 / 60 * squares)


def test_input_gradient() -> None:
    net = Network([5, 4, 3], seed=1, dtype="float64")
    gradient = net.input_gradient(X, Y)
    assert gradient.shape == X.shape
    above, below = X[:1].copy(), X[:1].copy()
    above[0, 2] += 1e-6
    below[0, 2] -= 1e-6
    slope = (net.evaluate(above, Y[:1]).cost - net.evaluate(below, Y[:1]).cost) / 2e-6
    assert gradient[0, 2] == pytest.approx(slope, rel=1e-5)


def test_update_mini_batch_is_one_step_down_the_gradient() -> None:
    net = Network([5, 4, 3], seed=1, dtype="float64")
    weights, biases = net.backprop(X, Y)
    expected = [
        p - 0.5 * g for p, g in zip(net.weights + net.biases, weights + biases, strict=True)
    ]
    net.update_mini_batch(X, Y, 0.5)
    for p, wanted in zip(net.weights + net.biases, expected, strict=True):
        assert np.allclose(p, wanted, rtol=1e-12, atol=1e-15)
    assert net.epoch == 0
    for wrong in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="learning_rate must be above 0"):
            net.update_mini_batch(X, Y, wrong)


def test_many_threads_may_predict_with_one_network() -> None:
    net = Network([5, 40, 3], seed=1)
    expected = net.predict(X)
    wrong: list[int] = []

    def ask() -> None:
        for _ in range(50):
            if not np.array_equal(net.predict(X), expected):
                wrong.append(1)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- files, pickles, copies, text -----------------------------------------------------------------


class Digits(Network):
    """A subclass with a method and an attribute of its own."""

    def __init__(self, hidden: int) -> None:
        super().__init__([5, hidden, 3], seed=5)
        self.note = "mine"

    def doubled(self) -> Any:
        return 2 * self.feedforward(X)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_save_and_load(dtype: str, tmp_path: Path) -> None:
    net = Network([5, 4, 3], activation="tanh", dtype=dtype, seed=2**63 + 1)
    net.fit(X, Y, 2)
    path = tmp_path / "model.safetensors"
    net.save(path)
    for where in (path, os.fspath(path)):
        twin = Network.load(where)
        assert type(twin) is Network
        assert repr(twin) == repr(net)
        assert bits(twin) == bits(net)
        assert (twin.seed, twin.epoch) == (2**63 + 1, 2)
    net.fit(X, Y, 1)
    twin.fit(X, Y, 1)
    assert bits(twin) == bits(net)


def test_load_returns_the_subclass(tmp_path: Path) -> None:
    net = Digits(4)
    net.save(tmp_path / "model")
    twin = Digits.load(tmp_path / "model")
    assert type(twin) is Digits
    assert np.array_equal(twin.doubled(), net.doubled())


def test_load_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(nncore.ModelFileError, match=r"model\.safetensors.*No such file"):
        Network.load(path)
    path.write_bytes(b"no model")
    with pytest.raises(nncore.ModelFileError, match=r"model\.safetensors"):
        Network.load(path)


def test_invalid_paths_and_parameters_are_not_saved(tmp_path: Path) -> None:
    net = Network([2, 1])
    with pytest.raises(nncore.ModelFileError, match=r"nowhere/model.*No such file"):
        net.save(tmp_path / "nowhere" / "model")
    for write in (net.save, net.save_checkpoint, Network.load, Network.resume):
        for path in ("", "a\0b"):
            with pytest.raises(ValueError, match="path must name a file"):
                write(path)
        with pytest.raises(TypeError, match="path must be a string or a path, got 3"):
            write(3)
    net.weights[0][0, 0] = np.nan
    for write in (net.save, net.save_checkpoint):  # load would refuse them
        with pytest.raises(ValueError, match="NaN or infinity among its parameters"):
            write(tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))]
)
def test_copies_are_bit_identical_and_independent(copied: Any) -> None:
    net = Digits(4)
    net.fit(X, Y, 2, optimizer="adam", learning_rate=0.01)
    twin = copied(net)
    assert type(twin) is Digits
    assert twin.note == "mine"
    pickled = copied not in (copy.copy, copy.deepcopy)
    history = net.history.without_seconds() if pickled else net.history
    assert (repr(twin), twin.history) == (repr(net), history)
    assert bits(twin) == bits(net)
    twin.weights[0][...] = 0.0
    assert np.any(net.weights[0])
    twin = copied(net)
    for each in (net, twin):  # the optimiser's slots were copied
        each.fit(X, Y, 1, optimizer="adam", learning_rate=0.01)
    assert bits(twin) == bits(net)


def test_a_trained_network_is_garbage_collected() -> None:
    net = Network([5, 4, 3])
    net.fit(X, Y, 1, optimizer="adam", validation_data=(X, Y))
    net.update_mini_batch(X, Y, 0.1)
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


def test_repr_and_summary() -> None:
    net = Network([5, 4, 3, 2], activation=["relu", "tanh"], seed=7, dtype="float64")
    assert repr(net) == (
        "Network([5, 4, 3, 2], activation=['relu', 'tanh'], output_activation='sigmoid', "
        "cost='quadratic', dtype='float64', seed=7)"
    )
    assert repr(eval(repr(net))) == repr(net)
    net.fit(X, Y % 2, 3)
    assert repr(net).endswith("epoch=3)")
    assert net.summary().splitlines() == [
        "layer  activation  inputs  units  parameters",
        "    1  relu             5      4          24",
        "    2  tanh             4      3          15",
        "    3  sigmoid          3      2           8",
        "47 parameters of 8 bytes: 376.0 bytes",
        "quadratic cost, seed 7, trained for 3 epochs",
    ]


# --- the package ----------------------------------------------------------------------------------


def test_import_loads_no_optional_package() -> None:
    heavy = ["scipy", "sklearn", "tqdm", "pandas", "matplotlib", "PIL", "pooch", "torch"]
    code = f"import sys, nncore; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
    assert out.stderr == ""


def test_import_loads_little_that_numpy_does_not() -> None:
    slow = ["dataclasses", "inspect", "json", "enum", "pathlib", "subprocess", "nncore.costs"]
    code = (
        "import sys, numpy, numpy.typing; before = set(sys.modules); import nncore; "
        f"print([m for m in {slow} if m in sys.modules and m not in before])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_submodules_are_imported_on_first_use() -> None:
    code = (
        "import nncore; print(nncore.optimizers.Adam().name, nncore.metrics.mse([1], [2]),"
        "nncore.schedules.Constant(1).rate, nncore.callbacks.Lambda.__name__)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["adam", "1.0", "1", "Lambda"]
    assert {"datasets", "book", "sklearn"} <= set(dir(nncore))
    with pytest.raises(AttributeError, match="no attribute 'nets'"):
        nncore.nets  # noqa: B018


def test_set_num_threads() -> None:
    nncore.set_num_threads(1)
    assert nncore.get_num_threads() == 1
    with pytest.raises(ValueError, match="thread"):
        nncore.set_num_threads(0)
