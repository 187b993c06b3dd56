"""scikit-learn's confusion matrix, of networks too."""

from __future__ import annotations

from typing import Any

from nncore._support.extras import require
from nncore.network import Network

from ._display import labels_of

_metrics = require("sklearn.metrics", extra="sklearn", purpose="a confusion matrix")


class ConfusionMatrixDisplay(_metrics.ConfusionMatrixDisplay):  # type: ignore[misc,name-defined]
    """scikit-learn's display, whose `from_estimator` takes an `nncore.Network` too."""

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Any, **options: Any) -> Any:
        """Draws what was taken for what; `options` are scikit-learn's.

        A network's y may be labels (n,) alone.
        """
        if isinstance(estimator, Network):
            return cls.from_predictions(y, labels_of(estimator, X), **options)
        return super().from_estimator(estimator, X, y, **options)
