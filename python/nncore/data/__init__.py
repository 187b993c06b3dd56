"""Data that need not be arrays of floats in memory.

`Blocks` are rows that do not fit into memory; `Scaled` reads arrays of bytes and half floats where
they lie.
"""

from __future__ import annotations

from nncore.data.blocks import Blocks
from nncore.data.scaled import Scaled

__all__ = ["Blocks", "Scaled"]
