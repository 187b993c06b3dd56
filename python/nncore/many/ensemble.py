"""`Ensemble`: networks that predict together."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import _core, costs
from nncore._model import from_plain_state
from nncore._support.checks import file_path
from nncore._support.labels import labels_as_metadata, labels_from_metadata
from nncore._support.metadata import belongs_to_library, checked_metadata
from nncore.errors import ModelFileError
from nncore.many.results import FitResult
from nncore.network import Evaluation, Network

_KEY, _VERSION = "nncore.ensemble", 1


class Ensemble:
    """Networks of the same task, whose outputs are averaged.

    Args:
        members: networks, or results of `fit_many`. They may differ in anything but inputs,
            outputs, output activation, cost and the labels of classes.

    Raises:
        ValueError: there is none, or one does not go with the first.
        TypeError: one is no network.
        RuntimeError: one is a result that failed.

    >>> import numpy as np, nncore
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> results = nncore.fit_many(
    ...     [{"seed": seed} for seed in range(4)], x, x[:, 0] ** 2, sizes=[1, 8, 1],
    ...     activation="tanh", output_activation="linear", optimizer="adam", learning_rate=0.02,
    ...     epochs=200)
    >>> ensemble = nncore.Ensemble(results)
    >>> len(ensemble), ensemble.feedforward(x).shape
    (4, (50, 1))
    >>> apart = ensemble.spread([[0.0], [9.0]])[:, 0]  # they disagree where they saw nothing
    >>> bool(apart[1] > 10 * apart[0])
    True
    """

    def __init__(self, members: Iterable[Network | FitResult]) -> None:
        if isinstance(members, (Network, FitResult)) or not isinstance(members, Iterable):
            raise TypeError(f"members must be a list of networks, got {members!r}")
        self.members: tuple[Network, ...] = tuple(map(_network, members))
        """The networks."""
        if not self.members:
            raise ValueError("an ensemble needs one network at least")
        self.metadata: dict[str, str] = {}
        """Texts that are kept in its file, as of a `Network`."""
        first = _task(self.members[0])
        for index, net in enumerate(self.members):
            for what, found in _task(net).items():
                if found != first[what]:
                    raise ValueError(
                        f"member {index} has {what} {found!r}; the first one has {first[what]!r}"
                    )

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Network]:
        return iter(self.members)

    def __repr__(self) -> str:
        inputs, outputs = self.members[0].sizes[0], self.members[0].sizes[-1]
        return f"Ensemble({len(self)} networks of {inputs} inputs and {outputs} outputs)"

    @property
    def classes(self) -> NDArray[Any] | None:
        """The labels of its classes, which all members have; None for 0, 1, ..."""
        return self.members[0].classes

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its outputs: float64 where any member is."""
        return np.result_type(*(net.dtype for net in self.members))

    def outputs(self, x: Any) -> NDArray[Any]:
        """Every member's outputs for rows x, (members, n, outputs)."""
        return np.stack([net.feedforward(x) for net in self.members])

    def feedforward(self, x: Any) -> NDArray[Any]:
        """The mean of the members' outputs, (n, outputs); x is as of `Network.feedforward`."""
        mean, _ = self._moments(x)
        return mean.astype(self.dtype)

    def spread(self, x: Any) -> NDArray[Any]:
        """The standard deviation of the members' outputs, (n, outputs): how far they disagree."""
        _, deviation = self._moments(x)
        return deviation.astype(self.dtype)

    def predict(self, x: Any) -> NDArray[np.int64]:
        """The class that the mean outputs tell, (n,), by the rule of `Network.predict`."""
        mean, _ = self._moments(x)
        judge, before = self._judged(np.atleast_2d(mean))
        return judge.predict(before)

    def evaluate(
        self,
        x: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        calibration: bool = False,
    ) -> Evaluation:
        """The members' cost of the mean outputs, and for classes the accuracy; see `Network`."""
        outputs, _ = self._moments(x)
        judge, before = self._judged(outputs, of_values=True)
        found = judge.evaluate(before, y, sample_weight)
        return found.calibrated(outputs, y, sample_weight) if calibration else found

    def _moments(self, x: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of the outputs, by Welford's sums: a member at a time."""
        mean = squares = np.zeros(())
        for count, net in enumerate(self.members, start=1):
            found = net.feedforward(x).astype(np.float64)
            apart = found - mean
            mean = mean + apart / count
            squares = squares + apart * (found - mean)
        return mean, np.sqrt(squares / len(self.members))

    def _judged(
        self, outputs: NDArray[np.float64], of_values: bool = False
    ) -> tuple[Network, NDArray[np.float64]]:
        """A network with the members' cost, and what it makes these outputs of.

        Costs and the rule of classes are the core's, which has them for a network's outputs alone.
        Where an activation cannot be undone, the outputs are in the right order only, or with
        `of_values` those of a linear layer, whose costs are the same.
        """
        net = self.members[0]
        k, activation = net.sizes[-1], net.activations[-1]
        largest, smallest = np.finfo(np.float64).max, np.finfo(np.float64).tiny
        with np.errstate(divide="ignore"):
            if activation in ("softmax", "exponential"):
                before = np.log(np.maximum(outputs, smallest))
            elif activation in ("sigmoid", "step"):
                before = np.log(np.maximum(outputs, smallest)) - np.log1p(-outputs)
                activation = "sigmoid"
            elif activation == "tanh":
                before = np.arctanh(outputs)
            else:  # all of them rise over the values that they take
                before, activation = outputs, "linear" if of_values else activation
        judge = Network(
            [k, k],
            output_activation=activation,
            cost=costs.of(net),
            dtype="float64",
            initializer=([np.eye(k)], [np.zeros(k)]),
        )
        return judge, np.clip(before, -largest, largest)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes all members to one file (safetensors), whole or not at all.

        Raises:
            ModelFileError: the file cannot be written; the message names it and the fault.
            ValueError: a parameter is not finite, or a name in `metadata` is the library's.
            BusyError: a member is being trained.
        """
        tensors: dict[str, NDArray[Any]] = {}
        described = []
        for index, net in enumerate(self.members):
            _core.check_no_session_elsewhere(net)
            net.check_finite()
            described.append(_description(net))
            tensors |= _tensors(index, net)
        content = {"version": _VERSION, "members": described}
        metadata = checked_metadata(self.metadata) | labels_as_metadata(self.classes)
        _core.write_tensors(file_path(path), {**metadata, _KEY: json.dumps(content)}, tensors)

    @classmethod
    def load(cls, path: str | os.PathLike[str], cost: costs.CostFunction | None = None) -> Ensemble:
        """Reads what `save` wrote; `cost` as in `Network.load`.

        Raises:
            ModelFileError: there is no such file, it cannot be read, is no ensemble, or is
                damaged; the message names it and the fault.
        """
        path = file_path(path)
        metadata, tensors = _core.read_tensors(path)
        if _KEY not in metadata:
            raise ModelFileError(f"{path}: no ensemble; Network.load reads the models of networks")
        try:
            content = json.loads(metadata[_KEY])
            if content["version"] != _VERSION:
                raise ValueError(f"version {content['version']}; expected {_VERSION}")
            members = [
                _rebuilt(index, description, tensors)
                for index, description in enumerate(content["members"])
            ]
            labels = labels_from_metadata(metadata)
            for net in members:
                net.classes = labels
                if cost is not None:
                    net.cost_function = cost
            ensemble = cls(members)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise ModelFileError(f"{path}: a damaged ensemble: {error!r}") from error
        ensemble.metadata = {k: v for k, v in metadata.items() if not belongs_to_library(k)}
        return ensemble


def _network(member: object) -> Network:
    if isinstance(member, FitResult):
        return member.network
    if not isinstance(member, Network):
        raise TypeError(f"members must be networks or results of fit_many, got {member!r}")
    return member


def _task(net: Network) -> dict[str, Any]:
    """What all members have alike, by its name."""
    return {
        "inputs": net.sizes[0],
        "outputs": net.sizes[-1],
        "output_activation": net.activations[-1],
        "cost": (net.cost, net.cost_hyperparameters, net.cost_list),
        "classes": None if net.classes is None else net.classes.tolist(),
    }


def _description(net: Network) -> dict[str, Any]:
    return {
        "sizes": net.sizes,
        "activations": net.activations,
        "cost": net.cost,
        "dtype": net.dtype.name,
        "seed": net.seed,
        "cost_hyperparameters": net.cost_hyperparameters,
        "cost_list": net.cost_list,
        "epoch": net.epoch,
    }


def _tensors(index: int, net: Network) -> dict[str, NDArray[Any]]:
    both = {"weight": net.weights, "bias": net.biases}
    return {
        f"members.{index}.layers.{layer}.{name}": np.array(view)
        for name, views in both.items()
        for layer, view in enumerate(views)
    }


def _rebuilt(index: int, described: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> Network:
    sizes, dtype = described["sizes"], described["dtype"]
    parameters = [
        _taken(tensors, f"members.{index}.layers.{layer}.{name}", shape, dtype)
        for name, shapes in (
            ("weight", zip(sizes[1:], sizes, strict=False)),
            ("bias", zip(sizes[1:])),
        )
        for layer, shape in enumerate(shapes)
    ]
    core = (
        sizes, described["activations"], described["cost"], dtype, described["seed"],
        described["cost_hyperparameters"], described["cost_list"],
    )  # fmt: skip
    state = {"core": core, "epoch": described["epoch"], "parameters": parameters, "training": None}
    nothing: dict[str, Any] = {"columns": {}, "epochs": []}
    return from_plain_state(Network, {**state, "classes": None, "history": nothing})


def _taken(
    tensors: dict[str, NDArray[Any]], name: str, shape: tuple[int, ...], dtype: str
) -> NDArray[Any]:
    array = tensors[name]
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{name} is {array.dtype} {array.shape}; expected {dtype} {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has NaN or infinity")
    return array
