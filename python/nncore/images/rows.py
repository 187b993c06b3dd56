"""Reading a row of digits by trial segmentation.

A row is over-segmented: cut wherever it may be cut. The pieces between two cuts that may be digits
are a lattice of segmentation candidates. Each is scored by whether it looks like one digit, and by
how sure the network is of which. What is read is the chain of pieces, each beginning where the last
one ends, with the highest sum of scores, found by Viterbi's algorithm.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore.network import Network

from .cuts import Cuts, find_cuts
from .likeness import log_odds
from .mnist_form import FloatImage, cut_out, resize
from .pieces import Pieces, find_pieces
from .strokes import even_strokes, unslanted, upright

TALLEST = 26
"""The height, in pixels, of the rows in which cuts are looked for."""

SPACING = 0.05
"""How far apart cuts are, at least, for the row's height."""

LIKENESS = 1.0
SURENESS = 4.0
BIAS = 2.5
"""What counts how much, and what each piece adds: fitted to rows of MNIST's validation images."""

LEAST_SURE = -8.0
"""A network may be wrong however sure it is."""

MARGIN = 6.0
"""How much worse than the best chain one may be whose pieces are looked at more closely."""

SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
"""By which pieces are moved to be looked at: the network may be sure of a scrap, but not of all."""


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
    ink = unslanted(upright(even_strokes(ink)))
    if len(ink) > TALLEST:
        width = max(1, round(ink.shape[1] * TALLEST / len(ink)))
        ink = np.clip(resize(ink, TALLEST, width), 0, 1)
        ink[ink < 0.02] = 0
        ink = cut_out(ink)
    cuts = find_cuts(ink, SPACING * len(ink))
    pieces = find_pieces(ink, cuts)
    if not len(pieces.first):
        return Row(ink, cuts, [], [])
    lattice = _Lattice(pieces, len(cuts.crossed))
    likeness = log_odds(pieces, cuts, len(ink))
    outputs = digit_outputs(pieces.forms, network)
    scores = piece_scores(likeness, outputs, network)
    through = lattice.best_through(scores)
    near = np.flatnonzero(through >= through.max(initial=-np.inf) - MARGIN)
    if near.size:
        forms = pieces.forms[near]
        shifted = [digit_outputs(np.roll(forms, by, (1, 2)), network) for by in SHIFTS[1:]]
        outputs[near] = np.mean([outputs[near], *shifted], axis=0)
        scores[near] = piece_scores(likeness[near], outputs[near], network)
    chain = lattice.best_chain(scores)
    found = _as_pieces(pieces, outputs, scores)
    return Row(ink, cuts, found, [found[k] for k in chain])


class _Lattice:
    """Chains of pieces from the first cut to the last."""

    def __init__(self, pieces: Pieces, cuts: int) -> None:
        self.first, self.last, self.cuts = pieces.first, pieces.last, cuts
        # Cuts are in order, and a piece ends after it begins.
        self._from_left = np.argsort(pieces.first, kind="stable").tolist()
        self._from_right = np.argsort(-pieces.last, kind="stable").tolist()

    def best_through(self, scores: FloatImage) -> NDArray[np.float64]:
        """The highest sum of a chain through each piece, -inf where there is none."""
        first, last, score = self.first.tolist(), self.last.tolist(), scores.tolist()
        left, right = np.full(self.cuts, -np.inf), np.full(self.cuts, -np.inf)
        left[0] = right[-1] = 0
        for k in self._from_left:
            left[last[k]] = max(left[last[k]], left[first[k]] + score[k])
        for k in self._from_right:
            right[first[k]] = max(right[first[k]], right[last[k]] + score[k])
        through: NDArray[np.float64] = left[self.first] + scores + right[self.last]
        return through

    def best_chain(self, scores: FloatImage) -> list[int]:
        """The pieces of the chain with the highest sum; empty where no chain reaches the end."""
        best = [-np.inf] * self.cuts
        best[0] = 0.0
        by: list[int | None] = [None] * self.cuts
        first, last, score = self.first.tolist(), self.last.tolist(), scores.tolist()
        for k in self._from_left:
            total = best[first[k]] + score[k]
            if total > best[last[k]]:
                best[last[k]], by[last[k]] = total, k
        chain: list[int] = []
        k = by[-1]
        while k is not None:
            chain.append(k)
            k = by[first[k]]
        return chain[::-1]


def digit_outputs(forms: FloatImage, network: Network) -> FloatImage:
    """The network's outputs for images (n, 28, 28), from 0 to 1, (n, 10)."""
    outputs: FloatImage = network.feedforward(forms.reshape(len(forms), -1)).astype(np.float32)
    if network.activations[-1] == "tanh":
        outputs += 1
        outputs /= 2
    elif network.activations[-1] not in ("softmax", "sigmoid"):
        outputs = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        outputs /= outputs.sum(axis=1, keepdims=True)
    return outputs


def piece_scores(likeness: FloatImage, outputs: FloatImage, network: Network) -> FloatImage:
    """What pieces add to a chain, by how likely they are digits and how sure the network is."""
    confidence = outputs.max(axis=1)
    sure = np.log(confidence + 1e-6)
    if network.activations[-1] in ("sigmoid", "tanh"):  # the other outputs say as much
        others = np.log(np.clip(1 - outputs, 1e-6, 1)).sum(axis=1)
        others -= np.log(np.clip(1 - confidence, 1e-6, 1))
        sure = (sure + others) / 2
    scores: FloatImage = LIKENESS * likeness + SURENESS * np.maximum(sure, LEAST_SURE) + BIAS
    return scores


def _as_pieces(pieces: Pieces, outputs: FloatImage, scores: FloatImage) -> list[Piece]:
    columns = (pieces.first, pieces.last, outputs.argmax(axis=1), outputs.max(axis=1))
    lists = [column.tolist() for column in columns]
    boxes = [tuple(box) for box in pieces.box.tolist()]
    return [Piece(*row) for row in zip(*lists, outputs, scores.tolist(), boxes, strict=True)]
