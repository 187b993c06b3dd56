"""Code of the pages, run as they are built; what it prints is compared with what the page says.

    ```{run}                      Python, in one namespace a page, in a directory of its own
    ```{shell}                    commands of a shell, in that directory
    ```{prints}                   what the blocks since the last `prints` have printed

`run` takes `:picture: TEXT`, which shows the figure that the code drew, TEXT being what it says to
who cannot see it; `:hide:` shows the picture alone. In `prints` three dots stand for anything. What
differs, what was printed and is not said, Python that is not run and code that fails are warnings,
which end a build with -W. With NNCORE_DOCS_UPDATE=1 the pages are rewritten instead.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

log = logging.getLogger(__name__)

PICTURES = "_pictures"
"""The folder of the pages' own pictures, which git ignores."""
STYLE = {
    # One picture for light pages and dark ones: no ground of its own, lines of a middle grey.
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "text.color": "#7a828c",
    "axes.edgecolor": "#7a828c",
    "axes.labelcolor": "#7a828c",
    "axes.titlecolor": "#7a828c",
    "axes.titlesize": "medium",
    "xtick.color": "#7a828c",
    "ytick.color": "#7a828c",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "nncore",
    "figure.max_open_warning": 0,
}


class Page:
    """The state of one page's code."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.directory = tempfile.TemporaryDirectory(prefix="nncore-docs-")
        self.printed = ""
        self.pictures = 0

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        before = Path.cwd()
        os.chdir(self.directory.name)
        try:
            yield
        finally:
            os.chdir(before)

    def run(self, code: str, place: str) -> None:
        import matplotlib

        matplotlib.use("svg")
        output = io.StringIO()
        with (
            self.here(),
            contextlib.redirect_stdout(output),
            warnings.catch_warnings(),
            matplotlib.rc_context(STYLE),
        ):
            warnings.simplefilter("error")
            try:
                exec(compile(code, place, "exec"), self.names)
            finally:
                self.printed += output.getvalue()

    def shell(self, code: str) -> None:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        with self.here():
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", code],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                env={**os.environ, "PATH": path, "COLUMNS": "80", "TERM": "dumb"},
            )  # fmt: skip
        self.printed += done.stdout
        if done.returncode:
            raise RuntimeError(f"status {done.returncode}: {done.stdout}")

    def draw(self, folder: Path) -> list[str]:
        """Saves the open figures; their names."""
        from matplotlib import pyplot

        names = []
        for number in pyplot.get_fignums():
            self.pictures += 1
            name = f"{self.name.replace('/', '-')}-{self.pictures}.svg"
            folder.mkdir(exist_ok=True)
            pyplot.figure(number).savefig(folder / name, metadata={"Date": None})
            names.append(name)
        pyplot.close("all")
        return names


class Executed(SphinxDirective):
    has_content = True

    def page(self) -> Page:
        pages: dict[str, Page] = self.env.temp_data.setdefault("nncore_pages", {})
        return pages.setdefault(self.env.docname, Page(self.env.docname))

    def warn(self, message: str) -> None:
        log.warning(message, location=self.get_location())

    def code(self, language: str, text: str, kind: str) -> nodes.Node:
        node = nodes.literal_block(text, text, language=language, classes=[kind])
        node["executed"] = True
        self.set_source_info(node)
        return node


class Run(Executed):
    option_spec: ClassVar[Any] = {
        "picture": directives.unchanged, "hide": directives.flag, "wide": directives.flag
    }  # fmt: skip

    def run(self) -> list[nodes.Node]:
        page, code = self.page(), "\n".join(self.content)
        try:
            page.run(code, self.get_location())
        except Exception:
            self.warn("this code failed:\n" + traceback.format_exc(limit=-4))
        found: list[nodes.Node] = [] if "hide" in self.options else [
            self.code("python", code, "run")
        ]  # fmt: skip
        pictures = page.draw(Path(self.env.srcdir) / PICTURES)
        if bool(pictures) != ("picture" in self.options):
            self.warn("a figure wants `:picture:` with what it shows, and the other way round")
        for name in pictures:
            alt = self.options.get("picture", "")
            classes = ["picture", "wide"] if "wide" in self.options else ["picture"]
            found.append(nodes.image(uri=f"/{PICTURES}/{name}", alt=alt, classes=classes))
        return found


class Shell(Executed):
    def run(self) -> list[nodes.Node]:
        code = "\n".join(self.content)
        try:
            self.page().shell(code)
        except Exception as error:
            self.warn(f"this command failed: {error}")
        return [self.code("sh", code, "run")]


class Prints(Executed):
    def run(self) -> list[nodes.Node]:
        page, expected = self.page(), "\n".join(self.content)
        found, page.printed = page.printed, ""
        found = "\n".join(line.rstrip() for line in found.rstrip().splitlines())
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        if not doctest.OutputChecker().check_output(expected + "\n", found + "\n", flags):
            if os.environ.get("NNCORE_DOCS_UPDATE"):
                self.rewrite(found)
            else:
                self.warn(f"expected\n{expected}\nbut the code above printed\n{found}")
        return [self.code("text", expected, "prints")]

    def rewrite(self, found: str) -> None:
        path = Path(self.env.doc2path(self.env.docname))
        text = path.read_text()
        old = "```{prints}\n" + "".join(f"{line}\n" for line in self.content) + "```"
        if text.count(old) != 1:
            for place in range(self.lineno - 1, self.lineno + 3):  # of several the one that is here
                lines = text.splitlines(keepends=True)
                if "".join(lines[place:]).startswith(old):
                    rest = "".join(lines[place:]).replace(old, f"```{{prints}}\n{found}\n```", 1)
                    path.write_text("".join(lines[:place]) + rest)
                    return
        path.write_text(text.replace(old, f"```{{prints}}\n{found}\n```", 1))


def check_page(app: Sphinx, doctree: nodes.document) -> None:
    """What a page's code has printed at its end, and Python that nobody ran."""
    page = app.env.temp_data.get("nncore_pages", {}).get(app.env.docname)
    if page is not None and page.printed.strip():
        log.warning(f"was printed and is not said: {page.printed}", location=app.env.docname)
    if page is not None:
        page.directory.cleanup()
    if not str(app.env.doc2path(app.env.docname)).endswith(".md"):
        return
    for node in doctree.findall(nodes.literal_block):
        included = node.get("source") is not None  # a file, which tests run
        if node.get("language") in ("python", "py", "pycon") and not (
            included or node.get("executed")
        ):
            log.warning("this Python is not run; write ```{run}", location=node)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("run", Run)
    app.add_directive("shell", Shell)
    app.add_directive("prints", Prints)
    app.connect("doctree-read", check_page)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
