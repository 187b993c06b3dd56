"""Names given by the user, checked against those there are."""

from __future__ import annotations

from collections.abc import Iterable


def check_name(kind: str, name: object, legal: Iterable[str]) -> str:
    """Returns `name` where it is one of `legal`; otherwise the error names the nearest.

    Raises:
        TypeError: `name` is not a string.
        ValueError: `name` is not among `legal`.

    >>> check_name("activation", "rlu", ["relu", "tanh"])
    Traceback (most recent call last):
        ...
    ValueError: unknown activation 'rlu'; did you mean 'relu'? expected one of 'relu', 'tanh'
    """
    legal = list(legal)
    expected = "expected one of " + ", ".join(map(repr, legal))
    if not isinstance(name, str):
        raise TypeError(f"{kind} must be a name, got {name!r}; {expected}")
    if name in legal:
        return name
    from difflib import get_close_matches

    near = get_close_matches(name.lower(), legal, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"unknown {kind} {name!r}; {hint}{expected}")
