"""`nncore.sklearn.MLPClassifier`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels

from nncore import costs
from nncore.network import Network
from nncore.sklearn._base import BaseMLP, Classes, is_stochastic
from nncore.sklearn._samples import Rows
from nncore.training.samples import named_validation_data


class MLPClassifier(ClassifierMixin, BaseMLP):  # type: ignore[misc]
    """scikit-learn's multi-layer perceptron classifier, trained by nncore.

    It takes two classes, several (softmax outputs), or several labels a row (multilabel). It
    minimises the log-loss plus alpha / (2 n) |w|^2, with n the mini-batch's rows.

    The parameters down to `max_fun` are scikit-learn's, and mean the same. Beyond these:

    Args:
        activation: may also be any of nncore's names, such as "gelu", or a list with a name for
            each hidden layer.
        class_weight: a dict from class to weight, or "balanced"; it weighs the training rows
            beside `sample_weight`, and no validation rows.
        label_smoothing: this part of each target is shared out among all classes, in training
            and in the losses shown (see `nncore.costs.LogLikelihood`).
        dropout: the probability that a hidden unit is dropped in a mini-batch, or a list with a
            rate for the inputs and for each hidden layer.
        scoring: what early stopping follows: None for `score`, "loss" for the validation loss,
            or one of scikit-learn's scorers, by name or as a callable.
        callbacks: of `nncore.callbacks`; `run.logs` has "cost", with validation rows
            "validation_cost", and with early stopping "validation_score".
        n_threads: the most threads that training uses; None for `nncore.set_num_threads`'s.

    Fitted attributes are scikit-learn's, and `validation_loss_curve_`, the loss without the
    penalty after every epoch on `eval_set` or on the rows held out for early stopping; None
    without these. `coefs_` and `intercepts_` are live views of the network's parameters.

    >>> from sklearn.datasets import make_moons
    >>> x, y = make_moons(200, noise=0.1, random_state=0)
    >>> model = MLPClassifier((16,), solver="lbfgs", alpha=0.1, random_state=0).fit(x, y)
    >>> bool(model.score(x, y) > 0.95)
    True
    """

    _extensions = (
        "class_weight", "label_smoothing", "dropout", "scoring", "callbacks", "n_threads",
    )  # fmt: skip

    loss = "log_loss"
    classes_: NDArray[Any]

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str | Sequence[str] = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        class_weight: Mapping[Any, float] | Sequence[Any] | Literal["balanced"] | None = None,
        label_smoothing: float = 0.0,
        dropout: float | Sequence[float] = 0.0,
        scoring: Any = None,
        callbacks: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self._store_parameters(locals())

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        eval_set: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> MLPClassifier:
        """Trains on X (n, n_features), dense or sparse, and y (n,) or indicators (n, n_labels).

        Args:
            sample_weight: (n,), how much each row counts.
            eval_set: (X, y) or (X, y, sample_weight) to measure after every epoch, and for early
                stopping to follow in place of rows held out of X.
            X_val, y_val, sample_weight_val: the same one by one, for metadata routing: a Pipeline
                with transform_input=["X_val"] transforms X_val as it does X.

        Raises:
            ValueError, TypeError: a parameter or the data are wrong, or training diverged.
        """
        validation = named_validation_data(eval_set, "eval_set", X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, validation, incremental=False)

    @available_if(is_stochastic)  # type: ignore[untyped-decorator]
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        classes: Any = None,
        add_classes: bool = False,
    ) -> MLPClassifier:
        """One epoch over these rows, going on from the last call.

        Args:
            classes: all that there will ever be; needed in the first call only.
            add_classes: whether y and `classes` may have new ones. Each gets an output that starts
                at zero; what the others compute stays as it is, before this epoch. The
                optimiser's memory then starts anew.
        """
        if add_classes:
            self._add_classes(y, classes)
        else:
            self._learn_classes(y, classes)
        return self._fit(X, y, sample_weight, None, incremental=True)

    def predict(self, X: Any) -> Any:
        """The class of each row (n,), or for several labels 0 or 1 for each (n, n_labels)."""
        return self._decode(self._outputs(X))

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Each class's probability, (n, n_classes), in the order of `classes_`."""
        outputs = self._outputs(X)
        return np.hstack([1 - outputs, outputs]) if self.n_outputs_ == 1 else outputs

    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """The logarithm of `predict_proba`: -inf for what is impossible."""
        with np.errstate(divide="ignore"):
            logarithms: NDArray[Any] = np.log(self.predict_proba(X))
        return logarithms

    def to_sklearn(self) -> Any:
        theirs = super().to_sklearn()
        labels = np.eye(self.n_outputs_, dtype=int) if self._kind.startswith("multi") else None
        several = self._kind.startswith("multilabel")
        theirs._label_binarizer = LabelBinarizer().fit(labels if several else self.classes_)
        return theirs

    @classmethod
    def from_sklearn(cls, fitted_mlp: Any) -> MLPClassifier:
        ours = super().from_sklearn(fitted_mlp)
        ours._set_kind()
        return ours

    @classmethod
    def from_network(cls, net: Network, **params: Any) -> MLPClassifier:
        ours = super().from_network(net, **params)
        ours._set_kind()
        ours.classes_ = np.arange(max(net.sizes[-1], 2)) if net.classes is None else net.classes
        ours._label_network()
        return ours

    def _build(self, *architecture: Any) -> None:
        super()._build(*architecture)
        self._label_network()

    def _label_network(self) -> None:
        """Tells the network the classes, unless a row may have several labels."""
        several = self.out_activation_ == "logistic" and self.n_outputs_ > 1
        if not several and len(getattr(self, "classes_", ())) == max(self.n_outputs_, 2):
            self._net.classes = self.classes_

    def _set_kind(self) -> None:
        """Infers the kind of targets from the outputs, where no targets were seen."""
        if self.out_activation_ == "softmax":
            self._kind = "multiclass"
        else:
            self._kind = "binary" if self.n_outputs_ == 1 else "multilabel-indicator"
        self._sparse_labels = False

    def _learn_classes(self, y: Any, classes: Any) -> None:
        """The classes that the first partial_fit was given; any others later are an error."""
        if not hasattr(self, "classes_"):
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self._set_classes(y if type_of_target(y).startswith("multilabel") else classes)
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(
                f"classes={classes!r} is not the same as on last call to partial_fit, "
                f"was: {self.classes_!r}"
            )

    def _add_classes(self, y: Any, classes: Any) -> None:
        """Makes room for the classes of y, and of `classes`, that were not there."""
        given = [y] if classes is None else [y, classes]
        if not hasattr(self, "classes_"):
            several = type_of_target(y).startswith("multilabel")
            self._set_classes(y if several else unique_labels(*given))
            return
        if self._kind.startswith("multilabel"):
            raise ValueError("add_classes is for one class a row; these are several labels a row")
        known = unique_labels(self.classes_, *given)
        if len(known) > len(self.classes_):
            self._grow(known)

    def _grow(self, classes: NDArray[Any]) -> None:
        """Adds outputs for the classes, of which we know some, that start at zero."""
        net, old = self._net, self.classes_
        places = np.searchsorted(classes, old)
        parameters = []
        for last in (net.weights[-1], net.biases[-1]):
            outputs = np.zeros((len(classes), *last.shape[1:]), last.dtype)
            if self.out_activation_ == "softmax":
                outputs[places] = last
            elif len(old) == 2:  # one sigmoid is a softmax of which one output is zero
                outputs[places[1]] = last[0]
            else:  # of a single class the sigmoid tells how little likely it is
                outputs[places[0]] = -last[0]
            if len(classes) == 2:
                outputs = outputs[1:] - outputs[:1]
            parameters.append(outputs)
        self.classes_, self._kind = classes, "binary" if len(classes) == 2 else "multiclass"
        self.n_outputs_, self.out_activation_ = self._single_outputs(), self._out_activation()
        self._build(
            (*net.sizes[:-1], self.n_outputs_), list(net.activations[:-1]), net.dtype, net.seed,
            ([*net.weights[:-1], parameters[0]], [*net.biases[:-1], parameters[1]]),
        )  # fmt: skip
        self._net.epoch, self._net.history = net.epoch, net.history
        self._net.training_state.begin = net.training_state.begin

    def _set_classes(self, y: Any) -> None:
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError(
                "y has several columns that are not 0 or 1; expected classes (n,) or "
                "indicators (n, n_labels)"
            )
        self.classes_ = unique_labels(y)
        self._kind = kind
        self._sparse_labels = hasattr(y, "tocsr")

    def _learn_targets(self, y: Any, classes: Classes) -> None:
        if classes == "new":
            self._set_classes(y)
            return
        found = unique_labels(y)
        if classes == "same" and set(found) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {found}"
            )
        if len(np.setdiff1d(found, self.classes_)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. "
                f"'y' has {found}."
            )

    def _encode(self, y: Any) -> NDArray[Any]:
        if self._kind.startswith("multilabel"):
            dense = y.toarray() if hasattr(y, "tocsr") else y
            return np.asarray(dense, dtype=np.float64)
        if self._kind == "binary":
            return np.asarray((y == self.classes_[-1]) & (len(self.classes_) > 1), np.int64)
        return np.asarray(np.searchsorted(self.classes_, y), np.int64)

    def _decode(self, outputs: NDArray[Any]) -> Any:
        if self.out_activation_ == "softmax":
            return self.classes_.take(outputs.argmax(axis=1))
        if self.n_outputs_ > 1:
            labels = (outputs > 0.5).astype(np.int64)
            if self._sparse_labels:
                from scipy.sparse import csr_matrix

                return csr_matrix(labels)
            return labels
        return self.classes_.take((outputs[:, 0] > 0.5) * (len(self.classes_) - 1))

    def _score(self, rows: Rows, outputs: NDArray[Any]) -> float:
        predicted = self._decode(outputs)
        return float(accuracy_score(rows.labels, predicted, sample_weight=rows.weight))

    def _single_outputs(self) -> int:
        return 1 if self._kind == "binary" else len(self.classes_)

    def _out_activation(self) -> str:
        return "softmax" if self._kind == "multiclass" else "logistic"

    def _cost(self, out_activation: str) -> costs.AnyCost:
        if not self.label_smoothing:
            return super()._cost(out_activation)
        kind = costs.LogLikelihood if out_activation == "softmax" else costs.CrossEntropy
        return kind(self.label_smoothing)

    def _stratification(self, rows: Rows) -> NDArray[Any] | None:
        return np.asarray(rows.labels) if self._kind == "binary" else None

    def _training_weight(self, rows: Rows, incremental: bool) -> NDArray[Any] | None:
        if self.class_weight is None:
            return rows.weight
        if incremental and isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight='balanced' needs all rows at once, which partial_fit does not see; "
                "give it a dict"
            )
        by_class: NDArray[Any] = compute_sample_weight(self.class_weight, rows.labels)
        return by_class if rows.weight is None else by_class * rows.weight

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
