"""`nncore train`, `predict`, `evaluate` and `info` on a folder of users' own images."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import nncore
from command_line import failure
from nncore import cli

image = pytest.importorskip("PIL.Image", reason="needs Pillow, the extra nncore[images]")


def draw(folder: Path, count: int, seed: int, size: tuple[int, int] = (12, 10)) -> Path:
    """Pictures of a bar: lying, standing or leaning, in a sub-folder each."""
    rng = np.random.default_rng(seed)
    height, width = size
    for kind in ("lying", "standing", "a cross"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = rng.integers(0, 60, (height, width)).astype(np.uint8)
            row, column = rng.integers(2, height - 2), rng.integers(2, width - 2)
            if kind != "standing":
                pixels[row - 1 : row + 1] += 150
            if kind != "lying":
                pixels[:, column - 1 : column + 1] = 220
            image.fromarray(pixels).save(folder / kind / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("bars") / "bars", 40, 1)


@pytest.fixture(scope="module")
def model(folder: Path) -> str:
    path = str(folder.parent / "bars.safetensors")
    assert cli.main(["train", "--data", str(folder), "--output", path, "--epochs", "30"]) == 0
    return path


def test_pictures_are_told_apart(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = draw(tmp_path / "new", 20, 2)
    files = [str(path) for path in sorted(new.glob("*/*.png"))]
    capsys.readouterr()
    assert cli.main(["predict", model, *files, "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)
    assert [answer["file"] for answer in answers] == files
    right = [answer["class"] == Path(answer["file"]).parent.name for answer in answers]
    assert np.mean(right) > 0.9
    assert answers[0]["probabilities"].keys() == {"a cross", "lying", "standing"}

    assert cli.main(["evaluate", model, "--data", str(new)]) == 0
    assert f"accuracy  {sum(right)} of 60 rows" in capsys.readouterr().out
    assert cli.main(["predict", model, files[-1]]) == 0
    assert capsys.readouterr().out.startswith(f"{files[-1]}  standing  (")
    assert cli.main(["info", model]) == 0
    assert "12 x 10 pixels, grey" in capsys.readouterr().out


def test_pictures_of_other_sizes_and_kinds_are_brought_to_one(
    model: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = image.open(folder / "standing" / "3.png")
    picture.resize((60, 72), image.Resampling.NEAREST).convert("RGB").save(tmp_path / "large.png")
    picture.convert("RGBA").save(tmp_path / "alpha.png")
    for name in ("large.png", "alpha.png"):
        capsys.readouterr()
        assert cli.main(["predict", model, str(tmp_path / name), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)[0]["class"] == "standing"


@pytest.mark.parametrize(("options", "inputs"), [([], 32 * 32 * 3), (["--image-size", "9x8"], 216)])
def test_mixed_sizes_and_colours(
    options: list[str], inputs: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = draw(tmp_path / "mixed", 4, 3)
    image.new("RGB", (30, 20), (200, 10, 10)).save(folder / "lying" / "red.jpg")
    (folder / "lying" / "notes.txt").write_text("no picture")
    (folder / ".hidden").mkdir()
    (folder / "empty").mkdir()
    command = ["train", "--data", str(folder), "--output", str(tmp_path / "m"), "--epochs", "1"]
    assert cli.main([*command, *options]) == 0
    printed = capsys.readouterr().out
    assert "13 images" in printed
    assert "3: a cross, lying, standing" in printed
    assert "left out  1 files" in printed
    assert nncore.Network.load(tmp_path / "m").sizes == (inputs, 64, 32, 3)


@pytest.mark.parametrize(("orientation", "size"), [(3, "12 x 10"), (6, "10 x 12")])
def test_cameras_held_sideways_do_not_stretch_their_pictures(
    orientation: int, size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = draw(tmp_path / "sideways", 4, 3)
    exif = image.Exif()
    exif[0x0112] = orientation
    for path in folder.glob("*/*.png"):
        image.open(path).save(path, exif=exif)
    output = str(tmp_path / "m")
    assert cli.main(["train", "--data", str(folder), "--output", output, "--epochs", "1"]) == 0
    capsys.readouterr()
    assert cli.main(["info", output]) == 0
    assert f"{size} pixels" in capsys.readouterr().out


def test_what_is_no_folder_of_pictures_is_refused(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    os.makedirs("d/cat")
    assert "d: expected pictures" in failure(capsys, "train", "--data", "d")
    draw(Path("d"), 2, 1)
    Path("d/lying/1.png").write_bytes(b"no picture")
    assert "d/lying/1.png: not an image" in failure(capsys, "train", "--data", "d")
    whole = Path("d/lying/0.png").read_bytes()
    Path("d/lying/1.png").write_bytes(whole[: len(whole) // 2])
    assert "d/lying/1.png: damaged image" in failure(capsys, "train", "--data", "d")
    assert "--target is for tables" in failure(capsys, "train", "--data", "d", "--target", "x")
    os.unlink("d/lying/1.png")
    os.rename("d/lying", "d/flying")
    assert "no class 'flying'" in failure(capsys, "evaluate", model, "--data", "d")
    for name in ("a cross", "standing"):
        for path in Path("d", name).iterdir():
            path.unlink()
    assert "'flying' only" in failure(capsys, "train", "--data", "d")
    assert not list(Path().glob("*.safetensors"))


def test_predict_names_bad_pictures_and_goes_on(
    model: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    good = folder / "lying" / "0.png"
    capsys.readouterr()
    assert cli.main(["predict", model, str(bad), str(good)]) == 2
    printed = capsys.readouterr()
    assert printed.out.split()[:1] == [str(good)]
    assert f"{bad}: not an image" in printed.err
