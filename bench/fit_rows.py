"""Trains what tells digits from other pieces of a row: `python bench/fit_rows.py`.

Writes digit_likeness.safetensors into nncore/images. Its samples are pieces of rows, as
`nncore.images` cuts them: rows made of MNIST's training digits, which nncore.datasets.load_mnist
finds, and of make_digits, and letters and shapes, which are no digits.
"""

from __future__ import annotations

import argparse
import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import nncore
from nncore import images
from nncore.datasets import load_mnist, make_digits
from nncore.images.cuts import find_cuts
from nncore.images.likeness import features
from nncore.images.mnist_form import cut_out, resize
from nncore.images.pieces import find_pieces
from nncore.images.rows import SPACING, TALLEST

Array = NDArray[Any]
Rng = np.random.Generator
Sample = tuple[Array, list[Array]]
"""Ink, cut out, and the digits in it, each (height, width)."""

TYPEFACES = ("DejaVuSans", "DejaVuSerif", "STIXGeneral", "cmr", "cmss", "cmtt", "cmmi")

LETTERS = "ACDEFHJKLMNPQRTUVWXYabcdefhkmnprtuvwxyz&%@#?+"
"""Without those that look like digits."""

SOME = 0.35
"""The share of a digit's ink, at least, that is wrong in a piece that is none."""

OTHERS = 150
"""The pieces, at most, of a row that are no digits."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=2000, help="rows of digits")
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    parts = [samples(digits(rng), options.rows, rng)]
    parts += [samples(kind(rng), options.rows // 6, rng) for kind in (letters, shapes)]
    x, y = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    net = train(x, y)
    net.save(Path(images.__file__).with_name("digit_likeness.safetensors"))


def train(x: Array, y: Array) -> nncore.Network:
    net = nncore.Network(
        [x.shape[1], 48, 1], activation="relu", output_activation="sigmoid", seed=1
    )
    rate = nncore.schedules.Cosine(0.002, 12)
    options = {"epochs": 12, "optimizer": "adam", "learning_rate": rate, "batch_size": 128}
    net.fit(x, y, **options, dropout=0.1)
    return net


def samples(rows: Iterator[Sample], count: int, rng: Rng) -> tuple[Array, Array]:
    """Pieces of rows: what is seen of them, and how much of a digit they are, from 0 to 1."""
    seen, labels = [], []
    for _ in range(count):
        ink, true = next(rows)
        cuts = find_cuts(ink, SPACING * len(ink))
        pieces = find_pieces(ink, cuts)
        if not len(pieces.first):
            continue
        right_of = np.arange(ink.shape[1]) >= cuts.columns[:, :, None]
        worst = np.ones(len(pieces.first))
        for k, (top, bottom, left, right) in enumerate(pieces.box.tolist() if true else []):
            piece = np.zeros_like(ink)
            window = slice(top, bottom), slice(left, right)
            inside = right_of[pieces.first[k]] & ~right_of[pieces.last[k]]
            piece[window] = (ink * inside)[window]
            worst[k] = min(float(np.abs(piece - digit).sum() / digit.sum()) for digit in true)
        near, far = np.flatnonzero(worst < SOME), np.flatnonzero(worst >= SOME)
        taken = np.append(near, rng.permutation(far)[:OTHERS])
        seen.append(features(pieces, cuts, len(ink))[taken])
        labels.append(label(worst[taken]))
    return np.concatenate(seen), np.concatenate(labels)


def label(difference: Array) -> Array:
    """1 for what is a digit, 0 for what is far from any, by the share of ink that is wrong."""
    return np.clip(1.3 - 4 * difference, 0, 1).astype(np.float32)


def digits(rng: Rng) -> Iterator[Sample]:
    """Rows of one to five digits, apart, touching and overlapping; of many, slanted and scaled."""
    mnist, drawn = load_mnist().train, make_digits(4000, seed=77)
    while True:
        data = mnist if rng.random() < 0.8 else drawn
        chosen = rng.integers(0, len(data.x), int(rng.integers(1, 6)))
        parts = list(data.x[chosen].reshape(-1, 28, 28))
        if rng.random() < 0.4:
            shear, scale = rng.uniform(-0.35, 0.35), rng.uniform(0.9, 1.4)
            parts = [warped(part, shear, scale * rng.uniform(0.85, 1.1)) for part in parts]
        low, high = ((-4, 1), (0, 7), (-2, 3))[rng.integers(3)]
        tops = rng.integers(0, 4, len(parts)) if rng.random() < 0.3 else [0] * len(parts)
        yield lowered(*placed(parts, rng.integers(low, high + 1, len(parts)), tops))


def placed(parts: list[Array], gaps: Array, tops: Any) -> Sample:
    """Digits side by side, with `gaps` columns between their ink."""
    columns = [np.flatnonzero(part.any(axis=0)) for part in parts]
    parts = [part[:, c[0] : c[-1] + 1] for part, c in zip(parts, columns, strict=True)]
    starts = np.cumsum([2, *(part.shape[1] + gap for part, gap in zip(parts, gaps, strict=True))])
    height = max(len(part) + top for part, top in zip(parts, tops, strict=True))
    true = []
    for part, left, top in zip(parts, starts, tops, strict=False):
        digit = np.zeros((height, int(starts[-1]) + 40), np.float32)
        digit[top : top + len(part), left : left + part.shape[1]] = part
        true.append(digit)
    ink = np.max(true, axis=0)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return ink[window], [digit[window] for digit in true]


def lowered(ink: Array, true: list[Array]) -> Sample:
    """As `nncore.images` scales a row that is too high."""
    if len(ink) <= TALLEST:
        return ink, true
    size = TALLEST, max(1, round(ink.shape[1] * TALLEST / len(ink)))
    ink, *true = (np.clip(resize(image, *size), 0, 1) for image in (ink, *true))
    ink[ink < 0.02] = 0
    return ink, true


def warped(image: Array, shear: float, scale: float) -> Array:
    """Slanted and scaled."""
    pil = Image.fromarray(np.rint(image * 255).astype(np.uint8))
    size = (max(1, round(length * scale * 4)) for length in (pil.width, pil.height))
    pil = pil.resize(tuple(size), Image.Resampling.BICUBIC)
    width = pil.width + int(abs(shear) * pil.height) + 8
    moved = -shear * pil.height / 2 + (pil.width - width) / 2
    matrix = (1, shear, moved, 0, 1, 0)
    pil = pil.transform(
        (width, pil.height), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
    )
    pil = pil.resize((max(1, pil.width // 4), max(1, pil.height // 4)), Image.Resampling.BOX)
    levels = np.asarray(pil).astype(np.float32) / 255
    levels[levels < 0.03] = 0
    return levels


def letters(rng: Rng) -> Iterator[Sample]:
    """Words in the typefaces that matplotlib brings."""
    import matplotlib

    folder = f"{matplotlib.get_data_path()}/fonts/ttf/"
    typefaces = sorted(
        path
        for name in TYPEFACES
        for path in glob.glob(f"{folder}{name}*")
        if "Display" not in path
    )
    while True:
        size = int(rng.integers(26, 34))
        font = ImageFont.truetype(typefaces[rng.integers(len(typefaces))], size)
        word = "".join(rng.choice([*LETTERS], int(rng.integers(1, 6))))
        sheet = Image.new("L", (400, 60))
        ImageDraw.Draw(sheet).text((20, 8), word, font=font, fill=255)
        ink = np.asarray(sheet).astype(np.float32) / 255
        if rng.random() < 0.5:
            ink = warped(ink, rng.uniform(-0.3, 0.3), 1.0)
        if ink.any():
            yield lowered(cut_out(ink), [])


def shapes(rng: Rng) -> Iterator[Sample]:
    """Scribbles, loops, zigzags, blots and boxes."""
    while True:
        sheet = Image.new("L", (260, 120))
        draw = ImageDraw.Draw(sheet)
        kind, width = rng.integers(4), int(rng.integers(3, 8))
        if kind == 0:
            path = np.cumsum(rng.normal(0, 28, (int(rng.integers(4, 60)), 2)), axis=0)
        elif kind == 1:
            t, turns = np.linspace(0, 1, 300), rng.uniform(10, 60)
            x = 200 * t + rng.uniform(0, 30) * np.sin(turns * t)
            path = np.stack([x, 45 * np.cos(turns * t + rng.uniform(0, 1))], axis=1)
        else:
            path = rng.uniform(0, 100, (int(rng.integers(3, 8)), 2))
        if kind == 3:
            for _ in range(int(rng.integers(1, 5))):
                x, y = int(rng.integers(250)), int(rng.integers(110))
                box = x, y, x + int(rng.integers(6, 60)), y + int(rng.integers(6, 60))
                (draw.ellipse if rng.random() < 0.5 else draw.rectangle)(box, fill=255)
        else:
            path -= path.min(axis=0)
            path *= (np.array([240, 110]) / path.max(axis=0)).min()
            draw.line([tuple(p) for p in (path + 5).tolist()], 255, width, joint="curve")
        small = sheet.resize((65, 30), Image.Resampling.BOX)
        ink = cut_out(np.asarray(small).astype(np.float32) / 255)
        if min(ink.shape) >= 4:
            yield lowered(ink, [])


if __name__ == "__main__":
    main()
