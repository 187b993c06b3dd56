from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from idx_files import NAMES, small_mnist, write_files
from nncore.datasets import Dataset, average_darkness_baseline, load, load_mnist
from nncore.datasets import mnist as module
from nncore.errors import DataError


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache, no other data, and no download."""

    def refuse() -> Path:
        raise AssertionError("went to the network")

    monkeypatch.delenv("NNCORE_DATA", raising=False)
    monkeypatch.setenv("NNCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "_download", refuse)
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "data", small_mnist())


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzip"])
def test_the_four_files_become_three_parts(tmp_path: Path, compress: bool) -> None:
    arrays = small_mnist()
    data = load_mnist(write_files(tmp_path / "data", arrays, compress=compress))
    for part, names, rows in (
        (data.train, NAMES[:2], slice(0, 50)),
        (data.validation, NAMES[:2], slice(50, 60)),
        (data.test, NAMES[2:], slice(0, 10)),
    ):
        pixels = arrays[names[0]][rows].reshape(-1, 784)
        np.testing.assert_array_equal(part.x, pixels / np.float32(255), strict=True)
        np.testing.assert_array_equal(part.y, arrays[names[1]][rows].astype(np.int64), strict=True)
    assert data.train.x.max() == 1


def test_splits_unpack(folder: Path) -> None:
    (x, y), _, test = load_mnist(folder)
    assert x.shape == (50, 784)
    assert y.shape == (50,)
    assert test.x.shape == (10, 784)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {NAMES[1]: np.zeros(59, np.uint8)},
            rf"{NAMES[1]}: expected 60 labels, .* {NAMES[0]}, found 59",
        ),
        (
            {NAMES[0]: np.zeros((60, 28, 27), np.uint8)},
            rf"{NAMES[0]}: expected images of 28 x 28 pixels, found 28 x 27",
        ),
        (
            {NAMES[2]: np.zeros((10, 784), np.uint8)},
            rf"{NAMES[2]}: expected 3 dimension\(s\) of uint8, found 2 of uint8",
        ),
        (
            {NAMES[3]: np.zeros(10, np.float32)},
            rf"{NAMES[3]}: expected 1 dimension\(s\) of uint8, found 1 of float32",
        ),
    ],
)
def test_files_that_do_not_match_are_refused(
    folder: Path, changes: dict[str, np.ndarray], fault: str
) -> None:
    write_files(folder, changes)
    with pytest.raises(DataError, match=fault):
        load_mnist(folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_or_damaged_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    with pytest.raises(DataError, match=f"{name}: truncated"):
        load_mnist(folder)
    (folder / name).unlink()
    with pytest.raises(DataError, match=rf"data: expected a file {name} or .*\.gz, found neither"):
        load_mnist(folder)


def test_no_such_directory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none: expected a file .*, found no such directory"):
        load_mnist(tmp_path / "none")


def test_search_order_is_path_environment_cache(
    folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows(data: Dataset) -> int:
        return len(data.train.y)

    with pytest.raises(AssertionError, match="went to the network"):
        load_mnist()
    write_files(cache, small_mnist(6), compress=True)
    assert rows(load_mnist()) == 5
    monkeypatch.setenv("NNCORE_DATA", str(tmp_path / "empty"))
    assert rows(load_mnist()) == 5
    monkeypatch.setenv("NNCORE_DATA", str(write_files(tmp_path / "env", small_mnist(12))))
    assert rows(load_mnist()) == 10
    assert rows(load_mnist(folder)) == 50


def test_an_incomplete_directory_is_an_error(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(cache, small_mnist())
    (folder / NAMES[2]).unlink()
    monkeypatch.setenv("NNCORE_DATA", str(folder))
    with pytest.raises(DataError, match=f"data: expected a file {NAMES[2]}"):
        load_mnist()


def test_the_cache_is_in_the_platforms_cache_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NNCORE_CACHE")
    for platform, variable in (("linux", "XDG_CACHE_HOME"), ("win32", "LOCALAPPDATA")):
        monkeypatch.setattr("sys.platform", platform)
        monkeypatch.setenv(variable, "/somewhere")
        assert module.cache_directory() == Path("/somewhere/nncore")
    monkeypatch.setattr("sys.platform", "darwin")
    assert module.cache_directory().parts[-3:] == ("Library", "Caches", "nncore")


def test_load_accepts_a_name_or_a_directory(folder: Path, cache: Path) -> None:
    assert len(load(folder).train.y) == 50
    assert len(load(str(folder)).test.y) == 10
    write_files(cache, small_mnist(6))
    assert len(load("mnist").train.y) == 5
    with pytest.raises(DataError, match=r'"mnist" or "digits", or a directory.* found "mnits"'):
        load("mnits")
    with pytest.raises(DataError, match="or a directory"):
        load(folder / NAMES[0])


def test_baseline_computed_by_hand() -> None:
    train = (np.array([[0, 1], [1, 2], [4, 4], [5, 5]]), np.array([3, 3, 7, 7]))
    test = (np.array([[2, 3], [3, 3], [9, 9], [0, 0]]), np.array([3, 7, 7, 7]))
    assert average_darkness_baseline(train, test) == 0.75


@pytest.mark.parametrize("x", [np.zeros((0, 4)), np.zeros((3, 4)), np.zeros(2)])
def test_baseline_refuses_mismatched_data(x: np.ndarray) -> None:
    good = (np.zeros((2, 4)), np.zeros(2, int))
    bad = (x, np.zeros(min(2, len(x)), int))
    with pytest.raises(ValueError, match=r"test: expected images .* found the shapes"):
        average_darkness_baseline(good, bad)
    with pytest.raises(ValueError, match=r"train: expected images .* found the shapes"):
        average_darkness_baseline(bad, good)


def test_real_mnist(mnist: Dataset) -> None:
    for part, rows in zip(mnist, (50_000, 10_000, 10_000), strict=True):
        assert part.x.shape == (rows, 784)
        assert part.x.dtype == np.float32
        assert part.x.min() == 0
        assert part.x.max() == 1
        assert part.y.shape == (rows,)
        assert part.y.dtype == np.int64
    assert mnist.train.y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.validation.y[:5].tolist() == [3, 8, 6, 9, 6]
    assert mnist.test.y[:5].tolist() == [7, 2, 1, 0, 4]
    assert (mnist.train.x != 0).mean() == pytest.approx(0.191, abs=0.0005)


def test_real_mnist_baseline(mnist: Dataset) -> None:
    assert average_darkness_baseline(mnist.train, mnist.test) == 0.2225


@pytest.mark.parametrize("name", NAMES)
def test_real_mnist_has_the_expected_hashes(mnist_folder: Path, name: str) -> None:
    file = module._find(mnist_folder, name)
    assert file is not None
    module._checked(name, BytesIO(file.read_bytes()))


def emnist(folder: Path, split: str, *, compress: bool = False) -> Path:
    """EMNIST's letters, as its archive names and labels them."""
    renamed = dict(
        zip(
            NAMES,
            (name.replace("t10k", "test") for name in (f"emnist-{split}-{n}" for n in NAMES)),
            strict=True,
        )
    )
    arrays = {renamed[name]: array for name, array in small_mnist().items()}
    for name in (renamed[NAMES[1]], renamed[NAMES[3]]):
        arrays[name] = (np.arange(len(arrays[name])) % 26 + 1).astype(np.uint8)
    return write_files(folder, arrays, compress=compress)


@pytest.mark.parametrize("compress", [False, True])
def test_letters_of_emnist(compress: bool, tmp_path: Path) -> None:
    data = load_mnist(emnist(tmp_path, "letters", compress=compress))
    assert data.train.y.tolist() == [i % 26 + 1 for i in range(50)]
    assert data.test.y.tolist() == list(range(1, 11))
    images = small_mnist()
    np.testing.assert_allclose(data.test.x * 255, images[NAMES[2]].reshape(10, 784), rtol=1e-6)
    np.testing.assert_allclose(
        data.train.x * 255, images[NAMES[0]].reshape(60, 784)[:50], rtol=1e-6
    )


def test_letters_under_the_names_of_mnist(folder: Path) -> None:
    write_files(folder, {NAMES[3]: np.full(10, 26, np.uint8)})
    assert load_mnist(folder).test.y.tolist() == [26] * 10


def test_several_data_sets_in_one_directory_are_refused(tmp_path: Path) -> None:
    emnist(tmp_path, "letters")
    emnist(tmp_path, "digits")
    with pytest.raises(DataError, match="expected one data set, found emnist-digits, emnist-let"):
        load_mnist(tmp_path)
    (tmp_path / "emnist-digits-train-images-idx3-ubyte").unlink()
    (tmp_path / "emnist-letters-test-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="expected a file emnist-letters-test-labels-idx1-ubyte or"):
        load_mnist(tmp_path)
