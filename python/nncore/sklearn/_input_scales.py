"""How much each input is worth: a scale for each, learnt by a network that is then thrown away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore.network import Network
from nncore.optimizers import Adam
from nncore.trainer import Trainer

_RATE = 6.0
"""Scales learn at so many times the weights' rate, before that is divided by sqrt(inputs)."""
_EPSILON = 1e-8


def learnt_scales(
    net: Network,
    x: NDArray[np.float32],
    y: NDArray[Any],
    weight: NDArray[Any] | None,
    *,
    rates: Callable[[int], float],
    unit: float,
    trainer: dict[str, Any],
    batch_size: int,
    epochs: int,
    random: np.random.RandomState,
) -> NDArray[np.float32]:
    """Scales (inputs,), of mean square 1, that Adam found beside the weights of `net`.

    `rates` gives an epoch's rate of scales / _RATE and of weights * `unit`; `trainer` are further
    arguments of the Trainer.
    """
    optimizer = Adam(beta_1=0.9, beta_2=0.95)
    steps = Trainer(net, optimizer, learning_rate=rates(0) / unit, **trainer)
    scales = np.ones(x.shape[1], np.float32)
    mean, square, t = np.zeros(x.shape[1]), np.zeros(x.shape[1]), 0
    for epoch in range(epochs):
        rate = rates(epoch)
        steps.learning_rate = rate / unit
        order = random.permutation(len(x))
        for rows in np.split(order, range(batch_size, len(x), batch_size)):
            given, w = x[rows], None if weight is None else weight[rows]
            slopes = given * net.input_gradient(given * scales, y[rows])
            if w is not None:
                slopes *= (w * (len(w) / max(w.sum(), _EPSILON)))[:, None]
            gradient = slopes.mean(axis=0, dtype=np.float64)
            steps.step(given * scales, y[rows], w)
            t += 1
            mean = optimizer.beta_1 * mean + (1 - optimizer.beta_1) * gradient
            square = optimizer.beta_2 * square + (1 - optimizer.beta_2) * gradient**2
            above = mean / (1 - optimizer.beta_1**t)
            below = np.sqrt(square / (1 - optimizer.beta_2**t)) + _EPSILON
            scales = (scales - _RATE * rate * above / below).astype(np.float32)
    scales = np.abs(scales)
    return np.asarray(scales / np.sqrt(np.mean(scales**2)), np.float32)
