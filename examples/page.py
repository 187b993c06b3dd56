"""One web page of a network trained on the spot: `python examples/page.py [FILE]`.

The page works from a double-click, without a server and without a network.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import nncore


def main(file: str = "digits.html", rows: int = 10_000, epochs: int = 10) -> None:
    data = nncore.datasets.load_digits(n_train=rows, n_validation=500, n_test=500, seed=1)
    net = nncore.Network(
        [784, 30, 10], activation="relu", output_activation="softmax", cost="log_likelihood", seed=1
    )
    net.fit(*data.train, epochs, optimizer="adam", learning_rate=0.002)
    print(net.evaluate(*data.test))
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "digits.safetensors"
        net.save(model)
        command = [sys.executable, "-m", "nncore", "page", str(model), "--output", file]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main(*sys.argv[1:2])
