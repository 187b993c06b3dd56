"""Many networks by Ray: the rows lie in its object store, which all workers of a machine map."""

from __future__ import annotations

from typing import Any

import ray

import nncore


@ray.remote
def fit(spec: dict[str, Any], train: Any, validation: Any) -> nncore.FitResult:
    return nncore.fit_many(
        [spec], *train, sizes=[784, 30, 10], epochs=3, validation_data=tuple(validation)
    )[0]


def train() -> list[nncore.FitResult]:
    """Networks trained by the cluster that `ray.init` has found or begun."""
    data = nncore.datasets.load_digits(n_train=1_000, n_validation=500, n_test=10, seed=1)
    specs = [{"learning_rate": rate, "seed": seed} for rate in (0.5, 3.0) for seed in (1, 2)]
    rows = ray.put(tuple(data.train)), ray.put(tuple(data.validation))
    results: list[nncore.FitResult] = ray.get([fit.remote(spec, *rows) for spec in specs])
    return results


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False)
    for result in train():
        print(result.spec["learning_rate"], result.history["validation_accuracy"][-1])
