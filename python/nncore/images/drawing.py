"""A picture of how a row was read: its cuts, what was tried between them, and the scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nncore._support.extras import require

from .rows import Piece, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRIED = 120
"""The pieces, at most, that are drawn beside those that were read."""


def draw(row: Row, read: bool) -> Figure:
    """The row with its cuts above, the pieces that were tried by their scores below.

    `read` says whether the chosen pieces were taken for digits.
    """
    figures = require("matplotlib.figure", extra="plot", purpose="a picture of the cuts")
    height, width = row.ink.shape
    figure = figures.Figure(figsize=(min(4 + width / 25, 16), 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 3))
    above.imshow(1 - row.ink, cmap="gray", vmin=0, vmax=1, aspect="auto")
    y = np.arange(height)
    ends = {number for piece in row.chosen for number in (piece.first, piece.last)}
    for k, columns in enumerate(row.cuts.columns):
        colour, line = ("tab:red", 1.8) if k in ends else ("tab:blue", 0.4)
        above.plot(columns - 0.5, y, color=colour, linewidth=line, alpha=0.8)
    number = "".join(str(piece.digit) for piece in row.chosen)
    above.set_title(f"read: {number}" if read else f"no digit (it would be {number or 'nothing'})")
    above.set_yticks([])

    best: dict[object, Piece] = {}
    for piece in sorted(row.pieces, key=lambda piece: piece.score):
        best[piece.digit, piece.box] = piece  # of those that look the same
    chosen = {(piece.first, piece.last) for piece in row.chosen}
    others = [piece for piece in best.values() if (piece.first, piece.last) not in chosen]
    others = sorted(others, key=lambda piece: -piece.score)[:TRIED]
    for piece in (*others, *row.chosen):
        colour = "tab:red" if (piece.first, piece.last) in chosen else "tab:gray"
        left, right = piece.box[2] - 0.5, piece.box[3] - 0.5
        below.plot([left, right], [piece.score] * 2, color=colour, linewidth=1.2)
        label = f"{piece.digit}" if colour == "tab:gray" else f"{piece.digit}  {piece.score:.1f}"
        below.text((left + right) / 2, piece.score, label, color=colour, ha="center", va="bottom")
    below.set(xlabel="column", ylabel="score", xlim=(-0.5, width - 0.5))
    drawn: Figure = figure
    return drawn
