"""A network's parameters, what it predicts, and its files: all of `nncore.Network` but `fit`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import _core
from nncore._support.architecture import (
    Arrays,
    Initializer,
    checked_dtype,
    checked_sizes,
    every_activation,
    initial_arrays,
    initializer_names,
)
from nncore._support.checks import file_path, integer, real
from nncore._support.evaluation import Evaluation
from nncore._support.labels import labels_as_metadata, labels_from_metadata
from nncore._support.metadata import belongs_to_library, checked_metadata
from nncore._support.names import check_cost_and_output
from nncore._support.parameters import Parameters, copy_in
from nncore.history import History

if TYPE_CHECKING:
    from nncore import costs
    from nncore.training.state import TrainingState

Self = TypeVar("Self", bound="Model")


class Model(_core.Network):
    """All of a `nncore.Network` but `fit`: its parameters, what it predicts, and its files."""

    history: History
    """What training measured, since the network's first epoch."""

    _classes: NDArray[Any] | None = None

    metadata: dict[str, str]
    """Texts that are kept in the model's file and its checkpoints, for programs' own use. Names
    that begin with "nncore." are the library's, as are "classes" and "checkpoint"."""

    _training: TrainingState | None
    """None until it is asked for: a network that only predicts is not trained."""

    _cost_function: costs.CostFunction | None = None

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: str | Sequence[str] = "sigmoid",
        output_activation: str | None = None,
        cost: costs.AnyCost = "quadratic",
        initializer: Initializer = "auto",
        dtype: Any = "float32",
        seed: int = 0,
    ) -> None:
        """Checks everything, and draws the parameters or copies them in; see the class."""
        from nncore import costs  # dataclasses take their time; see tests/core/test_network.py

        sizes = checked_sizes(sizes)
        found = costs.resolve(cost)
        output = found.output_activation if output_activation is None else output_activation
        activations = every_activation(activation, output, len(sizes) - 1)
        check_cost_and_output(found.name, activations[-1])
        seed = integer("seed", seed, low=0, high=2**64 - 1)
        self._build(
            sizes, activations, found.name, checked_dtype(dtype), seed, found.hyperparameters,
            found.values,
        )  # fmt: skip
        if found.function is not None:
            self.cost_function = found.function
        arrays = initial_arrays(initializer)
        if arrays is None:
            _core.initialize(self, initializer_names(initializer, activations))
        else:
            self.weights, self.biases = arrays

    def _build(self, *core: Any) -> None:
        """What every network has, however it came about; `core` is what its base class takes."""
        try:
            super().__init__(*core)
        except MemoryError:
            raise MemoryError(f"a network of sizes {core[0]} does not fit into memory") from None
        self.history = History()
        self.metadata = {}
        self._training = None

    @property
    def cost_function(self) -> costs.CostFunction | None:
        """The cost of one's own, as `nncore.costs` describes it; None where the cost has a name.

        None too where the network was loaded without it: assign it before training or measuring.

        Raises:
            ValueError: on assignment, where the network's cost is another.
        """
        return self._cost_function

    @cost_function.setter
    def cost_function(self, function: costs.CostFunction | None) -> None:
        if function is not None and not callable(function):
            raise TypeError(f"cost must be a callable(outputs, y), got {function!r}")
        _core.set_cost_function(self, function)
        self._cost_function = function

    @property
    def weights(self) -> Parameters:
        """Live writable views of each layer's weights, (units, inputs); assigning copies in.

        Raises:
            ValueError: on assignment, for another number of layers, other shapes, or values
                that are not finite.
        """
        return Parameters(_core.weight_views(self))

    @weights.setter
    def weights(self, arrays: Arrays) -> None:
        copy_in(_core.weight_views(self), arrays)

    @property
    def biases(self) -> Parameters:
        """Live writable views of each layer's biases, (units,); assigning copies in, as above."""
        return Parameters(_core.bias_views(self))

    @biases.setter
    def biases(self, arrays: Arrays) -> None:
        copy_in(_core.bias_views(self), arrays)

    def copy_from(self, other: _core.Network, tau: float = 1.0) -> None:
        """parameters = (1 - tau) parameters + tau other's, a network of the same sizes and dtype.

        With tau = 1 a copy; with a small one the slow way of a target network after the network
        that learns.

        >>> import nncore
        >>> net, target = nncore.Network([2, 1], seed=1), nncore.Network([2, 1], seed=2)
        >>> target.copy_from(net)
        >>> bool((target.weights[0] == net.weights[0]).all())
        True

        Raises:
            ValueError: other sizes, another dtype, or a tau that is not from 0 to 1.
            BusyError: one of the two is being trained.
        """
        if not isinstance(other, _core.Network):
            raise TypeError(f"other must be a Network, got {other!r}")
        _core.copy_parameters(self, other, real("tau", tau, high=1.0))

    @property
    def classes(self) -> NDArray[Any] | None:
        """The labels of its classes, as a model from elsewhere had them; None for 0, 1, ...

        `predict` gives numbers in any case, and `net.classes[net.predict(x)]` the labels. They are
        saved with the model.

        Raises:
            ValueError: on assignment, for other than one integer or string for each class.

        >>> import numpy as np, nncore
        >>> net = nncore.Network([2, 1], initializer="zeros")
        >>> net.classes = np.array(["no", "yes"])
        >>> net.classes[net.predict([[0.0, 1.0]])]
        array(['no'], dtype='<U3')
        """
        return self._classes

    @classes.setter
    def classes(self, labels: ArrayLike | None) -> None:
        if labels is None:
            self._classes = None
            return
        expected = max(self.sizes[-1], 2)
        array = np.array(np.asarray(labels).tolist())  # strings come as objects, too
        if array.shape != (expected,) or array.dtype.kind not in "biufU":
            raise ValueError(
                f"expected labels for {expected} classes, integers or strings, got {labels!r}"
            )
        self._classes = array

    @property
    def training_state(self) -> TrainingState:
        """How far training is: the optimiser's memory, and the place in an epoch."""
        if self._training is None:
            from nncore.training.state import TrainingState

            self._training = TrainingState()
        return self._training

    def check_finite(self) -> None:
        """Raises ValueError if a weight or bias is NaN or infinite: such a model is not saved."""
        if not self.all_finite():
            raise ValueError("the network has NaN or infinity among its parameters: not saved")

    def evaluate(
        self,
        x: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        calibration: bool = False,
    ) -> Evaluation:
        """The mean cost on samples, without penalties, and for classes the accuracy.

        y is as in `fit`: labels (n,) or targets (n, sizes[-1]). With `calibration` the outputs are
        probabilities, whose calibration error is measured as well: see `nncore.metrics`.

        >>> import nncore
        >>> net = nncore.Network([1, 1], initializer=([[[2.0]]], [[-1.0]]))
        >>> net.evaluate([[0.0], [1.0]], [0, 1]).accuracy
        1.0
        """
        data = _core.Dataset(self, x, y, sample_weight)
        found = Evaluation(*_core.evaluate(self, data))
        return found.calibrated(self.feedforward(data), y, sample_weight) if calibration else found

    def backprop(self, x: Any, y: ArrayLike) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """Gradients of the cost by weights and by biases, averaged over the rows.

        The book's equations BP1 to BP4; shapes are those of `weights` and `biases`.
        """
        return self.loss_and_gradient(x, y)[1:]

    def loss_and_gradient(
        self,
        x: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        l2: float = 0.0,
        l1: float = 0.0,
        penalty_rows: int | None = None,
    ) -> tuple[float, list[NDArray[Any]], list[NDArray[Any]]]:
        """The mean cost with penalties, and its gradients by weights and by biases.

        l2 / (2 n) |w|^2 and l1 / n |w|_1 are added over the weights, where n is `penalty_rows`,
        or None for the number of rows of x.
        """
        data = _core.Dataset(self, x, y, sample_weight)
        rows = len(data) if penalty_rows is None else integer("penalty_rows", penalty_rows, low=1)
        penalties = {"l2": real("l2", l2), "l1": real("l1", l1)}
        return _core.gradients(self, data, **penalties, penalty_rows=rows)

    def input_gradient(self, x: Any, y: ArrayLike) -> NDArray[Any]:
        """Gradient of each row's own cost by its inputs, (n, sizes[0]), dense also for sparse x."""
        return _core.input_gradient(self, _core.Dataset(self, x, y))

    def update_mini_batch(self, x: Any, y: ArrayLike, learning_rate: float) -> None:
        """One step of gradient descent, all rows one mini-batch (the book's equations 20, 21).

        Raises:
            BusyError: the network is being trained.
            DivergenceError: the step left the finite numbers, and was taken back.
        """
        rate = real("learning_rate", learning_rate, above=True)
        with _core.Session(self):
            data = _core.Dataset(self, x, y)
            _core.Trainer(self, batch_size=max(len(data), 1)).step_data(data, learning_rate=rate)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a model file (safetensors), whole or not at all.

        A replaced file keeps its permissions, a symbolic link stays one and its target is written;
        other names of a file (hard links) keep the old model.

        Raises:
            ModelFileError: the file cannot be written, is write-protected, or is no regular file
                but a device or a FIFO; the message names it and the fault.
            ValueError: a parameter is not finite; such a model could not be loaded. Or a name in
                `metadata` is the library's.
            TypeError: `metadata` holds something else than texts.
            BusyError: the network is being trained in another thread.
        """
        self.check_finite()
        _core.save_model(self, file_path(path), self._file_metadata())

    def _file_metadata(self) -> dict[str, str]:
        """What a file says beside the parameters."""
        return checked_metadata(self.metadata) | labels_as_metadata(self.classes)

    @classmethod
    def load(
        cls: type[Self], path: str | os.PathLike[str], cost: costs.CostFunction | None = None
    ) -> Self:
        """Reads a model file: the same architecture, parameters, seed, epoch and metadata.

        `cost` is the cost of one's own that the network was trained with, which files do not hold;
        without it such a network predicts, but neither trains nor measures.

        Raises:
            ValueError: `cost` is given, and the file's network has another.
            ModelFileError: there is no such file, it cannot be read, is no model file, or is
                damaged; the message names it and the fault.
        """
        core, metadata = _core.load_model(file_path(path))
        net = cls.__new__(cls)
        net._build(core)
        labels = labels_from_metadata(metadata)
        if labels is not None and len(labels) == max(net.sizes[-1], 2):
            net.classes = labels
        net.metadata = {k: v for k, v in metadata.items() if not belongs_to_library(k)}
        if cost is not None:
            net.cost_function = cost
        return net

    def save_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Writes a model file that also holds what it takes to go on training.

        That is the optimiser's memory, the seed and the epoch, the history, and the state of the
        callbacks. A run that was stopped anywhere, also within an epoch, and is resumed ends with
        the same bits as one that was not. The file is written whole or not at all: whenever the
        process is killed, the old checkpoint is there or the new one.

        Raises:
            ModelFileError: the file cannot be written; the message names it and the fault.
            ValueError: a parameter is not finite; such a model could not be loaded.
            BusyError: the network is being trained in another thread.
        """
        from nncore.training import checkpoint

        _core.check_no_session_elsewhere(self)
        self.check_finite()
        metadata = self._file_metadata()
        checkpoint.save(self, self.history, self.training_state, file_path(path), metadata)

    @classmethod
    def resume(
        cls: type[Self], path: str | os.PathLike[str], cost: costs.CostFunction | None = None
    ) -> Self:
        """Reads a checkpoint, for `fit` with the same arguments and initial_epoch=net.epoch.

        `cost` as in `load`.

        Raises:
            ModelFileError: there is no such file, it cannot be read, is no checkpoint, or is
                damaged; the message names it and the fault.

        >>> import os, tempfile, numpy as np, nncore
        >>> x, y = np.eye(4), [0, 1, 0, 1]
        >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
        >>> net = nncore.Network([4, 2])
        >>> _ = net.fit(x, y, epochs=3, optimizer="adam")
        >>> net.save_checkpoint(path)
        >>> net = nncore.Network.resume(path)
        >>> net.fit(x, y, epochs=5, optimizer="adam", initial_epoch=net.epoch).epochs
        [3, 4]
        """
        from nncore.training import checkpoint

        path = file_path(path)
        net = cls.load(path, cost)
        net.history, net._training = checkpoint.read(net, path)
        return net

    def summary(self) -> str:
        """A table of the layers, their parameters, and the memory that these take.

        >>> import nncore
        >>> print(nncore.Network([784, 30, 10]).summary())
        layer  activation  inputs  units  parameters
            1  sigmoid        784     30      23,550
            2  sigmoid         30     10         310
        23,860 parameters of 4 bytes: 93.2 KiB
        quadratic cost, seed 0, trained for 0 epochs
        """
        from nncore._support.summary import summary

        return summary(self)

    def _repr_html_(self) -> str:
        """What notebooks show: the summary, and the history's curves."""
        from nncore._support.summary import summary_html

        return summary_html(self) + (self.history._repr_html_() if len(self.history) else "")

    def __repr__(self) -> str:
        *hidden, output = self.activations
        trained = f", epoch={self.epoch}" if self.epoch else ""
        return (
            f"{type(self).__name__}({list(self.sizes)}, activation={hidden}, "
            f"output_activation={output!r}, cost={self._shown_cost()}, "
            f"dtype={self.dtype.name!r}, "
            f"seed={self.seed}{trained})"
        )

    def _shown_cost(self) -> str:
        from nncore import costs

        return "custom" if self.cost == "custom" else repr(costs.of(self))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles everything but the callbacks of the last `fit`, which need not be picklable.

        Nor are the seconds that epochs took: the same training gives the same bytes.
        """
        return self._reduced(self.history.without_seconds())

    def __copy__(self: Self) -> Self:
        rebuild, arguments, state = self._reduced(copy(self.history))
        net: Self = rebuild(*arguments)
        net.__setstate__(state)
        return net

    def __deepcopy__(self: Self, memo: dict[int, Any]) -> Self:
        rebuild, arguments, state = self._reduced(self.history)
        net: Self = rebuild(*arguments)
        memo[id(self)] = net
        net.__setstate__(deepcopy(state, memo))
        return net

    def _reduced(self, history: History) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
        """What makes a copy, with that history: a function, its arguments, and attributes."""
        _core.check_no_session_elsewhere(self)
        state = {key: value for key, value in vars(self).items() if key != "_training"}
        state["history"] = history
        state["metadata"] = dict(self.metadata)  # even a shallow copy must not share it
        core = (
            self.sizes, self.activations, self.cost, self.dtype.name, self.seed,
            self.cost_hyperparameters, self.cost_list,
        )  # fmt: skip
        parameters = [*self.weights, *self.biases]
        training = None if self._training is None else self._training.copied()
        return _rebuild, (type(self), core, self.epoch, parameters, training), state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self._cost_function is not None:
            _core.set_cost_function(self, self._cost_function)


def plain_state(net: Model) -> dict[str, Any]:
    """All that pickle keeps of a network, in containers, numbers and arrays of NumPy's alone."""
    _, (_, core, epoch, parameters, training), state = net.__reduce__()
    history = state["history"]
    return {
        "core": core,
        "epoch": epoch,
        "parameters": parameters,
        "training": training,
        "classes": net.classes,
        "metadata": dict(net.metadata),
        "history": {"epochs": history.epochs, "columns": dict(history)},
    }


def from_plain_state(cls: type[Self], state: dict[str, Any]) -> Self:
    """The network whose `plain_state` that is."""
    net = _rebuild(cls, *(state[key] for key in ("core", "epoch", "parameters", "training")))
    net.classes = state["classes"]
    net.metadata = dict(state.get("metadata", {}))  # which earlier versions left out
    net.history = History(state["history"]["columns"], state["history"]["epochs"])
    return net


def _rebuild(
    cls: type[Self],
    core: tuple[Any, ...],
    epoch: int,
    parameters: list[NDArray[Any]],
    training: tuple[Any, ...] | None,
) -> Self:
    net = cls.__new__(cls)
    net._build(*core)
    net.epoch = epoch
    for view, array in zip([*net.weights, *net.biases], parameters, strict=True):
        view[...] = array
    if training is not None:
        from nncore.training.state import TrainingState

        net._training = TrainingState.from_copy(net, training)
    return net
