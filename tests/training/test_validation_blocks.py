"""`nncore.data.Blocks` as validation data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nncore
from block_problem import FIT, ROWS, Sliced, iterators, network, problem, same
from nncore.data import Blocks, Scaled


def measured(validation_data: Any, **options: Any) -> dict[str, list[Any]]:
    x, y = problem()
    net = network()
    history = net.fit(x, y, epochs=2, learning_rate=0.01, validation_data=validation_data,
                      progress=False, **(FIT | options))  # fmt: skip
    return {name: column for name, column in dict(history).items() if name != "seconds"}


def test_validation_data_in_one_window_measure_the_bits_of_arrays() -> None:
    x, y = problem(np.uint8)
    x, y = x[::-1], y[::-1]
    weight = np.random.default_rng(3).random(ROWS)
    for arrays, blocks in (
        ((x, y), Blocks(x, y, block_rows=100, window=11)),
        ((x, y, weight), Blocks(x, y, sample_weight=weight, block_rows=100, window=11)),
        ((x, y), Blocks(iterators(x, y), window=30)),
        ((Scaled(np.ascontiguousarray(x), 0.5, 0.1), y), Blocks(x, y, scale=0.5, offset=0.1)),
    ):
        expected = measured(arrays, metrics=["f1", "confusion_matrix"])
        assert {"validation_cost", "validation_accuracy", "validation_f1"} < expected.keys()
        assert measured(blocks, metrics=["f1", "confusion_matrix"]) == expected


def test_validation_data_in_several_windows_measure_the_same() -> None:
    x, y = problem()
    weight = np.random.default_rng(3).random(ROWS)
    weight[100:200] = 0.0  # a window of rows that do not count
    for w in (None, weight):
        seen = Sliced(x)
        blocks = Blocks(seen, y, sample_weight=w, block_rows=50, window=2)
        expected = measured((x, y) if w is None else (x, y, w), metrics=["f1"])
        found = measured(blocks, metrics=["f1"])
        assert found["validation_cost"] == pytest.approx(expected["validation_cost"], rel=1e-12)
        assert found["validation_f1"] == expected["validation_f1"]
        if w is None:
            assert found["validation_accuracy"] == expected["validation_accuracy"]
        else:
            assert found["validation_accuracy"] == pytest.approx(
                expected["validation_accuracy"], rel=1e-12
            )
        in_order = [(i, min(i + 50, ROWS)) for i in range(0, ROWS, 50)]
        assert seen.asked == [(0, 50), *in_order, *in_order]


def test_blocks_train_and_validate_together_and_resume() -> None:
    x, y = problem()
    blocks = Blocks(x[:800], y[:800], block_rows=100, window=3)
    held_out = Blocks(x[800:], y[800:], block_rows=10, window=3)
    nets = [network() for _ in range(2)]
    options: dict[str, Any] = {"validation_data": held_out, "progress": False}
    nets[0].fit(blocks, epochs=3, **options)
    stop = nncore.callbacks.EarlyStopping("validation_cost", patience=9)
    nets[1].fit(blocks, epochs=1, callbacks=[stop], **options)
    nets[1].fit(blocks, epochs=2, **options)
    assert same(*nets)
    assert nets[0].history["validation_cost"] == nets[1].history["validation_cost"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x, y: Blocks(x[:, :5], y), "validation_data: .*x has 5 columns|takes .n, 6"),
        (lambda x, y: Blocks(x, y + 3, block_rows=100), "validation_data: .*label"),
        (
            lambda x, y: Blocks(x, np.where(np.arange(ROWS) == 700, 7, y), block_rows=100),
            "validation_data: block 7, from row 700: .*label 7",
        ),
        (
            lambda x, y: Blocks(x, y, sample_weight=np.zeros(ROWS)),
            "validation_data: all sample weights are 0",
        ),
    ],
    ids=["width", "labels", "one label", "weights"],
)
def test_what_is_wrong_with_validation_blocks_is_named(make: Any, message: str) -> None:
    x, y = problem()
    with pytest.raises(ValueError, match=message):
        network().fit(x, y, 1, validation_data=make(x, y), progress=False)
