"""The live page, made by `nncore page`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


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


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("live", Live)
    app.connect("builder-inited", make)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
