"""Training: what `Network.fit` does, and the loop that it shares with the other faces."""

from __future__ import annotations

from nncore.training.loop import Run

__all__ = ["Run"]
