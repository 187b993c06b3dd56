"""Many networks at once: `fit_many` trains them, `Ensemble` predicts with them.

>>> import numpy as np, nncore
>>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
>>> specs = [{"seed": seed, "learning_rate": rate} for seed in (1, 2) for rate in (0.01, 0.1)]
>>> results = nncore.fit_many(
...     specs, x, [0, 1, 1, 0], sizes=[2, 8, 1], activation="tanh", cost="cross_entropy",
...     optimizer="adam", epochs=200, batch_size=4)
>>> best = min(results, key=lambda result: result.history["cost"][-1])
>>> best.spec["learning_rate"], best.network.predict(x)
(0.1, array([0, 1, 1, 0]))
"""

from __future__ import annotations

from nncore.many.ensemble import Ensemble
from nncore.many.fitting import fit_many
from nncore.many.results import FitManyError, FitManyInterrupt, FitResult

__all__ = ["Ensemble", "FitManyError", "FitManyInterrupt", "FitResult", "fit_many"]
