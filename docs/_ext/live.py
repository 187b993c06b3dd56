"""The live page, made by `nncore page`; files that may be missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]


def make(app: Sphinx) -> None:
    """Writes the page of the network that comes with nncore beside the others; once."""
    made = Path(app.outdir) / "_static" / "digits.html"
    if app.builder.format != "html" or made.is_file():
        return
    made.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "nncore", "page", "--output", str(made)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class Live(SphinxDirective):
    """The page itself."""

    def run(self) -> list[nodes.Node]:
        frame = (
            '<iframe class="live" src="_static/digits.html" title="Draw a digit; a network reads '
            'it"></iframe>\n<p><a href="_static/digits.html">On a page of its own</a></p>'
        )
        return [nodes.raw("", frame, format="html")]


class IfFile(SphinxDirective):
    """Its content where a file of the checkout is there."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        there = (ROOT / self.arguments[0]).is_file()
        return self.parse_content_to_nodes(allow_section_headings=True) if there else []


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("live", Live)
    app.add_directive("if-file", IfFile)
    app.connect("builder-inited", make)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
