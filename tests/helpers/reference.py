"""The network of the book in NumPy float64, written to be read. The core must agree with it.

Rows are examples: x is (n, sizes[0]) and y is (n, sizes[-1]). weights[l] is
(sizes[l + 1], sizes[l]) and biases[l] is (sizes[l + 1],), so that layer l computes
a[l + 1] = activation(a[l] @ weights[l].T + biases[l]). Names are the book's: z, a, delta,
nabla_w, nabla_b, eta, lmbda.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# --- activations: name -> (function of z, slope at z) -------------------------------------------

erfc = np.vectorize(math.erfc, otypes=[np.float64])


def sigmoid(z: Array) -> Array:
    return np.exp(-np.logaddexp(0.0, -z))


def softplus(z: Array) -> Array:
    return np.logaddexp(0.0, z)


def normal_cdf(z: Array) -> Array:
    return 0.5 * erfc(-z / math.sqrt(2.0))


def normal_pdf(z: Array) -> Array:
    return np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def silu_slope(z: Array) -> Array:
    s = sigmoid(z)
    return s * (1.0 + z * (1.0 - s))


SELU, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def mish_slope(z: Array) -> Array:
    t = np.tanh(softplus(z))
    return t + z * (1.0 - t**2) * sigmoid(z)


def gelu_argument(z: Array) -> Array:
    return math.sqrt(2.0 / math.pi) * (z + 0.044715 * z**3)


def gelu_tanh_slope(z: Array) -> Array:
    t = np.tanh(gelu_argument(z))
    inner = math.sqrt(2.0 / math.pi) * (1.0 + 3 * 0.044715 * z**2)
    return 0.5 * (1.0 + t) + 0.5 * z * (1.0 - t**2) * inner


Function = Callable[[Array], Array]

ACTIVATIONS: dict[str, tuple[Function, Function]] = {
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "tanh": (np.tanh, lambda z: 1.0 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0.0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1.0, 0.01)),
    "elu": (
        lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0.0))),
        lambda z: np.exp(np.minimum(z, 0.0)),
    ),
    "gelu": (lambda z: z * normal_cdf(z), lambda z: normal_cdf(z) + z * normal_pdf(z)),
    "silu": (lambda z: z * sigmoid(z), silu_slope),
    "softplus": (softplus, sigmoid),
    "selu": (
        lambda z: SELU * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0.0))),
        lambda z: SELU * np.where(z > 0, 1.0, SELU_ALPHA * np.exp(np.minimum(z, 0.0))),
    ),
    "relu6": (lambda z: np.clip(z, 0.0, 6.0), lambda z: np.where((z > 0) & (z < 6), 1.0, 0.0)),
    "mish": (lambda z: z * np.tanh(softplus(z)), mish_slope),
    "gelu_tanh": (lambda z: z * sigmoid(2.0 * gelu_argument(z)), gelu_tanh_slope),
    "linear": (lambda z: z, np.ones_like),
    "exponential": (np.exp, np.exp),
    "step": (lambda z: np.where(z > 0, 1.0, 0.0), np.zeros_like),  # the perceptron
    "softmax": (softmax, np.zeros_like),  # its delta comes from log_likelihood alone
}

# --- costs: name -> (cost of each row, its derivative with respect to a) ------------------------


def huber(r: Array) -> Array:
    return np.where(np.abs(r) <= 1.0, 0.5 * r**2, np.abs(r) - 0.5)


CostPair = tuple[Callable[[Array, Array], Array], Callable[[Array, Array], Array]]


def smoothed(cost: CostPair, label_smoothing: float, classes: int | None) -> CostPair:
    """The cost of targets of which a part is shared out among the classes; None for all outputs."""

    def soft(y: Array) -> Array:
        return (1.0 - label_smoothing) * y + label_smoothing / (classes or y.shape[1])

    return lambda a, y: cost[0](a, soft(y)), lambda a, y: cost[1](a, soft(y))


def pinball(quantiles: Sequence[float] = (0.5,), non_crossing: float = 0.0) -> CostPair:
    """Quantiles side by side for each target. Ordered ones arrive in order: see `feedforward`."""

    def parts(a: Array, y: Array) -> tuple[Array, Array]:
        d = np.repeat(y, len(quantiles), axis=1) - a
        return d, np.tile(np.asarray(quantiles), y.shape[1])

    def values(a: Array, y: Array) -> Array:
        d, tau = parts(a, y)
        return np.maximum(tau * d, (tau - 1.0) * d).sum(axis=1)

    def slopes(a: Array, y: Array) -> Array:
        d, tau = parts(a, y)
        return np.where(d > 0, -tau, np.where(d < 0, 1.0 - tau, 0.0))

    return values, slopes


def gaussian(min_variance: float = 1e-12) -> CostPair:
    def parts(a: Array, y: Array) -> tuple[Array, Array, Array]:
        mean, s = np.split(a, 2, axis=1)
        return mean - y, np.exp(s), np.exp(s) + min_variance

    def values(a: Array, y: Array) -> Array:
        d, _, v = parts(a, y)
        return 0.5 * (np.log(v) + d**2 / v).sum(axis=1)

    def slopes(a: Array, y: Array) -> Array:
        d, e, v = parts(a, y)
        return np.hstack([d / v, 0.5 * e * (1.0 / v - (d / v) ** 2)])

    return values, slopes


def focal_term(p: Array, gamma: float) -> tuple[Array, Array]:
    """-(1 - p)^gamma ln p, and its derivative."""
    value = -((1.0 - p) ** gamma) * np.log(p)
    return value, gamma * (1.0 - p) ** (gamma - 1.0) * np.log(p) - (1.0 - p) ** gamma / p


def focal(gamma: float = 2.0, class_weights: Sequence[float] = ()) -> CostPair:
    weights = np.asarray(class_weights) if len(class_weights) else 1.0
    return (
        lambda a, y: (weights * y * focal_term(a, gamma)[0]).sum(axis=1),
        lambda a, y: weights * y * focal_term(a, gamma)[1],
    )


def binary_focal(gamma: float = 2.0, class_weights: Sequence[float] = ()) -> CostPair:
    def weights(a: Array) -> tuple[Any, Any]:
        if not len(class_weights):
            return 1.0, 1.0
        if a.shape[1] == 1:
            return class_weights[1], class_weights[0]
        return np.asarray(class_weights), np.asarray(class_weights)

    def values(a: Array, y: Array) -> Array:
        yes, no = weights(a)
        pos, neg = focal_term(a, gamma)[0], focal_term(1.0 - a, gamma)[0]
        return (yes * y * pos + no * (1.0 - y) * neg).sum(axis=1)

    def slopes(a: Array, y: Array) -> Array:
        yes, no = weights(a)
        pos, neg = focal_term(a, gamma)[1], focal_term(1.0 - a, gamma)[1]
        return yes * y * pos - no * (1.0 - y) * neg

    return values, slopes


def cost_with(name: str, numbers: dict[str, Any]) -> CostPair:
    """The cost of that name with these numbers, the others having their defaults."""
    if name in ("cross_entropy", "log_likelihood"):
        return smoothed(COSTS[name], **numbers, classes=2 if name == "cross_entropy" else None)
    return MAKERS[name](**numbers) if name in MAKERS else COSTS[name]


MAKERS: dict[str, Callable[..., CostPair]] = {
    "pinball": pinball,
    "gaussian": gaussian,
    "focal": focal,
    "binary_focal": binary_focal,
}

COSTS: dict[str, CostPair] = {
    **{name: make() for name, make in MAKERS.items()},
    "quadratic": (lambda a, y: (0.5 * (a - y) ** 2).sum(axis=1), lambda a, y: a - y),
    "mean_absolute": (lambda a, y: np.abs(a - y).sum(axis=1), lambda a, y: np.sign(a - y)),
    "huber": (lambda a, y: huber(a - y).sum(axis=1), lambda a, y: np.clip(a - y, -1.0, 1.0)),
    "poisson": (lambda a, y: (a - y * np.log(a)).sum(axis=1), lambda a, y: 1.0 - y / a),
    "cross_entropy": (
        lambda a, y: -(y * np.log(a) + (1.0 - y) * np.log1p(-a)).sum(axis=1),
        lambda a, y: (a - y) / (a * (1.0 - a)),
    ),
    "log_likelihood": (lambda a, y: -(y * np.log(a)).sum(axis=1), lambda a, y: -y / a),
}


def output_delta(
    cost: str, activation: str, z: Array, a: Array, y: Array, numbers: dict[str, Any] | None = None
) -> Array:
    """dC/dz of each row: the book's BP1, or a - y where the activation's slope cancels."""
    if numbers or cost == "focal":
        slopes = cost_with(cost, numbers or {})[1](a, y)
        if activation == "softmax":
            return a * (slopes - (a * slopes).sum(axis=1, keepdims=True))
        return slopes * ACTIVATIONS[activation][1](z)
    if (cost, activation) in {("cross_entropy", "sigmoid"), ("poisson", "exponential")}:
        return a - y
    if (cost, activation) == ("log_likelihood", "softmax"):
        return a * y.sum(axis=1, keepdims=True) - y
    return COSTS[cost][1](a, y) * ACTIVATIONS[activation][1](z)


# --- optimisers: parameters move in place -------------------------------------------------------


class SGD:
    n_slots = 0

    def __init__(self, **hyperparameters: float) -> None:
        self.t = 0
        self.slots: list[list[Array]] = []
        for name, value in hyperparameters.items():
            getattr(self, name)  # raises for a name that the optimiser does not have
            setattr(self, name, value)

    def update(self, parameters: list[Array], gradients: list[Array], eta: float) -> None:
        if not self.slots:
            self.slots = [[np.zeros_like(p) for _ in range(self.n_slots)] for p in parameters]
        self.t += 1
        for p, g, slots in zip(parameters, gradients, self.slots, strict=True):
            p += self.move(g, eta, *slots)

    def move(self, g: Array, eta: float, *slots: Array) -> Array:
        return -eta * g


class Momentum(SGD):
    n_slots = 1
    momentum = 0.9

    def move(self, g: Array, eta: float, *slots: Array) -> Array:
        (v,) = slots
        v[...] = self.momentum * v - eta * g
        return v


class Nesterov(Momentum):
    """scikit-learn's form: it takes the step that the velocity will take next."""

    def move(self, g: Array, eta: float, *slots: Array) -> Array:
        v = super().move(g, eta, *slots)
        return self.momentum * v - eta * g


class RMSprop(SGD):
    n_slots = 1
    rho = 0.9
    epsilon = 1e-8

    def move(self, g: Array, eta: float, *slots: Array) -> Array:
        (s,) = slots
        s[...] = self.rho * s + (1.0 - self.rho) * g**2
        return -eta * g / (np.sqrt(s) + self.epsilon)


class Adagrad(SGD):
    n_slots = 1
    epsilon = 1e-10

    def move(self, g: Array, eta: float, *slots: Array) -> Array:
        (s,) = slots
        s += g**2
        return -eta * g / (np.sqrt(s) + self.epsilon)


class Adam(SGD):
    """Kingma and Ba, algorithm 1."""

    n_slots = 2
    beta_1 = 0.9
    beta_2 = 0.999
    epsilon = 1e-8
    epsilon_hat = 0.0  # of the second form in the paper

    def move(self, g: Array, eta: float, *slots: Array) -> Array:
        m, v = slots
        m[...] = self.beta_1 * m + (1.0 - self.beta_1) * g
        v[...] = self.beta_2 * v + (1.0 - self.beta_2) * g**2
        m_hat = m / (1.0 - self.beta_1**self.t)
        v_hat = v / (1.0 - self.beta_2**self.t)
        epsilon = self.epsilon + self.epsilon_hat / np.sqrt(1.0 - self.beta_2**self.t)
        return -eta * m_hat / (np.sqrt(v_hat) + epsilon)


class AdamW(Adam):
    """Adam with the penalties taken from the weights directly (Loshchilov and Hutter)."""


OPTIMIZERS: dict[str, type[SGD]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
}

# --- the network --------------------------------------------------------------------------------


class Network:
    def __init__(
        self,
        weights: Sequence[Array],
        biases: Sequence[Array],
        activations: Sequence[str],
        cost: str = "quadratic",
        numbers: dict[str, Any] | None = None,
    ) -> None:
        self.weights = [np.array(w, dtype=np.float64) for w in weights]
        self.biases = [np.array(b, dtype=np.float64) for b in biases]
        self.activations = list(activations)
        self.cost = cost
        self.numbers = numbers

    def forward(
        self, x: Array, masks: Sequence[Array | None] | None = None
    ) -> tuple[list[Array], list[Array]]:
        """Every layer's z and a. masks[l] multiplies a[l] (dropout), the input's first."""
        masks = masks or [None] * len(self.weights)
        activations, zs = [x], []
        for w, b, name, mask in zip(
            self.weights, self.biases, self.activations, masks, strict=True
        ):
            if mask is not None:
                activations[-1] = activations[-1] * mask
            zs.append(activations[-1] @ w.T + b)
            activations.append(ACTIVATIONS[name][0](zs[-1]))
        return zs, activations

    def feedforward(self, x: Array) -> Array:
        return self.forward(x)[1][-1]

    def row_costs(self, x: Array, y: Array) -> Array:
        cost = cost_with(self.cost, self.numbers) if self.numbers else COSTS[self.cost]
        return cost[0](self.feedforward(x), y)

    def mean_cost(self, x: Array, y: Array, sample_weight: Array | None = None) -> float:
        return float(np.average(self.row_costs(x, y), weights=sample_weight))

    def backprop(
        self,
        x: Array,
        y: Array,
        sample_weight: Array | None = None,
        masks: Sequence[Array | None] | None = None,
    ) -> tuple[list[Array], list[Array]]:
        """The gradient of the mean cost: (nabla_w, nabla_b)."""
        weight = np.ones(len(x)) if sample_weight is None else sample_weight
        zs, activations = self.forward(x, masks)
        nabla_w = [np.zeros_like(w) for w in self.weights]
        nabla_b = [np.zeros_like(b) for b in self.biases]
        delta = self.last_delta(zs[-1], activations[-1], y)
        delta = delta * (weight / weight.sum())[:, None]
        for layer in reversed(range(len(self.weights))):
            nabla_b[layer] = delta.sum(axis=0)  # BP3
            nabla_w[layer] = delta.T @ activations[layer]  # BP4
            if layer > 0:
                delta = self.delta_before(layer, delta, zs)
                if masks is not None and masks[layer] is not None:
                    delta = delta * masks[layer]
        return nabla_w, nabla_b

    def last_delta(self, z: Array, a: Array, y: Array) -> Array:
        return output_delta(self.cost, self.activations[-1], z, a, y, self.numbers)

    def delta_before(self, layer: int, delta: Array, zs: list[Array]) -> Array:
        """The book's BP2: delta propagated back through weights[layer]."""
        slope = ACTIVATIONS[self.activations[layer - 1]][1]
        return (delta @ self.weights[layer]) * slope(zs[layer - 1])

    def input_gradient(self, x: Array, y: Array) -> Array:
        """The gradient of each row's own cost with respect to that row."""
        zs, activations = self.forward(x)
        delta = self.last_delta(zs[-1], activations[-1], y)
        for layer in reversed(range(1, len(self.weights))):
            delta = self.delta_before(layer, delta, zs)
        return delta @ self.weights[0]

    def penalty(self, n: int, l2: float = 0.0, l1: float = 0.0) -> float:
        """What L2 and L1 add to the cost; n is the size of the training set."""
        squares = sum((w**2).sum() for w in self.weights)
        return float(0.5 * l2 / n * squares + l1 / n * sum(np.abs(w).sum() for w in self.weights))

    def update_mini_batch(
        self,
        x: Array,
        y: Array,
        eta: float,
        optimizer: SGD | None = None,
        *,
        n: int | None = None,
        l2: float = 0.0,
        l1: float = 0.0,
        sample_weight: Array | None = None,
        masks: Sequence[Array | None] | None = None,
        clip_value: float = 0.0,
        clip_norm: float = 0.0,
        max_norm: float = 0.0,
    ) -> None:
        """One step: gradient, clipping, penalties, the optimiser's update, max-norm.

        l2 and l1 are divided by n, the size of the training set (the mini-batch's if not given).
        """
        optimizer = optimizer or SGD()
        nabla_w, nabla_b = self.backprop(x, y, sample_weight, masks)
        gradients = clipped(nabla_w + nabla_b, clip_value, clip_norm)
        for w, g in zip(self.weights, gradients, strict=False):  # biases are not penalised
            slope = (l2 * w + l1 * np.sign(w)) / (n or len(x))
            if isinstance(optimizer, AdamW):
                w -= eta * slope
            else:
                g += slope
        optimizer.update(self.weights + self.biases, gradients, eta)
        if max_norm:
            for w in self.weights:
                length = np.sqrt(
                    (w**2).sum(axis=1, keepdims=True)
                )  # of each unit's incoming weights
                w *= np.minimum(1.0, max_norm / np.maximum(length, 1e-300))

    def epoch(
        self,
        x: Array,
        y: Array,
        order: NDArray[np.int64],
        batch_size: int,
        eta: float,
        optimizer: SGD | None = None,
        *,
        n: int | None = None,
        l2: float = 0.0,
        l1: float = 0.0,
        sample_weight: Array | None = None,
        **rest: float,
    ) -> float:
        """Trains on mini-batches in the given order. Returns their mean cost before each update."""
        weight = np.ones(len(x)) if sample_weight is None else sample_weight
        total = 0.0
        for rows in mini_batches(order, batch_size):
            penalty = self.penalty(n or len(rows), l2, l1)
            cost = self.mean_cost(x[rows], y[rows], weight[rows]) + penalty
            total += cost * weight[rows].sum()
            self.update_mini_batch(
                x[rows], y[rows], eta, optimizer,
                n=n, l2=l2, l1=l1, sample_weight=weight[rows], **rest,
            )  # fmt: skip
        return float(total / weight[order].sum())


def clipped(gradients: list[Array], value: float, norm: float) -> list[Array]:
    """Clips each derivative by value, then the whole gradient by norm. 0 means no bound."""
    if value:
        gradients = [np.clip(g, -value, value) for g in gradients]
    length = math.sqrt(sum((g**2).sum() for g in gradients))
    if norm and length > norm:
        gradients = [g * (norm / length) for g in gradients]
    return gradients


def mini_batches(order: NDArray[np.int64], batch_size: int) -> Iterator[NDArray[np.int64]]:
    for k in range(0, len(order), batch_size):
        yield order[k : k + batch_size]
