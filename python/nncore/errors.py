"""The errors of nncore that are not plain ValueError or TypeError.

`DivergenceError` (an ArithmeticError): training left the finite numbers; `epoch` says in which
epoch, counted from the network's first, 0. `BusyError` (a RuntimeError): the network is being
trained. `ModelFileError` (a ValueError): a model file or checkpoint is missing, damaged, of
another kind, or cannot be written. `DataError` (a ValueError): a data file is missing, damaged, of
another kind, or cannot be downloaded.
"""

from __future__ import annotations

from nncore._core import BusyError, DataError, DivergenceError, ModelFileError

__all__ = ["BusyError", "DataError", "DivergenceError", "ModelFileError"]
