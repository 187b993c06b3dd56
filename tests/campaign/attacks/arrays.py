"""Invalid sparse matrices and inconsistent array-likes: an error, or the right result.

Python objects are inconsistent here. Arrays with false addresses would crash NumPy itself, and so
are left out.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from harness import mutate, world
from harness.base import Case, Part, deadline, expect
from nncore import BusyError, DivergenceError, Network, _core

SECONDS = 10.0
N, INPUTS, OUTPUTS = 6, 5, 3


class Raising:
    """A number whose conversion raises."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    raised: BaseException | None = None
    """What one of them last raised."""

    def __float__(self) -> float:
        Raising.raised = self.error("by the caller's own object")
        raise Raising.raised

    def __index__(self) -> int:
        return int(float(self))


class Duck:
    """An object with the attributes of a case."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


class Sparse(Duck):
    """An object that claims to be a sparse matrix."""

    def tocsr(self) -> Any:
        return self


class Array:
    """An object that gives NumPy another array at every conversion."""

    def __init__(self, *arrays: Any, length: int = N) -> None:
        self.arrays, self.asked, self.length = arrays, 0, length
        self.shape, self.ndim, self.dtype = arrays[0].shape, arrays[0].ndim, arrays[0].dtype

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        self.asked += 1
        return self.arrays[min(self.asked, len(self.arrays)) - 1]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: Any) -> Any:
        return self.arrays[-1][index]


class Subclass(np.ndarray):
    """An array with false attributes and valid memory."""

    lies: dict[str, Any] = {}  # noqa: RUF012

    def __array_finalize__(self, other: Any) -> None:
        self.lies = getattr(other, "lies", {})

    def __getattribute__(self, name: str) -> Any:
        lies = object.__getattribute__(self, "__dict__").get("lies", {})
        return lies[name] if name in lies else super().__getattribute__(name)


def csr(rng: random.Random, x: np.ndarray) -> Any:
    """The arrays of a CSR matrix, some of them invalid."""
    rows, columns = np.nonzero(x)
    values = x[rows, columns]
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(x)))])
    parts: dict[str, Any] = {
        "data": values,
        "indices": columns.astype(rng.choice([np.int32, np.int64])),
        "indptr": starts.astype(rng.choice([np.int32, np.int64])),
        "shape": x.shape,
        "nnz": len(values),
        "format": "csr",
        "dtype": values.dtype,
        "ndim": 2,
    }
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
        name = rng.choice(["data", "indices", "indptr", "shape", "indices", "indptr"])
        parts[name] = wrong(rng, parts[name])
    return Sparse(**parts)


def wrong(rng: random.Random, part: Any) -> Any:
    """Another array, or an object that is no array."""
    if not isinstance(part, np.ndarray):
        sizes = list(part)
        sizes[rng.randrange(len(sizes))] = rng.choice([*mutate.INTEGERS, None, 2.5, "4"])
        return rng.choice([tuple(sizes), tuple(sizes), (), (N,), (N, INPUTS, 1), None, "ab"])
    kind = rng.randrange(9)
    if kind < 3 and part.size and part.dtype.kind == "i":
        found = part.astype(rng.choice([np.int64, np.int64, np.int32]))
        limit = np.iinfo(found.dtype)
        number = rng.choice([n for n in mutate.INTEGERS if limit.min <= n <= limit.max])
        found[rng.randrange(len(found))] = number
        return found
    if kind == 3:
        return part[: rng.randrange(len(part) + 1)]
    if kind == 4:
        return np.concatenate([part, part])
    if kind == 5:
        return part.astype(rng.choice(["f4", "f8", "i1", "u8", "O", "c8", "U3", "i8", "f2"]))
    if kind == 6:
        return part.reshape(1, -1)
    if kind == 7:
        return rng.choice([part[::-1], as_strided(part, (0 if not part.size else 4,), (0,))])
    return rng.choice([None, 3, "x", part.tolist(), Array(part, part[:1])])


def dense(rng: random.Random, x: np.ndarray) -> Any:
    """The same numbers, or others, in an unexpected type or layout."""
    kind = rng.randrange(12)
    if kind == 0:
        first = x.reshape(-1)[:1]
        return Array(x, rng.choice([first, x.T, np.zeros((999, INPUTS)), np.zeros(0)]))
    if kind == 1:
        return Array(x, length=rng.choice([0, 1, 2**40]))
    if kind == 2:
        found = x.view(Subclass)
        name = rng.choice(["shape", "ndim", "dtype", "strides", "size", "flags", "mask"])
        lies = [(2**40, INPUTS), (0,), 7, None, np.dtype("i1"), np.ones(3, bool)]
        found.lies = {name: rng.choice(lies)}
        return found
    if kind == 3:
        found = x.astype(object)
        error = rng.choice([KeyboardInterrupt, MemoryError, ValueError, ZeroDivisionError])
        found.flat[rng.randrange(found.size)] = rng.choice([Raising(error), None, "1", [1], 1 + 1j])
        return found
    if kind == 4 and x.ndim:
        return as_strided(x, (rng.choice([0, 1, 2, N]), *x.shape[1:]), (0, *x.strides[1:]))
    if kind == 5:
        return x.astype(rng.choice(["f2", "f4", ">f8", "i1", "u8", "g", "c16", "U4", "?", "M8[s]"]))
    if kind == 6:
        raw = np.zeros(x.nbytes + 1, np.uint8)[1:]
        found = np.frombuffer(raw.data, x.dtype).reshape(x.shape)
        found[...] = x
        return found
    if kind == 7:
        return x[tuple(slice(None, None, -1) for _ in x.shape)]
    if kind == 8:
        shape = rng.choice([(0, INPUTS), (N, 0), (N,), (), (N, INPUTS, 1), (1, N * INPUTS)])
        return np.zeros(shape)
    if kind == 9:
        found = x.astype(float)
        found.flat[rng.randrange(found.size)] = rng.choice(
            [float("nan"), float("inf"), 1e308, -1e308, 1e-320, 2.0**63]
        )
        return found
    if kind == 10:
        return np.ma.masked_array(x, rng.random() < 0.5)
    return rng.choice([None, "x", b"x", 3, [], [[]], [[1], [1, 2]], {1: 2}, x.tolist(), object(),
                       range(3), memoryview(np.ascontiguousarray(x)), Duck(shape=(2, 2)),
                       Duck(dtype="x"), Raising(KeyboardInterrupt)])  # fmt: skip


class Attack(Part):
    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        warnings.simplefilter("ignore")
        np.seterr(all="ignore")
        self.nets = {"float32": world.trained(), "float64": world.trained("float64")}
        self.expected = {name: net.feedforward(world.X32) for name, net in self.nets.items()}
        self.taken = self.refused = 0

    def draw(self, rng: random.Random, index: int) -> Case:
        return {
            "call": rng.choice(list(CALLS)),
            "dtype": rng.choice(list(self.nets)),
            "seed": rng.randrange(2**60),
        }

    def run(self, case: Case) -> None:
        rng = random.Random(case["seed"])
        net = self.nets[case["dtype"]]
        Raising.raised = None
        error: BaseException | None = None
        with deadline(SECONDS):
            try:
                CALLS[case["call"]](rng, net)
                self.taken += 1
            except (ValueError, TypeError, BusyError, DivergenceError) as documented:
                error = documented
            except (KeyboardInterrupt, MemoryError, ZeroDivisionError) as of_the_callers:
                error = of_the_callers
                if error is not Raising.raised:
                    raise
        self.refused += error is not None
        own = Raising.raised
        if isinstance(own, (KeyboardInterrupt, MemoryError)):
            expect(error is own, f"the caller's {type(own).__name__} became {type(error).__name__}")
        expect(net.all_finite(), "parameters are not finite")
        if case["call"] in ("fit", "update_mini_batch", "weights"):
            self.nets[case["dtype"]] = world.trained(case["dtype"])
        elif rng.random() < 0.05:
            found = net.feedforward(world.X32)
            same = found.tobytes() == self.expected[case["dtype"]].tobytes()
            expect(same, "the network says other things than before")

    def finish(self) -> None:
        expect(self.taken, "everything was refused: nothing was tried")
        expect(self.refused, "nothing was refused: nothing was tried")


def rows(rng: random.Random) -> Any:
    x = np.round(world.X[:N], 3)
    return csr(rng, x) if rng.random() < 0.5 else dense(rng, x)


def one_row(rng: random.Random, net: Network) -> None:
    found = np.asarray(net.feedforward(dense(rng, world.X[0])))
    expect(np.isfinite(found).all(), "the outputs are not finite")


def many_rows(rng: random.Random, net: Network) -> None:
    found = np.asarray(net.feedforward(rows(rng)))
    expect(np.isfinite(found).all(), "the outputs are not finite")


def targets(rng: random.Random) -> Any:
    y = world.Y[:N] if rng.random() < 0.5 else np.eye(OUTPUTS)[world.Y[:N]]
    return y if rng.random() < 0.3 else dense(rng, y)


def weights(rng: random.Random) -> Any:
    return None if rng.random() < 0.5 else dense(rng, np.linspace(0.5, 1.0, N))


def sound_rows(rng: random.Random) -> Any:
    return world.X[:N] if rng.random() < 0.5 else rows(rng)


def fit(rng: random.Random, net: Network) -> None:
    net.fit(sound_rows(rng), targets(rng), 1, 2, 1e-3, sample_weight=weights(rng), progress=False)


def order(rng: random.Random, net: Network) -> None:
    data = _core.Dataset(net, world.X[:N], world.Y[:N])
    trainer = _core.Trainer(net, batch_size=2)
    trainer.epoch(data, dense(rng, np.arange(N)), learning_rate=0.0)
    net.epoch = 2


def assign(rng: random.Random, net: Network) -> None:
    w = [np.array(each) for each in net.weights]
    w[rng.randrange(len(w))] = dense(rng, w[0])
    net.weights = rng.choice([w, w, w[:1], None, Array(np.array(net.weights[0]))])


CALLS: dict[str, Callable[[random.Random, Network], object]] = {
    "feedforward row": one_row,
    "feedforward": many_rows,
    "predict": lambda rng, net: net.predict(rows(rng)),
    "hidden_activations": lambda rng, net: net.hidden_activations(rows(rng)),
    "evaluate": lambda rng, net: net.evaluate(sound_rows(rng), targets(rng), weights(rng)),
    "loss_and_gradient": lambda rng, net: net.loss_and_gradient(sound_rows(rng), targets(rng)),
    "input_gradient": lambda rng, net: net.input_gradient(sound_rows(rng), targets(rng)),
    "fit": fit,
    "update_mini_batch": lambda rng, net: net.update_mini_batch(rows(rng), targets(rng), 1e-3),
    "order": order,
    "weights": assign,
    "integers": lambda rng, net: setattr(net, "epoch", dense(rng, np.array(3))),
}
