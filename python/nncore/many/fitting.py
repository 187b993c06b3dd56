"""`fit_many`: hands specs to an executor, and takes the trained networks back."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from traceback import clear_frames
from typing import Any, NamedTuple

from numpy.typing import ArrayLike

from nncore import _core
from nncore._support.names import check_name
from nncore.callbacks import Callback
from nncore.data.blocks import Blocks
from nncore.history import History
from nncore.many.results import FitManyError, FitManyInterrupt, FitResult, failure
from nncore.many.shared import Attached, OnEpochEnd, SharedRows, WholeRows
from nncore.many.specs import Plan, Plans, checked_mappings
from nncore.network import Network
from nncore.training.fit import fit
from nncore.training.interrupts import defer_sigint
from nncore.training.loop import in_calling_order
from nncore.training.progress import counter, measured
from nncore.training.run import Run
from nncore.training.samples import Samples, validation_samples

_LOOK_SECONDS = 0.2
"""How often a wait looks for Ctrl-C where it does not interrupt a wait, as on Windows."""
_PATIENCE = 5.0
"""Seconds that running fits have to stop in: a mini-batch, where they are on this machine."""


def fit_many(
    specs: Iterable[Mapping[str, Any]],
    x: Any,
    y: ArrayLike,
    *,
    executor: Executor | None = None,
    validation_data: Sequence[Any] | None = None,
    sample_weight: ArrayLike | None = None,
    on_epoch_end: OnEpochEnd | None = None,
    errors: str = "raise",
    progress: bool | str = "auto",
    **common: Any,
) -> list[FitResult]:
    """Trains a network for each spec, side by side, on shared data.

    A spec is a mapping with any arguments of `Network` and of `Network.fit`, and `rows` and
    `validation_rows` besides; `common` are the arguments that all specs share and may replace:

    >>> import numpy as np, nncore
    >>> x, y = np.eye(6), np.arange(6) % 2
    >>> folds = [(np.arange(0, 4), np.arange(4, 6)), (np.arange(2, 6), np.arange(0, 2))]
    >>> specs = [{"seed": s, "rows": a, "validation_rows": b} for s in (1, 2) for a, b in folds]
    >>> results = nncore.fit_many(specs, x, y, sizes=[6, 4, 1], epochs=3)
    >>> [result.network.seed for result in results], list(results[0].history.keys())[:2]
    ([1, 1, 2, 2], ['cost', 'validation_cost'])

    Each network has the same bits as one that is trained alone, `Network(...).fit(x[rows],
    y[rows], ...)`, whatever the executor. All specs are checked before any work is done.

    Args:
        specs: mappings, which may differ in anything. `rows` are the numbers of the rows of x to
            train on, or a mask; `validation_rows` those to measure on after every epoch. A
            callback that several specs share is copied for each; see `FitResult.callbacks`.
        x, y: as in `Network.fit`, but for `nncore.data.Blocks`. They are in memory once, for
            threads as for other processes of this machine.
        executor: any `concurrent.futures.Executor`: of threads or of processes, loky's,
            mpi4py.futures', Dask's `client.get_executor()`; it is not shut down. None for as many
            threads as `nncore.get_num_threads()`, each with a network.
            A network trains on one thread unless its spec has another `n_threads`, or there are
            fewer networks than threads in an executor of None.
        validation_data: as in `Network.fit`, for all networks.
        sample_weight: (n,), how much each row counts; a spec's own comes in its place.
        on_epoch_end: called as (index, epoch, logs) after every epoch of every network, by one
            thread at a time; where it returns True, that network's training ends there. It needs
            an executor of threads.
        errors: "raise", or "return" for results whose `error` says why there is no network: a
            search goes on where a rate diverges.
        progress: a bar over the networks (tqdm): True, False, or "auto" for one on terminals and
            in notebooks.
        common: arguments of all specs.

    Returns:
        A `FitResult` for each spec, in their order.

    Raises:
        ValueError, TypeError: an argument is wrong; the message has the number of the spec.
        FitManyError: some networks could not be trained, after all others were; it has their
            `results`. The message names the first.
        FitManyInterrupt: Ctrl-C, a KeyboardInterrupt: networks that are being trained stop behind
            their mini-batch, and `results` has those that were finished.
    """
    check_name("errors", errors, ["raise", "return"])
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise TypeError(f"executor must be a concurrent.futures.Executor, got {executor!r}")
    if on_epoch_end is not None and not callable(on_epoch_end):
        raise TypeError(
            f"on_epoch_end must be a callable(index, epoch, logs), got {on_epoch_end!r}"
        )
    held_out = None if validation_data is None else validation_samples(validation_data)
    if isinstance(x, Blocks) or isinstance(held_out, Blocks):
        raise TypeError("fit_many takes arrays, which networks share; Blocks are for Network.fit")
    samples = Samples.of(x, y, sample_weight)
    samples.check_lengths()
    mappings = list(checked_mappings(specs))
    cores = _core.get_num_threads()
    workers = max(1, min(cores, len(mappings)))
    n_threads = cores // workers if executor is None else 1
    plans = Plans(mappings, common, samples, held_out is not None, n_threads)
    rows = SharedRows(samples, held_out, plans.parts, plans.reused, on_epoch_end)
    with ExitStack() as stack:
        if executor is None:
            executor = ThreadPoolExecutor(workers, thread_name_prefix="nncore fit_many")
            stack.callback(executor.shutdown, wait=False, cancel_futures=True)
        stack.enter_context(rows.opened())
        show = stack.enter_context(counter(progress, len(plans.plans), "networks"))
        results = _Fits(executor, rows, plans.plans).run(show)
    failed = [result for result in results if result.error is not None]
    if failed and errors == "raise":
        more = f"; {len(failed) - 1:,} more of {len(results):,} failed" if failed[1:] else ""
        raise FitManyError(failure(failed[0]) + more, results) from failed[0].error
    return results


class _Trained(NamedTuple):
    """What comes back from wherever a network was trained."""

    network: Network
    history: History
    seconds: float
    callbacks: tuple[Callback, ...]


class _NoRows(NamedTuple):
    """What comes back from where the rows' file cannot be read."""


class _Stopped(NamedTuple):
    """What comes back from a fit that was stopped with all others."""


class _Fits:
    """The fits of one call, handed to an executor."""

    def __init__(self, executor: Executor, rows: SharedRows, plans: Sequence[Plan]) -> None:
        self._executor, self._rows, self._plans = executor, rows, plans
        self._done: queue.SimpleQueue[tuple[Plan, Future[Any]]] = queue.SimpleQueue()
        self._running: dict[int, Future[Any]] = {}
        self._results: dict[int, FitResult] = {}
        self._may_interrupt = False

    def run(self, show: Any) -> list[FitResult]:
        """Raises FitManyInterrupt on Ctrl-C."""
        try:
            with defer_sigint(unless=lambda: self._may_interrupt):
                for plan in self._plans:
                    self._submit(plan, self._rows)
                while self._running:
                    result = self._take(*self._next())
                    if result is not None:
                        show(_in_words(result))
        except KeyboardInterrupt:
            self._stop()
            trained = [result for result in self._in_order() if result.error is None]
            raise FitManyInterrupt(
                f"{len(trained):,} of {len(self._plans):,} networks were trained; the exception "
                "has them as its `results`",
                trained,
            ) from None
        except BaseException:
            self._stop()
            raise
        return self._in_order()

    def _in_order(self) -> list[FitResult]:
        return [self._results[index] for index in sorted(self._results)]

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        self._may_interrupt = True
        try:
            yield
        finally:
            self._may_interrupt = False

    def _submit(self, plan: Plan, rows: SharedRows | WholeRows) -> None:
        try:
            with self._interruptible():  # an executor may do the work here and now
                future = self._executor.submit(train, rows, plan)
        except Exception as error:  # a pool that is broken, or was shut down
            self._results[plan.index] = FitResult(plan.index, plan.spec, error=error)
            return
        self._running[plan.index] = future
        future.add_done_callback(lambda done: self._done.put((plan, done)))

    def _next(self) -> tuple[Plan, Future[Any]]:
        """A fit that has ended; Ctrl-C acts in here."""
        with self._interruptible():
            while True:
                try:
                    return self._done.get(timeout=_LOOK_SECONDS)
                except queue.Empty:
                    continue

    def _take(self, plan: Plan, future: Future[Any]) -> FitResult | None:
        """The result of a fit that has ended; None where it was stopped, or is to be done again."""
        del self._running[plan.index]
        if future.cancelled():
            if self._rows.stop.is_set():
                return None
            error: BaseException | None = CancelledError("its executor gave it up")
        else:
            error = future.exception()
        if error is not None:
            clear_frames(error.__traceback__)  # which would keep all rows
            result = FitResult(plan.index, plan.spec, error=error)
        elif isinstance(found := future.result(), _Trained):
            net, history, seconds, callbacks = found
            net.history = history  # a network that was pickled has none of its seconds
            trained = net, history
            result = FitResult(plan.index, plan.spec, seconds, callbacks, None, trained)
        else:
            if isinstance(found, _NoRows) and not self._rows.stop.is_set():
                self._submit(plan, self._rows.whole())
            return None
        self._results[plan.index] = result
        return result

    def _stop(self) -> None:
        """Ends what goes on, and takes what is done already; Ctrl-C ends the wait for it."""
        self._rows.end()
        for future in list(self._running.values()):
            future.cancel()
        deadline = time.monotonic() + _PATIENCE
        with defer_sigint(unless=lambda: self._may_interrupt):
            while self._running and (left := deadline - time.monotonic()) > 0:
                try:
                    with self._interruptible():
                        ended = self._done.get(timeout=min(left, _LOOK_SECONDS))
                except queue.Empty:
                    continue
                except KeyboardInterrupt:
                    return
                self._take(*ended)


def _in_words(result: FitResult) -> str:
    if result.error is not None:
        return failure(result)
    logs = list(result.history)
    return measured(logs[-1]) if logs else ""


class _Report(Callback):
    """Tells `on_epoch_end` of fit_many about each epoch."""

    def __init__(self, rows: SharedRows, index: int) -> None:
        self.rows: SharedRows | None = rows
        self._index = index

    def on_epoch_end(self, run: Run) -> None:
        if self.rows is None or self.rows.on_epoch_end is None:
            return
        with self.rows.report_lock:
            stopped = self.rows.stop.is_set()
            if not stopped and self.rows.on_epoch_end(self._index, run.epoch, run.logs):
                run.stop()


def train(shared: SharedRows | WholeRows | Attached, plan: Plan) -> _Trained | _NoRows | _Stopped:
    """One fit, in a thread or a process of the executor."""
    if isinstance(shared, SharedRows):
        return _train(shared, plan)
    if not isinstance(shared, Attached) or shared.rows is None:
        return _NoRows()
    with shared.rows.watched(shared.folder):
        return _train(shared.rows, plan)


def _train(rows: SharedRows, plan: Plan) -> _Trained | _Stopped:
    if rows.stop.is_set():
        return _Stopped()
    started = time.perf_counter()
    net = Network(**plan.network)
    callbacks = in_calling_order(plan.fit["callbacks"])
    report = _Report(rows, plan.index)
    history = fit(
        net,
        rows.samples(plan.training),
        None,
        **plan.fit | {"callbacks": [*callbacks, report]},
        validation_data=None if plan.validation is None else rows.samples(plan.validation),
        validation_split=0.0,
        X_val=None,
        y_val=None,
        sample_weight=None,
        initial_epoch=None,
        progress=False,
        make_dataset=rows.dataset,
        stop=rows.stop,
    )
    report.rows = None  # the network's next checkpoint would ask its callbacks for their state
    if rows.stop.is_set() and net.epoch < plan.fit["epochs"]:
        return _Stopped()
    return _Trained(net, history, time.perf_counter() - started, tuple(callbacks))
