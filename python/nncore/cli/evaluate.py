"""`nncore evaluate`: how well a model does on test images, and which digits it confuses."""

from __future__ import annotations

import argparse
from typing import Any

from nncore import _core

from .arguments import CLASSES, add_data, add_no_header, add_threads, file


def add(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="measure a model on test images",
        description="Measure a model on the test images of a data set: the accuracy, and a "
        "confusion matrix of what was taken for what.",
    )
    parser.add_argument("model", metavar="MODEL", help="a file that nncore train has saved")
    add_data(parser)
    add_no_header(parser)
    parser.add_argument(
        "--plot",
        type=file,
        metavar="FILE",
        help="draw the confusion matrix, how far probabilities are to be trusted, and misread "
        "digits, or of numbers what was predicted, as PNG, SVG or PDF (needs matplotlib and "
        "scikit-learn)",
    )
    add_threads(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from nncore._support.figures import check_figure_file

    from .own_data.evaluate import evaluate_user_data

    if options.plot:
        check_figure_file(options.plot)
    if (code := evaluate_user_data(options)) is not None:
        return code
    import numpy as np

    from .load import load_data, load_model
    from .output import (
        PROBABILITIES,
        confusion_rows,
        print_calibration,
        printable,
        share,
        table,
    )

    if options.threads is not None:
        _core.set_num_threads(options.threads)
    net = load_model(options.model)
    x, y = load_data(options.data).test
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    np.add.at(counts, (y, net.predict(x)), 1)
    right = int(counts.trace())
    measured = net.evaluate(x, y, calibration=net.activations[-1] in PROBABILITIES)
    print(f"cost      {measured.cost:.5f}")
    print(f"accuracy  {share(right, len(y), 'test images')}")
    print_calibration(measured)
    print()
    print("Digits (rows) and what they were taken for (columns)")
    print()
    names = list(map(str, range(CLASSES)))
    print(table(confusion_rows(counts, names)))
    if options.plot:
        from .plots import save_classification

        save_classification(net, x, y, names, options.plot, images=True)
        print(f"\nplot      {printable(options.plot)}")
    return 0
