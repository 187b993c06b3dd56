#!/usr/bin/env python3
"""How good on tables: nncore's tabular estimators beside other networks and trees, at defaults.

Sixteen tables that need no download, a split (and draw, of generated ones) for each seed. The error
is the share of wrong classes, or the root of the mean squared error over the targets' deviation,
on rows that no method saw. `--json` keeps every result as it comes, and what is in it is not
measured again: a comparison that was stopped goes on. `--intervals` measures conformal intervals of
90 % on the regression tables instead. Seconds are the processor's, of fitting alone.

    python bench/accuracy/tables.py --json build/tables.json
    python bench/accuracy/tables.py --json build/tables.json --report    # what there is so far
    python bench/accuracy/tables.py --json build/intervals.json --intervals
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np


class Table(NamedTuple):
    """Rows and targets; `x` is a pandas frame, or an array of numbers."""

    x: Any
    y: Any
    classes: bool


def of_scikit_learn(name: str) -> Callable[[int], Table]:
    def load(seed: int) -> Table:
        from sklearn import datasets

        x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        return Table(x, y, name != "diabetes")

    return load


def friedman(number: int) -> Callable[[int], Table]:
    def make(seed: int) -> Table:
        from sklearn import datasets

        noise = {1: 1.0, 2: 50.0, 3: 0.1}[number]
        generated = getattr(datasets, f"make_friedman{number}")
        x, y = generated(n_samples=1_500, noise=noise, random_state=seed)
        return Table(x, y, False)

    return make


def moons(seed: int) -> Table:
    from sklearn.datasets import make_moons

    x, y = make_moons(1_000, noise=0.25, random_state=seed)
    noise = np.random.default_rng(seed).normal(size=(1_000, 3))
    return Table(np.hstack([x, noise]), y, True)


def hypercube(seed: int) -> Table:
    from sklearn.datasets import make_classification

    x, y = make_classification(
        1_500, 20, n_informative=8, n_redundant=4, n_classes=4, class_sep=1.2, random_state=seed
    )
    return Table(x, y, True)


def skewed(seed: int) -> Table:
    from sklearn.datasets import make_classification

    x, y = make_classification(
        2_000, 15, n_informative=6, weights=[0.93], flip_y=0.02, class_sep=0.8, random_state=seed
    )
    return Table(x, y, True)


def categories(seed: int) -> Table:
    """Prices that hang on a place, a make and their like, with effects that multiply."""
    import pandas

    rng = np.random.default_rng(seed)
    n = 2_000
    place, make, state = rng.integers(0, 25, n), rng.integers(0, 12, n), rng.integers(0, 4, n)
    size, age = rng.gamma(4, 20, n), rng.uniform(0, 40, n)
    effects = [rng.normal(0, 0.4, k) for k in (25, 12, 4)]
    price = np.exp(effects[0][place] + effects[1][make] + 0.1 * effects[2][state] * age / 10)
    y = price * size * (1 - 0.01 * age) + rng.normal(0, 5, n)
    x = pandas.DataFrame(
        {
            "size": size,
            "age": age,
            "place": pandas.Categorical([f"place {i}" for i in place]),
            "make": pandas.Categorical([f"make {i}" for i in make]),
            "state": pandas.Categorical(np.array(["new", "good", "worn", "broken"])[state]),
        }
    )
    return Table(x, y, False)


def missing(seed: int) -> Table:
    """Cells that are missing, some of them because of what they would hold."""
    import pandas

    rng = np.random.default_rng(seed)
    n = 2_000
    x = rng.normal(size=(n, 8))
    kind = rng.integers(0, 5, n)
    score = x[:, 0] * x[:, 1] + np.abs(x[:, 2]) + 0.7 * x[:, 3] * (kind == 1) + 0.5 * (kind == 2)
    y = np.where(score + 0.4 * rng.normal(size=n) > 1, "yes", "no")
    x[rng.random((n, 8)) < 0.1] = np.nan
    x[(x[:, 2] > 1) & (rng.random(n) < 0.7), 2] = np.nan
    frame = pandas.DataFrame(x, columns=[f"measure {i}" for i in range(8)])
    words = np.array(["red", "green", "blue", "white", "black"], object)[kind]
    words[rng.random(n) < 0.1] = None
    return Table(frame.assign(colour=pandas.Categorical(words)), y, True)


def heavy_tails(seed: int) -> Table:
    rng = np.random.default_rng(seed)
    x = rng.standard_t(1.5, size=(1_500, 8)) * 10.0 ** rng.integers(-3, 4, 8)
    z = x / np.median(np.abs(x), axis=0)
    y = np.tanh(z[:, 0]) + np.log1p(np.abs(z[:, 1])) * np.sign(z[:, 2]) + (z[:, 3] > 0.5)
    return Table(x, y + 0.2 * rng.normal(size=len(x)), False)


def steps(seed: int) -> Table:
    """What trees are made for: jumps along the axes."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(1_500, 10))
    y = np.zeros(len(x))
    for _ in range(20):
        (i, j), (a, b) = rng.integers(0, 5, 2), rng.uniform(0.1, 0.9, 2)
        y += rng.normal() * ((x[:, i] > a) & (x[:, j] > b))
    return Table(x, y / y.std() + 0.2 * rng.normal(size=len(x)), False)


def sales(seed: int) -> Table:
    """A mixture: dates that go round, categories, counts, booleans, missing cells."""
    import pandas

    rng = np.random.default_rng(seed)
    n = 2_000
    days = rng.integers(0, 900, n)
    shop, open_late = rng.integers(0, 8, n), rng.random(n) < 0.3
    visits = rng.poisson(40 + 10 * shop)
    week = 1 + 0.5 * np.isin(days % 7, (4, 5))
    season = 1 + 0.4 * np.sin(2 * np.pi * days / 365.25)
    y = visits * week * season * (1 + 0.2 * open_late) + rng.normal(0, 6, n)
    frame = pandas.DataFrame(
        {
            "day": pandas.Timestamp("2022-01-03") + pandas.to_timedelta(days, "D"),
            "shop": pandas.Categorical([f"shop {i}" for i in shop]),
            "visits": visits.astype(float),
            "late": open_late,
        }
    )
    frame.loc[rng.random(n) < 0.05, "visits"] = np.nan
    return Table(frame, y, False)


TABLES: dict[str, Callable[[int], Table]] = {
    **{n: of_scikit_learn(n) for n in ("breast_cancer", "wine", "digits", "iris", "diabetes")},
    **{f"friedman{i}": friedman(i) for i in (1, 2, 3)},
    "moons": moons,
    "hypercube": hypercube,
    "skewed": skewed,
    "missing": missing,
    "categories": categories,
    "heavy tails": heavy_tails,
    "steps": steps,
    "sales": sales,
}
REGRESSION = (
    "diabetes", "friedman1", "friedman2", "friedman3", "categories", "heavy tails", "steps",
    "sales",
)  # fmt: skip


# Methods: each takes what it takes of a table, and is prepared for the rest as is usual.


def numbers_of(x: Any) -> tuple[list[str], list[str]]:
    """The columns of numbers, and those of categories."""
    kinds = {c: str(x[c].dtype) == "category" for c in x.columns}
    return [c for c in x.columns if not kinds[c]], [c for c in x.columns if kinds[c]]


def with_dates_as_numbers(x: Any) -> Any:
    """Where a method knows no dates: day of the year, of the week, and days since the first."""
    if not hasattr(x, "columns"):
        return x
    x = x.copy()
    for column in list(x.columns):
        if x[column].dtype.kind == "M":
            when = x.pop(column)
            x[f"{column} number"] = (when - when.min()).dt.days.astype(float)
            x[f"{column} of year"] = when.dt.dayofyear.astype(float)
            x[f"{column} of week"] = when.dt.dayofweek.astype(float)
        elif x[column].dtype.kind == "b":
            x[column] = x[column].astype(float)
    return x


def one_hot(x: Any, scaled: bool) -> list[Any]:
    """Steps of a pipeline: medians for what is missing, one-hot categories, standard scales."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    scale = [StandardScaler()] if scaled else []
    if not hasattr(x, "columns"):
        return scale
    numeric, words = numbers_of(x)
    encode = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return [
        make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="median"), *scale), numeric), (encode, words)
        )
    ]


def nncore_model(**parameters: Any) -> Callable[..., Any]:
    def make(table: Table, seed: int, threads: int) -> Any:
        from nncore.sklearn import TabularClassifier, TabularRegressor

        kind = TabularClassifier if table.classes else TabularRegressor
        return kind(random_state=seed, n_threads=threads, **parameters)

    return make


def scikit_learn_mlp(table: Table, seed: int, threads: int) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline

    kind = MLPClassifier if table.classes else MLPRegressor
    return make_pipeline(*one_hot(table.x, scaled=True), kind(random_state=seed))


def hist_gradient_boosting(table: Table, seed: int, threads: int) -> Any:
    from sklearn import ensemble

    name = "Classifier" if table.classes else "Regressor"
    return getattr(ensemble, f"HistGradientBoosting{name}")(random_state=seed)


def random_forest(table: Table, seed: int, threads: int) -> Any:
    from sklearn import ensemble
    from sklearn.pipeline import make_pipeline

    name = "Classifier" if table.classes else "Regressor"
    forest = getattr(ensemble, f"RandomForest{name}")(random_state=seed, n_jobs=threads)
    return make_pipeline(*one_hot(table.x, scaled=False), forest)


def lightgbm(table: Table, seed: int, threads: int) -> Any:
    import lightgbm as library

    kind = library.LGBMClassifier if table.classes else library.LGBMRegressor
    return kind(random_state=seed, n_jobs=threads, verbose=-1)


def xgboost(table: Table, seed: int, threads: int) -> Any:
    import xgboost as library

    kind = library.XGBClassifier if table.classes else library.XGBRegressor
    return kind(random_state=seed, n_jobs=threads, enable_categorical=True)


def catboost(table: Table, seed: int, threads: int) -> Any:
    import catboost as library

    kind = library.CatBoostClassifier if table.classes else library.CatBoostRegressor
    words = numbers_of(table.x)[1] if hasattr(table.x, "columns") else None
    return kind(
        random_seed=seed, thread_count=threads, verbose=False, cat_features=words,
        allow_writing_files=False,
    )  # fmt: skip


def realmlp(small: bool) -> Callable[..., Any]:
    def make(table: Table, seed: int, threads: int) -> Any:
        import pytabkit

        name = f"RealMLP_TD_{'S_' if small else ''}{'Classifier' if table.classes else 'Regressor'}"
        return getattr(pytabkit, name)(
            random_state=seed, n_threads=threads, device="cpu", verbosity=0
        )

    return make


METHODS: dict[str, Callable[..., Any]] = {
    "nncore": nncore_model(),
    "nncore x 8": nncore_model(n_ensemble=8),
    "RealMLP-TD-S": realmlp(small=True),
    "RealMLP-TD": realmlp(small=False),
    "scikit-learn MLP": scikit_learn_mlp,
    "HistGradientBoosting": hist_gradient_boosting,
    "random forest": random_forest,
    "LightGBM": lightgbm,
    "XGBoost": xgboost,
    "CatBoost": catboost,
}
NETWORKS = ("nncore", "nncore x 8", "RealMLP-TD-S", "RealMLP-TD", "scikit-learn MLP")


def prepared(method: str, x: Any) -> Any:
    """The rows as the method takes them."""
    if method.startswith("nncore") or not hasattr(x, "columns"):
        return x
    x = with_dates_as_numbers(x)
    numeric, words = numbers_of(x)
    if method == "CatBoost":
        for column in words:
            text = x[column].astype(object).where(x[column].notna(), "missing").astype(str)
            x[column] = text.astype("category")
    if method.startswith("RealMLP"):  # takes no missing numbers
        x[numeric] = x[numeric].fillna(x[numeric].median())
    return x


def split(table: Table, seed: int) -> tuple[Any, Any, Any, Any]:
    from sklearn.model_selection import train_test_split

    labels = table.y if table.classes else None
    rows = np.arange(len(table.y))
    train, test = train_test_split(rows, test_size=0.3, random_state=seed, stratify=labels)
    take = (lambda r: table.x.iloc[r].reset_index(drop=True)) if hasattr(table.x, "iloc") else (
        lambda r: table.x[r]
    )  # fmt: skip
    return take(train), take(test), table.y[train], table.y[test]


def measured(name: str, seed: int, method: str, threads: int) -> dict[str, float]:
    """Error and seconds of one fit."""
    table = TABLES[name](seed)
    if not method.startswith("nncore"):
        table = table._replace(x=prepared(method, table.x))
    if table.classes and table.y.dtype.kind in "UO":  # XGBoost wants numbers
        table = table._replace(y=np.unique(table.y, return_inverse=True)[1])
    x, x_test, y, y_test = split(table, seed)
    model = METHODS[method](table, seed, threads)
    started = process_time()
    model.fit(x, y)
    seconds = process_time() - started
    found = np.asarray(model.predict(x_test)).reshape(len(y_test))
    if not table.classes:
        error = float(np.sqrt(np.mean((found - y_test) ** 2)) / np.std(y_test))
        return {"error": error, "seconds": seconds}
    from nncore.metrics import calibration_error

    chances = np.clip(np.asarray(model.predict_proba(x_test), float), 1e-9, 1)
    chances /= chances.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(chances[np.arange(len(y_test)), y_test]))
    return {
        "error": float(np.mean(found != y_test)),
        "seconds": seconds,
        "log_loss": float(loss),
        "calibration_error": calibration_error(y_test, chances),
    }


INTERVALS: dict[str, dict[str, Any]] = {
    "point": {},
    "quantile": {"loss": "quantile", "quantile": [0.05, 0.5, 0.95]},
    "gaussian": {"loss": "gaussian"},
    "one network": {"n_ensemble": 1},
}
"""Regressors of nncore's that conformal intervals go around, by what their outputs say."""


def measured_intervals(name: str, seed: int, method: str, threads: int) -> dict[str, float]:
    """How often intervals of 90 % hold on rows that were not seen, and how wide they are.

    Before calibration as well, where the outputs themselves are quantiles or distributions.
    """
    from nncore.sklearn import ConformalRegressor

    table = TABLES[name](seed)
    if method in INTERVALS:
        regressor = nncore_model(**INTERVALS[method])(table, seed, threads)
    else:
        table = table._replace(x=prepared(method, table.x))
        regressor = METHODS[method](table, seed, threads)
    x, x_test, y, y_test = split(table, seed)
    model = ConformalRegressor(regressor, coverage=0.9, random_state=seed).fit(x, y)
    low, high = model.predict_interval(x_test).T
    found = {"width": float(np.mean(high - low) / np.std(y_test)), **held(low, high, y_test)}
    if method in ("quantile", "gaussian"):
        asked = [[0.05, 0.95]] if method == "gaussian" else []
        raw = model.estimator_.predict_quantiles(x_test, *asked)
        found["coverage_before"] = held(raw[:, 0], raw[:, -1], y_test)["coverage"]
    return found


def held(low: Any, high: Any, y: Any) -> dict[str, float]:
    return {"coverage": float(np.mean((low <= y) & (y <= high)))}


def report_intervals(kept: Kept, tables: list[str], methods: list[str], seeds: list[int]) -> str:
    """Coverage in per cent and width in deviations of the targets, means over the seeds."""
    lines = ["| table | seeds | " + " | ".join(methods) + " |", "|---" * (len(methods) + 2) + "|"]
    for table in tables:
        cells, counts = [], set()
        for method in methods:
            found = [kept.found.get(key_of(table, s, method)) for s in seeds]
            there = [each for each in found if each is not None]
            counts.add(len(there))
            if not there:
                cells.append("-")
                continue
            coverage = 100 * np.mean([each["coverage"] for each in there])
            width = np.mean([each["width"] for each in there])
            before = [each["coverage_before"] for each in there if "coverage_before" in each]
            was = f" (before {100 * np.mean(before):.1f} %)" if before else ""
            cells.append(f"{coverage:.1f} %, {width:.2f}{was}")
        if counts != {0}:
            lines.append(f"| {table} | {min(counts)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


class Kept:
    """Results by table, seed and method, in a file."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.found: dict[str, dict[str, Any]] = {}
        self._read()

    def _read(self) -> None:
        if self.path is not None and self.path.exists():
            self.found |= json.loads(self.path.read_text())

    def add(self, key: str, result: dict[str, Any]) -> None:
        self._read()  # another process may measure other methods meanwhile
        self.found[key] = result
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part = self.path.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps(self.found, indent=1))
            os.replace(part, self.path)


def key_of(table: str, seed: int, method: str) -> str:
    return f"{table}/{seed}/{method}"


def run(
    kept: Kept, tables: Iterable[str], methods: Iterable[str], seeds: Iterable[int], threads: int,
    measure: Callable[[str, int, str, int], dict[str, Any]],
) -> None:  # fmt: skip
    """Measures what is not there yet; seed by seed, so that what is there compares."""
    for seed in seeds:
        for table in tables:
            for method in methods:
                key = key_of(table, seed, method)
                if key in kept.found:
                    continue
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        result = measure(table, seed, method, threads)
                except ImportError as error:
                    print(f"{method}: left out, {error}", file=sys.stderr)
                    continue
                kept.add(key, result)
                print(key, result, file=sys.stderr, flush=True)


def report(kept: Kept, tables: list[str], methods: list[str], seeds: list[int]) -> str:
    """Mean errors by table, then ranks, over the seeds that all of the methods have."""
    methods = [m for m in methods if any(key.endswith(f"/{m}") for key in kept.found)]
    errors = np.full((len(tables), len(methods)), np.nan)
    seconds = np.full_like(errors, np.nan)
    ranks = []
    counts = []
    for i, table in enumerate(tables):
        common = [
            s for s in seeds if all(key_of(table, s, m) in kept.found for m in methods)
        ]  # fmt: skip
        counts.append(len(common))
        if not common:
            continue
        each = np.array(
            [[kept.found[key_of(table, s, m)]["error"] for m in methods] for s in common]
        )
        ranks += [ranked(row) for row in each]
        errors[i] = each.mean(axis=0)
        seconds[i] = [
            np.mean([kept.found[key_of(table, s, m)]["seconds"] for s in common]) for m in methods
        ]
    low, high = errors.min(axis=1, keepdims=True), errors.max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        score = np.nanmean(1 - (errors - low) / (high - low), axis=0)
    lines = ["| table | seeds | " + " | ".join(methods) + " |", "|---" * (len(methods) + 2) + "|"]
    for table, count, row in zip(tables, counts, errors, strict=True):
        if count:
            cells = [f"**{e:.3f}**" if e == row.min() else f"{e:.3f}" for e in row]
            lines.append(f"| {table} | {count} | " + " | ".join(cells) + " |")
    for name, values, form in (
        ("mean rank", np.mean(ranks, axis=0), "{:.2f}"),
        ("normalised score", score, "{:.2f}"),
        ("processor seconds a fit", np.nanmean(seconds, axis=0), "{:.2f}"),
    ):
        lines.append(f"| {name} | | " + " | ".join(form.format(v) for v in values) + " |")
    return "\n".join(lines)


def ranked(errors: Any) -> Any:
    """1 for the least; equal ones share the mean of their ranks."""
    below = (errors[:, None] > errors).sum(axis=1)
    equal = (errors[:, None] == errors).sum(axis=1)
    return below + (equal + 1) / 2


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), metavar="NAME")
    parser.add_argument("--methods", nargs="+", metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)), metavar="N")
    parser.add_argument("--threads", type=int, default=1, help="of every method")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where results are kept")
    parser.add_argument("--intervals", action="store_true", help="measure conformal intervals")
    parser.add_argument("--report", action="store_true", help="print what there is, fit nothing")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    kept = Kept(options.json)
    # Before any library with threads of its own is loaded.
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(options.threads)
    tables = options.tables or list(REGRESSION if options.intervals else TABLES)
    if options.intervals:
        methods = options.methods or [*INTERVALS, "HistGradientBoosting", "random forest"]
    else:
        methods = options.methods or list(METHODS)
    if not options.report:
        measure = measured_intervals if options.intervals else measured
        run(kept, tables, methods, options.seeds, options.threads, measure)
    tell = report_intervals if options.intervals else report
    print(tell(kept, tables, methods, options.seeds))


if __name__ == "__main__":
    main()
