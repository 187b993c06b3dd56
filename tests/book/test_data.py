"""The shapes of mnist_loader and the shifts of expand_mnist."""

from __future__ import annotations

import gzip
import pickle
from collections import namedtuple

import numpy as np
import pytest

from nncore import DataError
from nncore.book import expand_mnist, mnist_loader, network2

Split = namedtuple("Split", "x y")


@pytest.fixture
def small_data(monkeypatch):
    """Small data in the format of MNIST, which load_mnist returns instead."""
    generator = np.random.default_rng(0)

    def split(n):
        x = generator.random((n, 784), dtype=np.float32)
        return Split(x, generator.integers(10, size=n))

    data = (split(5), split(3), split(2))
    monkeypatch.setattr(mnist_loader, "load_mnist", lambda: data)
    return data


def test_load_data(small_data):
    for ours, theirs in zip(mnist_loader.load_data(), small_data, strict=True):
        images, digits = ours
        np.testing.assert_array_equal(images, theirs.x)
        np.testing.assert_array_equal(digits, theirs.y)


def test_load_data_wrapper(small_data, capsys):
    training, validation, test = mnist_loader.load_data_wrapper()
    assert [len(data) for data in (training, validation, test)] == [5, 3, 2]
    x, y = training[1]
    assert x.shape == (784, 1)
    np.testing.assert_array_equal(x[:, 0], small_data[0].x[1])
    assert y.shape == (10, 1)
    assert y[small_data[0].y[1], 0] == y.sum() == 1.0
    x, y = test[1]
    assert x.shape == (784, 1)
    assert y == small_data[2].y[1]
    net = network2.Network([784, 4, 10])
    net.SGD(training, 1, 2, 0.1, evaluation_data=validation, monitor_evaluation_accuracy=True)
    assert "/ 3\n\n" in capsys.readouterr().out


def test_expand_shifts_every_image_in_four_directions():
    x = np.arange(1.0, 19.0, dtype=np.float32).reshape(2, 9)
    images, digits = expand_mnist.expand(x, np.array([4, 7]))
    assert images.shape == (10, 9)
    assert images.dtype == np.float32
    assert digits.tolist() == [4, 7] * 5
    pictures = images[::2].reshape(5, 3, 3)
    for picture, expected in zip(
        pictures,
        [
            [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
            [[0, 0, 0], [1, 2, 3], [4, 5, 6]],
            [[4, 5, 6], [7, 8, 9], [0, 0, 0]],
            [[0, 1, 2], [0, 4, 5], [0, 7, 8]],
            [[2, 3, 0], [5, 6, 0], [8, 9, 0]],
        ],
        strict=True,
    ):
        np.testing.assert_array_equal(picture, expected)
    assert images[3].reshape(3, 3)[1, 0] == 10


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((2, 8)), np.zeros(2), r"\(n, side \* side\), found \(2, 8\)"),
        (np.zeros(9), np.zeros(9), r"found \(9,\)"),
        (np.zeros((2, 9)), np.zeros(3), "x has 2 images, y has 3"),
    ],
)
def test_expand_refuses_invalid_data(x, y, message):
    with pytest.raises(ValueError, match=message):
        expand_mnist.expand(x, y)


def test_the_script_writes_the_books_file_once(small_data, tmp_path, capsys):
    path = tmp_path / "expanded.pkl.gz"
    expand_mnist.main(str(path))
    first = capsys.readouterr().out
    assert first.splitlines()[0] == "Expanding the MNIST training set"
    with gzip.open(path) as file:
        (x, y), validation, test = pickle.load(file)
    expected = expand_mnist.expand(*small_data[0])
    assert sorted(zip(map(bytes, x), y, strict=True)) == sorted(
        zip(map(bytes, expected[0]), expected[1], strict=True)
    )
    np.testing.assert_array_equal(validation[0], small_data[1].x)
    np.testing.assert_array_equal(test[1], small_data[2].y)
    stamp = path.stat().st_mtime_ns
    expand_mnist.main(str(path))
    assert "already exists" in capsys.readouterr().out
    assert path.stat().st_mtime_ns == stamp
    assert [p.name for p in tmp_path.iterdir()] == ["expanded.pkl.gz"]


def test_a_script_that_cannot_write_reports_it_and_leaves_no_file(small_data, tmp_path):
    with pytest.raises(FileNotFoundError, match="expanded"):
        expand_mnist.main(str(tmp_path / "nowhere" / "expanded.pkl.gz"))
    assert list(tmp_path.iterdir()) == []


def written(path, parts, compressed=True, protocol=2):
    content = pickle.dumps(parts, protocol)
    path.write_bytes(gzip.compress(content) if compressed else content)
    return path


@pytest.mark.parametrize("compressed", [True, False])
def test_a_readers_own_file_is_loaded(tmp_path, compressed):
    rng = np.random.default_rng(0)
    parts = tuple(
        (rng.random((n, 784), dtype=np.float32), rng.integers(10, size=n)) for n in (5, 3, 2)
    )
    for protocol in (2, pickle.HIGHEST_PROTOCOL):
        path = written(tmp_path / "mnist.pkl.gz", parts, compressed, protocol)
        for (x, y), (images, digits) in zip(parts, mnist_loader.load_data(path), strict=True):
            np.testing.assert_array_equal(images, x)
            np.testing.assert_array_equal(digits, y)
        training, _, test = mnist_loader.load_data_wrapper(str(path))
        assert training[0][0].shape == (784, 1)
        assert training[0][1][parts[0][1][0], 0] == 1
        assert test[0][1] == parts[2][1][0]


def test_what_expand_mnist_writes_is_loaded(small_data, tmp_path, capsys):
    path = tmp_path / "expanded.pkl.gz"
    expand_mnist.main(str(path))
    training, validation, test = mnist_loader.load_data(path)
    assert [len(part[0]) for part in (training, validation, test)] == [25, 3, 2]
    np.testing.assert_array_equal(validation[0], small_data[1].x)


def test_the_books_file_at_its_place_comes_before_a_download(tmp_path, monkeypatch):
    parts = tuple((np.zeros((n, 784), np.float32), np.zeros(n, int)) for n in (4, 3, 2))
    (tmp_path / "data").mkdir()
    (tmp_path / "src").mkdir()
    written(tmp_path / "data" / "mnist.pkl.gz", parts)
    monkeypatch.chdir(tmp_path / "src")
    monkeypatch.delenv("NNCORE_DATA", raising=False)
    monkeypatch.setenv("NNCORE_CACHE", str(tmp_path / "empty"))
    assert [len(x) for x, _ in mnist_loader.load_data()] == [4, 3, 2]


class Calls:
    def __reduce__(self):
        return print, ("called",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (Calls(), r"asks for .*print; expected arrays alone"),
        (([1], [2]), "expected training, validation and test data"),
        (((np.zeros((2, 4)), np.zeros(3, int)),) * 3, r"expected training images \(n, pixels\)"),
    ],
)
def test_another_pickle_is_refused(content, message, tmp_path, capsys):
    path = written(tmp_path / "other.pkl.gz", content)
    with pytest.raises(DataError, match=rf"other\.pkl\.gz: .*{message}"):
        mnist_loader.load_data(path)
    assert capsys.readouterr().out == ""


def test_a_damaged_pickle_is_refused(tmp_path):
    parts = ((np.zeros((9, 4)), np.zeros(9, int)),) * 3
    path = written(tmp_path / "cut.pkl.gz", parts)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"\x1f\x8b", b"no pickle"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"cut\.pkl\.gz: not a pickle"):
            mnist_loader.load_data(path)
    with pytest.raises(OSError, match="nowhere"):
        mnist_loader.load_data(tmp_path / "nowhere")
