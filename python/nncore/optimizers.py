"""The rules that turn gradients into updates, for `fit(optimizer=...)`.

A name ("sgd", "adam", ...) stands for the optimiser with its default hyperparameters. In the
equations, g is the gradient averaged over the mini-batch and with its penalties, w any
parameter, eta the learning rate, and t counts updates from 1; everything else starts at 0.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar

from nncore._support.checks import real
from nncore._support.names import check_name


@dataclass(frozen=True)
class Optimizer:
    """What all optimisers have; use one of those below."""

    name: ClassVar[str]
    default_learning_rate: ClassVar[float]

    def __post_init__(self) -> None:
        given = self.hyperparameters()
        for key, value in given.items():
            if key.startswith("epsilon"):
                real(key, value)
            else:
                real(key, value, high=1.0, below=True)
        epsilons = [value for key, value in given.items() if key.startswith("epsilon")]
        if epsilons and not any(epsilons):
            raise ValueError("epsilon must be above 0, got 0.0: it keeps the update finite")

    def hyperparameters(self) -> dict[str, float]:
        """By name.

        >>> Momentum(0.5).hyperparameters()
        {'momentum': 0.5}
        """
        return asdict(self)


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent: w -= eta g (the book's chapter 1)."""

    name: ClassVar[str] = "sgd"
    default_learning_rate: ClassVar[float] = 0.1


@dataclass(frozen=True)
class Momentum(Optimizer):
    """v = momentum v - eta g; w += v (the book's chapter 3; Polyak 1964)."""

    momentum: float = 0.9

    name: ClassVar[str] = "momentum"
    default_learning_rate: ClassVar[float] = 0.01


@dataclass(frozen=True)
class Nesterov(Optimizer):
    """v = momentum v - eta g; w += momentum v - eta g (Nesterov 1983; Sutskever et al. 2013)."""

    momentum: float = 0.9

    name: ClassVar[str] = "nesterov"
    default_learning_rate: ClassVar[float] = 0.01


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """s = rho s + (1 - rho) g^2; w -= eta g / (sqrt(s) + epsilon) (Tieleman and Hinton 2012)."""

    rho: float = 0.9
    epsilon: float = 1e-8

    name: ClassVar[str] = "rmsprop"
    default_learning_rate: ClassVar[float] = 0.001


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """s += g^2; w -= eta g / (sqrt(s) + epsilon) (Duchi, Hazan and Singer 2011)."""

    epsilon: float = 1e-10

    name: ClassVar[str] = "adagrad"
    default_learning_rate: ClassVar[float] = 0.01


@dataclass(frozen=True)
class Adam(Optimizer):
    """Momentum and RMSprop in one, corrected for starting at zero (Kingma and Ba 2015).

    m = beta_1 m + (1 - beta_1) g; v = beta_2 v + (1 - beta_2) g^2;
    w -= eta (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon).

    epsilon_hat is that of the paper's second form (end of its section 2), added to sqrt(v) before
    the correction; scikit-learn computes that one.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    epsilon_hat: float = 0.0

    name: ClassVar[str] = "adam"
    default_learning_rate: ClassVar[float] = 0.001


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam, with `l2` taken out of the gradient (Loshchilov and Hutter 2019).

    Weights decay by eta l2 / n beside the update, whatever the gradient's size.
    """

    name: ClassVar[str] = "adamw"


OPTIMIZERS: dict[str, type[Optimizer]] = {
    optimizer.name: optimizer
    for optimizer in (SGD, Momentum, Nesterov, RMSprop, Adagrad, Adam, AdamW)
}


def resolve(optimizer: str | Optimizer) -> Optimizer:
    """The optimiser that a name or an optimiser stands for.

    >>> resolve("adam")
    Adam(beta_1=0.9, beta_2=0.999, epsilon=1e-08, epsilon_hat=0.0)
    """
    if isinstance(optimizer, Optimizer) and type(optimizer) is not Optimizer:
        return optimizer
    if not isinstance(optimizer, str):
        raise TypeError(
            f"optimizer must be a name or one of nncore.optimizers, as in Adam(), got {optimizer!r}"
        )
    return OPTIMIZERS[check_name("optimizer", optimizer, OPTIMIZERS)]()
