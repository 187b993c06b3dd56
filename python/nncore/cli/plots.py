"""What `--plot FILE` draws."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import Network
from nncore._support.extras import require
from nncore._support.figures import save_figure
from nncore.history import History
from nncore.plot import MisreadDisplay, ReliabilityDisplay

_MOST_CLASSES = 30
"""A confusion matrix of more classes shows nothing."""


def save_training(history: History, path: str) -> None:
    """The curves of training."""
    _draw_without_a_screen()
    save_figure(history.plot(), path)


def save_classification(
    net: Network, x: NDArray[Any], y: NDArray[Any], names: list[str], path: str, *, images: bool
) -> None:
    """What was taken for what, how far probabilities are to be trusted, and misread images."""
    _draw_without_a_screen()
    metrics = require("sklearn.metrics", extra="sklearn", purpose="--plot")
    figures = require("matplotlib.figure", extra="plot", purpose="--plot")
    outputs, taken = net.feedforward(x), net.predict(x)
    trusted = bool(outputs.min() >= 0 and outputs.max() <= 1)
    counted = len(names) <= _MOST_CLASSES
    images = images and trusted
    panels = [counted, trusted, images].count(True)
    if not panels:
        raise ValueError(f"{path}: there is nothing to draw of {len(names)} classes")
    figure = figures.Figure(figsize=(6.5 * panels, 6), layout="constrained")
    axes = iter(figure.subplots(1, panels, squeeze=False)[0])
    if counted:
        counts = np.zeros((len(names),) * 2, np.int64)
        np.add.at(counts, (y, taken), 1)
        upright = max(map(len, names)) <= 3
        metrics.ConfusionMatrixDisplay(counts, display_labels=names).plot(
            ax=next(axes), colorbar=False, cmap="Blues", xticks_rotation=0 if upright else 90
        )
    if trusted:
        sure = outputs.max(axis=1) if outputs.shape[1] > 1 else np.abs(outputs[:, 0] - 0.5) + 0.5
        ReliabilityDisplay.from_predictions(taken == y, sure, ax=next(axes))
    if images:
        MisreadDisplay.from_estimator(net, x, y, ax=next(axes))
    save_figure(figure, path)


def save_regression(expected: ArrayLike, found: ArrayLike, name: str, path: str) -> None:
    """What was predicted, beside what was true."""
    _draw_without_a_screen()
    metrics = require("sklearn.metrics", extra="sklearn", purpose="--plot")
    display = metrics.PredictionErrorDisplay.from_predictions(
        expected, found, kind="actual_vs_predicted", subsample=5_000, random_state=0
    )
    display.ax_.set(xlabel=f"{name}, predicted", ylabel=f"{name}, true")
    save_figure(display.figure_, path)


def _draw_without_a_screen() -> None:
    require("matplotlib", extra="plot", purpose="--plot").use("Agg")
