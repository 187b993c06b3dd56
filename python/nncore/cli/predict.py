"""`nncore predict`: which digits are in image files, and what a model says of users' own data."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .arguments import add_user_options
from .output import print_error, printable, say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def add(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser(
        "predict",
        help="read the digits in image files, or predict from your own data",
        description="Read the digit in each image file. An image may be of any size and kind, "
        "light ink on dark or dark ink on light, and should hold one digit; it is cut out, "
        "scaled and centred as MNIST's digits are. After the digit come the network's output for "
        "it and the runner-up's. A model of your own data answers a table's rows as CSV, and "
        "images by their classes.",
    )
    parser.add_argument("model", metavar="MODEL", help="a file that nncore train has saved")
    parser.add_argument(
        "images",
        metavar="IMAGE",
        nargs="+",
        help="a PNG, JPEG or other image; for a model of your own table, a table with its columns, "
        "or - for CSV from standard input",
    )
    add_user_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from .user_predict import predict_user_data

    if (code := predict_user_data(options)) is not None:
        return code
    from .images import ImageError, read_digit
    from .load import load_model

    net = load_model(options.model)
    probabilities = net.activations[-1] == "softmax"
    names = [printable(path) for path in options.images]
    width = max(map(len, names))
    code = 0
    for name, path in zip(names, options.images, strict=True):
        try:
            outputs = net.feedforward(read_digit(path))
        except (ImageError, OSError) as error:
            print_error(error)
            code = 2
        else:
            say(f"{name:<{width}}  {_verdict(outputs, probabilities)}")
    return code


def _verdict(outputs: NDArray[np.floating[Any]], probabilities: bool) -> str:
    first, second = outputs.argsort(kind="stable")[::-1][:2]
    style = ".1%" if probabilities else ".3f"
    return f"{first}  ({outputs[first]:{style}}, then {second} with {outputs[second]:{style}})"
