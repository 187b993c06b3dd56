"""Nine networks side by side, and the best of them as one: `python examples/many_networks.py`."""

from __future__ import annotations

import numpy as np

import nncore


def main(file: str = "ensemble.safetensors") -> tuple[list[float], float]:
    """The costs of the ensemble's members on new rows, and the ensemble's own; saves it."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(1_500, 6))
    y = np.sin(3 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * rng.normal(size=len(x))
    seen, new = slice(0, 1_200), slice(1_200, None)
    rates, seeds = (0.001, 0.01, 0.03), range(3)
    results = nncore.fit_many(
        [{"learning_rate": rate, "seed": seed} for rate in rates for seed in seeds],
        x[seen], y[seen], sizes=[6, 32, 1], activation="relu", output_activation="linear",
        optimizer="adam", batch_size=50, epochs=30, validation_split=0.2,
    )  # fmt: skip
    results.sort(key=lambda result: result.history["validation_cost"][-1])
    best = results[:4]
    ensemble = nncore.Ensemble(best)
    alone = [result.network.evaluate(x[new], y[new]).cost for result in best]
    together = ensemble.evaluate(x[new], y[new]).cost
    for result, cost in zip(best, alone, strict=True):
        print(f"{result.spec}: {cost:.4f}")
    print(f"together: {together:.4f}")
    ensemble.save(file)
    return alone, together


if __name__ == "__main__":
    main()
