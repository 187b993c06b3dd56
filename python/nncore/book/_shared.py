"""What the networks of chapters one and three share: columns, lists of tuples, live parameters.

The book works on one example at a time, as columns of shape (n, 1), and keeps a data set as a list
of tuples (x, y). The core works on rows. Everything that crosses between the two is here.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, SupportsIndex, TypeVar, cast, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import _core
from nncore._support.checks import integer, real
from nncore._support.targets import out_of_reach
from nncore._support.warn import warn
from nncore.network import Network
from nncore.training.loop import TrainingLoop, TrainingTask
from nncore.training.run import Run

Array = NDArray[Any]
T = TypeVar("T")
Example = tuple[Any, Any]
Gradients = tuple[list[Array], list[Array]]
OutputDelta = Callable[[Array, Array, Array], Array]
Update = Callable[[list[Example]], None]


def sigmoid(z: ArrayLike) -> Any:
    """1 / (1 + exp(-z)), element by element and without overflow (the book's equation 3)."""
    return np.exp(-np.logaddexp(0.0, np.negative(z)))


def sigmoid_prime(z: ArrayLike) -> Any:
    """The slope of the sigmoid at z."""
    return sigmoid(z) * sigmoid(np.negative(z))


def vectorized_result(j: int) -> Array:
    """A column of shape (10, 1) with 1.0 in row j and zeros elsewhere: the target of digit j."""
    column = np.zeros((10, 1))
    column[j] = 1.0
    return column


class Parameters(list[Array]):
    """A list of live views of the core's memory: what is assigned to an item is copied into it."""

    @overload
    def __setitem__(self, key: SupportsIndex, value: ArrayLike) -> None: ...
    @overload
    def __setitem__(self, key: slice, value: Iterable[ArrayLike]) -> None: ...
    def __setitem__(self, key: Any, value: Any) -> None:
        views = self[key] if isinstance(key, slice) else [self[key]]
        arrays = [np.array(array) for array in (value if isinstance(key, slice) else [value])]
        shapes, found = [view.shape for view in views], [array.shape for array in arrays]
        if found != shapes:
            raise ValueError(f"expected arrays of shapes {shapes}, found {found}")
        for view, array in zip(views, arrays, strict=True):
            view[...] = array


class Examples(list[Example]):
    """The book's list of tuples (x, y), which remembers the arrays it was packed into.

    `SGD` hands the same object to `evaluate`, `accuracy` and `total_cost` after every epoch, so
    that they do not pack it again.
    """

    def __init__(self, data: Iterable[Example]) -> None:
        super().__init__(data)
        if not self:
            raise ValueError("the data set is empty: expected at least one tuple (x, y)")
        self._packed: dict[Any, Any] = {}

    @classmethod
    def of(cls, data: Iterable[Example]) -> Examples:
        return data if isinstance(data, cls) else cls(data)

    def rows(self, core: _core.Network) -> Array:
        """The inputs as (n, sizes[0]), from columns (sizes[0], 1)."""
        return self._once(
            ("rows", core), lambda: _rows([x for x, _ in self], core.sizes[0], core.dtype, "x")
        )

    def targets(self, core: _core.Network) -> Array:
        """The desired outputs as (n, sizes[-1]), from columns (sizes[-1], 1)."""
        return self._once(
            ("targets", core), lambda: _rows([y for _, y in self], core.sizes[-1], core.dtype, "y")
        )

    def labels(self) -> Array:
        """The desired outputs as (n,) class numbers."""
        return self._once("labels", lambda: _labels([y for _, y in self]))

    def class_numbers(self, core: _core.Network, with_labels: bool) -> Array | None:
        """The place (n,) of each example's class among the outputs; None where some have none."""

        def find() -> Array | None:
            size = core.sizes[-1]
            if with_labels:
                numbers = self.labels()
                known = numbers.dtype.kind in "iu" and np.all((numbers >= 0) & (numbers < size))
            else:
                targets = self.targets(core)
                numbers = targets.argmax(axis=1)
                known = np.all(targets == np.eye(size)[numbers])
            # The core takes a single output for two classes; here it is the strongest of one.
            return numbers if known and size > 1 else None

        return self._once(("classes", core, with_labels), find)

    def dataset(self, core: _core.Network, with_labels: bool = False) -> _core.Dataset:
        """The examples as the core reads them; `with_labels` where y is a class number.

        Columns that are all 0 but for a single 1 become class numbers, which train to the same bits
        and of which the core counts the right ones while it measures the cost.
        """

        def pack() -> _core.Dataset:
            y = self.class_numbers(core, with_labels)
            if y is None:
                y = self.labels() if with_labels else self.targets(core)
            return _core.Dataset(core, self.rows(core), y)

        return self._once(("dataset", core, with_labels), pack)

    def unpack(self) -> None:
        """Forgets the arrays: the tuples have changed."""
        self._packed.clear()

    def _once(self, key: Any, pack: Callable[[], T]) -> T:
        if key not in self._packed:
            self._packed[key] = pack()
        return cast(T, self._packed[key])


def _labels(labels: list[Any]) -> Array:
    for label in labels:
        if np.ndim(label) != 0:
            raise ValueError(f"expected y to be a class number, found shape {np.shape(label)}")
    return np.array(labels)


def _rows(columns: list[Any], size: int, dtype: Any, name: str) -> Array:
    legal = {(size, 1), (), (1,)} if size == 1 else {(size, 1)}
    for shape in {np.shape(column) for column in columns}:
        if shape not in legal:
            raise ValueError(f"expected {name} of shape {(size, 1)}, found {shape}")
    if size == 1:
        columns = [np.reshape(column, (1, 1)) for column in columns]
    return np.concatenate(columns, dtype=dtype).reshape(len(columns), size)


class ColumnNetwork:
    """A network of sigmoid neurons with the book's attributes, whose parameters the core owns."""

    dtype: ClassVar[str] = "float64"
    """What networks made from now on compute in: "float64", as the book does, or "float32"."""

    _net: Network
    _weights: Parameters
    _biases: Parameters

    def __init__(self, sizes: Sequence[int], core_cost: str) -> None:
        self.num_layers = len(sizes)
        self.sizes = sizes
        self._build(core_cost, self.dtype)

    def _build(self, core_cost: str, dtype: Any) -> None:
        sizes = [int(size) for size in self.sizes]
        self._net = Network(sizes, cost=core_cost, initializer="zeros", dtype=dtype)
        self._weights = Parameters(_core.weight_views(self._net))
        self._biases = Parameters(view.reshape(-1, 1) for view in _core.bias_views(self._net))

    @property
    def weights(self) -> list[Array]:
        """Live writable views, one (out, in) array for each layer but the first.

        Training changes them in place: copy what you want to keep.
        """
        return self._weights

    @weights.setter
    def weights(self, values: Iterable[ArrayLike]) -> None:
        self._weights[:] = values

    @property
    def biases(self) -> list[Array]:
        """Live writable views, one (n, 1) column for each layer but the first."""
        return self._biases

    @biases.setter
    def biases(self, values: Iterable[ArrayLike]) -> None:
        self._biases[:] = values

    def __getstate__(self) -> dict[str, Any]:
        live = ("_net", "_weights", "_biases")
        state = {name: value for name, value in vars(self).items() if name not in live}
        return state | {
            "core": (self._net.cost, self._net.dtype.name),
            "parameters": [[np.array(a) for a in p] for p in (self._weights, self._biases)],
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        core, (weights, biases) = state.pop("core"), state.pop("parameters")
        vars(self).update(state)
        self._build(*core)
        self.weights, self.biases = weights, biases

    def _draw(self, scaled: bool) -> None:
        """Draws N(0, 1) parameters from NumPy's global generator, biases first as the book does.

        A script's `np.random.seed` gives the numbers it always gave.
        """
        randn = np.random.randn
        self.biases = [randn(y, 1) for y in self.sizes[1:]]
        self.weights = [
            randn(y, x) / (np.sqrt(x) if scaled else 1.0)
            for x, y in zip(self.sizes[:-1], self.sizes[1:], strict=True)
        ]

    def feedforward(self, a: Array) -> Array:
        """The output column (sizes[-1], 1) for the input column `a`, (sizes[0], 1).

        Several columns side by side, (sizes[0], n), give (sizes[-1], n).
        """
        a = np.asarray(a)
        if a.ndim != 2 or a.shape[0] != self.sizes[0]:
            raise ValueError(f"expected a of shape {(self.sizes[0], 1)}, found {a.shape}")
        return np.transpose(self._net.feedforward(a.T))

    def backprop(self, x: Array, y: Array) -> Gradients:
        raise NotImplementedError

    def _replaced(self, face: type[ColumnNetwork], *names: str) -> bool:
        """Whether a subclass or the caller replaced a method of `face`'s by one of their own.

        The core cannot call it, so what depends on it works as in the book, example by example.
        """
        return any(
            getattr(getattr(self, name), "__func__", None) is not getattr(face, name)
            for name in names
        )

    def _outputs(self, data: Examples) -> Array:
        """The outputs for every example, (n, sizes[-1])."""
        if self._replaced(ColumnNetwork, "feedforward"):
            return np.transpose(np.hstack([self.feedforward(x) for x, _ in data]))
        return self._net.feedforward(data.rows(self._net))

    def _core_counts(self, data: Examples, labels: bool) -> bool:
        """Whether the core can tell which of the examples are classified rightly."""
        if self._replaced(ColumnNetwork, "feedforward"):
            return False
        return data.class_numbers(self._net, labels) is not None

    def _evaluated(self, data: Examples, labels: bool) -> tuple[float, int]:
        """The mean cost, and how many are classified rightly, in one pass through the core."""
        cost, share = _core.evaluate(self._net, data.dataset(self._net, with_labels=labels))
        assert share is not None
        return cost, round(share * len(data))

    def _train(
        self,
        data: Examples,
        training_data: Iterable[Example],
        epochs: int,
        mini_batch_size: int,
        eta: float,
        lmbda: float,
        update: Update | None,
        after_epoch: Callable[[int], bool],
    ) -> None:
        """Trains, and calls `after_epoch` with each epoch's number until it returns True.

        An epoch is one call into the core, or `update` on every mini-batch where it is given.
        `training_data`, where it is a list, is left in the order of the last epoch, as the book
        leaves it: a second SGD begins there, and so takes the same mini-batches.
        """
        epochs = integer("epochs", epochs, low=0)
        mini_batch_size = integer("mini_batch_size", mini_batch_size, low=1)
        eta, lmbda = real("eta", eta), real("lmbda", lmbda)
        net = self._net
        run = Run(net, range(net.epoch, net.epoch + epochs), ("cost", "learning_rate", "seconds"))
        if update is not None:
            task: BookTask = UpdateTask(run, data, eta, after_epoch, update, mini_batch_size)
        else:
            trainer = _core.Trainer(net, batch_size=mini_batch_size, l2=lmbda)
            task = CoreTask(run, data, eta, after_epoch, trainer)
        try:
            TrainingLoop(task).train()
        finally:
            if isinstance(training_data, list) and len(training_data) == len(data):
                training_data[:] = [data[i] for i in task.order]
                if isinstance(training_data, Examples):
                    training_data.unpack()

    def _core_step(self, mini_batch: Iterable[Example], eta: float, lmbda: float, n: int) -> None:
        data = Examples.of(mini_batch)
        trainer = _core.Trainer(self._net, batch_size=len(data), l2=lmbda)
        trainer.step_data(data.dataset(self._net), learning_rate=eta, penalty_rows=n)

    def _book_step(self, mini_batch: Iterable[Example], eta: float, lmbda: float, n: int) -> None:
        """One mini-batch through `backprop`: w -> (1 - eta lmbda / n) w - eta / m sum nabla_w."""
        data = Examples.of(mini_batch)
        total_b = [np.zeros(b.shape) for b in self.biases]
        total_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in data:
            for total, nablas in zip((total_b, total_w), self.backprop(x, y), strict=True):
                for layer, nabla in enumerate(nablas):
                    total[layer] += nabla
        for b, nabla in zip(self.biases, total_b, strict=True):
            b -= eta / len(data) * nabla
        for w, nabla in zip(self.weights, total_w, strict=True):
            w *= 1.0 - eta * (lmbda / n)
            w -= eta / len(data) * nabla

    def _core_gradients(self, x: Array, y: Array) -> Gradients:
        net = self._net
        row = _rows([x], net.sizes[0], net.dtype, "x")
        target = _rows([y], net.sizes[-1], net.dtype, "y")
        _, nabla_w, nabla_b = _core.gradients(net, _core.Dataset(net, row, target))
        return [nabla.reshape(-1, 1) for nabla in nabla_b], nabla_w

    def _book_gradients(self, x: Array, y: Array, output_delta: OutputDelta) -> Gradients:
        """Backpropagation (the book's equations BP1 to BP4) with `output_delta(z, a, y)`."""
        zs: list[Array] = []
        activations = [x]
        for b, w in zip(self.biases, self.weights, strict=True):
            zs.append(w @ activations[-1] + b)
            activations.append(cast(Array, sigmoid(zs[-1])))
        deltas = [output_delta(zs[-1], activations[-1], y)]
        for w, z in zip(self.weights[:0:-1], zs[-2::-1], strict=True):
            deltas.insert(0, (w.T @ deltas[0]) * sigmoid_prime(z))
        return deltas, [delta @ a.T for delta, a in zip(deltas, activations[:-1], strict=True)]


class BookTask(TrainingTask):
    """The book's SGD: rows in the order of `random`, and a report after every epoch."""

    def __init__(
        self, run: Run, data: Examples, eta: float, after_epoch: Callable[[int], bool]
    ) -> None:
        super().__init__(run)
        self.data, self.eta, self.after_epoch = data, eta, after_epoch
        self.order = list(range(len(data)))

    def learning_rate(self) -> float:
        return self.eta

    def should_stop(self) -> bool:
        return self.after_epoch(self.run.epoch - self.run.epochs.start)

    def can_resume_here(self) -> bool:
        """Ctrl-C acts at once, as in the book's program: its SGD always starts anew."""
        return True

    def shuffle(self) -> None:
        """The book shuffles the data themselves; a list of their indices takes the same order."""
        random.shuffle(self.order)


class CoreTask(BookTask):
    """Each epoch is one call into the core."""

    def __init__(
        self,
        run: Run,
        data: Examples,
        eta: float,
        after_epoch: Callable[[int], bool],
        trainer: _core.Trainer,
    ) -> None:
        super().__init__(run, data, eta, after_epoch)
        self.trainer, self.dataset = trainer, data.dataset(run.net)
        if fault := out_of_reach(run.net, data.targets(run.net)):
            warn(fault)

    def train_epoch(self) -> float:
        self.shuffle()
        return self.epoch_in_core(self.trainer, self.dataset, np.array(self.order))


class UpdateTask(BookTask):
    """Each mini-batch goes through a method of the caller's own, which has no cost to tell."""

    def __init__(
        self,
        run: Run,
        data: Examples,
        eta: float,
        after_epoch: Callable[[int], bool],
        update: Update,
        mini_batch_size: int,
    ) -> None:
        super().__init__(run, data, eta, after_epoch)
        self.update, self.mini_batch_size = update, mini_batch_size

    def train_epoch(self) -> float:
        self.shuffle()
        for k in range(0, len(self.order), self.mini_batch_size):
            self.update([self.data[i] for i in self.order[k : k + self.mini_batch_size]])
        self.run.net.epoch += 1
        return math.nan
