"""A progress bar over the epochs, on terminals and in notebooks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from nncore._support.extras import require

ShowProgress = Callable[[Mapping[str, Any]], None]
_BAR = "{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} {unit}, {remaining} left{postfix}"


@contextmanager
def progress_bar(setting: bool | str, epochs: int) -> Iterator[ShowProgress]:
    """Gives a function to call with every epoch's logs."""
    with counter(setting, epochs, "epochs") as count:
        yield lambda logs: count(measured(logs))


@contextmanager
def counter(setting: bool | str, total: int, unit: str) -> Iterator[Callable[[str], None]]:
    """Gives a function that counts one more, with a text behind the bar.

    `setting` is True, False, or "auto": on a terminal and in a notebook, if tqdm is installed.
    """
    if not isinstance(setting, (bool, np.bool_)) and (
        not isinstance(setting, str) or setting != "auto"
    ):
        raise ValueError(f"progress must be True, False or 'auto', got {setting!r}")
    tqdm = _tqdm(setting)
    if tqdm is None:
        yield lambda text: None
        return
    with tqdm(total=total, unit=unit, bar_format=_BAR) as bar:

        def show(text: str) -> None:
            bar.set_postfix_str(text, refresh=False)
            bar.update()

        yield show


def measured(logs: Mapping[str, Any]) -> str:
    """What an epoch led to, in a few words."""
    text = f"cost {logs['cost']:.3g}"
    if "validation_cost" in logs:
        text += f", validation {logs['validation_cost']:.3g}"
    if "validation_accuracy" in logs:
        text += f", {logs['validation_accuracy']:.2%} right"
    return text


def _tqdm(setting: bool | str) -> Any:
    if not setting or (setting == "auto" and not _is_interactive()):
        return None
    try:
        return require("tqdm.auto", extra="progress", purpose="a progress bar").tqdm
    except ImportError:
        if setting == "auto":
            return None
        raise


def _is_interactive() -> bool:
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
