"""What `Network.fit` trains on several ranks: rank 0 measures and calls callbacks for all."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from nncore import _core
from nncore._model import Model
from nncore.distributed.worlds import Split, World
from nncore.errors import DivergenceError
from nncore.metrics import Metric
from nncore.training.loop import EpochStopped
from nncore.training.measured import MeasuredData
from nncore.training.samples import ClassWeight, Samples
from nncore.training.settings import Settings
from nncore.training.task import FitTask


class Ranks:
    """One call of `fit`, as all ranks make it."""

    def __init__(self, given: World | Split) -> None:
        if not isinstance(given, (World, Split)):
            raise TypeError(
                f"world must be of nncore.distributed.world() or its split(), got {given!r}"
            )
        self.split = given if isinstance(given, Split) else None
        self.world = given.world if isinstance(given, Split) else given
        self.world.check_entered()

    @property
    def is_first(self) -> bool:
        return self.world.rank == 0

    def training_data(
        self, net: Model, samples: Samples, class_weight: ClassWeight, measures: dict[str, Metric]
    ) -> MeasuredData:
        """The rows of this rank, whose metrics are measured where rank 0 has all of them."""
        samples.check_lengths()
        if self.split is not None:
            if isinstance(class_weight, str):
                raise ValueError(
                    f"class_weight is {class_weight!r}, but no rank has the labels of all rows; "
                    "expected a dict of weights"
                )
            self.split.check_rows(samples.x.shape[0])
            measures = {}
        self._samples = samples
        weight = samples.weighted(class_weight, net.sizes[-1]).weight
        data = _core.Dataset(
            net, samples.x, samples.y, weight, samples.columns, self._without_zeros()
        )
        return MeasuredData(net, samples, measures, data)

    def _without_zeros(self) -> bool | None:
        """Whether rows are stored without zeros: a question of all, and None leaves it to them."""
        if self.split is None or not isinstance(x := self._samples.x, np.ndarray):
            return None if self.split is None else False
        everyone = self.world.of_all((int(np.count_nonzero(x)), x.size))
        nonzeros, numbers = (sum(column) for column in zip(*everyone, strict=True))
        return _core.pays_without_zeros(nonzeros, numbers)

    def check(self, given: Settings) -> None:
        """Raises ValueError, on all ranks, where they were not called for the same training.

        Without a split every rank must have the same rows; of these a part is looked at.
        """
        epoch = {name: value for name, value in given.of_epoch.items() if name != "n_threads"}
        same: dict[str, Any] = {
            "arguments of fit": repr(
                (given.epochs, given.batch_size, given.layer_factors, given.of_trainer, epoch)
            )
        }
        x, y, weight, _ = self._samples
        same["columns of x"] = x.shape[1:]
        if self.split is None:
            same["numbers of rows"] = x.shape[0]
            same["targets"] = zlib.crc32(np.ascontiguousarray(y).tobytes())
            if isinstance(x, np.ndarray):
                some = np.unique(np.linspace(0, x.shape[0] - 1, 64).astype(np.int64))
                same["rows"] = zlib.crc32(np.ascontiguousarray(x[some]).tobytes())
            total = None if weight is None else float(np.sum(weight, dtype=np.float64))
            same["sample weights"] = total
        else:
            same["sample weights"] = weight is not None
            same["splits"] = self.split.total, self.split.batch_size, self.split.lanes
            if given.batch_size != self.split.batch_size and not (
                given.batch_size > self.split.total == self.split.batch_size
            ):
                raise ValueError(
                    f"batch_size is {given.batch_size}; world.split was told "
                    f"{self.split.batch_size}"
                )
        everyone = self.world.of_all(same)
        for rank, theirs in enumerate(everyone):
            for what, value in everyone[0].items():
                if theirs[what] == value:
                    continue
                message = f"the {what} of rank {rank} are not those of rank 0"
                if what in ("rows", "numbers of rows", "targets"):
                    message += "; where each rank has rows of its own, give fit world.split(...)"
                raise ValueError(message)

    def rows(self, here: int) -> int:
        """How many an epoch has."""
        return here if self.split is None else self.split.total

    def task(self, *arguments: Any) -> FitTask:
        return _RankTask(self, *arguments)

    def end(self, net: Model) -> None:
        """Gives every rank what rank 0's callbacks have made of the network in the end."""
        self.copy_first(net)

    def copy_first(self, net: Model) -> None:
        """Gives every rank the parameters of rank 0, which its callbacks may have changed."""
        parameters = [*net.weights, *net.biases]
        together = np.concatenate([parameter.ravel() for parameter in parameters])
        self.world.copy_first(together)
        if self.is_first:
            return
        for parameter in parameters:
            values, together = np.split(together, [parameter.size])
            parameter[...] = values.reshape(parameter.shape)


class _RankTask(FitTask):
    """A `FitTask` whose epochs all ranks train together."""

    def __init__(self, ranks: Ranks, *arguments: Any) -> None:
        self.ranks, self.world, self.split = ranks, ranks.world, ranks.split
        super().__init__(*arguments)
        self._stop = _core.StopFlag()
        self.options = {**self.options, "stop": self._stop}

    def rows(self) -> int:
        return self.ranks.rows(super().rows())

    def can_resume_here(self) -> bool:
        # Asked as Ctrl-C comes. It may not be raised here, where ranks send to each other: all end
        # the epoch behind the same mini-batch, and then agree on who was interrupted.
        if self._in_core:
            self._stop.set()
        return False

    def deliver(self, deliver_sigint: Callable[[], None]) -> None:
        error: BaseException | None = None
        try:
            deliver_sigint()
        except KeyboardInterrupt as interrupt:
            error = interrupt
        self.world.agree(error)
        self.run.stopped = self.world.from_first(self.run.stopped)

    def agreed(self, answer: bool) -> bool:
        return bool(self.world.from_first(answer))

    def train_epoch(self) -> float:
        self.ranks.copy_first(self.run.net)
        cost, error = 0.0, None
        try:
            cost = self._train_epoch()
        except (DivergenceError, EpochStopped):  # which all ranks raise
            self.world.agree(KeyboardInterrupt() if self._stop.is_set() else None)
            raise
        except BaseException as other:
            error = other
        self.world.agree(error)
        return cost

    def _train_epoch(self) -> float:
        assert isinstance(self.training, MeasuredData)
        options = {**self.options, "collective": self.world}
        options["n_threads"] = options["n_threads"] or self.world.threads()
        if self.split is None:
            return self.epoch_in_core(self.trainer, self.training.data, **options)
        shuffle = bool(options.pop("shuffle"))
        order = self.split.order(self.run.net.seed, self.run.epoch, shuffle)
        part = (0, self.split.total, 3 + shuffle)
        return self.epoch_of_parts(self.trainer, [(self.training.data, order, part)], **options)

    def measure(self) -> dict[str, Any]:
        run = self.run
        logs = None
        if self.ranks.is_first:
            logs = super().measure(), run.learning_rate
        measured, run.learning_rate = self.world.from_first(logs)
        return dict(measured)

    def report(self) -> None:
        if self.ranks.is_first:
            super().report()
