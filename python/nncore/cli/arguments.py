"""Values of options, checked before anything is loaded."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Iterable

from nncore._support.names import check_name

PIXELS, CLASSES = 784, 10
"""What the network's first and last layer must have: MNIST's images and their labels."""


def whole(low: int, high: float = math.inf) -> Callable[[str], int]:
    """Parses whole numbers from `low` to `high`."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"expected a whole number, found {text!r}") from None
        if number < low:
            raise argparse.ArgumentTypeError(f"expected at least {low}, found {number}")
        if number > high:
            raise argparse.ArgumentTypeError(f"expected at most {high}, found {number}")
        return number

    return parse


def real(*, above: float | None = None, below: float = math.inf) -> Callable[[str], float]:
    """Parses finite numbers from 0, or above `above`, and below `below`."""
    legal = f"above {above:g}" if above is not None else "of at least 0"
    if math.isfinite(below):
        legal += f" and below {below:g}"

    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not (number < below and (number >= 0 if above is None else number > above)):
            raise argparse.ArgumentTypeError(f"expected a number {legal}, found {text!r}")
        return number

    return parse


def layers(text: str) -> list[int]:
    """Parses the sizes of a network for MNIST's images."""
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if len(sizes) < 2 or min(sizes) < 1:
        raise argparse.ArgumentTypeError(
            f"expected sizes with commas between them, as in 784,30,10, found {text!r}"
        )
    if sizes[0] != PIXELS:
        raise argparse.ArgumentTypeError(
            f"expected {PIXELS} first, one input for each pixel, found {sizes[0]}"
        )
    if sizes[-1] != CLASSES:
        raise argparse.ArgumentTypeError(
            f"expected {CLASSES} last, one output for each digit, found {sizes[-1]}"
        )
    return sizes


def named(kind: str, names: Iterable[str]) -> Callable[[str], str]:
    """Parses one of `names`."""

    def parse(text: str) -> str:
        try:
            return check_name(kind, text, names)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


def file(text: str) -> str:
    """Parses the name of a file to write."""
    if not text:
        raise argparse.ArgumentTypeError("expected the name of a file, found ''")
    return text


def data(text: str) -> str:
    """Parses a data set's name, or a directory that must be there."""
    if text in ("mnist", "digits") or os.path.isdir(os.path.expanduser(text)):
        return text
    raise argparse.ArgumentTypeError(
        f"expected mnist, digits, or a directory that holds MNIST's four files, found {text!r}"
    )


def add_data(parser: argparse._ActionsContainer) -> None:
    """Adds the option --data, which `train` and `evaluate` share."""
    parser.add_argument(
        "--data",
        type=data,
        default="mnist",
        metavar="mnist|digits|DIR",
        help="mnist, looked for in the directory that NNCORE_DATA names, then in the cache, else "
        "downloaded; digits, which are drawn on the spot; or a directory that holds four files "
        "named as MNIST's (default: mnist)",
    )


def add_threads(parser: argparse._ActionsContainer) -> None:
    """Adds the option --threads."""
    parser.add_argument(
        "--threads",
        type=whole(1, 2**31 - 1),
        metavar="N",
        help="the most threads to use (default: one for each processor)",
    )
