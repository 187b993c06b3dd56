"""`nncore.sklearn.TabularClassifier`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from nncore import costs
from nncore._support.checks import real
from nncore._support.names import check_name
from nncore.sklearn._tabular import BaseTabular


class TabularClassifier(ClassifierMixin, BaseTabular):  # type: ignore[misc]
    """Classes from the rows of a data frame or an array, with nothing to set.

    X goes in as it is: numbers, text, booleans, pandas' categories, dates, and missing values of
    all of them (NaN, None, NA, NaT, empty text). Numbers are centred at their median, divided by
    the distance of their quartiles and bent to at most 3, and coded by eight pieces of as many rows
    each besides; categories have a column each, the 100 most frequent of them; dates say when, and
    where in day, week and year; what is missing in training has a column that says so. A category
    that training did not see is none of those that it saw. Columns that are empty, the same in
    every row, or text of a kind for most rows are left out, see `left_out_`.

    What is trained is the small one of RealMLP's recipes (Holzmüller, Grinsztajn and Steinwart,
    2024): three layers of 256 selu units in its parametrisation (normal weights, the last layer
    zero, rates divided by the root of a layer's inputs, biases at a tenth), Adam with betas .9 and
    .95, the rate up to 0.04 in four cycles of growing length, smoothed labels, and the parameters
    of the epoch that was best on the rows that are held out. It differs in three things: numbers
    are coded by pieces (Gorishniy, Rubachev and Babenko 2022); the scale of each input is learnt by
    a network of 16 epochs that is then thrown away, and not beside the weights; and four networks
    train for 64 epochs on mini-batches of 64, where the recipe has one, for 256 epochs of 256.

    Args:
        n_ensemble: how many networks are trained side by side, each with another part of the rows
            held out; their mean predicts.
        hidden_layer_sizes: units of the hidden layers.
        epochs, batch_size: how often all rows are seen, and how many at a time.
        learning_rate: the largest rate, before it is divided; None for the recipe's.
        validation_fraction: about this part of the rows is held out to choose the epoch; none if
            it is 0, or of fewer than 10 rows.
        categorical_features: names or numbers of columns of numbers that are categories.
        label_smoothing: this part of each target is shared out among all classes in training.
        class_weight: a dict from class to weight, or "balanced", beside `sample_weight`.
        calibrate: whether each network's probabilities are scaled by a temperature that suits the
            rows it held out (see `Network.calibrate`).
        random_state: fixes everything; a number, or None for another result each time.
        n_threads: the most threads that training uses; None for `nncore.set_num_threads`'s.

    Fitted attributes: `classes_`, `n_features_in_`, `feature_names_in_` (of data frames),
    `ensemble_` (an `nncore.Ensemble` of the prepared inputs), `inputs_` (what makes these),
    `best_epochs_` and `left_out_`.

    >>> import numpy as np, pandas
    >>> x = pandas.DataFrame({"size": [1.0, 9.0, 2.0, np.nan] * 20, "kind": ["a", "b"] * 40})
    >>> y = np.array(["small", "large"] * 40)
    >>> model = TabularClassifier(epochs=20, random_state=0).fit(x, y)
    >>> model.predict(pandas.DataFrame({"size": [1.5, np.nan], "kind": ["a", "new"]})).shape
    (2,)
    """

    _numeric_targets = False
    _activation = "selu"
    _default_rate = 0.04

    classes_: NDArray[Any]

    def __init__(
        self,
        *,
        n_ensemble: int = 4,
        hidden_layer_sizes: Any = (256, 256, 256),
        epochs: int = 64,
        batch_size: int = 64,
        learning_rate: float | None = None,
        validation_fraction: float = 0.2,
        categorical_features: Any = None,
        label_smoothing: float = 0.1,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        calibrate: bool = True,
        random_state: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self.n_ensemble = n_ensemble
        self.hidden_layer_sizes = hidden_layer_sizes
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.categorical_features = categorical_features
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.calibrate = calibrate
        self.random_state = random_state
        self.n_threads = n_threads

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TabularClassifier:
        """Trains on a data frame or an array X (n, n_features), and classes y (n,).

        Args:
            sample_weight: (n,), how much each row counts; rows of weight 0 are left out.

        Raises:
            ValueError, TypeError: a parameter or the data are wrong; of X the message names the
                column.
        """
        return self._fit(X, y, sample_weight)

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of each row, (n,)."""
        chosen = self._outputs(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_.take(chosen)
        return labels

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Each class's probability, (n, n_classes), in the order of `classes_`."""
        return self._outputs(X)

    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """The logarithm of `predict_proba`: -inf for what is impossible."""
        with np.errstate(divide="ignore"):
            logarithms: NDArray[Any] = np.log(self._outputs(X))
        return logarithms

    def _check(self) -> None:
        real("label_smoothing", self.label_smoothing, high=1.0, below=True)
        if not isinstance(self.calibrate, (bool, np.bool_)):
            raise TypeError(f"calibrate must be True or False, got {self.calibrate!r}")
        if isinstance(self.class_weight, str):
            check_name("class_weight", self.class_weight, ["balanced"])
        elif isinstance(self.class_weight, Mapping):
            for label, weight in self.class_weight.items():
                real(f"class_weight[{label!r}]", weight)
        elif self.class_weight is not None:
            raise TypeError(
                f"class_weight must be 'balanced', a dict or None, got {self.class_weight!r}"
            )

    def _learn_targets(self, y: NDArray[Any], weight: NDArray[Any] | None) -> NDArray[Any]:
        check_classification_targets(y)
        if y.ndim != 1:
            raise ValueError(f"y has shape {y.shape}; expected one class for each row, (n,)")
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has the one class {self.classes_[0]!r}; expected two at least")
        return labels

    def _network(self) -> tuple[int, str, costs.AnyCost]:
        cost = costs.LogLikelihood(self.label_smoothing)
        return len(self.classes_), "softmax", cost

    def _weights(self, y: NDArray[Any], weight: NDArray[Any] | None) -> NDArray[Any] | None:
        if self.class_weight is None:
            return weight
        by_class: NDArray[Any] = compute_sample_weight(self.class_weight, y)
        return by_class if weight is None else by_class * weight

    def _classes_of(self, targets: NDArray[Any]) -> NDArray[Any] | None:
        return targets

    def _finish(
        self,
        x: NDArray[np.float32],
        y: NDArray[Any],
        weight: NDArray[Any] | None,
        held_out: Sequence[NDArray[np.int64]],
    ) -> None:
        labels = self.classes_.astype(str) if self.classes_.dtype.kind == "O" else self.classes_
        for net, rows in zip(self.ensemble_, held_out, strict=True):
            net.classes = labels
            if self.calibrate and len(rows):
                net.calibrate(x[rows], y[rows], None if weight is None else weight[rows])

    def _targets_to_json(self) -> dict[str, Any]:
        return {"classes": self.classes_.tolist()}

    def _targets_from_json(self, content: Mapping[str, Any]) -> None:
        self.classes_ = np.array(content["classes"])
        if self.classes_.ndim != 1 or len(self.classes_) < 2:
            raise ValueError(f"expected two classes at least, found {content['classes']!r}")
