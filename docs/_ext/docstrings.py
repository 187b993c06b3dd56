"""Docstrings are plain text with Markdown's backticks; what reStructuredText would read into it."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

_TABLE = re.compile(r"\s*[=+|-]{3}")


def as_written(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    for i, line in enumerate(lines):
        if line.startswith(">>>") or _TABLE.match(line):
            continue
        line = re.sub(r"(?<![\\`])\|(?!`)", r"\\|", line)  # |w| is a norm, no substitution
        line = re.sub(r"`([\w.]+)`(?=[a-z])", r"`\1`\\ ", line)  # `n`th
        following = lines[i + 1 : i + 3]
        if line.endswith(":") and len(following) == 2 and not following[0].strip():
            indent = len(line) - len(line.lstrip())
            if following[1].startswith(" " * (indent + 4)):
                line += ":"  # a program follows
        lines[i] = line


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("autodoc-process-docstring", as_written, priority=100)  # before napoleon
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
