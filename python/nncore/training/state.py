"""How far the training of a network is: the one thing of it that outlives a call of `fit`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore import _core

if TYPE_CHECKING:
    from nncore.callbacks import Callback

CallbackState = tuple[str, dict[str, Any]]
"""The class of a callback, and what its `state()` gave."""


class TrainingState:
    """A network's trainer, and the callbacks of its last run.

    The trainer, which the core owns, has the optimiser's memory and the place in an epoch that was
    stopped. It goes on with both as long as optimiser and data stay the same.
    """

    def __init__(self, trainer: _core.Trainer | None = None) -> None:
        self.trainer = trainer
        self._callbacks: Sequence[Callback] = ()
        self._waiting: list[CallbackState] | None = None

    @classmethod
    def resumed(
        cls, trainer: _core.Trainer | None, callbacks: list[CallbackState]
    ) -> TrainingState:
        """What a checkpoint holds. The callbacks' states wait for a run with such callbacks."""
        state = cls(trainer)
        state._waiting = callbacks
        return state

    def trainer_for(self, net: _core.Network, **options: Any) -> _core.Trainer:
        """The network's trainer, with these options from now on."""
        if self.trainer is None:
            self.trainer = _core.Trainer(net, **options)
        else:
            self.trainer.set_options(**options)
        return self.trainer

    def forget_optimizer(self) -> None:
        """Lets the next run begin with an optimiser that remembers nothing."""
        self.trainer = None

    @property
    def waiting(self) -> list[CallbackState]:
        """States of callbacks that no run has taken up yet."""
        return self._waiting or []

    def take_up(self, callbacks: Sequence[Callback]) -> None:
        """From now on these are the callbacks whose state a checkpoint holds."""
        self._callbacks, self._waiting = callbacks, None

    def callback_states(self) -> list[CallbackState]:
        """For a checkpoint."""
        if self._waiting is not None:
            return self._waiting
        return [(type(callback).__qualname__, callback.state()) for callback in self._callbacks]

    def copied(self) -> tuple[Any, ...] | None:
        """What a copy of the network needs to train on with the same bits."""
        trainer = self.trainer
        if trainer is None:
            return None
        slots = [np.array(slot) for slot in trainer.slots]
        return trainer.optimizer, trainer.hyperparameters, trainer.steps, trainer.position, slots

    @classmethod
    def from_copy(cls, net: _core.Network, copied: tuple[Any, ...] | None) -> TrainingState:
        """The state of `net`, which is a copy of the network that `copied` is from."""
        if copied is None:
            return cls()
        optimizer, hyperparameters, steps, position, slots = copied
        trainer = _core.Trainer(
            net, batch_size=1, optimizer=optimizer, hyperparameters=hyperparameters
        )
        for slot, before in zip(trainer.slots, slots, strict=True):
            slot[...] = before
        trainer.steps, trainer.position = steps, position
        return cls(trainer)
