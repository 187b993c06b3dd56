"""nncore.images.read_number on digits that nncore draws."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path

import numpy as np
import pytest

import nncore
from digit_reader import digit_reader
from nncore import cli
from nncore.datasets import make_digits
from nncore.images import ImageError, read_number
from nncore.images.cuts import find_cuts
from nncore.images.pieces import without_fragments

DIGITS = make_digits(300, seed=5)


@pytest.fixture(scope="module")
def net() -> nncore.Network:
    return digit_reader()


def drawn_row(chosen: np.ndarray, gap: int) -> np.ndarray:
    """Digits side by side, light on dark, `gap` columns between their ink."""
    images = [DIGITS.x[k].reshape(28, 28) for k in chosen]
    columns = [np.flatnonzero(image.max(axis=0) > 0.1) for image in images]
    inked = [image[:, c[0] : c[-1] + 1] for image, c in zip(images, columns, strict=True)]
    picture = np.zeros((40, 12 + sum(i.shape[1] + gap for i in inked)), np.float32)
    x = 6
    for image in inked:
        part = picture[6:34, x : x + image.shape[1]]
        np.maximum(part, image, out=part)
        x += image.shape[1] + gap
    return picture


def enlarged(picture: np.ndarray, by: int = 4) -> np.ndarray:
    return np.kron(picture, np.ones((by, by), np.float32))


def rows(count: int, digits: int, gap: int = 3) -> list[tuple[str, np.ndarray]]:
    rng = np.random.default_rng(1)
    chosen = [rng.integers(0, 300, digits) for _ in range(count)]
    return [("".join(map(str, DIGITS.y[c])), drawn_row(c, gap)) for c in chosen]


def on_paper(picture: np.ndarray) -> np.ndarray:
    return 0.92 - 0.8 * enlarged(picture)


def cropped(picture: np.ndarray) -> np.ndarray:
    rows, columns = (np.flatnonzero(picture.any(axis=axis)) for axis in (1, 0))
    return 1 - enlarged(picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def framed(picture: np.ndarray) -> np.ndarray:
    paper = np.pad(on_paper(picture), 8, constant_values=0.92)
    paper[:5] = paper[-5:] = 0
    paper[:, :5] = paper[:, -5:] = 0
    return paper


def ruled(picture: np.ndarray) -> np.ndarray:
    paper = on_paper(picture)
    paper[10::37] = np.minimum(paper[10::37], 0.6)
    return paper


def on_a_desk(picture: np.ndarray) -> np.ndarray:
    return np.pad(on_paper(picture), 60, constant_values=0.15)


def shaded(picture: np.ndarray) -> np.ndarray:
    paper = on_paper(picture)
    light = np.linspace(1, 0.4, paper.shape[1]) * np.linspace(0.8, 1, len(paper))[:, None]
    return paper * light + np.random.default_rng(0).normal(0, 0.01, paper.shape)


def red_on_green(picture: np.ndarray) -> np.ndarray:
    ink = enlarged(picture)[:, :, None]
    return (1 - ink) * np.array([0.3, 0.55, 0.3]) + ink * np.array([0.75, 0.3, 0.2])


def transparent(picture: np.ndarray) -> np.ndarray:
    ink = enlarged(picture)
    return np.dstack([np.zeros((*ink.shape, 3)), ink])


@pytest.mark.parametrize(
    "style",
    [enlarged, on_paper, cropped, framed, ruled, on_a_desk, shaded, red_on_green, transparent],
    ids=lambda style: style.__name__,
)
def test_rows_are_read_on_whatever_they_are_written(style, net: nncore.Network) -> None:
    read = [(read_number(style(picture), net), number) for number, picture in rows(6, 3)]
    # Single digits are right 97 times in a hundred, so nine rows of ten.
    assert sum(found == number for found, number in read) >= 4, read


@pytest.mark.parametrize("digits", [1, 2, 10])
def test_rows_have_any_number_of_digits(digits: int, net: nncore.Network) -> None:
    read = [(read_number(picture, net), number) for number, picture in rows(5, digits)]
    assert sum(len(found) == digits for found, _ in read) >= 4, read


@pytest.mark.parametrize(("gap", "least"), [(-2, 7), (-3, 5)])
def test_touching_digits_are_parted(gap: int, least: int, net: nncore.Network) -> None:
    read = [(read_number(picture, net), number) for number, picture in rows(10, 4, gap)]
    # Seams alone, without straight cuts and without likeness, read 6 and 3 of them.
    assert sum(found == number for found, number in read) >= least, read


def slanted(picture: np.ndarray, slant: float) -> np.ndarray:
    paper = enlarged(np.pad(picture, ((0, 0), (12, 12))))
    moves = np.round(-slant * (np.arange(len(paper)) - len(paper) / 2)).astype(int)
    return np.stack([np.roll(row, move) for row, move in zip(paper, moves, strict=True)])


@pytest.mark.parametrize("slant", [-0.6, 0.6])
def test_slanted_rows_are_set_upright(slant: float, net: nncore.Network) -> None:
    pictures = [(slanted(picture, slant), number) for number, picture in rows(6, 4)]
    read = [(read_number(picture, net), number) for picture, number in pictures]
    assert sum(found == number for found, number in read) >= 4, read


@pytest.mark.parametrize("down", [False, True], ids=["lines", "squares"])
def test_dark_lines_through_digits_are_taken_away(down: bool, net: nncore.Network) -> None:
    read = []
    for number, picture in rows(6, 4):
        paper = on_paper(picture)
        for k in range(3):
            paper[12 + k :: 26] = np.minimum(paper[12 + k :: 26], 0.35)
        if down:
            for k in range(3):
                paper[:, 12 + k :: 26] = np.minimum(paper[:, 12 + k :: 26], 0.35)
        read.append((read_number(paper, net), number))
    assert sum(found == number for found, number in read) >= 4, read


def test_several_rows_are_refused(net: nncore.Network) -> None:
    (first, above), (second, below) = rows(2, 3)
    width = max(above.shape[1], below.shape[1])
    both = [np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in (above, below)]
    with pytest.raises(ImageError, match=f"one row of digits, found several: {first}, {second}"):
        read_number(on_paper(np.concatenate(both)), net)


NOTHING = {
    "white": np.ones((50, 60)),
    "black": np.zeros((50, 60)),
    "grain": np.random.default_rng(0).normal(0.8, 0.02, (90, 120)),
    "shade": np.linspace(0.3, 1, 200) * np.ones((100, 1)),
    "frame": framed(np.zeros((30, 50), np.float32)),
    "lines": ruled(np.zeros((40, 60), np.float32)),
    "sheet on a desk": on_a_desk(np.zeros((40, 60), np.float32)),
    "dash": 1 - np.pad(np.ones((10, 90)), 40),
}


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_no_digit(name: str, net: nncore.Network) -> None:
    found = read_number(NOTHING[name], net)
    assert found == ""
    assert found.digits == []
    assert found.confidence == 0


WORDS = ("WHAM", "KNEE", "MAX", "FRAME", "HAWK", "TEXT", "WAKE", "YARN", "HEX")


def test_letters_are_no_digits(net: nncore.Network) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, the extra nncore[images]")
    draw, font = pytest.importorskip("PIL.ImageDraw"), pytest.importorskip("PIL.ImageFont")
    read = []
    for word in WORDS:
        sheet = image.new("L", (60 * len(word) + 40, 110), 255)
        draw.Draw(sheet).text((20, 10), word, font=font.load_default(70), fill=0)
        read.append((word, str(read_number(sheet, net))))
    assert sum(found == "" for _, found in read) >= 8, read


@pytest.mark.parametrize("scale", [1, 4])
@pytest.mark.parametrize("k", [2, 10, 12, 28])
def test_a_digit_at_the_border_lies_on_no_desk(k: int, scale: int, net: nncore.Network) -> None:
    digit = DIGITS.x[k].reshape(28, 28)
    lowest = np.flatnonzero(digit.any(axis=1))[-1]
    assert read_number(enlarged(np.roll(digit, 27 - lowest, axis=0), scale), net) == str(
        DIGITS.y[k]
    )


def test_fragments_of_neighbours_are_taken_away() -> None:
    images = np.zeros((2, 20, 20), np.float32)
    images[:, 2:18, 8:12] = 1
    digits = images.copy()
    images[0, 5:7, 0:1] = 0.5
    images[1, 0:2, 19] = 1
    assert np.array_equal(without_fragments(images), digits)
    images[0, 2:18, 2] = 1  # as much as a digit's part
    assert np.array_equal(without_fragments(images)[0, :, 2], images[0, :, 2])


def test_a_reading_says_where_its_digits_lie(net: nncore.Network) -> None:
    number, picture = rows(1, 3)[0]
    found = read_number(picture, net)
    assert found == number
    assert [str(piece.digit) for piece in found.digits] == list(number)
    boxes = [piece.box for piece in found.digits]
    assert all(box[3] <= after[3] for box, after in itertools.pairwise(boxes))
    assert 0 < found.confidence <= 1
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    assert again.digits[0].box == boxes[0]


def test_cuts_part_what_a_straight_line_cannot() -> None:
    ink = np.zeros((20, 24), np.float32)
    for y in range(20):
        for x in (13, 18):
            ink[y, x - y // 2 : x + 2 - y // 2] = 1
    cuts = find_cuts(ink, 2)
    left = np.arange(24) < cuts.columns[:, :, None]
    parted = {float((ink * left[k]).sum()) for k in np.flatnonzero(cuts.crossed == 0)}
    assert parted == {0.0, 40.0, 80.0}


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64", "uint16", "float64", "uint8"])
@pytest.mark.parametrize("white", [1, 255])
def test_levels_are_understood_whatever_their_type(
    dtype: str, white: int, net: nncore.Network
) -> None:
    number, picture = rows(1, 3)[0]
    levels = np.rint(np.asarray(picture, float) / np.max(picture) * white).astype(dtype)
    assert read_number(levels, net) == number


def test_a_picture_without_a_number_is_refused(net: nncore.Network) -> None:
    with pytest.raises(ImageError, match="found none that is finite"):
        read_number(np.full((28, 28), np.nan), net)


@pytest.mark.parametrize(
    "image", [np.zeros(5), np.zeros((4, 4, 2)), np.zeros((0, 4)), np.array([["a"]]), [[1], [2, 3]]]
)
def test_what_is_no_picture_is_refused(image: object, net: nncore.Network) -> None:
    with pytest.raises(ImageError, match="expected a picture"):
        read_number(image, net)


def test_another_network_is_refused() -> None:
    with pytest.raises(ValueError, match="784 inputs and 10 outputs, found 4-3-2"):
        read_number(np.zeros((28, 28)), nncore.Network([4, 3, 2]))


def test_predict_reads_rows_and_draws_how(
    net: nncore.Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, the extra nncore[images]")
    pytest.importorskip("matplotlib")
    net.save(tmp_path / "m.safetensors")
    number, picture = rows(1, 3)[0]
    files = [str(tmp_path / name) for name in ("row.png", "blank.png")]
    image.fromarray((255 * on_paper(picture)).astype(np.uint8)).save(files[0])
    image.new("L", (40, 40), 255).save(files[1])
    model = str(tmp_path / "m.safetensors")
    assert cli.main(["predict", model, *files]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[1] == number
    assert lines[0].count("%") == 3
    assert lines[1].endswith("  no digit")
    cuts = tmp_path / "cuts.png"
    assert cli.main(["predict", model, files[0], "--explain", str(cuts)]) == 0
    assert cuts.read_bytes().startswith(b"\x89PNG")
    assert cli.main(["predict", model, *files, "--explain", str(cuts)]) == 2
    assert "--explain draws one image, found 2" in capsys.readouterr().err
