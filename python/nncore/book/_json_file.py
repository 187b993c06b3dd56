"""The file in which `network2` keeps a network: JSON with sizes, weights, biases, cost."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from nncore._support.files import read_file, replace_file
from nncore.errors import ModelFileError

Array = NDArray[Any]


class Saved(NamedTuple):
    """What such a file holds, all arrays float64."""

    sizes: list[int]
    weights: list[Array]
    """(out, in) for each layer but the inputs."""
    biases: list[Array]
    """(out, 1), columns."""
    cost: str
    """The name of a cost class."""


def write(
    path: str | os.PathLike[str], weights: Iterable[Array], biases: Iterable[Array], cost: str
) -> None:
    """Writes the file, whole or not at all; biases may be (out,) or (out, 1)."""
    weights = list(weights)
    content = {
        "sizes": [weights[0].shape[1], *(len(w) for w in weights)],
        "weights": [w.tolist() for w in weights],
        "biases": [np.reshape(b, (-1, 1)).tolist() for b in biases],
        "cost": cost,
    }
    replace_file(path, json.dumps(content).encode())


def read(path: str | os.PathLike[str]) -> Saved:
    """Reads a file that `write` or the book's own program wrote.

    Raises:
        ModelFileError: the file is not such a network; the message names it and the fault.
        OSError: the file cannot be read.
    """
    stored = read_file(path)
    try:
        content = json.loads(stored, parse_constant=_refuse)
        weights, biases = ([np.array(p, float) for p in content[k]] for k in ("weights", "biases"))
        sizes, cost = content["sizes"], content["cost"]
        found = [weights[0].shape[-1], *(len(w) for w in weights)]
        if sizes != found:
            raise ValueError(f"its sizes are {sizes}, its weights are for {found}")
        shapes = [*zip(sizes[1:], sizes, strict=False)], [(size, 1) for size in sizes[1:]]
        if ([w.shape for w in weights], [b.shape for b in biases]) != shapes:
            raise ValueError(f"its arrays do not have the shapes that sizes {sizes} ask for")
        if not isinstance(cost, str):
            raise TypeError(f"its cost is {cost!r}; expected the name of a class")
    except KeyError as error:
        raise ModelFileError(f"{path}: expected an entry {error}, found none") from error
    except Exception as error:  # whatever JSON of another shape, depth or size leads to
        reason = str(error) or type(error).__name__
        raise ModelFileError(f"{path}: not a network saved by network2: {reason}") from error
    return Saved(found, weights, biases, cost)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"expected finite numbers, found {constant}")
