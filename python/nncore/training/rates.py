"""Which layers learn, and how fast: factors of the learning rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nncore import _core
from nncore._support.checks import integer, real


def layer_factors(
    net: _core.Network,
    frozen: Iterable[int] = (),
    layer_rates: Sequence[float] | None = None,
    bias_rate: float = 1.0,
) -> list[float]:
    """For each layer in turn the factors of its weights and of its biases; empty where all are 1.

    >>> import nncore
    >>> layer_factors(nncore.Network([2, 2, 1]), frozen=[0], bias_rate=2.0)
    [0.0, 0.0, 1.0, 2.0]
    """
    layers = len(net.sizes) - 1
    if layer_rates is None:
        rates = [1.0] * layers
    else:
        if isinstance(layer_rates, str) or not isinstance(layer_rates, Iterable):
            raise TypeError(f"layer_rates must be a list of numbers, got {layer_rates!r}")
        rates = [real("each of layer_rates", rate) for rate in layer_rates]
        if len(rates) != layers:
            raise ValueError(
                f"layer_rates has {len(rates)} factors; expected {layers}, one for each layer but "
                "the inputs"
            )
    if isinstance(frozen, str) or not isinstance(frozen, Iterable):
        raise TypeError(f"frozen must be a list of layers' numbers, got {frozen!r}")
    for layer in frozen:
        rates[integer("each of frozen", layer, low=-layers, high=layers - 1)] = 0.0
    of_biases = real("bias_rate", bias_rate)
    if not any(rates):
        raise ValueError("every layer is frozen; expected one at least that learns")
    if of_biases == 1.0 and all(rate == 1.0 for rate in rates):
        return []
    return [factor for rate in rates for factor in (rate, rate * of_biases)]
