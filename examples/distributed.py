"""One network by several processes: `mpiexec -n 4 python examples/distributed.py`.

Each rank maps the same file of rows and reads those of its lanes. The digest is the same on any
number of ranks.
"""

from __future__ import annotations

import hashlib
import os
import tempfile

import numpy as np

import nncore
from nncore import distributed


def write_rows(path: str) -> None:
    rng = np.random.default_rng(1)
    np.save(path, rng.normal(size=(20_000, 50)).astype(np.float32))


def main() -> None:
    with distributed.world() as world, tempfile.TemporaryDirectory() as own:
        path = world.from_first(os.path.join(own, "rows.npy"))
        if world.rank == 0:
            write_rows(path)
        world.from_first(None)  # the others wait for the file
        x = np.load(path, mmap_mode="r")
        y = (x[:, :3] ** 2).sum(axis=1)
        net = nncore.Network([50, 64, 1], output_activation="linear", activation="relu", seed=1)
        history = net.fit(
            x, y, 3, 500, optimizer="adam", lanes=8, world=world, validation_split=0.1
        )
        world.agree()  # nobody reads the file any more
        if world.rank == 0:
            weights = hashlib.sha256(net.weights[0].tobytes()).hexdigest()
            cost = history["validation_cost"][-1]
            print(f"validation cost {cost:.4f} by {world.size} ranks: {weights[:16]}")


if __name__ == "__main__":
    main()
