"""The C files that nncore writes, compiled with all warnings, and run."""

from __future__ import annotations

import ctypes
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nncore
from export_networks import ACTIVATIONS, error, network, rows
from nncore import _core
from nncore.datasets import Dataset
from nncore.export import QuantizedNetwork, to_c
from nncore.export.c_source import function_name

STRICT = "-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion -Werror"
Predict = Callable[[Any], Any]


def compiler(name: str) -> str:
    return shutil.which(name) or pytest.skip(f"needs {name}")


FUSED = ["-mfma"] if platform.machine() == "x86_64" else []
"""What lets the compiler fuse, as nncore does."""


def compiled(net: nncore.Network, path: Path, *flags: str, **options: Any) -> ctypes.CDLL:
    """The file that `to_c` writes, as a library."""
    to_c(net, path, **options)
    library = path.with_suffix(".so")
    command = [compiler("cc"), *STRICT.split(), "-O2", *flags, "-shared", "-fPIC", "-o", library]
    subprocess.run([*command, path, "-lm"], check=True)
    return ctypes.CDLL(str(library))


def feedforward_of(library: ctypes.CDLL, name: str, units: int, kind: Any = np.float32) -> Predict:
    """A library's function, applied to many rows of that kind."""
    function, arrays = library[name], {"ndim": 1, "flags": "C"}
    function.restype = None
    function.argtypes = [
        np.ctypeslib.ndpointer(kind, **arrays), np.ctypeslib.ndpointer(np.float32, **arrays)
    ]  # fmt: skip

    def feedforward(x: Any) -> Any:
        y = np.empty((len(x), units), np.float32)
        for row, outputs in zip(np.ascontiguousarray(x, kind), y, strict=True):
            function(row, outputs)
        return y

    return feedforward


def predict_of(library: ctypes.CDLL, name: str, kind: Any = np.float32) -> Predict:
    function = library[name]
    function.restype = ctypes.c_int
    function.argtypes = [np.ctypeslib.ndpointer(kind, ndim=1, flags="C")]
    return lambda x: np.array([function(row) for row in np.ascontiguousarray(x, kind)])


def compiled_function(net: nncore.Network, path: Path, *flags: str, **options: Any) -> Predict:
    """The compiled function of the file that `to_c` writes, applied to many rows."""
    library = compiled(net, path, *flags, **options)
    return feedforward_of(library, function_name(path), net.sizes[-1])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_c_function_agrees_with_the_network(activation: str, tmp_path: Path) -> None:
    net = network(activation)
    x = rows(net)
    y = net.feedforward(x)
    assert error(compiled_function(net, tmp_path / "a.c")(x), y) <= 2e-6
    assert error(compiled_function(net, tmp_path / "fused.c", *FUSED)(x), y) <= 1e-6
    small = QuantizedNetwork(net, x)
    predict = compiled_function(net, tmp_path / "b.c", dtype="int8", calibration=x)
    assert error(predict(x), small.feedforward(x)) <= 1e-5
    assert error(predict(4 * x), small.feedforward(4 * x)) <= 1e-5  # beyond the calibration


@pytest.mark.parametrize("sizes", [(3, 2), (1, 1), (300, 7, 2, 5, 1), (600, 2), (5, 4, 8, 9)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_sizes_and_dtypes(sizes: Any, dtype: str, tmp_path: Path) -> None:
    net = network("tanh", dtype, sizes)
    x = rows(net)
    tolerance = 1e-6 if dtype == "float32" else 5e-6  # the network was rounded to float32
    y = net.feedforward(x)
    assert error(compiled_function(net, tmp_path / "a.c", *FUSED)(x), y) <= tolerance
    assert error(compiled_function(net, tmp_path / "plain.c")(x), y) <= 10 * tolerance
    small = QuantizedNetwork(net, x)
    predict = compiled_function(net, tmp_path / "b.c", dtype="int8", calibration=x)
    assert error(predict(x), small.feedforward(x)) <= 1e-5


def test_products_are_fused_where_that_is_no_call(tmp_path: Path) -> None:
    """A call of fmaf for each product takes seven times as long."""
    to_c(network("relu"), tmp_path / "a.c")
    command = [compiler("cc"), "-O2", "-S", "-o", "-", tmp_path / "a.c"]
    plain = subprocess.check_output(command, text=True)
    assert "fmaf" not in plain
    if FUSED:
        assert "vfmadd" in subprocess.check_output([*command, *FUSED], text=True)
        assert "vfmadd" not in plain


@pytest.mark.parametrize(
    ("output", "units"),
    [("sigmoid", 1), ("tanh", 1), ("step", 1), ("sigmoid", 3), ("softmax", 4), ("relu", 2)],
)
@pytest.mark.filterwarnings("ignore:predict gives the index")
def test_classes_are_predicted(output: str, units: int, tmp_path: Path) -> None:
    net = network(output, sizes=(6, 5, units))
    net.biases = [np.zeros_like(b) for b in net.biases]
    x = rows(net, 100)
    wanted = net.predict(x)
    assert len(set(wanted)) > 1
    predict = predict_of(compiled(net, tmp_path / "a.c"), "a_predict")
    np.testing.assert_array_equal(predict(x), wanted)
    library = compiled(net, tmp_path / "b.c", dtype="int8", calibration=x)
    small = QuantizedNetwork(net, x)
    y = small.feedforward(x)
    threshold = 0.0 if output == "tanh" else 0.5
    wanted = y[:, 0] > threshold if units == 1 else y.argmax(axis=1)
    np.testing.assert_array_equal(predict_of(library, "b_predict")(x), wanted)
    q = small.quantized_inputs(x)
    np.testing.assert_array_equal(predict_of(library, "b_predict_int8", np.int8)(q), wanted)


@pytest.mark.parametrize("output", ["linear", "exponential"])
def test_values_are_no_classes(output: str, tmp_path: Path) -> None:
    to_c(network(output), tmp_path / "a.h")
    assert "predict" not in (tmp_path / "a.h").read_text()


def test_inputs_of_eight_bits(tmp_path: Path) -> None:
    net = network("tanh", sizes=(9, 7, 3))
    x = rows(net)
    small = QuantizedNetwork(net, x)
    q = small.quantized_inputs(4 * x)  # beyond the calibration
    assert (q.dtype, q.min(), q.max()) == (np.int8, -127, 127)
    library = compiled(net, tmp_path / "a.c", dtype="int8", calibration=x)
    feedforward = feedforward_of(library, "a_feedforward_int8", 3, np.int8)
    assert error(feedforward(q), small.feedforward(4 * x)) <= 1e-5
    levels = re.search(r"#define A_INPUT_LEVELS (.*)f\n", (tmp_path / "a.c").read_text())
    assert levels is not None
    ours = np.rint((4 * x * np.float32(levels[1])).clip(-127, 127))
    np.testing.assert_array_equal(q, ours)


def test_cpp_programs_call_what_c_compiled_and_the_other_way_round(tmp_path: Path) -> None:
    to_c(network("relu"), tmp_path / "net.c")
    declared = "void net_feedforward(const float *x, float *y); int net_predict(const float *x);"
    main = (
        "int main() { float x[6] = {0}, y[3]; net_feedforward(x, y); return net_predict(x) > 2; }"
    )
    (tmp_path / "main.c").write_text(declared + main.replace("main()", "main(void)"))
    (tmp_path / "main.cpp").write_text(f'extern "C" {{ {declared} }} {main}')
    strict = ["-Wall", "-Wextra", "-Werror"]
    run: dict[str, Any] = {"cwd": tmp_path, "check": True}
    for language, program in (("c", "main.cpp"), ("c++", "main.c")):
        of_net, of_main = (compiler("cc"), compiler("c++"))[:: 1 if language == "c" else -1]
        subprocess.run([of_net, *strict, "-x", language, "-c", "net.c", "-o", "net.o"], **run)
        subprocess.run([of_main, *strict, "-c", program, "-o", "main.o"], **run)
        subprocess.run([compiler("c++"), "main.o", "net.o", "-lm"], **run)
        subprocess.run(["./a.out"], **run)


def test_one_header_for_c_and_cpp(tmp_path: Path) -> None:
    net = network("relu")
    to_c(net, tmp_path / "float-net.h")
    to_c(net, tmp_path / "8bit.h", dtype="int8", calibration=rows(net))
    main = """
        #include "float-net.h"
        #include "8bit.h"
        #include "8bit.h"
        int main(void) {
            float x[FLOAT_NET_INPUTS] = {0.0f}, y[FLOAT_NET_OUTPUTS];
            float_net_feedforward(x, y);
            net_8bit_feedforward(x, y);
            return y[0] < 0.0f || float_net_predict(x) > 2 || net_8bit_predict(x) > 2;
        }"""
    (tmp_path / "unused.c").write_text('#include "float-net.h"\nint x;\n')
    (tmp_path / "main.c").write_text(main)
    files = ["main.c", "unused.c", "-lm"]
    run = {"cwd": tmp_path, "check": True}
    subprocess.run([compiler("cc"), *STRICT.split(), *files], **run)  # type: ignore[call-overload]
    subprocess.run(["./a.out"], **run)  # type: ignore[call-overload]
    (tmp_path / "main.cpp").write_text(main)
    subprocess.run([compiler("c++"), "-Wall", "-Wextra", "-Werror", "main.cpp"], **run)  # type: ignore[call-overload]


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_compiles_for_a_microcontroller(dtype: str, tmp_path: Path) -> None:
    gcc = compiler("arm-none-eabi-gcc")
    net = network("sigmoid", sizes=(784, 30, 10))
    calibration = rows(net) if dtype == "int8" else None
    to_c(net, tmp_path / "digits.c", dtype=dtype, calibration=calibration)
    command = [gcc, *STRICT.split(), "-Os", "-mcpu=cortex-m4", "-mthumb", "-c", "digits.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    printed = subprocess.check_output(["arm-none-eabi-size", tmp_path / "digits.o"], text=True)
    text, data, bss = map(int, printed.splitlines()[1].split()[:3])
    parameters = 30 * 785 + 10 * 31
    assert text < (4 * parameters + 1300 if dtype == "float32" else parameters + 1900)
    assert (data, bss) == (0, 0)


def test_on_mnist(mnist: Dataset, tmp_path: Path) -> None:
    net = nncore.Network([784, 30, 10], cost="cross_entropy", initializer="scaled", seed=1)
    net.fit(*mnist.train, epochs=2, learning_rate=0.5, progress=False)
    x, y = mnist.test
    outputs = net.feedforward(x)
    # Unlike the C code, the baseline instruction set rounds products before it adds them.
    tolerance = 1e-5 if _core.build_info()["instruction_set"] == "baseline" else 1e-6
    assert error(compiled_function(net, tmp_path / "a.c", *FUSED)(x), outputs) <= tolerance
    calibration = mnist.train.x[:500]
    predict = compiled_function(net, tmp_path / "b.c", dtype="int8", calibration=calibration)
    right = float((predict(x).argmax(axis=1) == y).mean())
    accuracy = net.evaluate(x, y).accuracy
    assert accuracy is not None
    assert right > accuracy - 0.003
    small = QuantizedNetwork(net, calibration).evaluate(x, y)
    assert right == pytest.approx(small.accuracy, abs=2e-4)
    assert small.cost == pytest.approx(net.evaluate(x, y).cost, rel=0.05)


def test_the_function_name_is_derived_from_the_file_name(tmp_path: Path) -> None:
    names = {"digits.h": "digits", "7 Ätna.c": "net_7__tna", "__x.h": "x", "é.h": "network"}
    assert {file: function_name(file) for file in names} == {
        file: f"{name}_feedforward" for file, name in names.items()
    }
    for file in names:
        to_c(network("relu"), tmp_path / file)
        (tmp_path / file).read_bytes().decode("ascii")


def test_refused_networks_write_no_file(tmp_path: Path) -> None:
    net = network("relu", "float64")
    for name in ("digits", "digits.onnx", "digits.cpp"):
        with pytest.raises(ValueError, match=r"ends in \.h or \.c"):
            to_c(net, tmp_path / name)
    path = tmp_path / "a.h"
    with pytest.raises(ValueError, match="did you mean 'int8'"):
        to_c(net, path, dtype="int88")
    with pytest.raises(ValueError, match="calibration"):
        to_c(net, path, dtype="int8")
    with pytest.raises(ValueError, match="calibration"):
        to_c(net, path, calibration=rows(net))
    with pytest.raises(ValueError, match="no rows"):
        to_c(net, path, dtype="int8", calibration=np.zeros((0, 6)))
    with pytest.raises(ValueError, match=r"\b5\b"):
        to_c(net, path, dtype="int8", calibration=np.zeros((3, 5)))
    with pytest.raises(ValueError, match="NaN"):
        to_c(net, path, dtype="int8", calibration=np.full((3, 6), np.nan))
    net.weights[0][0, 0] = 1e300
    with pytest.raises(ValueError, match="too large for float32"):
        to_c(net, path)
    with pytest.raises(ValueError, match="too large for float32"):
        to_c(net, path, dtype="int8", calibration=np.zeros((3, 6)))
    net.weights[0][0, 0] = np.inf
    with pytest.raises(ValueError, match="NaN or infinity"):
        to_c(net, path)
    wide = network("relu", sizes=(140_000, 1))
    with pytest.raises(ValueError, match="at most 133,144 inputs"):
        to_c(wide, path, dtype="int8", calibration=np.zeros((1, 140_000)))
    assert list(tmp_path.iterdir()) == []


def test_all_zero_layers_can_be_quantized(tmp_path: Path) -> None:
    net = nncore.Network([3, 2, 2], activation="relu", initializer="zeros")
    net.biases[-1] = [0.5, -1.0]
    small = QuantizedNetwork(net, np.zeros((2, 3)))
    np.testing.assert_array_equal(
        small.feedforward(np.ones((4, 3))), net.feedforward(np.ones((4, 3)))
    )
