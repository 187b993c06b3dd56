"""The C API through ctypes, and models that pass between it and Python.

The compiled module carries the C functions, so every installation of the package has them.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int32, c_size_t, c_uint64
from ctypes import c_void_p as pointer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nncore
from nncore import _core

CALLBACK = ctypes.CFUNCTYPE(c_int, pointer)
FILE_ERROR = 3
DTYPES = {"float32": 0, "float64": 1}


class Inputs(ctypes.Structure):
    _fields_ = (
        ("dtype", c_int32), ("rows", c_size_t), ("cols", c_size_t), ("data", pointer),
        ("stride", c_size_t), ("values", pointer), ("columns", pointer), ("offsets", pointer),
        ("nonzeros", c_size_t), ("scale", c_double), ("offset", c_double),
    )  # fmt: skip


class Samples(ctypes.Structure):
    _fields_ = (
        ("x", Inputs), ("labels", pointer), ("targets", pointer), ("target_rows", c_size_t),
        ("target_cols", c_size_t), ("target_stride", c_size_t), ("weights", pointer),
        ("weight_count", c_size_t),
    )  # fmt: skip


class Hyperparameter(ctypes.Structure):
    _fields_ = (("name", c_char_p), ("value", c_double))


class TrainOptions(ctypes.Structure):
    _fields_ = (
        ("batch_size", c_size_t), ("optimizer", c_char_p),
        ("hyperparameters", POINTER(Hyperparameter)), ("hyperparameter_count", c_size_t),
        ("l2", c_double), ("l1", c_double), ("max_norm", c_double), ("clip_value", c_double),
        ("clip_norm", c_double), ("dropout", POINTER(c_double)), ("dropout_count", c_size_t),
        ("rates", POINTER(c_double)), ("rate_count", c_size_t), ("lanes", c_size_t),
    )  # fmt: skip


class EpochOptions(ctypes.Structure):
    _fields_ = (
        ("learning_rate", c_double), ("keep_order", c_int), ("threads", c_int),
        ("should_stop", CALLBACK), ("context", pointer), ("collective", pointer),
    )  # fmt: skip


class Architecture(ctypes.Structure):
    _fields_ = (
        ("sizes", POINTER(c_size_t)), ("layers", c_size_t), ("activations", POINTER(c_char_p)),
        ("cost", c_char_p), ("initializer", c_char_p), ("dtype", c_int32), ("seed", c_uint64),
        ("cost_hyperparameters", POINTER(Hyperparameter)), ("cost_hyperparameter_count", c_size_t),
        ("cost_list", POINTER(c_double)), ("cost_list_count", c_size_t),
    )  # fmt: skip


@pytest.fixture(scope="module")
def c() -> ctypes.CDLL:
    library = ctypes.CDLL(_core.__file__)
    for name in ("last_error", "version", "instruction_set", "name"):
        getattr(library, f"nncore_{name}").restype = c_char_p
    library.nncore_name.argtypes = [c_int32, c_size_t]
    library.nncore_network_load_bytes.argtypes = [c_char_p, c_size_t, pointer]
    library.nncore_network_feedforward.argtypes = [pointer, pointer, pointer, c_size_t]
    library.nncore_network_get_weights.argtypes = [pointer, c_size_t, c_int32, pointer, c_size_t]
    return library


def ok(c: ctypes.CDLL, function: str, *arguments: Any) -> None:
    assert getattr(c, f"nncore_{function}")(*arguments) == 0, c.nncore_last_error().decode()


def inputs(x: Any) -> Inputs:
    """Views of dense rows or of a scipy CSR matrix, which the caller must keep alive."""
    if isinstance(x, np.ndarray):
        stride = x.strides[0] // x.itemsize
        return Inputs(DTYPES[x.dtype.name], *x.shape, x.ctypes.data, stride)
    arrays = (x.data, x.indices, x.indptr)
    assert [a.dtype for a in arrays[1:]] == ["int32", "int64"]
    addresses = [a.ctypes.data for a in arrays]
    return Inputs(DTYPES[x.dtype.name], *x.shape, None, 0, *addresses, x.data.size)


def with_labels(x: Any, y: np.ndarray) -> Samples:
    return Samples(x=inputs(x), labels=y.ctypes.data, target_rows=y.size)


def feedforward(c: ctypes.CDLL, network: pointer, x: Any, outputs: int) -> np.ndarray:
    out = np.empty((x.shape[0], outputs), x.dtype)
    ok(c, "network_feedforward", network, byref(inputs(x)), out.ctypes.data, out.size)
    return out


def load(c: ctypes.CDLL, path: Path) -> pointer:
    network = pointer()
    ok(c, "network_load", str(path).encode(), byref(network))
    return network


RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)) * (RNG.random((60, 5)) < 0.7)
Y = (X @ RNG.normal(size=(5, 3))).argmax(axis=1).astype(np.int64)


def test_version_threads_and_names(c: ctypes.CDLL) -> None:
    info = _core.build_info()
    assert c.nncore_version().decode() == nncore.__version__
    assert c.nncore_instruction_set().decode() == info["instruction_set"]
    assert c.nncore_threads() == info["threads"]
    tables = (tuple(_core.OPTIMIZERS), tuple(_core.SCHEDULES))
    kinds = (_core.ACTIVATIONS, (*_core.COSTS, "custom"), _core.INITIALIZERS, *tables)
    for kind, names in enumerate(kinds):
        found = [c.nncore_name(kind, i) for i in range(len(names) + 1)]
        assert found == [*(name.encode() for name in names), None]


def test_every_function_of_the_header_is_exported(c: ctypes.CDLL) -> None:
    header = Path(__file__).parents[2] / "cpp/include/nncore/nncore.h"
    lines = [line for line in header.read_text().splitlines() if line.startswith("NNCORE_API")]
    calls = [line.partition("(")[0].split()[-1].lstrip("*") for line in lines]
    assert len(calls) > 20
    for name in calls:
        assert hasattr(c, name), name


@pytest.mark.parametrize("dtype", DTYPES)
def test_c_predicts_the_same_bits_from_a_model_saved_by_python(
    c: ctypes.CDLL, dtype: str, tmp_path: Path
) -> None:
    net = nncore.Network([5, 8, 3], activation="tanh", seed=3, dtype=dtype)
    net.fit(X, Y, 2)
    net.save(tmp_path / "model")
    network = load(c, tmp_path / "model")
    wide = np.zeros((60, 9), dtype)
    wide[:, :5] = X
    for x in (X.astype(dtype), wide[:, :5], X.astype(dtype)[:1]):
        assert feedforward(c, network, x, 3).tobytes() == net.feedforward(x).tobytes()
    w = np.empty((8, 5), dtype)
    ok(c, "network_get_weights", network, 0, DTYPES[dtype], w.ctypes.data, w.size)
    assert w.tobytes() == np.ascontiguousarray(net.weights[0]).tobytes()
    ok(c, "network_free", network)


@pytest.mark.parametrize("dtype", DTYPES)
def test_training_from_c_and_python_gives_the_same_file(
    c: ctypes.CDLL, dtype: str, tmp_path: Path
) -> None:
    """Each creates the same network and trains it on sparse rows. The files are equal."""
    sparse = pytest.importorskip("scipy.sparse")
    net = nncore.Network([5, 8, 3], activation="relu", seed=9, dtype=dtype)
    net.fit(X, Y, 3, batch_size=7, learning_rate=0.5, l2=0.1, dropout=0.2)
    net.save(tmp_path / "python")

    architecture = Architecture(
        (c_size_t * 3)(5, 8, 3), 3, (c_char_p * 2)(b"relu", b"sigmoid"), b"quadratic", None,
        DTYPES[dtype], 9,
    )  # fmt: skip
    x = sparse.csr_matrix(X.astype(dtype))
    x.indptr = x.indptr.astype(np.int64)
    samples = with_labels(x, Y)
    options = TrainOptions(7, l2=0.1, dropout=(c_double * 2)(0.0, 0.2), dropout_count=2)
    network, dataset, trainer, cost = pointer(), pointer(), pointer(), c_double()
    ok(c, "network_create", byref(architecture), byref(network))
    ok(c, "dataset_create", network, byref(samples), byref(dataset))
    ok(c, "trainer_create", network, byref(options), byref(trainer))
    for epoch in range(3):
        ok(c, "trainer_epoch", trainer, dataset, byref(EpochOptions(0.5)), byref(cost))
        assert cost.value == pytest.approx(net.history["cost"][epoch], rel=1e-6)
    ok(c, "network_save", network, str(tmp_path / "c").encode())
    for kind, handle in (("trainer", trainer), ("dataset", dataset), ("network", network)):
        ok(c, f"{kind}_free", handle)
    loaded = nncore.Network.load(tmp_path / "c")
    np.testing.assert_allclose(loaded.weights[0], net.weights[0], rtol=1e-5, atol=1e-6)
    dense = nncore.Network([5, 8, 3], activation="relu", seed=9, dtype=dtype)
    dense.fit(x, Y, 3, batch_size=7, learning_rate=0.5, l2=0.1, dropout=0.2)
    dense.save(tmp_path / "python")
    assert (tmp_path / "c").read_bytes() == (tmp_path / "python").read_bytes()


@pytest.mark.parametrize("optimizer", _core.OPTIMIZERS)
def test_checkpoints_pass_between_python_and_c_with_the_same_bits(
    c: ctypes.CDLL, optimizer: str, tmp_path: Path
) -> None:
    """Python, C (which stops within an epoch), C again, Python: as if Python had trained alone."""
    x = X.astype("float32")
    fit: dict[str, Any] = {"batch_size": 7, "learning_rate": 0.05, "dropout": 0.2, "l1": 0.01}
    whole, net = (nncore.Network([5, 8, 3], activation="tanh", seed=3) for _ in range(2))
    whole.fit(x, Y, 5, optimizer=optimizer, **fit)
    net.fit(x, Y, 2, optimizer=optimizer, **fit)
    path = str(tmp_path / "run").encode()
    net.save_checkpoint(tmp_path / "run")

    samples = with_labels(x, Y)
    options = TrainOptions(7, l1=0.01, dropout=(c_double * 2)(0.0, 0.2), dropout_count=2)
    asked: list[int] = []
    stop = CALLBACK(lambda _: int(len(asked) == 4 or asked.append(0) is not None))
    for epochs in (
        [EpochOptions(0.05), EpochOptions(0.05, should_stop=stop)],
        [EpochOptions(0.05)],
    ):
        network, dataset, trainer = pointer(), pointer(), pointer()
        ok(c, "trainer_resume", path, byref(options), byref(network), byref(trainer))
        ok(c, "dataset_create", network, byref(samples), byref(dataset))
        for each in epochs:
            ok(c, "trainer_epoch", trainer, dataset, byref(each), None)
        ok(c, "trainer_save", trainer, path)
        for kind, handle in (("network", network), ("trainer", trainer), ("dataset", dataset)):
            ok(c, f"{kind}_free", handle)
    assert len(asked) == 4

    net = nncore.Network.resume(tmp_path / "run")
    assert net.epoch == 4
    assert len(net.history) == 0
    net.fit(x, Y, 5, optimizer=optimizer, initial_epoch=4, **fit)
    net.save(tmp_path / "found")
    whole.save(tmp_path / "expected")
    assert (tmp_path / "found").read_bytes() == (tmp_path / "expected").read_bytes()


def test_python_resumes_within_an_epoch_stopped_by_c(c: ctypes.CDLL, tmp_path: Path) -> None:
    x = X.astype("float32")
    whole, net = (nncore.Network([5, 3], seed=3) for _ in range(2))
    whole.fit(x, Y, 1, batch_size=7, learning_rate=0.1)
    net.save(tmp_path / "run")
    path = str(tmp_path / "run").encode()
    network, dataset, trainer = load(c, tmp_path / "run"), pointer(), pointer()
    ok(c, "dataset_create", network, byref(with_labels(x, Y)), byref(dataset))
    ok(c, "trainer_create", network, byref(TrainOptions(7)), byref(trainer))
    stop = CALLBACK(lambda _: 1)
    ok(c, "trainer_epoch", trainer, dataset, byref(EpochOptions(0.1, should_stop=stop)), None)
    ok(c, "trainer_save", trainer, path)
    net = nncore.Network.resume(tmp_path / "run")
    assert net.epoch == 0
    net.fit(x, Y, 1, batch_size=7, learning_rate=0.1)
    assert net.weights[0].tobytes() == whole.weights[0].tobytes()
    for kind, handle in (("trainer", trainer), ("dataset", dataset), ("network", network)):
        ok(c, f"{kind}_free", handle)


def test_bad_files_and_freed_handles_are_errors(c: ctypes.CDLL, tmp_path: Path) -> None:
    net = nncore.Network([2, 1])
    net.save(tmp_path / "model")
    data = (tmp_path / "model").read_bytes()
    network = pointer()
    assert c.nncore_network_load_bytes(data[:-1], len(data) - 1, byref(network)) == FILE_ERROR
    assert b"cut short" in c.nncore_last_error()
    other = data.replace(b'"nncore.format":"1"', b'"nncore.format":"7"')
    assert c.nncore_network_load_bytes(other, len(other), byref(network)) == FILE_ERROR
    assert b'its format is version "7"' in c.nncore_last_error()
    assert not network
    ok(c, "network_load_bytes", data, len(data), byref(network))
    ok(c, "network_free", network)
    assert c.nncore_network_free(network) == 1
    assert b"released" in c.nncore_last_error()
