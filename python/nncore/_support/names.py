"""Names given by the user, checked against those there are."""

from __future__ import annotations

from collections.abc import Iterable

_ELSEWHERE = {
    "activation": {
        "swish": "'silu'",
        "logistic": "'sigmoid'",
        "identity": "'linear'",
        "none": "'linear'",
        "rectifier": "'relu'",
        "leakyrelu": "'leaky_relu'",
        "lrelu": "'leaky_relu'",
        "exp": "'exponential'",
        "heaviside": "'step'",
        "log_softmax": "'softmax' with cost 'log_likelihood'",
        "prelu": "'leaky_relu'",
    },
    "cost": {
        "mse": "'quadratic', half of it",
        "mean_squared_error": "'quadratic', half of it",
        "squared_error": "'quadratic'",
        "l2": "'quadratic'",
        "mae": "'mean_absolute'",
        "l1": "'mean_absolute'",
        "mean_absolute_error": "'mean_absolute'",
        "absolute_error": "'mean_absolute'",
        "smooth_l1": "'huber'",
        "bce": "'cross_entropy' (sigmoid outputs)",
        "binary_crossentropy": "'cross_entropy' (sigmoid outputs)",
        "binary_cross_entropy": "'cross_entropy' (sigmoid outputs)",
        "categorical_crossentropy": "'log_likelihood' (softmax outputs)",
        "categorical_cross_entropy": "'log_likelihood' (softmax outputs)",
        "sparse_categorical_crossentropy": "'log_likelihood' (softmax outputs)",
        "crossentropy": "'cross_entropy' (sigmoid outputs) or 'log_likelihood' (softmax outputs)",
        "log_loss": "'cross_entropy' (sigmoid outputs) or 'log_likelihood' (softmax outputs)",
        "nll": "'log_likelihood' (softmax outputs)",
        "nll_loss": "'log_likelihood' (softmax outputs)",
        "quantile": "'pinball'",
        "gaussian_nll": "'gaussian'",
    },
    "initializer": {
        "xavier": "'glorot_uniform' or 'glorot_normal'",
        "xavier_uniform": "'glorot_uniform'",
        "xavier_normal": "'glorot_normal'",
        "glorot": "'glorot_uniform' or 'glorot_normal'",
        "kaiming": "'he_uniform' or 'he_normal'",
        "kaiming_uniform": "'he_uniform'",
        "kaiming_normal": "'he_normal'",
        "he": "'he_uniform' or 'he_normal'",
        "lecun_normal": "'scaled', the same for the weights",
    },
    "metric": {
        "acc": "'accuracy'",
        "rmse": "'mse', its square",
        "loss": "'cost', which is always measured",
        "mean_squared_error": "'mse'",
        "mean_absolute_error": "'mae'",
        "f1_score": "'f1'",
        "roc_auc": "'auc'",
    },
    "optimizer": {"adamax": "'adam'", "nadam": "'adam'", "nag": "'nesterov'"},
}
"""What others call a thing, and what to take here, by kind."""


def check_name(kind: str, name: object, legal: Iterable[str]) -> str:
    """Returns `name` where it is one of `legal`; otherwise the error names the nearest.

    Raises:
        TypeError: `name` is not a string.
        ValueError: `name` is not among `legal`.

    >>> check_name("activation", "rlu", ["relu", "tanh"])
    Traceback (most recent call last):
        ...
    ValueError: unknown activation 'rlu'; did you mean 'relu'? expected one of 'relu', 'tanh'
    """
    legal = list(legal)
    expected = "expected one of " + ", ".join(map(repr, legal))
    if not isinstance(name, str):
        raise TypeError(f"{kind} must be a name, got {name!r}; {expected}")
    if name in legal:
        return name
    from difflib import get_close_matches

    known = _ELSEWHERE.get(kind, {}).get(name.lower().replace("-", "_").replace(" ", "_"))
    near = get_close_matches(name.lower(), legal, n=1)
    hint = f"take {known}; " if known else f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"unknown {kind} {name!r}; {hint}{expected}")


def check_cost_and_output(cost: str, output: str) -> None:
    """Raises ValueError where a cost and an output activation are mixed up by their names.

    Elsewhere both of these costs are called cross-entropy. The core checks all other pairs.
    """
    if (cost, output) == ("cross_entropy", "softmax"):
        raise ValueError(
            "the cost 'cross_entropy' is the binary one, for sigmoid outputs; that of softmax "
            "outputs, which others call (categorical) cross-entropy, is cost='log_likelihood' here"
        )
    if (cost, output) == ("log_likelihood", "sigmoid"):
        raise ValueError(
            "the cost 'log_likelihood' is that of softmax outputs; for sigmoid outputs take "
            "cost='cross_entropy', for one class a row output_activation='softmax'"
        )
