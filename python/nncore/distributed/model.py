"""What to expect of more ranks, from a measured core and a measured link."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nncore import _core, optimizers
from nncore._model import Model
from nncore._support.checks import integer
from nncore.distributed.worlds import DEFAULT_LANES, Split, World
from nncore.training.samples import Samples

_ENOUGH = 0.7
"""From this efficiency on a rank more is said to pay."""


@dataclass(frozen=True)
class Core:
    """What one rank takes, in seconds."""

    row: float
    """A row, forward and back."""
    lane: float
    """A lane besides: its gradient is cleared, written and added."""
    update: float
    """A mini-batch besides: the optimiser's update, which every rank makes."""
    byte: float
    """A byte of the gradient that is copied or added on the way."""

    @classmethod
    def measured(
        cls,
        net: Model,
        x: Any,
        y: Any,
        *,
        batch_size: int,
        lanes: int,
        optimizer: str | optimizers.Optimizer = "sgd",
        n_threads: int | None = None,
    ) -> Core:
        """Measured for about half a second on a copy of the network, with rows of x and y."""
        rule = optimizers.resolve(optimizer)
        few = max(1, min(batch_size // lanes, len(y) // 2))
        sums = np.concatenate([p.ravel() for p in (*net.weights, *net.biases)])
        ones = np.ones_like(sums)

        def step_of(rows: int, cut: int) -> float:
            copy = deepcopy(net)
            trainer = _core.Trainer(
                copy,
                batch_size=rows,
                lanes=cut,
                optimizer=rule.name,
                hyperparameters=rule.hyperparameters(),
            )
            threads = n_threads or 0

            def epoch_of(steps: int) -> float:
                some = Samples.of(x, y).taken(slice(rows * steps))
                data = _core.Dataset(copy, some.x, some.y)
                return _fastest(
                    lambda: trainer.epoch(data, learning_rate=0.0, shuffle=True, n_threads=threads)
                )

            once = epoch_of(1)
            steps = max(1, min(len(y) // rows, int(0.05 / once)))
            return epoch_of(steps) / steps

        one, twice, two = step_of(few, 1), step_of(2 * few, 1), step_of(2 * few, 2)
        row = max(twice - one, one / 100) / few
        lane = max(two - twice, 0.0)
        adding = _fastest(lambda: np.add(sums, ones, out=sums))
        return cls(row, lane, max(one - row * few - lane, 0.0), adding / sums.nbytes)


@dataclass(frozen=True)
class Link:
    """What it takes to send bytes from one rank to another."""

    latency: float
    """Seconds a message, however short."""
    bandwidth: float
    """Bytes a second."""

    @classmethod
    def of(cls, gigabits: float, latency: float = 30e-6) -> Link:
        """A network of so many gigabits a second; 30 microseconds are usual for TCP on Ethernet,
        and 3 for networks made for MPI."""
        return cls(latency, gigabits * 1e9 / 8)

    @classmethod
    def measured(cls, world: World) -> Link:
        """Between the ranks of a world, which all call this; the slowest rank's."""
        if world.size == 1:
            raise ValueError("there is one rank, and so no link to measure; give one: Link.of(10)")
        short, long = (_gather_seconds(world, size) for size in (64, 1 << 20))
        latency = short / _rounds(world.size)
        rest = max(long - short, 1e-9)
        return cls(latency, (world.size - 1) * (1 << 20) / rest)

    def all_to_all(self, ranks: int, block: float) -> float:
        """Seconds to send a block from each rank to each, in the faster of two usual ways."""
        if ranks == 1:
            return 0.0
        pairwise = (ranks - 1) * (self.latency + block / self.bandwidth)
        doubling = _rounds(ranks) * (self.latency + ranks / 2 * block / self.bandwidth)
        return min(pairwise, doubling)

    def all_gather(self, ranks: int, block: float) -> float:
        """Seconds to send a block from each rank to all."""
        return _rounds(ranks) * self.latency + (ranks - 1) * block / self.bandwidth


@dataclass(frozen=True)
class Expectation:
    """What a step of training takes on how many ranks; printed, it is a table and an advice."""

    core: Core
    link: Link
    parameter_bytes: int
    batch_size: int
    lanes: int
    rows: int
    """Of an epoch."""

    def step(self, ranks: int) -> float:
        """Seconds a mini-batch."""
        most = -(-self.lanes // ranks)  # lanes of the rank that has most
        work = self.core.row * self.batch_size * most / self.lanes + self.core.lane * most
        return work + self.core.update + self.exchange(ranks)

    def exchange(self, ranks: int) -> float:
        """Seconds of that, of sending and adding what ranks have."""
        if ranks == 1:
            return 0.0
        nodes = 1 if self.lanes % ranks == 0 and (self.lanes // ranks).bit_count() == 1 else 2
        slice_bytes = self.parameter_bytes / ranks
        sent = self.link.all_to_all(ranks, nodes * slice_bytes + 64)
        copied = (2 + 2 * nodes) * self.parameter_bytes * self.core.byte
        return sent + self.link.all_gather(ranks, slice_bytes) + copied

    def speedup(self, ranks: int) -> float:
        """How many times as fast as one rank."""
        return self.step(1) / self.step(ranks)

    def efficiency(self, ranks: int) -> float:
        """The speed-up, divided by the ranks."""
        return self.speedup(ranks) / ranks

    def epoch(self, ranks: int) -> float:
        """Seconds an epoch, without what is measured behind it."""
        return self.step(ranks) * -(-self.rows // self.batch_size)

    def advice(self, ranks: int) -> str:
        """What to do in place of so many ranks; "" where they pay."""
        if ranks == 1 or self.efficiency(ranks) >= _ENOUGH:
            return ""
        gain = "are slower than one" if self.speedup(ranks) <= 1 else "gain little"
        said = (
            f"{ranks} ranks {gain}: a step is {_seconds(self.step(1))} of work, and exchanging its "
            f"gradients takes {_seconds(self.exchange(ranks))}."
        )
        if paying := [r for r in range(2, ranks) if self.efficiency(r) >= _ENOUGH]:
            said += f" Up to {paying[-1]} would pay."
        larger = self
        while larger.batch_size < self.rows and larger.efficiency(ranks) < _ENOUGH:
            larger = replace(larger, batch_size=2 * larger.batch_size)
        if larger.efficiency(ranks) >= _ENOUGH:
            said += f" Mini-batches of {larger.batch_size:,} rows would pay."
        return said + " Or train many networks at once, each on a core: nncore.fit_many."

    def __str__(self) -> str:
        return self.table(_table_ranks(self.lanes))

    def table(self, ranks: Iterable[int]) -> str:
        """A line for each number of ranks."""
        lines = [f"{'ranks':>5}  {'a step':>8}  {'exchange':>8}  {'an epoch':>8}  efficiency"]
        for r in ranks:
            lines.append(
                f"{r:>5}  {_seconds(self.step(r)):>8}  {_seconds(self.exchange(r)):>8}  "
                f"{_seconds(self.epoch(r)):>8}  {100 * self.efficiency(r):>8.0f} %"
            )
        return "\n".join(lines)


def expectation(
    net: Model,
    x: Any,
    y: Any,
    *,
    batch_size: int = 10,
    lanes: int = DEFAULT_LANES,
    optimizer: str | optimizers.Optimizer = "sgd",
    world: World | Split | None = None,
    link: Link | None = None,
    n_threads: int | None = None,
) -> Expectation:
    """What to expect of training so, measured for a second at most. Nothing is changed.

    Args:
        net, x, y, batch_size, lanes, optimizer, n_threads: as `Network.fit` takes them.
        world: all of its ranks call this, and measure the link between them.
        link: of ranks that are not there yet, in its place, as Link.of(10) for 10 Gbit Ethernet.

    Raises:
        ValueError: there is neither a link nor a world of several ranks.
    """
    batch_size = integer("batch_size", batch_size, low=1)
    lanes = integer("lanes", lanes, low=1, high=_core.MAX_LANES)
    ranks = world.world if isinstance(world, Split) else world
    if link is None:
        if ranks is None:
            raise ValueError("expectation needs a world, or a link such as Link.of(10)")
        link = Link.measured(ranks)
    rows = world.total if isinstance(world, Split) else len(np.asarray(y))
    batch_size = min(batch_size, rows)
    if ranks is not None:
        n_threads = n_threads or ranks.threads()
    core = Core.measured(
        net, x, y, batch_size=batch_size, lanes=lanes, optimizer=optimizer, n_threads=n_threads
    )
    if ranks is not None and ranks.size > 1:  # all wait for the slowest
        everyone = ranks.of_all(core)
        core = max(everyone, key=lambda each: each.row * batch_size + each.update)
    size = sum(p.nbytes for p in (*net.weights, *net.biases))
    return Expectation(core, link, size, batch_size, lanes, rows)


def _table_ranks(lanes: int) -> list[int]:
    return [2**i for i in range(int(math.log2(lanes)) + 1)]


def _rounds(ranks: int) -> int:
    return (ranks - 1).bit_length()


def _fastest(call: Callable[[], object], seconds: float = 0.1) -> float:
    call()
    best, end = math.inf, time.perf_counter() + seconds
    while best == math.inf or time.perf_counter() < end:
        begun = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begun)
    return best


def _gather_seconds(world: World, size: int) -> float:
    """An all-gather of so many bytes a rank: the median of some, the slowest rank's."""
    send, receive = bytearray(size), bytearray(size * world.size)
    times = []
    for _ in range(30):
        begun = time.perf_counter()
        world.all_gather(send, receive)
        times.append(time.perf_counter() - begun)
    return float(max(world.of_all(float(np.median(times[5:])))))


def _seconds(seconds: float) -> str:
    """`3.4 s`, `12.5 ms`, `870 us`."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"
