"""`nncore tune`: searches for the settings that train the best network on users' own data."""

from __future__ import annotations

import argparse
from typing import Any

from .arguments import add_data, add_threads, file, whole
from .train import add_shared, add_user_data

DEFAULT_STORAGE = "nncore-tune.log"
_DESCRIPTION = """\
Search for the network that does best on your own data: its hidden layers, its
learning rate, and its penalties (l2, dropout). Each trial is what nncore train
does with such options, on the same rows, several trials at a time; a trial that
falls behind the others is pruned. The first one has the defaults.

  nncore tune --data houses.csv --target price --trials 50

The trials are kept in a file, from which the same command goes on, up to
--trials in all. It ends with a table of the best ones, and with the command
that trains the best. Ctrl-C ends the search early. Needs Optuna:
pip install 'nncore[tune]'.
"""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser(
        "tune",
        help="search for good settings of a network on your own data",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # What train can be told, and what is searched for or not for a search.
    parser.set_defaults(
        run=run, layers=None, hidden=None, learning_rate=None, l2=None, dropout=None, cost=None,
        quantiles=None, output_activation=None, initializer=None, output=None, checkpoint=None,
        resume=False, plot=None,
    )  # fmt: skip
    add_data(parser.add_argument_group("data"))
    add_user_data(parser.add_argument_group("your own data"))
    _search(parser.add_argument_group("search"))
    _fixed(parser.add_argument_group("what all trials share"))


def run(options: argparse.Namespace) -> int:
    from .tuning import tune  # imports what training needs

    return tune(options)


def _search(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--trials",
        type=whole(1),
        default=50,
        metavar="N",
        help="how many networks to try in all, those in --storage counted in (default: 50)",
    )
    group.add_argument(
        "--storage",
        type=file,
        default=DEFAULT_STORAGE,
        metavar="FILE",
        help=f"where the trials are kept (default: {DEFAULT_STORAGE})",
    )
    add_threads(group)


def _fixed(group: argparse._ArgumentGroup) -> None:
    add_shared(group, "epochs", "that of nncore train", "of each trial")
    add_shared(group, "batch_size", "that of nncore train")
    add_shared(group, "optimizer", "adam")
    add_shared(group, "activation", "relu")
    add_shared(group, "dtype", "float32")
    add_shared(group, "seed", "0", "fixes the first weights, every shuffle, and the search")
