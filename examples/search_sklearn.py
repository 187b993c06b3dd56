"""Grid searches by scikit-learn: joblib's threads share the rows, and nncore lets go of the GIL."""

from __future__ import annotations

import warnings
from typing import Any

import joblib
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV

from nncore.sklearn import MLPClassifier

GRID = {"hidden_layer_sizes": [(16,), (32,)], "learning_rate_init": [0.0001, 0.01]}


def search(halving: bool = False, n_jobs: int = 2) -> Any:
    """The fitted search."""
    x, y = load_digits(return_X_y=True)
    model = MLPClassifier(max_iter=5, random_state=1)
    if halving:  # more epochs for those that remain
        found: Any = HalvingGridSearchCV(
            model, GRID, resource="max_iter", max_resources=20, cv=3, random_state=1
        )
    else:
        found = GridSearchCV(model, GRID, cv=3)
    with warnings.catch_warnings(), joblib.parallel_config("threading", n_jobs=n_jobs):
        warnings.simplefilter("ignore", ConvergenceWarning)  # few epochs are meant
        return found.fit(x, y)


if __name__ == "__main__":
    for halving in (False, True):
        best = search(halving)
        print(f"{type(best).__name__}: {best.best_params_}, {best.best_score_:.1%} right")
