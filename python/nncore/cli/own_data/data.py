"""Users' own data: tables and folders of images, and what a model keeps of them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nncore import DataError, ModelFileError, Network
from nncore.cli.arguments import TABLES
from nncore.cli.output import printable

if TYPE_CHECKING:
    from nncore.data.image_folder import ImagePreparation
    from nncore.data.preparation import TablePreparation
    from nncore.data.table import Table

KEY = "preparation"
"""The entry of a model's metadata with what became of the data before the network saw them."""

MOST_NAMED = 8
"""Of longer lists only so many are printed."""


def is_user_data(source: str) -> bool:
    """Whether it is a table or a folder of images; a data set's name and its files are not."""
    path = os.path.expanduser(source)
    if os.path.isdir(path):
        from nncore.data.image_folder import has_class_folders

        idx = any("ubyte" in name for name in os.listdir(path))
        return not idx and has_class_folders(path)
    return source.lower().endswith(TABLES)


_OPTIONS: dict[str, Any] = {
    "target": None, "task": None, "categorical": [], "drop": [], "validation": None,
    "image_size": None, "skip_bad_rows": False, "no_header": False, "hidden": None,
    "quantiles": None,
}  # fmt: skip


def check_digits_options(options: argparse.Namespace) -> None:
    """Raises ValueError for an option that only makes sense with users' own data."""
    for name, default in _OPTIONS.items():
        if getattr(options, name) != default:
            raise ValueError(
                f"--{name.replace('_', '-')} is for your own data; --data is {options.data}"
            )


def preparation_of(net: Network, path: str) -> TablePreparation | ImagePreparation | None:
    """What a model's file says of the data that it was trained on; None where it says nothing.

    Raises:
        ModelFileError: that is damaged, does not go with the network, or is of a later version.
    """
    text = net.metadata.get(KEY)
    if text is None:
        return None
    from nncore.data.image_folder import ImagePreparation
    from nncore.data.preparation import TablePreparation

    kinds: dict[str, Any] = {"table": TablePreparation, "images": ImagePreparation}
    try:
        content = json.loads(text)
        if content["version"] != 1:
            raise ValueError(f"version {content['version']}; this nncore reads version 1")
        if content["kind"] not in kinds:
            raise ValueError(f"unknown kind of data {content['kind']!r}")
        found: TablePreparation | ImagePreparation = kinds[content["kind"]].from_json(content)
        layers = found.width, found.outputs * outputs_per_target(net.cost, net.cost_list)
        if layers != (net.sizes[0], net.sizes[-1]):
            raise ValueError(f"{layers} inputs and outputs for a network of {net.sizes}")
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ModelFileError(
            f"{path}: what it says of its data cannot be read: {error!r}"
        ) from error
    return found


def outputs_per_target(cost: str, quantiles: Sequence[float]) -> int:
    """Outputs that a network of that cost has for each number to predict."""
    return {"gaussian": 2, "pinball": max(len(quantiles), 1)}.get(cost, 1)


def read_whole_table(options: argparse.Namespace, source: str, target: str | None) -> Table:
    """All rows of a file; with --skip-bad-rows those that have too many cells are left out."""
    from nncore.data.read_table import read_table
    from nncore.data.table import joined

    skipped: list[str] = []
    tables = read_table(
        source,
        target=target,
        header=not options.no_header,
        on_bad_row=skipped.append if options.skip_bad_rows else None,
    )
    table = joined(tables)
    if skipped:
        warn(f"{len(skipped):,} bad rows left out; {skipped[0]}")
    if not len(table):
        raise DataError(f"{source}: expected rows, found none")
    return table


def warn(message: str) -> None:
    print(f"nncore: warning: {printable(message)}", file=sys.stderr)


def listed(names: list[str]) -> str:
    """The first of some names, and how many more there are."""
    shown = ", ".join(names[:MOST_NAMED])
    more = len(names) - MOST_NAMED
    return printable(shown + (f" and {more:,} more" if more > 0 else ""))
