"""`fit_many` on a Dask cluster: here two workers of this machine, which map the same rows."""

from __future__ import annotations

from dask.distributed import Client, LocalCluster

import nncore


def train(address: str | None = None) -> list[nncore.FitResult]:
    """Networks trained by the cluster at an address; None for one that is started for it."""
    data = nncore.datasets.load_digits(n_train=1_000, n_validation=500, n_test=10, seed=1)
    specs = [{"learning_rate": rate, "seed": seed} for rate in (0.5, 3.0) for seed in (1, 2)]
    if address is None:
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
            return train(cluster.scheduler_address)
    with Client(address) as client:
        return nncore.fit_many(
            specs,
            *data.train,
            sizes=[784, 30, 10],
            epochs=3,
            validation_data=data.validation,
            executor=client.get_executor(),
        )


if __name__ == "__main__":
    for result in train():
        print(result.spec["learning_rate"], result.history["validation_accuracy"][-1])
