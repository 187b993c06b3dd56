"""`nncore evaluate` with a model of users' own data."""

from __future__ import annotations

import argparse
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore import DataError, Network, _core
from nncore.cli.output import (
    PROBABILITIES,
    confusion_rows,
    print_calibration,
    printable,
    share,
    table,
)

from .data import is_user_data, preparation_of, read_whole_table, warn

_MOST_CLASSES = 20
"""A confusion matrix of more classes fits on no terminal."""


def evaluate_user_data(options: argparse.Namespace) -> int | None:
    """Measures, and returns the exit code; None for a model of digits."""
    net = Network.load(options.model)
    preparation = preparation_of(net, options.model)
    if preparation is None:
        return None
    if not is_user_data(options.data):
        raise ValueError(
            f"{options.model}: a model of your own data; give it such data as --data FILE or DIR"
        )
    if options.threads is not None:
        _core.set_num_threads(options.threads)
    from nncore.cli.plots import save_classification, save_regression
    from nncore.data.preparation import NumberTarget, TablePreparation

    if isinstance(preparation, TablePreparation):
        x, y = _table_samples(preparation, options)
        target: Any = preparation.target
    else:
        x, y = _picture_samples(preparation, options.data)
        target = preparation
    chances = not isinstance(target, NumberTarget) and net.activations[-1] in PROBABILITIES
    evaluation = net.evaluate(x, y, calibration=chances)
    print(f"cost      {evaluation.cost:.5f}")
    if isinstance(target, NumberTarget):
        from .training import errors_of

        measured = errors_of(target, net, x, y)
        print(f"rows      {len(y):,}")
        print(f"mean absolute error  {measured['mean_absolute_error']:.6g}")
        if "r2" in measured:
            print(f"R2        {measured['r2']:.4f}")
        if options.plot:
            found = target.answers(net, net.feedforward(x))[target.name]
            save_regression(target.decoded(y), found, target.name, options.plot)
            print(f"plot      {printable(options.plot)}")
        return 0
    taken = net.feedforward(x).argmax(axis=1)
    print(f"accuracy  {share(int((taken == y).sum()), len(y), 'rows')}")
    print_calibration(evaluation)
    if len(target.classes) <= _MOST_CLASSES:
        counts = np.zeros((len(target.classes),) * 2, np.int64)
        np.add.at(counts, (y, taken), 1)
        print()
        print("Classes (rows) and what they were taken for (columns)")
        print()
        print(table(confusion_rows(counts, target.classes)))
    if options.plot:
        save_classification(net, x, y, target.classes, options.plot, images=False)
        print(f"\nplot      {printable(options.plot)}")
    return 0


def _table_samples(
    preparation: Any, options: argparse.Namespace
) -> tuple[NDArray[Any], NDArray[Any]]:
    from nncore.data.preparation import explain

    name = preparation.target.name
    options.skip_bad_rows = False
    rows = read_whole_table(options, options.data, name)
    if bad := preparation.bad_cells(rows, target=True):
        raise DataError(explain(rows, bad))
    x, unseen = preparation.inputs(rows)
    for text in preparation.unseen_texts(unseen):
        warn(text)
    return x, preparation.target.encoded(rows[name])


def _picture_samples(preparation: Any, source: str) -> tuple[NDArray[Any], NDArray[Any]]:
    from nncore.data.image_folder import find_pictures, read_pictures

    folder = os.path.expanduser(source)
    if not os.path.isdir(folder):
        raise ValueError(f"{source}: the model takes a folder of images, found a table")
    pictures = find_pictures(folder, preparation.classes)
    return preparation.scaled(read_pictures(preparation, pictures.paths)), pictures.labels
