"""A network as one C99 file, for microcontrollers and for programs that want no library."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import _core
from nncore._support.checks import file_path
from nncore._support.files import replace_file
from nncore._support.names import check_name
from nncore.export._c_text import (
    ACTIVATIONS,
    DENSE_FLOAT32,
    DENSE_INT8,
    HEAD,
    QUANTIZE,
    SOFTMAX,
    UNITWISE,
)
from nncore.export.quantize import QuantizedNetwork, as_float32
from nncore.network import Network

Array = NDArray[Any]


def to_c(
    net: Network,
    path: str | os.PathLike[str],
    *,
    dtype: str = "float32",
    calibration: ArrayLike | None = None,
) -> None:
    """Writes a network as a C99 file that needs nothing but the C library, whole or not at all.

    `digits.h` holds the weights and `void digits_feedforward(const float *x, float *y)`, static
    and inline, for one source file to include; `digits.c` holds the same function for others to
    declare. Input and output are float32 in any case. The function allocates nothing and keeps
    nothing; its stack is as large as the widest layers, and the file says how large.

    Args:
        path: its name, without the suffix .h or .c, is what all names in the file begin with.
        dtype: "float32", whose outputs are the network's to 1e-6 (where nncore runs with fused
            multiply-adds, as on all but the baseline instruction set), or "int8", a quarter of the
            size: see `QuantizedNetwork`, which also measures what that costs in accuracy.
        calibration: for int8, rows like those that it will be asked, (n, sizes[0]).

    Raises:
        ValueError: the name has another suffix, calibration is missing or superfluous, or a
            parameter is not finite in float32.
        OSError: the file cannot be written, is write-protected or no regular file.
    """
    check_name("dtype", dtype, ["float32", "int8"])
    if (calibration is None) == (dtype == "int8"):
        raise ValueError("int8 needs calibration rows, and float32 takes none")
    file = Path(file_path(path))
    if file.suffix not in (".h", ".c"):
        raise ValueError(f"expected a name that ends in .h or .c, got {file.name!r}")
    net.check_finite()
    writer = _Writer(net, file)
    if calibration is None:
        text = writer.float32()
    else:
        text = writer.int8(QuantizedNetwork(net, calibration))
    replace_file(path, text.encode("ascii"))


def function_name(path: str | os.PathLike[str]) -> str:
    """What the function in that file is called.

    >>> function_name("models/my digits-2.h")
    'my_digits_2_feedforward'
    """
    return f"{_prefix(Path(path))}_feedforward"


def _prefix(file: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9_]", "_", file.stem).lstrip("_") or "network"
    return f"net_{name}" if name[0].isdigit() else name


class _Writer:
    def __init__(self, net: Network, file: Path) -> None:
        self.net = net
        self.file = file
        self.name = _prefix(file)
        self.header = file.suffix == ".h"
        self.layers = list(zip(net.sizes, net.sizes[1:], net.activations, strict=False))

    def float32(self) -> str:
        arrays = []
        for i, (w, b) in enumerate(zip(self.net.weights, self.net.biases, strict=True), start=1):
            arrays += [
                self.weights(i, "float", as_float32(w)),
                self.floats("biases", i, as_float32(b)),
            ]
        # Layers read from one buffer and write to the other; the last one writes to y.
        widths = {"a": max(self.net.sizes[1:-1:2], default=0)}
        widths["b"] = max(self.net.sizes[2:-1:2], default=0)
        body = [f"float {name}[{width}];" for name, width in widths.items() if width]
        body += [""] if body else []
        source = "x"
        for i, (inputs, units, activation) in enumerate(self.layers, start=1):
            target = "y" if i == len(self.layers) else "ab"[(i - 1) % 2]
            body.append(
                f"{self.name}_dense({self.name}_weights_{i}, {self.name}_biases_{i}, "
                f"{inputs}, {units}, {source}, {target});"
            )
            body += self.activate(activation, target, units)
            source = target
        return self.file_text("float32", 4 * sum(widths.values()), arrays, [DENSE_FLOAT32], body)

    def int8(self, quantized: QuantizedNetwork) -> str:
        arrays = []
        for i, layer in enumerate(quantized.layers, start=1):
            arrays += [
                self.weights(i, "int8_t", layer.weights),
                self.floats("scales", i, layer.scales),
                self.floats("biases", i, layer.biases),
            ]
        widest, hidden = max(self.net.sizes[:-1]), max(self.net.sizes[1:-1], default=0)
        body = [f"int8_t q[{widest}];"] + ([f"float a[{hidden}];"] if hidden else []) + [""]
        source = "x"
        for i, (inputs, units, activation) in enumerate(self.layers, start=1):
            target = "y" if i == len(self.layers) else "a"
            levels = _literal(quantized.layers[i - 1].levels)
            body += [
                f"{self.name}_quantize({source}, {inputs}, {levels}, q);",
                f"{self.name}_dense({self.name}_weights_{i}, {self.name}_scales_{i}, "
                f"{self.name}_biases_{i},",
                f"    {inputs}, {units}, q, {target});",
                *self.activate(activation, target, units),
            ]
            source = target
        helpers = [QUANTIZE, DENSE_INT8]
        return self.file_text("int8", widest + 4 * hidden, arrays, helpers, body)

    def activate(self, activation: str, target: str, units: int) -> list[str]:
        if activation == "linear":
            return []
        return [f"{self.name}_{activation}({target}, {units});"]

    def weights(self, layer: int, kind: str, w: Array) -> str:
        units, inputs = w.shape
        title = f"/* Layer {layer}: {inputs} inputs, {units} units; weights, unit by unit. */"
        rows = ["\n".join(_wrapped(map(_literal, row))) for row in w]
        name = f"{self.name}_weights_{layer}[{units} * {inputs}]"
        return f"{title}\nstatic const {kind} {name} = {{\n" + ",\n".join(rows) + "\n};"

    def floats(self, what: str, layer: int, values: Array) -> str:
        rows = "\n".join(_wrapped(map(_literal, values)))
        name = f"{self.name}_{what}_{layer}[{len(values)}]"
        return f"static const float {name} = {{\n{rows}\n}};"

    def file_text(
        self, dtype: str, stack: int, arrays: list[str], helpers: list[str], body: list[str]
    ) -> str:
        used = sorted(set(self.net.activations) - {"linear"})
        functions = [*helpers, *(self.activation(name) for name in used)]
        declaration = f"void {self.name}_feedforward(const float *x, float *y)"
        macro = self.name.upper()
        parts = [self.head(dtype, stack)]
        if self.header:
            parts.append(f"#ifndef {macro}_H\n#define {macro}_H")
        parts.append("#include <math.h>" + ("\n#include <stdint.h>" if dtype == "int8" else ""))
        parts.append(
            f"#define {macro}_INPUTS {self.net.sizes[0]}\n"
            f"#define {macro}_OUTPUTS {self.net.sizes[-1]}"
        )
        if not self.header:
            parts.append(f"{declaration};")
        parts += arrays
        inline = "static inline" if self.header else "static"
        parts += [f.replace("NAME", self.name).replace("INLINE", inline) for f in functions]
        if self.header:
            declaration = f"{inline} {declaration}"
        indented = "\n".join(f"    {line}" if line else "" for line in body)
        parts.append(f"{declaration}\n{{\n{indented}\n}}")
        if self.header:
            parts.append(f"#endif /* {macro}_H */")
        return "\n\n".join(part.strip("\n") for part in parts) + "\n"

    def activation(self, name: str) -> str:
        if name == "softmax":
            return SOFTMAX
        return UNITWISE.replace("ACTIVATION", name).replace("VALUE", ACTIVATIONS[name])

    def head(self, dtype: str, stack: int) -> str:
        table = "\n".join(
            f" *   {i:>5}  {inputs:>6}  {units:>6}  {activation}"
            for i, (inputs, units, activation) in enumerate(self.layers, start=1)
        )
        replacements = {
            "FILE": f"{self.name}{self.file.suffix}",
            "VERSION": _core.__version__,
            "DTYPE": dtype,
            "TABLE": table,
            "NAME": self.name,
            "MACRO": self.name.upper(),
            "STACK": f"{stack:,}",
        }
        text = HEAD
        for key, value in replacements.items():
            text = text.replace(f"<{key}>", value)
        return text


def _literal(value: Any) -> str:
    """A C constant that is read back as the same number."""
    if isinstance(value, np.integer):
        return str(value)
    text = f"{float(value):.9g}"
    return text + ("f" if "." in text or "e" in text else ".0f")


def _wrapped(literals: Iterable[str]) -> Iterator[str]:
    """Constants with commas between them, in lines of at most 96 characters."""
    line = "   "
    words = list(literals)
    for i, word in enumerate(words):
        item = f" {word}," if i < len(words) - 1 else f" {word}"
        if len(line) + len(item) > 96:
            yield line
            line = "   "
        line += item
    yield line
