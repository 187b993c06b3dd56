"""`nncore predict`: which digits are in image files, and what a model says of users' own data."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from nncore._support.files import open_file

from .arguments import add_user_options, file
from .output import layers_text, print_error, printable, say

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
        "each digit. Where nothing like a digit is seen, the answer is 'no digit'. Without a MODEL "
        "the network that comes with nncore reads, and a line on standard error says so. A model "
        "of your own data answers a table's rows as CSV, and images by their classes.",
    )
    parser.intermixed = True
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        help="a file that nncore train has saved: its content is a model's, or its name ends in "
        f"{_SUFFIX}; for images of digits it may be left out",
    )
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


_SUFFIX = ".safetensors"


def run(options: argparse.Namespace) -> int:
    from .own_data.predict import predict_user_data, refuse_user_options

    _tell_model_from_images(options)
    if options.model is None:
        refuse_user_options(options)
    elif (code := predict_user_data(options)) is not None:
        return code
    from nncore.images import ImageError, load_digit_network, read_number

    from .load import load_model
    from .saving import refuse_to_replace

    if options.explain is not None and len(options.images) != 1:
        raise ValueError(f"--explain draws one image, found {len(options.images)}")
    refuse_to_replace("--explain", options.explain, options.model, *options.images)
    if options.model is None:
        net = load_digit_network()
        print(f"read by nncore's own network, {layers_text(net.sizes)}", file=sys.stderr)
    else:
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


def _tell_model_from_images(options: argparse.Namespace) -> None:
    """The first of several files is a model or an image already, and so may be a single one."""
    if options.model is not None and not _is_model(options.model):
        options.images.insert(0, options.model)
        options.model = None
    if options.model is None and len(options.images) == 1 and _is_model(options.images[0]):
        raise ValueError(f"{options.images[0]}: a model; expected what it is to predict behind it")


def _is_model(path: str) -> bool:
    if path.lower().endswith(_SUFFIX):
        return True
    try:
        with open_file(path) as stored:
            start = stored.read(9)
    except OSError:
        return False  # whoever reads it says what is wrong
    # The length of a header in JSON, then this. No picture and no table begins with such bytes.
    return len(start) == 9 and start[4:] == b"\0\0\0\0{"


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
