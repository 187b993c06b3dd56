"""The programs of examples/, which are not installed."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="examples/ is not part of this copy")
def test_a_pole_is_balanced() -> None:
    learn = runpy.run_path(str(EXAMPLES / "pole.py"))["learn"]
    lengths = learn(seed=1)
    assert max(lengths[:10]) < 200
    assert sum(lengths[-5:]) / 5 > 150
