"""Training: one loop for `Network.fit`, `nncore.sklearn` and `nncore.book`, and what it stands on.

`Run` is what callbacks get to see of it.
"""

from __future__ import annotations

from nncore.training.run import Run

__all__ = ["Run"]
