"""Core networks, data that suits their costs, comparison with the reference, and hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
from nncore import _core

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can grow: every write fails as on a full disk."""
    resource = pytest.importorskip("resource", reason="needs limits of POSIX")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def make_network(
    sizes: list[int],
    activations: list[str],
    cost: str = "quadratic",
    dtype: Any = "float64",
    seed: int = 1,
    **numbers: Any,
) -> _core.Network:
    """A network with small random weights, and biases that are not all zero."""
    net = _core.Network(sizes, activations, cost=cost, dtype=dtype, seed=seed, **numbers)
    rng = np.random.default_rng(seed)
    for w, b in zip(_core.weight_views(net), _core.bias_views(net), strict=True):
        w[...] = rng.normal(size=w.shape) / np.sqrt(w.shape[1])
        b[...] = rng.normal(size=b.shape) * 0.3
    return net


def twin(net: _core.Network) -> reference.Network:
    """The reference network with the same parameters."""
    numbers: dict[str, Any] = dict(net.cost_hyperparameters)
    if net.cost_list:
        numbers["quantiles" if net.cost == "pinball" else "class_weights"] = net.cost_list
    defaults = numbers == _core.COST_HYPERPARAMETERS.get(net.cost, {})
    return reference.Network(
        _core.weight_views(net),
        _core.bias_views(net),
        net.activations,
        net.cost,
        None if defaults else numbers,
    )


def make_problem(net: _core.Network, n: int, seed: int = 2) -> Pair:
    """n rows with many zeros among them, and targets that are legal for the network's cost."""
    rng = np.random.default_rng(seed)
    inputs, outputs = net.sizes[0], net.sizes[-1]
    x = rng.normal(size=(n, inputs)) * (rng.random((n, inputs)) < 0.6)
    if net.cost == "gaussian":
        return x.astype(net.dtype).astype(float), rng.normal(size=(n, outputs // 2))
    if net.cost == "pinball":
        targets = outputs // max(len(net.cost_list), 1)
        return x.astype(net.dtype).astype(float), rng.normal(size=(n, targets))
    if net.cost in ("log_likelihood", "focal"):
        y = np.eye(outputs)[rng.integers(0, outputs, n)]
    elif net.cost == "cross_entropy" or net.activations[-1] == "sigmoid":
        y = (rng.random((n, outputs)) < 0.4).astype(float)
    elif net.cost == "poisson":
        y = rng.poisson(2.0, (n, outputs)).astype(float)
    else:
        y = rng.normal(size=(n, outputs))
    return x.astype(net.dtype).astype(float), y


def relative(found: Any, expected: Any) -> float:
    """The largest difference over the largest expected value: 1 if all that is found is zero."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert found.shape == expected.shape
    scale = np.abs(expected).max(initial=0.0)
    if scale == 0.0:
        return float(np.abs(found).max(initial=0.0) > 0.0)
    difference = np.abs(found - expected).max()
    return float(difference / scale) if np.isfinite(difference) else np.inf


def assert_same_parameters(net: _core.Network, ref: reference.Network, tolerance: float) -> None:
    for layer in range(len(ref.weights)):
        assert relative(_core.weight_views(net)[layer], ref.weights[layer]) <= tolerance, layer
        assert relative(_core.bias_views(net)[layer], ref.biases[layer]) <= tolerance, layer


def digest(*arrays: Any) -> str:
    """One hash of all bits of the arrays."""
    h = hashlib.sha256()
    for a in arrays:
        h.update(np.ascontiguousarray(a).tobytes())
    return h.hexdigest()


def parameter_digest(net: _core.Network) -> str:
    return digest(*_core.weight_views(net), *_core.bias_views(net))


def train(
    net: _core.Network,
    data: _core.Dataset,
    *,
    batch_size: int,
    epochs: int = 1,
    learning_rate: float = 0.1,
    n_threads: int = 0,
    penalty_rows: int = 0,
    **options: Any,
) -> list[float]:
    """Trains epochs in the network's own shuffled order, and returns their costs."""
    trainer = _core.Trainer(net, batch_size=batch_size, **options)
    costs = []
    for epoch in range(epochs):
        order = _core.permutation(len(data), seed=net.seed, epoch=epoch)
        cost = trainer.epoch(
            data,
            order,
            learning_rate=learning_rate,
            penalty_rows=penalty_rows,
            n_threads=n_threads,
        )
        costs.append(cost)
    return costs


def legal_pairings() -> list[tuple[str, str]]:
    """Every (cost, output activation) that the core can train, from its own lists."""
    return [
        (cost, output)
        for cost in _core.COSTS
        for output in _core.output_activations(cost)
        if _core.is_trainable(output)
    ]


def outputs_for(cost: str, n: int) -> int:
    """n outputs, or one more where the cost takes pairs of them."""
    return n + n % 2 if cost == "gaussian" else n


def hidden_activations() -> list[str]:
    """Every activation that a hidden layer can be trained with."""
    return [a for a in _core.ACTIVATIONS if _core.is_trainable(a) and a != "softmax"]
