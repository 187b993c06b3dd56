"""`nncore predict` with a model of users' own data."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from nncore import DataError, Network
from nncore._support.files import check_replaceable, replace_file
from nncore.cli.arguments import TABLES
from nncore.cli.output import print_error, printable, say
from nncore.cli.saving import refuse_to_replace

from .data import preparation_of, warn


def predict_user_data(options: argparse.Namespace) -> int | None:
    """Predicts, and returns the exit code; None for a model of digits."""
    net = Network.load(options.model)
    preparation = preparation_of(net, options.model)
    if preparation is None:
        refuse_user_options(options)
        return None
    if options.explain is not None:
        raise ValueError(f"{options.model}: --explain is for models of MNIST's digits")
    if options.output:
        if options.output.lower().endswith((".parquet", ".npz")):
            raise ValueError(f"{options.output}: expected a name for CSV or JSON")
        options.json = options.json or options.output.lower().endswith(".json")
        refuse_to_replace("--output", options.output, options.model, *options.images)
        check_replaceable(options.output)
    from nncore.data.preparation import TablePreparation

    if isinstance(preparation, TablePreparation):
        return _predict_table(net, preparation, options)
    return _predict_pictures(net, preparation, options)


def refuse_user_options(options: argparse.Namespace) -> None:
    """Raises ValueError for a table or an option that only a model of users' own data takes."""
    reader = "nncore's own model" if options.model is None else options.model
    tables = [path for path in options.images if path == "-" or path.lower().endswith(TABLES)]
    if tables:
        raise ValueError(
            f"{reader}: a model of digits, which takes images; found the table {tables[0]}"
        )
    for name in ("output", "json", "no_header"):
        if getattr(options, name):
            raise ValueError(
                f"--{name.replace('_', '-')} is for models of your own data; {reader} reads digits"
            )


def _predict_table(net: Network, preparation: Any, options: argparse.Namespace) -> int:
    from nncore.data.preparation import ClassTarget, explain
    from nncore.data.read_table import read_table

    if len(options.images) > 1:
        raise ValueError(f"expected one table, found {len(options.images)}")
    target = preparation.target
    classes = target.classes if isinstance(target, ClassTarget) else []
    unseen: Counter[str] = Counter()

    def answers() -> Iterator[_Answer]:
        only = {column.name for column in preparation.columns}
        source = options.images[0]
        for table in read_table(source, header=not options.no_header, only=only):
            for column in preparation.columns:
                table[column.name]  # must be there
            if bad := preparation.bad_cells(table, target=False):
                raise DataError(explain(table, bad))
            if not len(table):
                continue
            x, new = preparation.inputs(table)
            unseen.update(new)
            outputs = net.feedforward(x)
            if classes:
                for label, row in zip(outputs.argmax(axis=1), outputs, strict=True):
                    yield _Answer({target.name: classes[label]}, row)
            else:
                columns = target.answers(net, outputs)
                for values in zip(*(c.tolist() for c in columns.values()), strict=True):
                    yield _Answer(dict(zip(columns, values, strict=True)), None)

    names = [target.name]
    if not classes:
        names = list(target.answers(net, np.empty((0, net.sizes[-1]))))
    _write(answers(), names, classes, net, options)
    for text in preparation.unseen_texts(unseen):
        warn(text)
    return 0


def _predict_pictures(net: Network, preparation: Any, options: argparse.Namespace) -> int:
    classes, code = preparation.classes, 0
    plain = not (options.output or options.json)
    width = max(len(printable(path)) for path in options.images)

    def answers() -> Iterator[_Answer]:
        nonlocal code
        for path in options.images:
            if path == "-":
                raise ValueError("- is for tables; this model takes images")
            try:
                outputs = net.feedforward(preparation.scaled(preparation.pixels(path)))
            except (DataError, OSError) as error:
                print_error(error)
                code = 2
                continue
            yield _Answer({"file": path, "class": classes[outputs.argmax()]}, outputs)

    if not plain:
        _write(answers(), ["file", "class"], classes, net, options)
        return code
    style = ".1%" if net.activations[-1] == "softmax" else ".3f"
    for answer in answers():
        first, second = answer.outputs.argsort(kind="stable")[::-1][:2]
        say(
            f"{printable(answer.values['file']):<{width}}  {printable(classes[first])}  "
            f"({answer.outputs[first]:{style}}, then {printable(classes[second])} with "
            f"{answer.outputs[second]:{style}})"
        )
    return code


class _Answer:
    """What is said of one row: values by name, and the outputs of each class."""

    def __init__(self, values: dict[str, Any], outputs: NDArray[np.floating[Any]] | Any) -> None:
        self.values, self.outputs = values, outputs


def _write(
    answers: Iterator[_Answer],
    names: list[str],
    classes: list[str],
    net: Network,
    options: argparse.Namespace,
) -> None:
    """Writes the answers as CSV or JSON; to a file all of them or none."""
    what = "probability" if net.activations[-1] == "softmax" else "output"
    out: TextIO = io.StringIO(newline="") if options.output else sys.stdout
    if options.json:
        _write_json(answers, classes, {"probability": "probabilities"}.get(what, "outputs"), out)
    else:
        writer = csv.writer(out, lineterminator="\n")
        first = list(islice(answers, 1))  # nothing is written where the table cannot be read
        writer.writerow([*names, *(f"{what}_{name}" for name in classes)])
        for answer in chain(first, answers):
            row = [answer.values[name] for name in names]
            writer.writerow([*row, *(f"{v:.6g}" for v in _floats(answer))])
    if options.output:
        assert isinstance(out, io.StringIO)
        replace_file(options.output, out.getvalue().encode())


def _write_json(answers: Iterator[_Answer], classes: list[str], what: str, out: TextIO) -> None:
    before = "[\n"
    for answer in answers:
        line = dict(answer.values)
        if classes:
            line[what] = dict(
                zip(classes, (float(f"{v:.6g}") for v in _floats(answer)), strict=True)
            )
        out.write(before + json.dumps(line, ensure_ascii=False))
        before = ",\n"
    out.write("[]\n" if before == "[\n" else "\n]\n")


def _floats(answer: _Answer) -> list[float]:
    return [] if answer.outputs is None else answer.outputs.tolist()
