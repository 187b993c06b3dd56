"""The weights of a layer's units as images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ._display import SIGNED, Display, as_images, columns_of_mosaic, network_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class WeightsDisplay(Display):
    """One image for each unit: blue where an input speaks for it, red where against.

    Args:
        images: (units, height, width) the weights.
        units: the units' numbers, in the images' order.
    """

    figsize = (6, 6)

    def __init__(self, images: ArrayLike, units: Sequence[int]) -> None:
        self.images = np.asarray(images)
        self.units = list(units)

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        layer: int = 1,
        *,
        shape: tuple[int, int] | None = None,
        units: Sequence[int] | None = None,
        ax: Axes | None = None,
    ) -> WeightsDisplay:
        """Draws the weights into a layer of a network or an estimator.

        Args:
            model: the network.
            layer: 1 is the first hidden layer, as in `Network.summary`.
            shape: (height, width) of an image; not needed for squares.
            units: which ones; the first 100 without.
            ax: axes to draw on.

        Raises:
            ValueError: there is no such layer or unit, or `shape` does not hold its inputs.
        """
        weights = network_of(model).weights
        if not 1 <= layer <= len(weights):
            raise ValueError(f"expected a layer from 1 to {len(weights)}, got {layer}")
        there = len(weights[layer - 1])
        chosen = list(range(min(there, 100))) if units is None else list(units)
        if not chosen or not all(0 <= unit < there for unit in chosen):
            raise ValueError(f"expected units from 0 to {there - 1}, got {chosen}")
        images = as_images(np.array(weights[layer - 1])[chosen], shape)
        return cls(images, chosen).plot(ax)

    def _draw(self, ax: Axes) -> None:
        count, height, width = self.images.shape
        columns = columns_of_mosaic(count)
        rows = -(-count // columns)
        mosaic = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
        for place, image in enumerate(self.images):
            top, left = (height + 1) * (place // columns), (width + 1) * (place % columns)
            mosaic[top : top + height, left : left + width] = image
        most = float(np.abs(self.images).max()) or 1.0
        image = ax.imshow(mosaic, cmap=SIGNED, vmin=-most, vmax=most, interpolation="nearest")
        ax.set_axis_off()
        ax.figure.colorbar(image, ax=ax, shrink=0.6, label="weight")
