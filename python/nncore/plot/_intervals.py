"""Intervals beside what came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ._display import Display

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class IntervalDisplay(Display):
    """Predicted intervals in the order of their middles, and the true values as points.

    Args:
        y: (n,) what came.
        lower, upper: (n,) the intervals.
    """

    figsize = (7, 4)

    def __init__(self, y: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> None:
        self.y, self.lower, self.upper = np.asarray(y), np.asarray(lower), np.asarray(upper)
        shapes = {a.shape for a in (self.y, self.lower, self.upper)}
        if len(shapes) != 1 or self.y.ndim != 1 or not len(self.y):
            raise ValueError(
                f"expected y, lower and upper of one shape (n,), got {self.y.shape}, "
                f"{self.lower.shape}, {self.upper.shape}"
            )

    @property
    def coverage(self) -> float:
        """The share of values within their intervals."""
        return float(np.mean((self.lower <= self.y) & (self.y <= self.upper)))

    @classmethod
    def from_predictions(
        cls, y: ArrayLike, lower: ArrayLike, upper: ArrayLike, *, ax: Axes | None = None
    ) -> IntervalDisplay:
        """Draws intervals beside values, all (n,)."""
        return cls(y, lower, upper).plot(ax)

    def _draw(self, ax: Axes) -> None:
        order = np.argsort(self.lower + self.upper, kind="stable")
        y, lower, upper = self.y[order], self.lower[order], self.upper[order]
        inside = (lower <= y) & (y <= upper)
        places = np.arange(len(y))
        ax.fill_between(places, lower, upper, alpha=0.3, linewidth=0, step="mid", label="interval")
        for chosen, colour, label in ((inside, "C0", "within"), (~inside, "tab:red", "outside")):
            ax.scatter(places[chosen], y[chosen], s=6, color=colour, label=label)
        width = float(np.mean(upper - lower))
        ax.set(
            xlabel="samples, by the middle of their interval", ylabel="value",
            title=f"{100 * self.coverage:.1f} % within, mean width {width:.4g}",
        )  # fmt: skip
        ax.legend()
