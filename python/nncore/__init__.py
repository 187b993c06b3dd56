"""nncore: train and run dense neural networks on a CPU, fast.

>>> import nncore
>>> net = nncore.Network([2, 3, 1], seed=1)
>>> net.feedforward([[0.0, 1.0], [1.0, 1.0]]).shape
(2, 1)

Training is `Network.fit`, or step by step a `nncore.Trainer`, or of many networks at once
`nncore.fit_many`; networks predict together as an `nncore.Ensemble`. Beside them:
`nncore.augment`, distortions of images; `nncore.costs`, `nncore.data`, `nncore.datasets`,
`nncore.optimizers`, `nncore.schedules`, `nncore.callbacks`, `nncore.metrics`; `nncore.book`, the
modules of Nielsen's *Neural Networks and Deep Learning*; `nncore.sklearn`, scikit-learn's
estimators; `nncore.export`, models for other programs; `nncore.images`, handwritten numbers in
pictures; `nncore.plot`, pictures of training; `nncore.distributed`, training by MPI. These are
imported when first used.
"""

# ruff: noqa: E402

from __future__ import annotations

from nncore._support import command as _command

_command.let_sigint_end_imports()  # before the long ones

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as _numpy  # noqa: F401  # within the core's import an interrupt is an ImportError

from nncore._core import __version__, get_num_threads, set_num_threads
from nncore.errors import BusyError, DataError, DivergenceError, ModelFileError
from nncore.history import History
from nncore.network import Evaluation, Network

if TYPE_CHECKING:
    from nncore.gradients import check_gradient
    from nncore.many import Ensemble, FitManyError, FitManyInterrupt, FitResult, fit_many
    from nncore.trainer import Trainer

_SUBMODULES = (
    "augment", "book", "callbacks", "costs", "data", "datasets", "diagnosis", "distributed",
    "export", "images", "many", "metrics", "optimizers", "page", "plot", "schedules",
    "sklearn",
)  # fmt: skip

_LAZY = {
    "Ensemble": "nncore.many",
    "FitManyError": "nncore.many",
    "FitManyInterrupt": "nncore.many",
    "FitResult": "nncore.many",
    "Trainer": "nncore.trainer",
    "check_gradient": "nncore.gradients",
    "fit_many": "nncore.many",
}

__all__ = [
    "BusyError",
    "DataError",
    "DivergenceError",
    "Ensemble",
    "Evaluation",
    "FitManyError",
    "FitManyInterrupt",
    "FitResult",
    "History",
    "ModelFileError",
    "Network",
    "Trainer",
    "__version__",
    "check_gradient",
    "fit_many",
    "get_num_threads",
    "set_num_threads",
]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES, *_LAZY})
