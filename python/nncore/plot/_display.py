"""What all displays share: the axes they draw on, and what they ask of a model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore._support.extras import require
from nncore.network import Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Self = TypeVar("Self", bound="Display")

POSITIVE, NEGATIVE = "tab:blue", "tab:red"
"""The colours of weights above and below 0."""
SIGNED = "RdBu"
"""The colour map of weights: red below 0, white at 0, blue above."""


class Display:
    """Something to draw."""

    ax_: Axes
    figure_: Figure | SubFigure
    figsize: tuple[float, float] | None = None

    def plot(self: Self, ax: Axes | None = None) -> Self:
        """Draws on `ax`, or on the axes of a new figure; returns itself.

        Raises:
            ImportError: matplotlib is not installed.
        """
        if ax is None:
            pyplot = require("matplotlib.pyplot", extra="plot", purpose="a plot")
            _, ax = pyplot.subplots(figsize=self.figsize, layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        self._draw(ax)
        return self

    def _draw(self, ax: Axes) -> None:
        raise NotImplementedError


def network_of(model: Any) -> Network:
    """The network itself, or an estimator's."""
    if isinstance(model, Network):
        return model
    network = getattr(model, "network_", None)
    if not isinstance(network, Network):
        raise TypeError(
            f"expected an nncore.Network, or a trained estimator of nncore.sklearn, got {model!r}"
        )
    return network


def labels_of(model: Any, x: Any) -> NDArray[Any]:
    """What a network or an estimator predicts, (n,): classes by their names."""
    labels = np.asarray(model.predict(x))
    if isinstance(model, Network) and model.classes is not None:
        return np.asarray(model.classes[labels])
    return labels


def probabilities_of(model: Any, x: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Every class's probability, (n, classes), and the classes' names."""
    if not isinstance(model, Network):
        return np.asarray(model.predict_proba(x)), np.asarray(model.classes_)
    outputs = np.asarray(model.feedforward(x))
    if outputs.shape[1] == 1:
        outputs = np.concatenate([1 - outputs, outputs], axis=1)
    if outputs.min(initial=0) < 0 or outputs.max(initial=0) > 1:
        raise ValueError(
            f"expected outputs that are probabilities, but those of {model.activations[-1]} units "
            f"reach from {outputs.min():.3g} to {outputs.max():.3g}"
        )
    classes = model.classes
    return outputs, np.arange(outputs.shape[1]) if classes is None else classes


def as_images(rows: ArrayLike, shape: tuple[int, int] | None) -> NDArray[Any]:
    """(n, height, width) from (n, height * width); squares need no shape."""
    array = np.asarray(rows)
    if array.ndim == 3 and shape is None:
        return array
    if array.ndim != 2:
        raise ValueError(f"expected images as rows (n, height * width), got shape {array.shape}")
    width = array.shape[1]
    if shape is None:
        side = math.isqrt(width)
        if side * side != width:
            raise ValueError(f"{width} pixels are no square: give shape=(height, width)")
        shape = (side, side)
    if shape[0] * shape[1] != width:
        raise ValueError(f"images of {shape[0]} x {shape[1]} pixels do not have {width} of them")
    return array.reshape(-1, *shape)


def columns_of_mosaic(count: int) -> int:
    """How many images stand side by side, so that `count` of them fill about a square."""
    return max(1, math.ceil(math.sqrt(count)))
