"""Networks for the places where nncore itself cannot go, and networks that come from there.

`to_X(net, ...)` takes a network or a fitted estimator of `nncore.sklearn`, and `from_X(...)` gives
a network. X is

- `onnx`: a file that onnxruntime and most other engines run;
- `c`: one C99 file with the weights in it, in float32 or int8 (there is no way back);
- `torch`, `keras`, `sklearn`: a model of that library, in memory;
- `npz`: NumPy arrays in a file; `book_json`: the file of the book's `network2`.

A network that comes from elsewhere has the cost that goes with its outputs: log_likelihood with
softmax, cross_entropy with sigmoid, poisson with exponential, else quadratic. A classifier that
gives logits is read with output_activation="softmax" or "sigmoid", and trains accordingly. Scalings
and batch normalisation are folded into the dense layers. Where nncore has no such layer or
activation, the error names it.

What goes elsewhere keeps its outputs, not its cost (but `npz` keeps all that have a name). A cost of
one's own stays behind, of which a warning tells: hand it in again where the model is trained.

>>> import os, tempfile, nncore
>>> from nncore.export import from_npz, to_npz
>>> net = nncore.Network([784, 30, 10], seed=1)
>>> path = os.path.join(tempfile.mkdtemp(), "digits.npz")
>>> to_npz(net, path)
>>> from_npz(path)
Network([784, 30, 10], activation=['sigmoid'], output_activation='sigmoid', cost='quadratic', dtype='float32', seed=1)
"""  # noqa: E501

from __future__ import annotations

from nncore.export.book_json import from_book_json, to_book_json
from nncore.export.c_source import to_c
from nncore.export.keras import from_keras, to_keras
from nncore.export.npz import from_npz, to_npz
from nncore.export.onnx import to_onnx
from nncore.export.onnx_read import from_onnx
from nncore.export.quantize import QuantizedNetwork
from nncore.export.sklearn import from_sklearn, to_sklearn
from nncore.export.torch import from_torch, to_torch

__all__ = [
    "QuantizedNetwork",
    "from_book_json",
    "from_keras",
    "from_npz",
    "from_onnx",
    "from_sklearn",
    "from_torch",
    "to_book_json",
    "to_c",
    "to_keras",
    "to_npz",
    "to_onnx",
    "to_sklearn",
    "to_torch",
]
