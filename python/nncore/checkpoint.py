"""Checkpoints: a model file that also holds what it takes to go on training.

The file is the model's own (safetensors, written whole or not at all), so that `Network.load`
reads it too. Added are the optimiser's slots, `optimizer.0`, ...; the arrays of the callbacks,
`callbacks.0.<name>`, ...; and in the metadata, under `checkpoint`, JSON with everything else.
"""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore._checks import integer
from nncore.errors import ModelFileError
from nncore.history import History
from nncore.network import Net, Network
from nncore.optimizers import OPTIMIZERS
from nncore.training import OptimizerState, Resumed, Unfinished

_VERSION = 1


def save(net: Network, path: str | os.PathLike[str]) -> None:
    """Writes a checkpoint; see `Network.save_checkpoint`."""
    tensors: dict[str, NDArray[Any]] = {}
    for i, (w, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        tensors[f"weights.{i}"], tensors[f"biases.{i}"] = w, b
    optimizer = None
    if net._optimizer_state is not None:
        state = net._optimizer_state
        optimizer = {
            "name": state.optimizer.name,
            "hyperparameters": state.optimizer.hyperparameters(),
            "steps": state.steps,
        }
        tensors |= {f"optimizer.{i}": slot for i, slot in enumerate(state.slots)}
    resumable = _resumable(net)
    callbacks = []
    for i, (kind, values) in enumerate(resumable.callbacks):
        arrays = {key: v for key, v in values.items() if isinstance(v, np.ndarray)}
        tensors |= {f"callbacks.{i}.{key}": array for key, array in arrays.items()}
        plain = {key: v for key, v in values.items() if key not in arrays}
        callbacks.append({"kind": kind, "state": plain})
    unfinished = resumable.unfinished
    content = {
        "version": _VERSION,
        "history": {"epochs": net.history.epochs, "columns": dict(net.history)},
        "optimizer": optimizer,
        "unfinished": unfinished and dataclasses.asdict(unfinished),
        "callbacks": callbacks,
    }
    metadata = {**net.file_metadata(), "checkpoint": json.dumps(content)}
    _core.write_tensors(path, metadata, tensors)


def resume(cls: type[Net], path: str | os.PathLike[str]) -> Net:
    """Reads a checkpoint; see `Network.resume`."""
    net = cls.load(path)
    metadata, tensors = _core.read_tensors(path)
    if "checkpoint" not in metadata:
        raise ModelFileError(
            f"{os.fspath(path)}: a model without a checkpoint; Network.load reads it"
        )
    try:
        content = json.loads(metadata["checkpoint"])
        if content["version"] != _VERSION:
            raise ValueError(f"version {content['version']}; expected {_VERSION}")
        net.history = History(content["history"]["columns"], content["history"]["epochs"])
        net._optimizer_state = _optimizer_state(net, content["optimizer"], tensors)
        unfinished = content["unfinished"] and Unfinished(**content["unfinished"])
        for name, value in vars(unfinished).items() if unfinished else ():
            integer(name, value, low=0)
        net._resumed = Resumed(
            unfinished,
            [
                (each["kind"], each["state"] | _starting(f"callbacks.{i}.", tensors))
                for i, each in enumerate(content["callbacks"])
            ],
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ModelFileError(f"{os.fspath(path)}: a damaged checkpoint: {error!r}") from error
    return net


def _resumable(net: Network) -> Resumed:
    """What a run left behind; or what was read from a checkpoint and not yet taken up."""
    if net._resumed is not None:
        return net._resumed
    states = [(type(callback).__qualname__, callback.state()) for callback in net._callbacks]
    return Resumed(net._unfinished, states)


def _optimizer_state(
    net: Network, saved: dict[str, Any] | None, tensors: dict[str, NDArray[Any]]
) -> OptimizerState | None:
    if saved is None:
        return None
    optimizer = OPTIMIZERS[saved["name"]](**saved["hyperparameters"])
    slots = list(_starting("optimizer.", tensors).values())
    expected = _core.Trainer(net, batch_size=1, optimizer=optimizer.name).slots
    if [(s.shape, s.dtype) for s in slots] != [(s.shape, s.dtype) for s in expected]:
        raise ValueError(f"the optimiser's slots do not fit {optimizer} and the network")
    if not all(np.isfinite(slot).all() for slot in slots):
        raise ValueError("the optimiser's slots have NaN or infinity")
    return OptimizerState(optimizer, integer("steps", saved["steps"], low=0, high=2**63 - 1), slots)


def _starting(prefix: str, tensors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The tensors of that prefix, in the order of their names, without it."""
    return {
        name.removeprefix(prefix): tensors[name]
        for name in sorted(tensors)
        if name.startswith(prefix)
    }
