"""Options of a run that goes on from a checkpoint: those it had, unless others are given."""

from __future__ import annotations

import argparse
import os
from typing import Any

from nncore import Network
from nncore.callbacks import Callback

from .arguments import augmentation_text

_KEPT = ("optimizer", "learning_rate", "batch_size", "l2", "dropout", "augment", "epochs")
_FIXED = ("optimizer",)
"""What cannot be changed: another optimiser would begin without the memory in the checkpoint."""


class RunOptions(Callback):
    """Puts the options of training into every checkpoint."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = {name: getattr(options, name) for name in _KEPT}

    def state(self) -> dict[str, Any]:
        return self._options


def take_earlier(options: argparse.Namespace) -> list[str]:
    """Fills in the options that were left out; returns what is changed by those that were given.

    Raises:
        ValueError: an option contradicts the checkpoint.
        ModelFileError: the checkpoint cannot be read.
    """
    file = options.checkpoint
    if not options.resume or file is None or not os.path.exists(file):
        return []
    earlier = _earlier_options(Network.resume(file))
    changes = []
    for name in _KEPT:
        if name not in earlier:
            continue
        before, given = earlier[name], getattr(options, name)
        if given is None:
            setattr(options, name, before)
        elif given != before and name in _FIXED:
            raise ValueError(
                f"{file}: expected a checkpoint of --{name.replace('_', '-')} {given}, found "
                f"{before}"
            )
        elif given != before and name != "epochs":
            option = f"--{name.replace('_', '-')}"
            changes.append(f"{option} {_shown(given)} (it was {_was(name, before)})")
    return changes


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _was(name: str, before: Any) -> str:
    if before is not None:
        return _shown(before)
    return "none" if name == "augment" else "the optimiser's own"


def _earlier_options(net: Network) -> dict[str, Any]:
    state = net.training_state
    for kind, values in state.pending:
        if kind == RunOptions.__qualname__:
            return values
    earlier: dict[str, Any] = {}  # the library wrote this checkpoint, or version 0.1.0
    if state.trainer is not None:
        earlier["optimizer"] = state.trainer.optimizer
        earlier["augment"] = augmentation_text(state.trainer.augmentation)
    if "learning_rate" in net.history:
        earlier["learning_rate"] = net.history["learning_rate"][-1]
    return earlier
