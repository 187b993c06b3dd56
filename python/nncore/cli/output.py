"""The lines that commands print."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nncore import Evaluation

DEFAULT_OUTPUT = "nncore-model.safetensors"

_BLOCKS = "▁▂▃▄▅▆▇█"

PROBABILITIES = ("softmax", "sigmoid")
"""Activations of outputs that are probabilities."""

INTERRUPTED = 130
"""What shells report for a program that Ctrl-C ended: 128 + SIGINT."""


def say(line: str = "") -> None:
    """Prints a line at once, clear of a progress bar that may be on the terminal."""
    tqdm = sys.modules.get("tqdm")
    if tqdm is None:
        print(line, flush=True)
    else:
        tqdm.tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()


def print_error(error: Exception) -> None:
    """Prints an error as one line on standard error."""
    print(f"nncore: error: {printable(_reason(error))}", file=sys.stderr)


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        size = str(error).removeprefix("std::bad_alloc")  # NumPy says how much it asked for
        return "not enough memory" + (size and f": {size}")
    if isinstance(error, OSError) and error.strerror:
        file = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return file + error.strerror
    if isinstance(error, (ValueError, OSError, ImportError, ArithmeticError)) and str(error):
        return str(error)
    return (
        f"this is a fault of nncore itself: {type(error).__name__}: {error} "
        "(python -X dev -m nncore ... shows where)"
    )


def printable(text: str) -> str:
    """`text` as one line that changes nothing on a terminal: control characters are escaped."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def table(rows: list[list[str]]) -> str:
    """Rows of equal length as right-aligned columns, two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def confusion_rows(counts: NDArray[np.int64], names: list[str]) -> list[list[str]]:
    """A table of the true classes (rows of counts) and what they were taken for (columns)."""
    rows = [["", *names, "total", "right"]]
    for label, taken in enumerate(counts):
        total = int(taken.sum())
        right = f"{100 * taken[label] / total:.2f} %" if total else "-"
        cells = [f"{n:,}" if n else "." for n in map(int, taken)]
        rows.append([names[label], *cells, f"{total:,}", right])
    return rows


def share(right: int, total: int, what: str) -> str:
    """`9,129 of 10,000 test images, 91.29 %`."""
    return f"{right:,} of {total:,} {what}, {100 * right / total:.2f} %"


def print_calibration(measured: Evaluation) -> None:
    """How far probabilities are from how often they are right, where that was measured."""
    if measured.calibration_error is not None:
        print(f"calibration error  {100 * measured.calibration_error:.2f} %")


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """A curve in a line of blocks, "" where nothing was measured or the output cannot show them.

    Of more than `width` values every so manieth is drawn, the last one always.
    """
    finite = [value for value in values if math.isfinite(value)]
    shown = finite[:: -max(1, -(-len(finite) // width))][::-1]
    if len(shown) < 2 or "utf" not in (sys.stdout.encoding or "").lower():
        return ""
    low, high = min(shown), max(shown)
    scale = (len(_BLOCKS) - 1) / ((high - low) or 1)
    return "".join(_BLOCKS[round((value - low) * scale)] for value in shown)


def layers_text(sizes: Iterable[int]) -> str:
    """`784-30-10`."""
    return "-".join(map(str, sizes))
