"""What of a network's outputs and cost other programs' models can hold."""

from __future__ import annotations

import warnings

from nncore.network import Network


def check_outputs(net: Network) -> None:
    """To be called before a network is written for a program that knows neither our costs.

    Raises:
        ValueError: its outputs are put in order, which the model would not do.

    Warns of a cost of one's own, which stays behind.
    """
    if net.cost_hyperparameters.get("non_crossing"):
        raise ValueError(
            "the network puts its quantiles in order (non_crossing=True), which the exported model "
            "would not do; train with non_crossing=False and sort the model's outputs"
        )
    if net.cost == "custom":
        warnings.warn(
            "the model keeps the outputs, but not the cost of your own: hand that in again where "
            "the model is trained or measured",
            UserWarning,
            stacklevel=3,
        )
