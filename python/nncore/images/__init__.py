"""Handwritten numbers in pictures.

`read_number` reads a row of digits, `read_digit` brings a single one into MNIST's form.
`load_digit_network` is the network that comes with the package, which reads them.
"""

from __future__ import annotations

from .digits import load_digit_network
from .pictures import ImageError
from .reading import Reading, read_digit, read_number

__all__ = ["ImageError", "Reading", "load_digit_network", "read_digit", "read_number"]
