"""`nncore train`: trains a network on images of digits, and saves it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from nncore import _core

from .arguments import (
    DEFAULT_AUGMENTATION,
    add_data,
    add_no_header,
    add_threads,
    augmentation,
    file,
    hidden_layers,
    image_size,
    layers,
    named,
    quantiles,
    real,
    whole,
)
from .output import DEFAULT_OUTPUT

_DESCRIPTION = """\
Train a network to read digits, or on your own data, and save it. Without
options this is the first network of Nielsen's book: 784-30-10 sigmoid neurons
and the quadratic cost, trained on MNIST for 30 epochs in mini-batches of 10 at
learning rate 3. Ctrl-C ends training early and saves what was learned; the exit
code then is 130.

Your own data is a table or a folder of images:

  nncore train --data houses.csv --target price
  nncore train --data flowers/       (flowers/daisy/1.png, flowers/rose/7.jpg, ...)

Numbers are scaled, categories become one input each, and cells that are missing
are marked. What training has learned of them is kept in the model, for nncore
predict. Some rows are held out to measure each epoch, and the best one is kept.

mpiexec -n 4 nncore train ... trains on four processes, of one machine or many,
to the same bits as on one (pip install 'nncore[mpi]'). It first prints what that
is expected to gain.
"""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser(
        "train",
        help="train a network and save it",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    add_data(parser.add_argument_group("data"))
    add_user_data(parser.add_argument_group("your own data"))
    _network(parser.add_argument_group("network"))
    _training(parser.add_argument_group("training"))
    _files(parser.add_argument_group("files"))


def run(options: argparse.Namespace) -> int:
    from .training import train  # imports what training needs

    return train(options)


def add_user_data(group: argparse._ArgumentGroup) -> None:
    """Adds what `train` and `tune` are told of tables and folders of images."""
    group.add_argument(
        "--target",
        metavar="COLUMN",
        help="the column to be predicted (of an .npz file: the array; default there: y)",
    )
    group.add_argument(
        "--task",
        type=named("task", ["classification", "regression"]),
        metavar="NAME",
        help="classification or regression (default: classification of text and of whole numbers "
        "of few kinds)",
    )
    group.add_argument(
        "--categorical",
        action="append",
        default=[],
        metavar="COLUMN",
        help="takes numbers in this column for categories; may be given again",
    )
    group.add_argument(
        "--drop",
        action="append",
        default=[],
        metavar="COLUMN",
        help="leaves this column out; may be given again",
    )
    group.add_argument(
        "--validation",
        type=real(below=1),
        metavar="FRACTION",
        help="how much is held out, to find the best epoch; with 0 the last one is kept "
        "(default: 0.2)",
    )
    group.add_argument(
        "--image-size",
        type=image_size,
        metavar="N|HxW",
        help="pixels that images are brought to (default: their own, if all are of one size up to "
        "64 pixels; else 32)",
    )
    group.add_argument(
        "--skip-bad-rows",
        action="store_true",
        help="leaves out rows that cannot be read; without it they are an error",
    )
    add_no_header(group)


_TRAINABLE = [name for name in _core.ACTIVATIONS if _core.is_trainable(name)]
_HIDDEN = [name for name in _TRAINABLE if name != "softmax"]
_SHARED: dict[str, tuple[Callable[[str], Any], str, str]] = {
    "activation": (
        named("activation", _HIDDEN), "NAME", f"of the hidden layers: {', '.join(_HIDDEN)}"
    ),
    "dtype": (named("dtype", ["float32", "float64"]), "NAME", "float32 or float64"),
    "seed": (whole(0), "N", "fixes the first weights and every shuffle"),
    "epochs": (whole(1), "N", "how often to go through the training rows"),
    "batch_size": (whole(1), "N", "rows in a mini-batch"),
    "optimizer": (named("optimizer", _core.OPTIMIZERS), "NAME", ", ".join(_core.OPTIMIZERS)),
}  # fmt: skip
"""Options of `train` that `tune` has, too: what they take, what that is called, what they are."""


def add_shared(
    group: argparse._ArgumentGroup, name: str, default: str, words: str | None = None
) -> None:
    """Adds one of the options that `train` and `tune` share; `words` are in place of its own.

    It has no default, only says it: resuming a run must know which options were given.
    """
    kind, metavar, own = _SHARED[name]
    group.add_argument(
        "--" + name.replace("_", "-"),
        type=kind,
        metavar=metavar,
        help=f"{words or own} (default: {default})",
    )


def _network(group: argparse._ArgumentGroup) -> None:
    # No defaults here, as in add_shared.
    initializers = ["auto", *_core.INITIALIZERS]
    group.add_argument(
        "--layers",
        type=layers,
        metavar="N,N,...",
        help="their sizes: 784 pixels first, 10 digits last (default: 784,30,10)",
    )
    group.add_argument(
        "--hidden",
        type=hidden_layers,
        metavar="N,N,...",
        help="of your own data in place of --layers: the sizes of the hidden layers, 0 for none "
        "(default: 64,32)",
    )
    add_shared(group, "activation", "sigmoid; of your own data relu")
    group.add_argument(
        "--output-activation",
        type=named("activation", _TRAINABLE),
        metavar="NAME",
        help="of the last layer: one of those, or softmax (default: what goes with the cost)",
    )
    group.add_argument(
        "--cost",
        type=named("cost", _core.COSTS),
        metavar="NAME",
        help=f"what training minimises: {', '.join(_core.COSTS)} (default: quadratic; of your own "
        "classes log_likelihood)",
    )
    group.add_argument(
        "--quantiles",
        type=quantiles,
        metavar="Q,Q,...",
        help="of numbers in a table, what --cost pinball predicts: each in a column of its own, "
        "never one below a lower one, as 0.1,0.5,0.9 (default: 0.5, the median)",
    )
    group.add_argument(
        "--initializer",
        type=named("initializer", initializers),
        metavar="NAME",
        help=f"where the weights start from: {', '.join(initializers)} (default: normal, as in "
        "the book, with sigmoid layers; auto with others)",
    )
    add_shared(group, "dtype", "float32")
    add_shared(group, "seed", "0")


def _training(group: argparse._ArgumentGroup) -> None:
    add_shared(group, "epochs", "30; more of your own where they are few")
    add_shared(group, "batch_size", "10; of your own 32 where they are many")
    group.add_argument(
        "--learning-rate",
        type=real(above=0),
        metavar="RATE",
        help="the book's eta (default: 3 with sigmoid outputs, the quadratic cost and sgd; else "
        "what suits the optimiser)",
    )
    add_shared(group, "optimizer", "sgd; of your own data adam")
    group.add_argument(
        "--l2",
        type=real(),
        metavar="LAMBDA",
        help="how much large weights cost: the book's lambda (default: 0)",
    )
    group.add_argument(
        "--augment",
        type=augmentation,
        nargs="?",
        const=DEFAULT_AUGMENTATION,
        metavar="NAME=N,...",
        help="distort the digits, anew in each epoch; what can be said, and what --augment alone "
        f"stands for: {DEFAULT_AUGMENTATION}; none for not at all (default: none)",
    )
    group.add_argument(
        "--dropout",
        type=real(below=1),
        metavar="P",
        help="the probability that a hidden neuron is dropped in a mini-batch (default: 0)",
    )
    group.add_argument(
        "--lanes",
        type=whole(1, _core.MAX_LANES),
        metavar="N",
        help="into how many parts each mini-batch is cut, which threads and mpiexec's processes "
        "share; bits depend on it (default: with mpiexec 8, else by the sizes of the layers and of "
        "mini-batches)",
    )
    add_threads(group)


def _files(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--output",
        type=file,
        metavar="FILE",
        help="where to save the network; a file of that name is replaced (default: "
        f"{DEFAULT_OUTPUT}, where an earlier one is kept under another name). Where that fails in "
        "the end, the network is saved elsewhere, as the message says, and the exit code is 2",
    )
    group.add_argument(
        "--checkpoint",
        type=file,
        metavar="FILE",
        help="save here, after every epoch, all that it takes to go on",
    )
    group.add_argument(
        "--plot",
        type=file,
        metavar="FILE",
        help="draw the epochs' costs and accuracies, as PNG, SVG or PDF (needs matplotlib)",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="go on from the --checkpoint file, if it is there, up to --epochs in all; options "
        "that are left out are as before",
    )
