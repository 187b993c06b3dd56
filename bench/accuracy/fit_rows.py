"""Trains what tells digits from other pieces of a row: `python bench/accuracy/fit_rows.py`.

Writes digit_likeness.safetensors into nncore/images. Its samples are pieces of rows, as
`nncore.images` cuts them: rows made of MNIST's training digits, which nncore.datasets.load_mnist
finds, and of make_digits, and letters and shapes, which are no digits.

It learns twice. First each piece by itself: how much of it is one digit. Then whole rows, as
`nncore.images` reads them: of all chains of pieces, the right ones are to be likely, which is the
loss of a conditional random field (Lafferty et al. 2001; graph transformers of LeCun et al. 1998).
The scores of a network that reads the digits are part of that. It has not seen the digits of those
rows, or it would be sure of all of them.
"""

from __future__ import annotations

import argparse
import glob
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

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
from nncore.images.rows import LIKENESS, SPACING, TALLEST, digit_outputs, piece_scores
from rows import train

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

UNREAD = 10_000
"""MNIST's first training digits make the rows whose chains are learnt."""

EPOCHS, ROWS, CHAIN_RATE = 7, 8, 0.001
"""Of the training on chains: passes over the rows, rows a step, and the rate."""

PIECES = 4.0
"""What each row's pieces by themselves count there, in chains."""


class CutRow(NamedTuple):
    """All pieces of a row, and what is true of them."""

    seen: Array
    """(pieces, 205): what the network sees."""
    first: Array
    last: Array
    """(pieces,): the numbers of the cuts on the left and on the right."""
    cuts: int
    digit: Array
    """(pieces,): which digit of the row each is most like, from 0."""
    difference: Array
    """(pieces,): how much of that digit's ink is wrong in it, as a share; at most 1."""
    digits: int
    score: Array
    """(pieces,): what `nncore.images.rows` makes of a network's outputs."""


class ChainSamples(NamedTuple):
    """What chains are learnt from."""

    rows: list[CutRow]
    others_x: Array
    others_y: Array
    """Pieces of letters and shapes, (pieces, 205), and their labels."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=2000, help="rows of digits, for pieces")
    parser.add_argument("--chains", type=int, default=1000, help="rows of digits, for chains")
    parser.add_argument("--pieces", type=Path, metavar="FILE", help="what pieces have taught")
    parser.add_argument("--output", type=Path, metavar="FILE", help="not into the package")
    options = parser.parse_args()
    net = nncore.Network.load(options.pieces) if options.pieces else train_on_pieces(options.rows)
    rng = np.random.default_rng(2)
    train_on_chains(net, chain_samples(options.chains, rng), rng)
    net.save(options.output or Path(images.__file__).with_name("digit_likeness.safetensors"))


def train_on_pieces(rows: int) -> nncore.Network:
    rng = np.random.default_rng(1)
    parts = [pieces_of(digits(rng), rows, rng)]
    parts += [pieces_of(kind(rng), rows // 6, rng) for kind in (letters, shapes)]
    x, y = map(np.concatenate, zip(*parts, strict=True))
    net = nncore.Network(
        [x.shape[1], 48, 1], activation="relu", output_activation="sigmoid", seed=1
    )
    rate = nncore.schedules.Cosine(0.002, 12)
    options = {"epochs": 12, "optimizer": "adam", "learning_rate": rate, "batch_size": 128}
    net.fit(x, y, **options, dropout=0.1)
    return net


def chain_samples(count: int, rng: Rng) -> ChainSamples:
    reading = train(UNREAD)  # which has not seen the digits of `touching_digits`
    rows = [cut(sample, reading) for sample in islice(touching_digits(rng), count)]
    parts = [pieces_of(kind(rng), count // 4, rng) for kind in (letters, shapes)]
    return ChainSamples(rows, *map(np.concatenate, zip(*parts, strict=True)))


def train_on_chains(net: nncore.Network, samples: ChainSamples, rng: Rng) -> None:
    """Makes the right chains of pieces likely, and keeps to what is known of single pieces."""
    rows, others_x, others_y = samples
    steps = EPOCHS * (len(rows) // ROWS)
    rate = nncore.schedules.Cosine(CHAIN_RATE, steps)
    trainer = nncore.Trainer(net, "adam", learning_rate=rate)
    for _ in range(EPOCHS):
        order = rng.permutation(len(rows))
        for start in range(0, len(order) - ROWS + 1, ROWS):
            chosen = order[start : start + ROWS]
            drawn = rng.integers(0, len(others_x), OTHERS * ROWS)
            x = np.concatenate([*(rows[k].seen for k in chosen), others_x[drawn]])
            odds = np.clip(net.feedforward(x)[:, 0].astype(np.float64), 1e-5, 1 - 1e-5)
            slopes, at = [], 0
            for k in chosen:
                row = rows[k]
                here = odds[at : at + len(row.first)]
                at += len(here)
                single = here - label(row.difference)
                likely = LIKENESS * np.log(here / (1 - here))
                slopes.append(LIKENESS * chain_slopes(row, likely + row.score))
                slopes[-1] += PIECES * single / max(len(here), 1)
            slopes.append(PIECES * (odds[at:] - others_y[drawn]) / OTHERS)
            # By the outputs, of which the step takes the mean; log odds have the slope o (1 - o).
            slope = np.concatenate(slopes) / (odds * (1 - odds)) * len(x) / ROWS
            trainer.step_gradient(x, slope[:, None])


def chain_slopes(row: CutRow, scores: Array) -> Array:
    """Derivatives, by the pieces' scores, of -log of how likely the right chains are, (pieces,).

    A right chain has a piece for each digit in turn. 0 where there is none.
    """
    near = np.flatnonzero(row.difference < SOME)
    # For the right ones a cut is another place behind each digit.
    begins = row.digit[near] * row.cuts + row.first[near]
    ends = (row.digit[near] + 1) * row.cuts + row.last[near]
    right = np.zeros(len(scores))
    right[near] = shares(begins, ends, scores[near], (row.digits + 1) * row.cuts)
    if not right.any():
        return right
    return shares(row.first, row.last, scores, row.cuts) - right


def shares(begins: Array, ends: Array, scores: Array, places: int) -> Array:
    """How likely a chain from the first place to the last goes through each piece, (pieces,).

    Chains are as likely as exp of the sum of their pieces' scores. All 0 where there is none.
    """
    before, behind = np.full(places, -np.inf), np.full(places, -np.inf)
    before[0] = behind[-1] = 0
    first, last, score = begins.tolist(), ends.tolist(), scores.tolist()
    for k in np.argsort(begins, kind="stable").tolist():
        before[last[k]] = np.logaddexp(before[last[k]], before[first[k]] + score[k])
    for k in np.argsort(-ends, kind="stable").tolist():
        behind[first[k]] = np.logaddexp(behind[first[k]], behind[last[k]] + score[k])
    if before[-1] == -np.inf:
        return np.zeros(len(scores))
    found: Array = np.exp(before[begins] + scores + behind[ends] - before[-1])
    return found


def pieces_of(rows: Iterator[Sample], count: int, rng: Rng) -> tuple[Array, Array]:
    """Pieces of rows: what is seen of them, and how much of a digit they are, from 0 to 1."""
    seen, labels = [], []
    for row in islice(map(cut, rows), count):
        near = np.flatnonzero(row.difference < SOME)
        far = rng.permutation(np.flatnonzero(row.difference >= SOME))
        taken = np.append(near, far[:OTHERS])
        seen.append(row.seen[taken])
        labels.append(label(row.difference[taken]))
    return np.concatenate(seen), np.concatenate(labels)


def cut(sample: Sample, reading: nncore.Network | None = None) -> CutRow:
    """A row's pieces, as `nncore.images` finds them; without `reading` their scores are 0."""
    ink, true = sample
    cuts = find_cuts(ink, SPACING * len(ink))
    pieces = find_pieces(ink, cuts)
    right_of = np.arange(ink.shape[1]) >= cuts.columns[:, :, None]
    wrong = np.ones((len(pieces.first), len(true) + 1))  # with a digit that nothing is like
    for k, (top, bottom, left, right) in enumerate(pieces.box.tolist() if true else []):
        piece = np.zeros_like(ink)
        window = slice(top, bottom), slice(left, right)
        inside = right_of[pieces.first[k]] & ~right_of[pieces.last[k]]
        piece[window] = (ink * inside)[window]
        wrong[k, :-1] = [np.abs(piece - digit).sum() / digit.sum() for digit in true]
    return CutRow(
        features(pieces, cuts, len(ink)),
        pieces.first,
        pieces.last,
        len(cuts.crossed),
        wrong.argmin(axis=1),
        wrong.min(axis=1),
        len(true),
        _score(pieces.forms, reading),
    )


def _score(forms: Array, reading: nncore.Network | None) -> Array:
    if reading is None:
        return np.zeros(len(forms))
    return piece_scores(np.zeros(len(forms)), digit_outputs(forms, reading), reading)


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
            parts = alike_warped(parts, rng)
        low, high = ((-4, 1), (0, 7), (-2, 3))[rng.integers(3)]
        tops = rng.integers(0, 4, len(parts)) if rng.random() < 0.3 else [0] * len(parts)
        yield lowered(*placed(parts, rng.integers(low, high + 1, len(parts)), tops))


def touching_digits(rng: Rng) -> Iterator[Sample]:
    """Rows of two to five of MNIST's first training digits, most of them touching."""
    x = load_mnist().train.x[:UNREAD].reshape(-1, 28, 28)
    while True:
        parts = list(x[rng.integers(0, len(x), int(rng.integers(2, 6)))])
        if rng.random() < 0.3:
            parts = alike_warped(parts, rng)
        low, high = ((-4, 0), (-3, 0), (0, 7), (-2, 3))[rng.integers(4)]
        tops = rng.integers(0, 4, len(parts)) if rng.random() < 0.2 else [0] * len(parts)
        yield lowered(*placed(parts, rng.integers(low, high + 1, len(parts)), tops))


def alike_warped(parts: list[Array], rng: Rng) -> list[Array]:
    """Digits of one hand: as slanted, and about as large."""
    shear, scale = rng.uniform(-0.35, 0.35), rng.uniform(0.9, 1.4)
    return [warped(part, shear, scale * rng.uniform(0.85, 1.1)) for part in parts]


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
