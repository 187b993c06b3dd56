"""Reading a row of digits by trial segmentation.

A row is cut wherever it may be cut. Each piece between two cuts that may be a digit is shown to
the network, and scored by how sure that is and by how a digit looks. What is read is the chain of
pieces, each beginning where the last one ends, with the highest sum of scores.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore.network import Network

from .cuts import Cuts, find_cuts
from .mnist_form import BOX, FloatImage, cut_out, mnist_form, resize
from .strokes import even_strokes, upright

TALLEST = 30
"""The height, in pixels, of the rows in which cuts are looked for."""

SPACING = 2.0
"""How far apart cuts are, at least; lengths are in twentieths of the row's height from here on."""

WIDEST = 27.0
WIDEST_ALONE = 40.0
LOWEST = 10.0
MOST_CROSSED = 9.0
"""No piece is wider or lower; no cut crosses more ink. A single digit may be wide for its height,
which in a row is that of the tallest."""

BIAS = np.array([3.2, 1.4, 2.2, 2.5, 2.7, 1.8, 2.3, 1.9, 1.5, 3.2], np.float32)
SURENESS = 3.1
CROSSED = 0.73
FREE = 1.7
WIDE = 0.42
LOW = 0.96
STROKES = 0.24
"""What counts how much: fitted, as a conditional random field, to rows made of MNIST's validation
images, so that the right chain of pieces is the likeliest one."""

ACROSS = np.array(
    [[1.64, 1.02, 1.31, 1.21, 1.45, 1.18, 1.39, 1.16, 1.51, 1.34],
     [0.15, 0.06, 0.14, 0.12, 0.14, 0.14, 0.19, 0.14, 0.17, 0.14]],
    np.float32,
)  # fmt: skip
"""How many strokes are met on the way through a digit's rows: the means and the spread for each
digit, in MNIST's form."""

SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
"""The network sees each piece moved by these: it may be sure of a scrap, but not of all five."""


class Piece(NamedTuple):
    """What lies between two cuts, and what the network takes it for."""

    first: int
    last: int
    """The numbers of the cuts on its left and on its right."""
    digit: int
    confidence: float
    """The network's output for the digit, the mean over what it saw."""
    outputs: FloatImage
    """The means of all ten outputs."""
    score: float
    """The log of the odds that it is a digit, in round terms."""
    box: tuple[int, int, int, int]
    """Top, bottom, left, right in the row; bottom and right lie just outside."""


class Row(NamedTuple):
    """A row that was read."""

    ink: FloatImage
    """(height, width) in [0, 1], as it was cut."""
    cuts: Cuts
    pieces: list[Piece]
    """All that were tried."""
    chosen: list[Piece]
    """The best chain from the first cut to the last."""


def read_row(ink: FloatImage, network: Network) -> Row:
    """Reads `ink`, cut out, light on dark, as one row of digits."""
    ink = upright(even_strokes(ink))
    if len(ink) > TALLEST:
        width = max(1, round(ink.shape[1] * TALLEST / len(ink)))
        ink = np.clip(resize(ink, TALLEST, width), 0, 1)
        ink[ink < 0.02] = 0
        ink = cut_out(ink)
    unit = len(ink) / BOX
    cuts = find_cuts(ink, SPACING * unit)
    spans, images = _spans(ink, cuts, unit)
    if not spans:
        return Row(ink, cuts, [], [])
    forms = np.stack(images)
    outputs = _see(forms, network)
    pieces = _score(forms, spans, outputs, cuts, unit, network.activations[-1])
    return Row(ink, cuts, pieces, _best_chain(pieces, len(cuts.crossed)))


def _spans(
    ink: FloatImage, cuts: Cuts, unit: float
) -> tuple[list[tuple[int, int, tuple[int, int, int, int]]], list[FloatImage]]:
    """The pieces that may be digits: their cuts and boxes, and their images in MNIST's form."""
    width = ink.shape[1]
    usable = np.flatnonzero(cuts.crossed <= MOST_CROSSED * unit)
    right_of = np.arange(width) >= cuts.columns[:, :, None]
    reach = cuts.columns.min(axis=1), cuts.columns.max(axis=1)
    spans, forms = [], []
    for n, a in enumerate(usable):
        for b in usable[n + 1 :]:
            low, high = int(reach[0][a]), int(reach[1][b])
            piece = ink[:, low:high] * (right_of[a] & ~right_of[b])[:, low:high]
            rows, columns = np.flatnonzero(piece.any(axis=1)), np.flatnonzero(piece.any(axis=0))
            if not rows.size:
                continue
            box = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
            alone = a == usable[0] and b == usable[-1]
            if box[3] - box[2] > (WIDEST_ALONE if alone else WIDEST) * unit:
                if a > usable[0]:
                    break
                continue
            if box[1] - box[0] < LOWEST * unit and len(usable) > 2:
                continue
            digit = piece[box[0] : box[1], box[2] : box[3]]
            spans.append((int(a), int(b), (box[0], box[1], box[2] + low, box[3] + low)))
            forms.append(mnist_form(digit))
    return spans, forms


def _see(forms: FloatImage, network: Network) -> FloatImage:
    """The network's outputs for images (n, 28, 28), the means over the shifts, (n, 10)."""
    views = np.concatenate([np.roll(forms, shift, axis=(1, 2)) for shift in SHIFTS])
    outputs: FloatImage = network.feedforward(views.reshape(len(views), -1)).astype(np.float32)
    if network.activations[-1] == "tanh":
        outputs += 1
        outputs /= 2
    elif network.activations[-1] not in ("softmax", "sigmoid"):
        outputs = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        outputs /= outputs.sum(axis=1, keepdims=True)
    mean: FloatImage = outputs.reshape(len(SHIFTS), -1, outputs.shape[1]).mean(axis=0)
    return mean


def _strokes(forms: FloatImage) -> FloatImage:
    """How many strokes a row of pixels crosses, the mean over rows with any, (n,)."""
    mask = forms > 0.4
    begins = mask[:, :, 0] + (mask[:, :, 1:] & ~mask[:, :, :-1]).sum(axis=2)
    mean: FloatImage = begins.sum(axis=1) / np.maximum((begins > 0).sum(axis=1), 1)
    return mean


def _score(
    forms: FloatImage,
    spans: list[tuple[int, int, tuple[int, int, int, int]]],
    outputs: FloatImage,
    cuts: Cuts,
    unit: float,
    activation: str,
) -> list[Piece]:
    digits = outputs.argmax(axis=1)
    confidence = outputs.max(axis=1)
    sure = np.log(confidence + 1e-6)
    if activation in ("sigmoid", "tanh"):  # the other outputs say as much
        others = np.log(np.clip(1 - outputs, 1e-6, 1)).sum(axis=1)
        others -= np.log(np.clip(1 - confidence, 1e-6, 1))
        sure = (sure + others) / 2
    first, last = np.array([span[0] for span in spans]), np.array([span[1] for span in spans])
    box = np.array([span[2] for span in spans])
    crossed = cuts.crossed / unit
    height, width = (box[:, 1] - box[:, 0]) / unit, (box[:, 3] - box[:, 2]) / unit
    scores = (
        BIAS[digits]
        + SURENESS * np.maximum(sure, -8)
        - CROSSED * (np.minimum(crossed[first], 4) + np.minimum(crossed[last], 4))
        + FREE * ((crossed[first] < 0.1) * 1.0 + (crossed[last] < 0.1))
        - WIDE * np.maximum(width - 20, 0)
        - LOW * np.maximum(15 - height, 0)
        - STROKES * _unlike(_strokes(forms), ACROSS, digits)
    )
    return [
        Piece(a, b, int(d), float(c), o, float(s), where)
        for (a, b, where), d, c, o, s in zip(
            spans, digits, confidence, outputs, scores, strict=True
        )
    ]


def _unlike(value: FloatImage, table: FloatImage, digits: NDArray[np.int64]) -> FloatImage:
    """How far values are from what digits have, squared, in units of their spread."""
    distance: FloatImage = np.minimum(((value - table[0, digits]) / table[1, digits]) ** 2, 20)
    return distance


def _best_chain(pieces: list[Piece], cuts: int) -> list[Piece]:
    """The chain with the highest sum of scores; empty where no chain reaches the end."""
    best: list[tuple[float, Piece | None]] = [(-np.inf, None)] * cuts
    best[0] = (0.0, None)
    for piece in sorted(pieces, key=lambda piece: piece.first):  # cuts are in order
        sum_of_scores = best[piece.first][0] + piece.score
        if sum_of_scores > best[piece.last][0]:
            best[piece.last] = sum_of_scores, piece
    chain: list[Piece] = []
    last = best[-1][1]
    while last is not None:
        chain.append(last)
        last = best[last.first][1]
    return chain[::-1]
