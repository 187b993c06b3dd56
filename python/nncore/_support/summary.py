"""A network as a table."""

from __future__ import annotations

from nncore import _core


def summary(net: _core.Network) -> str:
    """The layers, their parameters, and the memory that these take."""
    shapes = [w.shape for w in _core.weight_views(net)]
    counts = [units * (inputs + 1) for units, inputs in shapes]
    rows = [("layer", "activation", "inputs", "units", "parameters")]
    rows += [
        (str(i), activation, str(inputs), str(units), f"{count:,}")
        for i, (activation, (units, inputs), count) in enumerate(
            zip(net.activations, shapes, counts, strict=True), start=1
        )
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            text.ljust(width) if i == 1 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    size = net.dtype.itemsize
    lines += [
        f"{sum(counts):,} parameters of {size} bytes: {_bytes(sum(counts) * size)}",
        f"{net.cost} cost, seed {net.seed}, trained for {net.epoch} epochs",
    ]
    return "\n".join(lines)


def _bytes(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
