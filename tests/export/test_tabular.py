"""Tabular estimators as ONNX graphs, with the preparation of their columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("pandas")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnxruntime
import pandas

from frames import mixed_frame
from nncore.export import to_c, to_onnx
from nncore.sklearn import TabularClassifier, TabularRegressor

SMALL: dict[str, Any] = {"hidden_layer_sizes": (16, 16), "epochs": 3, "random_state": 0}
FRAME, LABELS, NUMBERS = mixed_frame()


def run(path: Path, feeds: dict[str, Any]) -> list[Any]:
    found: list[Any] = onnxruntime.InferenceSession(str(path)).run(None, feeds)
    return found


def feeds_of(model: Any, frame: Any) -> dict[str, Any]:
    """The inputs as the documentation has them."""
    feeds = {}
    for column in model.inputs_.columns:
        cells = frame[column.name]
        if column.kind == "category":
            text = cells.astype(object).where(cells.notna(), "").map(str)
            feeds[column.name] = text.to_numpy(object)[:, None]
        elif column.kind == "date":
            days = (cells - pandas.Timestamp(0)) / pandas.Timedelta(1, "D")
            feeds[column.name] = days.to_numpy(float)[:, None]
        else:
            feeds[column.name] = cells.to_numpy(float, na_value=np.nan)[:, None]
    return feeds


def new_rows() -> Any:
    frame = FRAME.copy()
    frame["kind"] = frame["kind"].astype(object)
    frame.loc[[1, 2], "kind"] = ["new", None]
    frame.loc[4, "when"] = pandas.Timestamp("1969-07-20 20:17:40")
    frame.loc[5, "number"] = 1e300
    return frame


def test_classes_and_probabilities_of_a_frame(tmp_path: Path) -> None:
    model = TabularClassifier(**SMALL, n_ensemble=2).fit(FRAME, LABELS)
    to_onnx(model, tmp_path / "model.onnx")
    frame = new_rows()
    labels, probabilities = run(tmp_path / "model.onnx", feeds_of(model, frame))
    assert np.ptp(probabilities[:, 0]) > 0.1
    np.testing.assert_allclose(probabilities, model.predict_proba(frame), atol=1e-5)
    assert (labels == model.predict(frame)).all()


def test_numbers_of_a_frame(tmp_path: Path) -> None:
    model = TabularRegressor(**SMALL).fit(FRAME, NUMBERS)
    to_onnx(model, tmp_path / "model.onnx")
    (found,) = run(tmp_path / "model.onnx", feeds_of(model, new_rows()))
    np.testing.assert_allclose(found[:, 0], model.predict(new_rows()), rtol=1e-4)


def test_quantiles_in_order(tmp_path: Path) -> None:
    both = np.stack([NUMBERS, -NUMBERS], axis=1)
    model = TabularRegressor("quantile", quantile=[0.1, 0.5, 0.9], **SMALL).fit(FRAME, both)
    to_onnx(model, tmp_path / "model.onnx")
    (found,) = run(tmp_path / "model.onnx", feeds_of(model, FRAME))
    np.testing.assert_allclose(found, model.predict_quantiles(FRAME), rtol=1e-4, atol=1e-2)
    assert found.shape == (len(FRAME), 2, 3)


def test_an_array_is_one_input(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 5)) * [1, 1e6, 1, 1, 1]
    x[::6, 1] = np.nan
    x[:, 2] = rng.integers(0, 150, 500)
    x[:, 3] = 0
    model = TabularClassifier(**SMALL, categorical_features=[2]).fit(x, rng.integers(0, 3, 500) * 5)
    x[:2, 2] = np.nan, 999
    to_onnx(model, tmp_path / "model.onnx")
    labels, probabilities = run(tmp_path / "model.onnx", {"x": x})
    np.testing.assert_allclose(probabilities, model.predict_proba(x), atol=1e-5)
    assert (labels == model.predict(x)).all()


def test_columns_may_be_called_like_anything_inside(tmp_path: Path) -> None:
    frame = FRAME[["number", "whole", "kind"]].set_axis(["y", "weights_1", "prepared"], axis=1)
    model = TabularRegressor(**SMALL).fit(frame, NUMBERS)
    to_onnx(model, tmp_path / "model.onnx")
    (found,) = run(tmp_path / "model.onnx", feeds_of(model, frame))
    np.testing.assert_allclose(found[:, 0], model.predict(frame), rtol=1e-4)


def test_what_cannot_be_exported_says_so(tmp_path: Path) -> None:
    frame = FRAME[["number"]]
    taken = TabularRegressor(**SMALL).fit(frame.set_axis(["prediction"], axis=1), NUMBERS)
    with pytest.raises(ValueError, match="'prediction' has the name of an output"):
        to_onnx(taken, tmp_path / "model.onnx")
    gaussian = TabularRegressor("gaussian", **SMALL).fit(frame, NUMBERS)
    with pytest.raises(ValueError, match="loss='gaussian'"):
        to_onnx(gaussian, tmp_path / "model.onnx")
    with pytest.raises(TypeError, match=r"expected a nncore\.Network"):
        to_c(gaussian, tmp_path / "model.h")
    assert list(tmp_path.iterdir()) == []
