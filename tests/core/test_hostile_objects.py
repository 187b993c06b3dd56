"""Objects whose attributes raise or return nonsense: the right error, and never a crash."""

from __future__ import annotations

import copy
import copyreg
import pickle
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nncore
from nncore import _core

NET = nncore.Network([4, 3], seed=1)


class Raises:
    """Raises the given error on access to any attribute but its own."""

    def __init__(self, error: type[BaseException], **attributes: Any) -> None:
        self.error = error
        vars(self).update(attributes)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # NumPy looks these up on the class
            raise AttributeError(name)
        raise self.error

    def fail(self, *arguments: Any, **options: Any) -> Any:
        raise self.error

    __float__ = __index__ = __int__ = __complex__ = fail


class ArrayRaises(Raises):
    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def __array__(self, *arguments: Any, **options: Any) -> Any:
        raise self.error


class MaskRaises(np.ndarray):
    error: type[BaseException] = ValueError

    @property
    def mask(self) -> Any:
        raise self.error


def masked(error: type[BaseException]) -> Any:
    x = np.zeros((2, 4)).view(MaskRaises)
    x.error = error
    return x


def csr(**changes: Any) -> Any:
    """An object that claims to be a CSR matrix of 2 rows."""
    parts = {
        "shape": (2, 4),
        "data": np.array([1.0, 2.0, 3.0], np.float32),
        "indices": np.array([0, 3, 1]),
        "indptr": np.array([0, 2, 3]),
    }
    matrix = SimpleNamespace(**{**parts, **changes})
    matrix.tocsr = lambda: matrix
    return matrix


def in_csr(name: str) -> Callable[[type[BaseException]], Any]:
    def make(error: type[BaseException]) -> Any:
        parts = {key: value for key, value in vars(csr()).items() if key != name}
        matrix = Raises(error, **parts)
        vars(matrix)["tocsr"] = lambda: matrix
        return matrix

    return make


LOOKED_AT: dict[str, Callable[[type[BaseException]], Any]] = {
    "float": lambda error: np.array([[Raises(error)] * 4] * 2, dtype=object),
    "array": ArrayRaises,
    "tocsr": Raises,
    "mask": masked,
    "shape": in_csr("shape"),
    "data": in_csr("data"),
    "indices": in_csr("indices"),
    "indptr": in_csr("indptr"),
    "number of rows": lambda error: csr(shape=(Raises(error), 4)),
}


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, SystemExit])
@pytest.mark.parametrize("place", LOOKED_AT)
def test_exceptions_raised_by_x_propagate(place: str, error: type[BaseException]) -> None:
    x = LOOKED_AT[place](error)
    for ask in (NET.feedforward, NET.predict, lambda x: NET.evaluate(x, [0, 1])):
        with pytest.raises(error):
            ask(x)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_exceptions_raised_by_numbers_propagate(error: type[BaseException]) -> None:
    calls: list[Callable[[Any], Any]] = [
        nncore.set_num_threads,
        lambda n: setattr(nncore.Network([1, 1]), "epoch", n),
        lambda n: NET.evaluate(np.zeros((2, 4)), np.array([n, n], dtype=object)),
        lambda n: NET.evaluate(np.zeros((2, 4)), [0, 1], np.array([n, n], dtype=object)),
    ]
    for call in calls:
        with pytest.raises(error):
            call(Raises(error))


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_exceptions_raised_by_parameters_propagate(error: type[BaseException]) -> None:
    with pytest.raises(error):
        nncore.Network([4, 3]).weights = [ArrayRaises(error)]


def test_a_decoding_error_in_parameters_is_a_value_error() -> None:
    """UnicodeDecodeError is a ValueError, but cannot be constructed from a message alone."""

    class Undecodable:
        def __array__(self, *arguments: Any, **options: Any) -> Any:
            return b"\xff".decode()

    with pytest.raises(ValueError, match="expected arrays of the shapes"):
        nncore.Network([4, 3]).weights = [Undecodable()]


@pytest.mark.parametrize("call", [nncore.set_num_threads, lambda n: setattr(NET, "epoch", n)])
def test_non_integers_are_a_type_error(call: Callable[[Any], Any]) -> None:
    for value in (1.5, "1", True, Raises(TypeError)):
        with pytest.raises(TypeError, match="expected an integer"):
            call(value)


@pytest.mark.parametrize("rows", [[[10**400, 0, 0, 0]], [["1", 0, 0, 0]], [[None, 0, 0, 0]]])
def test_objects_that_are_not_numbers_are_named(rows: list[Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^x "):
        NET.predict(np.array(rows, dtype=object))


def test_a_valid_duck_typed_csr_matrix_is_accepted() -> None:
    dense = np.array([[1, 0, 0, 2], [0, 3, 0, 0]], np.float32)
    expected = NET.feedforward(dense)
    for dtype in ("int8", "uint16", "int32", "uint32", "int64", "uint64", ">i8"):
        ducks = csr(indices=np.array([0, 3, 1], dtype), indptr=np.array([0, 2, 3], dtype))
        np.testing.assert_allclose(NET.feedforward(ducks), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": (2**64 - 1, 4)},
        {"shape": (2**63 - 1, 4)},
        {"shape": (2**63, 4)},
        {"shape": (-1, 4)},
        {"shape": (1, 4)},
        {"shape": (3, 4)},
        {"shape": (2, 5)},
        {"shape": (2, 2**64)},
        {"shape": (2.0, 4)},
        {"shape": (2,)},
        {"shape": (2, 4, 1)},
        {"shape": None},
        {"indices": np.array([0, 3, 2**31])},
        {"indices": np.array([0, 3, 1 - 2**32])},
        {"indices": np.array([0, 3, 1 + 2**32])},
        {"indices": np.array([0, 3, -(2**63)])},
        {"indices": np.array([0, 3, 2**64 - 1], np.uint64)},
        {"indices": np.array([0, 3, 2**32 - 1], np.uint32)},
        {"indices": np.array([0, 3, -1])},
        {"indices": np.array([0, 3, 4])},
        {"indices": np.array([0.0, 3.0, 1.0])},
        {"indices": np.array([False, True, True])},
        {"indices": np.array([[0, 3, 1]])},
        {"indices": np.array([0, 3])},
        {"indices": 3},
        {"indices": "031"},
        {"indptr": np.array([0, 2])},
        {"indptr": np.array([], np.int64)},
        {"indptr": np.array([0, 2, 3, 3])},
        {"indptr": np.array([0, 2, 4])},
        {"indptr": np.array([0, 2, 2**62])},
        {"indptr": np.array([0, 4, 3])},
        {"indptr": np.array([0, -1, 3])},
        {"indptr": np.array([1, 2, 3])},
        {"indptr": np.array([0, 2**63, 3], np.uint64)},
        {"indptr": np.array([0, 2, 2**64 - 1], np.uint64)},
        {"indptr": np.array([0.0, 2.0, 3.0])},
        {"indptr": np.array([[0, 2, 3]])},
        {"indptr": None},
        {"data": np.array([1.0, 2.0])},
        {"data": np.array([[1.0, 2.0, 3.0]])},
        {"data": np.array([1j, 2j, 3j])},
        {"data": np.float32(1)},
        {"data": [1.0, np.nan, 3.0]},
    ],
    ids=str,
)
def test_an_invalid_sparse_matrix_is_refused(changes: dict[str, Any]) -> None:
    for ask in (NET.feedforward, NET.predict, lambda x: NET.evaluate(x, [0, 1])):
        with pytest.raises((ValueError, TypeError)):
            ask(csr(**changes))


def test_a_shape_that_changes_is_read_once() -> None:
    class Grows:
        rows = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(csr(), name)

        @property
        def shape(self) -> tuple[int, int]:
            self.rows += 2
            return self.rows, 4

        def tocsr(self) -> Any:
            return self

    assert NET.feedforward(Grows()).shape == (2, 3)


CORE_OBJECTS: dict[str, Callable[[], Any]] = {
    "Network": lambda: _core.Network([4, 3], ["sigmoid"]),
    "Dataset": lambda: _core.Dataset(NET, np.zeros((2, 4)), [0, 1]),
    "Trainer": lambda: _core.Trainer(NET, batch_size=1),
    "half a Network": lambda: _core.Network.__new__(_core.Network),
    "half a Dataset": lambda: _core.Dataset.__new__(_core.Dataset),
    "half a Trainer": lambda: _core.Trainer.__new__(_core.Trainer),
}


@pytest.mark.parametrize("kind", CORE_OBJECTS)
def test_core_objects_refuse_to_be_pickled(kind: str) -> None:
    made = CORE_OBJECTS[kind]()
    ways: list[Callable[[], Any]] = [
        *(lambda p=p: pickle.dumps(made, p) for p in range(pickle.HIGHEST_PROTOCOL + 1)),
        lambda: copy.copy(made),
        lambda: copy.deepcopy(made),
    ]
    for way in ways:
        with pytest.raises(TypeError, match="cannot pickle or copy"):
            way()


@pytest.mark.parametrize("protocol", [0, 1])
def test_what_pickle_does_by_itself_is_refused_too(protocol: int) -> None:
    made = _core.Network([3, 2], ["sigmoid"])
    with pytest.raises(TypeError):
        copyreg._reduce_ex(made, protocol)  # type: ignore[attr-defined]
    base: Any = _core.Network.__mro__[-2]  # which pybind11 gives all classes
    for call in (base, lambda: base.__new__(base)):
        with pytest.raises(TypeError, match="no pybind11-registered base types"):
            call()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_networks_can_be_pickled_by_every_protocol(protocol: int) -> None:
    again = pickle.loads(pickle.dumps(NET, protocol))
    x = np.ones((2, 4))
    assert np.array_equal(again.feedforward(x), NET.feedforward(x))
