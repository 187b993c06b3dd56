"""`nncore.augment`: what each distortion computes, and what is refused."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray

import nncore
from distortions import Words, distort
from nncore.augment import Affine, Augmentation, Elastic, Noise, Thickness, from_numbers, sheet
from nncore.data import Scaled
from nncore.datasets import make_digits

KINDS: dict[str, dict[str, float]] = {
    "elastic": {"alpha": 20, "sigma": 2},
    "wide elastic": {"alpha": 300, "sigma": 30},
    "rotation": {"rotation": 180},
    "scaling": {"scaling": 0.5},
    "shear": {"shear": 0.5},
    "shift": {"shift": 3},
    "thickness": {"thinner": 1.5, "thicker": 2.5},
    "noise": {"noise": 0.25},
    "all": {
        "alpha": 30, "sigma": 3, "rotation": 20, "scaling": 0.2, "shear": 0.2, "shift": 2,
        "thinner": 1, "thicker": 1, "noise": 0.1,
    },
}  # fmt: skip


def made(numbers: dict[str, float], fill: float | str | None = None) -> Augmentation:
    """The augmentation that has these numbers."""

    def of(*names: str) -> dict[str, float]:
        return {name: numbers[name] for name in names if name in numbers}

    parts: list[Augmentation] = [Affine(**of("rotation", "scaling", "shear", "shift"), fill=fill)]
    if elastic := of("alpha", "sigma"):
        parts.append(Elastic(**elastic))
    if thickness := of("thinner", "thicker"):
        parts.append(Thickness(**thickness))
    if "noise" in numbers:
        parts.append(Noise(numbers["noise"]))
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


ALL = made(KINDS["all"])


def images(n: int, *shape: int) -> NDArray[np.float64]:
    return np.random.default_rng(3).random((n, *shape))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (7, 16), (17, 5), (9, 33, 3)])
@pytest.mark.parametrize("kind", KINDS)
def test_each_distortion_is_that_of_its_equations(
    kind: str, shape: tuple[int, ...], dtype: Any
) -> None:
    x = images(3, *shape).astype(dtype)
    fill = None if len(shape) == 3 else 0.5
    augmentation = made(KINDS[kind], "nearest" if fill is None else fill)
    seed, epoch, first = 2**63 + 5, 2**33 + 1, 2**30
    found = augmentation.apply(x, seed=seed, epoch=epoch, first_row=first)
    assert found.shape == x.shape
    assert found.dtype == dtype
    for i, image in enumerate(x.reshape(len(x), *shape[:2], -1).astype(np.float64)):
        wanted = distort(image, Words(seed, epoch, first + i), fill=fill, **KINDS[kind])
        tolerance = 2e-4 if dtype == np.float32 else 1e-11
        np.testing.assert_allclose(found[i].reshape(image.shape), wanted, atol=tolerance)


def test_an_elastic_field_moves_pixels_as_simards_does() -> None:
    # The image is a ramp, so that a pixel tells where it was taken from.
    ramp = np.tile(np.arange(41.0) * 8, (400, 41, 1))
    moved = Elastic(36, sigma=6).apply(ramp)[:, 20] / 8 - np.arange(41.0)
    middle = moved[:, 10:31]
    assert abs(middle.mean()) < 0.1
    spread = 36 / 6 / np.sqrt(3 * 4 * np.pi)
    assert middle.std() == pytest.approx(spread, rel=0.1)
    # The correlation of two pixels is a Gaussian of sigma times the root of 2.
    for apart in (3, 6, 12):
        wanted = np.exp(-((apart / 6) ** 2) / 4)
        found = (middle[:, :-apart] * middle[:, apart:]).mean() / spread**2
        assert found == pytest.approx(wanted, abs=0.15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_strength_leaves_the_bits_of_the_rows(dtype: str) -> None:
    x = np.concatenate([images(5, 36) - 0.5, np.full((1, 36), -0.0)]).astype(dtype)
    nothing = Elastic(0) + Affine() + Thickness(0) + Noise(0)
    assert nothing.apply(x, seed=3).tobytes() == x.tobytes()


def test_what_a_row_becomes_depends_on_seed_epoch_and_row_alone() -> None:
    augmentation = ALL
    x = images(20, 8, 8)
    found = augmentation.apply(x, seed=1, epoch=2)
    assert np.array_equal(augmentation.apply(x[7:9], seed=1, epoch=2, first_row=7), found[7:9])
    for other in ({"seed": 2, "epoch": 2}, {"seed": 1, "epoch": 3}):
        assert (augmentation.apply(x, **other) != found).any(axis=(1, 2)).all()
    same_image = augmentation.apply(x[[0] * 20], seed=1, epoch=2)
    assert len(np.unique(same_image, axis=0)) == 20


def test_bytes_are_distorted_in_their_own_units() -> None:
    byte = (images(4, 64) * 255).astype(np.uint8)
    augmentation = Affine(30, shift=2, fill=51) + Noise(20)
    as_floats = augmentation.apply(byte.astype(np.float32))
    assert np.array_equal(augmentation.apply(byte), as_floats)
    scaled = augmentation.apply(Scaled(byte, scale=2.0, offset=-1.0))
    np.testing.assert_allclose(scaled, as_floats * 2 - 1, atol=1e-3)
    half = byte.astype(np.float16)
    assert np.array_equal(augmentation.apply(half), as_floats)


@pytest.mark.parametrize("isa", ["baseline", "avx2", "avx512"])
def test_bits_are_the_same_on_every_instruction_set(isa: str) -> None:
    code = (
        "import numpy as np, hashlib, nncore\n"
        "from nncore.augment import *\n"
        "x = (np.arange(30 * 28 * 28) ** 2 % 251).astype(np.uint8).reshape(30, 28, 28)\n"
        "a = Elastic() + Affine(15, 0.15, 0.15, 1.5) + Thickness(1) + Noise(9)\n"
        "print(hashlib.sha256(a.apply(x, seed=3, epoch=4)).hexdigest())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"NNCORE_ISA": isa},
        capture_output=True,
        text=True,
    )
    if "NNCORE_ISA" in done.stderr:
        pytest.skip(f"this machine has no {isa}")
    x = (np.arange(30 * 28 * 28) ** 2 % 251).astype(np.uint8).reshape(30, 28, 28)
    a = Elastic() + Affine(15, 0.15, 0.15, 1.5) + Thickness(1) + Noise(9)
    here = hashlib.sha256(a.apply(x, seed=3, epoch=4)).hexdigest()
    assert done.stdout.strip() == here, done.stderr


def test_kinds_add_up() -> None:
    elastic, affine = Elastic(shape=(4, 9)), Affine(rotation=5, fill="nearest")
    both = elastic + affine
    assert repr(both) == f"{elastic!r} + {affine!r}"
    assert both.shape == (4, 9, 1)
    assert both.fill == "nearest"
    assert pickle.loads(pickle.dumps(both)) == both
    x = images(3, 36)
    assert np.array_equal((affine + elastic).apply(x), both.apply(x))
    with pytest.raises(TypeError):
        elastic + 3  # type: ignore[operator]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Elastic(-1), "alpha must be at least 0"),
        (lambda: Elastic(sigma=0.5), "sigma must be at least 1"),
        (lambda: Affine(rotation=181), "rotation must be at least 0 and at most 180"),
        (lambda: Affine(scaling=float("nan")), "scaling"),
        (lambda: Thickness(17), "thinner"),
        (lambda: Thickness(1, thicker=-1), "thicker"),
        (lambda: Noise(float("inf")), "std"),
        (lambda: Elastic(shape=(28,)), r"shape must be \(height, width\)"),
        (lambda: Elastic(shape=(28, 0)), "shape must be at least 1"),
        (lambda: Elastic(fill="black"), "fill must be a number or 'nearest'"),
        (lambda: Elastic() + Elastic(), "one Elastic at most"),
        (lambda: Elastic(shape=(2, 3)) + Affine(shape=(3, 2)), "two kinds"),
        (lambda: Elastic(fill=1) + Affine(fill=2), "two kinds"),
        (lambda: Elastic().apply(np.zeros((1, 10))), "10 inputs are no square images"),
        (lambda: Elastic(shape=(3, 3)).apply(np.zeros((1, 10))), "3 x 3 x 1"),
        (lambda: Elastic(shape=(3, 3)).apply(np.zeros((1, 3, 4))), "shape"),
        (lambda: Elastic().apply(np.zeros(16)), "expected"),
        (lambda: Elastic().apply(np.array([["a"]])), "x"),
        (lambda: Elastic().apply(scipy.sparse.eye(4).tocsr()), "sparse"),
    ],
)
def test_what_is_wrong_is_named(make: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def fitted(x: Any, **options: Any) -> nncore.Network:
    net = nncore.Network(
        [64, 12, 10],
        activation="relu",
        output_activation="softmax",
        cost="log_likelihood",
        seed=7,
        dtype=options.pop("dtype", "float32"),
    )
    options = {"epochs": 2, "batch_size": 7, "augment": ALL} | options
    net.fit(x, np.arange(len(x)) % 10, learning_rate=0.1, progress=False, **options)
    return net


def bits(net: nncore.Network) -> bytes:
    return b"".join(np.ascontiguousarray(p).tobytes() for p in [*net.weights, *net.biases])


X = images(50, 64)


def test_fit_trains_on_what_apply_shows() -> None:
    net = fitted(X.astype(np.float32), shuffle=False, epochs=3)
    by_hand = nncore.Network([64, 12, 10], activation="relu", output_activation="softmax",
                             cost="log_likelihood", seed=7)  # fmt: skip
    for epoch in range(3):
        shown = ALL.apply(X.astype(np.float32), seed=7, epoch=epoch)
        by_hand.fit(shown, np.arange(50) % 10, 1, 7, 0.1, shuffle=False, progress=False)
    assert bits(net) == bits(by_hand)


@pytest.mark.parametrize("kind", ["float32", "float64", "uint8", "float16", "scaled"])
@pytest.mark.parametrize("batch_size", [7, 300])
def test_threads_leave_the_bits(kind: str, batch_size: int) -> None:
    x: Any = np.tile(X * 255, (7, 1))
    x = Scaled(x.astype(np.uint8)) if kind == "scaled" else x.astype(kind)
    dtype = "float64" if kind == "float64" else "float32"
    options = {"batch_size": batch_size, "optimizer": "adam", "dtype": dtype}
    one = fitted(x, n_threads=1, **options)
    assert bits(one) == bits(fitted(x, n_threads=3, **options))
    assert bits(one) != bits(fitted(x, augment=None, **options))


def test_mostly_zero_rows_are_distorted_too() -> None:
    x = np.where(X > 0.9, X, 0).astype(np.float32)  # which is trained on without its zeros, else
    by_hand = fitted(Affine(rotation=30).apply(x, seed=7), epochs=1, augment=None)
    assert bits(fitted(x, epochs=1, augment=Affine(rotation=30))) == bits(by_hand)


def test_validation_rows_and_metrics_see_the_rows_as_they_are() -> None:
    x, y = X.astype(np.float32), np.arange(50) % 10
    net = nncore.Network([64, 10], output_activation="softmax", cost="log_likelihood", seed=1)
    history = net.fit(x, y, 2, augment=Noise(3.0), validation_data=(x, y), metrics=["accuracy"],
                      progress=False, optimizer="adam")  # fmt: skip
    found = net.evaluate(x, y)
    assert history["validation_cost"][-1] == found.cost
    assert history["accuracy"][-1] == found.accuracy


@pytest.mark.parametrize("stop_at", [1, 4])
def test_a_stopped_and_resumed_epoch_has_the_same_bits(tmp_path: Path, stop_at: int) -> None:
    class Stop(nncore.callbacks.Callback):
        def on_batch_end(self, run: Any) -> None:
            if run.batch == stop_at and run.epoch == 1:
                run.stop()

    x = X.astype(np.float32)
    whole = fitted(x, epochs=3, optimizer="adam")
    stopped = fitted(x, epochs=3, optimizer="adam", callbacks=[Stop()])
    assert stopped.epoch == 1
    stopped.save_checkpoint(tmp_path / "run")
    resumed = nncore.Network.resume(tmp_path / "run")
    trainer = resumed.training_state.trainer
    assert trainer is not None
    wanted = {"height": 0.0, "width": 0.0, "channels": 1.0, "fill": 0.0, "nearest": 0.0}
    assert trainer.augmentation == ALL.numbers() | wanted
    assert from_numbers(trainer.augmentation).numbers() == ALL.numbers() | {"fill": 0.0}
    resumed.fit(x, np.arange(50) % 10, 3, 7, 0.1, optimizer="adam", initial_epoch=1,
                augment=ALL, progress=False)  # fmt: skip
    assert bits(resumed) == bits(whole)


def test_blocks_are_distorted() -> None:
    from nncore.data import Blocks

    y = np.arange(50) % 10
    net = nncore.Network([64, 10], output_activation="softmax", cost="log_likelihood", seed=7)
    arrays = nncore.Network([64, 10], output_activation="softmax", cost="log_likelihood", seed=7)
    options: dict[str, Any] = {"augment": Affine(rotation=20), "shuffle": False, "progress": False}
    net.fit(Blocks(X, y, block_rows=21), epochs=2, batch_size=7, learning_rate=0.1, **options)
    arrays.fit(X, y, 2, 7, 0.1, **options)
    assert bits(net) == bits(arrays)


@pytest.mark.parametrize(
    ("x", "augment", "message"),
    [
        (scipy.sparse.csr_matrix(X), Elastic(), "x is a sparse matrix; augment distorts images"),
        (X, "elastic", "augment must be of nncore.augment"),
        (X, Elastic(shape=(9, 8)), "9 x 8 x 1"),
        (X, Elastic(shape=(8, 8, 2)), "8 x 8 x 2"),
    ],
)
def test_fit_refuses_what_is_no_image(x: Any, augment: Any, message: str) -> None:
    net = nncore.Network([64, 10], seed=1)
    before = bits(net)
    with pytest.raises((ValueError, TypeError), match=message):
        net.fit(x, np.arange(50) % 10, 1, augment=augment, progress=False)
    assert bits(net) == before
    assert net.epoch == 0


def test_a_sheet_shows_the_images_and_their_versions(tmp_path: Path) -> None:
    pil = pytest.importorskip("PIL.Image")
    x = (images(3, 6, 5) * 255).astype(np.uint8)
    drawn = sheet(Affine(rotation=20), x, epochs=4, file=tmp_path / "sheet.png")
    assert drawn.shape == (18, 5 * 6 - 1)
    assert drawn.dtype == np.uint8
    assert np.array_equal(np.asarray(pil.open(tmp_path / "sheet.png")), drawn)
    low, high = float(x.min()), float(x.max())
    assert np.array_equal(drawn[6:12, :5], np.round((x[1] - low) * (255 / (high - low))))
    colours = sheet(Noise(0.1, shape=(4, 3, 3)), images(2, 36), epochs=1)
    assert colours.shape == (8, 7, 3)
    with pytest.raises(ValueError, match=r"expected one as sheet\.png"):
        sheet(Noise(1), x, file=tmp_path / "sheet.unknown")
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_many_networks_are_trained_on_distorted_rows() -> None:
    y = np.arange(50) % 10
    spec = {"sizes": [64, 12, 10], "activation": "relu", "output_activation": "softmax",
            "cost": "log_likelihood", "seed": 7, "augment": ALL, "epochs": 2,
            "batch_size": 7, "learning_rate": 0.1}  # fmt: skip
    results = nncore.fit_many([spec, spec | {"seed": 8}], X, y, progress=False)
    assert bits(results[0].network) == bits(fitted(X))


def test_steps_on_rows_that_are_distorted_by_hand_are_those_of_fit() -> None:
    digits = make_digits(40, seed=2)
    distortions = Elastic(36) + Affine(rotation=15, shift=1)
    fitted, stepped = (nncore.Network([784, 12, 10], cost="cross_entropy", seed=3) for _ in "ab")
    fitted.fit(*digits, 4, 40, 0.5, augment=distortions, shuffle=False)
    trainer = nncore.Trainer(stepped, learning_rate=0.5)
    for _ in range(4):
        trainer.step(distortions.apply(digits.x, seed=3, epoch=trainer.steps), digits.y)
    for ours, theirs in zip(stepped.weights, fitted.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
