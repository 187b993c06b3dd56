"""How fast each layer learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._display import Display, network_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class GradientFlowDisplay(Display):
    """The length of each layer's gradient: chapter 5 of the book's "speed of learning".

    Where it falls from layer to layer towards the inputs, gradients vanish.

    Args:
        biases: each layer's length of the gradient by its biases.
        weights: each layer's root mean square of the gradient by its weights.
    """

    def __init__(self, biases: Sequence[float], weights: Sequence[float]) -> None:
        self.biases, self.weights = list(biases), list(weights)

    @classmethod
    def from_estimator(
        cls, model: Any, X: Any, y: ArrayLike, *, ax: Axes | None = None
    ) -> GradientFlowDisplay:
        """Draws the gradients of a network's mean cost over these samples.

        An estimator's y are the targets of its network.
        """
        by_weights, by_biases = network_of(model).backprop(X, y)
        lengths = [float(np.linalg.norm(gradient)) for gradient in by_biases]
        return cls(lengths, [_root_mean_square(gradient) for gradient in by_weights]).plot(ax)

    def _draw(self, ax: Axes) -> None:
        layers = np.arange(1, len(self.biases) + 1)
        ax.bar(layers - 0.2, self.biases, 0.4, label="biases: length of the gradient")
        ax.bar(layers + 0.2, self.weights, 0.4, label="weights: root mean square of the gradient")
        if all(value > 0 for value in [*self.biases, *self.weights]):
            ax.set_yscale("log")
        ax.set(xlabel="layer", ylabel="gradient", xticks=layers)
        ax.legend()


def _root_mean_square(gradient: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.square(gradient, dtype=np.float64))))
