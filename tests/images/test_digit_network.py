"""The network that comes with the package, and reads where none is given."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nncore import images
from nncore.datasets import make_digits
from nncore.images import load_digit_network, read_number

if TYPE_CHECKING:
    from nncore.datasets import Dataset

FILE = Path(images.__file__).with_name("digits.safetensors")
NOTES = Path(__file__).parents[2] / "bench" / "NOTES.md"


@pytest.mark.skipif(not NOTES.is_file(), reason="bench/ is not part of this copy")
def test_the_file_is_the_one_that_the_notes_describe() -> None:
    content = FILE.read_bytes()
    assert len(content) <= 400_000
    named = re.search(r"digits\.safetensors`[^`]*`([0-9a-f]{64})`", NOTES.read_text())
    assert named is not None
    assert hashlib.sha256(content).hexdigest() == named[1]


def test_it_reads_mnists_test_images(mnist: Dataset) -> None:
    assert load_digit_network().evaluate(*mnist.test).accuracy >= 0.988


def test_it_reads_digits_that_it_has_not_learnt_from() -> None:
    assert load_digit_network().evaluate(*make_digits(2_000, seed=1)).accuracy >= 0.97


def test_numbers_are_read_by_it_where_no_network_is_given() -> None:
    digits = make_digits(12, seed=5)
    for image in digits.x.reshape(-1, 28, 28):
        read, expected = read_number(image), read_number(image, load_digit_network())
        assert read == expected
        assert read.confidence == expected.confidence
    read = [read_number(image) for image in digits.x.reshape(-1, 28, 28)]
    assert sum(r == str(y) for r, y in zip(read, digits.y, strict=True)) >= 11


def test_training_on_does_not_change_what_reads() -> None:
    image = make_digits(1, seed=5).x.reshape(28, 28)
    before = read_number(image)
    net = load_digit_network()
    net.weights[0][...] = 0
    after = read_number(image)
    assert (after, after.confidence) == (before, before.confidence)
    assert np.abs(load_digit_network().weights[0]).max() > 0
