"""Types of the compiled module: the C++ core as Python sees it.

Everything here checks its arguments, releases the GIL and makes one call into the core.
The public face is `nncore.Network` (a subclass of the one below) and the modules around it.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

__version__: str

ACTIVATIONS: tuple[str, ...]
COSTS: tuple[str, ...]
COST_HYPERPARAMETERS: dict[str, dict[str, float]]
"""Costs, each with its numbers and their defaults; see nncore.costs."""
INITIALIZERS: tuple[str, ...]
OPTIMIZERS: dict[str, dict[str, float]]
"""Optimiser names, each with its hyperparameters and their defaults."""
SCHEDULES: dict[str, dict[str, float]]
"""The same of learning-rate schedules; a 0 that is out of range stands for no default."""

TARGET_ROUNDING: float
"""How far beyond the ends of output_range a scaler's rounding may leave targets."""

class DivergenceError(ArithmeticError):
    epoch: int

class BusyError(RuntimeError): ...
class DataError(ValueError): ...
class ModelFileError(ValueError): ...

def build_info() -> dict[str, Any]:
    """Version, compiler, build type, OpenMP, threads and instruction set of the core."""

def set_num_threads(n: int, /) -> None: ...
def get_num_threads() -> int: ...
def output_activations(cost: str, /) -> tuple[str, ...]:
    """The output activations that `cost` may be paired with."""

def output_range(activation: str, /) -> tuple[float, float]:
    """The lowest and the highest value of an activation; infinity where there is none."""

def is_trainable(activation: str, /) -> bool: ...
def default_initializer(activation: str, /) -> str:
    """What the weights into an activation should start from: he_normal or glorot_uniform."""

def learning_rate(schedule: str, hyperparameters: Mapping[str, float], epoch: int, /) -> float:
    """The rate of an epoch, counted from 0."""

def replace_file(path: str | os.PathLike[str], content: bytes | memoryview, /) -> None:
    """Makes `content` the file at `path`, whole or not at all. Raises OSError."""

def check_replaceable(path: str | os.PathLike[str], size: int, /) -> None:
    """Raises the OSError in which writing `size` bytes there would end now; changes nothing."""

def write_tensors(
    path: str | os.PathLike[str], metadata: Mapping[str, str], tensors: Mapping[str, NDArray[Any]]
) -> None:
    """A safetensors file, written whole or not at all."""

def read_tensors(
    path: str | os.PathLike[str],
) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """Metadata and arrays of a safetensors file. Raises ModelFileError."""

MAX_IDX_HEADER: int
"""The longest header that an IDX file may have, in bytes."""

def idx_header(start: bytes, label: str, /) -> tuple[str, tuple[int, ...], int, int, str]:
    """What the first MAX_IDX_HEADER bytes of an IDX file (or all there are) say of the rest.

    The dtype's name, the shape, the bytes of the header and of the data, and all that in words.
    Raises DataError, which calls the file `label`.
    """

MAX_LANES: int

def pays_without_zeros(nonzeros: int, numbers: int, /) -> bool:
    """Whether so many numbers, of which so many are not zero, are stored without zeros."""

def rows_of_lane(rows: int, lanes: int, i: int, /) -> tuple[int, int]:
    """The rows of a mini-batch that lane i takes: from the first to before the second."""

def augment(
    x: Any,
    inputs: int,
    numbers: Mapping[str, float],
    *,
    in_double: bool,
    seed: int,
    epoch: int,
    first_row: int,
) -> NDArray[Any]:
    """Rows (n, inputs), each distorted as in that epoch; see nncore.augment."""

def permutation(n: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """The order in which an epoch visits n rows: a Fisher-Yates shuffle keyed by (seed, epoch)."""

class Network:
    """Parameters and architecture. Rows of x may be dense (any real dtype and order) or CSR."""

    @overload
    def __init__(self, other: Network) -> None:
        """The same network, its parameters shared."""
    @overload
    def __init__(
        self,
        sizes: Sequence[int],
        activations: Sequence[str],
        cost: str = "quadratic",
        dtype: Literal["float32", "float64"] = "float32",
        seed: int = 0,
        cost_hyperparameters: Mapping[str, float] = ...,
        cost_list: Sequence[float] = ...,
    ) -> None: ...
    @property
    def sizes(self) -> tuple[int, ...]: ...
    @property
    def activations(self) -> tuple[str, ...]: ...
    @property
    def cost(self) -> str: ...
    @property
    def cost_hyperparameters(self) -> dict[str, float]: ...
    @property
    def cost_list(self) -> tuple[float, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def seed(self) -> int: ...
    @property
    def epoch(self) -> int:
        """Epochs trained so far: the key of the next shuffle."""
    @epoch.setter
    def epoch(self, value: int, /) -> None: ...
    def all_finite(self) -> bool:
        """Whether every weight and bias is finite."""

    def feedforward(self, x: ArrayLike | Dataset, /) -> NDArray[Any]: ...
    def predict(self, x: ArrayLike | Dataset, /) -> NDArray[np.int64]: ...
    def hidden_activations(self, x: ArrayLike | Dataset, /) -> list[NDArray[Any]]:
        """Every layer's activations for rows x, the output's last."""

# What `nncore.Network` and the modules around it are made of, and what users do not call.

def initialize(network: Network, initializers: Sequence[str], /) -> None:
    """Draws every layer's parameters anew from the seed; one name per layer."""

def weight_views(network: Network, /) -> list[NDArray[Any]]:
    """Live views of every layer's weights, (out, in)."""

def bias_views(network: Network, /) -> list[NDArray[Any]]:
    """Live views of every layer's biases, (out,)."""

def check_no_session_elsewhere(network: Network, /) -> None:
    """Raises BusyError while another thread trains the network (`Session`)."""

def set_cost_function(
    network: Network, cost: Callable[[NDArray[Any], NDArray[Any]], Any] | None, /
) -> None:
    """The cost of a network whose cost is "custom": callable(outputs, y) -> (costs, slopes)."""

def copy_parameters(network: Network, other: Network, tau: float, /) -> None:
    """network = (1 - tau) network + tau other."""

def evaluate(
    network: Network, data: Dataset, /, *, cost_epsilon: float = 0.0
) -> tuple[float, float | None]:
    """Mean cost over the rows and, for classes, the accuracy; cost_epsilon as in Trainer.epoch."""

def gradients(
    network: Network,
    data: Dataset,
    /,
    *,
    l2: float = 0.0,
    l1: float = 0.0,
    penalty_rows: int = 0,
    cost_epsilon: float = 0.0,
) -> tuple[float, list[NDArray[Any]], list[NDArray[Any]]]:
    """Mean cost with penalties, and its gradients with respect to weights and biases.

    l1 and l2 are divided by penalty_rows (0: by the sum of the sample weights, which is the number
    of rows where there are no weights).
    """

def input_gradient(network: Network, data: Dataset, /) -> NDArray[Any]:
    """Gradient of each row's cost with respect to that row, (n, sizes[0])."""

def save_model(
    network: Network,
    path: str | os.PathLike[str],
    /,
    metadata: Mapping[str, str] = ...,
    tensors: Mapping[str, NDArray[Any]] = ...,
) -> None:
    """Writes a model file, with the given metadata and tensors besides."""

def load_model(path: str | os.PathLike[str], /) -> tuple[Network, dict[str, str]]:
    """Reads a model file and all its metadata. Raises ModelFileError."""

class Dataset:
    """Rows, targets and weights, checked and converted once, read by many epochs.

    x is read without a copy where it is C-contiguous in the network's dtype. NaN and infinity
    are refused with the row and column of the first one.
    """

    def __init__(
        self,
        network: Network,
        x: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        columns: Sequence[Any] | None = None,
        without_zeros: bool | None = None,
    ) -> None:
        """`columns` are the names of x's columns, for messages, where x itself has none.

        Dense rows are stored without their zeros if `without_zeros` says so; None: where it pays.
        """
    def __len__(self) -> int: ...
    @property
    def has_classes(self) -> bool:
        """Whether an accuracy makes sense: labels, one-hot targets, or 0/1 for one output."""
    @property
    def weight_sum(self) -> float: ...

class Session:
    """`with Session(network):` nobody else trains it meanwhile, nor copies it half trained.

    Other threads may predict between epochs. Entering raises BusyError, and cannot be interrupted
    between taking the network and the first line inside.
    """

    def __init__(self, network: Network, /) -> None: ...
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...

class StopFlag:
    """Ends the epochs that were given it, behind a whole mini-batch; any thread may set it."""

    def set(self) -> None: ...
    def is_set(self) -> bool: ...

class Collective(Protocol):
    """Ranks that train together: how they send bytes to each other."""

    @property
    def rank(self) -> int: ...
    @property
    def ranks(self) -> int: ...
    def all_to_all(self, send: memoryview, receive: memoryview, /) -> None: ...
    def all_gather(self, send: memoryview, receive: memoryview, /) -> None: ...

class Trainer:
    """One optimiser's state and the scratch memory of a mini-batch; training is exclusive.

    The options that are one number (l2, clip_norm, ...) are those of number_options in train.hpp.
    """

    def __init__(
        self,
        network: Network,
        *,
        batch_size: int,
        optimizer: str = "sgd",
        hyperparameters: Mapping[str, float] = ...,
        dropout: Sequence[float] = (),
        lanes: int = 0,
        augmentation: Mapping[str, float] = ...,
        **numbers: float,
    ) -> None: ...
    def set_options(
        self,
        *,
        batch_size: int,
        optimizer: str = "sgd",
        hyperparameters: Mapping[str, float] = ...,
        dropout: Sequence[float] = (),
        lanes: int = 0,
        augmentation: Mapping[str, float] = ...,
        **numbers: float,
    ) -> None:
        """Other options from now on; the memory stays where the optimiser does."""
    def epoch(
        self,
        data: Dataset,
        order: NDArray[np.int64] | None = None,
        *,
        learning_rate: float,
        shuffle: bool = False,
        penalty_rows: int = 0,
        penalty_by_mini_batch: bool = False,
        cost_with_penalty: bool = False,
        cost_epsilon: float = 0.0,
        n_threads: int = 0,
        mini_batch_costs: NDArray[np.float64] | None = None,
        after_batches: Callable[[int, float, float], float | None] | None = None,
        batch_stride: int = 1,
        part: tuple[int, int, int] | None = None,
        stop: StopFlag | None = None,
        collective: Collective | None = None,
    ) -> float:
        """Trains one epoch, counts it, and returns its mean cost.

        Rows come in `order`, else shuffled by the network's seed and epoch, else as they lie.
        l1 and l2 are divided by penalty_rows (0: by the rows of the data), or by the sum of the
        mini-batch's sample weights, which is its rows where there are no weights. The cost is that
        of each mini-batch before its update, with cost_with_penalty the penalty included.
        mini_batch_costs, (mini-batches, 3), is filled with each one's cost summed over its rows,
        their summed weight, and the penalty (0 without cost_with_penalty).
        cost_epsilon above 0 tells the costs of outputs clipped to [epsilon, 1 - epsilon].
        after_batches(number, summed cost, weight) is called after every batch_stride-th mini-batch
        but the last, and returns the learning rate from there on, or None to stop the epoch; what
        it raises stops the epoch as Ctrl-C does.
        An epoch that was stopped goes on with the mini-batches that remain; see `position`.
        With part=(rows before it, rows of the epoch, a key of their order) the data are only a part
        of an epoch, and the last part counts it; see EpochPart in train.hpp.
        With a `collective` several ranks train together, as collective.hpp has it.
        `stop`, once it is set, ends the epoch as None from after_batches does.
        Raises DivergenceError (parameters are put back), BusyError, KeyboardInterrupt (parameters
        stand after a whole mini-batch; no epoch counted).
        """
    def step_data(
        self,
        data: Dataset,
        order: NDArray[np.int64] | None = None,
        *,
        learning_rate: float,
        batch: int = 0,
        penalty_rows: int = 0,
        n_threads: int = 0,
    ) -> float:
        """One update from those rows as one mini-batch; returns their mean cost before it.

        `batch` is its number in an epoch made of steps, a key of dropout. l1 and l2 are divided by
        penalty_rows (0: by the sum of the mini-batch's sample weights).
        """
    def step(
        self,
        x: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        learning_rate: float | Callable[[int], float] | None = None,
        mean_over_rows: bool = False,
    ) -> float:
        """One update from the rows as one mini-batch; returns their mean cost before it."""
    def step_gradient(
        self,
        x: ArrayLike,
        output_gradient: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        learning_rate: float | Callable[[int], float] | None = None,
    ) -> None:
        """One update from the derivatives of each row's cost with respect to its outputs."""
    def set_step_defaults(
        self, learning_rate: float | Callable[[int], float], penalty_rows: int, n_threads: int, /
    ) -> None:
        """What those two use where they are not told."""
    def set_rates(self, rates: Sequence[float], /) -> None:
        """Factors of the rate, for each layer of its weights and of its biases; empty for 1."""
    def restore(self, path: str | os.PathLike[str], /) -> None:
        """Takes over the state that a checkpoint of this network and optimiser holds."""
    @staticmethod
    def resume(network: Network, path: str | os.PathLike[str]) -> Trainer | None:
        """The checkpoint's trainer; None if the file is a model without one.

        Raises ModelFileError if it is damaged or of another network.
        """
    def save_checkpoint(
        self,
        path: str | os.PathLike[str],
        *,
        metadata: Mapping[str, str],
        tensors: Mapping[str, NDArray[Any]],
    ) -> None:
        """A model file with the trainer's state, and the given metadata and tensors besides."""
    @property
    def lanes(self) -> int: ...
    @property
    def optimizer(self) -> str: ...
    @property
    def hyperparameters(self) -> dict[str, float]: ...
    @property
    def augmentation(self) -> dict[str, float]:
        """Its numbers by name; empty where nothing is distorted."""
    @property
    def steps(self) -> int: ...
    @steps.setter
    def steps(self, value: int, /) -> None: ...
    @property
    def position(self) -> tuple[int, int, int, int, int, float, float] | None:
        """Where the network's current epoch was stopped; None if it was not begun.

        (epoch, rows, batch size, mini-batches done, the order's key, cost and weight summed).
        """
    @position.setter
    def position(self, value: tuple[int, int, int, int, int, float, float] | None, /) -> None: ...
    @property
    def slots(self) -> list[NDArray[Any]]:
        """Live flat views of the optimiser's memory: momentum, second moments."""
