"""Tests beside what they hold: ```{proof} FILE NAME shows the source of a test, folded.

NAME is a Python function, or the words of a C++ TEST_CASE. Where there is none, that is a warning.
"""

from __future__ import annotations

import ast
import html
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

log = logging.getLogger(__name__)
ROOT = Path(__file__).parents[2]


def source(path: Path, name: str) -> str:
    """The test's source, "" where there is no such test."""
    text = path.read_text()
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.name == name:
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
        return ""
    found = re.search(rf'^TEST_CASE\("{re.escape(name)}.*?^}}', text, re.DOTALL | re.MULTILINE)
    return found.group(0) if found else ""


class Proof(SphinxDirective):
    required_arguments = 2
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        path = ROOT / self.arguments[0]
        self.env.note_dependency(str(path))
        text = source(path, self.arguments[1]) if path.is_file() else ""
        if not text:
            log.warning(
                f"there is no test {' '.join(self.arguments)}", location=self.get_location()
            )
        words = html.escape(self.arguments[1].removeprefix("test_").replace("_", " "))
        place = html.escape(self.arguments[0])
        code = nodes.literal_block(text, text, language={".py": "python"}.get(path.suffix, "cpp"))
        code["executed"] = True  # by the tests
        head = f'<details class="proof"><summary>{words} <code>{place}</code></summary>'
        return [
            nodes.raw("", head, format="html"),
            code,
            nodes.raw("", "</details>", format="html"),
        ]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("proof", Proof)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
