"""A network as a table."""

from __future__ import annotations

from html import escape

from nncore import _core

from . import html


def summary(net: _core.Network) -> str:
    """The layers, their parameters, and the memory that these take."""
    rows = _rows(net)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            text.ljust(width) if i == 1 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([*lines, *_totals(net)])


def summary_html(net: _core.Network) -> str:
    """The same for notebooks."""
    heading, *layers = _rows(net)
    totals = "<br/>".join(map(escape, _totals(net)))
    return f"{html.table(heading, layers)}<p>{totals}</p>"


def _rows(net: _core.Network) -> list[tuple[str, ...]]:
    """A heading, and a row for each layer."""
    shapes = [w.shape for w in _core.weight_views(net)]
    return [
        ("layer", "activation", "inputs", "units", "parameters"),
        *(
            (str(i), activation, str(inputs), str(units), f"{units * (inputs + 1):,}")
            for i, (activation, (units, inputs)) in enumerate(
                zip(net.activations, shapes, strict=True), start=1
            )
        ),
    ]


def _totals(net: _core.Network) -> list[str]:
    count = sum(
        units * (inputs + 1) for units, inputs in (w.shape for w in _core.weight_views(net))
    )
    size = net.dtype.itemsize
    return [
        f"{count:,} parameters of {size} bytes: {_bytes(count * size)}",
        f"{net.cost} cost, seed {net.seed}, trained for {net.epoch} epochs",
    ]


def _bytes(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
