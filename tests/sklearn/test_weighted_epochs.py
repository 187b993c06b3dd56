"""Sample weights and several outputs: an epoch is one call into the core, which Ctrl-C can end."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn import neural_network

import nncore.sklearn as ours
from nncore import _core
from nncore.callbacks import Lambda

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 8))
Y = np.column_stack([X[:, 0], X[:, 1] ** 2])
WEIGHT = RNG.uniform(0.1, 2, 300)


def fit(module: Any, y: np.ndarray, weight: np.ndarray | None, **parameters: Any) -> Any:
    estimator = module.MLPRegressor(
        hidden_layer_sizes=(6,), random_state=0, **{"max_iter": 5, **parameters}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(X, y, weight)


@pytest.mark.parametrize(("y", "weight"), [(Y, None), (Y[:, 0], WEIGHT), (Y, WEIGHT)])
def test_no_mini_batch_is_a_call_of_its_own(
    y: np.ndarray, weight: np.ndarray | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(_core.Trainer, "step")
    assert len(fit(ours, y, weight, batch_size=7).loss_curve_) == 5


def test_mini_batches_that_weigh_nothing_are_left_out_as_in_scikit_learn() -> None:
    weight = WEIGHT.copy()
    weight[50:100] = 0
    options: dict[str, Any] = {"batch_size": 50, "shuffle": False, "alpha": 0.1}
    # scikit-learn itself divides by zero here: its mini-batches without these rows are the same.
    mine = fit(ours, Y, weight, **options)
    kept = weight > 0
    theirs = neural_network.MLPRegressor(
        hidden_layer_sizes=(6,), random_state=0, max_iter=5, **options
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(X[kept], Y[kept], weight[kept])
    np.testing.assert_allclose(mine.coefs_[0], theirs.coefs_[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(
        np.array(mine.loss_curve_) * 300, np.array(theirs.loss_curve_) * 250, rtol=1e-9
    )


@pytest.mark.skipif(os.name == "nt", reason="there os.kill ends the process")
@pytest.mark.parametrize("weighted", [False, True])
def test_ctrl_c_within_an_epoch_ends_training_with_a_usable_model(weighted: bool) -> None:
    x = np.tile(X, (200, 1))
    y, weight = np.tile(Y, (200, 1)), np.tile(WEIGHT, 200) if weighted else None
    epochs: list[int] = []

    def press_once_it_runs(biases: np.ndarray, before: np.ndarray) -> None:
        while np.array_equal(biases, before):
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    def press_soon(run: Any) -> None:
        epochs.append(run.epoch)
        if run.epoch == 1:
            biases = run.net.biases[-1]
            threading.Thread(target=press_once_it_runs, args=(biases, biases.copy())).start()

    model = ours.MLPRegressor(
        hidden_layer_sizes=(200,), batch_size=5, max_iter=10_000, n_iter_no_change=10_000,
        random_state=0, callbacks=[Lambda(on_epoch_begin=press_soon)],
    )  # fmt: skip
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(x, y, weight)
    assert model.n_iter_ == len(model.loss_curve_) == model.network_.epoch == epochs[-1]
    assert epochs[-1] < 9_999
    assert np.isfinite(model.predict(X)).all()
    model.set_params(callbacks=None, max_iter=2, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x[:50], y[:50])
    assert model.n_iter_ == 2
