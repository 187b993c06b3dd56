"""ONNX models of other programs, and models that are refused."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx
from onnx import TensorProto, helper, numpy_helper

import nncore
from export_networks import error
from nncore import ModelFileError
from nncore.export import from_onnx

W = np.arange(6, dtype=np.float32).reshape(2, 3) / 6 - 0.4
B = np.array([0.25, -0.5], np.float32)
X = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)


def save(
    path: Path,
    nodes: list[Any],
    constants: dict[str, Any],
    shape: Any = ("n", 3),
    outputs: tuple[str, ...] = ("y",),
    dtype: Any = np.float32,
    opset: int = 17,
) -> Path:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, (None, None)) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


node = helper.make_node
DENSE = node("Gemm", ["x", "w", "b"], ["z"], transB=1)
GIVEN = {"w": W, "b": B}


def one_layer(path: Path, *nodes: Any, **constants: Any) -> nncore.Network:
    return from_onnx(save(path, [DENSE, *nodes], {**GIVEN, **constants}))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.onnx"


# ---- layers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "constants", "weights", "biases"),
    [
        ([node("Gemm", ["x", "w", "b"], ["y"], transB=1)], GIVEN, W, B),
        ([node("Gemm", ["x", "w", "b"], ["y"])], {"w": W.T, "b": B}, W, B),
        (
            [node("Gemm", ["x", "w", "b"], ["y"], transB=1, alpha=2.0, beta=0.5)],
            GIVEN,
            2 * W,
            B / 2,
        ),
        ([node("Gemm", ["x", "w", "b"], ["y"], transB=1)], {"w": W, "b": np.float32(3)}, W, [3, 3]),
        ([node("Gemm", ["x", "w"], ["y"], transB=1)], {"w": W}, W, [0, 0]),
        ([node("MatMul", ["x", "w"], ["y"])], {"w": W.T}, W, [0, 0]),
        (
            [node("MatMul", ["x", "w"], ["z"]), node("Add", ["b", "z"], ["y"])],
            {"w": W.T, "b": B[None]},
            W,
            B,
        ),
        (
            [node("Transpose", ["w"], ["wt"]), node("MatMul", ["x", "wt"], ["y"])],
            {"w": W},
            W,
            [0, 0],
        ),
        ([DENSE, node("Dropout", ["z"], ["y"])], GIVEN, W, B),
        (
            [
                DENSE,
                node("Cast", ["z"], ["d"], to=TensorProto.DOUBLE),
                node("Identity", ["d"], ["y"]),
            ],
            GIVEN,
            W,
            B,
        ),
    ],
)
def test_equivalent_graphs_of_one_layer(
    nodes: list[Any], constants: dict[str, Any], weights: Any, biases: Any, path: Path
) -> None:
    net = from_onnx(save(path, nodes, constants))
    assert (net.sizes, net.activations, net.cost) == ((3, 2), ("linear",), "quadratic")
    np.testing.assert_array_equal(net.weights[0], weights)
    np.testing.assert_array_equal(net.biases[0], biases)


@pytest.mark.parametrize("shape", [("n", 1, 3), (1, 3, 1), (None, None), (4, 3)])
def test_inputs_are_flattened(shape: Any, path: Path) -> None:
    nodes = [node("Flatten", ["x"], ["rows"]), node("Gemm", ["rows", "w", "b"], ["y"], transB=1)]
    assert from_onnx(save(path, nodes, GIVEN, shape)).sizes == (3, 2)


def test_integer_inputs(path: Path) -> None:
    nodes = [node("Cast", ["x"], ["c"], to=1), node("Gemm", ["c", "w", "b"], ["y"], transB=1)]
    net = from_onnx(save(path, nodes, GIVEN, dtype=np.int64))
    np.testing.assert_array_equal(net.weights[0], W)


def test_local_functions_are_inlined(path: Path) -> None:
    path.write_bytes(
        onnx.parser.parse_model(
            """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
            g (float[n, 2] x) => (float[n, 2] y)
            <float[2, 2] w = {1.0, 2.0, 3.0, 4.0}> { z = MatMul(x, w) y = own.act(z) }
            <domain: "own", opset_import: ["" : 17]> act (a) => (c) { c = Relu(a) }"""
        ).SerializeToString()
    )
    net = from_onnx(path)
    assert net.activations == ("relu",)
    np.testing.assert_array_equal(net.weights[0], [[1, 3], [2, 4]])


# ---- activations ----------------------------------------------------------------------------


def test_activations_composed_of_simpler_operators(path: Path) -> None:
    half, root, one = np.float32(0.5), np.float32(2**0.5), np.float32(1)
    silu = node("Sigmoid", ["z"], ["s"]), node("Mul", ["z", "s"], ["y"])
    assert one_layer(path, *silu).activations == ("silu",)
    gelu = (
        node("Div", ["z", "root"], ["u"]),
        node("Erf", ["u"], ["e"]),
        node("Add", ["e", "one"], ["p"]),
        node("Mul", ["z", "p"], ["m"]),
        node("Mul", ["m", "half"], ["y"]),
    )
    assert one_layer(path, *gelu, root=root, one=one, half=half).activations == ("gelu",)
    softplus = (
        node("Softplus", ["z"], ["t"]),
        node("Greater", ["z", "top"], ["g"]),
        node("Where", ["g", "z", "t"], ["y"]),
    )
    assert one_layer(path, *softplus, top=np.float32(20)).activations == ("softplus",)
    relu = node("Clip", ["z", "low"], ["y"])
    assert one_layer(path, relu, low=np.float32(0)).activations == ("relu",)
    net = one_layer(path, node("Softmax", ["z"], ["y"], axis=-1))
    assert (net.activations, net.cost) == (("softmax",), "log_likelihood")


@pytest.mark.parametrize(
    ("nodes", "constants", "named"),
    [
        ([node("LogSoftmax", ["z"], ["y"])], {}, "LogSoftmax"),
        ([node("Softmax", ["z"], ["y"], axis=0)], {}, "Softmax"),
        ([node("LeakyRelu", ["z"], ["y"], alpha=0.2, name="leak")], {}, r"LeakyRelu \(leak\)"),
        ([node("Elu", ["z"], ["y"], alpha=0.5)], {}, "Elu"),
        (
            [node("Clip", ["z", "a", "b6"], ["y"])],
            {"a": np.float32(0), "b6": np.float32(6)},
            "Clip",
        ),
        ([node("Tanh", ["z"], ["t"]), node("Mul", ["z", "t"], ["y"])], {}, "Tanh, Mul"),
        ([node("Mul", ["z", "v"], ["y"])], {"v": B}, "Mul"),
        ([node("PRelu", ["z", "v"], ["y"])], {"v": B}, "PRelu"),
        ([node("MatMul", ["z", "z"], ["y"])], {}, "MatMul"),
        ([node("Gemm", ["x", "w", "b"], ["y"], transB=1)], {}, "chain"),
        ([node("Add", ["z", "w2"], ["y"])], {"w2": np.ones((4, 2), np.float32)}, "Add"),
        ([node("Concat", ["z", "z"], ["y"], axis=1)], {}, "Concat"),
        ([node("BatchNormalization", ["z", "v", "v", "v", "v"], ["y"])], {"v": B}, "BatchNorm"),
        (
            [node("Softmax", ["z"], ["s"]), node("MatMul", ["s", "w2"], ["y"])],
            {"w2": np.eye(2, dtype=np.float32)},
            "hidden and cannot be softmax",
        ),
        (
            [node("Relu", ["z"], ["r"]), node("MatMul", ["r", "w2"], ["y"])],
            {"w2": W.T},
            "3 inputs, and the layer before it has 2",
        ),
        ([node("Transpose", ["z"], ["y"])], {}, "Transpose"),
    ],
)
def test_unsupported_operators_are_refused_by_name(
    nodes: list[Any], constants: dict[str, Any], named: str, path: Path
) -> None:
    with pytest.raises(ModelFileError, match=rf"net\.onnx: .*({named})"):
        one_layer(path, *nodes, **constants)


@pytest.mark.parametrize(
    ("nodes", "named"),
    [
        ([node("Relu", ["x"], ["r"]), node("MatMul", ["r", "w"], ["y"])], "Relu in front of"),
        ([node("Sub", ["x", "mean"], ["r"]), node("MatMul", ["r", "w"], ["y"])], "Sub"),
        (
            [
                node("Scaler", ["x"], ["r"], domain="ai.onnx.ml", offset=[1.0], scale=[2.0]),
                node("MatMul", ["r", "w"], ["y"]),
            ],
            r"ai\.onnx\.ml\.Scaler",
        ),
        ([node("Conv", ["x", "w"], ["y"])], "Conv"),
        ([node("Gemm", ["x", "w"], ["y"], transA=1)], "Gemm"),
        ([node("Relu", ["x"], ["y"])], "Relu|no dense layer"),
        ([node("Identity", ["w"], ["y"])], "do not depend on the input"),
        ([], "dense|output"),
    ],
)
def test_graphs_that_are_not_dense_layers_are_refused_by_name(
    nodes: list[Any], named: str, path: Path
) -> None:
    outputs = ("y",) if nodes else ("x",)
    constants = {"w": W.T, "mean": np.ones(3, np.float32)}
    with pytest.raises(ModelFileError, match=named):
        from_onnx(save(path, nodes, constants, outputs=outputs))


def test_several_inputs_or_outputs_are_refused(path: Path) -> None:
    hidden = [DENSE, node("Relu", ["z"], ["r"]), node("MatMul", ["r", "v"], ["y"])]
    with pytest.raises(ModelFileError, match="hidden layer"):
        from_onnx(save(path, hidden, {**GIVEN, "v": W}, outputs=("y", "r")))
    both = [DENSE, node("Relu", ["z"], ["y"])]
    with pytest.raises(ModelFileError, match="different things"):
        from_onnx(save(path, both, GIVEN, outputs=("y", "z")))
    model = onnx.load(save(path, [DENSE, node("Add", ["z", "x2"], ["y"])], {**GIVEN, "x2": B}))
    model.graph.input.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, [1]))
    onnx.save(model, path)
    with pytest.raises(ModelFileError, match="one input, found 2"):
        from_onnx(path)


@pytest.mark.parametrize(
    ("shape", "dtype", "named"),
    [
        (("n", 4), np.float32, "takes 3 inputs"),
        (("n", "c", "h"), np.float32, "takes 3 inputs"),
        (("n", 3), np.bool_, "no tensor of numbers"),
    ],
)
def test_inputs_of_other_types_are_refused(shape: Any, dtype: Any, named: str, path: Path) -> None:
    with pytest.raises(ModelFileError, match=named):
        from_onnx(
            save(path, [node("Gemm", ["x", "w"], ["y"], transB=1)], {"w": W}, shape, dtype=dtype)
        )


def test_half_precision_is_refused(path: Path) -> None:
    nodes = [node("MatMul", ["x", "w"], ["y"])]
    with pytest.raises(ModelFileError, match="MatMul: expected float32 or float64, found float16"):
        from_onnx(save(path, nodes, {"w": W.T.astype(np.float16)}, dtype=np.float16))


@pytest.mark.parametrize("content", [b"", b"\x08\x07", b"{}", b"\xff" * 100, b"PK\x03\x04" * 9])
def test_damaged_files_are_refused(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"net\.onnx: damaged"):
        from_onnx(path)
    with pytest.raises(ModelFileError, match=r"other\.onnx: No such file"):
        from_onnx(path.with_name("other.onnx"))
    other = path.with_suffix(".json")  # onnx.load would read another format from this suffix
    other.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"net\.json: damaged"):
        from_onnx(other)


def test_truncated_and_corrupted_bytes_are_an_error_or_a_network(path: Path) -> None:
    from nncore.export import to_onnx

    to_onnx(nncore.Network([3, 2], activation=[], seed=1), path)
    good = path.read_bytes()
    path.write_bytes(good.replace(b"Gemm", b"Ge\xcbm"))
    with pytest.raises(ModelFileError, match=r"net\.onnx: damaged"):
        from_onnx(path)
    model = onnx.load_model_from_string(good)
    model.graph.initializer[0].data_type = 99
    onnx.save(model, path)
    with pytest.raises(ModelFileError, match="'weights_1' has no known type"):
        from_onnx(path)
    rng = np.random.default_rng(3)
    for _ in range(60):
        bad = bytearray(good[: rng.integers(1, len(good) + 1)])
        bad[rng.integers(len(bad))] = rng.integers(256)
        path.write_bytes(bad)
        try:
            net = from_onnx(path)
        except ModelFileError:
            continue
        assert net.all_finite()


# ---- what other programs write -----------------------------------------------------------------


def ignoring_deprecations(work: Callable[[], Any]) -> Any:
    """Ignores deprecation warnings of other packages."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return work()


# ---- models that would run for ever, or fill the memory -------------------------------------

LAYER = node("Gemm", ["x", "w", "c"], ["y"], transB=1)
"""A layer whose biases are computed."""


def _loop(trips: str, start: str) -> Any:
    body = helper.make_graph(
        [node("Identity", ["on"], ["on_"]), node("Identity", ["v"], ["v_"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, ()),
            helper.make_tensor_value_info("on", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on_", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("v_", TensorProto.FLOAT, None),
        ],
    )
    return node("Loop", [trips, "", start], ["c"], body=body)


TRIPS = {"trips": np.int64(2**62), "one": np.int64(1)}
LONG = np.ones((1 << 15, 1), np.float32)


@pytest.mark.parametrize(
    ("nodes", "constants", "named"),
    [
        ([_loop("trips", "b"), LAYER], TRIPS, "constant weights"),
        (
            [
                node("Shape", ["x"], ["s"]),
                node("Loop", ["trips", "", "s"], ["c"], body=_loop("a", "b").attribute[0].g),
                node("Reshape", ["x", "c"], ["r"]),
                node("Gemm", ["r", "w", "b"], ["y"], transB=1),
            ],
            TRIPS,
            "Loop",
        ),
        (
            [
                node("RegexFullMatch", ["text"], ["m"], pattern="(a|a|aa)+$"),
                node("Cast", ["m"], ["c"], to=TensorProto.FLOAT),
                LAYER,
            ],
            {"text": np.array(["a" * 60 + "b"])},
            "constant weights",
        ),
        (
            [node("ConstantOfShape", ["shape"], ["c"]), LAYER],
            {"shape": np.array([1 << 40])},
            "ConstantOfShape",
        ),
        ([node("Expand", ["b", "shape"], ["c"]), LAYER], {"shape": [1 << 40, 2]}, "Expand"),
        ([node("Add", ["l", "t"], ["c"]), LAYER], {"l": LONG, "t": LONG.T}, "Add"),
        ([node("Gather", ["l", "i"], ["c"]), LAYER], {"l": LONG, "i": [0] * (1 << 10)}, "Gather"),
        (
            [node("Concat", ["b", "b"], ["c0"], axis=0)]
            + [node("Concat", [f"c{i}"] * 2, [f"c{i + 1}"], axis=0) for i in range(60)]
            + [node("Gemm", ["x", "w", "c60"], ["y"], transB=1)],
            {},
            "Concat",
        ),
        (
            [DENSE]
            + [node("Identity", ["z"], ["y"])]
            + [node("Neg", ["b"], [f"u{i}"]) for i in range(5000)],
            {},
            "5,000 operators",
        ),
    ],
    ids=["loop", "shape", "regex", "fill", "expand", "outer", "gather", "doubling", "nodes"],
)
def test_graphs_that_explode_are_refused_quickly(
    nodes: list[Any], constants: dict[str, Any], named: str, path: Path
) -> None:
    save(path, nodes, {**GIVEN, **constants}, opset=20)
    with pytest.raises(ModelFileError, match=f"net.onnx: .*{named}"):
        from_onnx(path)


def test_exponentially_nested_functions_are_refused_quickly(path: Path) -> None:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    functions = [
        helper.make_function(
            "own",
            f"f{i}",
            ["a"],
            ["c"],
            [
                node(f"f{i - 1}" if i else "Neg", ["a"], ["b"], domain="own" if i else ""),
                node(f"f{i - 1}" if i else "Neg", ["b"], ["c"], domain="own" if i else ""),
            ],
            opsets,
        )
        for i in range(40)
    ]
    save(path, [DENSE, node("f39", ["z"], ["y"], domain="own")], GIVEN)
    model = onnx.load(path)
    model.opset_import.append(opsets[1])
    model.functions.extend(functions)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match="more than 5,000 operators"):
        from_onnx(path)


def test_a_large_fixed_batch_is_refused(path: Path) -> None:
    save(path, [DENSE, node("Identity", ["z"], ["y"])], GIVEN, shape=(1 << 40, 3))
    with pytest.raises(ModelFileError, match="1,099,511,627,776 rows at a time"):
        from_onnx(path)


def test_external_weights_are_read_from_regular_files_only(path: Path, tmp_path: Path) -> None:
    save(path, [DENSE, node("Identity", ["z"], ["y"])], GIVEN)
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights", size_threshold=0)
    np.testing.assert_array_equal(from_onnx(path).weights[0], W)
    (tmp_path / "weights").unlink()
    os.mkfifo(tmp_path / "weights")
    with pytest.raises(ModelFileError, match="is a FIFO, not a regular file"):
        from_onnx(path)


@pytest.mark.parametrize("dynamo", [False, True])
def test_reads_models_exported_by_pytorch(dynamo: bool, path: Path) -> None:
    torch = pytest.importorskip("torch")
    if dynamo:
        ignoring_deprecations(lambda: pytest.importorskip("onnxscript"))
    nn = torch.nn
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(6, 5), nn.GELU(), nn.Dropout(), nn.Linear(5, 4, bias=False),
        nn.SiLU(), nn.Linear(4, 4), nn.Softplus(), nn.Linear(4, 4), nn.ELU(), nn.Linear(4, 4),
        nn.LeakyReLU(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3), nn.Softmax(-1),
    ).eval()  # fmt: skip
    options: dict[str, Any] = {"dynamo": dynamo, "input_names": ["x"], "verbose": False}
    options["dynamic_shapes" if dynamo else "dynamic_axes"] = (
        ({0: torch.export.Dim.DYNAMIC},) if dynamo else {"x": {0: "n"}}
    )
    ignoring_deprecations(
        lambda: torch.onnx.export(model, (torch.zeros(2, 2, 3),), str(path), **options)
    )
    net = from_onnx(path)
    assert net.activations == (
        "gelu", "silu", "softplus", "elu", "leaky_relu", "tanh", "softmax",
    )  # fmt: skip
    x = np.random.default_rng(0).normal(size=(20, 2, 3)).astype(np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(x)).numpy()
    assert error(net.feedforward(x.reshape(20, 6)), expected) < 1e-6


def test_reads_pytorchs_view_of_a_dynamic_batch(path: Path) -> None:
    torch = pytest.importorskip("torch")

    class Model(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(6, 1)

        def forward(self, x: Any) -> Any:
            return torch.sigmoid(self.linear(x.view(x.size(0), -1)))

    ignoring_deprecations(
        lambda: torch.onnx.export(
            Model(), (torch.zeros(2, 2, 3),), str(path), dynamo=False, input_names=["x"],
            dynamic_axes={"x": {0: "n"}},
        )
    )  # fmt: skip
    net = from_onnx(path)
    assert (net.sizes, net.activations, net.cost) == ((6, 1), ("sigmoid",), "cross_entropy")


CLASSIFIERS = {
    "several": (lambda rng: rng.integers(0, 3, 60), "relu"),
    "two": (lambda rng: np.array(["no", "yes"])[rng.integers(0, 2, 60)], "tanh"),
    "labels": (lambda rng: rng.integers(0, 2, (60, 3)), "logistic"),
}


@pytest.mark.parametrize("zipmap", [False, True])
@pytest.mark.parametrize("kind", CLASSIFIERS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_reads_classifiers_exported_by_skl2onnx(kind: str, zipmap: bool, path: Path) -> None:
    skl2onnx = ignoring_deprecations(lambda: pytest.importorskip("skl2onnx"))
    from sklearn.neural_network import MLPClassifier

    make, activation = CLASSIFIERS[kind]
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    model = MLPClassifier((5, 4), activation, max_iter=5, random_state=0).fit(x, make(rng))
    options = {id(model): {"zipmap": zipmap}}
    written = ignoring_deprecations(lambda: skl2onnx.to_onnx(model, x[:1], options=options))
    path.write_bytes(written.SerializeToString())
    outputs, probabilities = from_onnx(path).feedforward(x), model.predict_proba(x)
    assert error(outputs, probabilities[:, 1:] if kind == "two" else probabilities) < 1e-6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_reads_regressors_exported_by_skl2onnx(dtype: str, path: Path) -> None:
    skl2onnx = ignoring_deprecations(lambda: pytest.importorskip("skl2onnx"))
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(60, 4)).astype(dtype), rng.normal(size=(60, 2))
    model = MLPRegressor(
        hidden_layer_sizes=(5,), activation="identity", max_iter=5, random_state=0
    ).fit(x, y)
    path.write_bytes(
        ignoring_deprecations(lambda: skl2onnx.to_onnx(model, x[:1])).SerializeToString()
    )
    net = from_onnx(path)
    assert net.dtype == dtype
    assert error(net.feedforward(x), model.predict(x)) < (1e-6 if dtype == "float32" else 1e-13)
    pipeline = make_pipeline(StandardScaler(), model).fit(x, y)
    path.write_bytes(
        ignoring_deprecations(lambda: skl2onnx.to_onnx(pipeline, x[:1])).SerializeToString()
    )
    with pytest.raises(ModelFileError, match="Scaler" if dtype == "float32" else "Sub"):
        from_onnx(path)
