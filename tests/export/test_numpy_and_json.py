"""NumPy's .npz and the book's JSON, written and read."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nncore
from export_networks import ACTIVATIONS, assert_same, network
from networks import full_disk
from nncore import ModelFileError
from nncore.book import network2
from nncore.export import from_book_json, from_npz, npz, to_book_json, to_npz


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_npz_round_trip(activation: str, dtype: str, tmp_path: Path) -> None:
    net = network(activation, dtype)
    net.epoch = 3
    path = tmp_path / "net.data"  # numpy.savez would append a suffix
    to_npz(net, path)
    again = from_npz(path)
    assert_same(again, net)
    assert (again.cost, again.seed, again.epoch) == (net.cost, net.seed, 3)
    with np.load(path) as file:
        assert file["weights_1"].shape == (5, 6)
        assert file["biases_3"].dtype == dtype
        assert list(file["activations"]) == list(net.activations)


def arrays(**changes: Any) -> dict[str, Any]:
    good = {
        "weights_1": np.ones((2, 3)), "biases_1": np.ones(2), "activations": np.array(["tanh"]),
        "cost": np.array("quadratic"),
    }  # fmt: skip
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def test_npz_of_other_programs(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    np.savez(path, **arrays(note=np.array("mine")))
    assert from_npz(path).sizes == (3, 2)


def test_npz_is_read_without_numpys_printing() -> None:
    """An interrupt in the middle of it makes NumPy print "..." for ever after."""

    class Unprintable(np.ndarray):
        def __str__(self) -> str:
            return "..."

    cost = np.array("quadratic").view(Unprintable)
    assert npz._network(arrays(cost=cost)).cost == "quadratic"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"weights_1": None}, "expected an array 'weights_1'"),
        ({"activations": None}, "'activations'"),
        ({"activations": np.array(["tanh", "relu"])}, "'weights_2'"),
        ({"activations": np.array([], str)}, "activations|unpack"),
        ({"activations": np.array(["tanhh"])}, "did you mean 'tanh'"),
        ({"cost": np.array("log_likelihood")}, "softmax"),
        ({"weights_1": np.ones(3)}, "units, inputs"),
        ({"weights_1": np.ones((3, 3))}, "shape"),
        ({"weights_1": np.full((2, 3), np.nan)}, "finite"),
        ({"weights_1": np.array([["a"] * 3] * 2)}, "dtype|number|str|promotion"),
        ({"seed": np.array(-1)}, "seed"),
        ({"seed": np.array([1, 2])}, "not a network"),
        ({"epoch": np.array(2**64 - 1)}, "epoch"),
    ],
)
def test_invalid_arrays_are_refused(changes: dict[str, Any], named: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays(**changes))
    with pytest.raises(ModelFileError, match=rf"bad\.npz: .*({named})"):
        from_npz(path)


def test_damaged_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    to_npz(network("relu"), path)
    good = path.read_bytes()
    np.save(path.with_suffix(".npy"), np.ones(3))
    one = path.with_suffix(".npy").read_bytes()
    for content in (b"", b"PK\x03\x04", good[:200], good[:-30], b"nonsense" * 9, one):
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match=r"bad\.npz: not a network"):
            from_npz(path)
    rng = np.random.default_rng(0)
    for _ in range(100):
        bad = bytearray(good)
        bad[rng.integers(len(bad))] ^= 1 << rng.integers(8)
        path.write_bytes(bad)
        try:
            assert from_npz(path).all_finite()
        except ModelFileError:
            continue
    with pytest.raises(FileNotFoundError):
        from_npz(tmp_path / "none.npz")


# ---- the book's JSON -----------------------------------------------------------------------------


@pytest.mark.parametrize("cost", ["quadratic", "cross_entropy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_json_round_trip(dtype: str, cost: str, tmp_path: Path) -> None:
    net, path = nncore.Network([4, 3, 2], cost=cost, dtype=dtype, seed=3), tmp_path / "net.json"
    to_book_json(net, path)
    again = from_book_json(path)
    assert (again.cost, again.dtype) == (cost, "float64")
    for p, q in zip(net.weights + net.biases, again.weights + again.biases, strict=True):
        np.testing.assert_array_equal(p, q)
    assert list(json.loads(path.read_text())) == ["sizes", "weights", "biases", "cost"]


def test_json_agrees_with_the_books_format(tmp_path: Path) -> None:
    path, x = tmp_path / "net.json", np.linspace(-1, 1, 4)
    books = network2.Network([4, 3, 2], cost=network2.QuadraticCost)
    books.save(path)
    net = from_book_json(path)
    assert net.cost == "quadratic"
    np.testing.assert_array_equal(net.feedforward(x), books.feedforward(x[:, None])[:, 0])
    to_book_json(net, path)
    again = network2.load(path)
    assert again.cost is network2.QuadraticCost
    np.testing.assert_array_equal(again.feedforward(x[:, None]), books.feedforward(x[:, None]))


def test_numpys_global_generator_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]  # noqa: NPY002
    to_book_json(nncore.Network([2, 1]), path)
    from_book_json(path)
    assert (np.random.get_state()[1] == before).all()  # type: ignore[index]  # noqa: NPY002


def test_networks_that_the_book_lacks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    with pytest.raises(ValueError, match=r"sigmoid layers only; .*\['relu'\]"):
        to_book_json(nncore.Network([2, 2, 2], activation="relu"), path)
    with pytest.raises(ValueError, match="not 'huber'"):
        to_book_json(nncore.Network([2, 2], cost="huber"), path)
    net = nncore.Network([2, 2])
    net.biases[0][0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        to_book_json(net, path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"cost": "Own"},
        {"cost": None},
        {"weights": [[[float("nan")]]]},
        {"weights": [[[1.0, 2.0]]]},
        {"biases": [[[1.0], [2.0]]]},
        {"sizes": [1, 1, 1]},
    ],
)
def test_invalid_json_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    good = {"sizes": [1, 1], "weights": [[[1.0]]], "biases": [[[2.0]]], "cost": "QuadraticCost"}
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({**good, **changes}))
    with pytest.raises(ModelFileError, match=r"bad\.json"):
        from_book_json(path)
    path.write_text(json.dumps(good))
    assert from_book_json(path).sizes == (1, 1)


# ---- how files are written -----------------------------------------------------------------------


def test_permissions_and_symlinks_are_kept(tmp_path: Path) -> None:
    net, path, link = network("relu"), tmp_path / "net.npz", tmp_path / "link.npz"
    to_npz(net, path)
    usual = tmp_path / "usual"
    usual.touch()
    assert path.stat().st_mode == usual.stat().st_mode
    path.chmod(0o640)
    link.symlink_to("net.npz")
    to_npz(network("tanh"), link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert from_npz(path).activations[0] == "tanh"


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    to_npz(network("relu"), path)
    with full_disk(), pytest.raises(OSError, match="cannot be written: File too large"):
        to_npz(network("tanh"), path)
    assert from_npz(path).activations[0] == "relu"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(IsADirectoryError) as caught:
        to_npz(network("tanh"), tmp_path)
    assert caught.value.filename == str(tmp_path)
