"""`fit_many`: each network has the bits of the same fit alone, whatever trains it."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

import nncore
from executors import Inline, Pickling
from nncore.callbacks import Callback, EarlyStopping
from nncore.data import Scaled
from small_problem import RNG, X, Y, bits

SPECS: list[dict[str, Any]] = [
    {"seed": 1},
    {"seed": 2, "sizes": [5, 9, 4, 3], "optimizer": "adam", "learning_rate": 0.01},
    {"seed": 3, "dtype": "float32", "dropout": 0.2, "batch_size": 7},
    {"output_activation": "softmax", "cost": "log_likelihood", "l2": 0.1, "epochs": 5},
    {"rows": np.arange(30), "validation_rows": np.arange(30, 40), "class_weight": "balanced"},
    {"rows": X[:, 0] > 0, "metrics": ["f1"], "sample_weight": np.linspace(0, 1, 40)},
    {"rows": np.arange(30), "validation_rows": np.arange(30, 40), "seed": 8},
    {"validation_split": 0.25, "n_threads": 2},
    {"rows": np.arange(39, -1, -1), "validation_split": 0.25, "shuffle": False},
    {"callbacks": [EarlyStopping("cost", patience=1, min_delta=1e9)], "epochs": 9},
]
COMMON: dict[str, Any] = {"sizes": [5, 6, 3], "dtype": "float64", "epochs": 3}
ROWS = ("rows", "validation_rows", "sample_weight", "validation_split")


def alone(spec: dict[str, Any], x: Any = X, y: Any = Y) -> nncore.Network:
    """The network of a spec, trained by `fit` on arrays of its own."""
    given = {**COMMON, **spec}
    names = ("sizes", "seed", "dtype", "output_activation", "cost")
    net = nncore.Network(**{k: given.pop(k) for k in names if k in given})
    rows, held_out, weight, split = (given.pop(name, None) for name in ROWS)
    taken = slice(None) if rows is None else rows
    if held_out is not None:
        given["validation_data"] = x[held_out], y[held_out]
    weight = None if weight is None else weight[taken]
    net.fit(x[taken], y[taken], sample_weight=weight, validation_split=split or 0.0, **given)
    return net


@functools.cache
def expected() -> list[bytes]:
    return [bits(alone(spec)) for spec in SPECS]


def assert_same(results: list[nncore.FitResult]) -> None:
    assert [result.index for result in results] == list(range(len(SPECS)))
    assert [bits(result.network) for result in results] == expected()


@contextmanager
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is unpickled meanwhile finds what other processes find."""
    with monkeypatch.context() as patch:
        patch.setattr("nncore.many.shared._OPEN", _Deaf())
        yield


class _Deaf(dict[str, Any]):
    def get(self, *_: Any) -> tuple[None, None]:  # type: ignore[override]
        return None, None


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_threads(workers: int) -> None:
    with ThreadPoolExecutor(workers) as pool:
        assert_same(nncore.fit_many(SPECS, X, Y, executor=pool, **COMMON))


def test_an_executor_of_its_own() -> None:
    results = nncore.fit_many(SPECS, X, Y, **COMMON)
    assert_same(results)
    assert results[1].spec["learning_rate"] == 0.01
    assert results[1].spec["epochs"] == 3
    assert len(results[9].history) == 2  # EarlyStopping
    assert list(results[0].network.history) == list(results[0].history)


def test_an_executor_that_works_where_it_is_called() -> None:
    assert_same(nncore.fit_many(SPECS, X, Y, executor=Inline(), **COMMON))


def test_processes() -> None:
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        results = nncore.fit_many(SPECS, X, Y, executor=pool, **COMMON)
    assert_same(results)
    assert results[0].history["seconds"][0] >= 0
    assert results[9].callbacks[0].best_epoch == 0


def test_forked_processes_read_the_file_and_leave_none(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    executor = Pickling()
    with elsewhere(monkeypatch):
        assert_same(nncore.fit_many(SPECS, X, Y, executor=executor, **COMMON))
    assert list(tmp_path.iterdir()) == []
    assert max(executor.sent) < 40 * 8 * 5 * 2  # references, whatever x weighs


@pytest.mark.parametrize("fault", ["nowhere to write", "not seen elsewhere"])
def test_rows_are_sent_where_no_file_is_seen(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    where = "tempfile.mkdtemp" if fault == "nowhere to write" else "nncore.many.shared._read"
    monkeypatch.setattr(where, refuse)
    with elsewhere(monkeypatch):
        assert_same(nncore.fit_many(SPECS, X, Y, executor=Pickling(), **COMMON))


@pytest.mark.parametrize("kind", ["csr", "scaled", "fortran", "strided", "list"])
@pytest.mark.parametrize("executor", [None, Pickling()])
def test_kinds_of_rows(
    kind: str, executor: Executor | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    x: Any
    if kind == "csr":
        x = pytest.importorskip("scipy.sparse").csr_matrix(X * (X > 0))
    elif kind == "scaled":
        x = Scaled(RNG.integers(0, 255, (40, 5)).astype(np.uint8))
    else:
        x = {"fortran": np.asfortranarray(X), "strided": np.repeat(X, 2, axis=1)[:, ::2]}.get(
            kind, X
        )
    given = X.tolist() if kind == "list" else x
    specs = [{"seed": 1}, {"seed": 2}, SPECS[4], SPECS[6]]
    with elsewhere(monkeypatch):
        results = nncore.fit_many(specs, given, Y, executor=executor, **COMMON)
    assert [bits(r.network) for r in results] == [bits(alone(spec, x)) for spec in specs]


def test_networks_that_take_the_rows_alike_share_a_data_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Any] = []
    real = nncore._core.Dataset

    def counted(net: Any, *args: Any) -> Any:
        made.append(net.dtype.name)
        return real(net, *args)

    monkeypatch.setattr("nncore._core.Dataset", counted)
    specs = [{"seed": s, "dtype": d} for s in range(4) for d in ("float32", "float64")]
    nncore.fit_many(specs, X, Y, sizes=[5, 3], epochs=1, validation_data=(X, Y))
    assert sorted(made) == ["float32"] * 2 + ["float64"] * 2


def test_every_network_tells_its_epochs_and_may_be_ended() -> None:
    seen: list[tuple[int, int, float]] = []

    def tell(index: int, epoch: int, logs: Any) -> bool:
        seen.append((index, epoch, logs["validation_cost"]))
        return index == 1 and epoch == 1

    specs = [{"seed": s} for s in range(3)]
    common = {**COMMON, "epochs": 4}
    results = nncore.fit_many(specs, X, Y, validation_data=(X, Y), on_epoch_end=tell, **common)
    assert [len(result.history) for result in results] == [4, 2, 4]
    assert sorted(seen) == [
        (r.index, epoch, cost)
        for r in results
        for epoch, cost in enumerate(r.history["validation_cost"])
    ]


def test_on_epoch_end_needs_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    message = r"^spec 0: TypeError: on_epoch_end .* executor of threads"
    with elsewhere(monkeypatch), pytest.raises(nncore.FitManyError, match=message):
        nncore.fit_many(SPECS, X, Y, executor=Pickling(), on_epoch_end=print, **COMMON)


def test_callbacks_that_specs_share_are_copied() -> None:
    shared, own = EarlyStopping("cost", patience=1), EarlyStopping("cost", patience=1)
    specs: list[dict[str, Any]] = [{"seed": 1}, {"seed": 2}, {"seed": 3, "callbacks": [own]}]
    results = nncore.fit_many(specs, X, Y, callbacks=[shared], **COMMON)
    used = [result.callbacks[0] for result in results]
    assert len({id(callback) for callback in [shared, *used]}) == 4
    assert used[2] is own
    assert shared.best_epoch is None
    assert [callback.best_epoch for callback in used] == [2, 2, 2]


class Unlucky(Callback):
    def on_epoch_end(self, run: Any) -> None:
        raise OSError("no luck")


def test_failures_name_their_spec_and_lose_nothing() -> None:
    specs = [
        {"seed": 1},
        {"learning_rate": 1e300, "output_activation": "linear"},
        {"callbacks": [Unlucky()]},
        {"sizes": [4, 3]},
    ]
    with pytest.raises(nncore.FitManyError) as caught:
        nncore.fit_many(specs, X, Y, **COMMON)
    assert str(caught.value).startswith("spec 1: DivergenceError: ")
    assert str(caught.value).endswith("; 2 more of 4 failed")
    assert isinstance(caught.value.__cause__, nncore.DivergenceError)
    results = caught.value.results
    assert [type(r.error).__name__ for r in results] == [
        "NoneType", "DivergenceError", "OSError", "ValueError",
    ]  # fmt: skip
    assert bits(results[0].network) == expected()[0]
    with pytest.raises(RuntimeError, match=r"^spec 2: OSError: no luck$"):
        _ = results[2].network
    returned = nncore.fit_many(specs, X, Y, errors="return", **COMMON)
    assert [repr(r.error) for r in returned] == [repr(r.error) for r in results]
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert bits(copy.results[0].network) == expected()[0]


def test_a_pool_that_breaks_names_its_specs() -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(nncore.FitManyError, match=r"^spec 0: RuntimeError: .*; 9 more of 10"):
        nncore.fit_many(SPECS, X, Y, executor=pool, **COMMON)


BAD: list[tuple[Any, type[Exception], str]] = [
    (
        [{}, {"lerning_rate": 1}],
        ValueError,
        r"^spec 1: unknown argument 'lerning_rate'; did you mean",
    ),
    ([{}, {"sizes": [5]}], ValueError, "^spec 1: sizes needs two layers"),
    ([{}, {"activation": "rlu"}], ValueError, "^spec 1: unknown activation 'rlu'"),
    ([{}, {"initializer": "he"}], ValueError, "^spec 1: unknown initializer 'he'"),
    ([{}, {"learning_rate": -1}], ValueError, "^spec 1: learning_rate must be above 0"),
    ([{}, {"optimizer": "adm"}], ValueError, "^spec 1: unknown optimizer 'adm'"),
    ([{}, {"dropout": 1.5}], ValueError, "^spec 1: dropout"),
    ([{}, {"epochs": 2.5}], TypeError, "^spec 1: epochs must be an integer"),
    ([{}, {"metrics": ["nope"]}], ValueError, "^spec 1: unknown metric"),
    ([{}, {"callbacks": [print]}], TypeError, "^spec 1: callbacks must be instances"),
    ([{}, {"n_threads": 0}], ValueError, "^spec 1: n_threads must be at least 1"),
    ([{}, {"x": X}], TypeError, "^spec 1: x is an argument of fit_many itself"),
    ([{}, {"rows": [40]}], ValueError, "^spec 1: rows has 40; expected numbers from 0 to 39"),
    ([{}, {"rows": [-1]}], ValueError, "^spec 1: rows has -1; expected numbers from 0 to 39"),
    ([{}, {"rows": []}], ValueError, "^spec 1: rows is empty"),
    ([{}, {"rows": [[1]]}], ValueError, r"^spec 1: rows has shape \(1, 1\); expected row numbers"),
    ([{}, {"rows": [0.5]}], TypeError, "^spec 1: rows has dtype float64; expected integers"),
    ([{}, {"rows": [True]}], ValueError, "^spec 1: rows is a mask of 1 rows; x has 40"),
    ([{}, {"validation_rows": [1]}], ValueError, "^spec 1: validation_rows is given without rows"),
    ([{}, {"validation_split": 1}], ValueError, "^spec 1: validation_split must be"),
    ([{}, {"validation_split": 0.001}], ValueError, "^spec 1: validation_split=0.001 of 40 rows"),
    (
        [{}, {"validation_split": 0.5, "rows": [1, 2], "validation_rows": [3]}],
        ValueError,
        "^spec 1: give validation_split or validation_rows, not both",
    ),
    ([{}, 3], TypeError, "specs must be a list of mappings.*; spec 1 is 3"),
    ({"seed": 1}, TypeError, "specs must be a list of mappings"),
    ("ab", TypeError, "specs must be a list of mappings"),
]


@pytest.mark.parametrize(("specs", "error", "message"), BAD)
def test_specs_are_checked_before_any_work(
    specs: Any, error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nncore.many.fitting.train", None)  # nothing is trained
    with pytest.raises(error, match=message):
        nncore.fit_many(specs, X, Y, **COMMON)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"errors": "ignore"}, ValueError, "unknown errors 'ignore'"),
        ({"executor": 3}, TypeError, "executor must be a concurrent.futures.Executor, got 3"),
        ({"on_epoch_end": 3}, TypeError, "on_epoch_end must be a callable"),
        ({"y": Y[:5]}, ValueError, r"y has shape \(5,\); x has shape \(40, 5\)"),
        ({"validation_data": 3}, TypeError, "validation_data must be a tuple"),
        ({"sample_weight": [1.0]}, ValueError, r"sample_weight has shape \(1,\)"),
        ({"x": nncore.data.Blocks(X, Y)}, TypeError, "Blocks are for Network.fit"),
        ({"validation_data": nncore.data.Blocks(X, Y)}, TypeError, "Blocks are for Network.fit"),
        ({"sizes": None}, TypeError, "^spec 0: sizes must be a list"),
        ({"validation_data": (X, Y), "validation_split": 0.5}, ValueError, "not both"),
    ],
)
def test_arguments_are_checked(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        nncore.fit_many(**{"specs": [{}], "x": X, "y": Y, **COMMON, **arguments})


def test_specs_without_sizes_and_no_specs() -> None:
    with pytest.raises(TypeError, match=r"^spec 0: sizes is missing"):
        nncore.fit_many([{}], X, Y)
    assert nncore.fit_many([], X, Y, **COMMON) == []


def test_iterators_are_used_up_once() -> None:
    specs = ({"seed": seed} for seed in (1, 2))
    results = nncore.fit_many(specs, X, Y, metrics=iter(["f1"]), **COMMON)
    assert all("f1" in result.history for result in results)


def test_arguments_of_a_spec_have_one_place() -> None:
    from nncore.many.specs import FIT, NETWORK

    assert not set(NETWORK) & set(FIT)
    assert {"sizes", "seed"} < set(NETWORK)
    assert {"epochs", "callbacks", "l2"} < set(FIT)


def test_progress_counts_networks(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    nncore.fit_many([{"seed": s} for s in range(3)], X, Y, progress=True, **COMMON)
    assert "3/3 networks" in capsys.readouterr().err
