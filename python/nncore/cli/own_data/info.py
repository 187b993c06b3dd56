"""What `nncore info` says of a model of users' own data."""

from __future__ import annotations

import json
from typing import Any

from nncore import Network
from nncore.cli.output import printable, table

from .data import KEY

_MOST_VALUES = 12
"""Of a column's categories, so many are shown."""


def describe_preparation(net: Network, preparation: Any) -> dict[str, str]:
    """Lines by their headings."""
    from nncore.data.preparation import NumberTarget, TablePreparation

    lines: dict[str, str] = {}
    if isinstance(preparation, TablePreparation):
        target = preparation.target
        if isinstance(target, NumberTarget):
            lines["target"] = (
                f"{printable(target.name)}: a number, (value - {target.mean:.6g}) / "
                f"{target.scale:.6g}"
            )
        else:
            lines["target"] = f"{printable(target.name)}: {len(target.classes)} classes"
            lines["classes"] = "\n".join(map(printable, target.classes))
        rows = [["column", "inputs", "missing", "what it becomes"]]
        rows += [_row(column) for column in preparation.columns]
        lines["columns"] = _left_aligned(rows)
        if preparation.left_out:
            lines["left out"] = "\n".join(
                f"{printable(name)}: {why}" for name, why in preparation.left_out.items()
            )
    else:
        kind = "grey" if preparation.channels == 1 else "red, green and blue"
        lines["images"] = f"{preparation.height} x {preparation.columns} pixels, {kind}"
        lines["pixels"] = f"(level / 255 - {preparation.mean:.6g}) / {preparation.scale:.6g}"
        lines["classes"] = "\n".join(map(printable, preparation.classes))
    result = json.loads(net.metadata[KEY]).get("result")
    if isinstance(result, dict):
        lines["best"] = ", ".join(f"{printable(str(k))} {_number(v)}" for k, v in result.items())
    return lines


def _row(column: Any) -> list[str]:
    if column.kind == "number":
        what = f"(value - {column.mean:.6g}) / {column.scale:.6g}"
    else:
        what = ", ".join(map(printable, column.values[:_MOST_VALUES]))
        more = len(column.values) - _MOST_VALUES
        what += f" and {more} more" if more > 0 else ""
        what += ", and one for all others" if column.other else ""
    return [printable(column.name), str(column.width), "yes" if column.missing else "-", what]


def _left_aligned(rows: list[list[str]]) -> str:
    lines = table([row[:-1] for row in rows]).splitlines()
    return "\n".join(f"{line}  {row[-1]}" for line, row in zip(lines, rows, strict=True))


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else printable(str(value))
