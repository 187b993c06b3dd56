"""A search by Optuna: trials run in threads, and a callback ends those that fall behind."""

from __future__ import annotations

from typing import Any

import optuna

import nncore
from nncore.callbacks import Callback


class Pruning(Callback):
    """Reports each epoch to a trial, and ends a trial that its study gives up."""

    def __init__(self, trial: optuna.Trial, monitor: str = "validation_cost") -> None:
        self.trial, self.monitor = trial, monitor

    def on_epoch_end(self, run: Any) -> None:
        self.trial.report(run.logs[self.monitor], run.epoch)
        if self.trial.should_prune():
            raise optuna.TrialPruned


def search(n_trials: int = 20, n_jobs: int = 2) -> optuna.Study:
    """The study, its trials finished or pruned."""
    data = nncore.datasets.load_digits(n_train=1_000, n_validation=500, n_test=10, seed=1)

    def objective(trial: optuna.Trial) -> float:
        units = trial.suggest_int("units", 8, 64, log=True)
        net = nncore.Network([784, units, 10], output_activation="softmax", cost="log_likelihood")
        history = net.fit(
            *data.train,
            epochs=5,
            optimizer="adam",
            learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
            l2=trial.suggest_float("l2", 1e-3, 10, log=True),
            validation_data=data.validation,
            callbacks=[Pruning(trial)],
            n_threads=1,
            progress=False,
        )
        return float(history["validation_cost"][-1])

    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=1), pruner=optuna.pruners.MedianPruner(4)
    )
    study.optimize(objective, n_trials, n_jobs=n_jobs, catch=nncore.DivergenceError)
    return study


if __name__ == "__main__":
    done = search()
    pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in done.trials)
    print(f"cost {done.best_value:.3f} by {done.best_params}; {pruned} trials were pruned")
