"""What `fit_many` gives, and how it ends where not every network was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nncore.history import History
from nncore.network import Network

if TYPE_CHECKING:
    from nncore.callbacks import Callback


@dataclass(frozen=True, eq=False)
class FitResult:
    """One network of `fit_many`."""

    index: int
    """The number of its spec."""
    spec: Mapping[str, Any]
    """The arguments it was made and trained with, those that all share included."""
    seconds: float = 0.0
    """From its first line to its last, which other networks' work may have stretched."""
    callbacks: tuple[Callback, ...] = ()
    """Those that were called. One that several specs share was copied for each of them."""
    error: BaseException | None = None
    """What ended it; None where it was trained."""
    _trained: tuple[Network, History] | None = field(default=None, repr=False)

    @property
    def network(self) -> Network:
        """The trained network.

        Raises:
            RuntimeError: there is none; `error` says why.
        """
        return self._get()[0]

    @property
    def history(self) -> History:
        """What its training measured.

        Raises:
            RuntimeError: it was not trained; `error` says why.
        """
        return self._get()[1]

    def _get(self) -> tuple[Network, History]:
        if self._trained is None:
            raise RuntimeError(failure(self)) from self.error
        return self._trained


def failure(result: FitResult) -> str:
    """That a network was not trained, and why, in one line."""
    error = result.error
    return f"spec {result.index}: {type(error).__name__}: {error}"


class _WithResults(BaseException):
    def __init__(self, message: str, results: list[FitResult]) -> None:
        super().__init__(message)
        self.results = results

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.results)


class FitManyError(_WithResults, RuntimeError):
    """Some networks of `fit_many` could not be trained. All others were: they are in `results`.

    `results` has a `FitResult` for every spec; `error` of those that failed says why.
    """


class FitManyInterrupt(_WithResults, KeyboardInterrupt):
    """Ctrl-C ended `fit_many`. `results` has what was finished before, by the specs' order."""
