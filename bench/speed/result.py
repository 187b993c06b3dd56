"""The measurements of one peer."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median, quantiles
from typing import Any


@dataclass
class Result:
    """A peer on a workload at a number of threads."""

    workload: str
    peer: str
    threads: int
    first: float
    """Seconds of the set-up (conversion, compilation) and the first run together."""
    note: str
    fraction: float
    scale: float
    """What a measured time is multiplied by for the whole epoch."""
    flops: float
    """Of the whole epoch, without the zeros of the inputs."""
    dense_flops: float
    peak: float
    """FLOP/s of this machine with so many threads."""
    times: list[float] = field(default_factory=list)
    """Seconds of the whole epoch, one for each round."""
    cost: float | None = None
    accuracy: float | None = None

    @property
    def seconds(self) -> float:
        return median(self.times)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, relative to the median."""
        if len(self.times) < 2:
            return 0.0
        low, _, high = quantiles(self.times, n=4, method="inclusive")
        return (high - low) / 2 / self.seconds

    @property
    def share(self) -> float:
        """The share of the FMA peak, counting only operations on non-zeros."""
        return self.flops / self.seconds / self.peak

    @property
    def beyond(self) -> float:
        """How many times faster it is than a dense computation at the FMA peak."""
        return self.dense_flops / self.seconds / self.peak

    def as_json(self) -> dict[str, Any]:
        derived = ("seconds", "spread", "share", "beyond")
        return asdict(self) | {name: getattr(self, name) for name in derived}
