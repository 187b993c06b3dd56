"""How far the training of a network is: the one thing of it that outlives a call of `fit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nncore import _core

CallbackState = tuple[str, dict[str, Any]]
"""The class of a callback, and what its `state()` gave."""


class TrainingState:
    """A network's trainer, and the state of the callbacks of its last run.

    The trainer belongs to the core. It has the optimiser's memory and the place in an epoch that
    was stopped, and goes on with both as long as optimiser and data stay the same.
    """

    def __init__(
        self, trainer: _core.Trainer | None = None, pending: list[CallbackState] | None = None
    ) -> None:
        self.trainer = trainer
        self.begin = 0
        """Number of the epoch in which the last run began; who resumes it counts from there."""
        self.pending = pending or []
        """What a checkpoint holds of callbacks; it waits for a run with such callbacks."""
        self._callback_states: Callable[[], list[CallbackState]] = lambda: self.pending

    def trainer_for(self, net: _core.Network, **options: Any) -> _core.Trainer:
        """The network's trainer, with these options from now on."""
        if self.trainer is None:
            self.trainer = _core.Trainer(net, **options)
        else:
            self.trainer.set_options(**options)
        return self.trainer

    @property
    def lanes(self) -> int:
        """Those of the last run, which the next one goes on with; 0 where it had no number."""
        return 0 if self.trainer is None else self.trainer.lanes

    def forget_optimizer(self) -> None:
        """Lets the next run begin with an optimiser that remembers nothing."""
        self.trainer = None

    def follow(self, callback_states: Callable[[], list[CallbackState]]) -> None:
        """From now on a checkpoint holds what this function returns."""
        self._callback_states, self.pending = callback_states, []

    def callback_states(self) -> list[CallbackState]:
        """For a checkpoint."""
        return self._callback_states()

    def copied(self) -> tuple[Any, ...] | None:
        """What a copy of the network needs to train on with the same bits."""
        trainer = self.trainer
        if trainer is None:
            return None
        slots = [np.array(slot) for slot in trainer.slots]
        place = trainer.steps, trainer.position, self.begin
        return trainer.optimizer, trainer.hyperparameters, *place, slots, trainer.lanes

    @classmethod
    def from_copy(cls, net: _core.Network, copied: tuple[Any, ...]) -> TrainingState:
        """The state of `net`, which is a copy of the network that `copied` is from."""
        optimizer, hyperparameters, steps, position, begin, slots, *lanes = copied
        trainer = _core.Trainer(
            net,
            batch_size=1,
            optimizer=optimizer,
            hyperparameters=hyperparameters,
            lanes=lanes[0] if lanes else 0,  # version 0.1.0 had none
        )
        for slot, before in zip(trainer.slots, slots, strict=True):
            slot[...] = before
        trainer.steps, trainer.position = steps, position
        state = cls(trainer)
        state.begin = begin
        return state
