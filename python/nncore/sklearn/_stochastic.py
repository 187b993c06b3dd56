"""The solvers sgd and adam: scikit-learn's rules around nncore's training loop."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from nncore import _core, optimizers
from nncore._model import Model
from nncore.errors import DivergenceError
from nncore.network import Network
from nncore.sklearn._samples import Rows, cost_epsilon
from nncore.sklearn._tasks import CALLER, FitTasks
from nncore.training.loop import TrainingLoop, TrainingTask, check_monitor, in_calling_order
from nncore.training.run import Run
from nncore.training.settings import dropout_rates

_SMALLEST_RATE = 1e-6  # an adaptive rate below it is not lowered again, but ends training


class Estimator(Protocol):
    """The parameters and fitted attributes that the solvers read and write."""

    solver: str
    alpha: float
    batch_size: int | str
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    tol: float
    verbose: bool | int
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    dropout: float | Sequence[float]
    callbacks: Any
    n_threads: int | None

    n_iter_: int
    t_: int
    loss_: float
    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    validation_loss_curve_: list[float] | None


@dataclass
class Pace:
    """What else the solvers go on with from one call of fit or partial_fit to the next."""

    learning_rate: float = math.nan
    no_improvement_count: int = 0
    """Epochs in a row that were not better than the best by `tol`."""


def fit_stochastic(
    estimator: Estimator,
    net: Network,
    pace: Pace,
    rows: Rows,
    validation: Rows | None,
    score: Callable[[Rows, float], float],
    random_state: np.random.RandomState,
    incremental: bool,
    tasks: FitTasks | None = None,
) -> None:
    """Trains until nothing improves or `max_iter` is reached; one epoch where `incremental`.

    `score(rows, loss)` is what early stopping maximises. `tasks` are told of each epoch.
    """
    task = StochasticTask(estimator, net, pace, rows, validation, score, random_state, incremental)
    callbacks = in_calling_order(estimator.callbacks or ())
    if tasks is not None and tasks.watched:
        tasks.finished = task.finished
        callbacks.append(tasks)
    for callback in callbacks:
        check_monitor(callback, task.run.columns)
    complete = TrainingLoop(task, callbacks).train()
    if task.warning is not None:
        warnings.warn(*task.warning, stacklevel=CALLER)
    elif complete and not incremental:
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) "
            "reached and the optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=CALLER,
        )


class StochasticTask(TrainingTask):
    """One call of fit or partial_fit: scikit-learn's order of rows, loss, and rules for stopping.

    `warning` is what the user is to be warned of after it: the message and its category.
    """

    def __init__(
        self,
        estimator: Estimator,
        net: Network,
        pace: Pace,
        rows: Rows,
        validation: Rows | None,
        score: Callable[[Rows, float], float],
        random_state: np.random.RandomState,
        incremental: bool,
    ) -> None:
        columns = ["cost"]
        if validation is not None:
            columns += ["validation_cost"] + ["validation_score"] * bool(estimator.early_stopping)
        epochs = range(net.epoch, net.epoch + (1 if incremental else estimator.max_iter))
        state = net.training_state
        begin = state.begin if incremental else epochs.start
        state.begin = begin
        super().__init__(Run(net, epochs, (*columns, "learning_rate", "seconds"), begin))
        self.estimator, self.net, self.pace, self.score = estimator, net, pace, score
        self.rows, self.data = rows, rows.dataset(net)
        self.validation = validation
        self.validation_data = None if validation is None else validation.dataset(net)
        self.random_state = random_state
        self.order: NDArray[np.int64] = np.arange(len(rows))
        self.batch_size = _batch_size(estimator.batch_size, len(rows))
        self.run.batches = -(-len(rows) // self.batch_size)
        self.costs = np.zeros((self.run.batches, 3))
        self.cost_epsilon = cost_epsilon(net)
        self.trainer = self._make_trainer(anew=not incremental)
        self.warning: tuple[str, type[Warning]] | None = None
        self.best_parameters = self._copied_parameters() if estimator.early_stopping else None
        estimator.n_iter_ = 0

    def _make_trainer(self, anew: bool) -> _core.Trainer:
        """The network's trainer; `anew`, or where there was none, without any memory."""
        estimator, net = self.estimator, self.run.net
        state = net.training_state
        if anew:
            state.forget_optimizer()
        if state.trainer is None:
            if anew or math.isnan(self.pace.learning_rate):
                self.pace.learning_rate = estimator.learning_rate_init
            optimizer = _optimizer(estimator)
            rule = optimizer.name, optimizer.hyperparameters()
        else:
            rule = state.trainer.optimizer, state.trainer.hyperparameters
        trainer = state.trainer_for(
            net,
            batch_size=self.batch_size,
            optimizer=rule[0],
            hyperparameters=rule[1],
            l2=estimator.alpha,
            dropout=dropout_rates(net, estimator.dropout),
        )
        trainer.position = None  # scikit-learn's epochs begin at their start
        return trainer

    def learning_rate(self) -> float:
        return self.pace.learning_rate

    def train_epoch(self) -> float:
        """Returns scikit-learn's loss, the mean over the rows, with the penalty."""
        estimator, rows = self.estimator, self.rows
        if estimator.shuffle:
            # As sklearn.utils.shuffle, whose checks cost as much as an epoch of 1,000 rows.
            places = np.arange(len(self.order))
            self.random_state.shuffle(places)
            self.order = self.order[places]
        cost = self.epoch_in_core(
            self.trainer,
            self.data,
            self.order if estimator.shuffle else None,
            penalty_by_mini_batch=True,
            cost_with_penalty=True,
            cost_epsilon=self.cost_epsilon,
            n_threads=estimator.n_threads or 0,
            mini_batch_costs=self.costs,
        )
        if rows.weight is None and rows.divisor == 1:  # the core's own mean will do
            loss = rows.loss(cost)
        else:
            loss = rows.loss_of_mini_batches(self.costs, self.order, self.batch_size)
        estimator.n_iter_ += 1
        estimator.t_ += len(rows)
        estimator.loss_ = loss
        estimator.loss_curve_.append(loss)
        self._print(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")
        return loss

    def measure(self) -> dict[str, float]:
        """The loss, without the penalty, and for early stopping the score on validation rows."""
        estimator = self.estimator
        logs = self._validate()
        score = logs.get("validation_score")
        self._count_no_improvement(score)
        if estimator.solver == "sgd" and estimator.learning_rate == "invscaling":
            rate = estimator.learning_rate_init / (estimator.t_ + 1) ** estimator.power_t
            self.pace.learning_rate = rate
        if score is not None and score > _number(estimator.best_validation_score_, -math.inf):
            estimator.best_validation_score_ = score
            self.best_parameters = self._copied_parameters()
        return logs

    def should_stop(self) -> bool:
        """Whether to stop because nothing improves; an adaptive rate is lowered first."""
        estimator, pace = self.estimator, self.pace
        if pace.no_improvement_count <= estimator.n_iter_no_change:
            return False
        what = "Validation score" if estimator.early_stopping else "Training loss"
        message = (
            f"{what} did not improve more than tol={estimator.tol:f} "
            f"for {estimator.n_iter_no_change} consecutive epochs."
        )
        if estimator.solver != "sgd" or estimator.learning_rate != "adaptive":
            self._print(f"{message} Stopping.")
            return True
        if pace.learning_rate <= _SMALLEST_RATE:
            self._print(f"{message} Learning rate too small. Stopping.")
            return True
        pace.learning_rate /= 5.0
        pace.no_improvement_count = 0
        self._print(f"{message} Setting learning rate to {pace.learning_rate:f}")
        return False

    def end(self) -> None:
        """Early stopping goes back to the parameters of its best epoch."""
        self._restore_best(self.run.net)

    def finished(self) -> Network:
        """A copy of the network as it would be if training ended now."""
        net = copy(self.net)
        self._restore_best(net)
        return net

    def _restore_best(self, net: Model) -> None:
        if self.best_parameters is not None:
            for parameter, best in zip(parameters(net), self.best_parameters, strict=True):
                parameter[...] = best

    def ends_on_divergence(self, error: DivergenceError) -> bool:
        """With early stopping there are best parameters to go back to; otherwise it is an error."""
        estimator = self.estimator
        if not estimator.early_stopping or estimator.validation_scores_ is None:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                f"values and need to be preprocessed, or learning_rate_init be smaller: {error}"
            ) from error
        estimator.n_iter_ += 1
        estimator.loss_ = math.nan
        estimator.loss_curve_.append(math.nan)
        estimator.validation_scores_.append(math.nan)
        self.warning = (
            f"Training diverged in iteration {estimator.n_iter_}; the parameters are those of the "
            "best validation score before it.",
            ConvergenceWarning,
        )
        return True

    def ends_on_interrupt(self) -> bool:
        self.warning = "Training interrupted by user.", UserWarning
        return True

    def _validate(self) -> dict[str, float]:
        estimator, rows = self.estimator, self.validation
        if rows is None or self.validation_data is None:
            return {}
        data = self.validation_data
        loss = rows.loss(_core.evaluate(self.run.net, data, cost_epsilon=self.cost_epsilon)[0])
        if estimator.validation_loss_curve_ is not None:
            estimator.validation_loss_curve_.append(loss)
        if estimator.validation_scores_ is None or not estimator.early_stopping:
            return {"validation_cost": loss}
        score = self.score(rows, loss)
        estimator.validation_scores_.append(score)
        self._print(f"Validation score: {score:f}")
        return {"validation_cost": loss, "validation_score": score}

    def _count_no_improvement(self, score: float | None) -> None:
        estimator = self.estimator
        if score is not None:
            best = estimator.best_validation_score_
            stalled = best is not None and score < best + estimator.tol
        else:
            lowest = _number(estimator.best_loss_, math.inf)
            stalled = estimator.loss_ > lowest - estimator.tol
            estimator.best_loss_ = min(lowest, estimator.loss_)
        self.pace.no_improvement_count = self.pace.no_improvement_count + 1 if stalled else 0

    def _copied_parameters(self) -> list[NDArray[Any]]:
        return [np.array(parameter) for parameter in parameters(self.run.net)]

    def _print(self, message: str) -> None:
        if self.estimator.verbose:
            print(message)


def parameters(net: Model) -> list[NDArray[Any]]:
    return [*net.weights, *net.biases]


def _number(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _batch_size(given: int | str, rows: int) -> int:
    if isinstance(given, str):
        return min(200, rows)
    if given > rows:
        warnings.warn(
            f"Got `batch_size` {given}, larger than the sample size {rows}. "
            "It is going to be clipped",
            stacklevel=CALLER + 2,
        )
    return min(int(given), rows)


def _optimizer(estimator: Estimator) -> optimizers.Optimizer:
    if estimator.solver == "adam":
        return optimizers.Adam(estimator.beta_1, estimator.beta_2, 0.0, estimator.epsilon)
    if estimator.momentum == 0:
        return optimizers.SGD()
    if estimator.nesterovs_momentum:
        return optimizers.Nesterov(estimator.momentum)
    return optimizers.Momentum(estimator.momentum)
