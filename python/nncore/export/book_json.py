"""The JSON in which the book's `network2` saves its networks."""

from __future__ import annotations

import os

from nncore.book import _json_file
from nncore.errors import ModelFileError
from nncore.export._exportable import Exportable, network_of
from nncore.network import Network

_COSTS = {"quadratic": "QuadraticCost", "cross_entropy": "CrossEntropyCost"}


def to_book_json(net: Exportable, path: str | os.PathLike[str]) -> None:
    """Writes a network as the book's `network2.load` reads it, whole or not at all.

    Numbers are written so that they read back as the same bits.

    Raises:
        ValueError: the network is not one of the book's: sigmoid layers, and the quadratic or
            cross_entropy cost; or a parameter is not finite.
        OSError: the file cannot be written, is write-protected or no regular file.
    """
    net = network_of(net)
    others = sorted(set(net.activations) - {"sigmoid"})
    if others:
        raise ValueError(f"the book's file knows sigmoid layers only; this network has {others}")
    if net.cost not in _COSTS:
        raise ValueError(f"the book's file knows the costs {list(_COSTS)}, not {net.cost!r}")
    net.check_finite()
    _json_file.write(path, net.weights, net.biases, _COSTS[net.cost])


def from_book_json(path: str | os.PathLike[str]) -> Network:
    """Reads what `to_book_json` or `network2` wrote, the book's own too, as a float64 network.

    Raises:
        ModelFileError: the file is not such a network; the message names it and the fault.
        OSError: the file cannot be read.
    """
    saved = _json_file.read(path)
    cost = {theirs: ours for ours, theirs in _COSTS.items()}.get(saved.cost)
    if cost is None:
        raise ModelFileError(
            f"{path}: its cost is {saved.cost!r}; expected one of {list(_COSTS.values())}"
        )
    try:
        return Network(
            saved.sizes,
            cost=cost,
            initializer=(saved.weights, [column.ravel() for column in saved.biases]),
            dtype="float64",
        )
    except (ValueError, TypeError, MemoryError) as error:
        raise ModelFileError(f"{path}: {error}") from error
