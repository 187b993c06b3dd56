"""A network as one C99 file, for microcontrollers and for programs that want no library."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import _core
from nncore._support.checks import file_path
from nncore._support.files import replace_file
from nncore._support.names import check_name
from nncore.export._c_text import (
    ACTIVATIONS,
    CPP_BEGIN,
    CPP_END,
    DENSE_FLOAT32,
    DENSE_INT8,
    FEEDFORWARD,
    HEAD,
    INT8_INPUTS,
    LARGEST,
    MULTIPLY_ADD,
    PREDICT,
    QUANTIZE,
    SOFTMAX,
    UNITWISE,
)
from nncore.export._exportable import Exportable, network_of
from nncore.export._outputs import check_outputs
from nncore.export.quantize import QuantizedNetwork, as_float32
from nncore.network import Network

Array = NDArray[Any]


def to_c(
    net: Exportable,
    path: str | os.PathLike[str],
    *,
    dtype: str = "float32",
    calibration: ArrayLike | None = None,
) -> None:
    """Writes a network as a C99 file that needs nothing but the C library, whole or not at all.

    `digits.h` holds the weights and `void digits_feedforward(const float *x, float *y)`, static
    and inline, for one source file to include. `digits.c` holds the same function for others to
    declare. C++ compiles both, and gives the functions C's names. Input and output are float32 in
    any case. The function allocates nothing and keeps nothing. Its stack is as large as the widest
    layers, and the file says how large.

    Where the outputs stand for classes there is `int digits_predict(const float *x)` besides. It
    returns the number of the class. Linear and exponential outputs stand for none.

    In int8 both functions exist twice: `digits_feedforward_int8(const int8_t *x, float *y)` and
    `digits_predict_int8(const int8_t *x)` take inputs that are integers already. These are x times
    `DIGITS_INPUT_LEVELS`, rounded and within +-127, as `QuantizedNetwork.quantized_inputs` gives
    them.

    Args:
        net: or a fitted estimator of `nncore.sklearn`.
        path: all names in the file begin with its name, without the suffix .h or .c.
        dtype: "float32" or "int8". In float32 the outputs are the network's to 1e-6 where both
            have fused multiply-adds (C code for x86-64 has them with -mfma), and to 1e-5 elsewhere.
            int8 takes a quarter of the size. `QuantizedNetwork` describes it, and measures what it
            costs in accuracy.
        calibration: for int8, rows like those that it will be asked, (n, sizes[0]).

    Raises:
        ValueError: the name has another suffix, calibration is missing or superfluous, or a
            parameter is not finite in float32.
        OSError: the file cannot be written, is write-protected or no regular file.
    """
    net = network_of(net)
    check_name("dtype", dtype, ["float32", "int8"])
    if (calibration is None) == (dtype == "int8"):
        raise ValueError("int8 needs calibration rows, and float32 takes none")
    file = Path(file_path(path))
    if file.suffix not in (".h", ".c"):
        raise ValueError(f"expected a name that ends in .h or .c, got {file.name!r}")
    net.check_finite()
    check_outputs(net)
    writer = _Writer(net, file)
    if calibration is None:
        text = writer.float32()
    else:
        text = writer.int8(QuantizedNetwork(net, calibration))
    replace_file(path, text.encode("ascii"))


def function_name(path: str | os.PathLike[str]) -> str:
    """The name of the function in that file that computes the outputs.

    >>> function_name("models/my digits-2.h")
    'my_digits_2_feedforward'
    """
    return f"{_prefix(Path(path))}_feedforward"


def _prefix(file: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9_]", "_", file.stem).lstrip("_") or "network"
    return f"net_{name}" if name[0].isdigit() else name


class _Function(NamedTuple):
    """A function of the file for its users: what it is declared as, and the lines of its body."""

    declaration: str
    body: list[str]


def has_classes(net: Network) -> bool:
    """Whether the outputs stand for classes, so that the file has a function that predicts one."""
    output = net.activations[-1]
    if output in ("sigmoid", "tanh", "step", "softmax"):
        return True
    return net.sizes[-1] > 1 and output not in ("linear", "exponential")


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
                self.weights(i, "float", _side_by_side(as_float32(w)), "four units side by side"),
                self.floats("biases", i, as_float32(b)),
            ]
        # Layers read from one buffer and write to the other. The last one writes to y.
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
        functions = [_Function(self.feedforward_declaration("float"), body)]
        helpers = [MULTIPLY_ADD, DENSE_FLOAT32]
        return self.file_text("float32", 4 * sum(widths.values()), arrays, helpers, functions)

    def int8(self, quantized: QuantizedNetwork) -> str:
        arrays = []
        for i, layer in enumerate(quantized.layers, start=1):
            arrays += [
                self.weights(i, "int8_t", layer.weights, "unit by unit"),
                self.floats("scales", i, layer.scales),
                self.floats("biases", i, layer.biases),
            ]
        hidden = max(self.net.sizes[1:-1], default=0)
        body = [f"int8_t q[{hidden}];", f"float a[{hidden}];", ""] if hidden else []
        for i, (inputs, units, activation) in enumerate(self.layers, start=1):
            target = "y" if i == len(self.layers) else "a"
            if i > 1:
                levels = _literal(quantized.layers[i - 1].levels)
                body.append(f"{self.name}_quantize(a, {inputs}, {levels}, q);")
            body += [
                f"{self.name}_dense({self.name}_weights_{i}, {self.name}_scales_{i}, "
                f"{self.name}_biases_{i},",
                f"    {inputs}, {units}, {'q' if i > 1 else 'x'}, {target});",
                *self.activate(activation, target, units),
            ]
        inputs, macro = self.net.sizes[0], self.name.upper()
        quantizing = [
            f"int8_t q[{inputs}];",
            "",
            f"{self.name}_quantize(x, {inputs}, {macro}_INPUT_LEVELS, q);",
            f"{self.name}_feedforward_int8(q, y);",
        ]
        functions = [
            _Function(self.feedforward_declaration("int8_t"), body),
            _Function(self.feedforward_declaration("float"), quantizing),
        ]
        arrays.insert(0, f"#define {macro}_INPUT_LEVELS {_literal(quantized.layers[0].levels)}")
        stack = inputs + 5 * hidden
        return self.file_text("int8", stack, arrays, [QUANTIZE, DENSE_INT8], functions)

    def feedforward_declaration(self, kind: str) -> str:
        return f"void {self.name}_feedforward{_ending(kind)}(const {kind} *x, float *y)"

    def prediction(self, kind: str) -> _Function:
        """The function that returns the class of inputs of that kind."""
        outputs = self.net.sizes[-1]
        if outputs > 1:
            answer = f"{self.name}_largest(y, {outputs})"
        else:
            answer = "y[0] > 0.0f" if self.net.activations[-1] == "tanh" else "y[0] > 0.5f"
        body = [
            f"float y[{outputs}];",
            "",
            f"{self.name}_feedforward{_ending(kind)}(x, y);",
            f"return {answer};",
        ]
        return _Function(f"int {self.name}_predict{_ending(kind)}(const {kind} *x)", body)

    def activate(self, activation: str, target: str, units: int) -> list[str]:
        if activation == "linear":
            return []
        return [f"{self.name}_{activation}({target}, {units});"]

    def weights(self, layer: int, kind: str, rows: Iterable[Array], order: str) -> str:
        inputs, units, _ = self.layers[layer - 1]
        title = f"/* Layer {layer}: {inputs} inputs, {units} units; weights, {order}. */"
        lines = ["\n".join(_wrapped(map(_literal, row))) for row in rows]
        name = f"{self.name}_weights_{layer}[{units} * {inputs}]"
        return f"{title}\nstatic const {kind} {name} = {{\n" + ",\n".join(lines) + "\n};"

    def floats(self, what: str, layer: int, values: Array) -> str:
        rows = "\n".join(_wrapped(map(_literal, values)))
        name = f"{self.name}_{what}_{layer}[{len(values)}]"
        return f"static const float {name} = {{\n{rows}\n}};"

    def file_text(
        self,
        dtype: str,
        stack: int,
        arrays: list[str],
        helpers: list[str],
        functions: list[_Function],
    ) -> str:
        """The whole file. `functions` are its users', which use the helpers and the arrays."""
        classes = has_classes(self.net)
        if classes:
            kinds = ["float"] if dtype == "float32" else ["int8_t", "float"]
            functions = functions + [self.prediction(kind) for kind in kinds]
            helpers = helpers + [LARGEST] * (self.net.sizes[-1] > 1)
            stack += 4 * self.net.sizes[-1]
        helpers = helpers + [self.activation(name) for name in self.used_activations()]
        inline = "static inline" if self.header else "static"
        macro = self.name.upper()
        replaced = [
            text.replace("NAME", self.name).replace("INLINE", inline).replace("MACRO", macro)
            for text in helpers
        ]
        parts = [self.head(dtype, stack, classes)]
        if self.header:
            parts.append(f"#ifndef {macro}_H\n#define {macro}_H")
        parts.append("#include <math.h>" + ("\n#include <stdint.h>" if dtype == "int8" else ""))
        parts.append(CPP_BEGIN)
        parts.append(
            f"#define {macro}_INPUTS {self.net.sizes[0]}\n"
            f"#define {macro}_OUTPUTS {self.net.sizes[-1]}"
        )
        if not self.header:
            parts.append("\n".join(f"{each.declaration};" for each in functions))
        parts += [*arrays, *replaced]
        parts += [self.definition(each, f"{inline} " * self.header) for each in functions]
        parts.append(CPP_END)
        if self.header:
            parts.append(f"#endif /* {macro}_H */")
        return "\n\n".join(part.strip("\n") for part in parts) + "\n"

    def definition(self, function: _Function, prefix: str) -> str:
        indented = "\n".join(f"    {line}" if line else "" for line in function.body)
        return f"{prefix}{function.declaration}\n{{\n{indented}\n}}"

    def used_activations(self) -> list[str]:
        return sorted(set(self.net.activations) - {"linear"})

    def activation(self, name: str) -> str:
        if name == "softmax":
            return SOFTMAX
        return UNITWISE.replace("ACTIVATION", name).replace("VALUE", ACTIVATIONS[name])

    def head(self, dtype: str, stack: int, classes: bool) -> str:
        table = "\n".join(
            f" *   {i:>5}  {inputs:>6}  {units:>6}  {activation}"
            for i, (inputs, units, activation) in enumerate(self.layers, start=1)
        )
        said = [FEEDFORWARD] + [PREDICT] * classes + [INT8_INPUTS] * (dtype == "int8")
        text = " ".join(said).format(name=self.name, macro=self.name.upper())
        replacements = {
            "TABLE": table,
            "FUNCTIONS": textwrap.indent(textwrap.fill(text, 96), " * "),
            "FILE": f"{self.name}{self.file.suffix}",
            "VERSION": _core.__version__,
            "DTYPE": dtype,
            "STACK": f"{stack:,}",
        }
        head = HEAD
        for key, value in replacements.items():
            head = head.replace(f"<{key}>", value)
        return head


def _ending(kind: str) -> str:
    """How the names of functions end that take inputs of that kind."""
    return "_int8" if kind == "int8_t" else ""


def _side_by_side(w: Array) -> list[Array]:
    """The weights (units, inputs) as the C code reads them: of four units at a time, then one."""
    whole = len(w) // 4 * 4
    return [*(w[i : i + 4].T.ravel() for i in range(0, whole, 4)), *w[whole:]]


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
