"""Pictures as files."""

from __future__ import annotations

import os
from io import BytesIO
from typing import TYPE_CHECKING

from nncore._support.extras import require
from nncore._support.files import check_replaceable, replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def check_figure_file(path: str) -> None:
    """Raises what `save_figure` would raise, before anything is drawn.

    ImportError: matplotlib is not installed. ValueError: it writes no such files. OSError: no file
    can be written there.
    """
    canvas = require("matplotlib.backend_bases", extra="plot", purpose="a picture")
    kinds = canvas.FigureCanvasBase.get_supported_filetypes()
    if _kind(path) not in kinds:
        raise ValueError(
            f"{path}: expected a name that ends as one of {', '.join(sorted(kinds))}, for a picture"
        )
    check_replaceable(path)


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Writes a PNG, or by its suffix another kind of file, whole or not at all."""
    content = BytesIO()
    figure.savefig(content, format=_kind(os.fspath(path)), dpi=150)
    replace_file(path, content.getvalue())


def _kind(path: str) -> str:
    return os.path.splitext(path)[1].removeprefix(".").lower() or "png"
