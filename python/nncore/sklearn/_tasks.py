"""scikit-learn's callbacks, from its version 1.9 on: a task for `fit`, in it one for each epoch.

Older versions have none; the estimators then have no `set_callbacks`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from nncore.callbacks import Callback
from nncore.network import Network

if TYPE_CHECKING:
    from nncore.training.run import Run

Method = TypeVar("Method", bound=Callable[..., Any])

__all__ = ["CALLER", "CallbackSupportMixin", "FitTasks", "with_callbacks"]

try:
    import sklearn.callback as _theirs
except ImportError:
    _theirs = None


class _NoCallbacks:
    """What an older version does without."""


CallbackSupportMixin: Any = _NoCallbacks if _theirs is None else _theirs.CallbackSupportMixin
CALLER = 4 if _theirs is None else 5
"""From a warning in a solver to the caller of `fit`, in frames; `with_callbacks` adds one."""


def with_callbacks(method: Method) -> Method:
    """Tears callbacks down behind the method, however it ends."""
    return method if _theirs is None else cast(Method, _theirs.with_callbacks(method))


class FitTasks(Callback):
    """One call of `fit` as scikit-learn's callbacks see it.

    Args:
        estimator: whose `_net` is trained.
        X, y, sample_weight: as the user gave them.
        most: how many epochs or iterations there may be.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any, most: int) -> None:
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._told = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._fit = estimator._init_callback_context(max_subtasks=most)
        self._fit.call_on_fit_task_begin(**self._told)
        self._current: Any = None
        self.finished: Callable[[], Network] | None = None
        """The network as it would be if training ended now; None for the estimator's as it is."""

    @classmethod
    def of(cls, estimator: Any, X: Any, y: Any, sample_weight: Any, most: int) -> FitTasks | None:
        """None where the version has no callbacks."""
        if not hasattr(estimator, "set_callbacks"):
            return None
        return cls(estimator, X, y, sample_weight, most)

    @property
    def watched(self) -> bool:
        """Whether there are callbacks at all."""
        return hasattr(self._told["estimator"], "_skl_callbacks")

    def begin(self, name: str) -> None:
        """An epoch or an iteration, unless one has begun."""
        if self._current is None:
            self._current = self._fit.subcontext(task_name=name)
            self._current.call_on_fit_task_begin(**self._told)

    def end(self, network: Callable[[], Network] | None = None) -> bool:
        """Ends it; True where a callback wants no more. `network` is what it led to."""
        ended, self._current = self._current, None
        if network is not None:
            attributes = {"reconstruction_attributes": lambda: {"_net": network()}}
            return bool(ended.call_on_fit_task_end(**self._told, **attributes))
        return ended is not None and bool(ended.call_on_fit_task_end(**self._told))

    def close(self) -> None:
        """The end of `fit`, and of an epoch that did not come to its own."""
        self.end()
        self._fit.call_on_fit_task_end(**self._told)

    def on_epoch_begin(self, run: Run) -> None:
        self.begin("epoch")

    def on_epoch_end(self, run: Run) -> None:
        if self.end(self.finished):
            run.stop()
