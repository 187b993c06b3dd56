"""Images that a model misreads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ._display import Display, as_images, columns_of_mosaic, probabilities_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class MisreadDisplay(Display):
    """Images, each under what it is, what it was taken for, and how certainly.

    Args:
        images: (n, height, width), 0 is white and 1 black as in MNIST.
        expected: (n,) what they are.
        found: (n,) what they were taken for.
        certainty: (n,) the probability given to that.
    """

    def __init__(
        self, images: ArrayLike, expected: ArrayLike, found: ArrayLike, certainty: ArrayLike
    ) -> None:
        self.images = np.asarray(images)
        self.expected = np.asarray(expected)
        self.found = np.asarray(found)
        self.certainty = np.asarray(certainty)
        side = columns_of_mosaic(len(self.images))
        self.figsize = (1.25 * side + 0.5, 1.5 * side + 0.5)

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        count: int = 25,
        shape: tuple[int, int] | None = None,
        ax: Axes | None = None,
    ) -> MisreadDisplay:
        """Draws at most `count` images that a network or an estimator misreads, the surest first.

        Args:
            model: the network or estimator.
            X: (n, height * width) images.
            y: (n,) what they are.
            count: how many are drawn.
            shape: (height, width) of an image; not needed for squares.
            ax: axes to draw on.

        Raises:
            ValueError: outputs are no probabilities, or images have another shape.
        """
        probabilities, classes = probabilities_of(model, X)
        expected = np.asarray(y)
        found = classes[probabilities.argmax(axis=1)]
        wrong = np.flatnonzero(found != expected)
        certainty = probabilities.max(axis=1)
        worst = wrong[np.argsort(-certainty[wrong], kind="stable")][:count]
        images = as_images(np.asarray(X)[worst], shape)
        return cls(images, expected[worst], found[worst], certainty[worst]).plot(ax)

    def _draw(self, ax: Axes) -> None:
        ax.set_axis_off()
        if not len(self.images):
            ax.text(0.5, 0.5, "none is misread", ha="center", va="center", transform=ax.transAxes)
            return
        columns = columns_of_mosaic(len(self.images))
        rows = -(-len(self.images) // columns)
        _, height, width = self.images.shape
        tall = height / width
        for place, (image, expected, found, certainty) in enumerate(
            zip(self.images, self.expected, self.found, self.certainty, strict=True)
        ):
            left, top = 1.15 * (place % columns), -(tall + 0.35) * (place // columns)
            ax.imshow(image, cmap="gray_r", extent=(left, left + 1, top - tall, top))
            ax.text(
                left + 0.5, top + 0.03, f"{expected} as {found}, {100 * certainty:.0f} %",
                ha="center", va="bottom", fontsize="x-small",
            )  # fmt: skip
        ax.set(xlim=(0, 1.15 * columns - 0.15), ylim=(-(tall + 0.35) * rows, 0.3), aspect="equal")
