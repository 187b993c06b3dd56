"""A line for every epoch, and on a terminal a bar with the time that remains."""

from __future__ import annotations

import sys
from typing import Any

from nncore._support.extras import require
from nncore.callbacks import Callback
from nncore.training.run import Run

from .output import say

_BAR = "{percentage:3.0f}% |{bar:30}| {n_fmt}/{total_fmt} epochs, {remaining} left"


class EpochLines(Callback):
    """Prints what each epoch measured, under a heading; leaving the context closes the bar.

    Args:
        epochs: the number that the run ends with.
        rows: how many validation rows are classified; None to show their cost instead.
        plan: what the run does; its learning rate is added.
    """

    def __init__(self, epochs: int, rows: int | None, plan: str) -> None:
        self.epochs = epochs
        self.rows = rows
        self.plan = plan
        self.begun = False
        self._bar: Any = None

    def __enter__(self) -> EpochLines:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def on_epoch_begin(self, run: Run) -> None:
        if self.begun:
            return
        say(f"training  {self.plan}, learning rate {run.learning_rate:g}")
        say()
        say(self._line("epoch", "cost", self._heading(), "seconds"))
        self._bar = _bar(run.epoch, self.epochs)
        self.begun = True

    def on_epoch_end(self, run: Run) -> None:
        logs = run.logs
        if self.rows is None:
            cost = logs.get("validation_cost")
            right = "-" if cost is None else f"{cost:.5f}"
        else:
            fraction = logs.get("validation_accuracy")
            right = "-" if fraction is None else _share(fraction, self.rows)
        done, seconds = f"{run.epoch + 1}/{self.epochs}", f"{logs['seconds']:.2f}"
        say(self._line(done, f"{logs['cost']:.5f}", right, seconds))
        if self._bar is not None:
            self._bar.update()

    def _heading(self) -> str:
        return "validation cost" if self.rows is None else "validation accuracy"

    def _line(self, epoch: str, cost: str, right: str, seconds: str) -> str:
        first = max(len("epoch"), 2 * len(str(self.epochs)) + 1)
        third = max(len(self._heading()), len(_share(1.0, self.rows or 0)))
        return f"{epoch:>{first}}  {cost:>9}  {right:>{third}}  {seconds:>7}"


def _share(fraction: float, rows: int) -> str:
    """`9,129 / 10,000  91.29 %`, as wide for any fraction."""
    whole = f"{rows:,}"
    return f"{round(fraction * rows):>{len(whole)},} / {whole} {100 * fraction:6.2f} %"


def duration(seconds: float) -> str:
    """`3.4 s`, `2 min 05 s`, `1 h 03 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def _bar(done: int, total: int) -> Any:
    """A tqdm bar that is erased in the end; None without a terminal or tqdm."""
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    try:
        tqdm = require("tqdm", extra="progress", purpose="a progress bar")
    except ImportError:
        return None
    return tqdm.tqdm(initial=done, total=total, bar_format=_BAR, leave=False, file=sys.stderr)
