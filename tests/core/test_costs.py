"""Costs with numbers: against the NumPy reference and finite differences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nncore
from networks import make_network, make_problem, relative, twin
from nncore import _core, costs

LIST = [0.05, 0.5, 0.9]
CASES: list[tuple[str, str, int, dict[str, Any]]] = [
    ("cross_entropy", "sigmoid", 3, {"cost_hyperparameters": {"label_smoothing": 0.2}}),
    ("cross_entropy", "sigmoid", 1, {"cost_hyperparameters": {"label_smoothing": 0.1}}),
    ("log_likelihood", "softmax", 4, {"cost_hyperparameters": {"label_smoothing": 0.3}}),
    ("pinball", "linear", 6, {"cost_list": LIST}),
    ("pinball", "softplus", 3, {"cost_list": LIST}),
    ("gaussian", "linear", 4, {"cost_hyperparameters": {"min_variance": 0.5}}),
    ("gaussian", "linear", 2, {"cost_hyperparameters": {"min_variance": 2.0}}),
    ("focal", "softmax", 3, {"cost_list": [0.5, 1.0, 3.0]}),
    ("focal", "softmax", 3, {"cost_hyperparameters": {"gamma": 0.5}}),
    ("focal", "softmax", 3, {"cost_hyperparameters": {"gamma": 0.0}}),
    ("binary_focal", "sigmoid", 1, {"cost_list": [0.25, 2.0]}),
    ("binary_focal", "sigmoid", 3, {"cost_list": [0.5, 1.0, 3.0]}),
    ("binary_focal", "sigmoid", 2, {"cost_hyperparameters": {"gamma": 3.5}}),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("cost", "output", "outputs", "numbers"), CASES, ids=str)
def test_values_and_gradients_agree_with_numpy(
    cost: str, output: str, outputs: int, numbers: dict[str, Any], dtype: str
) -> None:
    net = make_network([5, 7, outputs], ["tanh", output], cost, dtype, **numbers)
    ref, tolerance = twin(net), 1e-10 if dtype == "float64" else 2e-5
    x, y = make_problem(net, 40)
    weight = np.random.default_rng(3).exponential(size=40)
    data = _core.Dataset(net, x, y, weight)
    found, nabla_w, nabla_b = _core.gradients(net, data)
    assert found == pytest.approx(ref.mean_cost(x, y, weight), rel=tolerance)
    assert _core.evaluate(net, data)[0] == pytest.approx(found, rel=tolerance)
    ref_w, ref_b = ref.backprop(x, y, weight)
    for one, other in zip(nabla_w + nabla_b, ref_w + ref_b, strict=True):
        assert relative(one, other) <= tolerance


@pytest.mark.parametrize(
    ("cost", "output", "outputs", "numbers"),
    [*CASES, ("pinball", "linear", 6,
              {"cost_list": LIST, "cost_hyperparameters": {"non_crossing": 1.0}})],
    ids=str,
)  # fmt: skip
def test_gradients_agree_with_finite_differences(
    cost: str, output: str, outputs: int, numbers: dict[str, Any]
) -> None:
    net = make_network([4, 3, outputs], ["tanh", output], cost, **numbers)
    x, y = make_problem(net, 6)
    data = _core.Dataset(net, x, y)
    _, nabla_w, nabla_b = _core.gradients(net, data)
    for array, slopes in zip(
        _core.weight_views(net) + _core.bias_views(net), nabla_w + nabla_b, strict=True
    ):
        assert np.abs(slopes).max() > 1e-4
        for place in np.ndindex(array.shape):
            kept, h = array[place], 1e-6
            array[place] = kept + h
            above = _core.gradients(net, data)[0]
            array[place] = kept - h
            below = _core.gradients(net, data)[0]
            array[place] = kept
            assert slopes[place] == pytest.approx((above - below) / (2 * h), abs=2e-8, rel=1e-6)


def test_focal_with_gamma_zero_is_the_usual_cost() -> None:
    for focal, usual, output in (
        ("focal", "log_likelihood", "softmax"),
        ("binary_focal", "cross_entropy", "sigmoid"),
    ):
        numbers = {"cost_hyperparameters": {"gamma": 0.0}}
        a = make_network([3, 4], [output], focal, **numbers)
        b = make_network([3, 4], [output], usual)
        x, y = make_problem(b, 9)
        for one, other in zip(
            _core.gradients(a, _core.Dataset(a, x, y))[1],
            _core.gradients(b, _core.Dataset(b, x, y))[1],
            strict=True,
        ):
            assert relative(one, other) < 1e-12


@pytest.mark.parametrize("z", [100.0, -100.0, 700.0])
def test_costs_stay_finite_where_outputs_saturate(z: float) -> None:
    for cost, output, outputs in (
        ("focal", "softmax", 2), ("binary_focal", "sigmoid", 2), ("gaussian", "linear", 2),
    ):  # fmt: skip
        for dtype in ("float32", "float64"):
            net = _core.Network([1, outputs], [output], cost, dtype)
            _core.bias_views(net)[0][...] = [0.0, z if cost != "gaussian" else -abs(z)]
            y = [[0.25]] if cost == "gaussian" else [[1.0, 0.0]]
            found, _, slopes = _core.gradients(net, _core.Dataset(net, [[0.0]], y))
            assert np.isfinite(found)
            assert np.isfinite(slopes[0]).all()


def test_quantiles_are_learnt_and_do_not_cross() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (3000, 1))
    y = x[:, 0] + (0.2 + 0.5 * (x[:, 0] > 0)) * rng.normal(size=3000)
    taus = [0.1, 0.5, 0.9]
    net = nncore.Network([1, 32, 3], activation="tanh",
                         cost=costs.Pinball(taus, non_crossing=True), seed=1)  # fmt: skip
    assert net.activations[-1] == "linear"
    untrained = net.feedforward(rng.normal(size=(500, 1)) * 5)
    assert (np.diff(untrained, axis=1) >= 0).all()
    net.fit(x, y, 30, batch_size=50, optimizer="adam", learning_rate=0.01, progress=False)
    outputs = net.feedforward(x)
    assert (np.diff(outputs, axis=1) >= 0).all()
    below = (y[:, None] < outputs).mean(axis=0)
    np.testing.assert_allclose(below, taus, atol=0.04)


def test_ordered_quantiles_train_as_their_rank_says() -> None:
    """One step from crossing outputs: each unit has the slope of the quantile it stands for."""
    net = make_network([1, 2], ["linear"], "pinball", cost_list=[0.1, 0.9],
                       cost_hyperparameters={"non_crossing": 1.0})  # fmt: skip
    _core.weight_views(net)[0][...] = 0.0
    _core.bias_views(net)[0][...] = [2.0, -2.0]
    assert net.feedforward([[0.0]]).tolist() == [[-2.0, 2.0]]
    _, _, slopes = _core.gradients(net, _core.Dataset(net, [[0.0]], [0.0]))
    np.testing.assert_allclose(slopes[0], [0.1, -0.1])


def test_a_gaussian_learns_means_and_variances() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (4000, 1))
    deviation = np.where(x[:, 0] > 0, 0.8, 0.2)
    y = 2 * x[:, 0] + deviation * rng.normal(size=4000)
    net = nncore.Network([1, 32, 2], activation="tanh", cost="gaussian", seed=1)
    net.fit(x, y, 30, batch_size=50, optimizer="adam", learning_rate=0.005, progress=False)
    mean, log_variance = net.feedforward([[-0.5], [0.5]]).T
    np.testing.assert_allclose(mean, [-1.0, 1.0], atol=0.15)
    np.testing.assert_allclose(np.exp(0.5 * log_variance), [0.2, 0.8], rtol=0.2)


def test_soft_targets() -> None:
    """A student learns its teacher's probabilities."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    teacher = nncore.Network([3, 4], output_activation="softmax", cost="log_likelihood", seed=2)
    soft = teacher.feedforward(x)
    student = nncore.Network([3, 4], output_activation="softmax", cost="log_likelihood", seed=5)
    student.fit(x, soft, 60, optimizer="adam", learning_rate=0.02, progress=False)
    assert np.abs(student.feedforward(x) - soft).max() < 0.02
    assert student.evaluate(x, soft).accuracy is None


def test_smoothing_is_part_of_the_cost_and_keeps_the_accuracy() -> None:
    net = nncore.Network([2, 3], cost=costs.LogLikelihood(label_smoothing=0.3),
                         output_activation="softmax", dtype="float64")  # fmt: skip
    plain = nncore.Network([2, 3], cost="log_likelihood", output_activation="softmax",
                           dtype="float64", initializer=(net.weights, net.biases))  # fmt: skip
    x, labels = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20) % 3
    smooth = 0.7 * np.eye(3)[labels] + 0.1
    found = net.evaluate(x, labels)
    assert found.cost == pytest.approx(plain.evaluate(x, smooth).cost, rel=1e-12)
    assert found.accuracy == plain.evaluate(x, labels).accuracy
    assert net.evaluate(x, np.eye(3)[labels]).cost == found.cost


def test_class_balanced_weights() -> None:
    focal = costs.Focal.balanced([1000, 10], beta=0.99)
    a, b = focal.class_weights
    assert a + b == pytest.approx(2.0)
    assert b / a == pytest.approx((1 - 0.99**1000) / (1 - 0.99**10))
    assert costs.BinaryFocal.balanced([5, 5]).class_weights == (1.0, 1.0)


@pytest.mark.parametrize(
    "cost",
    [
        "gaussian",
        costs.Gaussian(0.125),
        costs.Pinball([0.1, 0.9], non_crossing=True),
        costs.Focal(1.5, [0.1, 1 / 3]),
        costs.LogLikelihood(label_smoothing=0.1),
    ],
    ids=str,
)
def test_numbers_are_kept_by_files_copies_and_pickles(cost: Any, tmp_path: Path) -> None:
    import copy
    import pickle

    net = nncore.Network([3, 2], cost=cost, output_activation=(
        None if not isinstance(cost, costs.LogLikelihood) else "softmax"))  # fmt: skip
    net.save(tmp_path / "model.safetensors")
    for other in (
        nncore.Network.load(tmp_path / "model.safetensors"),
        pickle.loads(pickle.dumps(net)),
        copy.deepcopy(net),
    ):
        assert costs.of(other) == costs.of(net) == cost
        assert other.cost_hyperparameters == net.cost_hyperparameters
        assert other.cost_list == net.cost_list
    assert repr(cost) in repr(net)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: costs.Pinball([0.9, 0.1]), "ascend"),
        (lambda: costs.Pinball([]), "one at least"),
        (lambda: costs.Pinball([0.0]), "above 0"),
        (lambda: costs.LogLikelihood(1.0), "below 1"),
        (lambda: costs.Focal(-1), "at least 0"),
        (lambda: costs.Focal.balanced([3, 0]), "1 or more"),
        (lambda: nncore.Network([1, 4], cost=costs.Pinball([0.1, 0.5, 0.9])),
         "3 for each target"),
        (lambda: nncore.Network([1, 3], cost="gaussian"), "2 for each target"),
        (lambda: nncore.Network([1, 3], cost=costs.Focal(2, [1, 1])), "expected 3, one for each"),
        (lambda: nncore.Network([1, 2], cost="gaussian", output_activation="tanh"),
         "expected one of linear"),
        (lambda: nncore.Network([1, 1], cost=costs.Pinball(non_crossing=True),
                                output_activation="tanh"), "need linear outputs"),
        (lambda: nncore.Network([1, 1], cost="custom"), "unknown cost"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_targets_that_do_not_fit_are_refused() -> None:
    net = nncore.Network([2, 4], cost=costs.Pinball([0.1, 0.9]))
    x = np.zeros((3, 2))
    with pytest.raises(ValueError, match=r"expected targets \(3, 2\)"):
        net.evaluate(x, np.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"expected targets \(3, 2\)"):
        net.evaluate(x, [0, 1, 0])
    with pytest.raises(ValueError, match="do not stand for classes"):
        net.predict(x)
    assert net.evaluate(x, np.zeros((3, 2))).accuracy is None


@pytest.mark.parametrize("cost", [None, 3, costs.Focal, np.zeros(2)], ids=str)
def test_what_is_no_cost_is_refused(cost: Any) -> None:
    with pytest.raises(TypeError, match="cost must be"):
        nncore.Network([2, 2], cost=cost)


@pytest.mark.parametrize("cost", _core.COSTS)
def test_the_usual_output_goes_with_its_cost(cost: str) -> None:
    assert costs.usual_output(cost) in _core.output_activations(cost)


def test_quantiles_out_of_the_outputs_reach_are_refused() -> None:
    net = nncore.Network([1, 3], cost=costs.Pinball(LIST), output_activation="sigmoid")
    with pytest.raises(ValueError, match="y has 5 in row 1; sigmoid outputs reach 0 to 1"):
        net.fit([[0.0], [1.0]], [0.5, 5.0], 1, progress=False)
