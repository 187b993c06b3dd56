"""`fit` called again and again: what it keeps, and that the same training gives the same bytes."""

from __future__ import annotations

import copy
import math
import pickle
import time
from typing import Any

import numpy as np
import pytest

from nncore import Network
from nncore.callbacks import Lambda
from small_problem import X, Y, bits, network


def test_the_history_of_many_calls_is_bounded() -> None:
    net = Network([5, 3], seed=1)
    sizes = []
    for call in range(1300):
        assert net.fit(X[:2], Y[:2], 1).epochs == [call]
        if call in (1100, 1299):
            sizes.append(len(pickle.dumps(net)))
    assert net.history.epochs == list(range(299, 1300))  # of earlier calls a thousand
    assert all(len(column) == 1001 for column in dict(net.history).values())
    assert abs(sizes[1] - sizes[0]) < 500  # later epochs have longer numbers


def test_a_long_run_and_those_that_resume_it_are_kept() -> None:
    net = Network([5, 3], seed=1)
    assert len(net.fit(X[:2], Y[:2], 1200)) == len(net.history) == 1200
    net.fit(X[:2], Y[:2], 1300, initial_epoch=net.epoch)
    assert net.history.epochs == list(range(1300))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_penalties_of_chunks_are_those_of_all_rows(optimizer: str) -> None:
    options: dict[str, Any] = {
        "l2": 3.0, "l1": 0.5, "batch_size": 5, "shuffle": False, "optimizer": optimizer,
    }  # fmt: skip
    whole, chunks, wrong = network(), network(), network()
    whole.fit(X, Y, 1, **options)
    for start in range(0, 40, 10):
        rows = slice(start, start + 10)
        chunks.fit(X[rows], Y[rows], 1, penalty_rows=40, **options)
        wrong.fit(X[rows], Y[rows], 1, **options)
    assert bits(chunks) == bits(whole) != bits(wrong)
    with pytest.raises(ValueError, match="penalty_rows must be at least 1, got 0"):
        whole.fit(X, Y, 1, penalty_rows=0)


def trained(**options: Any) -> Network:
    net = network()
    pause = Lambda(on_epoch_begin=lambda run: time.sleep(0.001))
    net.fit(
        X, Y, 3, optimizer="adam", dropout=0.25, validation_split=0.2, metrics=["f1"],
        callbacks=[pause], **options,
    )  # fmt: skip
    return net


def test_identical_trainings_pickle_to_the_same_bytes() -> None:
    one, two = trained(), trained()
    assert one.history["seconds"] != two.history["seconds"]
    assert pickle.dumps(one) == pickle.dumps(two)
    assert pickle.dumps(one) != pickle.dumps(trained(l2=0.1))
    again = pickle.loads(pickle.dumps(one))
    assert pickle.dumps(again) == pickle.dumps(one)
    assert all(map(math.isnan, again.history["seconds"]))
    assert again.history["cost"] == one.history["cost"]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_keep_the_seconds(copied: Any) -> None:
    net = trained()
    net.note = [1]  # type: ignore[attr-defined]
    other = copied(net)
    assert other.history == net.history
    assert bits(other) == bits(net)
    assert (other.note is net.note) == (copied is copy.copy)
    other.fit(X, Y, 1)
    net.fit(X, Y, 1, learning_rate=0.5)
    assert bits(other) != bits(net)
    assert len(other.history) == len(net.history) == 4
    assert other.history is not net.history


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_estimators_pickle_to_the_same_bytes(kind: str, solver: str) -> None:
    estimators = pytest.importorskip("nncore.sklearn")

    def fitted() -> bytes:
        model = getattr(estimators, kind)(
            hidden_layer_sizes=(4,), solver=solver, max_iter=500, random_state=1, alpha=0.5
        )
        return pickle.dumps(model.fit(X[:, :2] / 9, np.asarray(Y)))

    assert fitted() == fitted()
