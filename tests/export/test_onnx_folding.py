"""What stands beside the dense layers of ONNX models: scalings, LogSoftmax, logits, labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

from onnx.reference import ReferenceEvaluator

from export_networks import error
from nncore import ModelFileError, Network
from nncore.export import from_onnx, to_onnx
from onnx_models import DENSE, GIVEN, B, W, node, one_layer, save

MEAN, DEVIATION = np.array([3, -1, 40], np.float32), np.array([2, 0.5, 9], np.float32)
NORM = {
    "gamma": np.array([1.5, -2, 0.5], np.float32),
    "beta": np.array([1, 0, -3], np.float32),
    "mean": MEAN,
    "var": DEVIATION**2,
}
SCALINGS: dict[str, tuple[Any, dict[str, Any]]] = {
    "standard": (
        [node("Sub", ["in", "mean"], ["c"]), node("Div", ["c", "dev"], ["out"])],
        {"mean": MEAN[None], "dev": DEVIATION},
    ),
    "minmax": (
        [node("Mul", ["dev", "in"], ["c"]), node("Add", ["mean", "c"], ["out"])],
        {"mean": MEAN, "dev": DEVIATION},
    ),
    "number": (
        [node("Div", ["in", "most"], ["c"]), node("Sub", ["half", "c"], ["out"])],
        {"most": np.float32(5), "half": np.float32(0.5)},
    ),
    "negated": ([node("Neg", ["in"], ["out"])], {}),
    "scaler": (
        [
            node(
                "Scaler",
                ["in"],
                ["out"],
                domain="ai.onnx.ml",
                offset=[1.0, 2, 3],
                scale=[4.0, 5, 6],
            )
        ],
        {},
    ),
    "batch_norm": (
        [node("BatchNormalization", ["in", *NORM], ["out"], epsilon=0.01)],
        NORM,
    ),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.onnx"


def between(nodes: Any, source: str, target: str) -> list[Any]:
    """The nodes of a scaling with its ends connected."""
    names = {"in": source, "out": target}
    return [
        node(
            each.op_type,
            [names.get(name, name) for name in each.input],
            [names.get(name, name) for name in each.output],
            domain=each.domain,
            **{a.name: a.f if a.type == 1 else list(a.floats) for a in each.attribute},
        )
        for each in nodes
    ]


def agrees(net: Network, path: Path) -> bool:
    x = np.random.default_rng(1).normal(size=(30, 3)).astype(np.float32)
    (wanted,) = ReferenceEvaluator(str(path)).run(None, {"x": x})
    assert np.ptp(wanted) > 1e-3, "an output that never changes proves nothing"
    return error(net.feedforward(x), wanted) < min(1e-5, 1e-3 * float(np.ptp(wanted)))


@pytest.mark.parametrize("kind", SCALINGS)
def test_scalings_are_folded_into_the_layer_beside_them(kind: str, path: Path) -> None:
    nodes, constants = SCALINGS[kind]
    given = {**constants, "w": W, "b": B, "w3": W.T / 2, "b3": np.zeros(3, np.float32)}
    first = node("Gemm", ["s", "w", "b"], ["y"], transB=1)
    save(path, [*between(nodes, "x", "s"), first], given)
    in_front = from_onnx(path)
    assert in_front.sizes == (3, 2)
    assert agrees(in_front, path)

    layers = [
        node("Gemm", ["x", "w", "b"], ["z1"], transB=1),
        node("Gemm", ["z1", "w3", "b3"], ["z2"], transB=1),
    ]
    save(path, [*layers, *between(nodes, "z2", "s"), node("Tanh", ["s"], ["y"])], given)
    behind = from_onnx(path)
    assert behind.activations == ("linear", "tanh")
    assert agrees(behind, path)

    last = [node("Tanh", ["z2"], ["t"]), *between(nodes, "t", "s")]
    save(path, [*layers, *last, node("Gemm", ["s", "w", "b"], ["y"], transB=1)], given)
    hidden = from_onnx(path)
    assert (hidden.sizes, hidden.activations) == ((3, 2, 3, 2), ("linear", "tanh", "linear"))
    assert agrees(hidden, path)


def test_an_activation_that_is_written_with_scalings_stays_one(path: Path) -> None:
    half = np.float32(0.5)
    sigmoid = [
        node("Mul", ["z", "half"], ["h"]),
        node("Tanh", ["h"], ["t"]),
        node("Mul", ["t", "half"], ["u"]),
        node("Add", ["u", "half"], ["y"]),
    ]
    assert one_layer(path, *sigmoid, half=half).activations == ("sigmoid",)
    scaled = [node("Sub", ["z", "shift"], ["z0"]), node("Mul", ["z0", "half"], ["h"])]
    net = one_layer(path, *scaled, *sigmoid[1:], half=half, shift=B)
    assert net.activations == ("sigmoid",)
    np.testing.assert_array_equal(net.biases[0], [0, 0])


def test_integers_are_not_divided_as_floating_point_numbers(path: Path) -> None:
    nodes = [
        node("Div", ["x", "c"], ["i"]),
        node("Cast", ["i"], ["f"], to=1),
        node("Gemm", ["f", "w", "b"], ["y"], transB=1),
    ]
    save(path, nodes, {**GIVEN, "c": np.int64(255)}, dtype=np.int64)
    with pytest.raises(ModelFileError, match="Div"):
        from_onnx(path)


@pytest.mark.parametrize("whole", [True, False])
def test_logarithms_of_probabilities_become_probabilities(whole: bool, path: Path) -> None:
    log_softmax = (
        [node("LogSoftmax", ["z"], ["y"], axis=-1)]
        if whole
        else [node("Softmax", ["z"], ["p"], axis=-1), node("Log", ["p"], ["y"])]
    )
    net = one_layer(path, *log_softmax)
    assert (net.activations, net.cost) == (("softmax",), "log_likelihood")
    x = np.ones((1, 3), np.float32)
    (wanted,) = ReferenceEvaluator(str(path)).run(None, {"x": x})
    assert error(np.log(net.feedforward(x)), wanted) < 1e-5
    again = node("MatMul", ["y", "w2"], ["out"])
    with pytest.raises(ModelFileError, match="hidden and cannot be log_softmax"):
        from_onnx(save(path, [DENSE, *log_softmax, again], {**GIVEN, "w2": W}, outputs=("out",)))


@pytest.mark.parametrize(
    ("output", "cost"),
    [("softmax", "log_likelihood"), ("sigmoid", "cross_entropy"), ("exponential", "poisson")],
)
def test_outputs_are_logits_when_the_caller_says_so(output: str, cost: str, path: Path) -> None:
    one_layer(path, node("Identity", ["z"], ["y"]))
    net = from_onnx(path, output_activation=output)
    assert (net.activations, net.cost) == ((output,), cost)
    np.testing.assert_array_equal(net.weights[0], W)
    with pytest.raises(ValueError, match="did you mean 'softmax'"):
        from_onnx(path, output_activation="sofmax")
    one_layer(path, node("Sigmoid", ["z"], ["y"]))
    with pytest.raises(ValueError, match="linear; these are sigmoid already"):
        from_onnx(path, output_activation=output)


@pytest.mark.parametrize("labels", [np.array(["no", "yes"]), np.array([10, 30])])
def test_labels_of_classes_are_kept(labels: Any, path: Path, tmp_path: Path) -> None:
    net = Network([3, 1], activation=[], seed=1)
    net.classes = labels
    to_onnx(net, path)
    net = from_onnx(path)
    np.testing.assert_array_equal(net.classes, labels)
    net.save(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(Network.load(tmp_path / "net.safetensors").classes, labels)
    net.fit(np.ones((4, 3)), [0, 1, 0, 1], epochs=1, progress=False)
    net.save_checkpoint(tmp_path / "run.safetensors")
    np.testing.assert_array_equal(Network.resume(tmp_path / "run.safetensors").classes, labels)


@pytest.mark.parametrize("labels", [["a"], [["a", "b"]], [1, 2, 3], [None, 1], "ab"])
def test_labels_are_one_for_each_class(labels: Any) -> None:
    net = Network([3, 2], activation=[])
    with pytest.raises(ValueError, match="labels for 2 classes"):
        net.classes = labels
    assert net.classes is None


@pytest.mark.parametrize("text", ["{}", "[[1]]", "[null]", "nonsense", "[" * 100_000])
def test_labels_that_are_none_are_left_out(text: str, path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    to_onnx(Network([3, 2], activation=[]), path)
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"classes": text})
    onnx.save(model, path)
    assert from_onnx(path).classes is None
