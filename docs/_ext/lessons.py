"""The gallery: how its pictures look, and what its scripts print, held to lessons/printed.txt."""

from __future__ import annotations

import difflib
import os
import re
import textwrap
import warnings
from pathlib import Path
from typing import Any

from executed import STYLE
from sphinx.application import Sphinx
from sphinx.util import logging

log = logging.getLogger(__name__)
LESSONS = Path(__file__).parents[1] / "lessons"
PRINTED = LESSONS / "printed.txt"
_filters: list[Any] = []


def reset(gallery: dict[str, Any], name: str, when: str) -> None:
    """Before each script: the pages' style, and warnings that are errors. Behind it as it was."""
    import matplotlib

    if when == "before":
        matplotlib.rcParams.update(STYLE)
        matplotlib.rcParams["figure.dpi"] = 110
        _filters[:] = warnings.filters
        warnings.simplefilter("error")
    else:
        matplotlib.rcdefaults()
        warnings.filters[:] = _filters


def printed(app: Sphinx) -> str:
    """What all scripts have printed, by their names."""
    found = []
    for page in sorted((Path(app.srcdir) / "gallery").glob("lesson_*.rst")):
        for block in re.findall(
            r"^ \.\. code-block:: none\n\n((?:    .*\n|\n)+)", page.read_text(), re.MULTILINE
        ):
            found.append(f"== {page.stem}\n{textwrap.dedent(block).strip()}\n")
    return "\n".join(found)


def compare(app: Sphinx) -> None:
    found = printed(app)
    if os.environ.get("NNCORE_DOCS_UPDATE"):
        PRINTED.write_text(found)
    expected = PRINTED.read_text()
    if found != expected:
        lines = difflib.unified_diff(expected.splitlines(), found.splitlines(), lineterm="", n=2)
        log.warning("the gallery printed other than lessons/printed.txt:\n" + "\n".join(lines))


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("builder-inited", compare, priority=900)  # behind sphinx-gallery, which runs them
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
