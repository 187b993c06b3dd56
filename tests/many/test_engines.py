"""The examples of other programs that search and compute, each started as it is on this machine."""

from __future__ import annotations

import hashlib
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nncore
from small_problem import bits

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="examples/ is not part of this copy")


def example(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def alone(specs: list[Any]) -> list[nncore.FitResult]:
    """What the networks of the examples are, trained one after the other."""
    data = nncore.datasets.load_digits(n_train=1_000, n_validation=500, n_test=10, seed=1)
    results = []
    for spec in specs:
        spec = dict(spec)
        sizes, seed = spec.pop("sizes"), spec.pop("seed")
        net = nncore.Network(sizes, seed=seed)
        net.fit(*data.train, validation_data=data.validation, **spec)
        results.append(net)
    return results


def assert_alone(results: list[nncore.FitResult]) -> None:
    assert len(results) == 4
    nets = alone([result.spec for result in results])
    assert [bits(result.network) for result in results] == [bits(net) for net in nets]


@pytest.mark.parametrize("halving", [False, True])
def test_scikit_learn_s_searches(halving: bool) -> None:
    pytest.importorskip("sklearn")
    search = example("search_sklearn")["search"]
    found, one_by_one = search(halving), search(halving, n_jobs=1)
    scores = found.cv_results_["mean_test_score"]
    assert (scores == one_by_one.cv_results_["mean_test_score"]).all()
    assert found.best_score_ > scores.min() + 0.2
    assert found.best_params_["learning_rate_init"] == 0.01


def test_optuna_prunes() -> None:
    optuna = pytest.importorskip("optuna")
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = example("search_optuna")["search"](n_trials=16)
    finally:
        optuna.logging.set_verbosity(before)
    states = [trial.state.name for trial in study.trials]
    assert len(states) == 16
    assert set(states) == {"COMPLETE", "PRUNED"}
    costs = [trial.value for trial in study.trials if trial.state.name == "COMPLETE"]
    assert study.best_value == min(costs) < 0.5 * max(costs)


def test_dask() -> None:
    pytest.importorskip("dask.distributed")
    program = (
        f"import runpy, pickle, sys\n"
        f"if __name__ == '__main__':\n"
        f"    results = runpy.run_path({str(EXAMPLES / 'many_dask.py')!r})['train']()\n"
        f"    sys.stdout.buffer.write(pickle.dumps(results))\n"
    )
    assert_alone(in_its_own_process(program))


def test_ray() -> None:
    pytest.importorskip("ray")
    program = (
        f"import os, pickle, runpy, sys\n"
        f"out = os.fdopen(os.dup(1), 'wb')\n"
        f"os.dup2(2, 1)\n"
        f"import ray\n"
        f"ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)\n"
        f"results = runpy.run_path({str(EXAMPLES / 'many_ray.py')!r})['train']()\n"
        f"out.write(pickle.dumps(results))\n"
        f"out.close()\n"
        f"ray.shutdown()\n"
    )
    assert_alone(in_its_own_process(program))


def in_its_own_process(program: str) -> Any:
    import pickle

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return pickle.loads(done.stdout)


def test_mpi() -> None:
    pytest.importorskip("mpi4py")
    mpiexec = Path(sys.executable).parent / "mpiexec"
    if not mpiexec.exists():
        pytest.skip("needs mpiexec beside this Python: pip install mpich")
    command = [mpiexec, "-n", "2", sys.executable, "-m", "mpi4py.futures"]
    done = subprocess.run(
        [*command, EXAMPLES / "many_mpi.py"],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    specs = [{"learning_rate": rate, "seed": seed} for rate in (0.5, 3.0) for seed in (1, 2)]
    nets = alone([{**spec, "sizes": [784, 30, 10], "epochs": 3} for spec in specs])
    weights = hashlib.sha256(b"".join(net.weights[0].tobytes() for net in nets)).hexdigest()
    assert done.stdout == f"4 networks by 2 ranks: {weights[:16]}\n"
