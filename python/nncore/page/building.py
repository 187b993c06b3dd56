"""The page joined into one file."""

from __future__ import annotations

import base64
import gzip
import json
import re
import tempfile
from collections.abc import Mapping
from copy import deepcopy
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nncore.network import Network

from .carried import CarriedDigits
from .core_files import core_files

LIMIT = 700_000
"""The bytes of a page, at most."""

MANY, FEW = 1_500, 500
"""How many digits a page carries: with fewer than `MANY` the network is rounded, which makes room;
with fewer than `FEW` it is no page."""

PIXELS, CLASSES = 784, 10

HERE = Path(__file__).parent

IMPORT = re.compile(r'^(?:import|export) [^;]*?from "\./([\w.]+)";', re.MULTILINE)


class PageError(ValueError):
    """A page that cannot be made."""


class Page(NamedTuple):
    """A page, and what it carries."""

    html: bytes
    digits: int
    """How many digits there was room for."""
    rounded: bool
    """Whether the network's parameters were rounded to half precision, to make room."""


def build_page(network: Network, digits: CarriedDigits) -> Page:
    """A page for a network of 784 inputs and 10 outputs, at most `LIMIT` bytes.

    It carries as many of `digits`, to train on, as there is room for. A network that leaves room
    for few is rounded to half precision.

    Raises:
        PageError: the network has other inputs or outputs, is of float64, has a cost of its own, or
            is too large even when rounded.
        FileNotFoundError: the package was built without its WebAssembly.
    """
    _check(network)
    parts = {
        "nncore.wasm": core_files()["nncore.wasm"].read_bytes(),
        "likeness": (HERE.parent / "images" / "digit_likeness.safetensors").read_bytes(),
        "modules": json.dumps(ordered_modules(), ensure_ascii=False).encode(),
    }
    packed = {name: _packed(data) for name, data in parts.items()}
    for rounded in (False, True):
        packed["model"] = _packed(_file(_halved(network) if rounded else network))
        facts: dict[str, Any] = {"about": _about(network), "digits": 0, "source": digits.source}
        room = LIMIT - len(_join(packed, facts))
        count = digits.fitting(room * 3 // 4)
        while count >= FEW and (rounded or count >= min(MANY, len(digits.y))):
            held = {**packed, "digits": _packed(digits.packed(count))}
            html = _join(held, {**facts, "digits": count})
            if len(html) <= LIMIT:
                return Page(html, count, rounded)
            count -= 50
    size = sum(p.size for p in (*network.weights, *network.biases))
    raise PageError(
        f"expected a network that fits into a page of {LIMIT:,} bytes, found one of {size:,} "
        "parameters; about 150,000 fit"
    )


def ordered_modules() -> list[tuple[str, str]]:
    """Names and sources of the page's modules, each behind those that it imports."""
    sources = {name: file.read_text("utf-8") for name, file in _module_files().items()}
    imports = {name: set(IMPORT.findall(source)) for name, source in sources.items()}
    return [(name, sources[name]) for name in TopologicalSorter(imports).static_order()]


def _module_files() -> Mapping[str, Path]:
    found = {file.name: file for file in (HERE / "app").iterdir()}
    found |= core_files()
    return {name: found[name] for name in sorted(found) if name.endswith(".js")}


def _check(network: Network) -> None:
    sizes = "-".join(map(str, network.sizes))
    if (network.sizes[0], network.sizes[-1]) != (PIXELS, CLASSES):
        raise PageError(
            f"expected a network of {PIXELS} inputs and {CLASSES} outputs, found {sizes}"
        )
    if network.dtype != "float32":
        raise PageError(f"expected a network of float32, found one of {network.dtype}")
    if network.cost == "custom":
        raise PageError("expected a network with a cost of nncore's, found one with its own")


def _about(network: Network) -> str:
    """What the page says of its network."""
    parameters = sum(p.size for p in (*network.weights, *network.biases))
    sizes = "\N{EN DASH}".join(map(str, network.sizes))
    return (
        f"{sizes} units, {', '.join(network.activations)}: {parameters:,} numbers that it learnt. "
        "All of it runs here, on your device."
    )


def _halved(network: Network) -> Network:
    """A copy whose parameters half precision can hold: a third of their bits are zero then."""
    rounded = deepcopy(network)
    for parameters in (*rounded.weights, *rounded.biases):
        with np.errstate(over="ignore"):
            half = parameters.astype(np.float16).astype(np.float32)
        parameters[:] = np.where(np.isfinite(half), half, parameters)
    return rounded


def _file(network: Network) -> bytes:
    """The network as its file has it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        network.save(path)
        return path.read_bytes()


def _join(packed: Mapping[str, str], facts: Mapping[str, Any]) -> bytes:
    page = _text("page.html")
    parts = {
        "/*style*/": _text("page.css"),
        "<!--panels-->": _text("panels.html"),
        "<!--about-->": facts["about"],
        "/*carried*/": json.dumps({**packed, "facts": facts}).replace("<", "\\u003c"),
        "/*loader*/": _text("loader.js"),
    }
    for place, text in parts.items():
        page = page.replace(place, text)
    return page.encode()


def _packed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def _text(name: str) -> str:
    return (HERE / name).read_text("utf-8")
