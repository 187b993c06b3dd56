"""Warnings that name the user's line, however deep they come up."""

from __future__ import annotations

import sys
import warnings
from types import FrameType


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warns at the line outside of nncore that led here."""
    level = 1
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "nncore":
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)
