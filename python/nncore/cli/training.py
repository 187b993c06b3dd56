"""What `nncore train` does."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from time import perf_counter
from typing import Any, NamedTuple

from nncore import DivergenceError, ModelFileError, Network, _core
from nncore._support.files import check_replaceable
from nncore.callbacks import Callback, ModelCheckpoint
from nncore.datasets import Dataset
from nncore.training.interrupts import defer_sigint

from .epochs import EpochLines, duration
from .load import load_data
from .output import (
    DEFAULT_OUTPUT,
    INTERRUPTED,
    layers_text,
    print_error,
    printable,
    say,
    share,
)
from .resuming import RunOptions, take_earlier
from .saving import check_target, rescue, save


def train(options: argparse.Namespace) -> int:
    changes = take_earlier(options)
    _fill_in(options)
    output = options.output or DEFAULT_OUTPUT
    net = _network(options)
    keep_earlier = options.output is None
    check_target(output, net, keep_earlier=keep_earlier)
    if options.checkpoint:
        slots = len(_core.Trainer(net, batch_size=1, optimizer=options.optimizer).slots)
        check_target(options.checkpoint, net, slots=slots)
    if options.threads is not None:
        _core.set_num_threads(options.threads)
    _describe(net)
    if options.resume:
        file = printable(options.checkpoint)
        if os.path.exists(options.checkpoint):
            say(f"resumed   from {file}, after {net.epoch} epochs")
            for change in changes:
                say(f"changed   {change}")
        else:
            say(f"resumed   no, for there is no {file} yet")
    data = _data(options.data)

    lines = EpochLines(options.epochs, len(data.validation.y), _plan(options))
    stopped: BaseException | None = None
    saved: _Saved | None = None
    training = True
    started = perf_counter()
    try:
        # From here on Ctrl-C ends training and nothing else, until the model is saved.
        with defer_sigint(unless=lambda: training):
            try:
                with lines:
                    _fit(net, data, lines, options)
                training = False
            except DivergenceError as error:
                raise ArithmeticError(
                    f"training left the finite numbers in epoch {error.epoch + 1}; no model was "
                    "saved; a smaller --learning-rate may help"
                ) from error
            except (KeyboardInterrupt, Exception) as reason:
                training = False
                if not lines.begun:
                    raise
                stopped = reason
            seconds = perf_counter() - started
            saved = _save(net, options, with_checkpoint=stopped is not None)
    except KeyboardInterrupt as reason:
        if saved is None:
            raise
        stopped = stopped or reason
    try:
        return _report(net, data, seconds, saved, stopped, options)
    except KeyboardInterrupt:
        print(f"nncore: interrupted; the model is in {printable(saved.path)}", file=sys.stderr)
        return INTERRUPTED


class _Saved(NamedTuple):
    """Where a model was saved."""

    path: str
    earlier: str | None
    """Where the model that was there before is now."""
    faults: list[Exception]
    """Why the model or the checkpoint could not be saved where it should be."""


def _save(net: Network, options: argparse.Namespace, *, with_checkpoint: bool) -> _Saved:
    path, earlier = options.output or DEFAULT_OUTPUT, None
    faults: list[Exception] = []
    try:
        earlier = save(net, path, keep_earlier=options.output is None)
    except (ModelFileError, OSError) as error:
        path = rescue(net, path, error)
        faults.append(error)
    if with_checkpoint and options.checkpoint:
        try:
            net.save_checkpoint(options.checkpoint)
        except ModelFileError as error:
            faults.append(error)
    return _Saved(path, earlier, faults)


def _report(
    net: Network,
    data: Dataset,
    seconds: float,
    saved: _Saved,
    stopped: BaseException | None,
    options: argparse.Namespace,
) -> int:
    """Prints how it ended; returns the exit code."""
    for fault in saved.faults:
        print_error(fault)
    if saved.path != (options.output or DEFAULT_OUTPUT):
        print(f"nncore: the model is saved in {printable(saved.path)} instead", file=sys.stderr)
    if isinstance(stopped, Exception):  # such as a reader that left, or a checkpoint's full disk
        raise stopped
    _summarise(net, data, seconds)
    say(
        f"saved     {printable(saved.path)}"
        + (f" (the earlier one is now {saved.earlier})" if saved.earlier else "")
    )
    if stopped:
        _report_interrupt(net, options)
        return INTERRUPTED
    if saved.faults:
        return 2
    say()
    say(f"next: nncore evaluate {_quoted(saved.path)} --data {_quoted(options.data)}")
    return 0


def _fill_in(options: argparse.Namespace) -> None:
    """Gives options that were left out their defaults."""
    defaults = {"epochs": 30, "batch_size": 10, "optimizer": "sgd", "l2": 0.0, "dropout": 0.0}
    for name, value in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, value)


def _network(options: argparse.Namespace) -> Network:
    """A new network, or the one in the checkpoint."""
    if options.checkpoint is None:
        if options.resume:
            raise ValueError("--resume needs --checkpoint FILE, the file to go on from")
        return _new_network(options)
    check_replaceable(options.checkpoint)
    if os.path.realpath(options.checkpoint) == os.path.realpath(options.output or DEFAULT_OUTPUT):
        raise ValueError("--checkpoint and --output must be two files")
    if not os.path.exists(options.checkpoint):
        return _new_network(options)
    if not options.resume:
        raise ValueError(
            f"{options.checkpoint}: this checkpoint is there already; go on from it with --resume, "
            "or remove it"
        )
    net = Network.resume(options.checkpoint)
    _check_resumed(net, options)
    return net


def _new_network(options: argparse.Namespace) -> Network:
    cost = options.cost or "quadratic"
    activation = options.activation or "sigmoid"
    output = options.output_activation or _core.output_activations(cost)[0]
    return Network(
        options.layers or [784, 30, 10],
        activation=activation,
        output_activation=output,
        cost=cost,
        initializer=options.initializer or ("normal" if activation == "sigmoid" else "auto"),
        dtype=options.dtype or "float32",
        seed=options.seed or 0,
    )


def _check_resumed(net: Network, options: argparse.Namespace) -> None:
    """Refuses options that contradict the checkpoint."""
    *hidden, output = net.activations
    there = {
        "layers": list(net.sizes),
        "activation": hidden[0] if hidden else options.activation,
        "output_activation": output,
        "cost": net.cost,
        "dtype": net.dtype.name,
        "seed": net.seed,
    }
    for name, value in there.items():
        requested = getattr(options, name)
        if requested is not None and requested != value:
            raise ValueError(
                f"{options.checkpoint}: expected a checkpoint of --{name.replace('_', '-')} "
                f"{_text(requested)}, found {_text(value)}"
            )
    if net.epoch > options.epochs:
        raise ValueError(
            f"{options.checkpoint}: already trained for {net.epoch} epochs; --epochs "
            f"{options.epochs} is fewer"
        )


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _describe(net: Network) -> None:
    hidden = f"{net.activations[0]}, " if len(net.sizes) > 2 else ""
    say(
        f"network   {layers_text(net.sizes)}: {hidden}{net.activations[-1]} outputs, "
        f"{net.cost} cost, {net.dtype}, seed {net.seed}"
    )


def _data(source: str) -> Dataset:
    say(f"data      {printable(source)}" + (", drawn on the spot" if source == "digits" else ""))
    data = load_data(source)
    counts = [f"{len(split.y):,}" for split in data]
    say("          {} training, {} validation and {} test images".format(*counts))
    return data


def _plan(options: argparse.Namespace) -> str:
    epochs = "1 epoch" if options.epochs == 1 else f"{options.epochs} epochs"
    plan = f"{epochs}, mini-batches of {options.batch_size}, {options.optimizer}"
    for name in ("l2", "dropout"):
        if value := getattr(options, name):
            plan += f", {name} {value:g}"
    return plan


def _fit(net: Network, data: Dataset, lines: EpochLines, options: argparse.Namespace) -> None:
    callbacks: list[Callback] = [lines, RunOptions(options)]
    if options.checkpoint:
        literal = options.checkpoint.replace("{", "{{").replace("}", "}}")
        callbacks.append(ModelCheckpoint(literal))
    net.fit(
        data.train.x,
        data.train.y,
        epochs=options.epochs,
        initial_epoch=net.epoch,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        optimizer=options.optimizer,
        l2=options.l2,
        dropout=options.dropout,
        validation_data=data.validation if len(data.validation.y) else None,
        callbacks=callbacks,
        progress=False,  # the lines have a bar of their own
    )


def _summarise(net: Network, data: Dataset, seconds: float) -> None:
    history = net.history
    say()
    say(f"time      {duration(seconds)}")
    if "validation_accuracy" in history:
        column = history["validation_accuracy"]
        best = max(range(len(column)), key=column.__getitem__)
        rows = len(data.validation.y)
        right = share(round(column[best] * rows), rows, "validation images")
        say(f"best      epoch {history.epochs[best] + 1}: {right}")
    x, y = data.test
    right = share(int((net.predict(x) == y).sum()), len(y), "test images")
    say(f"test      {right}, by the network as it is saved")


def _report_interrupt(net: Network, options: argparse.Namespace) -> None:
    message = f"interrupted after {net.epoch} of {options.epochs} epochs; what was learned is saved"
    if options.checkpoint:
        message += "; the same command with --resume goes on"
    print(f"nncore: {message}", file=sys.stderr)


def _quoted(path: str) -> str:
    return printable(shlex.quote(path))
