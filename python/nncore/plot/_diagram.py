"""A network as circles and lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._display import NEGATIVE, POSITIVE, Display, network_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RADIUS, _APART = 0.28, 4.0


class NetworkDisplay(Display):
    """Each layer a column of units, each weight a line: blue above 0, red below, wide if large.

    Of a layer with more than `max_units` the first ones and the last are drawn, dots between.

    Args:
        weights: each layer's, (units, inputs).
        activations: each layer's.
        max_units: how many units of a layer are drawn, at least 2.
    """

    def __init__(
        self,
        weights: Sequence[NDArray[Any]],
        activations: Sequence[str],
        max_units: int = 10,
    ) -> None:
        if max_units < 2:
            raise ValueError(f"max_units must be at least 2, got {max_units}")
        self.weights = [np.asarray(w) for w in weights]
        self.activations = list(activations)
        self.max_units = max_units
        self.figsize = (2.2 * (len(self.weights) + 1), 5)

    @classmethod
    def from_estimator(
        cls, model: Any, *, max_units: int = 10, ax: Axes | None = None
    ) -> NetworkDisplay:
        """Draws a network, or an estimator's."""
        net = network_of(model)
        weights = [np.array(w) for w in net.weights]
        return cls(weights, net.activations, max_units).plot(ax)

    def _draw(self, ax: Axes) -> None:
        from matplotlib.collections import LineCollection, PatchCollection
        from matplotlib.patches import Circle

        sizes = [self.weights[0].shape[1], *(len(w) for w in self.weights)]
        layers = [_places(size, self.max_units) for size in sizes]
        for number, weights in enumerate(self.weights):
            (inputs, below), (units, above) = layers[number], layers[number + 1]
            shown = weights[np.ix_(units, inputs)]
            most = float(np.abs(shown).max()) or 1.0
            x = _APART * number
            lines = [[(x, y), (x + _APART, to)] for to in above for y in below]
            colours = [POSITIVE if w > 0 else NEGATIVE for w in shown.flat]
            strength = np.abs(shown).ravel() / most
            ax.add_collection(
                LineCollection(
                    lines, colors=colours, linewidths=0.2 + 2 * strength, alpha=0.6, zorder=1
                )
            )
        words = ["inputs", *self.activations]
        for number, (size, (units, places)) in enumerate(zip(sizes, layers, strict=True)):
            circles = [Circle((_APART * number, y), _RADIUS) for y in places]
            ax.add_collection(
                PatchCollection(circles, facecolor="white", edgecolor="0.3", linewidth=1, zorder=2)
            )
            if len(units) < size:
                ax.text(_APART * number, 0, "...", rotation=90, ha="center", va="center", zorder=3)
            ax.text(
                _APART * number, -(self.max_units + 1) / 2 - 0.4, f"{size:,}\n{words[number]}",
                ha="center", va="top",
            )  # fmt: skip
        half = (self.max_units + 1) / 2
        ax.set(
            xlim=(-1, _APART * len(self.weights) + 1),
            ylim=(-half - 1.6, half + 0.2),
            aspect="equal",
        )
        ax.set_axis_off()


def _places(size: int, most: int) -> tuple[list[int], list[float]]:
    """Which units are drawn, and how high: around 0, with a gap where units are left out."""
    if size <= most:
        return list(range(size)), [(size - 1) / 2 - unit for unit in range(size)]
    first, last = -(-most // 2), most // 2
    units = [*range(first), *range(size - last, size)]
    places = [most / 2 - place - (place >= first) for place in range(most)]
    return units, places
