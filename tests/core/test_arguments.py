"""Bad arguments to the core are refused before any work, with what was expected and found."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

from networks import make_network, make_problem, parameter_digest
from nncore import _core


def test_uninitialised_objects_do_not_crash() -> None:
    """Python can make objects without calling __init__. They raise, or are empty."""
    net = _core.Network.__new__(_core.Network)
    for ask in (
        lambda: _core.weight_views(net),
        lambda: _core.bias_views(net),
        net.all_finite,
        lambda: net.sizes,
    ):
        with pytest.raises(TypeError, match="not initialised"):
            ask()
    trainer = _core.Trainer.__new__(_core.Trainer)
    with pytest.raises(TypeError, match="not initialised"):
        _ = trainer.slots
    data = _core.Dataset.__new__(_core.Dataset)
    assert (len(data), data.has_classes, data.weight_sum) == (0, False, 0)


@pytest.mark.parametrize(
    ("sizes", "activations", "options", "message"),
    [
        ([], [], {}, "sizes"),
        ([3], [], {}, "sizes"),
        ([3, 0], ["linear"], {}, "sizes"),
        ([3, -2], ["linear"], {}, "sizes|-2"),
        ([2**40, 2**40], ["linear"], {}, "1099511627776"),
        ([3, 2], [], {}, "activations"),
        ([3, 2], ["tanh", "tanh"], {}, "activations"),
        ([3, 2], ["sigmod"], {}, "sigmod.*sigmoid"),
        ([3, 4, 2], ["softmax", "linear"], {}, "softmax.*output"),
        ([3, 2], ["linear"], {"cost": "cross_entropy"}, "linear.*sigmoid|sigmoid.*linear"),
        ([3, 2], ["softmax"], {"cost": "quadratic"}, "softmax.*linear"),
        ([3, 2], ["linear"], {"cost": "quadratc"}, "quadratc.*quadratic"),
        ([3, 2], ["linear"], {"dtype": "float16"}, "float16.*float32.*float64"),
        ([3, 2], ["linear"], {"seed": -1}, "seed"),
    ],
)
def test_invalid_architectures_are_refused(
    sizes: list[int], activations: list[str], options: dict[str, Any], message: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        _core.Network(sizes, activations, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size.*0"),
        ({"batch_size": -1}, "batch_size|-1"),
        ({"optimizer": "adm"}, "adm.*adam"),
        ({"hyperparameters": {"rho": 0.5}}, "rho.*sgd|sgd.*rho"),
        ({"optimizer": "momentum", "hyperparameters": {"momentum": 1.5}}, "momentum.*1.5"),
        ({"optimizer": "adam", "hyperparameters": {"beta_1": np.nan}}, "beta_1.*nan"),
        ({"optimizer": "adam", "hyperparameters": {"beta_2": 1.0}}, "beta_2.*1"),
        ({"optimizer": "rmsprop", "hyperparameters": {"rho": -0.5}}, "rho.*-0.5"),
        ({"l2": -1.0}, "l2.*-1"),
        ({"l1": np.nan}, "l1.*nan"),
        ({"max_norm": -1.0}, "max_norm.*-1"),
        ({"clip_norm": np.inf}, "clip_norm.*inf"),
        ({"clip_value": -0.5}, "clip_value.*-0.5"),
        ({"clip_value": "0.5"}, "clip_value is '0.5'; expected a number"),
        ({"clip_volume": 0.5}, "no option 'clip_volume'; expected one of .*clip_value"),
    ],
)
def test_invalid_trainer_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        _core.Trainer(make_network([3, 2], ["sigmoid"]), **{"batch_size": 4, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": np.nan}, "learning.rate.*nan"),
        ({"learning_rate": np.inf}, "learning.rate.*inf"),
        ({"learning_rate": -0.1}, "learning.rate.*-0.1"),
        ({"n_threads": -1}, "threads.*-1"),
        ({"order": np.array([0, 9])}, "order.*9"),
        ({"order": np.array([0, -1])}, "order.*-1"),
        ({"order": np.array([[0, 1]])}, "order"),
        ({"order": np.array([0.0, 1.0])}, "order|incompatible"),
    ],
)
def test_invalid_epoch_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    net = make_network([3, 2], ["sigmoid"])
    data = _core.Dataset(net, *make_problem(net, 9))
    trainer = _core.Trainer(net, batch_size=4)
    before = parameter_digest(net)
    arguments = {"order": None, "learning_rate": 0.1, **options}
    with pytest.raises((ValueError, TypeError), match=message):
        trainer.epoch(data, arguments.pop("order"), **arguments)
    assert parameter_digest(net) == before


def test_data_of_another_shape_or_dtype_is_refused() -> None:
    net = make_network([3, 2], ["sigmoid"])
    trainer = _core.Trainer(net, batch_size=4)
    for other in (make_network([4, 2], ["sigmoid"]), make_network([3, 5], ["sigmoid"])):
        data = _core.Dataset(other, *make_problem(other, 9))
        with pytest.raises(ValueError, match="network"):
            trainer.epoch(data, None, learning_rate=0.1)
        with pytest.raises(ValueError, match="network"):
            _core.gradients(net, data)
    other = make_network([3, 2], ["sigmoid"], dtype="float32")
    with pytest.raises((ValueError, TypeError), match="float"):
        trainer.epoch(_core.Dataset(other, *make_problem(other, 9)), None, learning_rate=0.1)


def test_training_and_evaluation_need_targets() -> None:
    net = make_network([3, 2], ["sigmoid"])
    data = _core.Dataset(net, np.ones((4, 3)))
    for call in (
        lambda d: _core.gradients(net, d),
        lambda d: _core.evaluate(net, d),
        lambda d: _core.Trainer(net, batch_size=4).epoch(d, None, learning_rate=0.1),
    ):
        with pytest.raises(ValueError, match=r"\by\b"):
            call(data)


def test_views_are_live_and_keep_the_network_alive() -> None:
    net = make_network([3, 4, 2], ["tanh", "linear"])
    w, b = _core.weight_views(net), _core.bias_views(net)
    assert [v.shape for v in w + b] == [(4, 3), (2, 4), (4,), (2,)]
    assert all(v.dtype == net.dtype and v.flags.writeable for v in w + b)
    x = np.ones(3)
    before = net.feedforward(x)
    b[1] += 1.0
    np.testing.assert_allclose(net.feedforward(x), before + 1.0)
    kept = w[0].copy()
    del net
    gc.collect()
    assert np.array_equal(w[0], kept)


def test_datasets_and_trainers_keep_their_arrays_and_network_alive() -> None:
    """A data set reads the caller's rows without a copy. It keeps them alive."""
    net = make_network([3, 2], ["sigmoid"])
    trainer = _core.Trainer(net, batch_size=4)
    data = _core.Dataset(net, np.full((50, 3), 0.5), np.zeros((50, 2)))
    expected = _core.evaluate(net, data)[0]
    del net
    gc.collect()
    junk = [np.full((50, 3), 1e9) for _ in range(20)]
    assert trainer.epoch(data, np.arange(4), learning_rate=0.0) == pytest.approx(expected)
    del junk


@pytest.mark.parametrize(
    ("cost", "output", "bad"),
    [("cross_entropy", "sigmoid", 1.5), ("cross_entropy", "sigmoid", -0.5),
     ("log_likelihood", "softmax", -0.5), ("poisson", "exponential", -1.0)],
)  # fmt: skip
def test_targets_outside_the_range_of_the_cost_are_refused(
    cost: str, output: str, bad: float
) -> None:
    net = make_network([3, 2], [output], cost)
    y = np.full((4, 2), 0.5)
    _core.Dataset(net, np.ones((4, 3)), y)
    y[2, 1] = bad
    with pytest.raises(ValueError, match=rf"(?s)\by\b.*{bad:g}\b.*row 2"):
        _core.Dataset(net, np.ones((4, 3)), y)


def test_targets_of_softmax_must_sum_to_one() -> None:
    """Only then is a - y the delta of -y ln a."""
    net = make_network([3, 2], ["softmax"], "log_likelihood")
    _core.Dataset(net, np.ones((2, 3)), np.array([[0.25, 0.75], [1.0, 0.0]]))
    with pytest.raises(ValueError, match=r"\by\b.*row 1"):
        _core.Dataset(net, np.ones((2, 3)), np.array([[0.25, 0.75], [1.0, 1.0]]))
