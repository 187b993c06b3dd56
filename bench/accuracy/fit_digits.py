"""Trains the network that comes with nncore, which reads digits.

It takes MNIST's training images, distorted anew in each epoch; the validation images chose the
settings below. The file, in the package, has the same bits at any number of threads and wherever
kernels fuse multiply-adds (AVX2, AVX-512, Arm), given the same C library's cos. Prints how well it
reads digits that are shifted, thick, thin, drawn and photographed, beside a network of the same
sizes that has seen MNIST's images as they are.

--table prints that of the file as it stands, --output writes another file.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

import nncore
from nncore import images, schedules
from nncore.augment import Affine, Elastic, Thickness
from nncore.callbacks import AverageWeights
from nncore.datasets import load_mnist, make_digits
from row_pictures import STYLES, grey

Array = NDArray[Any]
Rng = np.random.Generator

FILE = Path(images.__file__).with_name("digits.safetensors")
SIZES = [784, 112, 96, 10]
EPOCHS = 400
DISTORTIONS = (
    Elastic(29, sigma=6) + Affine(rotation=12, scaling=0.12, shear=0.12, shift=1.5) + Thickness(0.6)
)
STEPS = (1 / 8, 1 / 32, 1 / 64)
"""Multiples of these are all weights of a layer, so that a wheel has a fifth of the file."""


def network() -> nncore.Network:
    # Uniform numbers are drawn without the platform's log and cos, whose last bits differ.
    return nncore.Network(
        SIZES,
        activation="relu",
        output_activation="softmax",
        cost="log_likelihood",
        initializer="he_uniform",
        seed=1,
    )


def train(epochs: int) -> nncore.Network:
    data = load_mnist()
    net = network()
    net.fit(
        *data.train,
        epochs=epochs,
        batch_size=128,
        optimizer="adam",
        learning_rate=schedules.Cosine(0.002, epochs),
        augment=DISTORTIONS,
        callbacks=[AverageWeights(start=epochs - epochs // 8 - 1)],
    )
    return net


def round_weights(net: nncore.Network) -> None:
    for weights, step in zip(net.weights, STEPS, strict=True):
        weights[...] = np.rint(weights / step) * step + 0.0  # no -0


def train_plainly() -> nncore.Network:
    """The same sizes, on the images as they are; as good on the validation images as it gets."""
    data = load_mnist()
    net = network()
    rate = schedules.Cosine(0.002, 15)
    options = {"epochs": 15, "batch_size": 128, "optimizer": "adam", "learning_rate": rate}
    net.fit(*data.train, **options, dropout=0.1)
    return net


def shifted(x: Array, rng: Rng, pixels: int) -> Array:
    """Each image moved by so many pixels along or across, or both."""
    moves = [(a, b) for a in (-pixels, 0, pixels) for b in (-pixels, 0, pixels) if a or b]
    chosen = rng.integers(0, len(moves), len(x))
    padded = np.pad(x.reshape(-1, 28, 28), ((0, 0), (pixels, pixels), (pixels, pixels)))
    moved = np.empty((len(x), 28, 28), np.float32)
    for k, (down, right) in enumerate(moves):
        top, left = pixels + down, pixels + right
        moved[chosen == k] = padded[chosen == k][:, top : top + 28, left : left + 28]
    return moved.reshape(x.shape)


def penned(x: Array, filter_: Any) -> Array:
    """Each image with other strokes: enlarged four times, filtered, and reduced again."""
    changed = np.empty_like(x)
    for i, image in enumerate(x.reshape(-1, 28, 28)):
        large = grey(image).resize((112, 112), Image.Resampling.BICUBIC).filter(filter_)
        changed[i] = np.asarray(large.resize((28, 28), Image.Resampling.BOX)).reshape(-1) / 255
    return changed


def photographed(x: Array, rng: Rng, style: str) -> Array:
    """Pictures in a style of row_pictures.py, brought into MNIST's form."""
    pictures = (STYLES[style](image, rng) for image in x.reshape(-1, 28, 28))
    return np.stack([images.read_digit(picture) for picture in pictures])


def table(nets: dict[str, nncore.Network], strokes: int, pictures: int) -> None:
    test, drawn = load_mnist().test, make_digits(10_000, seed=1)
    x, y = test.x[:strokes], test.y[:strokes]
    few = test.x[:pictures], test.y[:pictures]
    kinds: dict[str, Callable[[Rng], tuple[Array, Array]]] = {
        "MNIST's test images": lambda rng: test,
        "shifted by a pixel": lambda rng: (shifted(test.x, rng, 1), test.y),
        "shifted by two pixels": lambda rng: (shifted(test.x, rng, 2), test.y),
        "strokes thicker by a pixel": lambda rng: (penned(x, ImageFilter.MaxFilter(5)), y),
        "strokes thinner by half a pixel": lambda rng: (penned(x, ImageFilter.MinFilter(3)), y),
        "strokes thinner by a pixel": lambda rng: (penned(x, ImageFilter.MinFilter(5)), y),
        "drawn (make_digits)": lambda rng: drawn,
    }
    for style in ("thick pen", "thin pen", "slanted", "scanned"):
        kinds[f"photographed: {style}"] = lambda rng, style=style: (
            photographed(few[0], rng, style),
            few[1],
        )
    print(f"{'right, %':<34}" + "".join(f"{name:>12}" for name in nets))
    for name, make in kinds.items():
        seen, labels = make(np.random.default_rng(1))
        shares = [100 * float((net.predict(seen) == labels).mean()) for net in nets.values()]
        print(f"{name:<34}" + "".join(f"{share:>12.2f}" for share in shares), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--output", type=Path, metavar="FILE", default=FILE)
    parser.add_argument("--table", action="store_true", help="trains nothing but the plain network")
    parser.add_argument("--strokes", type=int, default=2000, help="digits made thick and thin")
    parser.add_argument("--pictures", type=int, default=200, help="digits in pictures, a style")
    options = parser.parse_args()
    if not options.table:
        net = train(options.epochs)
        round_weights(net)
        net.save(options.output)
    content = options.output.read_bytes()
    print(f"{options.output.name}: {len(content):,} bytes, SHA-256")
    print(hashlib.sha256(content).hexdigest())
    table(
        {"plain": train_plainly(), "this": nncore.Network.load(options.output)},
        options.strokes,
        options.pictures,
    )


if __name__ == "__main__":
    main()
