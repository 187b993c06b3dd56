from __future__ import annotations

import numpy as np
import pytest

from nncore.datasets import Split, average_darkness_baseline, load_digits, make_digits


@pytest.fixture(scope="module")
def train() -> Split:
    return make_digits(6000, seed=1)


@pytest.fixture(scope="module")
def held_out() -> Split:
    return make_digits(1000, seed=2)


def test_shape_range_and_grey_levels(train: Split) -> None:
    assert train.x.shape == (6000, 784)
    assert train.x.dtype == np.float32
    assert train.y.shape == (6000,)
    assert train.y.dtype == np.int64
    levels = np.unique(train.x)
    np.testing.assert_array_equal(levels, np.arange(256, dtype=np.float32) / np.float32(255))


def test_every_image_has_ink_and_background_as_in_mnist(train: Split) -> None:
    inked = (train.x > 0).mean(axis=1)
    assert inked.min() > 0.02
    assert inked.max() < 0.6
    assert 0.17 < inked.mean() < 0.26
    assert (train.x.max(axis=1) > 0.9).all()


def test_digits_lie_near_the_middle(train: Split) -> None:
    images = train.x.reshape(-1, 28, 28)
    place = np.arange(28) - 13.5
    mass = images.sum(axis=(1, 2))
    for centre in (images.sum(axis=1) @ place / mass, images.sum(axis=2) @ place / mass):
        assert abs(centre.mean()) < 0.1
        assert 0.8 < centre.std() < 1.4


def test_classes_are_balanced_and_mixed(train: Split) -> None:
    assert (np.bincount(train.y) == 600).all()
    assert len(set(train.y[:50].tolist())) > 5
    assert not (np.diff(train.y[:50]) >= 0).all()


def test_the_seed_determines_the_data(train: Split) -> None:
    again = make_digits(6000, seed=1)
    np.testing.assert_array_equal(again.x, train.x)
    np.testing.assert_array_equal(again.y, train.y)
    assert not np.array_equal(make_digits(200, seed=2).y, train.y[:200])


@pytest.mark.parametrize("n", [0, 1, 199, 200, 201, 999])
def test_a_smaller_data_set_is_a_prefix_of_a_larger_one(train: Split, n: int) -> None:
    few = make_digits(n, seed=1)
    np.testing.assert_array_equal(few.x, train.x[:n], strict=True)
    np.testing.assert_array_equal(few.y, train.y[:n], strict=True)


def test_images_are_distinct(train: Split) -> None:
    assert len(np.unique(train.x, axis=0)) == len(train.x)


def test_parts_of_a_data_set_are_independent() -> None:
    data = load_digits(300, 200, 100, seed=1)
    assert [len(part.y) for part in data] == [300, 200, 100]
    np.testing.assert_array_equal(data.train.x, make_digits(300, seed=1).x)
    other = load_digits(0, 10, 50, seed=1)
    np.testing.assert_array_equal(other.validation.x, data.validation.x[:10])
    np.testing.assert_array_equal(other.test.x, data.test.x[:50])
    everything = np.concatenate([part.x for part in data])
    assert len(np.unique(everything, axis=0)) == 600


def test_nearest_neighbours_beat_class_means(train: Split, held_out: Split) -> None:
    """Class means, a linear classifier, are less accurate than nearest neighbours."""
    means = np.stack([train.x[train.y == digit].mean(axis=0) for digit in range(10)])
    accuracy = []
    for points, labels in ((means, np.arange(10)), train):
        distance = (points**2).sum(axis=1) - 2 * held_out.x @ points.T
        accuracy.append(float(np.mean(labels[distance.argmin(axis=1)] == held_out.y)))
    linear, nearest = accuracy
    assert average_darkness_baseline(train, held_out) < 0.35
    assert 0.6 < linear < 0.85
    assert 0.9 < nearest < 0.99


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((-1, 0), ValueError, "number of digits must be at least 0, got -1"),
        ((1, -5), ValueError, "seed must be at least 0, got -5"),
        ((1.5, 0), TypeError, "integer"),
        ((1, "0"), TypeError, "integer"),
    ],
)
def test_bad_arguments(arguments: tuple[int, int], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_digits(*arguments)
