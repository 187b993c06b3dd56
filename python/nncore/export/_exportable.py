"""What can be exported: networks, and the estimators that hold one."""

from __future__ import annotations

from typing import Any, Protocol

from nncore.network import Network


class Estimator(Protocol):
    """A fitted `MLPClassifier` or `MLPRegressor` of `nncore.sklearn`."""

    @property
    def network_(self) -> Network: ...


Exportable = Network | Estimator
"""What every `to_*` takes."""


def network_of(model: Exportable) -> Network:
    """The network itself, or that of a fitted estimator.

    Raises:
        TypeError: it is something else.
        NotFittedError: the estimator is not fitted.
    """
    if isinstance(model, Network):
        return model
    kind = type(model)
    if not hasattr(kind, "network_"):
        raise TypeError(
            "expected a nncore.Network or a fitted estimator of nncore.sklearn's, got a "
            f"{kind.__name__}{_advice(model)}"
        )
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model)
    return model.network_


def _advice(model: Any) -> str:
    """What to do with other models of scikit-learn's."""
    if hasattr(model, "steps"):
        return (
            "; export its last step, whose inputs are those that the other steps have transformed, "
            "or convert it as a whole with skl2onnx"
        )
    if hasattr(model, "coefs_"):
        return "; nncore.export.from_sklearn makes a network of it"
    return ""
