"""A table with gaps and words, to prices with intervals: `python examples/tabular.py`.

scikit-learn prepares the columns, the network predicts three quantiles, and one object does both.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nncore.sklearn import MLPRegressor

QUANTILES = (0.1, 0.5, 0.9)


def houses(rows: int = 1_500, seed: int = 0) -> Any:
    """Houses; what one costs varies more where houses are large."""
    rng = np.random.default_rng(seed)
    district = rng.choice(["north", "south", "centre"], rows)
    area = rng.uniform(30, 160, rows)
    level = pd.Series(district).map({"north": 2.0, "south": 1.2, "centre": 3.0}).to_numpy()
    price = level * area * (1 + 0.15 * rng.normal(size=rows))
    area[rng.random(rows) < 0.05] = np.nan  # nobody measured these
    return pd.DataFrame({"area": area, "district": district, "price": price.round(1)})


def pipeline() -> Any:
    """From the table's columns to three quantiles a row."""
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    columns = make_column_transformer((numbers, ["area"]), (OneHotEncoder(), ["district"]))
    network = MLPRegressor(
        loss="quantile", quantile=QUANTILES, hidden_layer_sizes=(32,), learning_rate_init=0.01,
        early_stopping=True, max_iter=300, random_state=0,
    )  # fmt: skip
    return make_pipeline(columns, network)


def main() -> tuple[float, float]:
    """The share of new prices inside of their intervals, and the R2 of the medians."""
    train, test = train_test_split(houses(), random_state=0)
    scale = train["price"].std()
    model = pipeline().fit(train, train["price"] / scale)
    file = io.BytesIO()
    pickle.dump(model, file)  # all of it: columns, scales, network
    file.seek(0)
    model = pickle.load(file)
    low, _, high = scale * model[-1].predict_quantiles(model[:-1].transform(test)).T
    inside = float(np.mean((low <= test["price"]) & (test["price"] <= high)))
    r2 = float(model.score(test, test["price"] / scale))
    print(f"{inside:.0%} of the new prices are inside of their intervals; R2 {r2:.2f}")
    return inside, r2


if __name__ == "__main__":
    main()
