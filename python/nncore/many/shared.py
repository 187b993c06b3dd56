"""The rows that many fits share, in one process or in several.

Threads use one object, and one `_core.Dataset` for all networks that take the rows alike. What is
pickled is a reference: the rows go once into a temporary file, which every process on the machine
maps into its memory. A process that does not see the file, on another machine, says so, and is
sent the rows themselves.
"""

from __future__ import annotations

import mmap
import os
import pickle
import shutil
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from nncore import _core
from nncore._model import Model
from nncore.many.specs import Part
from nncore.training.fit import dataset_of
from nncore.training.samples import ClassWeight, Samples

OnEpochEnd = Callable[[int, int, Mapping[str, Any]], object]
_DATA, _RUNNING = "rows", "running"
_ALIGNMENT = 64
_POLL_SECONDS = 0.1


class _Once:
    """A value that is made by whoever asks first; others wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: list[Any] = []

    def get(self, make: Callable[[], Any]) -> Any:
        with self._lock:
            if not self._made:
                self._made.append(make())
            return self._made[0]


class SharedRows:
    """Samples, and their parts that fits train and measure on.

    Parts that several fits use are made once, and so are the core's data sets of them; other parts
    live only as long as their fit.
    """

    def __init__(
        self,
        samples: Samples,
        held_out: Samples | None,
        parts: Sequence[Part],
        reused: set[int],
        on_epoch_end: OnEpochEnd | None = None,
    ) -> None:
        self._sources, self._parts, self._reused = (samples, held_out), list(parts), reused
        self._lock = threading.Lock()
        self._made: dict[Any, _Once] = {}
        self._known: set[int] = set()
        self._token = uuid.uuid4().hex
        self._folder: str | None = None
        self._reference = _Once()
        self.stop = _core.StopFlag()
        """Ends all fits in this process, each behind a mini-batch."""
        self.on_epoch_end = on_epoch_end
        self.report_lock = threading.Lock()

    def samples(self, number: int) -> Samples:
        """The samples of a part."""
        part = self._parts[number]
        source = self._sources[part.held_out]
        assert source is not None
        if number not in self._reused:
            return part.of(source)
        made: Samples = self._once(("part", number), lambda: part.of(source))
        self._known.add(id(made))
        return made

    def dataset(self, net: Model, samples: Samples, class_weight: ClassWeight) -> _core.Dataset:
        """The core's data set of samples from here, one for all networks that take them alike."""
        weights = tuple(class_weight.items()) if isinstance(class_weight, Mapping) else class_weight
        if id(samples) not in self._known:
            return dataset_of(net, samples, class_weight)
        as_taken = (
            net.dtype.name, net.sizes[0], net.sizes[-1], net.activations[-1], net.cost,
            tuple(net.cost_hyperparameters.items()), net.cost_list,
        )  # fmt: skip
        key = ("data", id(samples), as_taken, weights)
        made: _core.Dataset = self._once(key, lambda: dataset_of(net, samples, class_weight))
        return made

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        with self._lock:
            once = self._made.setdefault(key, _Once())
        return once.get(make)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """While it is open, this process finds it by its references; then no fit goes on."""
        _OPEN[self._token] = os.getpid(), self
        try:
            yield
        finally:
            self.end()
            del _OPEN[self._token]

    def end(self) -> None:
        """Stops all fits, those in other processes of this machine too."""
        self.stop.set()
        with self._lock:
            folder, self._folder = self._folder, None
        if folder is not None:
            with suppress(OSError):
                os.remove(os.path.join(folder, _RUNNING))
            shutil.rmtree(folder, ignore_errors=True)  # Windows keeps a file that is mapped

    def __reduce__(self) -> tuple[Any, ...]:
        reference: tuple[Any, ...] = self._reference.get(self._written)
        return reference

    def _written(self) -> tuple[Any, ...]:
        """Writes the file, and returns what a reference to it is pickled as."""
        if self.on_epoch_end is not None:
            raise TypeError(
                "on_epoch_end sees all networks from this process, and needs an executor of "
                "threads; with other executors give the specs callbacks"
            )
        folder = None
        try:
            folder = tempfile.mkdtemp(prefix="nncore-fit-many-")
            spans = _write(self._content(), folder)
        except BaseException as error:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):  # nowhere to write: every task takes the rows along
                return self.whole().__reduce__()
            raise
        with self._lock:
            if not self.stop.is_set():
                self._folder = folder
                return _attach, (self._token, folder, spans)
        shutil.rmtree(folder, ignore_errors=True)
        raise RuntimeError("these fits were stopped")

    def whole(self) -> WholeRows:
        """The same, pickled as the rows themselves and not as a reference."""
        return WholeRows(self._token, self._content())

    def _content(self) -> _Content:
        return *self._sources, self._parts, self._reused

    @contextmanager
    def watched(self, folder: str | None) -> Iterator[None]:
        """Stops when the process that wrote the folder stops all fits."""
        if folder is None:
            yield
            return
        running, ended = os.path.join(folder, _RUNNING), threading.Event()

        def watch() -> None:
            while not ended.wait(_POLL_SECONDS):
                if not os.path.exists(running):
                    self.stop.set()
                    return

        watcher = threading.Thread(target=watch, name="nncore fit_many watcher", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()


class WholeRows:
    """What stands for shared rows where no file can be read."""

    def __init__(self, token: str, content: _Content) -> None:
        self._token, self._content = token, content

    def __reduce__(self) -> tuple[Any, ...]:
        return _attach_whole, (self._token, self._content)


@dataclass(frozen=True)
class Attached:
    """Shared rows as they are found where they are unpickled."""

    reference: tuple[Any, ...]
    """What it was unpickled from, and is pickled as where it is handed on."""
    rows: SharedRows | None
    """None where their file is not to be seen from here."""
    folder: str | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reference


_Content = tuple[Samples, "Samples | None", Sequence[Part], set[int]]
_OPEN: dict[str, tuple[int, SharedRows]] = {}
"""Of calls of fit_many that go on, with the process that called: a fork has it in its memory."""
_lock = threading.Lock()
_latest: tuple[str, SharedRows] | None = None
"""Those that tasks of another process use, kept from task to task."""


def _attach(token: str, folder: str, spans: list[tuple[int, int]]) -> Attached:
    reference = _attach, (token, folder, spans)
    process, rows = _OPEN.get(token, (None, None))
    if process == os.getpid():
        return Attached(reference, rows)
    try:
        return Attached(reference, _kept(token, lambda: _read(folder, spans)), folder)
    except OSError:
        return Attached(reference, None)


def _attach_whole(token: str, content: _Content) -> Attached:
    return Attached((_attach_whole, (token, content)), _kept(token, lambda: content))


def _kept(token: str, content: Callable[[], _Content]) -> SharedRows:
    global _latest
    with _lock:
        if _latest is None or _latest[0] != token:
            _latest = token, SharedRows(*content())
        return _latest[1]


def _write(content: _Content, folder: str) -> list[tuple[int, int]]:
    """Writes the file; returns where the pickled content and then its arrays are in it."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(content, protocol=5, buffer_callback=buffers.append)
    spans = []
    with open(os.path.join(folder, _DATA), "xb") as file:
        for part in [memoryview(head), *(buffer.raw() for buffer in buffers)]:
            file.write(bytes(-file.tell() % _ALIGNMENT))
            spans.append((file.tell(), file.tell() + len(part)))
            file.write(part)
    with open(os.path.join(folder, _RUNNING), "xb"):
        return spans


def _read(folder: str, spans: list[tuple[int, int]]) -> _Content:
    with open(os.path.join(folder, _DATA), "rb") as file:
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    head, *buffers = (view[first:last] for first, last in spans)
    content: _Content = pickle.loads(head, buffers=buffers)
    return content
