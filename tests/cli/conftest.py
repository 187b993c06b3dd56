from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nncore
from idx_files import NAMES, write_files
from nncore.datasets import make_digits


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of IDX files with few images: 1,000 to train, 200 to validate, 300 to test."""
    arrays = {}
    for split, images, labels in (
        (make_digits(1200, seed=1), *NAMES[:2]),
        (make_digits(300, seed=2), *NAMES[2:]),
    ):
        arrays[images] = np.rint(split.x.reshape(-1, 28, 28) * 255).astype(np.uint8)
        arrays[labels] = split.y.astype(np.uint8)
    return write_files(tmp_path_factory.mktemp("idx"), arrays)


@pytest.fixture(scope="session")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of a model that recognises most digits."""
    net = nncore.Network([784, 30, 10], cost="cross_entropy", initializer="scaled", seed=1)
    net.fit(*make_digits(4000, seed=3), epochs=8, learning_rate=0.5, progress=False)
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    net.save(path)
    return str(path)
