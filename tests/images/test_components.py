"""Connected components and holes."""

from __future__ import annotations

import numpy as np
import pytest

from nncore.images.components import components, filled


def spread_out(mask: np.ndarray, corners: bool) -> np.ndarray:
    """Labels by letting the least number spread to neighbours until nothing changes."""
    labels = np.where(mask, np.arange(mask.size).reshape(mask.shape), mask.size)
    while True:
        wide = np.pad(labels, 1, constant_values=mask.size)
        steps = [(y, x) for y in (0, 1, 2) for x in (0, 1, 2) if corners or 1 in (y, x)]
        height, width = mask.shape
        least = np.min([wide[y : y + height, x : x + width] for y, x in steps], axis=0)
        least = np.where(mask, least, mask.size)
        if (least == labels).all():
            return labels
        labels = least


@pytest.mark.parametrize("corners", [True, False])
def test_components_are_what_neighbours_lead_to(corners: bool) -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        mask = rng.random(rng.integers(1, 12, 2)) < rng.random()
        found, expected = components(mask, corners), spread_out(mask, corners)
        assert ((found.labels >= 0) == mask).all()
        pairs = set(zip(found.labels[mask].tolist(), expected[mask].tolist(), strict=True))
        number = len(set(expected[mask].tolist()))
        assert len(pairs) == len(found.area) == number
        for k in range(number):
            y, x = np.nonzero(found.labels == k)
            assert found.area[k] == y.size
            assert found.box[k].tolist() == [y.min(), y.max() + 1, x.min(), x.max() + 1]


def test_holes_are_filled_and_bays_are_not() -> None:
    ring = np.zeros((7, 7), bool)
    ring[1:6, 1:6] = True
    ring[2:5, 2:5] = False
    assert filled(ring).sum() == 25
    ring[1, 3] = False
    assert (filled(ring) == ring).all()
