"""ONNX graphs of `nncore.sklearn`'s tabular estimators, with the preparation of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Protocol, TypeGuard

import numpy as np

from nncore.data.inputs import BEND, CYCLES, DateColumn, FrameInputs, RobustColumn
from nncore.data.preparation import CategoryColumn
from nncore.export._onnx_graph import GraphWriter
from nncore.many.ensemble import Ensemble

_FAR = 1e100
"""Scaled numbers are bounded by this, so that their squares are finite."""


class Tabular(Protocol):
    """A fitted `TabularClassifier` or `TabularRegressor`."""

    inputs_: FrameInputs
    ensemble_: Ensemble
    n_features_in_: int


def is_tabular(model: object) -> TypeGuard[Tabular]:
    """Whether it is one of these estimators; NotFittedError where it is not fitted."""
    if not hasattr(type(model), "left_out_"):
        return False
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model, "ensemble_")
    return True


def tabular_model(onnx: Any, model: Any) -> Any:
    """The whole model.

    Raises:
        ValueError: its loss is "gaussian", whose mixture of distributions has no graph here.
    """
    writer = _TabularWriter(onnx, model)
    inputs = writer.prepared()
    writer.outputs_of(list(model.ensemble_))
    outputs = writer.classes() if hasattr(model, "classes_") else writer.numbers()
    writer.named([output.name for output in outputs])
    return writer.finished(inputs, outputs, ai_onnx_ml=2)


def _inside(column: str) -> str:
    """What the graph calls a column until all names are known."""
    return f"column/{column}"


class _TabularWriter(GraphWriter):
    start = "prepared"

    def __init__(self, onnx: Any, model: Any) -> None:
        super().__init__(onnx, model.ensemble_.members[0], "float32")
        self.estimator = model
        self.types = onnx.TensorProto
        self._columns: dict[str, str] = {}
        """The graph's inputs: what they are called here, and outside."""
        self._blocks: list[str] = []
        self._places: list[int] = []
        """Where each column of the blocks is among the networks' inputs."""

    def fixed(self, name: str, array: Any) -> str:
        """A constant of the array's own dtype."""
        self.constants[name] = self.onnx.numpy_helper.from_array(np.asarray(array), name)
        return name

    def cast(self, tensor: str, kind: int, name: str) -> str:
        return self.node("Cast", [tensor], name, to=kind)

    def prepared(self) -> list[Any]:
        """Adds what computes the networks' inputs from the columns; returns the graph's inputs."""
        found: FrameInputs = self.estimator.inputs_
        starts = np.cumsum([0, *(column.width for column in found.columns)]).tolist()
        placed = list(zip(found.columns, starts[:-1], strict=True))
        numeric = [(c, at) for c, at in placed if not isinstance(c, CategoryColumn)]
        if found.numeric:
            width = self.estimator.n_features_in_
            inputs = [self.tensor("x", self.types.DOUBLE, width)]
            self._columns["x"] = "x"
            if numeric:
                indices = self.fixed(
                    "number_columns", [found.names.index(c.name) for c, _ in numeric]
                )
                self.node("Gather", ["x", indices], "numbers", axis=1)
        else:
            inputs = [self._input(column) for column in found.columns]
            if numeric:
                self.node("Concat", [_inside(c.name) for c, _ in numeric], "numbers", axis=1)
        if numeric:
            self._add_numbers([c for c, _ in numeric], [at for _, at in numeric])
        for column, at in placed:
            if isinstance(column, CategoryColumn):
                self._add_categories(column, at, found.numeric)
        if not self._blocks:
            raise ValueError("no column was of use in training; there is nothing to export")
        joined = self.node("Concat", self._blocks, "joined", axis=1)
        order = self.fixed("order", np.argsort(self._places))
        self.node("Gather", [joined, order], self.start, axis=1)
        return inputs

    def _input(self, column: Any) -> Any:
        text = isinstance(column, CategoryColumn)
        self._columns[_inside(column.name)] = column.name
        return self.tensor(column.name, self.types.STRING if text else self.types.DOUBLE, 1)

    def _block(self, tensor: str, places: Sequence[int]) -> None:
        self._blocks.append(tensor)
        self._places += places

    def _add_numbers(self, columns: Sequence[Any], starts: Sequence[int]) -> None:
        """All numbers and dates at once, from "numbers" (n, k)."""
        robust = [column.when if isinstance(column, DateColumn) else column for column in columns]
        absent = self.node("IsNaN", ["numbers"], "absent")
        medians = self._row("medians", robust, "median")
        given = self.node("Where", [absent, medians, "numbers"], "there")
        centred = self.node("Sub", [given, "medians"], "centred")
        scaled = self.node("Mul", [centred, self._row("factors", robust, "factor")], "scaled")
        bounds = [self.fixed("lowest", -_FAR), self.fixed("highest", _FAR)]
        scaled = self.node("Clip", [scaled, *bounds], "bounded")
        part = self.node("Div", [scaled, self.fixed("bend", BEND)], "part")
        square = self.node("Mul", [part, part], "square")
        above = self.node("Add", [square, self.fixed("one", 1.0)], "above")
        root = self.node("Sqrt", [above], "root")
        bent = self.node("Div", [scaled, root], "bent")
        self._block(self.cast(bent, self.float, "numbers_in"), starts)
        flags = self.cast(absent, self.float, "absent_flags")
        with_flag = [i for i, column in enumerate(robust) if column.missing]
        if with_flag:
            picked = self.fixed("flagged", with_flag)
            flagged = self.node("Gather", [flags, picked], "flags_in", axis=1)
            self._block(flagged, [starts[i] + robust[i].width - 1 for i in with_flag])
        self._add_pieces(robust, starts)
        turning = [
            (i, starts[i] + column.when.width + 2 * j, CYCLES[cycle])
            for i, column in enumerate(columns)
            if isinstance(column, DateColumn)
            for j, cycle in enumerate(column.cycles)
        ]
        if turning:
            self._add_cycles(turning, flags)

    def _add_pieces(self, columns: Sequence[RobustColumn], starts: Sequence[int]) -> None:
        """How far numbers are from one knot to the next."""
        pieces = [
            (i, low, high - low, starts[i] + 1 + j)
            for i, column in enumerate(columns)
            for j, (low, high) in enumerate(pairwise(column.knots))
        ]
        if not pieces:
            return
        which, lows, widths, places = zip(*pieces, strict=True)
        given = self.node("Gather", ["there", self.fixed("cut", list(which))], "to_cut", axis=1)
        over = self.node("Sub", [given, self.fixed("knots", np.array([lows]))], "over_knots")
        part = self.node("Div", [over, self.fixed("gaps", np.array([widths]))], "parts")
        bounds = [self.fixed("none", 0.0), self.fixed("all_of_it", 1.0)]
        found = self.node("Clip", [part, *bounds], "pieces")
        self._block(self.cast(found, self.float, "pieces_in"), places)

    def _add_cycles(self, turning: Sequence[tuple[int, int, float]], flags: str) -> None:
        """Sine and cosine of dates: of each the column, its place, and the cycle's days."""
        which, places, lengths = zip(*turning, strict=True)
        picked = self.fixed("turning", list(which))
        days = self.node("Gather", ["there", picked], "days", axis=1)
        turns = self.node("Div", [days, self.fixed("cycles", np.array(lengths))], "turns")
        rest = self.node("Sub", [turns, self.node("Floor", [turns], "whole_turns")], "rest")
        angle = self.node("Mul", [rest, self.fixed("turn", 2 * np.pi)], "angle")
        narrow = self.cast(angle, self.float, "angle_in")
        absent = self.node("Gather", [flags, picked], "turning_absent", axis=1)
        there = self.node("Sub", [self.number(1), absent], "turning_there")
        for offset, operator in enumerate(("Sin", "Cos")):
            wave = self.node(operator, [narrow], operator.lower())
            masked = self.node("Mul", [wave, there], f"{operator.lower()}_in")
            self._block(masked, [place + offset for place in places])

    def _row(self, name: str, columns: Sequence[Any], attribute: str) -> str:
        return self.fixed(name, np.array([[getattr(c, attribute) for c in columns]], np.float64))

    def _add_categories(self, column: CategoryColumn, at: int, numeric: bool) -> None:
        """One column for each value, then one for others and one for none."""
        name = f"{column.name}/"
        if numeric:
            index = self.fixed(f"{name}index", [self.estimator.inputs_.names.index(column.name)])
            cells = self.node("Gather", ["x", index], f"{name}cells", axis=1)
            values = self.fixed(f"{name}values", [[float(text) for text in column.values]])
            missing = self.node("IsNaN", [cells], f"{name}missing")
        else:
            cells = self.node(
                "LabelEncoder", [_inside(column.name)], f"{name}cells", domain="ai.onnx.ml",
                keys_strings=[*column.values, ""], default_int64=-1,
                values_int64s=list(range(len(column.values) + 1)),
            )  # fmt: skip
            values = self.fixed(f"{name}values", [list(range(len(column.values)))])
            none = self.fixed(f"{name}none", np.int64(len(column.values)))
            missing = self.node("Equal", [cells, none], f"{name}missing")
        hits = self.node("Equal", [cells, values], f"{name}hits")
        hits = self.cast(hits, self.float, f"{name}in")
        places = list(range(at, at + len(column.values)))
        self._block(hits, places)
        absent = self.cast(missing, self.float, f"{name}missing_in")
        if column.other:
            known = self.node("ReduceSum", [hits, self.fixed("across", [1])], f"{name}known")
            rest = self.node("Sub", [self.number(1), known], f"{name}rest")
            self._block(self.node("Sub", [rest, absent], f"{name}other"), [at + len(places)])
        if column.missing:
            self._block(absent, [at + column.width - 1])

    def classes(self) -> list[Any]:
        """Adds "label" and "probabilities"; returns the graph's outputs."""
        labels = np.asarray(self.estimator.classes_)
        text = labels.dtype.kind not in "iub"
        values = labels.astype(str).astype(object) if text else labels.astype(np.int64)
        chosen = self.node("ArgMax", ["y"], "chosen", axis=1, keepdims=0)
        self.node("Gather", [self.fixed("classes", values), chosen], "label")
        self.node("Identity", ["y"], "probabilities")
        kind = self.types.STRING if text else self.types.INT64
        return [
            self.tensor("label", kind),
            self.tensor("probabilities", self.float, len(labels)),
        ]

    def numbers(self) -> list[Any]:
        """Adds the targets in their own unit, as "y" or "quantiles"; returns the outputs."""
        model = self.estimator
        if model.loss == "gaussian":
            raise ValueError("to_onnx knows no loss='gaussian'; expected another loss")
        targets = model.targets_
        each = self.net.sizes[-1] // len(targets)
        shape = self.fixed("shape", [-1, len(targets), each])
        wide = self.cast("y", self.types.DOUBLE, "wide")
        found = self.node("Reshape", [wide, shape], "shaped")
        for name, operator in (("scale", "Mul"), ("mean", "Add"), ("low", "Max"), ("high", "Min")):
            array = self.fixed(f"target_{name}", getattr(targets, name)[:, None])
            found = self.node(operator, [found, array], f"after_{name}")
        if model.loss != "quantile":
            flat = self.fixed("flat", [-1, len(targets)])
            self.node("Reshape", [found, flat], "prediction")
            return [self.tensor("prediction", self.types.DOUBLE, len(targets))]
        # In ascending order, as `predict_quantiles` gives them.
        node = self.onnx.helper.make_node(
            "TopK", [found, self.fixed("all", [each])], ["quantiles", "places"], largest=0
        )
        self.nodes.append(node)
        return [self.tensor("quantiles", self.types.DOUBLE, len(targets), each)]

    def named(self, outputs: Sequence[str]) -> None:
        """Gives the graph's inputs the names of the columns, and all else inside names of its own.

        Raises:
            ValueError: a column has the name of an output.
        """
        for column in self._columns.values():
            if column in outputs:
                raise ValueError(
                    f"the column {column!r} has the name of an output of the graph; rename it"
                )

        def name(tensor: str) -> str:
            if tensor in outputs or not tensor:
                return tensor
            return self._columns.get(tensor, f"nncore/{tensor}")

        for node in self.nodes:
            node.input[:] = [name(each) for each in node.input]
            node.output[:] = [name(each) for each in node.output]
        for constant in self.constants.values():
            constant.name = name(constant.name)
