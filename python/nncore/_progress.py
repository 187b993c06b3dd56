"""A progress bar over the epochs, where somebody is there to see it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nncore._extras import require

Show = Callable[[Mapping[str, Any]], None]


@contextmanager
def progress_bar(setting: bool | str, epochs: int) -> Iterator[Show]:
    """Gives a function to call with every epoch's logs.

    `setting` is True, False, or "auto": on a terminal and in a notebook, if tqdm is installed.
    """
    if setting not in (True, False, "auto"):
        raise ValueError(f"progress must be True, False or 'auto', got {setting!r}")
    tqdm = _tqdm(setting)
    if tqdm is None:
        yield lambda logs: None
        return
    with tqdm(total=epochs, unit="epoch") as bar:

        def show(logs: Mapping[str, Any]) -> None:
            names = ("cost", "validation_cost", "validation_accuracy")
            bar.set_postfix({name: logs[name] for name in names if name in logs}, refresh=False)
            bar.update()

        yield show


def _tqdm(setting: bool | str) -> Any:
    if setting is False or (setting == "auto" and not _somebody_watches()):
        return None
    try:
        return require("tqdm.auto", extra="progress", purpose="a progress bar").tqdm
    except ImportError:
        if setting == "auto":
            return None
        raise


def _somebody_watches() -> bool:
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
