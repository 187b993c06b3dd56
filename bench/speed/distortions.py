"""How many images a second are distorted, and a picture of a sheet of them.

python bench/speed/distortions.py [--sheet sheet.png] [--threads 1]
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

import nncore
from nncore.augment import Affine, Elastic, Noise, Thickness, sheet

ELASTIC, AFFINE = Elastic(36, sigma=6), Affine(15, scaling=0.15, shear=0.15, shift=1.5)
KINDS = {
    "elastic": ELASTIC,
    "affine": AFFINE,
    "thickness": Thickness(1),
    "noise": Noise(10),
    "elastic + affine": ELASTIC + AFFINE,
    "all": ELASTIC + AFFINE + Thickness(1) + Noise(10),
}
SHEET = ELASTIC + AFFINE + Thickness(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheet", metavar="FILE", help="draws MNIST's first digits, distorted")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.sheet:
        first = nncore.datasets.load_mnist().train.x[:16]
        sheet(SHEET, first, epochs=20, file=options.sheet)
        return
    nncore.set_num_threads(options.threads)
    rng = np.random.default_rng(0)
    bytes_ = rng.integers(0, 256, (20_000, 784), np.uint8)
    rows = {"uint8": bytes_, "float32": bytes_.astype(np.float32) / 255}
    print(f"images of 28 x 28 a second, {options.threads} threads; median of {options.rounds}")
    for name, kind in KINDS.items():
        for dtype, x in rows.items():
            seconds = []
            for epoch in range(options.rounds):
                started = time.perf_counter()
                kind.apply(x, epoch=epoch)
                seconds.append(time.perf_counter() - started)
            print(f"{name:<18} {dtype:<8} {len(x) / statistics.median(seconds):>10,.0f}")


if __name__ == "__main__":
    main()
