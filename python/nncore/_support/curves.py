"""What was measured epoch by epoch, as curves: which columns belong together, and how to draw them.

`History.plot` and `nncore.plot.HistoryDisplay` draw with this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKED = 50
"""With so many epochs or more, a point each is too many."""


def twins(column: str) -> dict[str, str]:
    """The columns of one quantity: what training measured, and what validation did."""
    return {"training": column, "validation": f"validation_{column}"}


def draw_curve(ax: Axes, epochs: Sequence[int], values: ArrayLike, **style: Any) -> None:
    """A line, with a mark for each epoch where these are few: one point makes no line."""
    ax.plot(epochs, values, marker="." if len(epochs) < _MARKED else None, **style)


def name_axes(ax: Axes, column: str) -> None:
    """Epochs are whole numbers; what is measured has the column's name."""
    ax.set(xlabel="epoch", ylabel=column.replace("_", " "))
    whole: Any = ax.xaxis.get_major_locator()
    whole.set_params(integer=True, min_n_ticks=1)
    ax.legend()
