"""`nncore.Trainer`: steps against the NumPy reference and `fit`, policy gradients, files."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nncore
import reference
from networks import assert_same_parameters, parameter_digest, relative, twin
from nncore import _core, costs, schedules

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 4))
LABELS = RNG.integers(0, 3, 24)
WEIGHT = RNG.exponential(size=24)


def make(output: str = "softmax", cost: Any = "log_likelihood", dtype: str = "float64", **kw: Any):
    return nncore.Network(
        [4, 7, 3], activation="tanh", output_activation=output, cost=cost, dtype=dtype, seed=3, **kw
    )


def test_a_rate_that_is_no_number_is_told() -> None:
    trainer = nncore.Trainer(make(), "sgd", lambda step: "fast")
    with pytest.raises(TypeError, match=r"learning_rate must be a number.*got 'fast'"):
        trainer.step(X, LABELS)
    assert trainer.steps == 0


@pytest.mark.parametrize("options", [{}, {"l2": 2.0}, {"l1": 0.5}, {"clip_norm": 0.01},
                                     {"clip_value": 0.01}, {"max_norm": 0.4}], ids=str)  # fmt: skip
@pytest.mark.parametrize("optimizer", _core.OPTIMIZERS)
def test_steps_agree_with_numpy(optimizer: str, options: dict[str, float]) -> None:
    net = make()
    ref = twin(net)
    rule = reference.OPTIMIZERS[optimizer](**_core.OPTIMIZERS[optimizer])
    trainer = nncore.Trainer(net, optimizer, 0.05, penalty_rows=40, **options)
    for t in range(5):
        rows = slice(4 * t, 4 * t + 4)
        y = np.eye(3)[LABELS[rows]]
        expected = ref.mean_cost(X[rows], y, WEIGHT[rows])
        found = trainer.step(X[rows], LABELS[rows], WEIGHT[rows])
        assert found == pytest.approx(expected, rel=1e-9)
        ref.update_mini_batch(X[rows], y, 0.05, rule, n=40, sample_weight=WEIGHT[rows], **options)
        assert_same_parameters(net, ref, 1e-9)
    assert trainer.steps == 5
    assert net.epoch == 0
    assert not net.history.epochs


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_have_the_bits_of_fit(dtype: str) -> None:
    stepped, fitted = make(dtype=dtype), make(dtype=dtype)
    trainer = nncore.Trainer(stepped, "adam", 0.01, l2=0.3, penalty_rows=24)
    for t in range(0, 24, 5):
        trainer.step(X[t : t + 5], LABELS[t : t + 5])
    fitted.fit(X, LABELS, 1, 5, 0.01, optimizer="adam", l2=0.3, shuffle=False, progress=False)
    assert parameter_digest(stepped) == parameter_digest(fitted)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("x", "y", "weight"),
    [
        (X[0], 2, 0.5),
        (X[0], np.int64(2), None),
        (list(X[0]), [0.0, 0.0, 1.0], [0.5]),
        (X[:1], [2], None),
        (X[0].astype(np.float32), np.array([0, 0, 1]), np.array([2.0])),
    ],
    ids=str,
)
def test_one_row_in_every_form(x: Any, y: Any, weight: Any, dtype: str) -> None:
    nets = make(dtype=dtype), make(dtype=dtype)
    single = np.asarray(x).dtype == np.float32
    expected_x = np.asarray(x, dtype=dtype)[None] if single else X[:1]
    found = nncore.Trainer(nets[0], "adam", 0.1).step(x, y, weight)
    expected = nncore.Trainer(nets[1], "adam", 0.1).step(expected_x, np.array([2]))
    assert found == expected
    assert parameter_digest(nets[0]) == parameter_digest(nets[1])


def test_a_single_output_takes_a_number() -> None:
    net = nncore.Network([4, 1], output_activation="linear", dtype="float64")
    other = nncore.Network([4, 1], output_activation="linear", dtype="float64")
    for y in (0.5, np.float64(0.5), [0.5], np.array([[0.5]])):
        nncore.Trainer(net, "sgd", 0.1).step(X[0], y)
        nncore.Trainer(other, "sgd", 0.1).step(X[:1], np.array([0.5]))
        assert parameter_digest(net) == parameter_digest(other)


def test_sparse_rows() -> None:
    scipy = pytest.importorskip("scipy.sparse")
    nets = make(), make()
    x = X * (X > 0)
    nncore.Trainer(nets[0], "adam", 0.1).step(scipy.csr_matrix(x), LABELS)
    nncore.Trainer(nets[1], "adam", 0.1).step(x, LABELS)
    for a, b in zip(nets[0].weights, nets[1].weights, strict=True):
        assert relative(a, b) < 1e-12


def test_weights_of_any_sign_are_factors_of_the_rows_costs() -> None:
    """One step of plain descent is the mean over the rows of weight times gradient."""
    net = make()
    before = [np.array(w) for w in net.weights]
    advantage = RNG.normal(size=24)
    expected = [np.zeros_like(w) for w in before]
    for row, factor in enumerate(advantage):
        gradients = net.backprop(X[row : row + 1], LABELS[row : row + 1])[0]
        for total, one in zip(expected, gradients, strict=True):
            total += factor * one / 24
    nncore.Trainer(net, "sgd", 1.0).step(X, LABELS, advantage, mean_over_rows=True)
    for old, new, slope in zip(before, net.weights, expected, strict=True):
        assert relative(old - new, slope) < 1e-10
    with pytest.raises(ValueError, match="expected finite numbers from 0 up"):
        nncore.Trainer(net, "sgd", 1.0).step(X, LABELS, advantage)


def test_one_rows_weight_counts_where_the_mean_is_over_rows() -> None:
    a, b = make(), make()
    start = np.array(a.weights[0])
    nncore.Trainer(a, "sgd", 1.0).step(X[0], 1, -2.0, mean_over_rows=True)
    nncore.Trainer(b, "sgd", 1.0).step(X[0], 1)
    assert relative(a.weights[0] - start, -2 * (b.weights[0] - start)) < 1e-10


@pytest.mark.parametrize("output", ["softmax", "linear", "sigmoid", "tanh", "softplus"])
def test_a_given_output_gradient_goes_through_every_output_activation(output: str) -> None:
    """The step follows the gradient of sum(c * outputs) / n, by finite differences."""
    cost = "log_likelihood" if output == "softmax" else "quadratic"
    net = make(output, "cross_entropy" if output == "sigmoid" else cost)
    c, weight = RNG.normal(size=(24, 3)), RNG.normal(size=24)
    start = [np.array(p) for p in [*net.weights, *net.biases]]

    def objective() -> float:
        return float((weight[:, None] * c * net.feedforward(X)).sum() / 24)

    numeric = []
    for p in [*net.weights, *net.biases]:
        slopes = np.empty_like(p)
        for place in np.ndindex(p.shape):
            kept = p[place]
            p[place] = kept + 1e-5
            above = objective()
            p[place] = kept - 1e-5
            slopes[place] = (above - objective()) / 2e-5
            p[place] = kept
        numeric.append(slopes)
    assert nncore.Trainer(net, "sgd", 1.0).step_gradient(X, c, weight) is None
    for old, new, expected in zip(start, [*net.weights, *net.biases], numeric, strict=True):
        assert relative(old - new, expected) < 1e-6


def test_a_given_gradient_of_the_networks_own_cost_is_its_step() -> None:
    a, b = make("linear", "quadratic"), make("linear", "quadratic")
    y = RNG.normal(size=(24, 3))
    one, other = nncore.Trainer(a, "adam", 0.1), nncore.Trainer(b, "adam", 0.1)
    for _ in range(3):
        one.step(X, y)
        other.step_gradient(X, b.feedforward(X) - y)
    assert parameter_digest(a) == parameter_digest(b)


def test_schedules_count_steps() -> None:
    seen: list[int] = []

    def rate(step: int) -> float:
        seen.append(step)
        return 0.0 if step < 2 else 0.5

    net = make()
    before = parameter_digest(net)
    trainer = nncore.Trainer(net, "sgd", rate)
    for _ in range(2):
        trainer.step(X, LABELS)
    assert parameter_digest(net) == before
    trainer.step(X, LABELS)
    assert parameter_digest(net) != before
    assert seen == [0, 1, 2]
    other = make()
    nncore.Trainer(other, "sgd", schedules.Step(0.25, 0.5, every=1)).step(X, LABELS)
    third = make()
    nncore.Trainer(third, "sgd", 7.0).step(X, LABELS, learning_rate=0.25)
    assert parameter_digest(other) == parameter_digest(third)


@pytest.mark.parametrize("rate", [0.01, schedules.Cosine(0.02, 9)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_saved_and_resumed_to_the_same_bits(tmp_path: Path, dtype: str, rate: Any) -> None:
    options = {"l2": 0.1, "dropout": 0.25, "clip_norm": 1.0, "layer_rates": [0.5, 1.0],
               "bias_rate": 2.0, "penalty_rows": 30}  # fmt: skip
    whole = nncore.Trainer(make(dtype=dtype), "adam", rate, **options)
    parts = nncore.Trainer(make(dtype=dtype), "adam", rate, **options)
    for _ in range(6):
        whole.step(X, LABELS)
    for _ in range(3):
        parts.step(X, LABELS)
    parts.network.classes = np.array(["a", "b", "c"])
    parts.save(tmp_path / "trainer.safetensors")
    resumed = nncore.Trainer.resume(tmp_path / "trainer.safetensors")
    assert resumed.steps == 3
    assert list(resumed.network.classes) == ["a", "b", "c"]
    assert resumed.learning_rate == rate
    for _ in range(3):
        resumed.step(X, LABELS)
    assert parameter_digest(resumed.network) == parameter_digest(whole.network)
    loaded = nncore.Network.load(tmp_path / "trainer.safetensors")
    assert parameter_digest(loaded) == parameter_digest(parts.network)


def test_what_a_checkpoint_cannot_hold_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "trainer.safetensors"
    nncore.Trainer(make(), "adam", lambda step: 0.1).save(path)
    with pytest.raises(ValueError, match="give it as learning_rate"):
        nncore.Trainer.resume(path)
    assert nncore.Trainer.resume(path, 0.5).learning_rate == 0.5
    make().save(path)
    with pytest.raises(nncore.ModelFileError, match="a model without a trainer"):
        nncore.Trainer.resume(path)


def test_a_step_that_diverges_is_taken_back() -> None:
    net = make("linear", "quadratic", dtype="float32")
    trainer = nncore.Trainer(net, "momentum", 1e38)
    before, slots = parameter_digest(net), [np.array(s) for s in trainer.slots]
    with pytest.raises(nncore.DivergenceError):
        trainer.step(X, np.full((24, 3), 1e10))
    with pytest.raises(nncore.DivergenceError):
        trainer.step_gradient(X, np.full((24, 3), 1e10))
    assert parameter_digest(net) == before
    assert trainer.steps == 0
    for old, slot in zip(slots, trainer.slots, strict=True):
        np.testing.assert_array_equal(old, slot)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.step(X[:, :3], LABELS), r"x has shape \(24, 3\)"),
        (lambda t: t.step(X, LABELS[:5]), "y has shape"),
        (lambda t: t.step(X, LABELS + 9), "label"),
        (lambda t: t.step(X[0], 3), "y is 3; expected 0 to 2"),
        (
            lambda t: t.step(X, LABELS.astype(float)),
            r"expected integer labels \(24,\) or targets \(24, 3\)",
        ),
        (lambda t: t.step(np.full((1, 4), np.nan), [0]), "NaN in row 0, column 0"),
        (lambda t: t.step(X[0], np.full(3, np.inf)), "infinity"),
        (lambda t: t.step(X, LABELS, WEIGHT[:3]), "sample_weight has shape"),
        (lambda t: t.step(X, LABELS, learning_rate=-1.0), "learning rate is -1"),
        (lambda t: t.step(X[:0], LABELS[:0]), "no rows"),
        (lambda t: t.step_gradient(X, np.zeros((24, 2))), "output_gradient has shape"),
        (lambda t: t.step_gradient(X, np.full((24, 3), np.nan)), "NaN or infinity in row 0"),
        (lambda t: t.step_gradient(X, np.zeros((24, 3)), np.full(24, np.inf)), "sample weight"),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(call: Any, message: str) -> None:
    trainer = nncore.Trainer(make(), "adam", 0.1)
    before = parameter_digest(trainer.network)
    with pytest.raises(ValueError, match=message):
        call(trainer)
    assert parameter_digest(trainer.network) == before
    assert trainer.steps == 0


def test_targets_that_outputs_cannot_reach_are_refused() -> None:
    net = nncore.Network([4, 2])
    with pytest.raises(ValueError, match=r"y has 19.0 in row 0, column 1; sigmoid outputs reach"):
        nncore.Trainer(net, "sgd", 0.1).step(X[0], [0.5, 19.0])
    with pytest.raises(ValueError, match=r"tanh outputs reach -1 to 1"):
        nncore.Trainer(make("tanh", "quadratic"), "sgd", 0.1).step(X[0], [0.5, 1.0, -3.0])
    with pytest.raises(ValueError, match=r"y has 7.0 in row 0, column 2; relu6 outputs reach 0 to"):
        nncore.Trainer(make("relu6", "quadratic"), "sgd", 0.1).step(X[0], [0.5, 1.0, 7.0])
    own = make("tanh", lambda a, y: (y[:, 0] * a[:, 0], y[:, :1] * np.eye(1, 3)))
    nncore.Trainer(own, "sgd", 0.1).step(X[0], [5.0])
    own.fit(X, np.full(24, 5.0), 1, progress=False)


@pytest.mark.parametrize(
    ("make_trainer", "error", "message"),
    [
        (lambda: nncore.Trainer("net"), TypeError, "must be a nncore.Network"),
        (lambda: nncore.Trainer(make(), "adm"), ValueError, "did you mean 'adam'"),
        (lambda: nncore.Trainer(make(), "sgd", -1), ValueError, "learning_rate"),
        (lambda: nncore.Trainer(make(), "sgd", "fast"), TypeError, "learning_rate"),
        (lambda: nncore.Trainer(make(), frozen=[2]), ValueError, "each of frozen"),
        (lambda: nncore.Trainer(make(), frozen=[0, 1]), ValueError, "every layer is frozen"),
        (lambda: nncore.Trainer(make(), layer_rates=[1]), ValueError, "expected 2, one for each"),
        (lambda: nncore.Trainer(make(), learning_rate=schedules.ReduceOnPlateau(0.1)), TypeError,
         "follows a history"),
    ],
)  # fmt: skip
def test_bad_options_are_refused(make_trainer: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        make_trainer()


def test_a_network_in_training_elsewhere_is_busy() -> None:
    net = make()
    trainer = nncore.Trainer(net, "adam", 0.1)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with _core.Session(net):
            held.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    try:
        with pytest.raises(nncore.BusyError):
            trainer.step(X, LABELS)
    finally:
        done.set()
        thread.join()
    trainer.step(X, LABELS)


def test_copy_from_goes_part_of_the_way() -> None:
    net, other = make(), nncore.Network([4, 7, 3], activation="tanh", dtype="float64", seed=9)
    before = [np.array(w) for w in net.weights]
    net.copy_from(other, 0.25)
    for new, old, to in zip(net.weights, before, other.weights, strict=True):
        np.testing.assert_allclose(new, 0.75 * old + 0.25 * to, rtol=1e-14)
    net.copy_from(other)
    assert parameter_digest(net) == parameter_digest(other)
    with pytest.raises(ValueError, match="other sizes"):
        net.copy_from(nncore.Network([4, 3], dtype="float64"))
    with pytest.raises(ValueError, match="other dtype"):
        net.copy_from(make(dtype="float32"))
    with pytest.raises(ValueError, match="tau"):
        net.copy_from(other, 1.5)


def frozen_run(net: nncore.Network, **options: Any) -> list[np.ndarray]:
    before = [np.array(p) for w, b in zip(net.weights, net.biases, strict=True) for p in (w, b)]
    net.fit(X, LABELS, 3, 5, 0.05, progress=False, **options)
    after = [p for w, b in zip(net.weights, net.biases, strict=True) for p in (w, b)]
    return [a - b for a, b in zip(after, before, strict=True)]


@pytest.mark.parametrize("options", [{}, {"l2": 3.0}, {"l1": 1.0}, {"max_norm": 0.1},
                                     {"clip_norm": 0.1}], ids=str)  # fmt: skip
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw"])
@pytest.mark.parametrize("frozen", [[0], [-1], [1]], ids=str)
def test_frozen_layers_stay_bit_by_bit(optimizer: str, options: Any, frozen: list[int]) -> None:
    net = nncore.Network([4, 7, 5, 3], activation="tanh", output_activation="softmax",
                         cost="log_likelihood", dtype="float64", seed=3)  # fmt: skip
    moved = frozen_run(net, optimizer=optimizer, frozen=frozen, **options)
    for layer in range(3):
        stays = layer in {f % 3 for f in frozen}
        for part in moved[2 * layer : 2 * layer + 2]:
            assert (np.abs(part).max() == 0) == stays


def test_frozen_layers_do_not_count_in_the_gradients_norm() -> None:
    """As if there were only the last layer: a network of it alone, on what the first gives."""
    net = make()
    hidden = net.hidden_activations(X)[0]
    last = nncore.Network(
        [7, 3], output_activation="softmax", cost="log_likelihood", dtype="float64",
        initializer=([net.weights[1]], [net.biases[1]]),
    )  # fmt: skip
    nncore.Trainer(net, "sgd", 1.0, clip_norm=0.01, frozen=[0]).step(X, LABELS)
    nncore.Trainer(last, "sgd", 1.0, clip_norm=0.01).step(hidden, LABELS)
    assert relative(net.weights[1], last.weights[0]) < 1e-13


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adagrad"])
def test_rates_are_factors_of_the_learning_rate(optimizer: str) -> None:
    """The first step of these rules is in proportion to the rate."""
    plain, varied = make(), make()
    unit = frozen_steps(plain, optimizer)
    found = frozen_steps(varied, optimizer, layer_rates=[0.5, 2.0], bias_rate=3.0)
    for one, other, factor in zip(unit, found, [0.5, 1.5, 2.0, 6.0], strict=True):
        assert relative(other, factor * one) < 1e-9


def frozen_steps(net: nncore.Network, optimizer: str, **options: Any) -> list[np.ndarray]:
    parts = [p for w, b in zip(net.weights, net.biases, strict=True) for p in (w, b)]
    before = [np.array(p) for p in parts]
    nncore.Trainer(net, optimizer, 1e-3, **options).step(X, LABELS)
    return [p - b for p, b in zip(parts, before, strict=True)]


def test_penalties_follow_the_rate_of_their_layer() -> None:
    """Decay is part of the gradient: with half the rate half of it."""
    unit = frozen_steps(make(), "sgd")
    decayed_net, half_net = make(), make()
    w = np.array(decayed_net.weights[0])
    parts = [np.array(decayed_net.weights[0]), np.array(half_net.weights[0])]
    nncore.Trainer(decayed_net, "sgd", 1e-3, l2=24.0).step(X, LABELS)
    nncore.Trainer(half_net, "sgd", 1e-3, l2=24.0, layer_rates=[0.5, 1.0]).step(X, LABELS)
    whole = decayed_net.weights[0] - parts[0]
    half = half_net.weights[0] - parts[1]
    assert relative(half, 0.5 * whole) < 1e-9
    assert relative(whole, unit[0] - 1e-3 * w) < 1e-9


def test_freezing_later_forgets_nothing_of_the_others() -> None:
    """A layer that is frozen after it has learnt keeps still, whatever its momentum was."""
    net = make()
    net.fit(X, LABELS, 2, 5, 0.05, optimizer="momentum", progress=False)
    moved = frozen_run(net, optimizer="momentum", frozen=[0])
    assert np.abs(moved[0]).max() == np.abs(moved[1]).max() == 0
    assert np.abs(moved[2]).max() > 0


def test_trainers_take_costs_with_numbers() -> None:
    net = nncore.Network([4, 8, 2], cost=costs.Pinball([0.1, 0.9]), dtype="float64", seed=1)
    other = nncore.Network([4, 8, 2], cost=costs.Pinball([0.1, 0.9]), dtype="float64", seed=1)
    y = RNG.normal(size=24)
    nncore.Trainer(net, "sgd", 0.1).step(X, y)
    other.fit(X, y, 1, 24, 0.1, shuffle=False, progress=False)
    assert parameter_digest(net) == parameter_digest(other)
    nncore.Trainer(net, "sgd", 0.1).step(X[0], float(y[0]))
    with pytest.raises(ValueError, match="y has shape"):
        nncore.Trainer(net, "sgd", 0.1).step(X, np.zeros((24, 2)))
