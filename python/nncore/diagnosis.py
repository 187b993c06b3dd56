"""Why a network does not learn: what `Network.diagnose` finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import _core, costs, optimizers
from nncore._model import Model
from nncore._support.checks import integer
from nncore.errors import DivergenceError
from nncore.training.settings import default_rate

LARGE, TINY = 10.0, 0.01
"""Inputs beyond the one are unscaled; so are those that stay this much below the usual column."""
SHARE = 0.25
"""Fewer dead or saturated units of a layer are nothing to speak of."""
SATURATED = 0.01
"""A slope below this, of the greatest that the unit can have, teaches nothing."""
LISTED = 5


class Finding(NamedTuple):
    """One thing that is wrong.

    `kind` is "unscaled", "constant inputs", "one class", "contradicting labels", "leak",
    "identical units", "dead units", "saturated units", "vanishing gradient", "rate too high" or
    "rate too low".
    """

    kind: str
    sentence: str
    """What was found, with its numbers, and what may help."""
    numbers: dict[str, Any]
    """The numbers of the sentence, by name."""


class Diagnosis(Sequence[Finding]):
    """The findings, true if there are any; `str` has a sentence for each."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._findings = list(findings)

    def kinds(self) -> list[str]:
        """What kinds of findings there are, in their order."""
        return [finding.kind for finding in self._findings]

    def __getitem__(self, key: Any) -> Any:
        return self._findings[key]

    def __len__(self) -> int:
        return len(self._findings)

    def __str__(self) -> str:
        if not self._findings:
            return "nothing was found that keeps this network from learning"
        return "\n".join(f"{finding.kind}: {finding.sentence}" for finding in self._findings)

    def __repr__(self) -> str:
        return f"Diagnosis({', '.join(self.kinds()) or 'nothing found'})"

    def _repr_html_(self) -> str:
        from nncore._support import html

        return html.table(["found", ""], [finding[:2] for finding in self._findings])


def diagnose(
    net: Model,
    x: Any,
    y: ArrayLike,
    *,
    columns: Sequence[str] | None,
    validation_data: Sequence[Any] | None,
    rows: int,
    fit: dict[str, Any],
) -> Diagnosis:
    """See `Network.diagnose`."""
    integer("rows", rows, low=2)
    _core.Dataset(net, x, y)  # whose checks name what is wrong
    names = _column_names(x, columns)
    sample = _some_rows(len(y), rows, net.seed)  # type: ignore[arg-type]
    x = getattr(x, "to_numpy", lambda: x)()
    few, few_y = x[sample], np.asarray(y)[sample]
    findings = [
        *_inputs(_dense(few), names),
        *_labels(x, np.asarray(y)),
        *(() if validation_data is None else _leaks(x, validation_data[0])),
        *_units(net, few),
        *_gradients(net, few, few_y),
        *_rates(net, few, few_y, fit),
    ]
    return Diagnosis(findings)


def _some_rows(count: int, most: int, seed: int) -> NDArray[np.int64]:
    chosen = np.random.default_rng(seed).permutation(count)[:most]
    return np.sort(chosen)


def _dense(x: Any) -> NDArray[np.float64]:
    return np.asarray(x.toarray() if hasattr(x, "toarray") else x, np.float64)


def _column_names(x: Any, columns: Sequence[str] | None) -> list[str]:
    width = np.shape(x)[1]
    if columns is None:
        columns = getattr(x, "columns", None)  # a data frame's
    names = [f"column {i}" for i in range(width)] if columns is None else list(map(str, columns))
    if len(names) != width:
        raise ValueError(f"expected {width} names of columns, got {len(names)}")
    return names


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:LISTED])
    return shown if len(names) <= LISTED else f"{shown} and {len(names) - LISTED} more"


def _inputs(x: NDArray[np.float64], names: list[str]) -> Iterator[Finding]:
    largest = np.abs(x).max(axis=0)
    size = np.sqrt(np.square(x).mean(axis=0))
    usual = float(np.median(largest[largest > 0])) if (largest > 0).any() else 0.0
    large = np.flatnonzero(size > LARGE)
    # A column of zeros but for some rows, such as a pixel at the border, may well be small.
    tiny = np.flatnonzero((largest < TINY * min(usual, 1)) & ((x != 0).mean(axis=0) > 0.5))
    for places, words in ((large, "large"), (tiny, "tiny")):
        if len(places):
            of = [f"{names[i]} ({x[:, i].min():.3g} to {x[:, i].max():.3g})" for i in places]
            yield Finding(
                "unscaled",
                f"{len(places)} of {len(names)} inputs are {words}: {_listed(of)}; bring inputs to "
                "a mean of 0 and a deviation of 1, or to the range from 0 to 1",
                {"columns": [names[i] for i in places], "size": size[places].tolist()},
            )
    constant = np.flatnonzero(np.ptp(x, axis=0) == 0)
    if len(constant) == len(names):
        yield Finding(
            "constant inputs",
            f"all {len(names)} inputs are the same in all of {len(x)} rows: there is nothing to "
            "learn from",
            {"columns": names},
        )


def _row_keys(x: Any) -> NDArray[Any]:
    """A key for each row, the same for the same numbers."""
    if hasattr(x, "tocsr"):
        x = x.tocsr()
        return np.array([
            hash((x.indices[a:b].tobytes(), x.data[a:b].tobytes()))
            for a, b in zip(x.indptr[:-1], x.indptr[1:], strict=True)
        ])  # fmt: skip
    rows = np.ascontiguousarray(np.asarray(x)) + 0  # -0.0 becomes 0.0
    return np.array([hash(row.tobytes()) for row in rows])


def _labels(x: Any, y: NDArray[Any]) -> Iterator[Finding]:
    if y.ndim == 2 and y.shape[1] > 1 and ((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all():
        y = y.argmax(axis=1)
    labels = np.unique(y) if y.ndim == 1 else np.array([])
    if y.ndim != 1 or len(labels) > max(20, len(y) // 20):
        return  # numbers, not classes
    if len(labels) == 1:
        yield Finding(
            "one class",
            f"all {len(y)} rows have the label {labels[0]!s}: there is nothing to tell apart",
            {"label": labels[0].item()},
        )
        return
    _, groups = np.unique(_row_keys(x), return_inverse=True)
    counts = np.zeros((groups.max() + 1, len(labels)), np.int64)
    np.add.at(counts, (groups, np.searchsorted(labels, y)), 1)
    bound = counts.max(axis=1).sum() / len(y)
    if bound < 0.99:
        mixed = int(((counts > 0).sum(axis=1) > 1).sum())
        yield Finding(
            "contradicting labels",
            f"{mixed} inputs occur several times with different labels; whatever the network, at "
            f"most {100 * bound:.2f} % of the rows can be right",
            {"inputs": mixed, "best_accuracy": float(bound)},
        )


def _leaks(x: Any, validation: Any) -> Iterator[Finding]:
    known = np.unique(_row_keys(x))
    validation = getattr(validation, "to_numpy", lambda: validation)()
    keys = _row_keys(validation)
    seen = int(np.isin(keys, known).sum())
    if seen > 0.01 * len(keys):
        yield Finding(
            "leak",
            f"{seen} of {len(keys)} validation rows are training rows as well: accuracy on them "
            "says nothing of new data",
            {"rows": seen, "of": len(keys)},
        )


def _slope_shares(activation: str, a: NDArray[Any]) -> NDArray[Any]:
    """The slope at each activation, of the greatest; 1 for units that cannot saturate."""
    if activation == "sigmoid":
        return np.asarray(4 * a * (1 - a))
    if activation == "tanh":
        return np.asarray(1 - a * a)
    return np.ones_like(a)


def _units(net: Model, x: Any) -> Iterator[Finding]:
    weights = net.weights
    *hidden, _ = _core.Network.hidden_activations(net, x)
    for number, (activation, a) in enumerate(zip(net.activations, hidden, strict=False), start=1):
        w, units = weights[number - 1], a.shape[1]
        if units > 1 and (w == w[0]).all() and (a == a[:, :1]).all():
            yield Finding(
                "identical units",
                f"all {units} units of layer {number} are the same, and will learn the same; "
                "their weights have to begin at random",
                {"layer": number},
            )
            continue
        dead = int((np.ptp(a, axis=0) == 0).sum()) if activation.startswith("relu") else 0
        if dead >= SHARE * units:
            yield Finding(
                "dead units",
                f"{dead} of {units} {activation} units of layer {number} say the same to all of "
                f"{len(a)} rows, and learn nothing; try a smaller rate, leaky_relu, or smaller "
                "inputs",
                {"layer": number, "units": dead, "of": units},
            )
        flat = (_slope_shares(activation, a) < SATURATED).mean(axis=0)
        saturated = int((flat > 0.95).sum())
        if saturated >= SHARE * units:
            yield Finding(
                "saturated units",
                f"{saturated} of {units} {activation} units of layer {number} are saturated for "
                "more than 95 % of the rows, where they learn next to nothing; begin with smaller "
                "weights (initializer='scaled' or 'auto') or smaller inputs",
                {"layer": number, "units": saturated, "of": units},
            )


def _gradients(net: Model, x: Any, y: NDArray[Any]) -> Iterator[Finding]:
    _, by_biases = net.backprop(x, y)
    lengths = [float(np.linalg.norm(gradient)) for gradient in by_biases]
    if len(lengths) > 2 and lengths[-1] > 0 and 0 < lengths[0] < 1e-4 * lengths[-1]:
        yield Finding(
            "vanishing gradient",
            f"the first layer's gradient is {lengths[0] / lengths[-1]:.1e} of the last one's: "
            "fewer layers, or relu with initializer='auto', learn faster",
            {"lengths": lengths},
        )


def _rates(net: Model, x: Any, y: NDArray[Any], fit: dict[str, Any]) -> Iterator[Finding]:
    """Trains copies for an epoch or more, at the rate and at others."""
    options = dict(fit)
    rate = options.pop("learning_rate")
    if rate is None:
        rate = default_rate(net, optimizers.resolve(options["optimizer"]))
    start = net.evaluate(x, y).cost
    # A hundred mini-batches at least.
    epochs = max(1, -(-100 * integer("batch_size", options["batch_size"], low=1) // len(y)))

    def fall(factor: float) -> float:
        """How much of the cost is gone after training at that multiple of the rate."""
        copy = _copy(net)
        try:
            copy.fit(x, y, epochs, learning_rate=factor * rate, progress=False, **options)
        except DivergenceError:
            return -np.inf
        return float((start - copy.evaluate(x, y).cost) / (abs(start) or 1.0))

    yield from _judge(fall, trained=net.epoch > 0)


def _copy(net: Model) -> Any:
    """The same network, of which no optimiser remembers anything."""
    *hidden, output = net.activations
    return type(net)(
        net.sizes, activation=hidden, output_activation=output, dtype=net.dtype, seed=net.seed,
        cost=costs.of(net) if net.cost_function is None else net.cost_function,
        initializer=([np.array(w) for w in net.weights], [np.array(b) for b in net.biases]),
    )  # fmt: skip


def _judge(fall: Callable[[float], float], *, trained: bool) -> Iterator[Finding]:
    usual = fall(1)
    if usual < (-0.5 if trained else 0.02):
        lower = max((fall(f), f) for f in (0.1, 0.01, 0.001))
        if lower[0] > max(0.05, usual + 0.05):
            found = "left the finite numbers" if usual == -np.inf else _change(usual)
            yield Finding(
                "rate too high",
                f"in a short trial the cost {found}, and {_change(lower[0])} at {lower[1]:g} times "
                "the rate",
                {"fall": usual, "factor": lower[1], "fall_there": lower[0]},
            )
            return
    if not trained and usual < 0.05:
        higher = max((fall(f), f) for f in (10, 100, 1000))
        if higher[0] > max(0.1, 3 * usual):
            yield Finding(
                "rate too low",
                f"in a short trial the cost {_change(usual)}, and {_change(higher[0])} at "
                f"{higher[1]:g} times the rate",
                {"fall": usual, "factor": higher[1], "fall_there": higher[0]},
            )


def _change(fall: float) -> str:
    return f"fell by {100 * fall:.1f} %" if fall >= 0 else f"rose by {-100 * fall:.1f} %"
