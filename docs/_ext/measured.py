"""Numbers that were measured: a page may quote only what stands in bench/NOTES.md.

    {measured}`40.9 ms <book | 1 | 40.9 ms>`      shows the first; the second must stand in there

Line breaks count as spaces. What is not found is a warning.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

log = logging.getLogger(__name__)
NOTES = Path(__file__).parents[2] / "bench" / "NOTES.md"


@cache
def notes() -> str:
    return " ".join(NOTES.read_text().split())


class Measured(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        text = self.text.strip()
        parts = re.fullmatch(r"(.*?)\s*<(.*)>", text, re.DOTALL)
        shown, quoted = parts.groups() if parts else (text, text)
        if " ".join(quoted.split()) not in notes():
            log.warning(f"bench/NOTES.md does not say {quoted!r}", location=self.get_location())
        return [nodes.inline(shown, shown, classes=["measured"])], []


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_role("measured", Measured())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
