"""What training makes small, for `Network(cost=...)`.

A name ("quadratic", "log_likelihood", ...) stands for the cost with its default numbers; the
classes below are for those that have some. In the equations a are a row's outputs and y its
targets; the cost of a row is the sum over them.

A cost of one's own is any callable(outputs, y) -> (costs, slopes): from outputs (n, outputs) and
targets y (n, columns), arrays of the network's dtype, it returns each row's cost, (n,), and its
derivatives with respect to the row's outputs, (n, outputs). Integer labels come as one-hot rows. The
cost of a row must depend on that row alone.
`nncore.check_gradient` compares the slopes with differences of the costs.

>>> import numpy as np, nncore
>>> def cauchy(outputs, y):
...     d = outputs - y
...     return np.log1p(d**2).sum(axis=1), 2 * d / (1 + d**2)
>>> bool(nncore.check_gradient(cauchy, np.random.default_rng(0).normal(size=(5, 2)), np.ones((5, 2))) < 1e-6)
True
>>> net = nncore.Network([1, 8, 1], output_activation="linear", cost=cauchy)

Files of models do not hold such a cost, nor do exported models: both keep the outputs. What trains
or measures a network that was loaded hands the cost in again, `Network.load(path, cost=cauchy)`.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import _core
from nncore._support.checks import real
from nncore._support.names import check_name

CostFunction = Callable[[NDArray[Any], NDArray[Any]], tuple[ArrayLike, ArrayLike]]
"""A cost of one's own."""


@dataclass(frozen=True)
class Cost:
    """What all costs with numbers have; use one of those below."""

    name: ClassVar[str]
    output_activation: ClassVar[str]
    """What goes with the cost where the network is not told."""
    _list: ClassVar[str] = ""

    def hyperparameters(self) -> dict[str, float]:
        """The single numbers, by name."""
        return {f.name: float(getattr(self, f.name)) for f in fields(self) if f.name != self._list}

    def values(self) -> tuple[float, ...]:
        """The list of numbers; empty where the cost has none."""
        return tuple(getattr(self, self._list)) if self._list else ()


@dataclass(frozen=True)
class _Smoothed(Cost):
    """The costs of classes whose targets may be smoothed."""

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        real("label_smoothing", self.label_smoothing, high=1.0, below=True)


@dataclass(frozen=True)
class CrossEntropy(_Smoothed):
    """-y ln a - (1 - y) ln(1 - a), for sigmoid outputs.

    Targets may be any probabilities. With label_smoothing e each y is taken for
    (1 - e) y + e / 2 (Szegedy et al. 2016), also where the cost is measured.
    """

    name: ClassVar[str] = "cross_entropy"
    output_activation: ClassVar[str] = "sigmoid"


@dataclass(frozen=True)
class LogLikelihood(_Smoothed):
    """-y ln a, for softmax outputs.

    Targets are labels or soft targets: rows of probabilities that sum to 1. With
    label_smoothing e each y is taken for (1 - e) y + e / classes, also where the cost is measured.
    """

    name: ClassVar[str] = "log_likelihood"
    output_activation: ClassVar[str] = "softmax"


@dataclass(frozen=True)
class Pinball(Cost):
    """Quantiles tau of the targets: max(tau d, (tau - 1) d), d = y - a (Koenker, Bassett 1978).

    With q quantiles the network has q outputs for each target, side by side: y (n, targets), and
    outputs (n, targets * q). With `non_crossing` those of a target are put in ascending order, in
    training and in every prediction: no quantile is below a lower one.

    >>> import nncore
    >>> nncore.Network([4, 16, 3], cost=Pinball([0.1, 0.5, 0.9], non_crossing=True)).activations
    ('sigmoid', 'linear')
    """

    quantiles: float | Sequence[float] = (0.5,)
    non_crossing: bool = False

    name: ClassVar[str] = "pinball"
    output_activation: ClassVar[str] = "linear"
    _list: ClassVar[str] = "quantiles"

    def __post_init__(self) -> None:
        given = self.quantiles
        taus = tuple(given) if isinstance(given, Iterable) else (given,)
        taus = tuple(real("a quantile", tau, high=1.0, above=True, below=True) for tau in taus)
        if not taus or any(b <= a for a, b in pairwise(taus)):
            raise ValueError(f"quantiles must ascend, one at least, got {list(taus)}")
        if not isinstance(self.non_crossing, (bool, np.bool_)):
            raise TypeError(f"non_crossing must be True or False, got {self.non_crossing!r}")
        object.__setattr__(self, "quantiles", taus)
        object.__setattr__(self, "non_crossing", bool(self.non_crossing))


@dataclass(frozen=True)
class Gaussian(Cost):
    """A mean and a variance for each target: (ln v + (y - a)^2 / v) / 2 (Nix, Weigend 1994).

    With k targets the network has 2 k linear outputs: the means first, then the logarithms s of the
    variances; v = exp(s) + min_variance, which keeps the cost finite where the targets are met
    exactly. The negative log-likelihood of a normal distribution, less its constant.
    """

    min_variance: float = 1e-12

    name: ClassVar[str] = "gaussian"
    output_activation: ClassVar[str] = "linear"

    def __post_init__(self) -> None:
        real("min_variance", self.min_variance, above=True)


@dataclass(frozen=True)
class Focal(Cost):
    """-w y (1 - a)^gamma ln a, for softmax outputs: easy rows count little (Lin et al. 2017).

    `class_weights` has a weight w for each class; empty for 1. `balanced` makes them of how many
    rows each class has. gamma = 0 is the log-likelihood.
    """

    gamma: float = 2.0
    class_weights: Sequence[float] = field(default=())

    name: ClassVar[str] = "focal"
    output_activation: ClassVar[str] = "softmax"
    _list: ClassVar[str] = "class_weights"

    def __post_init__(self) -> None:
        real("gamma", self.gamma)
        weights = tuple(real("a class weight", weight) for weight in self.class_weights)
        object.__setattr__(self, "class_weights", weights)

    @classmethod
    def balanced(cls, class_counts: Sequence[int], beta: float = 0.999, gamma: float = 2.0) -> Any:
        """The class-balanced cost of Cui et al. (2019).

        Weights are (1 - beta) / (1 - beta^count), brought to the mean 1. `class_counts` are the
        rows of each class, as np.bincount(y) has them.

        >>> [round(weight, 2) for weight in Focal.balanced([900, 90, 10]).class_weights]
        [0.04, 0.31, 2.65]
        """
        real("beta", beta, high=1.0, below=True)
        counts = np.asarray(class_counts, dtype=float)
        if counts.ndim != 1 or len(counts) < 2 or not (counts >= 1).all():
            raise ValueError(
                f"class_counts must have a count of 1 or more for each class, got {class_counts!r}"
            )
        # 1 - beta^count without cancellation, where beta is near 1.
        effective = -np.expm1(counts * np.log(beta)) if beta > 0 else np.ones(len(counts))
        weights = 1.0 / effective
        return cls(gamma, tuple(float(w) for w in weights / weights.mean()))


@dataclass(frozen=True)
class BinaryFocal(Focal):
    """The same for sigmoid outputs: one that tells two classes, or a class each.

    A single output has two weights, of the classes 0 and 1; of several outputs each has its own.
    """

    name: ClassVar[str] = "binary_focal"
    output_activation: ClassVar[str] = "sigmoid"


COSTS: dict[str, type[Cost]] = {
    cost.name: cost for cost in (CrossEntropy, LogLikelihood, Pinball, Gaussian, Focal, BinaryFocal)
}
_CUSTOM = "custom"
_CLASSIC = frozenset(
    {"quadratic", "cross_entropy", "log_likelihood", "mean_absolute", "huber", "poisson"}
)
AnyCost = str | Cost | CostFunction


@dataclass(frozen=True)
class Resolved:
    """A cost as the core takes it."""

    name: str
    hyperparameters: dict[str, float]
    values: tuple[float, ...]
    output_activation: str
    function: CostFunction | None = None


def resolve(cost: AnyCost) -> Resolved:
    """What a name, a cost or a callable stands for.

    Raises:
        TypeError: it is none of these.
        ValueError: an unknown name.
    """
    if isinstance(cost, Cost) and type(cost) is not Cost:
        return Resolved(cost.name, cost.hyperparameters(), cost.values(), cost.output_activation)
    if callable(cost) and not isinstance(cost, type):
        return Resolved(_CUSTOM, {}, (), "sigmoid", cost)
    if isinstance(cost, type) and issubclass(cost, Cost):
        raise TypeError(f"cost must be an instance, as in {cost.__name__}(), got the class")
    if not isinstance(cost, str):
        raise TypeError(
            f"cost must be a name, one of nncore.costs, or a callable(outputs, y), got {cost!r}"
        )
    name = check_name("cost", cost, _core.COSTS)
    # The costs of the book, and those beside them, leave the outputs to the network's default.
    output = "sigmoid" if name in _CLASSIC else COSTS[name].output_activation
    return Resolved(name, {}, (), output)


def usual_output(name: str) -> str:
    """The output activation that suits a cost best.

    >>> usual_output("quadratic"), usual_output("log_likelihood"), usual_output("gaussian")
    ('sigmoid', 'softmax', 'linear')
    """
    return COSTS[name].output_activation if name in COSTS else _core.output_activations(name)[0]


def point_outputs(net: _core.Network) -> slice:
    """Which outputs are near the targets themselves: all, but of two costs.

    Of gaussian these are the means, of pinball the quantiles that are nearest to the median.

    >>> import nncore
    >>> point_outputs(nncore.Network([2, 6], cost=Gaussian()))
    slice(None, 3, None)
    >>> point_outputs(nncore.Network([2, 6], cost=Pinball([0.1, 0.5, 0.9])))
    slice(1, None, 3)
    """
    if net.cost == Gaussian.name:
        return slice(net.sizes[-1] // 2)
    if net.cost == Pinball.name:
        taus = np.asarray(net.cost_list or (0.5,))
        return slice(int(np.abs(taus - 0.5).argmin()), None, len(taus))
    return slice(None)


def of(net: _core.Network) -> AnyCost:
    """What makes a network of the same cost, handed to it: a name, a cost, or a callable.

    >>> import nncore
    >>> of(nncore.Network([2, 2], cost=Gaussian()))
    'gaussian'
    >>> of(nncore.Network([2, 1], cost=CrossEntropy(label_smoothing=0.25)))
    CrossEntropy(label_smoothing=0.25)
    """
    if net.cost == _CUSTOM:
        function: CostFunction | None = getattr(net, "cost_function", None)
        return function or missing
    return named(net.cost, tuple(net.cost_hyperparameters.values()), net.cost_list)


def named(name: str, hyperparameters: Iterable[float], values: Iterable[float]) -> str | Cost:
    """The cost of that name, with its numbers in the core's order; none of them for the usual ones.

    >>> named("pinball", [0.0], [0.1, 0.9])
    Pinball(quantiles=(0.1, 0.9), non_crossing=False)
    """
    usual = _core.COST_HYPERPARAMETERS[check_name("cost", name, _core.COSTS)]
    given: dict[str, Any] = dict(zip(usual, map(float, hyperparameters), strict=False))
    found = tuple(map(float, values))
    if usual | given == usual and not found:
        return name
    kind = COSTS[name]
    if "non_crossing" in given:
        given["non_crossing"] = bool(given["non_crossing"])
    if found:
        given[kind._list] = found
    return kind(**given)


def missing(outputs: NDArray[Any], y: NDArray[Any]) -> tuple[ArrayLike, ArrayLike]:
    """Stands for a cost of one's own that a network was loaded without."""
    raise ValueError(
        "the network's cost is one of its user's own, which its file does not hold: hand it in "
        "again, Network.load(path, cost=...), before it trains or measures"
    )
