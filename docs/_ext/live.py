"""The live page, made by `nncore page` where there is that command; files that may be missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

log = logging.getLogger(__name__)
ROOT = Path(__file__).parents[2]
MAKE = """
import sys, nncore
data = nncore.datasets.load_digits(n_train=10_000, n_validation=1_000, n_test=1_000, seed=1)
net = nncore.Network([784, 30, 10], activation="relu", output_activation="softmax",
                     cost="log_likelihood", seed=1)
net.fit(*data.train, epochs=10, optimizer="adam", learning_rate=0.002)
net.save(sys.argv[1])
"""


def has_command() -> bool:
    import nncore

    return (Path(nncore.__file__).parent / "cli" / "page.py").is_file()


def make(app: Sphinx) -> None:
    """Trains a network and writes its page beside the others; once."""
    made = Path(app.outdir) / "_static" / "digits.html"
    if app.builder.format != "html" or not has_command() or made.is_file():
        return
    made.parent.mkdir(parents=True, exist_ok=True)
    model = made.with_suffix(".safetensors")
    subprocess.run([sys.executable, "-c", MAKE, str(model)], check=True)
    command = [sys.executable, "-m", "nncore", "page", str(model), "--output", str(made)]
    done = subprocess.run(command, capture_output=True, text=True)
    model.unlink()
    if done.returncode:  # such as a checkout whose core was not compiled for browsers
        log.info("the live page is left out: %s", done.stderr.strip())


class Live(SphinxDirective):
    """The page itself; where it cannot be made, how to make it (the directive's content)."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        if not (Path(self.env.app.outdir) / "_static" / "digits.html").is_file():
            return self.parse_content_to_nodes()
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
