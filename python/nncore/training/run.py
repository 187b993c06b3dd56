"""One run of the training loop, as its callbacks see it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from nncore._model import Model
from nncore.history import History


@dataclass
class Run:
    """One call of `fit`, as its callbacks see it."""

    net: Model
    """The network that is being trained."""
    epochs: range
    """Numbers of the epochs to train, counted from the network's first, 0."""
    columns: tuple[str, ...]
    """What every epoch measures."""
    begin: int = 0
    """Number of the epoch that schedules count from: where the run began, perhaps before it was
    stopped and resumed."""
    history: History = field(default_factory=History)
    """This run's epochs; `net.history` has the earlier ones too."""
    epoch: int = 0
    """The current epoch's number."""
    learning_rate: float = 0.0
    """The current epoch's rate."""
    batches: int = 0
    """Mini-batches of an epoch."""
    batch: int = 0
    """The number of the last mini-batch in its epoch, counted from 0."""
    batch_cost: float = math.nan
    """The mean cost of its rows, before its update."""
    step: int = 0
    """Mini-batches trained since the run began."""
    logs: dict[str, Any] = field(default_factory=dict)
    """What the last epoch measured."""
    stopped: bool = False
    """Whether this epoch is the last."""

    def stop(self) -> None:
        """Ends training after this epoch; from `on_batch_end`, after this mini-batch.

        An epoch that ends so is not counted: the next `fit` goes on with its other mini-batches.
        Where weights decay over sparse inputs, up to fifteen more are trained first.
        """
        self.stopped = True
