"""HTML for notebooks: tables and inline SVG without a script, on light pages and dark ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

COLOURS = ("#3b82c4", "#e0782f")
"""Lines that can be told apart, seen on white and on black."""

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 360, 150, 52, 20


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts; the page styles it."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heading)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def curves(title: str, x: Sequence[float], lines: Mapping[str, Sequence[float]]) -> str:
    """An SVG of lines over `x`; values that are not finite are gaps."""
    values = [value for line in lines.values() for value in line if math.isfinite(value)]
    if not values:
        return ""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 0.5, high + 0.5
    first, last = min(x), max(x)
    span = last - first or 1

    def place(at: float, value: float) -> str:
        across = _LEFT + (_WIDTH - _LEFT - 8) * (at - first) / span
        down = 22 + (_HEIGHT - 22 - _BOTTOM) * (high - value) / (high - low)
        return f"{across:.1f},{down:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}" '
        'font-family="sans-serif" font-size="11" fill="currentColor">',
        f'<path d="M{_LEFT} 22V{_HEIGHT - _BOTTOM}H{_WIDTH - 8}" fill="none" '
        'stroke="currentColor" stroke-opacity=".4"/>',
        _text(_LEFT - 4, 26, "end", f"{high:.4g}"),
        _text(_LEFT - 4, _HEIGHT - _BOTTOM, "end", f"{low:.4g}"),
        _text(_LEFT, _HEIGHT - 6, "start", f"{first:g}"),
        _text(_WIDTH - 8, _HEIGHT - 6, "end", f"{last:g}"),
        _text(_LEFT, 12, "start", title, "bold"),
    ]
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        for run in _without_gaps(x, line):
            points = " ".join(place(at, value) for at, value in run)
            if len(run) == 1:
                across, down = points.split(",")
                parts.append(f'<circle cx="{across}" cy="{down}" r="2.5" fill="{colour}"/>')
            else:
                stroke = f'fill="none" stroke="{colour}" stroke-width="1.6"'
                parts.append(f'<polyline points="{points}" {stroke}/>')
        parts.append(
            f'<text x="{_WIDTH - 8 - 80 * (len(lines) - 1 - number)}" y="12" text-anchor="end" '
            f'fill="{colour}">{escape(name)}</text>'
        )
    return "".join([*parts, "</svg>"])


def _text(x: float, y: float, anchor: str, text: str, weight: str = "normal") -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
    )


def _without_gaps(x: Sequence[float], line: Sequence[float]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for at, value in zip(x, line, strict=True):
        if math.isfinite(value):
            runs[-1].append((at, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
