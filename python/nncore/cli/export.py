"""`nncore export`: a model as a file for other programs."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from .arguments import data, file, named

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nncore import Network

_SUFFIXES = {"onnx": (".onnx",), "c": (".h", ".c"), "npz": (".npz",), "json": (".json",)}
"""The suffixes of each format's files."""

_DESCRIPTION = """\
Write a model as a file for other programs:

  onnx   for onnxruntime and most other engines
  c      one C99 file with the weights and a function in it, which needs only
         the C library; with --int8 it takes a quarter of the memory
  npz    NumPy arrays
  json   the file of the book's network2, for networks of sigmoid layers
"""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser(
        "export",
        help="write a model as ONNX, C source, NumPy arrays or the book's JSON",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="a file that nncore has saved")
    parser.add_argument(
        "--output",
        type=file,
        required=True,
        metavar="FILE",
        help="the file to write; one of that name is replaced. C code begins all its names with "
        "the file's",
    )
    parser.add_argument(
        "--format",
        type=named("format", _SUFFIXES),
        metavar="NAME",
        help="onnx, c, npz or json (default: what the file's suffix says: .onnx, .h or .c, .npz, "
        ".json)",
    )
    parser.add_argument(
        "--int8",
        action="store_true",
        help="C code with weights and activations of eight bits; needs --calibrate",
    )
    parser.add_argument(
        "--calibrate",
        type=_calibrator,
        metavar="mnist|digits|DIR|FILE",
        help="rows that show how large activations become, and with labels what --int8 costs in "
        "accuracy: a data set as in nncore evaluate, whose training images calibrate and whose "
        "test images are measured; or a file, .npy with rows, or .npz with rows x and labels y",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    kind = _format(options)
    from nncore import Network, export
    from nncore._support.files import check_replaceable

    from .output import layers_text, printable
    from .own_data.data import KEY
    from .saving import refuse_to_replace

    refuse_to_replace("--output", options.output, options.model)
    check_replaceable(options.output)
    net = Network.load(options.model)
    *hidden, output = net.activations
    layers = ", ".join([*dict.fromkeys(hidden), f"{output} outputs"])
    print(f"network   {layers_text(net.sizes)}: {layers}, {net.dtype}")
    if options.int8:
        _write_int8(net, options)
    elif kind == "c":
        export.to_c(net, options.output)
    elif kind == "onnx":
        export.to_onnx(net, options.output)
    elif kind == "npz":
        export.to_npz(net, options.output)
    else:
        export.to_book_json(net, options.output)
    if KEY in net.metadata:
        print("note      it holds the network alone, whose inputs are your data as nncore train")
        print("          prepared them: nncore info shows the columns, scales and classes")
    size = os.path.getsize(options.output)
    print(f"saved     {printable(options.output)}, {size:,} bytes")
    if kind == "c":
        function = export.c_source.function_name(options.output)
        print(f"function  void {function}(const float *x, float *y)")
        if export.c_source.has_classes(net):
            predict = function.removesuffix("feedforward") + "predict"
            print(f"function  int {predict}(const float *x)")
    return 0


def _calibrator(text: str) -> str:
    """Parses a data set's name, or a directory or file that must be there."""
    try:
        return text if os.path.isfile(text) else data(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            "expected mnist, digits, a directory that holds MNIST's four files, or a file of "
            f"NumPy's, found {text!r}"
        ) from None


def _format(options: argparse.Namespace) -> str:
    """The format that is asked for, with a file and options that go with it."""
    suffix = os.path.splitext(options.output)[1]
    if options.format is None:
        meant = [name for name, suffixes in _SUFFIXES.items() if suffix in suffixes]
        if not meant:
            known = ", ".join(s for suffixes in _SUFFIXES.values() for s in suffixes)
            raise ValueError(f"{options.output}: expected a name that ends in one of {known}")
        options.format = meant[0]
    elif suffix not in _SUFFIXES[options.format]:
        expected = " or ".join(_SUFFIXES[options.format])
        raise ValueError(
            f"{options.output}: expected a name that ends in {expected} for --format "
            f"{options.format}"
        )
    if options.int8 and options.format != "c":
        raise ValueError(f"--int8 is for --format c, not for {options.format}")
    if options.int8 != (options.calibrate is not None):
        raise ValueError("--int8 and --calibrate go together; one of them is missing")
    name: str = options.format
    return name


def _write_int8(net: Network, options: argparse.Namespace) -> None:
    from nncore import export

    from .output import share

    rows, x, y, what = _calibration(options.calibrate)
    small = export.QuantizedNetwork(net, rows)
    export.to_c(net, options.output, dtype="int8", calibration=rows)
    print(f"rows      {len(rows):,} to calibrate with")
    if y is None:
        print("accuracy  not measured, as there are no labels")
        return
    before, after = net.evaluate(x, y).accuracy, small.evaluate(x, y).accuracy
    if before is None or after is None:
        print("accuracy  not measured, as the targets are no classes")
        return
    print(f"accuracy  {share(round(before * len(y)), len(y), what)}, in {net.dtype}")
    print(f"          {share(round(after * len(y)), len(y), what)}, in int8")
    print(f"lost      {100 * (before - after):.2f} points")


def _calibration(source: str) -> tuple[Any, Any, NDArray[Any] | None, str]:
    """Rows to calibrate with, rows and labels to measure on, and what these are called."""
    from zipfile import BadZipFile

    import numpy as np

    from nncore._support.files import open_file

    from .load import load_data

    if not os.path.isfile(source):
        train, _, test = load_data(source)
        return train.x, test.x, test.y, "test images"
    try:
        with open_file(source) as opened:
            content = np.load(opened, allow_pickle=False)
            if isinstance(content, np.ndarray):
                return content, None, None, ""
            x, y = content["x"], content.get("y")
    except KeyError:
        raise ValueError(f"{source}: expected an array x, found none") from None
    except (ValueError, EOFError, BadZipFile) as error:
        raise ValueError(f"{source}: expected a file of NumPy's, .npy or .npz: {error}") from None
    return x, x, y, "rows"
