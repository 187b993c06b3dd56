"""A network that `nncore train` trains, of digits or of users' own data, and where it is saved."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from typing import Any

from nncore import Network, _core
from nncore._support.figures import check_figure_file
from nncore._support.files import check_replaceable
from nncore.callbacks import Callback

from .output import DEFAULT_OUTPUT, layers_text, printable, say
from .saving import check_target, refuse_to_replace


class Job:
    """A network, the data to train it on, and what is said of them."""

    def __init__(self, options: argparse.Namespace, net: Network) -> None:
        self.options = options
        self.net = net

    x: Any
    """Rows to train on, with targets y."""
    y: Any
    validation: tuple[Any, Any] | None
    """Rows to measure each epoch on."""
    validation_rows: int | None
    """How many validation rows are classified; None for a regression."""
    callbacks: Sequence[Callback] = ()

    def finish(self) -> None:
        """Makes the network what is to be saved, once it is trained or was stopped."""

    def summarise(self) -> None:
        """Prints how good the network is that was saved."""
        raise NotImplementedError


def fill(options: argparse.Namespace, **defaults: Any) -> None:
    """Gives options that were left out these values."""
    for name, value in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, value)


def check_targets(options: argparse.Namespace, net: Network) -> None:
    """Raises the OSError that saving would raise, before anything is trained.

    Raises ValueError where the model would take the place of the data.
    """
    refuse_to_replace("--output", options.output, options.data)
    keep_earlier = options.output is None
    check_target(options.output or DEFAULT_OUTPUT, net, keep_earlier=keep_earlier)
    if options.plot:
        check_figure_file(options.plot)
    if options.checkpoint:
        slots = len(_core.Trainer(net, batch_size=1, optimizer=options.optimizer).slots)
        check_target(options.checkpoint, net, slots=slots)


def report_resumed(options: argparse.Namespace, net: Network, changes: list[str]) -> None:
    if not options.resume:
        return
    file = printable(options.checkpoint)
    if os.path.exists(options.checkpoint):
        say(f"resumed   from {file}, after {net.epoch} epochs")
        for change in changes:
            say(f"changed   {change}")
    else:
        say(f"resumed   no, for there is no {file} yet")


def starting_network(options: argparse.Namespace, new_network: Callable[[], Network]) -> Network:
    """A new network, or the one in the checkpoint."""
    if options.checkpoint is None:
        if options.resume:
            raise ValueError("--resume needs --checkpoint FILE, the file to go on from")
        return new_network()
    check_replaceable(options.checkpoint)
    if os.path.realpath(options.checkpoint) == os.path.realpath(options.output or DEFAULT_OUTPUT):
        raise ValueError("--checkpoint and --output must be two files")
    if not os.path.exists(options.checkpoint):
        return new_network()
    if not options.resume:
        raise ValueError(
            f"{options.checkpoint}: this checkpoint is there already; go on from it with --resume, "
            "or remove it"
        )
    net = Network.resume(options.checkpoint)
    _check_resumed(net, options)
    return net


def _check_resumed(net: Network, options: argparse.Namespace) -> None:
    """Refuses options that contradict the checkpoint."""
    *hidden, output = net.activations
    there = {
        "layers": list(net.sizes),
        "activation": hidden[0] if hidden else options.activation,
        "output_activation": output,
        "cost": net.cost,
        "quantiles": list(net.cost_list),
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


def describe(net: Network) -> None:
    hidden = f"{net.activations[0]}, " if len(net.sizes) > 2 else ""
    say(
        f"network   {layers_text(net.sizes)}: {hidden}{net.activations[-1]} outputs, "
        f"{net.cost} cost, {net.dtype}, seed {net.seed}"
    )
