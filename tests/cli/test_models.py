"""`nncore evaluate` and `nncore predict`."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import nncore
from command_line import failure, run
from nncore import cli
from nncore.datasets import load_mnist, make_digits
from nncore.images import ImageError, read_digit

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from nncore.datasets import Dataset


def test_evaluate_shows_the_accuracy_and_the_confusion_matrix(
    data: Path, model: str, tmp_path: Path
) -> None:
    done = run("evaluate", model, "--data", data, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    net, (x, y) = nncore.Network.load(model), load_mnist(data).test
    taken = net.predict(x)
    right = int((taken == y).sum())
    assert f"accuracy  {right} of 300 test images, {right / 3:.2f} %\n" in done.stdout
    assert f"cost      {net.evaluate(x, y).cost:.5f}\n" in done.stdout
    error = nncore.metrics.calibration_error(y, net.feedforward(x))
    assert f"calibration error  {100 * error:.2f} %\n" in done.stdout

    heading, *rows = done.stdout.splitlines()[-11:]
    assert heading.split() == [*"0123456789", "total", "right"]
    assert len({len(row) for row in [heading, *rows]}) == 1
    for digit, row in enumerate(rows):
        cells = row.replace(".  ", "0  ").split()
        expected = [int(((y == digit) & (taken == other)).sum()) for other in range(10)]
        assert [int(cell) for cell in cells[:12]] == [digit, *expected, sum(expected)]
        assert cells[12] == f"{100 * expected[digit] / sum(expected):.2f}"


def test_a_model_of_another_task_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.safetensors"
    nncore.Network([4, 3, 2]).save(path)
    for command in (["evaluate", path, "--data", data], ["predict", path, "x.png"]):
        error = failure(capsys, *command)
        assert "784 inputs" in error
        assert "4-3-2" in error


def drawn(image: Picture, kind: str) -> Picture:
    """A digit of 28 x 28 pixels, light on dark, in the style of various image files."""
    from PIL import Image, ImageOps

    big = image.resize((280, 280), Image.Resampling.BICUBIC)
    if kind == "enlarged":
        return big
    if kind == "inverted":
        return ImageOps.invert(big)
    if kind == "wide, off centre":
        return ImageOps.expand(ImageOps.invert(big), (400, 10, 60, 30), fill=255)
    if kind == "tall, in colour":
        tall = ImageOps.expand(big, (0, 300, 0, 20))
        return ImageOps.colorize(tall, (250, 240, 120), (200, 20, 30))
    if kind == "noisy":
        grey = 230 - 0.6 * np.asarray(big) + np.random.default_rng(0).normal(0, 8, (280, 280))
        return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
    if kind == "16 bits":
        return Image.fromarray(np.asarray(big).astype(np.uint16) * 100)
    if kind == "black and white":
        return big.point(lambda level: 255 * (level > 128)).convert("1")
    if kind in ("black on nothing", "white on nothing"):
        cut_out = Image.new("RGBA", big.size, (0, 0, 0, 0) if "black" in kind else "#ffffff00")
        cut_out.putalpha(big)
        return cut_out
    assert kind == "on a card with round corners"
    card = ImageOps.invert(big).convert("RGBA")
    alpha = np.full((280, 280), 255, np.uint8)
    alpha[:12, :12] = alpha[-12:, -12:] = 0
    card.putalpha(Image.fromarray(alpha))
    return card


@pytest.mark.parametrize(
    "kind",
    [
        "enlarged",
        "inverted",
        "wide, off centre",
        "tall, in colour",
        "noisy",
        "16 bits",
        "black and white",
        "black on nothing",
        "white on nothing",
        "on a card with round corners",
    ],
)
def test_predict_reads_images_of_any_size_and_kind(
    kind: str, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, the extra nncore[images]")
    digits = make_digits(10, seed=9)
    files = []
    for i, row in enumerate(digits.x):
        digit = image.fromarray(np.rint(row.reshape(28, 28) * 255).astype(np.uint8))
        files.append(str(tmp_path / f"{i}.png"))
        drawn(digit, kind).save(files[-1])
    assert cli.main(["predict", model, *files]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == files
    # The model recognises about 19 of 20 such digits.
    assert sum(int(line.split()[1]) == y for line, y in zip(lines, digits.y, strict=True)) >= 8


def test_an_mnist_image_is_read_back_unchanged(mnist: Dataset, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, the extra nncore[images]")
    path = str(tmp_path / "digit.png")
    same = 0
    for row in mnist.test.x[:50]:
        levels = 255 - np.rint(row.reshape(28, 28) * 255).astype(np.uint8)
        levels = np.pad(levels, ((3, 30), (0, 11)), constant_values=255)
        image.fromarray(levels).save(path)
        same += np.abs(read_digit(path) - row).max() < 0.05
    # Very light grey counts as background, which may move the centre by a pixel.
    assert same >= 45


def test_reading_a_thin_image_takes_memory_like_its_pixels(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, the extra nncore[images]")
    path = str(tmp_path / "strip.png")
    pixels = np.zeros((200_000, 28), np.uint8)
    pixels[80_000:140_000, 10:16] = 255
    image.fromarray(pixels).save(path)
    tracemalloc.start()
    try:
        digit = read_digit(path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 2 * 4 * pixels.size
    assert digit.max() > 0.5


def test_a_picture_of_all_floats_there_are_has_grey_levels(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, the extra nncore[images]")
    path = str(tmp_path / "far.tiff")
    pixels = np.full((28, 28), -3e38, np.float32)
    pixels[6:20, 12:15] = 3e38
    pixels[7, 13] = np.inf
    image.fromarray(pixels).save(path)
    digit = read_digit(path).reshape(28, 28)
    assert np.isfinite(digit).all()
    assert digit.any(axis=1).sum() == 20


def test_a_picture_beyond_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, the extra nncore[images]")
    path = str(tmp_path / "large.png")
    image.new("L", (28, 28)).save(path)

    def no_memory(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("nncore.images.pictures._colours", no_memory)
    with pytest.raises(ImageError, match=r"large\.png: the image has too many pixels"):
        read_digit(path)


def test_predict_names_unreadable_images_and_continues(model: str, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, the extra nncore[images]")
    digit = make_digits(1, seed=9)
    pixels = np.rint(digit.x.reshape(28, 28) * 255).astype(np.uint8)
    image.fromarray(pixels).save(tmp_path / "digit with space.png")
    image.new("RGB", (50, 40), "white").save(tmp_path / "blank.png")
    (tmp_path / "text.png").write_text("no image")
    whole = (tmp_path / "digit with space.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    names = ["text.png", "cut.png", "nowhere.png", ".", "blank.png", "digit with space.png"]
    done = run("predict", model, *names, cwd=tmp_path)
    assert done.returncode == 2
    errors = done.stderr.splitlines()
    assert len(errors) == 4
    for name, error in zip(names, errors, strict=False):
        assert error.startswith(f"nncore: error: {name}: ")
    number = r"\d\.\d{3}"
    line = rf"digit with space\.png +{digit.y[0]}  \({number}, then \d with {number}\)\n"
    assert re.fullmatch(rf"blank\.png +no digit\n{line}", done.stdout)


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[list[str], np.ndarray]:
    """Files of eight digits, dark on light, and what they show."""
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, the extra nncore[images]")
    digits = make_digits(8, seed=9)
    files = [str(tmp_path / f"{i}.png") for i in range(len(digits.y))]
    for file, row in zip(files, digits.x, strict=True):
        picture = image.fromarray(255 - np.rint(row.reshape(28, 28) * 255).astype(np.uint8))
        picture.resize((84, 84)).save(file)
    return files, digits.y


def test_predict_without_a_model_reads_digits(
    pictures: tuple[list[str], np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    files, labels = pictures
    assert cli.main(["predict", *files]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines] == files
    read = [line.split()[1] for line in lines]
    assert sum(r == str(y) for r, y in zip(read, labels, strict=True)) >= 7
    assert said.err == "read by nncore's own network, 784-112-96-10\n"


def test_what_a_model_is_goes_by_its_name_or_content(
    pictures: tuple[list[str], np.ndarray],
    model: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = pictures[0][0]
    named = tmp_path / "a model"
    named.write_bytes(Path(model).read_bytes())
    assert cli.main(["predict", str(named), file]) == 0
    said = capsys.readouterr()
    assert (len(said.out.splitlines()), said.err) == (1, "")
    missing = str(tmp_path / "missing.safetensors")
    assert failure(capsys, "predict", missing, file).startswith(f"nncore: error: {missing}: ")
    assert "a model; expected what it is to predict" in failure(capsys, "predict", named)
    assert "takes images; found the table x.csv" in failure(capsys, "predict", "x.csv")
    assert "found the table -" in failure(capsys, "predict", "-")
    assert "--json is for models of your own data" in failure(capsys, "predict", file, "--json")
    assert "required: IMAGE" in failure(capsys, "predict")

    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    for given in ([model, "--explain", "cuts.png", file], ["--explain", "cuts.png", file]):
        assert cli.main(["predict", *given]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 1
    before = Path(file).read_bytes()
    assert "would replace what is read" in failure(capsys, "predict", file, "--explain", file)
    assert Path(file).read_bytes() == before
