"""One run of the training loop, as its callbacks see it."""

from __future__ import annotations

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
    logs: dict[str, Any] = field(default_factory=dict)
    """What the last epoch measured."""
    stopped: bool = False
    """Whether this epoch is the last."""

    def stop(self) -> None:
        """Ends training after this epoch."""
        self.stopped = True
