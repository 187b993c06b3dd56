"""Texts that programs keep in a model's file, told from the library's own."""

from __future__ import annotations

from collections.abc import Mapping


def belongs_to_library(name: str) -> bool:
    return name in ("checkpoint", "classes") or name.startswith("nncore.")


def checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """A copy, for a file.

    Raises:
        TypeError: a name or a value is no string.
        ValueError: a name is one of the library's.

    >>> checked_metadata({"nncore.cost": "mine"})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: metadata has 'nncore.cost'; ...
    """
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata must be a dict of strings, got {metadata!r}")
    for name, value in metadata.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"metadata must hold strings by name, got {name!r}: {value!r}")
        if belongs_to_library(name):
            raise ValueError(
                f"metadata has {name!r}; 'classes', 'checkpoint' and names that begin with "
                "'nncore.' are the library's"
            )
    return dict(metadata)
