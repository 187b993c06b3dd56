"""Whether a measured value has improved: the same rule for schedules and callbacks."""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import Any

from nncore._support.names import check_name
from nncore.metrics import HIGHER_IS_BETTER, LOWER_IS_BETTER


class Monitor:
    """Follows one column of the history.

    Args:
        name: the column.
        mode: "min", "max", or "auto": costs and errors should fall, scores should rise.
        min_delta: a value counts as better only where it is better by more than this.

    Raises:
        ValueError: an unknown mode, or "auto" for a column it knows nothing about.
    """

    def __init__(self, name: str, mode: str = "auto", min_delta: float = 0.0) -> None:
        check_name("mode", mode, ["auto", "min", "max"])
        if mode == "auto":
            measure = name.removeprefix("validation_")
            if measure not in LOWER_IS_BETTER | HIGHER_IS_BETTER:
                raise ValueError(
                    f"whether {name!r} should rise or fall is not known here; "
                    f"{_hint(name)}give mode='min' or mode='max'"
                )
            mode = "min" if measure in LOWER_IS_BETTER else "max"
        self.name = name
        self.min_delta = min_delta
        self._sign = 1.0 if mode == "min" else -1.0
        self.reset()

    def reset(self) -> None:
        """Forgets what was seen."""
        self.best = math.nan
        self.waited = 0

    def improved(self, value: Any) -> bool:
        """Takes the next epoch's value; `waited` counts the epochs since one improved.

        NaN never improves.
        """
        if not isinstance(value, (int, float)):
            raise TypeError(f"{self.name!r} is not a number, and so cannot be followed: {value!r}")
        if math.isnan(self.best):
            better = not math.isnan(value)
        else:
            better = self._sign * (self.best - value) > self.min_delta
        self.best = value if better else self.best
        self.waited = 0 if better else self.waited + 1
        return better


def _hint(name: str) -> str:
    """Suggests our name for one of Keras's, which many users will try."""
    ours = name.replace("val_", "validation_").replace("loss", "cost")
    known = LOWER_IS_BETTER | HIGHER_IS_BETTER
    near = get_close_matches(ours, [*known, *(f"validation_{each}" for each in known)], n=1)
    return f"did you mean {near[0]!r}? or " if near else ""
