"""The book's results on real MNIST: the rows that bench/accuracy/book.py marks as run in CI."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import sys
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location(
    "bench_book", Path(__file__).parents[2] / "bench" / "accuracy" / "book.py"
)
book = importlib.util.module_from_spec(spec)
sys.modules["bench_book"] = book
spec.loader.exec_module(book)

ROWS = [row for row in book.ROWS if row.in_ci]
FLOORS = {"1-hidden30": 95.0}


@pytest.fixture(scope="module")
def data(mnist):
    return book.load()


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_the_better_of_two_seeds_reaches_the_book(row, data):
    """The best epoch counts, so that half of the epochs may do."""
    floor = FLOORS.get(row.name, row.book - book.BAND)
    found = []
    for epochs, seed in itertools.product((row.epochs // 2, row.epochs), (0, 1)):
        shorter = dataclasses.replace(row, epochs=epochs)
        found.append(book.run(shorter, data, seed, "float32").accuracy)
        if found[-1] >= floor:
            break
    assert max(found) >= floor, f"{row.settings}: {found}"
