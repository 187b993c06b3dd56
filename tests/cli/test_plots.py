"""`nncore train --plot` and `nncore evaluate --plot`."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from command_line import failure
from nncore import cli
from nncore.cli.output import sparkline

pytest.importorskip("matplotlib")
image = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "t.csv"
    x = np.random.default_rng(0).uniform(size=(60, 2)).round(3)
    lines = [f"{a},{b},{a + b:.3f},{'high' if a > b else 'low'}" for a, b in x]
    path.write_text("\n".join(["a,b,sum,side", *lines]) + "\n")
    return path


def is_picture(path: Path) -> bool:
    with image.open(path) as opened:
        return bool(np.ptp(np.asarray(opened.convert("L"))) > 100)


@pytest.mark.parametrize("target", ["sum", "side"])
def test_own_data(
    target: str, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn")
    model, curves, measured = (str(tmp_path / name) for name in ("m", "curves.png", "seen.png"))
    data = ["--data", str(table)]
    train = ["train", *data, "--target", target, "--epochs", "3", "--output", model]
    assert cli.main([*train, "--plot", curves]) == 0
    assert f"plot      {curves}\n" in capsys.readouterr().out
    assert is_picture(Path(curves))
    assert cli.main(["evaluate", model, *data, "--plot", measured]) == 0
    assert f"plot      {measured}\n" in capsys.readouterr().out
    assert is_picture(Path(measured))


def test_digits(data: Path, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    path = tmp_path / "seen.svg"
    assert cli.main(["evaluate", model, "--data", str(data), "--plot", str(path)]) == 0
    assert "expected calibration error" in path.read_text()
    capsys.readouterr()


def test_what_cannot_be_drawn_is_said_before_training(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "m"
    train = ["train", "--data", table, "--target", "sum", "--output", model]
    found = failure(capsys, *train, "--plot", tmp_path / "curves.docx")
    assert "expected a name that ends as one of" in found
    assert "No such file or directory" in failure(capsys, *train, "--plot", tmp_path / "no/c.png")
    assert not model.exists()


def test_a_curve_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", SimpleNamespace(encoding="UTF-8"))
    assert sparkline([0.0, 7.0, float("nan"), 3.5]) == "▁█▅"
    assert sparkline([2.0, 2.0]) == "▁▁"
    assert sparkline([1.0]) == ""
    long = sparkline([float(i) for i in range(1000)])
    assert 30 < len(long) <= 40
    assert list(long) == sorted(long)
    assert long[-1] == "█"
    monkeypatch.setattr("sys.stdout", SimpleNamespace(encoding="ascii"))
    assert sparkline([0.0, 7.0]) == ""
