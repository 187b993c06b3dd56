"""How often a model is right, beside how certain it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from nncore.metrics import reliability

from ._display import Display, probabilities_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ReliabilityDisplay(Display):
    """Accuracy over certainty: on the diagonal a model knows how much it knows.

    Args:
        certainty: (bins,) the mean probability of the class that was chosen.
        accuracy: (bins,) how many of these were right.
        counts: (bins,) how many samples fell into a bin.
    """

    figsize = (5, 5)

    def __init__(self, certainty: ArrayLike, accuracy: ArrayLike, counts: ArrayLike) -> None:
        self.certainty = np.asarray(certainty)
        self.accuracy = np.asarray(accuracy)
        self.counts = np.asarray(counts)

    @property
    def expected_calibration_error(self) -> float:
        """The mean distance of accuracy from certainty (Guo et al. 2017), weighted by samples."""
        gaps = np.abs(self.accuracy - self.certainty)
        return float(np.average(gaps, weights=self.counts))

    @classmethod
    def from_estimator(
        cls, model: Any, X: Any, y: ArrayLike, *, bins: int = 15, ax: Axes | None = None
    ) -> ReliabilityDisplay:
        """Draws how far a network's or an estimator's probabilities are to be trusted.

        Raises:
            ValueError: outputs are no probabilities, or there are no samples.
        """
        probabilities, classes = probabilities_of(model, X)
        right = classes[probabilities.argmax(axis=1)] == np.asarray(y)
        return cls.from_predictions(right, probabilities.max(axis=1), bins=bins, ax=ax)

    @classmethod
    def from_predictions(
        cls, right: ArrayLike, certainty: ArrayLike, *, bins: int = 15, ax: Axes | None = None
    ) -> ReliabilityDisplay:
        """Draws from whether each prediction was right, (n,), and how certain, (n,)."""
        rights, sure = np.asarray(right, float), np.asarray(certainty, float)
        if not len(sure) or rights.shape != sure.shape:
            raise ValueError(
                f"expected as many answers as certainties, at least one; got {rights.shape} and "
                f"{sure.shape}"
            )
        return cls(*reliability(rights, sure, bins=bins)).plot(ax)

    def _draw(self, ax: Axes) -> None:
        ax.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="as certain as right")
        share = self.counts / self.counts.max()
        ax.plot(self.certainty, self.accuracy, color="C0", label="the model")
        ax.scatter(self.certainty, self.accuracy, s=10 + 90 * share, color="C0", zorder=2)
        ax.set(
            xlabel="probability of the class that was chosen", ylabel="share of them right",
            xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal",
            title=f"expected calibration error {100 * self.expected_calibration_error:.2f} %",
        )  # fmt: skip
        ax.legend(loc="upper left")
