"""The page reads drawings by the rules of nncore.images: both are given the same pictures."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nncore.page
from nncore.datasets import make_digits
from nncore.images import rows as rows_module
from nncore.images.cuts import find_cuts
from nncore.images.ink import find_ink
from nncore.images.mnist_form import mnist_form
from nncore.images.pieces import find_pieces
from nncore.images.strokes import even_strokes, unslanted, upright

HERE = Path(__file__).parent
APP = Path(nncore.page.__file__).parent / "app"
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="needs node")


def node(*arguments: object, **environment: str) -> str:
    command = [str(NODE), *map(str, arguments)]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    return result.stdout


def test_the_parts_that_need_no_page() -> None:
    node("--test", HERE / "js" / "pure.test.mjs", APP=str(APP))


def pictures() -> list[np.ndarray]:
    """Small and large pictures of one digit and of several, apart, touching and slanted."""
    drawn = np.rint(make_digits(60, seed=8).x * 255).astype(np.uint8).reshape(-1, 28, 28)
    inked = []
    for digit in drawn:
        columns = np.flatnonzero(digit.max(axis=0) > 25)
        inked.append(digit[:, columns[0] : columns[-1] + 1])
    found = [np.pad(digit, 6) for digit in inked[:4]]
    for start, count, gap in ((4, 2, 4), (6, 3, 2), (9, 4, -2), (13, 5, 3)):
        parts = inked[start : start + count]
        row = np.zeros((40, sum(p.shape[1] + gap for p in parts) + 16), np.uint8)
        x = 6
        for part in parts:
            place = row[6:34, x : x + part.shape[1]]
            np.maximum(place, part, out=place)
            x += part.shape[1] + gap
        found.append(row)
    large = np.kron(found[6], np.ones((4, 4), np.uint8))
    leaning = np.pad(large, ((0, 0), (60, 60)))
    leaning = np.stack([np.roll(r, int(0.7 * (k - 80))) for k, r in enumerate(leaning)])
    sinking = np.pad(large, ((40, 40), (0, 0)))
    sinking = np.stack([np.roll(c, k // 8) for k, c in enumerate(sinking.T)], axis=1)
    thin = np.zeros((150, 200), np.uint8)
    thin[20:130, 90:92] = thin[20:23, 74:92] = 255
    thick = np.zeros((150, 200), np.uint8)
    thick[20:130, 60:120] = 255
    thick[60:90, 80:160] = 255
    return [*found, large, leaning, sinking, thin, thick, np.zeros((50, 60), np.uint8)]


class Likeness:
    def feedforward(self, x: Any) -> Any:
        return 0.2 + 0.6 * x[:, 90:91]


class Digits:
    activations = ("sigmoid",)

    def feedforward(self, x: Any) -> Any:
        d = np.arange(10)
        return 0.01 + 0.004 * d + 0.9 * x[:, 28 * (4 + 2 * d) + 14]


def compare_pieces(straight: np.ndarray, answer: dict[str, Any]) -> None:
    cuts = find_cuts(straight, 0.05 * len(straight))
    assert cuts.columns.tolist() == answer["cuts"]
    np.testing.assert_allclose(cuts.crossed, answer["crossed"], atol=1e-3)
    pieces = find_pieces(straight, cuts)
    found = np.column_stack([pieces.first, pieces.last, pieces.box, pieces.lost])
    np.testing.assert_allclose(found, np.reshape(answer["pieces"], (-1, 7)), atol=1e-2)
    forms = np.reshape(answer["forms"], (-1, 28, 28))
    np.testing.assert_allclose(pieces.forms, forms, atol=1e-4)


def test_every_step_of_reading_is_python_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nncore.images import likeness

    monkeypatch.setattr(likeness, "_network", Likeness)
    given = pictures()
    cases = [{"height": p.shape[0], "width": p.shape[1], "grey": p.ravel().tolist()} for p in given]
    (tmp_path / "pictures.json").write_text(json.dumps(cases))
    answers = json.loads(node(HERE / "js" / "reading.mjs", APP, tmp_path / "pictures.json"))
    assert answers[-1] is None
    for picture, answer in zip(given[:-1], answers[:-1], strict=True):
        ink = find_ink(picture[:, :, None].astype(np.float32) / np.float32(255))
        top, bottom, left, right = answer["box"]
        assert ink.shape == (bottom - top, right - left)
        np.testing.assert_allclose(answer["form"], mnist_form(ink).ravel(), atol=1e-5)
        straight = unslanted(upright(even_strokes(ink)))
        assert straight.shape == tuple(answer["size"])
        np.testing.assert_allclose(answer["ink"], straight.sum(), rtol=1e-5)
        if len(straight) <= 40:  # rows are made as low before they are cut
            compare_pieces(straight, answer)
        row = rows_module.read_row(ink, Digits())  # type: ignore[arg-type]
        chosen = [[*piece.box, piece.digit, piece.score] for piece in row.chosen]
        np.testing.assert_allclose(chosen, answer["chosen"], atol=1e-3)
