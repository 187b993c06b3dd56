"""`fit_many` by MPI: `mpiexec -n 4 python -m mpi4py.futures examples/many_mpi.py`.

Rank 0 hands out the networks, the others train them. On one machine they map the same rows; over
several the rows are sent.
"""

from __future__ import annotations

import hashlib

from mpi4py import MPI
from mpi4py.futures import MPIPoolExecutor

import nncore


def main() -> None:
    data = nncore.datasets.load_digits(n_train=1_000, n_validation=500, n_test=10, seed=1)
    specs = [{"learning_rate": rate, "seed": seed} for rate in (0.5, 3.0) for seed in (1, 2)]
    common = {"sizes": [784, 30, 10], "epochs": 3, "validation_data": data.validation}
    with MPIPoolExecutor() as pool:
        results = nncore.fit_many(specs, *data.train, executor=pool, **common)
    weights = hashlib.sha256(b"".join(r.network.weights[0].tobytes() for r in results))
    print(f"{len(results)} networks by {MPI.COMM_WORLD.size} ranks: {weights.hexdigest()[:16]}")


if __name__ == "__main__":
    main()
