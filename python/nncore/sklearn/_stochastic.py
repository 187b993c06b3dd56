"""The solvers sgd and adam: scikit-learn's loop around epochs of the core."""

from __future__ import annotations

import math
import warnings
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import shuffle

from nncore import _core, optimizers
from nncore.errors import DivergenceError
from nncore.sklearn._samples import Rows
from nncore.training import Run
from nncore.training import fit as _fit

if TYPE_CHECKING:
    from nncore.sklearn._base import BaseMLP

_SMALLEST_RATE = 1e-6  # below it an adaptive rate is not lowered again, but ends training


def fit_stochastic(
    estimator: BaseMLP, rows: Rows, validation: Rows | None, incremental: bool
) -> None:
    """Trains until nothing improves or `max_iter` is reached; one epoch where `incremental`."""
    fit = _Fit(estimator, rows, validation, incremental)
    best = fit.train(1 if incremental else estimator.max_iter, incremental)
    if best is not None:
        for parameter, value in zip(fit.parameters(), best, strict=True):
            parameter[...] = value
    fit.call("on_train_end")


class _Fit:
    """One call of fit or partial_fit, everything it trains with made ready."""

    def __init__(
        self, estimator: BaseMLP, rows: Rows, validation: Rows | None, incremental: bool
    ) -> None:
        self.estimator, self.rows, self.validation = estimator, rows, validation
        self.net = net = estimator._net
        self.data = rows.dataset(net)
        self.held_out = None if validation is None else validation.dataset(net)
        self.batch_size = _batch_size(estimator.batch_size, len(rows))
        state = net._training
        if not incremental:
            state.forget_optimizer()
        if state.trainer is None:
            estimator._learning_rate = estimator.learning_rate_init
            optimizer = _optimizer(estimator)
            rule = optimizer.name, optimizer.hyperparameters()
        else:
            rule = state.trainer.optimizer, state.trainer.hyperparameters
        self.trainer = state.trainer_for(
            net,
            batch_size=self.batch_size,
            optimizer=rule[0],
            hyperparameters=rule[1],
            l2=estimator.alpha,
            dropout=_fit._dropout_rates(net, estimator.dropout),
        )
        self.trainer.position = None  # scikit-learn's epochs begin at their start
        estimator._begin_curves(validation is not None)
        self.callbacks = _fit._in_order(estimator.callbacks or ())
        columns = ["cost"]
        if validation is not None:
            columns += ["validation_cost"] + ["validation_score"] * bool(estimator.early_stopping)
        self.run = Run(
            net,
            range(net.epoch, net.epoch + (1 if incremental else estimator.max_iter)),
            (*columns, "learning_rate", "seconds"),
        )
        for callback in self.callbacks:
            _fit._check_monitor(callback, self.run.columns)

    def train(self, epochs: int, incremental: bool) -> list[NDArray[Any]] | None:
        """Epoch after epoch; returns the best parameters where there is early stopping."""
        estimator = self.estimator
        best = self.copied() if estimator.early_stopping else None
        order = np.arange(len(self.rows))
        self.call("on_train_begin")
        try:
            estimator.n_iter_ = 0
            for _ in range(epochs):
                if estimator.shuffle:
                    order = shuffle(order, random_state=estimator._random_state)
                if not self.train_and_measure(order):
                    break
                if estimator.early_stopping and self.score_is_best():
                    best = self.copied()
                self.call("on_epoch_end")
                if self.run.stopped or self.is_exhausted():
                    break
            else:
                if not incremental:
                    warnings.warn(
                        f"Stochastic Optimizer: Maximum iterations ({epochs}) "
                        "reached and the optimization hasn't converged yet.",
                        ConvergenceWarning,
                        stacklevel=5,
                    )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=5)
        return best

    def train_and_measure(self, order: NDArray[np.int64]) -> bool:
        """One epoch and what it led to; False where it diverged and that is to be the end."""
        estimator, run = self.estimator, self.run
        run.epoch, run.learning_rate = self.net.epoch, estimator._learning_rate
        self.call("on_epoch_begin")
        started = perf_counter()
        try:
            loss = self.train_epoch(order if estimator.shuffle else None, run.learning_rate)
        except DivergenceError as error:
            self.take_divergence(error)
            return False
        seconds = perf_counter() - started
        estimator.n_iter_ += 1
        estimator.t_ += len(self.rows)
        estimator.loss_ = loss
        estimator.loss_curve_.append(loss)
        self.say(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")
        run.logs = {"cost": loss, **self.validate()}
        run.logs |= {"learning_rate": run.learning_rate, "seconds": seconds}
        run.history.append(run.epoch, run.logs)
        self.net.history.append(run.epoch, run.logs)
        self.count_no_improvement()
        if estimator.solver == "sgd" and estimator.learning_rate == "invscaling":
            rate = estimator.learning_rate_init / (estimator.t_ + 1) ** estimator.power_t
            estimator._learning_rate = rate
        return True

    def train_epoch(self, order: NDArray[np.int64] | None, rate: float) -> float:
        """Every mini-batch; returns scikit-learn's loss, the mean over the rows."""
        threads = self.estimator.n_threads or 0
        if self.rows.weight is None and self.rows.divisor == 1:
            cost = self.trainer.epoch(
                self.data,
                order,
                learning_rate=rate,
                penalty_by_mini_batch=True,
                cost_with_penalty=True,
                n_threads=threads,
            )
            return self.rows.loss(cost)
        # scikit-learn takes each mini-batch's weighted mean by its number of rows, and divides
        # the samples' loss but not the penalty by the outputs: both need every mini-batch's own.
        total = 0.0
        order = np.arange(len(self.rows)) if order is None else order
        for i, start in enumerate(range(0, len(order), self.batch_size)):
            batch = order[start : start + self.batch_size]
            weight = len(batch) if self.rows.weight is None else self.rows.weight[batch].sum()
            if weight == 0:
                continue
            squares = sum(float(np.vdot(w, w)) for w in _core.weight_views(self.net))
            cost = self.trainer.step(
                self.data, batch, learning_rate=rate, batch=i, n_threads=threads
            )
            penalty = 0.5 * self.estimator.alpha * squares / float(weight)
            total += len(batch) * (self.rows.loss(cost, batch) + penalty)
        self.net.epoch += 1
        return total / len(order)

    def validate(self) -> dict[str, float]:
        """The loss, without the penalty, and for early stopping the score on held out rows."""
        estimator, rows = self.estimator, self.validation
        if rows is None or self.held_out is None:
            return {}
        loss = rows.loss(_core.evaluate(self.net, self.held_out)[0])
        if estimator.validation_loss_curve_ is not None:
            estimator.validation_loss_curve_.append(loss)
        if estimator.validation_scores_ is None or not estimator.early_stopping:
            return {"validation_cost": loss}
        score = estimator._validation_score(rows, loss)
        estimator.validation_scores_.append(score)
        self.say(f"Validation score: {score:f}")
        return {"validation_cost": loss, "validation_score": score}

    def score_is_best(self) -> bool:
        """Whether the epoch's score is the best so far, which is noted."""
        estimator, score = self.estimator, self.run.logs["validation_score"]
        if not score > estimator.best_validation_score_:
            return False
        estimator.best_validation_score_ = score
        return True

    def count_no_improvement(self) -> None:
        """Counts the epochs in a row that were no better than the best by `tol`."""
        estimator = self.estimator
        if estimator.early_stopping:
            score, best = self.run.logs["validation_score"], estimator.best_validation_score_
            stalled = best is not None and score < best + estimator.tol
        else:
            lowest = math.inf if estimator.best_loss_ is None else estimator.best_loss_
            stalled = estimator.loss_ > lowest - estimator.tol
            estimator.best_loss_ = min(lowest, estimator.loss_)
        estimator._no_improvement_count = estimator._no_improvement_count + 1 if stalled else 0

    def is_exhausted(self) -> bool:
        """Whether to stop for want of improvement; an adaptive rate is lowered first."""
        estimator = self.estimator
        if estimator._no_improvement_count <= estimator.n_iter_no_change:
            return False
        what = "Validation score" if estimator.early_stopping else "Training loss"
        message = (
            f"{what} did not improve more than tol={estimator.tol:f} "
            f"for {estimator.n_iter_no_change} consecutive epochs."
        )
        if estimator.solver != "sgd" or estimator.learning_rate != "adaptive":
            self.say(f"{message} Stopping.")
            return True
        if estimator._learning_rate <= _SMALLEST_RATE:
            self.say(f"{message} Learning rate too small. Stopping.")
            return True
        estimator._learning_rate /= 5.0
        estimator._no_improvement_count = 0
        self.say(f"{message} Setting learning rate to {estimator._learning_rate:f}")
        return False

    def take_divergence(self, error: DivergenceError) -> None:
        """Early stopping goes back to its best epoch; otherwise it is an error."""
        estimator = self.estimator
        if any(callback.on_divergence(self.run, error) for callback in self.callbacks):
            return
        if not estimator.early_stopping or estimator.validation_scores_ is None:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                f"values and need to be preprocessed, or learning_rate_init be smaller: {error}"
            ) from error
        estimator.n_iter_ += 1
        estimator.loss_ = math.nan
        estimator.loss_curve_.append(math.nan)
        estimator.validation_scores_.append(math.nan)
        warnings.warn(
            f"Training diverged in iteration {estimator.n_iter_}; the parameters are those of the "
            "best validation score before it.",
            ConvergenceWarning,
            stacklevel=7,
        )

    def parameters(self) -> list[NDArray[Any]]:
        return [*self.net.weights, *self.net.biases]

    def copied(self) -> list[NDArray[Any]]:
        return [np.array(parameter) for parameter in self.parameters()]

    def call(self, hook: str) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(self.run)

    def say(self, message: str) -> None:
        if self.estimator.verbose:
            print(message)


def _batch_size(given: int | str, rows: int) -> int:
    if isinstance(given, str):
        return min(200, rows)
    if given > rows:
        warnings.warn(
            f"Got `batch_size` {given}, larger than the sample size {rows}. "
            "It is going to be clipped",
            stacklevel=6,
        )
    return min(int(given), rows)


def _optimizer(estimator: BaseMLP) -> optimizers.Optimizer:
    if estimator.solver == "adam":
        return optimizers.Adam(estimator.beta_1, estimator.beta_2, 0.0, estimator.epsilon)
    if estimator.momentum == 0:
        return optimizers.SGD()
    if estimator.nesterovs_momentum:
        return optimizers.Nesterov(estimator.momentum)
    return optimizers.Momentum(estimator.momentum)
