"""Values of options, checked before anything is loaded."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from nncore._support.names import check_name

if TYPE_CHECKING:
    from nncore.augment import Augmentation

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


def hidden_layers(text: str) -> list[int]:
    """Parses the sizes of the hidden layers, 0 for none."""
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = [-1]
    if sizes == [0]:
        return []
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError(
            f"expected sizes with commas between them, as in 64,32, or 0, found {text!r}"
        )
    return sizes


DEFAULT_AUGMENTATION = "elastic=36,sigma=6,rotation=15,scaling=0.15,shear=0.15,shift=1.5"
"""What `--augment` alone stands for: what has served well for MNIST."""


def augmentation(text: str) -> str:
    """Parses the numbers of distortions; gives the text back, which is what a checkpoint keeps."""
    try:
        augmentation_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def augmentation_of(text: str | None) -> Augmentation | None:
    """The distortions with these numbers, the others being 0; those of `none` are none."""
    if text is None or text == "none":
        return None
    from nncore.augment import NUMBERS, from_numbers

    numbers = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            if name not in NUMBERS:
                raise ValueError
            numbers[name] = float(value)
        except ValueError:
            raise ValueError(
                f"expected NAME=NUMBER with commas between them, a name being one of "
                f"{', '.join(NUMBERS)}, as in {DEFAULT_AUGMENTATION}; found {part!r}"
            ) from None
    return from_numbers(numbers)


def augmentation_text(numbers: Mapping[str, float]) -> str:
    """The numbers that are not 0 as `augmentation` parses them."""
    from nncore.augment import NUMBERS

    named = {name: numbers.get(name, 0.0) for name in NUMBERS}
    return ",".join(f"{name}={value!r}" for name, value in named.items() if value) or "none"


def quantiles(text: str) -> list[float]:
    """Parses ascending numbers between 0 and 1."""
    try:
        taus = [float(part) for part in text.split(",")]
    except ValueError:
        taus = []
    inside = all(0 < tau < 1 for tau in taus)
    if not taus or not inside or any(b <= a for a, b in pairwise(taus)):
        raise argparse.ArgumentTypeError(
            "expected ascending numbers between 0 and 1 with commas between them, as in "
            f"0.1,0.5,0.9, found {text!r}"
        )
    return taus


def image_size(text: str) -> tuple[int, int]:
    """Parses a height and width in pixels: 28, or 28x32."""
    parts = text.split("x")
    try:
        height, width = int(parts[0]), int(parts[-1])
    except ValueError:
        height = width = 0
    if len(parts) > 2 or not (1 <= height <= 1000 and 1 <= width <= 1000):
        raise argparse.ArgumentTypeError(
            f"expected pixels from 1 to 1000, as in 28 or 28x32 (height, width), found {text!r}"
        )
    return height, width


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


TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".parquet", ".npz")
"""How the names of files end that hold tables."""


def data_or_table(text: str) -> str:
    """Parses what `data` does, or the name of a file, which must be there and hold a table."""
    if os.path.isfile(text):
        if text.lower().endswith(TABLES):
            return text
        raise argparse.ArgumentTypeError(
            f"expected a table, whose name ends in one of {', '.join(TABLES)}, found {text!r}"
        )
    if text.lower().endswith(TABLES) and not os.path.exists(text):
        raise argparse.ArgumentTypeError(f"{text}: no such file")
    try:
        return data(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            "expected mnist, digits, a table (.csv, .parquet, .npz), or a directory that holds "
            f"MNIST's four files or a folder of images for each class, found {text!r}"
        ) from None


def add_data(parser: argparse._ActionsContainer) -> None:
    """Adds the option --data, which `train` and `evaluate` share."""
    parser.add_argument(
        "--data",
        type=data_or_table,
        default="mnist",
        metavar="mnist|digits|FILE|DIR",
        help="mnist, looked for in the directory that NNCORE_DATA names, then in the cache, else "
        "downloaded; digits, which are drawn on the spot; a directory that holds four files "
        "named as MNIST's; or your own: a table (.csv, .tsv, .parquet, .npz), or a directory "
        "with a sub-folder of images for each class (default: mnist)",
    )


def add_no_header(parser: argparse._ActionsContainer) -> None:
    """Adds the option --no-header, of commands that read tables."""
    parser.add_argument(
        "--no-header",
        action="store_true",
        help="the first line of a text table is a row; its columns are called 1, 2, 3, ...",
    )


def add_user_options(parser: argparse._ActionsContainer) -> None:
    """Adds what `predict` takes for models of users' own data."""
    parser.add_argument(
        "--output",
        type=file,
        metavar="FILE",
        help="of your own data: where to write the predictions, as CSV, or as JSON if its name "
        "ends in .json; a file of that name is replaced (default: standard output)",
    )
    parser.add_argument(
        "--json", action="store_true", help="of your own data: write a JSON array, a row a line"
    )
    add_no_header(parser)


def add_threads(parser: argparse._ActionsContainer) -> None:
    """Adds the option --threads."""
    parser.add_argument(
        "--threads",
        type=whole(1, 2**31 - 1),
        metavar="N",
        help="the most threads to use (default: one for each processor)",
    )
