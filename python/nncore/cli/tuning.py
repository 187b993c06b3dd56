"""What `nncore tune` does: rounds of trials, each a call of `fit_many`, told to Optuna."""

from __future__ import annotations

import argparse
import hashlib
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from nncore import FitManyInterrupt, FitResult, _core, fit_many, optimizers
from nncore._support.extras import require
from nncore._support.files import check_replaceable
from nncore.training.interrupts import defer_sigint

from .epochs import duration
from .output import INTERRUPTED, printable, say, table
from .own_data.data import is_user_data
from .own_data.training import BestEpoch, UserJob
from .saving import refuse_to_replace

_STUDY = "nncore tune"
_ROUND = 8
"""Trials at a time. On more cores or fewer the search is the same."""
_REPORTS = 10
"""How often a trial tells how it stands, at most: each time is a line in the file."""
_SHOWN = 10
_MOST_LAYERS, _UNITS = 3, (8, 256)
_RATES = (1 / 20, 30)
"""Factors of the optimiser's default rate."""
_DECAYS = (1e-7, 1e-3)
"""l2 for each training row."""


class Search:
    """A study, and the data that its trials are about."""

    def __init__(self, options: argparse.Namespace, optuna: Any) -> None:
        self.options, self._optuna = options, optuna
        self.job = UserJob(options, [])
        if self.job.validation is None:
            raise ValueError("a search needs rows that are held out; leave --validation 0 out")
        self.study = self._open_study()

    def _open_study(self) -> Any:
        optuna, options = self._optuna, self.options
        storages, file = optuna.storages, options.storage
        refuse_to_replace("--storage", file, options.data)
        check_replaceable(file)
        try:
            storage = storages.JournalStorage(storages.journal.JournalFileBackend(file))
            study = optuna.create_study(
                storage=storage,
                study_name=_STUDY,
                direction="maximize" if self._classes else "minimize",
                pruner=optuna.pruners.MedianPruner(n_startup_trials=_ROUND),
                load_if_exists=True,
            )
            earlier = study.user_attrs.get("about")
        except (KeyError, ValueError, TypeError) as error:
            raise ValueError(f"{file}: no search of nncore tune, or damaged: {error!r}") from error
        about = self._about()
        if earlier is None:
            study.set_user_attr("about", about)
            study.enqueue_trial({"layers": 2, "units_1": 64, "units_2": 32, **self._defaults()})
        elif earlier != about:
            changed = [name for name in about if earlier.get(name) != about[name]]
            raise ValueError(
                f"{file}: a search of other {' and '.join(changed)}; give another --storage, or "
                "remove it"
            )
        for trial in study.get_trials(deepcopy=False):
            if trial.state == optuna.trial.TrialState.RUNNING:  # that process has ended
                study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        return study

    @property
    def _classes(self) -> bool:
        return self.job.validation_rows is not None

    def _about(self) -> dict[str, Any]:
        """What all trials of a study have in common."""
        job, options = self.job, self.options
        rows = hashlib.blake2b(digest_size=16)
        for array in (job.x, job.y, *(job.validation or ())):
            rows.update(np.ascontiguousarray(array).tobytes())
        names = ("epochs", "batch_size", "optimizer", "activation", "dtype", "seed")
        return {"data": rows.hexdigest(), **{name: getattr(options, name) for name in names}}

    def _defaults(self) -> dict[str, Any]:
        return {"learning_rate": self._default_rate, "l2": self._decays[0], "dropout": 0.0}

    @property
    def _default_rate(self) -> float:
        return optimizers.resolve(self.options.optimizer).default_learning_rate

    @property
    def _decays(self) -> tuple[float, float]:
        low, high = (_rounded(decay * len(self.job.y)) for decay in _DECAYS)
        return low, high

    def done(self) -> int:
        states = self._optuna.trial.TrialState
        trials = self.study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED))
        return len(trials)

    def _settings(self, suggested: Mapping[str, Any]) -> dict[str, Any]:
        """The options of nncore train that are searched for."""
        return {
            "hidden": [suggested[f"units_{i + 1}"] for i in range(suggested["layers"])],
            "learning_rate": _rounded(suggested["learning_rate"]),
            "l2": _rounded(suggested["l2"]),
            "dropout": round(suggested["dropout"], 2),
        }

    def _suggest(self, trial: Any) -> dict[str, Any]:
        layers = trial.suggest_int("layers", 1, _MOST_LAYERS)
        low, high = _UNITS
        for i in range(layers):
            trial.suggest_int(f"units_{i + 1}", low, high, log=True)
        rates = [_rounded(self._default_rate * factor) for factor in _RATES]
        trial.suggest_float("learning_rate", *rates, log=True)
        trial.suggest_float("l2", *self._decays, log=True)
        trial.suggest_float("dropout", 0.0, 0.5, step=0.05)
        return self._settings(trial.params)

    def _spec(self, settings: dict[str, Any]) -> dict[str, Any]:
        """What nncore train would make of these settings."""
        net, options = self.job.net, self.options
        hidden, *numbers = settings.items()
        *_, output = net.activations
        return {
            "sizes": [net.sizes[0], *hidden[1], net.sizes[-1]],
            "activation": options.activation or "relu",
            "output_activation": output,
            "cost": net.cost,
            "dtype": net.dtype.name,
            "seed": net.seed,
            "epochs": options.epochs,
            "batch_size": options.batch_size,
            "optimizer": options.optimizer,
            "callbacks": [BestEpoch()],
            **dict(numbers),
        }

    def train_round(self, count: int) -> bool:
        """Some more trials; False where Ctrl-C ended them."""
        begun = len(self.study.get_trials(deepcopy=False))
        self.study.sampler = self._optuna.samplers.TPESampler(
            seed=(self.options.seed + begun) % 2**32, constant_liar=True
        )
        trials = [self.study.ask() for _ in range(count)]
        specs = [self._spec(self._suggest(trial)) for trial in trials]
        stride = -(-self.options.epochs // _REPORTS)
        pruned = set()

        def tell(index: int, epoch: int, logs: Mapping[str, Any]) -> bool:
            if (epoch + 1) % stride or epoch + 1 == self.options.epochs:
                return False
            value = logs["validation_accuracy" if self._classes else "validation_cost"]
            if math.isfinite(value):
                trials[index].report(value, epoch)
            if trials[index].should_prune():
                pruned.add(index)
            return index in pruned

        complete = True
        try:
            results: Sequence[FitResult] = fit_many(
                specs, self.job.x, self.job.y, validation_data=self.job.validation,
                on_epoch_end=tell, errors="return", progress=False,
            )  # fmt: skip
        except FitManyInterrupt as interrupt:
            results, complete = interrupt.results, False
        states = self._optuna.trial.TrialState
        left = dict(enumerate(trials))
        for result in results:
            trial = left.pop(result.index)
            if result.error is None and result.index not in pruned:
                self._tell_value(trial, result)
            elif result.error is None or isinstance(result.error, ArithmeticError):  # diverged
                self.study.tell(trial, state=states.PRUNED)
            else:
                left[result.index] = trial
        for trial in left.values():
            self.study.tell(trial, state=states.FAIL)
        for result in results:
            if result.error is not None and not isinstance(result.error, ArithmeticError):
                raise result.error
        return complete

    def _tell_value(self, trial: Any, result: FitResult) -> None:
        """The measure of the epoch that nncore train would keep."""
        (best,) = (each for each in result.callbacks if isinstance(each, BestEpoch))
        assert best.epoch is not None
        column = "validation_accuracy" if self._classes else "validation_cost"
        value = result.history[column][result.history.epochs.index(best.epoch)]
        trial.set_user_attr("epoch", best.epoch + 1)
        self.study.tell(trial, value)

    def finished(self) -> list[Any]:
        """The trials that were trained to their end, the best first."""
        states = self._optuna.trial.TrialState
        trials = self.study.get_trials(deepcopy=False, states=(states.COMPLETE,))
        sign = -1 if self._classes else 1
        return sorted(trials, key=lambda trial: (sign * trial.value, trial.number))

    def report(self) -> None:
        """Prints the best trials, and the command that trains the best."""
        trials = self.finished()
        what = "right" if self._classes else "cost"
        rows = [["trial", what, "epoch", "hidden", "learning rate", "l2", "dropout"]]
        for trial in trials[:_SHOWN]:
            hidden, *others = self._settings(trial.params).values()
            value = f"{trial.value:.2%}" if self._classes else f"{trial.value:.6g}"
            units = ",".join(map(str, hidden))
            epoch = str(trial.user_attrs["epoch"])
            rows.append([str(trial.number), value, epoch, units, *(f"{v:g}" for v in others)])
        say(table(rows))
        say()
        pruned = self.done() - len(trials)
        say(f"trials    {self.done():,}, of which {pruned:,} were pruned")
        say(f"kept in   {printable(self.options.storage)}")
        if trials:
            say()
            say(f"next: {printable(shlex.join(self.command(self._settings(trials[0].params))))}")

    def command(self, settings: dict[str, Any]) -> list[str]:
        """What trains the network of these settings as the trial did."""
        options, words = self.options, ["nncore", "train", "--data", self.options.data]
        for name in ("target", "task", "activation", "dtype"):
            if (value := getattr(options, name)) is not None:
                words += [f"--{name}", value]
        for name in ("categorical", "drop"):
            for column in getattr(options, name):
                words += [f"--{name}", column]
        if options.image_size is not None:
            words += ["--image-size", "x".join(map(str, options.image_size))]
        for name in ("skip_bad_rows", "no_header"):
            if getattr(options, name):
                words.append(f"--{name.replace('_', '-')}")
        for name in ("validation", "epochs", "batch_size", "optimizer", "seed"):
            words += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
        for name, value in settings.items():
            text = ",".join(map(str, value)) if isinstance(value, list) else f"{value:g}"
            words += [f"--{name.replace('_', '-')}", text]
        return words


def tune(options: argparse.Namespace) -> int:
    if not is_user_data(options.data):
        raise ValueError(
            f"tune is for your own data, a table or a folder of images; --data is {options.data}"
        )
    optuna = require("optuna", extra="tune", purpose="nncore tune")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if options.threads is not None:
        _core.set_num_threads(options.threads)
    search = Search(options, optuna)
    started, complete = perf_counter(), True
    may_end = False
    try:
        with defer_sigint(unless=lambda: may_end):
            while complete and (left := options.trials - search.done()) > 0:
                complete = search.train_round(min(left, _ROUND))
                best = search.finished()[:1]
                value = f", the best {best[0].value:.6g}" if best else ""
                say(f"trials    {search.done():,} of {options.trials:,}{value}")
    except KeyboardInterrupt:
        complete = False
    say()
    say(f"time      {duration(perf_counter() - started)}")
    search.report()
    if not complete:
        print("nncore: interrupted; the same command goes on", file=sys.stderr)
        return INTERRUPTED
    return 0


def _rounded(number: float) -> float:
    """To three digits, which a command line repeats exactly."""
    return float(f"{number:.3g}")
