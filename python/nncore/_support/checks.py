"""Numbers given by the user, checked against the range they may come from; what errors name."""

from __future__ import annotations

import math
import numbers
import operator
import os
from collections.abc import Iterator
from contextlib import contextmanager

from nncore.errors import DataError


def integer(name: str, value: object, *, low: int, high: int | None = None) -> int:
    """An int from `low` to `high`; NumPy's integers pass, floats and booleans do not.

    >>> integer("epochs", -1, low=0)
    Traceback (most recent call last):
        ...
    ValueError: epochs must be at least 0, got -1
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    number = operator.index(value)
    if number < low:
        raise ValueError(f"{name} must be at least {low}, got {number}")
    if high is not None and number > high:
        raise ValueError(f"{name} must be at most {high}, got {number}")
    return number


def real(
    name: str,
    value: object,
    *,
    low: float = 0.0,
    high: float = math.inf,
    above: bool = False,
    below: bool = False,
) -> float:
    """A finite float in [low, high]; `above` and `below` leave out the bound itself.

    >>> real("dropout", 1, high=1, below=True)
    Traceback (most recent call last):
        ...
    ValueError: dropout must be at least 0 and below 1, got 1.0
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    number = float(value)
    inside = (number > low if above else number >= low) and (
        number < high if below else number <= high
    )
    if not (inside and math.isfinite(number)):
        bounds = f"{'above' if above else 'at least'} {low:g}"
        if math.isfinite(high):
            bounds += f" and {'below' if below else 'at most'} {high:g}"
        else:
            bounds += " and finite"
        raise ValueError(f"{name} must be {bounds}, got {number}")
    return number


def file_path(path: object) -> str:
    """A path as a string; one that no file can have is refused.

    >>> file_path("")
    Traceback (most recent call last):
        ...
    ValueError: path must name a file, got ''
    """
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError(f"path must be a string or a path, got {path!r}")
    name = os.fsdecode(path)
    if not name or "\0" in name:
        raise ValueError(f"path must name a file, got {name!r}")
    return name


@contextmanager
def naming(what: str | None) -> Iterator[None]:
    """Puts what is meant, an argument's name say, in front of what is wrong with it.

    What is raised is a DataError, TypeError or ValueError: errors derived from these may take more
    than a text.

    >>> with naming("validation_data"):
    ...     integer("epochs", -1, low=0)
    Traceback (most recent call last):
        ...
    ValueError: validation_data: epochs must be at least 0, got -1
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        if what is None:
            raise
        kind = next(k for k in (DataError, TypeError, ValueError) if isinstance(error, k))
        raise kind(f"{what}: {error}") from error
