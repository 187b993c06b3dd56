"""Checkpoints: a model file that also holds what it takes to go on training.

The file is the model's own (safetensors, written whole or not at all), so that `Network.load`
reads it too. The core adds the optimiser and its slots, which C and C++ read and write as well
(see checkpoint.hpp). Python adds the arrays of the callbacks, `callbacks.0.<name>`, ...; and in
the metadata, under `checkpoint`, JSON with the rest.
"""

from __future__ import annotations

import json
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore.errors import ModelFileError
from nncore.history import History
from nncore.training.state import TrainingState

_VERSION = 2


def save(
    net: _core.Network,
    history: History,
    state: TrainingState,
    path: str,
    metadata: dict[str, str],
) -> None:
    """Writes a checkpoint, with metadata of the model; see `Network.save_checkpoint`."""
    tensors: dict[str, NDArray[Any]] = {}
    callbacks = []
    for i, (kind, values) in enumerate(state.callback_states()):
        arrays = {key: v for key, v in values.items() if isinstance(v, np.ndarray)}
        tensors |= {f"callbacks.{i}.{key}": array for key, array in arrays.items()}
        plain = {key: v for key, v in values.items() if key not in arrays}
        callbacks.append({"kind": kind, "state": plain})
    content = {
        "version": _VERSION,
        "begin": state.begin,
        "history": {"epochs": history.epochs, "columns": dict(history)},
        "callbacks": callbacks,
    }
    metadata = {**metadata, "checkpoint": json.dumps(content)}
    if state.trainer is None:
        _core.save_model(net, path, metadata, tensors)
    else:
        state.trainer.save_checkpoint(path, metadata=metadata, tensors=tensors)


def read(net: _core.Network, path: str) -> tuple[History, TrainingState]:
    """What a checkpoint holds beside the model `net`, which was loaded from it.

    Raises:
        ModelFileError: the file is no checkpoint, or is damaged.
    """
    metadata, tensors = _core.read_tensors(path)
    if "checkpoint" not in metadata and "nncore.optimizer" not in metadata:
        raise ModelFileError(f"{path}: a model without a checkpoint; Network.load reads it")
    trainer = _core.Trainer.resume(net, path)
    history = History()
    callbacks = []
    begin = 0
    try:
        if "checkpoint" in metadata:  # C and C++ write none
            content = json.loads(metadata["checkpoint"])
            if content["version"] != _VERSION:
                raise ValueError(f"version {content['version']}; expected {_VERSION}")
            begin = operator.index(content.get("begin", 0))  # not written by version 0.1.0
            history = History(content["history"]["columns"], content["history"]["epochs"])
            callbacks = [
                (each["kind"], each["state"] | _with_prefix(f"callbacks.{i}.", tensors))
                for i, each in enumerate(content["callbacks"])
            ]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ModelFileError(f"{path}: a damaged checkpoint: {error!r}") from error
    state = TrainingState(trainer, callbacks)
    state.begin = begin
    return history, state


def _with_prefix(prefix: str, tensors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The tensors whose names begin with `prefix`, sorted by name, without the prefix."""
    return {
        name.removeprefix(prefix): tensors[name]
        for name in sorted(tensors)
        if name.startswith(prefix)
    }
