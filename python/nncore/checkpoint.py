"""Checkpoints: a model file that also holds what it takes to go on training.

The file is the model's own (safetensors, written whole or not at all), so that `Network.load`
reads it too. The core adds the optimiser and its slots, which C and C++ read and write as well
(see checkpoint.hpp). Python adds the arrays of the callbacks, `callbacks.0.<name>`, ...; and in
the metadata, under `checkpoint`, JSON with the rest.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore.errors import ModelFileError
from nncore.history import History
from nncore.network import Net, Network
from nncore.optimizers import OPTIMIZERS
from nncore.training import OptimizerState, Resumed, Unfinished

_VERSION = 2


def save(net: Network, path: str | os.PathLike[str]) -> None:
    """Writes a checkpoint; see `Network.save_checkpoint`."""
    tensors: dict[str, NDArray[Any]] = {}
    resumable = _resumable(net)
    callbacks = []
    for i, (kind, values) in enumerate(resumable.callbacks):
        arrays = {key: v for key, v in values.items() if isinstance(v, np.ndarray)}
        tensors |= {f"callbacks.{i}.{key}": array for key, array in arrays.items()}
        plain = {key: v for key, v in values.items() if key not in arrays}
        callbacks.append({"kind": kind, "state": plain})
    content = {
        "version": _VERSION,
        "history": {"epochs": net.history.epochs, "columns": dict(net.history)},
        "callbacks": callbacks,
    }
    metadata = {"checkpoint": json.dumps(content)}
    if net._optimizer_state is None:
        net.save_file(path, metadata, tensors)
    else:
        left = resumable.unfinished
        if left is None or left.epoch != net.epoch:
            left = Unfinished(net.epoch, 0, 0, 0)
        trainer = _trainer(net, net._optimizer_state)
        trainer.save_checkpoint(
            path,
            unfinished=(left.rows, left.batch_size, left.batches),
            metadata=metadata,
            tensors=tensors,
        )


def resume(cls: type[Net], path: str | os.PathLike[str]) -> Net:
    """Reads a checkpoint; see `Network.resume`."""
    net = cls.load(path)
    metadata, tensors = _core.read_tensors(path)
    if "checkpoint" not in metadata and "nncore.optimizer" not in metadata:
        raise ModelFileError(
            f"{os.fspath(path)}: a model without a checkpoint; Network.load reads it"
        )
    saved = _core.Trainer.resume(net, path)
    unfinished = None
    try:
        if saved is not None:
            trainer, (rows, batch_size, batches) = saved
            optimizer = OPTIMIZERS[trainer.optimizer](**trainer.hyperparameters)
            net._optimizer_state = OptimizerState(optimizer, trainer.steps, trainer.slots)
            unfinished = Unfinished(net.epoch, rows, batch_size, batches) if batches else None
        callbacks = []
        if "checkpoint" in metadata:  # C and C++ write none
            content = json.loads(metadata["checkpoint"])
            if content["version"] != _VERSION:
                raise ValueError(f"version {content['version']}; expected {_VERSION}")
            net.history = History(content["history"]["columns"], content["history"]["epochs"])
            callbacks = [
                (each["kind"], each["state"] | _starting(f"callbacks.{i}.", tensors))
                for i, each in enumerate(content["callbacks"])
            ]
        net._resumed = Resumed(unfinished, callbacks)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ModelFileError(f"{os.fspath(path)}: a damaged checkpoint: {error!r}") from error
    return net


def _trainer(net: Network, state: OptimizerState) -> _core.Trainer:
    """A trainer in that state."""
    trainer = _core.Trainer(
        net,
        batch_size=1,
        optimizer=state.optimizer.name,
        hyperparameters=state.optimizer.hyperparameters(),
    )
    trainer.steps = state.steps
    for slot, saved in zip(trainer.slots, state.slots, strict=True):
        slot[...] = saved
    return trainer


def _resumable(net: Network) -> Resumed:
    """What a run left behind; or what was read from a checkpoint and not yet taken up."""
    if net._resumed is not None:
        return net._resumed
    states = [(type(callback).__qualname__, callback.state()) for callback in net._callbacks]
    return Resumed(net._unfinished, states)


def _starting(prefix: str, tensors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The tensors of that prefix, in the order of their names, without it."""
    return {
        name.removeprefix(prefix): tensors[name]
        for name in sorted(tensors)
        if name.startswith(prefix)
    }
