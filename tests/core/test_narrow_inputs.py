"""Inputs of uint8 and float16: read where they lie, to the bits of the same numbers in floats."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import nncore
from nncore import _core
from nncore.data import Scaled


def pixels(n: int, density: float, dtype: Any = np.uint8) -> NDArray[Any]:
    """Rows (n, 90) of which that share is not zero."""
    rng = np.random.default_rng(5)
    full = rng.integers(1, 256, (n, 90)).astype(dtype)
    return np.where(rng.random((n, 90)) < density, full, np.zeros((), dtype))


def trained(x: Any, dtype: str, **options: Any) -> nncore.Network:
    net = nncore.Network(
        [90, 12, 3], activation="relu", output_activation="softmax", cost="log_likelihood",
        dtype=dtype, seed=3,
    )  # fmt: skip
    y = np.arange(len(x)) % 3
    net.fit(x, y, epochs=2, optimizer="adam", learning_rate=0.01, progress=False, **options)
    return net


def same(a: nncore.Network, b: nncore.Network) -> bool:
    return all(
        np.array_equal(p, q)
        for p, q in zip(a.weights + a.biases, b.weights + b.biases, strict=True)
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("density", [0.1, 0.9])  # without zeros, and with them
@pytest.mark.parametrize("narrow", [np.uint8, np.float16])
@pytest.mark.parametrize("scale", [(1.0, 0.0), (1 / 255, 0.0), (1 / 255, -0.5)])
def test_narrow_inputs_give_the_bits_of_floats(
    narrow: Any, density: float, dtype: str, scale: tuple[float, float]
) -> None:
    x = pixels(203, density, narrow)
    wide = (x.astype(np.float64) * scale[0] + scale[1]).astype(dtype)
    options = {"validation_split": 0.25, "dropout": [0.2, 0.1], "metrics": ["f1"]}
    given = Scaled(x, *scale)
    net, expected = trained(given, dtype, **options), trained(wide, dtype, **options)
    assert same(net, expected)
    assert net.history["validation_cost"] == expected.history["validation_cost"]
    for ask in (net.feedforward, net.predict):
        assert np.array_equal(ask(given), ask(wide))
    assert np.array_equal(net.feedforward(given[3:4]), net.feedforward(wide[3:4]))
    y = np.arange(203) % 3
    assert net.evaluate(given, y) == net.evaluate(wide, y)
    assert np.array_equal(net.input_gradient(given, y), net.input_gradient(wide, y))
    for found, wanted in zip(net.backprop(given, y), net.backprop(wide, y), strict=True):
        for a, b in zip(found, wanted, strict=True):
            assert np.array_equal(a, b)
    if scale == (1.0, 0.0):
        assert same(trained(x, dtype, **options), expected)


def test_bytes_over_255_are_pixels_from_0_to_1() -> None:
    levels = np.arange(256, dtype=np.uint8)[None]
    net = nncore.Network([256, 1], output_activation="linear", dtype="float32")
    data = Scaled(levels, 1 / 255)
    for i in (1, 85, 254):
        net.weights[0][...] = np.arange(256) == i
        assert net.feedforward(data)[0, 0] == np.float32(i) / np.float32(255)


def test_every_half_float_is_itself() -> None:
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)]
    net = nncore.Network([1, 1], output_activation="linear", initializer=([[[1.0]]], [[0.0]]))
    found = net.feedforward(halves[:, None])[:, 0]
    assert np.array_equal(found.astype(np.float16), halves)
    assert np.array_equal(found, halves.astype(np.float32))


@pytest.mark.parametrize(
    "layout",
    [
        lambda x: np.asfortranarray(x),
        lambda x: np.hstack([x, x])[:, :90],
        lambda x: np.vstack([x, x])[::2],
        lambda x: x[::-1],
        lambda x: x.astype(x.dtype.newbyteorder(">")),
        lambda x: np.lib.stride_tricks.as_strided(x, (20, 90), (1 * x.itemsize, x.itemsize)),
        lambda x: x[:0],
        lambda x: x[:1],
    ],
)  # fmt: skip
@pytest.mark.parametrize("narrow", [np.uint8, np.float16])
def test_narrow_arrays_of_any_layout(layout: Any, narrow: Any) -> None:
    x = layout(pixels(40, 0.5, narrow))
    net = nncore.Network([90, 4], seed=1)
    assert np.array_equal(net.feedforward(x), net.feedforward(x.astype(np.float32)))


def test_narrow_rows_are_not_expanded_whole() -> None:
    """A data set of bytes takes no memory of NumPy's but theirs, and none where it trains."""
    x = pixels(20_000, 0.9)
    net = nncore.Network([90, 3])
    y = np.arange(len(x)) % 3
    tracemalloc.start()
    try:
        data = _core.Dataset(net, Scaled(x, 1 / 255), y)
        _core.Trainer(net, batch_size=20).epoch(data, None, learning_rate=0.1)
        assert tracemalloc.get_traced_memory()[1] < x.nbytes / 2
    finally:
        tracemalloc.stop()


def test_what_narrow_rows_cannot_be_is_refused() -> None:
    net = nncore.Network([3, 2])
    half = np.zeros((4, 3), np.float16)
    half[2, 1] = np.inf
    for x in (half, Scaled(half)):
        with pytest.raises(ValueError, match="infinity in row 2, column 1"):
            net.fit(x, [0, 1, 0, 1], epochs=1)
        with pytest.raises(ValueError, match="infinity in row 2, column 1"):
            net.feedforward(x)
    half[2, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        net.predict(half)
    with pytest.raises(ValueError, match="scale 1e"):
        net.predict(Scaled(np.zeros((1, 3), np.uint8), 1e300))
    with pytest.raises(ValueError, match=r"\(4, 2\)|2 columns"):
        net.predict(Scaled(np.zeros((4, 2), np.uint8)))
    with pytest.raises(TypeError, match="uint8 or float16, got float32"):
        Scaled(np.zeros((4, 3), np.float32))
    with pytest.raises(ValueError, match=r"\(n, inputs\), got shape \(3,\)"):
        Scaled(np.zeros(3, np.uint8))
    with pytest.raises(ValueError, match="scale"):
        Scaled(np.zeros((4, 3), np.uint8), np.nan)
