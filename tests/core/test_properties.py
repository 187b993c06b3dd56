"""Arbitrary input gives the right result or the right error, never a crash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from networks import make_network, relative, train, twin
from nncore import _core

settings.register_profile(
    "nncore", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("nncore")

REAL_DTYPES = [
    "bool", "int8", "uint8", "int16", ">i2", "int32", "uint32", "int64", "uint64",
    "float16", "float32", ">f4", "float64", ">f8", "longdouble",
]  # fmt: skip


def relayout(draw: Any, a: np.ndarray) -> Any:
    """The same numbers in another memory layout."""
    layout = draw(st.sampled_from(sorted(LAYOUTS)))
    b = LAYOUTS[layout](a)
    assert np.array_equal(np.asarray(b).astype(a.dtype), a)
    return b


def with_stride(a: np.ndarray) -> np.ndarray:
    wide = np.ones([2 * k for k in a.shape], a.dtype)
    wide[tuple(slice(None, None, 2) for _ in a.shape)] = a
    return wide[tuple(slice(None, None, 2) for _ in a.shape)]


def reversed_in_memory(a: np.ndarray) -> np.ndarray:
    flip = tuple(slice(None, None, -1) for _ in a.shape)
    return np.ascontiguousarray(a[flip])[flip]


def read_only(a: np.ndarray) -> np.ndarray:
    b = a.copy()
    b.flags.writeable = False
    return b


def misaligned(a: np.ndarray) -> np.ndarray:
    raw = np.zeros(a.nbytes + 1, np.uint8)[1:]
    b = np.frombuffer(raw.data, a.dtype).reshape(a.shape)
    b[...] = a
    return b


LAYOUTS: dict[str, Any] = {
    "c": np.ascontiguousarray,
    "fortran": np.asfortranarray,
    "spread": with_stride,
    "backwards": reversed_in_memory,
    "read-only": read_only,
    "misaligned": misaligned,
    "list": lambda a: a.tolist() if a.size else a,
    "subclass": lambda a: a.view(type("Sub", (np.ndarray,), {})),
}


@st.composite
def networks(draw: Any) -> _core.Network:
    sizes = draw(st.lists(st.sampled_from([1, 2, 3, 7, 8, 17]), min_size=2, max_size=4))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    return make_network(sizes, ["tanh"] * (len(sizes) - 2) + ["sigmoid"], dtype=dtype)


@st.composite
def inputs(draw: Any, columns: int, max_rows: int = 9) -> tuple[np.ndarray, Any]:
    """Rows that every dtype can hold: as float64, and in a drawn dtype and layout."""
    rows = draw(st.integers(0, max_rows))
    plain = draw(hnp.arrays(np.float64, (rows, columns), elements=st.integers(0, 1)))
    return plain, relayout(draw, plain.astype(draw(st.sampled_from(REAL_DTYPES))))


@given(st.data())
def test_rows_of_every_dtype_and_layout(data: st.DataObject) -> None:
    net = data.draw(networks())
    plain, x = data.draw(inputs(net.sizes[0]))
    expected = net.feedforward(plain.astype(net.dtype))
    found = net.feedforward(x)
    assert found.shape == (len(plain), net.sizes[-1])
    assert found.dtype == net.dtype
    assert found.tobytes() == expected.tobytes()
    assert relative(found, twin(net).feedforward(plain)) < 1e-5
    assert net.predict(x).tolist() == net.predict(plain).tolist()
    for k in range(len(plain)):  # each row gives the same alone
        assert relative(net.feedforward(x[k]), expected[k]) < 1e-6


@given(st.data())
def test_training_data_of_every_dtype_and_layout(data: st.DataObject) -> None:
    net = data.draw(networks())
    other = make_network(list(net.sizes), list(net.activations), dtype=net.dtype.name)
    plain, x = data.draw(inputs(net.sizes[0]))
    if len(plain) == 0:
        return
    elements = st.integers(0, 1)
    shape = (len(plain), net.sizes[-1])
    targets = data.draw(hnp.arrays(np.float64, shape, elements=elements))
    y = relayout(data.draw, targets.astype(data.draw(st.sampled_from(REAL_DTYPES))))
    weight = data.draw(hnp.arrays(np.float64, len(plain), elements=st.integers(1, 3)))
    batch_size = data.draw(st.integers(1, 12))
    order = data.draw(st.permutations(range(len(plain))))
    for network, rows, answers, w in ((net, x, y, relayout(data.draw, weight)),
                                      (other, plain, targets, weight)):  # fmt: skip
        ds = _core.Dataset(network, rows, answers, w)
        assert len(ds) == len(plain)
        assert ds.weight_sum == weight.sum()
        trainer = _core.Trainer(network, batch_size=batch_size)
        trainer.epoch(ds, np.array(order, dtype=np.int64), learning_rate=0.1)
    for a, b in zip(_core.weight_views(net), _core.weight_views(other), strict=True):
        assert a.tobytes() == b.tobytes()


@given(st.data())
def test_labels_of_every_integer_type(data: st.DataObject) -> None:
    net = make_network([3, 4, 5], ["tanh", "sigmoid"])
    labels = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=9))
    dtype = data.draw(st.sampled_from(["int8", "uint8", ">i2", "int32", "int64", "uint64"]))
    y = relayout(data.draw, np.array(labels, dtype))
    x = np.ones((len(labels), 3))
    found = _core.gradients(net, _core.Dataset(net, x, y))
    expected = _core.gradients(net, _core.Dataset(net, x, np.eye(5)[labels]))
    assert found[0] == expected[0]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(found[1], expected[1], strict=True))


ANY_ARRAY = hnp.arrays(
    dtype=st.one_of(
        hnp.scalar_dtypes(), st.just(np.dtype(object)), st.just(np.dtype([("a", "f4")]))
    ),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
)
TEXT = st.text("\0 1aé€😀\ud800", max_size=3)  # drawing from all of Unicode takes seconds to set up
ANYTHING = st.one_of(
    ANY_ARRAY,
    st.none(),
    TEXT,
    st.binary(max_size=3),
    st.floats(),
    st.lists(st.lists(st.floats(), max_size=4), max_size=4),  # mostly ragged
    st.dictionaries(TEXT, st.integers(), max_size=2),
    st.just(object()),
)


@given(ANYTHING)
def test_arbitrary_objects_as_x(x: Any) -> None:
    net = make_network([3, 4, 2], ["tanh", "sigmoid"])
    a = result_or_error(lambda: net.feedforward(x))
    if isinstance(a, Exception):
        assert error_mentions(a, "x")
        return
    assert np.asarray(x).shape[-1] == 3
    assert a.shape == (*np.asarray(x).shape[:-1], 2)
    assert np.isfinite(a).all()


@given(ANYTHING, ANYTHING)
def test_arbitrary_objects_as_y_and_sample_weight(y: Any, weight: Any) -> None:
    net = make_network([3, 4, 2], ["tanh", "sigmoid"])
    data = result_or_error(lambda: _core.Dataset(net, np.ones((4, 3)), y, weight))
    if isinstance(data, Exception):
        assert error_mentions(data, "y") or error_mentions(data, "sample_weight")
        return
    trained = result_or_error(lambda: train(net, data, batch_size=3))
    if isinstance(trained, Exception):
        assert y is None, "a data set that was accepted can be trained on"
        assert error_mentions(trained, "y")
    assert net.all_finite()


def result_or_error(call: Callable[[], Any]) -> Any:
    """What the call returns, or the ValueError or TypeError that it raises."""
    try:
        return call()
    except (ValueError, TypeError) as error:
        return error


def error_mentions(error: Exception, name: str) -> bool:
    words = str(error).replace(":", " ").replace(",", " ").split()
    return name in words


def test_empty_data() -> None:
    net = make_network([3, 4, 2], ["tanh", "sigmoid"])
    assert net.feedforward(np.empty((0, 3))).shape == (0, 2)
    assert net.predict(np.empty((0, 3))).shape == (0,)
    error = result_or_error(
        lambda: train(net, _core.Dataset(net, np.empty((0, 3)), np.empty((0, 2))), batch_size=3)
    )
    assert isinstance(error, ValueError)
    assert "row" in str(error)


@pytest.mark.parametrize(
    ("x", "y", "weight", "message"),
    [
        (np.ones((4, 5)), np.ones((4, 2)), None, r"\bx\b.*5.*3"),
        (np.ones((4, 3)), np.ones((3, 2)), None, r"\by\b.*3.*4"),
        (np.ones((4, 3)), np.ones((4, 3)), None, r"\by\b.*3.*2"),
        (np.ones((4, 3)), np.array([0, 1, 2, 0]), None, r"\by\b.*2.*row 2|\by\b.*row 2.*2"),
        (np.ones((4, 3)), np.array([0, 1, -1, 0]), None, r"\by\b.*-1"),
        (np.ones((4, 3)), np.ones((4, 2)), np.ones(3), r"sample.weight.*3.*4|3 sample weights.*4"),
        (np.ones((4, 3)), np.ones((4, 2)), -np.ones(4), r"sample.weight.*-1"),
        (np.ones((4, 3)), np.ones((4, 2)), np.zeros(4), r"sample.weight.*(zero|0)"),
        (np.ones((4, 3), complex), np.ones((4, 2)), None, r"\bx\b.*complex"),
        (np.full((4, 3), "a"), np.ones((4, 2)), None, r"\bx\b"),
        (np.ones((4, 3)), np.full((4, 2), None), None, r"\by\b"),
    ],
)
def test_errors_name_the_bad_argument(x: Any, y: Any, weight: Any, message: str) -> None:
    net = make_network([3, 4, 2], ["tanh", "sigmoid"])
    with pytest.raises((ValueError, TypeError), match=message):
        _core.Dataset(net, x, y, weight)


@given(st.data())
def test_sparse_rows_agree_with_dense_rows(data: st.DataObject) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    net = data.draw(networks())
    plain = data.draw(
        hnp.arrays(np.float64, (data.draw(st.integers(1, 6)), net.sizes[0]),
                   elements=st.sampled_from([0.0, 0.0, 0.5, -2.0]))
    )  # fmt: skip
    x = sparse.csr_matrix(plain.astype(data.draw(st.sampled_from(["f4", "f8", "i8", "i1"]))))
    plain = x.toarray().astype(float)
    if data.draw(st.booleans()):
        x.indices, x.indptr = x.indices.astype("int64"), x.indptr.astype("int64")
    if data.draw(st.booleans()):  # the same rows with their entries in another order
        for k in range(len(plain)):
            part = slice(x.indptr[k], x.indptr[k + 1])
            x.indices[part], x.data[part] = x.indices[part][::-1].copy(), x.data[part][::-1].copy()
        x.has_sorted_indices = False
    if data.draw(st.booleans()):
        x = sparse.csr_array(x)
    assert relative(net.feedforward(x), twin(net).feedforward(plain)) < 1e-5


def test_sparse_rows_with_duplicate_entries_add_up() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    net = make_network([3, 2], ["sigmoid"])
    x = sparse.csr_matrix(
        (np.array([1.0, 2.0, 4.0]), np.array([1, 1, 0]), np.array([0, 2, 3])), (2, 3)
    )
    expected = twin(net).feedforward(np.array([[0.0, 3.0, 0.0], [4.0, 0.0, 0.0]]))
    assert relative(net.feedforward(x), expected) < 1e-10


@pytest.mark.parametrize(
    ("indices", "indptr"),
    [([0, 3], [0, 1, 2]), ([0, -1], [0, 1, 2]), ([0, 2**32], [0, 1, 2]), ([0, 1], [0, 2, 1]),
     ([0, 1], [0, 1, 9]), ([0, 1], [0, 1, 2**40]), ([0, 1], [5, 1, 2]), ([0], [0, 1, 2])],
)  # fmt: skip
def test_invalid_sparse_rows_are_refused(indices: list[int], indptr: list[int]) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    net = make_network([3, 2], ["sigmoid"])
    x = sparse.csr_matrix((2, 3))
    x.data, x.indices, x.indptr = np.ones(len(indices)), np.array(indices), np.array(indptr)
    with pytest.raises(ValueError, match=r"\bx\b"):
        net.feedforward(x)


def test_other_sparse_formats_are_converted_or_refused() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    net = make_network([3, 2], ["sigmoid"])
    for make in (sparse.csc_matrix, sparse.coo_matrix, sparse.dok_matrix):
        x = make(np.eye(3))
        found = result_or_error(lambda x=x: net.feedforward(x))
        if isinstance(found, Exception):
            assert "CSR" in str(found)
        else:
            assert relative(found, twin(net).feedforward(np.eye(3))) < 1e-10
