"""What `nncore train` does, of digits and of users' own data alike."""

from __future__ import annotations

import argparse
import math
import shlex
import sys
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import nncore.training.fit  # noqa: F401 (a Ctrl-C that falls into an import may be lost)
from nncore import DivergenceError, History, ModelFileError, Network, _core, costs
from nncore.callbacks import Callback, ModelCheckpoint
from nncore.training.interrupts import defer_sigint

from .arguments import augmentation_of
from .epochs import EpochLines, duration
from .job import Job, check_targets, describe, fill, report_resumed, starting_network
from .load import load_data
from .output import (
    DEFAULT_OUTPUT,
    INTERRUPTED,
    print_error,
    printable,
    say,
    share,
    sparkline,
)
from .own_data.data import check_digits_options, is_user_data
from .ranks import entered_world, say_expectation
from .resuming import RunOptions, take_earlier
from .saving import rescue, save

if TYPE_CHECKING:
    from nncore.distributed import World


class DigitsJob(Job):
    """Images of digits, and a network of 784 inputs and 10 outputs."""

    def __init__(self, options: argparse.Namespace, changes: list[str]) -> None:
        check_digits_options(options)
        fill(options, epochs=30, batch_size=10, optimizer="sgd", l2=0.0, dropout=0.0)
        super().__init__(options, starting_network(options, lambda: _new_network(options)))
        check_targets(options, self.net)
        describe(self.net)
        report_resumed(options, self.net, changes)
        say(
            f"data      {printable(options.data)}"
            + (", drawn on the spot" if options.data == "digits" else "")
        )
        data = load_data(options.data)
        counts = [f"{len(split.y):,}" for split in data]
        say("          {} training, {} validation and {} test images".format(*counts))
        self.x, self.y = data.train
        self.test = data.test
        self.validation_rows = len(data.validation.y)
        self.validation = data.validation if self.validation_rows else None

    def summarise(self) -> None:
        history = self.net.history
        column = dict(history).get("validation_accuracy", [])
        # Epochs that a program trained without validation data have NaN there.
        measured = [i for i, accuracy in enumerate(column) if not math.isnan(accuracy)]
        if measured:
            best = max(measured, key=column.__getitem__)
            rows = self.validation_rows or 0
            right = share(round(column[best] * rows), rows, "validation images")
            say(f"best      epoch {history.epochs[best] + 1}: {right}")
        x, y = self.test
        right = share(int((self.net.predict(x) == y).sum()), len(y), "test images")
        say(f"test      {right}, by the network as it is saved")


def train(options: argparse.Namespace) -> int:
    with entered_world() as world:
        return _train(options, world)


def _train(options: argparse.Namespace, world: World | None) -> int:
    changes = take_earlier(options)
    if options.threads is not None:
        _core.set_num_threads(options.threads)
    job: Job
    if is_user_data(options.data):
        from .own_data.training import UserJob

        job = UserJob(options, changes)
    else:
        job = DigitsJob(options, changes)

    if world is not None:
        say_expectation(world, job)
    lines = EpochLines(options.epochs, job.validation_rows, _plan(options))
    stopped: BaseException | None = None
    saved: _Saved | None = None
    training = True
    started = perf_counter()
    try:
        # From here on Ctrl-C ends training and nothing else, until the model is saved.
        with defer_sigint(unless=lambda: training):
            try:
                with lines:
                    _fit(job, lines, world)
                training = False
            except DivergenceError as error:
                raise ArithmeticError(
                    f"training left the finite numbers in epoch {error.epoch + 1}; no model was "
                    "saved; a smaller --learning-rate may help"
                ) from error
            except (KeyboardInterrupt, Exception) as reason:
                training = False
                if not lines.begun and (world is None or world.rank == 0):
                    raise
                stopped = reason
            seconds = perf_counter() - started
            if world is not None and world.rank > 0:
                return INTERRUPTED if isinstance(stopped, KeyboardInterrupt) else bool(stopped)
            saved = _save(job, with_checkpoint=stopped is not None)
    except KeyboardInterrupt as reason:
        if saved is None:
            raise
        stopped = stopped or reason
    try:
        return _report(job, seconds, saved, stopped)
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


def _save(job: Job, *, with_checkpoint: bool) -> _Saved:
    net, options = job.net, job.options
    path, earlier = options.output or DEFAULT_OUTPUT, None
    faults: list[Exception] = []
    if with_checkpoint and options.checkpoint:
        # First, for training goes on from the last epoch, which may not be the one to keep.
        try:
            net.save_checkpoint(options.checkpoint)
        except ModelFileError as error:
            faults.append(error)
    job.finish()
    try:
        earlier = save(net, path, keep_earlier=options.output is None)
    except (ModelFileError, OSError) as error:
        path = rescue(net, path, error)
        faults.insert(0, error)
    return _Saved(path, earlier, faults)


def _report(job: Job, seconds: float, saved: _Saved, stopped: BaseException | None) -> int:
    """Prints how it ended; returns the exit code."""
    options = job.options
    for fault in saved.faults:
        print_error(fault)
    if saved.path != (options.output or DEFAULT_OUTPUT):
        print(f"nncore: the model is saved in {printable(saved.path)} instead", file=sys.stderr)
    if isinstance(stopped, Exception):  # such as a reader that left, or a checkpoint's full disk
        raise stopped
    say()
    say(f"time      {duration(seconds)}")
    _draw_curve(job.net.history)
    job.summarise()
    say(
        f"saved     {printable(saved.path)}"
        + (f" (the earlier one is now {saved.earlier})" if saved.earlier else "")
    )
    if options.plot:
        from .plots import save_training  # matplotlib takes its time

        save_training(job.net.history, options.plot)
        say(f"plot      {printable(options.plot)}")
    if stopped:
        _report_interrupt(job)
        return INTERRUPTED
    if saved.faults:
        return 2
    say()
    say(f"next: nncore evaluate {_quoted(saved.path)} --data {_quoted(options.data)}")
    return 0


def _new_network(options: argparse.Namespace) -> Network:
    cost = options.cost or "quadratic"
    activation = options.activation or "sigmoid"
    output = options.output_activation or costs.usual_output(cost)
    return Network(
        options.layers or [784, 30, 10],
        activation=activation,
        output_activation=output,
        cost=cost,
        initializer=options.initializer or ("normal" if activation == "sigmoid" else "auto"),
        dtype=options.dtype or "float32",
        seed=options.seed or 0,
    )


def _plan(options: argparse.Namespace) -> str:
    epochs = "1 epoch" if options.epochs == 1 else f"{options.epochs} epochs"
    plan = f"{epochs}, mini-batches of {options.batch_size}, {options.optimizer}"
    if augmentation_of(options.augment):
        plan += ", distorted digits"
    for name in ("l2", "dropout"):
        if value := getattr(options, name):
            plan += f", {name} {value:g}"
    return plan


def _fit(job: Job, lines: EpochLines, world: World | None) -> None:
    net, options = job.net, job.options
    callbacks: list[Callback] = [lines, RunOptions(options), *job.callbacks]
    if options.checkpoint:
        literal = options.checkpoint.replace("{", "{{").replace("}", "}}")
        callbacks.append(ModelCheckpoint(literal))
    net.fit(
        job.x,
        job.y,
        epochs=options.epochs,
        initial_epoch=net.epoch,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        optimizer=options.optimizer,
        l2=options.l2,
        dropout=options.dropout,
        augment=augmentation_of(options.augment),
        validation_data=job.validation,
        callbacks=callbacks,
        lanes=options.lanes,
        world=world,
        progress=False,  # the lines have a bar of their own
    )


def _draw_curve(history: History) -> None:
    """On a terminal, how the run went at a glance."""
    for column in ("validation_accuracy", "validation_cost", "cost"):
        if column in history and sys.stdout.isatty():
            if curve := sparkline(history[column]):
                say(f"curve     {curve} {column.replace('_', ' ')}")
            return


def _report_interrupt(job: Job) -> None:
    net, options = job.net, job.options
    message = f"interrupted after {net.epoch} of {options.epochs} epochs; what was learned is saved"
    if options.checkpoint:
        message += "; the same command with --resume goes on"
    print(f"nncore: {message}", file=sys.stderr)


def _quoted(path: str) -> str:
    return printable(shlex.quote(path))
