"""The specs of `fit_many`, checked: what each network is, and which rows it sees."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore._support.architecture import initial_arrays, initializer_names
from nncore._support.checks import naming, real
from nncore._support.names import check_name
from nncore.callbacks import Callback
from nncore.metrics import resolve as resolve_metrics
from nncore.network import Network
from nncore.training.loop import in_calling_order
from nncore.training.samples import Samples, split_point
from nncore.training.settings import Settings

Rows = NDArray[np.int64] | slice


def _arguments(function: Any, *others: str) -> dict[str, Any]:
    """Names of a function's arguments with their defaults, without the others."""
    found = signature(function).parameters.values()
    return {p.name: p.default for p in found if p.name not in ("self", *others)}


_OF_ALL = ("x", "y", "validation_data", "X_val", "y_val", "progress")
NETWORK = _arguments(Network.__init__)
FIT = _arguments(Network.fit, *_OF_ALL, "initial_epoch", "world")
_ROWS = ("rows", "validation_rows")
_HANDLED_HERE = ("validation_split", "sample_weight", "metrics", "class_weight")


class Part(NamedTuple):
    """Rows to train or to measure on."""

    held_out: bool
    """Whether they are of `validation_data`, and not of x."""
    rows: Rows | None
    """Which of them; None for all."""
    weight: NDArray[Any] | None
    """In place of the samples' own, a number for each row of x."""

    def of(self, samples: Samples) -> Samples:
        if self.weight is not None:
            samples = samples.with_weight(self.weight)
            samples.check_lengths()
        return samples if self.rows is None else samples.taken(self.rows)


@dataclass(frozen=True, eq=False)
class Plan:
    """One network to train."""

    index: int
    spec: dict[str, Any]
    network: dict[str, Any]
    """Arguments of `Network`."""
    fit: dict[str, Any]
    """All arguments of `fit` but the rows."""
    training: int
    """The number of the part to train on."""
    validation: int | None


class Plans:
    """The networks to train, and the parts of the rows that they share."""

    def __init__(
        self,
        specs: Iterable[Mapping[str, Any]],
        common: Mapping[str, Any],
        samples: Samples,
        has_validation_data: bool,
        n_threads: int,
    ) -> None:
        self.parts: list[Part] = []
        self._samples, self._has_validation_data = samples, has_validation_data
        self._n_threads = n_threads
        self._numbers: dict[Any, int] = {}
        common = _listed(common)
        merged = [{**common, **_listed(spec)} for spec in specs]
        _copy_shared_callbacks(merged)
        self.plans = []
        for index, spec in enumerate(merged):
            with naming(f"spec {index}"):
                self.plans.append(self._plan(index, spec))
        uses = Counter(part for plan in self.plans for part in (plan.training, plan.validation))
        self.reused = {part for part, count in uses.items() if part is not None and count > 1}
        """The parts that several networks see."""

    def _plan(self, index: int, spec: dict[str, Any]) -> Plan:
        for name in spec:
            if name in _OF_ALL:
                raise TypeError(f"{name} is an argument of fit_many itself, for all networks")
            check_name("argument", name, [*NETWORK, *FIT, *_ROWS])
        if "sizes" not in spec:
            raise TypeError("sizes is missing: the units of every layer, as of nncore.Network")
        network = {name: spec[name] for name in NETWORK if name in spec}
        fit = {name: spec.get(name, default) for name, default in FIT.items()}
        if fit["n_threads"] is None:
            fit["n_threads"] = self._n_threads
        _check(network, fit)
        training, validation = self._parts_of(spec, fit.pop("validation_split"))
        del fit["sample_weight"]
        return Plan(index, spec, network, fit, training, validation)

    def _parts_of(self, spec: dict[str, Any], split: object) -> tuple[int, int | None]:
        n = len(self._samples.y) if self._samples.y.ndim else 0
        given, held_out = (spec.get(name) for name in _ROWS)
        fraction = real("validation_split", split, high=1.0, below=True)
        ways = {
            "validation_data": self._has_validation_data,
            "validation_split": bool(fraction),
            "validation_rows": held_out is not None,
        }
        chosen = [name for name, there in ways.items() if there]
        if len(chosen) > 1:
            raise ValueError(f"give {chosen[0]} or {chosen[1]}, not both")
        if held_out is not None and given is None:
            raise ValueError(
                "validation_rows is given without rows, those to train on: that would train on "
                "all, the validation rows among them"
            )
        weight = spec.get("sample_weight")
        weight = None if weight is None else np.asarray(weight)
        rows: Rows | None = None if given is None else _checked_rows("rows", given, n)
        if held_out is not None:
            last: Rows = _checked_rows("validation_rows", held_out, n)
        elif fraction:
            whole = slice(n) if rows is None else rows
            at = split_point(n if isinstance(whole, slice) else len(whole), fraction)
            rows = slice(at) if isinstance(whole, slice) else whole[:at]
            last = slice(at, n) if isinstance(whole, slice) else whole[at:]
        else:
            validation = self._part(Part(True, None, None)) if self._has_validation_data else None
            return self._part(Part(False, rows, weight)), validation
        return self._part(Part(False, rows, weight)), self._part(Part(False, last, weight))

    def _part(self, part: Part) -> int:
        """Its number; equal ones are one part."""
        key = part.held_out, *map(self._identity, (part.rows, part.weight))
        if key not in self._numbers:
            self._numbers[key] = len(self.parts)
            self.parts.append(part)
        return self._numbers[key]

    @staticmethod
    def _identity(rows: NDArray[Any] | slice | None) -> Any:
        if rows is None:
            return None
        if isinstance(rows, slice):
            return rows.start, rows.stop
        digest = hashlib.blake2b(np.ascontiguousarray(rows).tobytes()).digest()
        return rows.dtype.str, rows.shape, digest


def checked_mappings(specs: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The specs one by one; raises TypeError for what is none."""
    wanted = "specs must be a list of mappings, each with arguments of Network and fit"
    if isinstance(specs, (str, Mapping)) or not isinstance(specs, Iterable):
        raise TypeError(f"{wanted}, got {specs!r}")
    for index, spec in enumerate(specs):
        if not isinstance(spec, Mapping) or not all(isinstance(name, str) for name in spec):
            raise TypeError(f"{wanted}; spec {index} is {spec!r}")
        yield spec


def _listed(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Iterators, which end when they are used once, as lists."""
    return {k: list(v) if isinstance(v, Iterator) else v for k, v in spec.items()}


def _copy_shared_callbacks(specs: Sequence[dict[str, Any]]) -> None:
    """Gives every spec callbacks of its own: they keep what they see of a run."""
    lists: dict[int, list[Callback]] = {}
    for index, spec in enumerate(specs):
        if spec.get("callbacks") is not None:
            with naming(f"spec {index}"):
                lists[index] = in_calling_order(spec["callbacks"])
    uses = Counter(id(callback) for callbacks in lists.values() for callback in callbacks)
    for index, callbacks in lists.items():
        with naming(f"spec {index}"):
            specs[index]["callbacks"] = [
                _copied(callback) if uses[id(callback)] > 1 else callback for callback in callbacks
            ]


def _copied(callback: Callback) -> Callback:
    try:
        return deepcopy(callback)
    except Exception as error:
        raise TypeError(
            f"several specs share the callback {callback!r}, which cannot be copied ({error}); "
            "give each spec its own"
        ) from error


def _check(network: dict[str, Any], fit: dict[str, Any]) -> None:
    """Raises for whatever can be told to be wrong without the rows."""
    initializer = network.get("initializer", NETWORK["initializer"])
    if initial_arrays(initializer) is None:  # drawing the parameters can wait
        probe = Network(**{**network, "initializer": "zeros"})
        initializer_names(initializer, list(probe.activations))
    else:
        probe = Network(**network)
    resolve_metrics(fit["metrics"])
    settings = {name: value for name, value in fit.items() if name not in _HANDLED_HERE}
    Settings.of(probe, **settings, initial_epoch=None)


def _checked_rows(name: str, given: Any, n: int) -> NDArray[np.int64]:
    rows = np.asarray(given)
    if rows.ndim != 1:
        raise ValueError(f"{name} has shape {rows.shape}; expected row numbers (k,)")
    if rows.dtype == np.bool_:
        if len(rows) != n:
            raise ValueError(f"{name} is a mask of {len(rows)} rows; x has {n}")
        rows = np.flatnonzero(rows)
    if len(rows) == 0:
        raise ValueError(f"{name} is empty; expected one row at least")
    if rows.dtype.kind not in "iu":
        raise TypeError(f"{name} has dtype {rows.dtype}; expected integers, or a mask")
    low, high = rows.min(), rows.max()
    if low < 0 or high >= n:
        wrong = low if low < 0 else high
        raise ValueError(f"{name} has {wrong}; expected numbers from 0 to {n - 1}, the rows of x")
    return rows.astype(np.int64)
