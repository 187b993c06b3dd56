"""Learning-rate schedules: their values, their ranges, and those that depend on the history."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from nncore import _core, schedules
from nncore.history import History

ALL = [
    schedules.Constant(0.5),
    schedules.Step(0.5),
    schedules.Exponential(0.5),
    schedules.InverseScaling(0.5),
    schedules.Cosine(0.5, epochs=20),
    schedules.OneCycle(0.5, epochs=20),
]


@pytest.mark.parametrize("schedule", ALL, ids=lambda s: type(s).__name__)
def test_rates_are_finite_and_never_above_the_given_one(schedule: Any) -> None:
    rates = [schedule(epoch) for epoch in range(50)]
    assert all(0.0 <= rate <= 0.5 and math.isfinite(rate) for rate in rates)
    assert max(rates) == pytest.approx(0.5, rel=0.05)
    if not isinstance(schedule, (schedules.Constant, schedules.OneCycle)):
        assert rates[0] == 0.5
        assert rates == sorted(rates, reverse=True)
        assert rates[30] < 0.5


def test_values() -> None:
    assert schedules.Step(1.0, factor=0.1, every=3)(7) == pytest.approx(0.01)
    assert schedules.Exponential(2.0, factor=0.5)(3) == 0.25
    assert schedules.InverseScaling(1.0, power=1.0)(4) == 0.2
    cosine = schedules.Cosine(1.0, epochs=11, final=0.2)
    assert [cosine(0), cosine(5), cosine(10), cosine(99)] == pytest.approx([1.0, 0.6, 0.2, 0.2])
    assert schedules.Cosine(1.0, epochs=1)(0) == 1.0


def half_cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1.0 + math.cos(math.pi * min(done, 1.0))) / 2.0


def one_cycle(rate: float, epochs: int, rise: float, low: float, lower: float, e: int) -> float:
    done = e / max(epochs - 1, 1)
    if done < rise:
        return half_cosine(rate / low, rate, done / rise)
    return half_cosine(rate, rate / low / lower, (done - rise) / (1.0 - rise))


EQUATIONS: dict[str, Any] = {
    "constant": lambda rate, e: rate,
    "step": lambda rate, factor, every, e: rate * factor ** (e // every),
    "exponential": lambda rate, factor, e: rate * factor**e,
    "inverse_scaling": lambda rate, power, e: rate / (e + 1) ** power,
    "cosine": lambda rate, epochs, final, e: half_cosine(
        rate, final, e / max(epochs - 1, 1)
    ),
    "one_cycle": one_cycle,
}  # fmt: skip


@pytest.mark.parametrize("name", EQUATIONS)
def test_every_epoch_follows_the_equation(name: str) -> None:
    """The core computes the rates. The equations are repeated here."""
    kind = {type(schedule).name: type(schedule) for schedule in ALL}[name]
    rng = np.random.default_rng(len(name))
    for _ in range(20):
        draw: dict[str, Any] = {
            "rate": rng.uniform(0.01, 3.0), "factor": rng.uniform(0.5, 1.1),
            "every": int(rng.integers(1, 20)), "power": rng.uniform(0.0, 2.0),
            "epochs": int(rng.integers(1, 200)), "final": rng.uniform(0.0, 0.01),
            "rise": rng.uniform(0.01, 0.99), "start_factor": rng.uniform(1.0, 50.0),
            "final_factor": rng.uniform(1.0, 1e5),
        }  # fmt: skip
        given = {field.name: draw[field.name] for field in dataclasses.fields(kind)}
        schedule = kind(**given)
        for epoch in range(250):
            expected = EQUATIONS[name](*given.values(), epoch)
            assert schedule(epoch) == pytest.approx(expected, rel=1e-13, abs=1e-18)


def test_names_and_hyperparameters_agree_with_the_core() -> None:
    """Where 0 is out of range, the core's default of 0 means that there is no default."""
    found = {
        type(schedule).name: {
            field.name: 0.0 if field.default is dataclasses.MISSING else field.default
            for field in dataclasses.fields(schedule)
        }
        for schedule in ALL
    }
    assert found == _core.SCHEDULES


def test_a_schedule_may_be_wrapped() -> None:
    @dataclasses.dataclass(frozen=True)
    class WarmCosine(schedules.Cosine):
        warm: int = 4

        def __call__(self, epoch: int) -> float:
            return super().__call__(epoch) * min(1.0, (epoch + 1) / self.warm)

    assert WarmCosine(1.0, epochs=9)(0) == 0.25
    assert WarmCosine(1.0, epochs=9)(4) == schedules.Cosine(1.0, epochs=9)(4)


@pytest.mark.parametrize("epoch", [-1, 0.5, "1", None])
def test_epochs_are_counted(epoch: Any) -> None:
    with pytest.raises(TypeError):
        schedules.Step(1.0)(epoch)


def test_one_cycle_rises_and_falls() -> None:
    cycle = schedules.OneCycle(1.0, epochs=21, rise=0.25, start_factor=10.0, final_factor=100.0)
    rates = [cycle(epoch) for epoch in range(21)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[5] == pytest.approx(1.0)
    assert rates[20] == pytest.approx(0.001)
    assert rates[:6] == sorted(rates[:6])
    assert rates[5:] == sorted(rates[5:], reverse=True)


def rates_for(schedule: schedules.ReduceOnPlateau, values: list[float]) -> list[float]:
    """The rates of a run in which these values are measured."""
    history = History()
    rate = schedule.follow(history)
    rates = []
    for epoch, value in enumerate(values):
        rates.append(rate(epoch))
        history.append(epoch, {schedule.monitor: value})
    return [*rates, rate(len(values))]


def test_reduce_on_plateau() -> None:
    schedule = schedules.ReduceOnPlateau(1.0, factor=0.5, patience=2, monitor="cost")
    assert rates_for(schedule, [5, 4, 4, 4, 4, 3, 3, 3]) == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]


def test_reduce_on_plateau_options() -> None:
    schedule = schedules.ReduceOnPlateau(
        1.0, factor=0.1, patience=1, monitor="cost", min_delta=0.5, min_rate=0.05
    )
    assert rates_for(schedule, [5.0, 4.6, 4.3, 4.2, 4.1]) == pytest.approx(
        [1, 1, 0.1, 0.1, 0.05, 0.05]
    )
    nan = schedules.ReduceOnPlateau(1.0, factor=0.5, patience=2, monitor="cost")
    assert rates_for(nan, [math.nan, math.nan, 3.0]) == [1.0, 1.0, 0.5, 0.5]


def test_halving_monitors_accuracy_upwards() -> None:
    schedule = schedules.HalveOnPlateau(0.5, patience=2)
    assert schedule.monitor == "validation_accuracy"
    assert rates_for(schedule, [0.8, 0.9, 0.9, 0.85, 0.95]) == [0.5, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_reduce_on_plateau_recovers_its_state_from_the_history() -> None:
    """A schedule that reads a finished history gives the same rate as one that saw it grow."""
    schedule = schedules.ReduceOnPlateau(1.0, factor=0.5, patience=2, monitor="cost")
    values = [5.0, 4.0, 4.0, 4.0, 3.0, 3.0, 3.0]
    for n in range(len(values) + 1):
        history = History({"cost": values[:n]}, range(n))
        assert schedule.follow(history)(n) == rates_for(schedule, values[:n])[-1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.Constant(0.0), "rate must be above 0"),
        (lambda: schedules.Constant(math.nan), "rate must be above 0 and finite, got nan"),
        (lambda: schedules.Step(1.0, every=0), "every must be at least 1"),
        (lambda: schedules.Exponential(1.0, factor=-1.0), "factor must be above 0"),
        (lambda: schedules.InverseScaling(1.0, power=-1.0), "power must be at least 0"),
        (lambda: schedules.Cosine(1.0, epochs=0), "epochs must be at least 1"),
        (lambda: schedules.OneCycle(1.0, epochs=5, rise=1.0), "rise must be above 0 and below 1"),
        (lambda: schedules.ReduceOnPlateau(1.0, factor=1.0), "factor must be above 0 and below 1"),
        (lambda: schedules.ReduceOnPlateau(1.0, patience=0), "patience must be at least 1"),
        (lambda: schedules.ReduceOnPlateau(1.0, monitor="mine"), "give mode='min' or mode='max'"),
        (lambda: schedules.ReduceOnPlateau(1.0, mode="low"), "unknown mode 'low'"),
        (lambda: schedules.resolve(-1.0, History()), "learning_rate must be above 0"),
        (lambda: schedules.resolve(math.inf, History()), "learning_rate must be above 0"),
    ],
)
def test_numbers_out_of_range_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_resolve() -> None:
    history = History()
    assert schedules.resolve(0.25, history)(7) == 0.25
    assert schedules.resolve(lambda epoch: 1.0 / (epoch + 1), history)(3) == 0.25
    with pytest.raises(TypeError, match="learning_rate must be a number"):
        schedules.resolve("fast", history)
