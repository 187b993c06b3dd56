"""What users call: a number, or a digit, from a picture."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support.figures import save_figure
from nncore.network import Network

from .digits import own_network
from .drawing import draw
from .ink import find_ink
from .lines import text_lines
from .mnist_form import FIELD, FloatImage, mnist_form
from .pictures import ImageError, read_colours
from .rows import Piece, Row, read_row
from .strokes import stroke_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIGITS = 10

BLUNTEST = 0.36
"""How thick strokes may be for the height of a row: what is thicker is a blot or a dash."""

LEAST = -0.5
"""The least score of a piece that still is a digit where it is the only one."""

LEAST_OF_ROW = 0.8
"""The least mean score of several: one may be doubtful, but hardly all of them."""


class Reading(str):
    """The digits that were read, a str such as "504"; "" where a picture shows none.

    Attributes:
        digits: a `Piece` for each digit: the network's outputs and confidence, and where it lies
            in `row.ink`.
        row: what was cut and tried, or None where the picture shows nothing at all.
    """

    digits: list[Piece]
    row: Row | None

    def __new__(cls, row: Row | None, digits: list[Piece]) -> Reading:
        self = super().__new__(cls, "".join(str(piece.digit) for piece in digits))
        self.row, self.digits = row, digits
        return self

    @property
    def confidence(self) -> float:
        """The network's mean output for each digit, the least of the row; 0 without digits."""
        return min((piece.confidence for piece in self.digits), default=0.0)

    def picture(self) -> Figure:
        """A matplotlib figure of the cuts, the pieces that were tried and their scores.

        Raises ImportError where matplotlib is missing, ValueError where nothing was cut.
        """
        if self.row is None:
            raise ValueError("the picture shows nothing, so nothing was cut")
        return draw(self.row, read=bool(self))

    def save_picture(self, path: str | os.PathLike[str]) -> None:
        """Writes `picture()` to a file, PNG or by its suffix another kind, whole or not at all."""
        save_figure(self.picture(), path)

    def __reduce__(self) -> Any:
        return Reading, (self.row, self.digits)


def read_number(image: Any, network: Network | None = None) -> Reading:
    """The number in a picture of one row of handwritten digits, "" where there is none.

    Args:
        image: a file's path, a Pillow image, or an array (height, width), or (height, width, 1, 3
            or 4) with colours and opacity. Light on dark or dark on light, of any size; a sheet
            on a desk, shade, frames and ruled lines are taken away.
        network: of 784 inputs and 10 outputs, trained on MNIST's digits or such as look alike.
            None is the one that comes with the package, `load_digit_network()`.

    The row is cut wherever little ink is crossed; `network` scores each piece, and the best chain
    of pieces is the number. Digits may touch.

    Raises:
        ValueError: the network has other inputs or outputs; ImageError, a ValueError, where
            `image` is no picture, of too many pixels, or shows several rows of digits.
        OSError: a file that cannot be opened.
        ImportError: Pillow is missing and `image` is a file.
    """
    if network is None:
        network = own_network()
    if not isinstance(network, Network):
        raise TypeError(f"expected network to be an nncore.Network, found {network!r}")
    if (network.sizes[0], network.sizes[-1]) != (FIELD**2, DIGITS):
        sizes = "-".join(map(str, network.sizes))
        raise ValueError(f"expected a network of {FIELD**2} inputs and 10 outputs, found {sizes}")
    ink = find_ink(read_colours(image))
    if ink is None:
        return Reading(None, [])
    lines = [_read_line(line, network) for line in text_lines(ink)]
    if sum(map(bool, lines)) > 1:
        found = ", ".join(line for line in lines if line)
        raise ImageError(f"{_name(image)}expected one row of digits, found several: {found}")
    return lines[0] if len(lines) == 1 else _read_line(ink, network)


def _read_line(ink: FloatImage, network: Network) -> Reading:
    if stroke_width(ink) > BLUNTEST * len(ink):
        return Reading(None, [])
    row = read_row(ink, network)
    return Reading(row, row.chosen if _are_digits(row) else [])


def _are_digits(row: Row) -> bool:
    scores = [piece.score for piece in row.chosen]
    least = LEAST_OF_ROW if len(scores) > 1 else LEAST
    return bool(scores) and float(np.mean(scores)) >= least


def read_digit(image: Any) -> FloatImage:
    """All ink of a picture as one digit in MNIST's form, (784,) float32 in [0, 1], light on dark.

    `image` is what `read_number` takes. The ink is cut out, scaled with its aspect kept so that
    its longer side is 20 pixels, and laid into 28 x 28 with its centre of mass at the centre, as
    MNIST's images were made. Raises ImageError for a picture without ink, OSError for a file that
    cannot be opened.
    """
    ink = find_ink(read_colours(image))
    if ink is None:
        raise ImageError(f"{_name(image)}no digit to be seen, the picture is of one flat colour")
    return mnist_form(ink).reshape(-1)


def _name(image: Any) -> str:
    return f"{os.fsdecode(image)}: " if isinstance(image, (str, bytes, os.PathLike)) else ""
