"""Packages that nncore can use but does not need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PROJECTS = {"PIL": "Pillow", "sklearn": "scikit-learn"}


def require(module: str, *, extra: str, purpose: str) -> Any:
    """Import `module`, or raise an ImportError that says which extra of nncore brings it.

    >>> require("tqdm", extra="progress", purpose="a progress bar")  # doctest: +SKIP
    ImportError: a progress bar needs tqdm; install it with: pip install 'nncore[progress]'
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != package:  # it is installed, but broken
            raise
        raise ImportError(
            f"{purpose} needs {_PROJECTS.get(package, package)}; "
            f"install it with: pip install 'nncore[{extra}]'",
            name=package,
        ) from None
