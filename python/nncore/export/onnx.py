"""ONNX, the file that onnxruntime and most other engines run; `onnx_read` is the way back."""

from __future__ import annotations

import os
from typing import cast

import numpy as np

from nncore._support.extras import require
from nncore._support.files import replace_file
from nncore._support.labels import labels_as_metadata
from nncore.export._exportable import Exportable, network_of
from nncore.export._onnx_graph import GraphWriter
from nncore.export._onnx_tabular import Tabular, is_tabular, tabular_model
from nncore.export._outputs import check_outputs
from nncore.many.ensemble import Ensemble


def to_onnx(
    net: Exportable | Ensemble | Tabular, path: str | os.PathLike[str], *, dtype: str | None = None
) -> None:
    """Writes a network as an ONNX model; the file is written whole or not at all.

    The input "x" is (n, sizes[0]) and the output "y" (n, sizes[-1]), with n left open. Opset 13.
    In float64, gelu goes through the error function in float32, as no engine has another: it is
    right to 1e-7. Labels of classes are kept in the file's metadata, under "classes". A model that
    computes them, or the steps of a pipeline, comes from skl2onnx: see `nncore.sklearn`.

    Args:
        net: or a fitted estimator of `nncore.sklearn`; of an `nncore.Ensemble` one graph, whose
            "y" is the mean. Of a `TabularClassifier` or `TabularRegressor` the preparation of its
            columns is in the graph. Trained on an array of numbers it takes "x" (n, n_features) of
            float64; else an input (n, 1) for each column, by its name: float64 for numbers, for
            dates days since 1970, text for categories ("True", "3", "" where missing). Outputs are
            "label" and "probabilities", or "prediction", or (n, targets, quantiles) "quantiles".
        dtype: of input, output and parameters, "float32" or "float64"; None for the network's.

    Raises:
        ImportError: the onnx package is missing.
        ValueError: a parameter is not finite in that dtype, or the model exceeds ONNX's 2 GiB.
        OSError: the file cannot be written, is write-protected or no regular file.
    """
    onnx = require("onnx", extra="onnx", purpose="to_onnx")
    if is_tabular(net):
        if dtype is not None:
            raise ValueError("dtype is for networks; a tabular estimator's inputs say theirs")
        model = tabular_model(onnx, net)
        onnx.checker.check_model(model, full_check=True)
        replace_file(path, model.SerializeToString())
        return
    members = list(net) if isinstance(net, Ensemble) else [network_of(cast(Exportable, net))]
    for each in members:
        each.check_finite()
        check_outputs(each)
    if dtype is None:
        dtype = np.result_type(*(each.dtype for each in members)).name
    net = members[0]
    model = GraphWriter(onnx, net, dtype).model(members)
    onnx.helper.set_model_props(model, labels_as_metadata(net.classes))
    onnx.checker.check_model(model, full_check=True)
    replace_file(path, model.SerializeToString())
