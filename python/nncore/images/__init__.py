"""Handwritten numbers in pictures.

`read_number` reads a row of digits, `read_digit` brings a single one into MNIST's form.
"""

from __future__ import annotations

from .pictures import ImageError
from .reading import Reading, read_digit, read_number

__all__ = ["ImageError", "Reading", "read_digit", "read_number"]
