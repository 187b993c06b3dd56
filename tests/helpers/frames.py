"""A data frame with columns of every kind, and targets that follow from them."""

from __future__ import annotations

from typing import Any

import numpy as np


def mixed_frame(rows: int = 240, seed: int = 0) -> tuple[Any, Any, Any]:
    """A pandas frame, classes ("high", "low"), and numbers."""
    import pandas

    rng = np.random.default_rng(seed)
    days = pandas.to_timedelta(rng.integers(0, 700, rows), "D")
    frame = pandas.DataFrame(
        {
            "number": rng.normal(50, 20, rows),
            "whole": pandas.array(rng.integers(0, 9, rows), dtype="Int64"),
            "kind": pandas.Categorical(rng.choice(["a", "b", "c"], rows)),
            "text": rng.choice(["x", "y", ""], rows),
            "flag": rng.random(rows) > 0.5,
            "when": pandas.Timestamp("2024-01-01") + days,
            "constant": 1,
            "name": [f"row {i}" for i in range(rows)],
        }
    )
    frame.loc[::7, "number"] = np.nan
    frame.loc[::5, "kind"] = None
    frame.loc[::9, "whole"] = pandas.NA
    frame.loc[3, "when"] = pandas.NaT
    numbers = frame["number"].fillna(50) / 20 + 2 * (frame["kind"] == "a") + frame["flag"]
    values = numbers.to_numpy(float)
    return frame, np.where(values > np.median(values), "high", "low"), values * 100
