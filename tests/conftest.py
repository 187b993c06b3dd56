from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import nncore

if TYPE_CHECKING:
    from nncore.datasets import Dataset

# Shells start what runs in the background with SIGINT ignored, and so are the children of that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    threads = nncore.get_num_threads()
    yield
    nncore.set_num_threads(threads)


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """Where real MNIST is, which no test downloads. NNCORE_REQUIRE_DATA makes its lack an error."""
    from nncore.datasets.mnist import find_mnist

    folder = find_mnist()
    if folder is None:
        miss = pytest.fail if os.environ.get("NNCORE_REQUIRE_DATA") else pytest.skip
        miss(
            "needs MNIST: set NNCORE_DATA to a directory with its four files, or download them "
            "once with: python -c 'import nncore.datasets as d; d.load_mnist()'"
        )
    return folder.resolve()


@pytest.fixture(scope="session")
def mnist(mnist_folder: Path) -> Dataset:
    from nncore.datasets import load_mnist

    return load_mnist(mnist_folder)
