"""Pictures of training and of networks, drawn by matplotlib (the extra `plot`).

Each class follows scikit-learn's contract for displays: `from_...` computes what is to be drawn,
and draws it; `__init__` takes what was computed; `plot(ax=None)` draws it on those axes or on new
ones and returns the display, which keeps `ax_` and `figure_`. A `model` is an `nncore.Network`, or
a trained estimator of scikit-learn's kind.

=========================  =======================================================================
`HistoryDisplay`           what training measured, of several runs, with bands over seeds
`WeightsDisplay`           the weights of a layer's units as images
`NetworkDisplay`           units and weights as circles and lines
`MisreadDisplay`           images that a model misreads, the most certain first
`ReliabilityDisplay`       how often it is right beside how certain it is
`IntervalDisplay`          intervals beside what came
`DecisionPlaneDisplay`     what it says of every point of a plane
`GradientFlowDisplay`      how fast each layer learns
`ConfusionMatrixDisplay`   scikit-learn's own, which takes networks too
=========================  =======================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._diagram import NetworkDisplay
from ._gradients import GradientFlowDisplay
from ._history import HistoryDisplay
from ._intervals import IntervalDisplay
from ._misread import MisreadDisplay
from ._plane import DecisionPlaneDisplay
from ._reliability import ReliabilityDisplay
from ._weights import WeightsDisplay

if TYPE_CHECKING:
    from ._confusion import ConfusionMatrixDisplay

__all__ = [
    "ConfusionMatrixDisplay",
    "DecisionPlaneDisplay",
    "GradientFlowDisplay",
    "HistoryDisplay",
    "IntervalDisplay",
    "MisreadDisplay",
    "NetworkDisplay",
    "ReliabilityDisplay",
    "WeightsDisplay",
]


def __getattr__(name: str) -> Any:
    if name == "ConfusionMatrixDisplay":  # whose base class needs scikit-learn
        from ._confusion import ConfusionMatrixDisplay

        return ConfusionMatrixDisplay
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
