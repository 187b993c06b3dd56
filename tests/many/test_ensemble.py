"""`Ensemble`: means and spreads, files, and one graph for other engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nncore
from nncore import _core, costs
from small_problem import RNG, X, Y, bits

MEMBERS = 5
TASKS: dict[str, dict[str, Any]] = {
    "sigmoid": {"sizes": [5, 6, 3]},
    "binary": {"sizes": [5, 6, 1], "cost": "cross_entropy", "y": Y == 0},
    "tanh": {"sizes": [5, 6, 1], "output_activation": "tanh", "y": np.where(Y == 0, 1.0, -1.0)},
    "softmax": {"sizes": [5, 6, 3], "output_activation": "softmax", "cost": "log_likelihood"},
    "linear": {"sizes": [5, 6, 2], "output_activation": "linear", "y": X[:, :2]},
    "poisson": {"sizes": [5, 6, 1], "output_activation": "exponential", "cost": "poisson"},
    "pinball": {"sizes": [5, 6, 2], "cost": costs.Pinball([0.2, 0.7]), "y": X[:, 0]},
    "relu": {"sizes": [5, 6, 3], "output_activation": "relu"},
}


def ensemble(task: str = "softmax", **options: Any) -> nncore.Ensemble:
    arguments = {"y": Y, **TASKS[task], **options}
    y = arguments.pop("y")
    specs = [{"seed": s, "sizes": [arguments["sizes"][0], 4 + s, arguments["sizes"][-1]]}
             for s in range(MEMBERS)]  # fmt: skip
    arguments |= {"learning_rate": 0.05, "epochs": 2, "activation": "tanh"}
    return nncore.Ensemble(nncore.fit_many(specs, X, y, **arguments))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("task", TASKS)
def test_mean_and_spread_are_numpy_s(task: str, dtype: str) -> None:
    members = ensemble(task, dtype=dtype)
    outputs = np.stack([net.feedforward(X) for net in members])
    assert (members.outputs(X) == outputs).all()
    tolerance = 1e-6 if dtype == "float32" else 1e-14
    wide = outputs.astype(np.float64)
    np.testing.assert_allclose(members.feedforward(X), wide.mean(axis=0), rtol=tolerance)
    np.testing.assert_allclose(members.spread(X), wide.std(axis=0), rtol=1e-6, atol=tolerance)
    assert members.feedforward(X).dtype == members.spread(X).dtype == members.dtype == dtype
    assert np.median(members.spread(X)) > 0


@pytest.mark.parametrize("task", TASKS)
def test_one_member_says_what_it_says_alone(task: str) -> None:
    net = ensemble(task, dtype="float64").members[0]
    alone = nncore.Ensemble([net])
    y = TASKS[task].get("y", Y)
    weight = RNG.random(len(y))
    assert (alone.feedforward(X) == net.feedforward(X)).all()
    assert (alone.spread(X) == 0).all()
    found, expected = alone.evaluate(X, y, weight), net.evaluate(X, y, weight)
    assert found.cost == pytest.approx(expected.cost, rel=1e-12)
    assert found.accuracy == expected.accuracy
    if task in ("poisson", "pinball"):
        with pytest.raises(ValueError, match=r"do(es)? not stand for classes"):
            alone.predict(X)
    elif task in ("linear", "relu"):
        with pytest.warns(UserWarning, match="index of the largest"):
            assert (alone.predict(X) == net.predict(X)).all()
    else:
        assert (alone.predict(X) == net.predict(X)).all()


def test_cost_and_accuracy_are_those_of_the_mean() -> None:
    members = ensemble()
    mean = members.feedforward(X).astype(np.float64)
    found = members.evaluate(X, Y)
    assert found.cost == pytest.approx(-np.log(mean[np.arange(len(Y)), Y]).mean(), rel=1e-6)
    assert found.accuracy == (mean.argmax(axis=1) == Y).mean()
    assert (members.predict(X) == mean.argmax(axis=1)).all()
    assert (members.predict(X[0]) == mean[:1].argmax(axis=1)).all()


def test_outputs_at_their_ends_have_a_finite_cost() -> None:
    for task, k in (("sigmoid", 3), ("binary", 1), ("softmax", 3), ("tanh", 1)):
        options = {key: v for key, v in TASKS[task].items() if key != "y"}
        rows = np.zeros((k, 5))
        net = nncore.Network(
            **{**options, "sizes": [5, k]}, dtype="float64",
            initializer=([rows], [np.linspace(-1e4, 1e4, k) if k > 1 else [1e4]]),
        )  # fmt: skip
        y = np.full(4, k - 1 if k > 1 else 1)
        assert np.isfinite(nncore.Ensemble([net, net]).evaluate(X[:4], y).cost)
        assert nncore.Ensemble([net, net]).evaluate(X[:4], y).accuracy == 1.0


@pytest.mark.parametrize("task", TASKS)
def test_files(task: str, tmp_path: Path) -> None:
    members = ensemble(task)
    members.metadata["made"] = "today"
    members.save(tmp_path / "many")
    loaded = nncore.Ensemble.load(tmp_path / "many")
    assert [bits(net) for net in loaded] == [bits(net) for net in members]
    assert [repr(net) for net in loaded] == [repr(net) for net in members]
    assert loaded.metadata == {"made": "today"}
    assert (loaded.feedforward(X) == members.feedforward(X)).all()
    with pytest.raises(nncore.ModelFileError, match="many"):
        nncore.Network.load(tmp_path / "many")


def test_labels_of_classes_and_costs_of_one_s_own_are_kept(tmp_path: Path) -> None:
    def cost(outputs: Any, y: Any) -> Any:
        return ((outputs - y) ** 2).sum(axis=1), 2 * (outputs - y)

    members = ensemble("linear", cost=cost)
    for net in members:
        net.classes = np.array(["a", "b"])
    members = nncore.Ensemble(members)
    members.save(tmp_path / "many")
    loaded = nncore.Ensemble.load(tmp_path / "many", cost=cost)
    assert loaded.classes is not None
    assert loaded.classes.tolist() == ["a", "b"]
    assert loaded.evaluate(X, X[:, :2]).cost == members.evaluate(X, X[:, :2]).cost


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.update(version=9), "version 9; expected 1"),
        (lambda content: content["members"][0].pop("seed"), "'seed'"),
        (lambda content: content["members"][0].update(sizes=[5, 9, 3]), "layers.0.weight is"),
        (lambda content: content["members"][1].update(cost="poisson"), "damaged"),
        (lambda content: content.update(members=[]), "one network at least"),
        (lambda content: content.update(members=3), "TypeError"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, change: Any, message: str) -> None:
    path = tmp_path / "many"
    ensemble().save(path)
    metadata, tensors = _core.read_tensors(path)
    content = json.loads(metadata["nncore.ensemble"])
    change(content)
    _core.write_tensors(path, {"nncore.ensemble": json.dumps(content)}, tensors)
    with pytest.raises(
        nncore.ModelFileError, match=f"many: a damaged ensemble: .*{message}|{message}"
    ):
        nncore.Ensemble.load(path)


def test_a_model_of_one_network_is_no_ensemble(tmp_path: Path) -> None:
    nncore.Network([5, 3]).save(tmp_path / "one")
    with pytest.raises(nncore.ModelFileError, match=r"one: no ensemble; Network.load"):
        nncore.Ensemble.load(tmp_path / "one")
    with pytest.raises(nncore.ModelFileError, match="nothing"):
        nncore.Ensemble.load(tmp_path / "nothing")


def test_members_that_do_not_go_together() -> None:
    net = nncore.Network([5, 3])
    for other, what in (
        (nncore.Network([4, 3]), "inputs 4"),
        (nncore.Network([5, 2]), "outputs 2"),
        (nncore.Network([5, 3], output_activation="tanh"), "output_activation 'tanh'"),
        (nncore.Network([5, 3], cost="cross_entropy"), "cost"),
    ):
        with pytest.raises(ValueError, match=f"^member 1 has {what}"):
            nncore.Ensemble([net, other])
    with pytest.raises(ValueError, match="one network at least"):
        nncore.Ensemble([])
    with pytest.raises(TypeError, match="got 3"):
        nncore.Ensemble([net, 3])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="a list of networks"):
        nncore.Ensemble(net)  # type: ignore[arg-type]
    assert len(nncore.Ensemble([net, nncore.Network([5, 9, 3], dtype="float64")])) == 2
    assert repr(nncore.Ensemble([net])) == "Ensemble(1 networks of 5 inputs and 3 outputs)"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_onnx_is_one_graph(dtype: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    members = ensemble("softmax", dtype=dtype, activation="tanh")
    nncore.export.to_onnx(members, tmp_path / "many.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "many.onnx")
    (found,) = session.run(["y"], {"x": X.astype(dtype)})
    assert found.dtype == dtype
    np.testing.assert_allclose(
        found, members.feedforward(X), rtol=1e-5 if dtype[-2:] == "32" else 1e-12
    )
