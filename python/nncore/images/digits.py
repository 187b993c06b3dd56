"""The network of the package's own that reads digits.

`bench/accuracy/fit_digits.py` trains it on MNIST's training images, distorted anew in each epoch.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import as_file, files

from nncore.network import Network

FILE = "digits.safetensors"


def load_digit_network() -> Network:
    """A network that reads handwritten digits, (n, 784) as MNIST's images; one's own, to train on.

    >>> load_digit_network().sizes
    (784, 112, 96, 10)
    """
    with as_file(files(__package__) / FILE) as path:
        return Network.load(path)


@lru_cache(maxsize=1)
def own_network() -> Network:
    """The same one for all who only read with it."""
    return load_digit_network()
