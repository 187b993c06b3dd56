"""`nncore predict`: which digits are in image files, and what a model says of users' own data."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .arguments import add_user_options, file
from .output import print_error, printable, say

if TYPE_CHECKING:
    from nncore.images import Reading


def add(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser(
        "predict",
        help="read the digits in image files, or predict from your own data",
        description="Read the handwritten number in each image file: one digit or a row of them, "
        "which may touch. An image may be of any size and kind, light ink on dark or dark ink on "
        "light; a sheet on a desk, shade, frames and ruled lines are taken away. After a single "
        "digit come the network's output for it and the runner-up's; after a row, the output for "
        "each digit. Where nothing like a digit is seen, the answer is 'no digit'. A model of "
        "your own data answers a table's rows as CSV, and images by their classes.",
    )
    parser.add_argument("model", metavar="MODEL", help="a file that nncore train has saved")
    parser.add_argument(
        "images",
        metavar="IMAGE",
        nargs="+",
        help="a PNG, JPEG or other image; for a model of your own table, a table with its columns, "
        "or - for CSV from standard input",
    )
    parser.add_argument(
        "--explain",
        type=file,
        metavar="FILE",
        help="draw how the image was cut and what each piece scored, as a picture (needs a single "
        "IMAGE and matplotlib)",
    )
    add_user_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from .own_data.predict import predict_user_data

    if (code := predict_user_data(options)) is not None:
        return code
    from nncore.images import ImageError, read_number

    from .load import load_model
    from .saving import refuse_to_replace

    if options.explain is not None and len(options.images) != 1:
        raise ValueError(f"--explain draws one image, found {len(options.images)}")
    refuse_to_replace("--explain", options.explain, options.model, *options.images)
    net = load_model(options.model)
    probabilities = net.activations[-1] == "softmax"
    names = [printable(path) for path in options.images]
    width = max(map(len, names))
    code = 0
    for name, path in zip(names, options.images, strict=True):
        try:
            reading = read_number(path, net)
        except (ImageError, OSError) as error:
            print_error(error)
            code = 2
        else:
            say(f"{name:<{width}}  {_verdict(reading, probabilities)}")
            if options.explain is not None:
                reading.save_picture(options.explain)
    return code


def _verdict(reading: Reading, probabilities: bool) -> str:
    if not reading:
        return "no digit"
    style = ".1%" if probabilities else ".3f"
    if len(reading) > 1:
        each = ", ".join(f"{piece.confidence:{style}}" for piece in reading.digits)
        return f"{reading}  ({each})"
    outputs = reading.digits[0].outputs
    first, second = outputs.argsort(kind="stable")[::-1][:2]
    return f"{first}  ({outputs[first]:{style}}, then {second} with {outputs[second]:{style}})"
