"""bench/accuracy/fit_rows.py makes the right chains of pieces likely: against all, one by one."""

from __future__ import annotations

from itertools import chain, combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCH = Path(__file__).parents[2] / "bench" / "accuracy"


@pytest.fixture
def fit_rows(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("PIL.Image", reason="needs Pillow, the extra nncore[images]")
    if not BENCH.is_dir():
        pytest.skip("bench/ is not part of this copy")
    monkeypatch.syspath_prepend(str(BENCH))
    return __import__("fit_rows")


def test_slopes_of_chains_are_those_of_their_likelihood(fit_rows: Any) -> None:
    rng = np.random.default_rng(0)
    first, last = (np.array(ends) for ends in zip(*combinations(range(5), 2), strict=True))
    n = len(first)
    difference = np.where(rng.random(n) < 0.8, 0.1, 0.9)
    row = fit_rows.CutRow(
        np.zeros((n, 1)), first, last, 5, (first >= 2).astype(int), difference, 2, np.zeros(n)
    )

    def is_chain(pieces: tuple[int, ...]) -> bool:
        ends = [0, *chain.from_iterable((first[k], last[k]) for k in pieces), 4]
        return all(a == b for a, b in zip(ends[::2], ends[1::2], strict=True))

    chains = [c for size in range(1, 5) for c in combinations(range(n), size) if is_chain(c)]
    near = difference < 0.5
    right = [c for c in chains if [*row.digit[[*c]]] == [0, 1] and near[[*c]].all()]
    assert len(chains) == 8
    assert 0 < len(right) < 8

    def loss(scores: np.ndarray) -> float:
        sums = [np.logaddexp.reduce([scores[[*c]].sum() for c in some]) for some in (chains, right)]
        return float(sums[0] - sums[1])

    scores = rng.normal(size=n)
    steps = 1e-6 * np.eye(n)
    expected = [(loss(scores + step) - loss(scores - step)) / 2e-6 for step in steps]
    np.testing.assert_allclose(fit_rows.chain_slopes(row, scores), expected, atol=1e-8)
    lost = row._replace(difference=np.ones(n))
    assert not fit_rows.chain_slopes(lost, scores).any()
