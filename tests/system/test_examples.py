"""The programs of examples/, which are not installed. Those of engines are in tests/many."""

from __future__ import annotations

import importlib.util
import runpy
from pathlib import Path
from typing import Any

import pytest

import nncore

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="examples/ is not part of this copy")


def example(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_a_pole_is_balanced() -> None:
    lengths = example("pole")["learn"](seed=1)
    assert max(lengths[:10]) < 200
    assert sum(lengths[-5:]) / 5 > 150


def test_photographs_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = pytest.importorskip("PIL.Image")
    program = example("photographs")
    net = program["trained"]()
    net.save(tmp_path / "net.safetensors")
    for seed, number in ((2, "70"), (4, "1642")):
        image.fromarray(program["photograph"](number, seed)).save(tmp_path / f"{number}.png")
    files = [str(tmp_path / name) for name in ("net.safetensors", "70.png", "1642.png")]
    program["main"](files)
    said = capsys.readouterr().out
    assert "70.png: 70," in said
    assert "1642.png: 1642," in said


def test_a_table_gets_intervals() -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    inside, r2 = example("tabular")["main"]()
    assert 0.65 < inside < 0.9
    assert r2 > 0.8


def test_networks_together_are_better_than_most_alone(tmp_path: Path) -> None:
    file = tmp_path / "ensemble.safetensors"
    alone, together = example("many_networks")["main"](str(file))
    assert together < sum(alone) / len(alone)
    assert len(nncore.Ensemble.load(file)) == 4


@pytest.mark.skipif(
    importlib.util.find_spec("nncore.cli.page") is None, reason="there is no nncore page here"
)
def test_a_page_is_written(tmp_path: Path) -> None:
    file = tmp_path / "digits.html"
    example("page")["main"](str(file), rows=1_000, epochs=2)
    assert file.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")
