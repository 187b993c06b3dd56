"""Where in the data the fault is that scikit-learn's checks tell of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from nncore import _core


@contextmanager
def naming_places(X: Any, y: Any = None) -> Iterator[None]:
    """Adds the place of the first element that is no finite number to what is raised within."""
    try:
        yield
    except (TypeError, ValueError) as error:
        place = _fault(X, "x") or _fault(y, "y")
        if type(error) not in (TypeError, ValueError) or place is None:
            raise
        raise type(error)(f"{error}\n{place}") from error


def _fault(data: Any, name: str) -> str | None:
    """What the core says of a table, or of a column of numbers; None if that is of shapes only."""
    try:
        shape = np.shape(data)
        if name == "y" and np.asarray(data).dtype.kind in "OUS":  # classes may be anything
            return None
        if len(shape) == 2 and shape[1] > 0:
            _core.Network([shape[1], 1], ["linear"], dtype="float64").feedforward(data)
        elif name == "y" and len(shape) == 1 and shape[0] > 0:
            row = np.flatnonzero(~np.isfinite(np.asarray(data, dtype=np.float64)))[:1]
            return f"y has {np.asarray(data)[row[0]]} in row {row[0]}" if len(row) else None
    except (TypeError, ValueError) as fault:
        return str(fault) if " in row " in str(fault) else None
    return None
