"""`nncore.data.Blocks`: rows that are read in blocks, ahead of training."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import nncore
from block_problem import FIT, ROWS, Sliced, iterators, network, problem, same, trained
from nncore import _core
from nncore.data import Blocks, Scaled
from nncore.datasets import Dataset, load_idx


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("narrow", [np.float32, np.uint8, np.float64, np.int16])
def test_what_fits_into_one_window_has_the_bits_of_arrays(shuffle: bool, narrow: Any) -> None:
    x, y = problem(narrow)
    expected = trained(x, y, shuffle=shuffle)
    for blocks in (
        Blocks(x, y, block_rows=100, window=11),
        Blocks(x, y, block_rows=5000, window=1),
        Blocks(Sliced(x), Sliced(y), block_rows=77),
        Blocks(iterators(x, y), window=30),
        Blocks(iterators(x, y), window=30, rows=ROWS),
    ):
        net = trained(blocks, shuffle=shuffle)
        assert same(net, expected)
        assert net.history["cost"] == expected.history["cost"]


def test_weights_and_targets_of_several_columns_come_along() -> None:
    x, _ = problem()
    y = np.stack([x[:, 0] / 200, x[:, 1] / 400], axis=1)
    weight = np.random.default_rng(2).random(ROWS)
    nets = []
    for data in (
        {"x": x, "y": y, "sample_weight": weight},
        {"x": Blocks(x, y, sample_weight=weight, block_rows=64)},
        {"x": Blocks(lambda: iter([(x[:500], y[:500], weight[:500]),
                                   (x[500:], y[500:], weight[500:])]))},
    ):  # fmt: skip
        net = nncore.Network([6, 2], output_activation="linear", seed=1)
        net.fit(**data, epochs=2, learning_rate=1e-6, progress=False)
        nets.append(net)
    assert same(nets[0], nets[1])
    assert same(nets[0], nets[2])


def test_scaled_bytes_have_the_bits_of_scaled_arrays() -> None:
    x, y = problem(np.uint8)
    blocks = Blocks(x, y, block_rows=100, scale=1 / 255, offset=-0.5)
    assert same(trained(blocks), trained((x / 255 - 0.5).astype(np.float32), y))


def test_the_bits_do_not_depend_on_the_readers_speed_nor_on_threads() -> None:
    x, y = problem()
    quick = trained(Blocks(x, y, block_rows=50, window=3), n_threads=1)
    slow = trained(Blocks(Sliced(x, delay=0.003), y, block_rows=50, window=3), n_threads=2)
    assert same(quick, slow)
    assert not same(quick, trained(x, y))


def test_every_row_is_trained_on_once_an_epoch_in_another_order() -> None:
    """With one input and rate 1, each row leaves its own mark on the weights."""
    marks = np.eye(60, dtype=np.float32)
    net = nncore.Network([60, 1], output_activation="linear", initializer="zeros", seed=2)
    net.fit(
        Blocks(marks, np.full(60, 1.0), block_rows=7, window=3),
        epochs=1, batch_size=4, learning_rate=1e-3, progress=False,
    )  # fmt: skip
    found = net.weights[0][0]
    assert found.min() > 0.9 * found.max() > 0

    orders = []
    for epoch in range(2):
        seen = Sliced(marks)
        net = nncore.Network([60, 1], output_activation="linear", seed=2)
        net.epoch = epoch
        blocks = Blocks(seen, np.zeros(60), block_rows=7, window=3)
        net.fit(blocks, epochs=1, batch_size=4, learning_rate=1e-3, progress=False)
        assert sorted(seen.asked) == [(i, min(i + 7, 60)) for i in range(0, 60, 7)]
        orders.append(seen.asked)
    assert orders[0] != orders[1]


@pytest.mark.parametrize("stop_after", [1, 20, 37, 62])
@pytest.mark.parametrize("window", [2, 50])
def test_a_run_that_was_stopped_resumes_to_the_same_bits(
    stop_after: int, window: int, tmp_path: Path
) -> None:
    """Stopped in the second epoch, behind that many of its 63 mini-batches or a few more."""
    x, y = problem()

    def blocks() -> Blocks:
        return Blocks(x, y, block_rows=90, window=window)

    expected = trained(blocks())
    net = network()
    interrupt_in_core(net, blocks(), stop_after)
    assert net.epoch == 1
    position = net.training_state.trainer.position  # type: ignore[union-attr]
    assert position is not None
    assert stop_after <= position[3] < 63
    net.save_checkpoint(tmp_path / "run")
    resumed = nncore.Network.resume(tmp_path / "run")
    for again in (net, resumed):
        again.fit(blocks(), epochs=3, initial_epoch=1, learning_rate=0.01, progress=False, **FIT)
        assert same(again, expected)
        assert again.history["cost"] == expected.history["cost"]


def interrupt_in_core(net: nncore.Network, blocks: Blocks, stop_after: int) -> None:
    """Trains as the core would be left by Ctrl-C: a window of the second epoch ends early."""
    net.fit(blocks, epochs=1, learning_rate=0.01, progress=False, **FIT)
    trainer = net.training_state.trainer
    assert trainer is not None

    from nncore.training.blocked import BlockedData

    for data, order, part in BlockedData(net, blocks).windows(net, 16, 0, shuffle=True):
        assert order is not None
        assert part is not None
        rows = min(len(order), stop_after * 16 - part[0])
        trainer.epoch(data, order[:rows], learning_rate=0.01, part=part)
        if rows < len(order):
            break


def test_blocks_that_were_trained_on_are_not_read_again() -> None:
    x, y = problem()
    net = network()
    interrupt_in_core(net, Blocks(x, y, block_rows=90, window=2), 40)
    seen = Sliced(x)
    blocks = Blocks(seen, y, block_rows=90, window=2)
    net.fit(blocks, epochs=2, initial_epoch=1, learning_rate=0.01, progress=False, **FIT)
    assert 3 <= len(seen.asked) <= 8  # of 12


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals")
def test_ctrl_c_ends_the_wait_for_a_slow_reader() -> None:
    x, y = problem()
    waiting, done = threading.Event(), threading.Event()

    class Stuck(Sliced):
        def __getitem__(self, rows: slice) -> NDArray[Any]:
            if len(self.asked) > 4:
                waiting.set()
                done.wait(30)
            return super().__getitem__(rows)

    def press() -> None:
        assert waiting.wait(30)
        time.sleep(0.1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        time.sleep(0.1)
        done.set()

    keys = threading.Thread(target=press)
    keys.start()
    net = network()
    with pytest.raises(KeyboardInterrupt):
        net.fit(Blocks(Stuck(x), y, block_rows=50, window=2), epochs=2, progress=False)
    keys.join()
    assert net.epoch == 0
    assert not [t for t in threading.enumerate() if t.name == "nncore reader"]
    net.fit(Blocks(x, y, block_rows=50, window=2), epochs=2, progress=False)
    assert net.epoch == 2


def test_errors_name_the_block() -> None:
    x, y = problem()

    class Broken(Sliced):
        def __getitem__(self, rows: slice) -> NDArray[Any]:
            if rows.start == 300:
                raise OSError("the disk is gone")
            return super().__getitem__(rows)

    def fails(blocks: Blocks, match: str, **options: Any) -> None:
        net = network()
        with pytest.raises(nncore.DataError, match=match):
            net.fit(blocks, epochs=2, progress=False, **options)
        assert net.all_finite()
        net.fit(x, y, epochs=1, progress=False)
        assert not [t for t in threading.enumerate() if t.name == "nncore reader"]

    fails(
        Blocks(Broken(x), y, block_rows=100, window=2), r"block 3, from row 300: the disk is gone"
    )
    bad = x.copy()
    bad[720, 4] = np.nan
    fails(Blocks(bad, y, block_rows=100, window=3), "block 7, from row 700: x has NaN in row 20")
    labels = y.copy()
    labels[5] = 3
    fails(Blocks(x, labels, block_rows=100, window=3), "block 0, from row 0: .*label 3 in row 5")

    def raising() -> Iterator[Any]:
        yield x[:100], y[:100]
        raise RuntimeError("no more")

    with pytest.raises(nncore.DataError, match="block 1, from row 100: no more"):
        network().fit(Blocks(raising), epochs=1)
    fails(Blocks(raising, rows=ROWS, window=1), "block 1, from row 100: no more")

    def without_columns() -> Iterator[Any]:
        yield {}["price"]

    with pytest.raises(nncore.DataError, match="block 0, from row 0: KeyError: 'price'"):
        network().fit(Blocks(without_columns), epochs=1)
    fails(Blocks(iterators(x, y), rows=ROWS - 5), "998|1,003")
    fails(Blocks(iterators(x, y), rows=ROWS + 5), "ended after 1,003 rows; expected 1,008")
    for second, match in (
        ((x[:9, :5], y[:9]), r"block 1, from row 100: x has shape \(9, 5\)"),
        ((x[:9], y[:8]), r"block 1, from row 100: y has shape \(8,\)"),
        ((x[:9].astype(str), y[:9]), "block 1, from row 100: x has shape .*<U"),
        ((x[:9].astype(float), y[:9]), "block 1, from row 100: x has dtype float64"),
        (x[:9], r"block 1, from row 100: expected \(x, y\)"),
    ):
        parts = [(x[:100], y[:100]), second]
        fails(Blocks(lambda parts=parts: iter(parts), rows=109), match)  # type: ignore[misc]


def test_arguments_are_checked() -> None:
    x, y = problem()
    for arguments, match in (
        ((x,), "needs y"),
        ((x, y[:5]), "y has 5 rows; x has 1003"),
        ((x[0], y), r"expected \(n, inputs\)"),
        (([[1.0]], y), "must have a shape"),
        ((x[:0], y[:0]), "no rows"),
        ((iterators(x, y), y), "y must be None"),
    ):
        with pytest.raises((TypeError, ValueError), match=match):
            Blocks(*arguments)
    with pytest.raises(ValueError, match="window"):
        Blocks(x, y, window=0)
    with pytest.raises(TypeError, match="rows is for a function"):
        Blocks(x, y, rows=3)
    with pytest.raises(ValueError, match="gave no rows"):
        network().fit(Blocks(lambda: iter([])))
    blocks, net = Blocks(x, y), network()
    for options, match in (
        ({"y": y}, "bring their own y"),
        ({"sample_weight": np.ones(ROWS)}, "bring their own sample_weight"),
        ({"class_weight": "balanced"}, "class_weight"),
        ({"validation_split": 0.1}, "validation_data"),
    ):
        with pytest.raises(TypeError, match=match):
            net.fit(blocks, **options)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="y is None"):
        net.fit(x)


def test_validation_metrics_and_callbacks_see_the_epochs() -> None:
    x, y = problem()
    seen = []
    net = network()
    history = net.fit(
        Blocks(x, y, block_rows=90, window=2),
        epochs=3,
        metrics=["f1"],
        validation_data=(x[:50], y[:50]),
        callbacks=[nncore.callbacks.Lambda(on_epoch_end=lambda run: seen.append(run.epoch))],
        progress=False,
    )
    assert seen == [0, 1, 2]
    assert {"cost", "validation_cost", "validation_accuracy", "validation_f1"} <= history.keys()
    assert "f1" not in history


class Watch(nncore.callbacks.Callback):
    """Sees mini-batches, lets the rate fall, and may stop."""

    batch_stride = 5

    def __init__(self, stop_at: int | None = None) -> None:
        self.seen: list[tuple[int, float]] = []
        self.stop_at = stop_at

    def on_batch_end(self, run: Any) -> None:
        self.seen.append((run.step, run.batch_cost))
        run.learning_rate *= 0.99
        if run.step == self.stop_at:
            run.stop()


@pytest.mark.parametrize(("stop_at", "calls"), [(None, 36), (15, 3), (68, 13)])
@pytest.mark.parametrize("window", [1, 20])
def test_callbacks_see_the_mini_batches_of_blocks(
    stop_at: int | None, calls: int, window: int
) -> None:
    """A window of 80 rows is five of 63 mini-batches; steps 15 and 68 end one."""
    x, y = problem()
    watch, of_arrays = Watch(stop_at), Watch(stop_at)
    net = trained(Blocks(x, y, block_rows=80, window=window), callbacks=[watch], shuffle=False)
    expected = trained(x, y, callbacks=[of_arrays], shuffle=False)
    assert same(net, expected)
    assert watch.seen == of_arrays.seen
    assert len(watch.seen) == calls
    assert not [t for t in threading.enumerate() if t.name == "nncore reader"]


def test_maps_of_files_give_their_pages_back(tmp_path: Path) -> None:
    x, y = problem()
    x.tofile(tmp_path / "x")
    mapped = np.memmap(tmp_path / "x", np.float32, "r", shape=x.shape)
    blocks = Blocks(mapped, y, block_rows=100, window=20)
    assert same(trained(blocks), trained(x, y))
    assert np.array_equal(mapped, x)
    changed = np.memmap(tmp_path / "x", np.float32, "c", shape=x.shape)
    changed[3] = 7
    changed_x = np.array(changed)
    assert same(trained(Blocks(changed, y, block_rows=100)), trained(changed_x, y))
    assert np.array_equal(changed, changed_x)


def test_h5py_zarr_and_dask(tmp_path: Path) -> None:
    x, y = problem()
    expected = trained(x, y)
    found = 0
    with_h5py = pytest.importorskip("h5py")
    with with_h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"], file["y"] = x, y
        assert same(trained(Blocks(file["x"], file["y"], block_rows=100)), expected)
    for module in ("zarr", "dask.array"):
        try:
            package = __import__(module, fromlist=["x"])
        except ImportError:
            continue
        arrays = (
            (package.array(x), package.array(y)) if module == "zarr"
            else (package.from_array(x, chunks=64), package.from_array(y, chunks=50))
        )  # fmt: skip
        assert same(trained(Blocks(*arrays, block_rows=100)), expected)
        found += 1
    assert found <= 2


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow, the extra nncore[parquet]")
    from pyarrow import parquet

    x, y = problem()
    columns = {f"c{i}": x[:, i] for i in range(6)}
    half = ROWS // 2
    for name, rows in (("a", slice(0, half)), ("b", slice(half, None))):
        table = pyarrow.table({k: v[rows] for k, v in {**columns, "label": y}.items()})
        parquet.write_table(table, tmp_path / name, row_group_size=120)
    paths = [tmp_path / "a", tmp_path / "b"]
    blocks = Blocks.from_parquet(paths, "label")
    assert (blocks.rows, blocks.window) == (ROWS, 16 * 16_384 // 120)
    assert same(trained(blocks), trained(x, y))
    parted = Blocks.from_parquet(paths, "label", window=2)
    assert same(trained(parted, shuffle=False), trained(x, y, shuffle=False))
    weighted = Blocks.from_parquet(
        paths, "label", columns=[f"c{i}" for i in range(6)], sample_weight="c1"
    )
    assert same(trained(weighted), trained(x, y, sample_weight=x[:, 1]))
    with pytest.raises(ValueError, match="no column 'price'"):
        Blocks.from_parquet(paths, "price")
    (tmp_path / "c").write_bytes(b"no parquet at all")
    with pytest.raises(nncore.DataError, match="Parquet"):
        Blocks.from_parquet(tmp_path / "c", "label")


def test_parts_of_an_epoch_must_follow_each_other() -> None:
    x, y = problem()
    net = network()
    data = _core.Dataset(net, x[:160], y[:160])
    trainer = _core.Trainer(net, batch_size=16)

    def train(before: int, total: int = ROWS, key: int = 5) -> None:
        trainer.epoch(data, None, learning_rate=0.1, part=(before, total, key))

    with pytest.raises(ValueError, match=r"begins behind row 160 .* stands at row 0"):
        train(160)
    with pytest.raises(ValueError, match="whole mini-batches of 16"):
        train(8)
    with pytest.raises(ValueError, match="whole mini-batches of 16"):
        train(0, total=159)
    with pytest.raises(ValueError, match="order is 2"):
        train(0, key=2)
    train(0)
    train(160)
    steps = trainer.steps
    train(0)  # was trained on already
    assert trainer.steps == steps == 20
    assert net.epoch == 0
    with pytest.raises(ValueError, match="stands at row 0"):
        train(160, key=6)


def test_mnist_trains_from_its_bytes(mnist_folder: Path, mnist: Dataset) -> None:
    file = next(mnist_folder.glob("train-images*ubyte*"))
    images = load_idx(file).reshape(-1, 784)[: len(mnist.train.x)]
    nets = []
    for x in (Scaled(images, 1 / 255), mnist.train.x):
        net = nncore.Network([784, 10], seed=1)
        net.fit(x, mnist.train.y, epochs=1, progress=False)
        nets.append(net)
    assert same(*nets)


def test_rows_are_checked_beside_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the thread that reads: the threads that train would wait for it."""
    threads: list[str] = []
    dataset = _core.Dataset

    def recorded(*arguments: Any) -> Any:
        threads.append(threading.current_thread().name)
        return dataset(*arguments)

    x, y = problem()
    monkeypatch.setattr(_core, "Dataset", recorded)
    trained(Blocks(x, y, block_rows=100, window=3), epochs=1)
    assert threads == ["nncore reader"] * 4
