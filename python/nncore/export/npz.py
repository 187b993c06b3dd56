"""NumPy's .npz: the arrays under their names, for programs that know NumPy and nothing else."""

from __future__ import annotations

import io
import os
import re
import zipfile
from typing import Any

import numpy as np

from nncore import _core, costs
from nncore._support.checks import file_path, integer
from nncore._support.files import read_file, replace_file
from nncore.errors import ModelFileError
from nncore.export._exportable import Exportable, network_of
from nncore.network import Network

_NAMES = re.compile(
    r"(weights|biases)_\d+|activations|cost|cost_hyperparameters|cost_list|seed|epoch"
)
_MOST_EXPANDED, _MOST_EXPANSION = 256 << 20, 100
"""The bytes that arrays may always take, and how many times the file's size, if that is more."""


def to_npz(net: Exportable, path: str | os.PathLike[str]) -> None:
    """Writes a network as NumPy arrays; the file is written whole or not at all.

    `weights_1` (units, inputs) and `biases_1` (units,) belong to the first layer after the
    inputs, and so on, in the network's dtype; `activations` (layers,) and `cost` are strings,
    `seed` and `epoch` integers. Numbers of the cost that are not its usual ones are in
    `cost_hyperparameters` and `cost_list`; a cost of one's own is "custom". numpy.load reads the
    file without pickle.

    Raises:
        ValueError: a parameter is not finite.
        OSError: the file cannot be written, is write-protected or no regular file.
    """
    net = network_of(net)
    net.check_finite()
    arrays = {"activations": np.array(net.activations), "cost": np.array(net.cost)}
    if net.cost_hyperparameters != _core.COST_HYPERPARAMETERS.get(net.cost, {}):
        arrays["cost_hyperparameters"] = np.array(list(net.cost_hyperparameters.values()))
    if net.cost_list:
        arrays["cost_list"] = np.array(net.cost_list)
    arrays |= {"seed": np.array(net.seed, np.uint64), "epoch": np.array(net.epoch, np.uint64)}
    for i, (w, b) in enumerate(zip(net.weights, net.biases, strict=True), start=1):
        arrays |= {f"weights_{i}": w, f"biases_{i}": b}
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    replace_file(path, file.getvalue())


def from_npz(path: str | os.PathLike[str], cost: costs.CostFunction | None = None) -> Network:
    """Reads what `to_npz` wrote: the same bits, cost, seed and epoch.

    `cost` is the cost of one's own that the network had, which the file does not hold; without it
    such a network predicts, but neither trains nor measures.

    A file of another program may lack `seed` and `epoch`, and may hold other arrays besides.

    Raises:
        ModelFileError: the file is damaged or lacks an array; the message names it and the fault.
        OSError: the file cannot be read.
    """
    name = file_path(path)
    stored = read_file(name)
    try:
        _check_expansion(stored)
        with np.load(io.BytesIO(stored), allow_pickle=False) as file:
            arrays = {each: file[each] for each in file.files if _NAMES.fullmatch(each)}
            net = _network(arrays)
    except KeyError as error:
        raise ModelFileError(f"{name}: expected an array {error}, found none") from error
    except Exception as error:  # zipfile and NumPy raise all kinds, of damaged files
        reason = str(error) or type(error).__name__
        raise ModelFileError(f"{name}: not a network of arrays: {reason}") from error
    if cost is not None or net.cost == "custom":
        net.cost_function = cost
    return net


def _cost(arrays: dict[str, Any]) -> costs.AnyCost:
    name = str(arrays["cost"][()])  # not by NumPy's printing, which Ctrl-C upsets
    if name == "custom":
        return costs.missing
    return costs.named(name, arrays.get("cost_hyperparameters", ()), arrays.get("cost_list", ()))


def _check_expansion(stored: bytes) -> None:
    """Refuses a small file that would fill the memory. zipfile reads no more than it states."""
    with zipfile.ZipFile(io.BytesIO(stored)) as file:
        size = sum(member.file_size for member in file.infolist())
    if size > max(_MOST_EXPANDED, _MOST_EXPANSION * len(stored)):
        raise ValueError(f"its {len(stored):,} bytes would expand to {size:,}")


def _network(arrays: dict[str, Any]) -> Network:
    *hidden, output = map(str, arrays["activations"])
    layers = range(1, len(hidden) + 2)
    weights, biases = ([arrays[f"{kind}_{i}"] for i in layers] for kind in ("weights", "biases"))
    if any(w.ndim != 2 for w in weights):
        raise ValueError(f"expected weights (units, inputs), found {[w.shape for w in weights]}")
    net = Network(
        [weights[0].shape[1], *map(len, weights)],
        activation=hidden,
        output_activation=output,
        cost=_cost(arrays),
        initializer=(weights, biases),
        dtype=np.result_type(*weights, *biases),
        seed=int(arrays.get("seed", 0)),
    )
    net.epoch = integer("epoch", int(arrays.get("epoch", 0)), low=0, high=2**63 - 1)
    return net
