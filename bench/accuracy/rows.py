"""How well rows of digits are read: `python bench/accuracy/rows.py --model FILE [--rows 200]`.

Rows are made of MNIST's test digits, which nncore.datasets.load_mnist finds, and drawn as people
write and photograph them. p is the model's accuracy on the same single digits; a row of n digits
read as well as those is wholly right p ** n times.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import nncore
from nncore.datasets import load_mnist
from nncore.images import read_number
from row_pictures import NOTHING, STYLES, nothing, row

GAPS = {"spaced": (1, 6), "touching": (-3, 0)}
"""Columns between the ink of neighbours, the first and the last number that are drawn."""


def train(first: int = 0) -> nncore.Network:
    """A network of a little above 98 %, by MNIST's training images from the first one on."""
    x, y = load_mnist().train
    net = nncore.Network(
        [784, 256, 10],
        activation="relu",
        output_activation="softmax",
        cost="log_likelihood",
        seed=1,
    )
    options = {"epochs": 12, "optimizer": "adam", "learning_rate": 0.002, "batch_size": 128}
    net.fit(x[first:], y[first:], **options, dropout=0.3)
    return net


def share_right(
    net: nncore.Network, style: str, gaps: tuple[int, int], digits: int, rows: int, seed: int
) -> tuple[float, float, float]:
    """Of rows: how many were wholly right, had the right number of digits, and the seconds."""
    x, y = load_test()
    rng = np.random.default_rng([seed, digits])
    right = counted = 0
    seconds = 0.0
    for _ in range(rows):
        chosen = rng.integers(0, len(x), digits)
        drawn = row(x[chosen], rng.integers(gaps[0], gaps[1] + 1, digits - 1))
        picture = STYLES[style](drawn, rng)
        start = time.perf_counter()
        number = read_number(picture, net)
        seconds += time.perf_counter() - start
        right += number == "".join(map(str, y[chosen]))
        counted += len(number) == digits
    return right / rows, counted / rows, seconds / rows


_test: list[np.ndarray] = []


def load_test() -> tuple[np.ndarray, np.ndarray]:
    """MNIST's test images (10,000, 28, 28) and labels."""
    if not _test:
        test = load_mnist().test
        _test.extend((test.x.reshape(-1, 28, 28), test.y))
    return _test[0], _test[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", help="a saved network; without it, one is trained")
    parser.add_argument("--rows", type=int, default=200, help="rows a line of the table")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--styles", nargs="+", choices=STYLES, default=list(STYLES))
    options = parser.parse_args()
    net = nncore.Network.load(options.model) if options.model else train()
    x, y = load_test()
    p = float((net.predict(x.reshape(len(x), -1)) == y).mean())
    print(f"single digits: {100 * p:.2f} %")
    print(f"{'row':<20}{'gaps':<10}{'digits':>6}{'right':>8}{'counted':>9}{'p ** n':>8}", end="")
    print(f"{'ratio':>7}{'ms':>6}")
    lines = [(style, gaps, 5) for style in options.styles for gaps in GAPS]
    lines += [("scanned", "spaced", n) for n in (1, 2, 10)]
    for style, gaps, digits in lines:
        measured = share_right(net, style, GAPS[gaps], digits, options.rows, options.seed)
        right, counted, seconds = measured
        best = p**digits
        print(f"{style:<20}{gaps:<10}{digits:>6}{100 * right:>8.1f}{100 * counted:>9.1f}", end="")
        print(f"{100 * best:>8.1f}{right / best:>7.2f}{1000 * seconds:>6.0f}", flush=True)
    print(f"\n{'nothing there':<30}{'no digit':>9}")
    for kind in NOTHING:
        rng = np.random.default_rng(options.seed)
        tries = max(1, options.rows // 4)
        empty = sum(read_number(nothing(kind, rng), net) == "" for _ in range(tries))
        print(f"{kind:<30}{100 * empty / tries:>7.1f} %", flush=True)


if __name__ == "__main__":
    main()
