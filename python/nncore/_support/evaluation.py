"""What `evaluate` returns."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import ArrayLike


class _Measured(NamedTuple):
    cost: float
    """Mean cost of the samples, weighted by their weights."""
    accuracy: float | None
    """Fraction of the samples that are classified rightly; None where there are no classes."""


class Evaluation(_Measured):
    """How well a network does on some samples: a pair of `cost` and `accuracy`.

    `accuracy` is None where there are no classes.
    """

    calibration_error: float | None = None
    """How far probabilities are from how often they are right; None where it was not asked for."""

    def calibrated(self, outputs: Any, y: ArrayLike, sample_weight: ArrayLike | None) -> Evaluation:
        """The same with the calibration error of these outputs."""
        from nncore.metrics import calibration_error  # which a program that predicts does without

        found = Evaluation(*self)
        found.calibration_error = calibration_error(y, outputs, sample_weight)
        return found

    def __repr__(self) -> str:
        pair = super().__repr__()
        if self.calibration_error is None:
            return pair
        return f"{pair[:-1]}, calibration_error={self.calibration_error!r})"

    def _repr_html_(self) -> str:
        from nncore._support import html

        accuracy = "-" if self.accuracy is None else f"{100 * self.accuracy:.2f} %"
        columns = {"cost": f"{self.cost:.5g}", "accuracy": accuracy}
        if self.calibration_error is not None:
            columns["calibration error"] = f"{100 * self.calibration_error:.2f} %"
        return html.table(list(columns), [list(columns.values())])
