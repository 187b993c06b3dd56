"""Executors that work where they are called, and a callback that other processes can import."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from nncore.callbacks import Callback


class Inline(Executor):
    """Does the work where it is submitted, as some do for debugging."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Pickling(Inline):
    """Hands over what it is given as another process would get it."""

    def __init__(self) -> None:
        self.sent: list[int] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        data = pickle.dumps((function, args))
        self.sent.append(len(data))
        function, args = pickle.loads(pickle.dumps(pickle.loads(data)))  # some hand on
        future = super().submit(function, *args)
        if future.exception() is None:
            future = super().submit(pickle.loads, pickle.dumps(future.result()))
        return future


class Touch(Callback):
    """Makes a file when training begins."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_begin(self, run: Any) -> None:
        self.path.touch()
