"""What a model says of every point of a plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from nncore.network import Network

from ._display import Display, probabilities_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class DecisionPlaneDisplay(Display):
    """A plane coloured by a model's answers, and samples on it.

    Args:
        horizontal, vertical: (m,) and (k,) the places that were asked for.
        answers: (k, m) the class at each place, or the number that is predicted there.
        points: (n, 2) samples.
        colours: (n,) their classes or values.
    """

    figsize = (5.5, 5)

    def __init__(
        self,
        horizontal: ArrayLike,
        vertical: ArrayLike,
        answers: ArrayLike,
        points: ArrayLike,
        colours: ArrayLike,
    ) -> None:
        self.horizontal, self.vertical = np.asarray(horizontal), np.asarray(vertical)
        self.answers = np.asarray(answers)
        self.points, self.colours = np.asarray(points), np.asarray(colours)

    @classmethod
    def from_estimator(
        cls, model: Any, X: ArrayLike, y: ArrayLike, *, steps: int = 200, ax: Axes | None = None
    ) -> DecisionPlaneDisplay:
        """Draws what a network or an estimator with two inputs says around the samples.

        A network with one output is shown by that output, one with several by the class.

        Raises:
            ValueError: X is not (n, 2).
        """
        points = np.asarray(X, float)
        if points.ndim != 2 or points.shape[1] != 2 or not len(points):
            raise ValueError(f"expected X of shape (n, 2), got {points.shape}")
        low, high = points.min(axis=0), points.max(axis=0)
        margin = 0.1 * np.where(high > low, high - low, 1.0)
        horizontal, vertical = np.linspace(low - margin, high + margin, steps).T
        grid = np.stack(np.meshgrid(horizontal, vertical), axis=-1).reshape(-1, 2)
        answers, colours = _answers(model, grid), _answers_as_numbers(model, y)
        shape = (len(vertical), len(horizontal))
        return cls(horizontal, vertical, answers.reshape(shape), points, colours).plot(ax)

    def _draw(self, ax: Axes) -> None:
        low = min(self.answers.min(), self.colours.min())
        high = max(self.answers.max(), self.colours.max())
        whole = self.answers.dtype.kind in "iu"
        colours: dict[str, Any] = {"cmap": "viridis", "vmin": low, "vmax": high}
        if whole and high < 10:
            colours = {"cmap": "tab10", "vmin": 0, "vmax": 9}
        ax.pcolormesh(
            self.horizontal, self.vertical, self.answers, shading="nearest", alpha=0.45,
            rasterized=True, linewidth=0, **colours,
        )  # fmt: skip
        ax.scatter(
            self.points[:, 0], self.points[:, 1], c=self.colours, edgecolors="white",
            linewidths=0.6, **colours,
        )  # fmt: skip
        ax.set(xlabel="first input", ylabel="second input")


def _answers(model: Any, grid: Any) -> Any:
    if isinstance(model, Network):
        outputs = np.asarray(model.feedforward(grid))
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs.argmax(axis=1)
    if hasattr(model, "predict_proba"):
        return probabilities_of(model, grid)[0].argmax(axis=1)
    return np.asarray(model.predict(grid))


def _answers_as_numbers(model: Any, y: ArrayLike) -> Any:
    targets = np.asarray(y)
    if targets.ndim == 2 and targets.shape[1] > 1:
        return targets.argmax(axis=1)
    classes = getattr(model, "classes" if isinstance(model, Network) else "classes_", None)
    if classes is None:
        return targets.reshape(len(targets))
    return np.searchsorted(classes, targets)
