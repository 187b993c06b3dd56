"""`nncore tune`: the search, the file that it goes on from, and the command that it ends with."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from command_line import environment, failure
from nncore import cli

optuna = pytest.importorskip("optuna", reason="needs optuna, the extra nncore[tune]")


@pytest.fixture
def flowers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of three kinds in a directory of its own, which is the current one."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 3, 150)
    x = rng.normal(size=(150, 3)) + kinds[:, None] * [1.0, -1.0, 0.5]
    lines = [f"{a:.3f},{b:.3f},{c:.3f},kind {k}" for (a, b, c), k in zip(x, kinds, strict=True)]
    (tmp_path / "flowers.csv").write_text("\n".join(["a,b,c,kind", *lines]) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


TUNE = ["tune", "--data", "flowers.csv", "--target", "kind", "--epochs", "5"]


def tune(*more: str) -> int:
    return cli.main([*TUNE, *more])


def table(output: str) -> list[list[str]]:
    lines = output.partition("\ntrial ")[2].partition("\n\n")[0].splitlines()[1:]
    return [line.split() for line in lines]


def test_the_best_trial_is_what_its_command_trains(
    flowers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune("--trials", "12") == 0
    output = capsys.readouterr().out
    rows = table(output)
    right = [float(row[1].rstrip("%")) for row in rows]
    assert right == sorted(right, reverse=True)
    assert len(rows) > 3
    assert "12, of which" in output
    first = next(row for row in rows if row[0] == "0") if "0" in {r[0] for r in rows} else None
    assert first is None or first[3:5] == ["64,32", "0.001"]  # the defaults of nncore train
    command = shlex.split(output.rpartition("next: nncore ")[2])
    assert cli.main(command) == 0
    trained = capsys.readouterr().out
    kept, share = re.findall(r"best +epoch (\d+), .* ([\d.]+) %", trained)[0]
    assert kept == rows[0][2]
    assert float(share) == right[0]


def test_a_search_goes_on_from_its_file_and_is_the_same(
    flowers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune("--trials", "16", "--threads", "1") == 0
    whole = table(capsys.readouterr().out)
    assert tune("--trials", "8", "--storage", "parts.log") == 0
    assert table(capsys.readouterr().out) != whole
    assert tune("--trials", "16", "--storage", "parts.log", "--threads", "2") == 0
    assert table(capsys.readouterr().out) == whole
    before = (flowers / "parts.log").read_bytes()
    assert tune("--trials", "16", "--storage", "parts.log") == 0  # there is nothing left to do
    assert table(capsys.readouterr().out) == whole
    assert len((flowers / "parts.log").read_bytes()) - len(before) < 200


def test_a_search_of_other_data_or_options_is_refused(
    flowers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune("--trials", "2") == 0
    capsys.readouterr()
    message = failure(capsys, *TUNE, "--trials", "3", "--seed", "2")
    assert "nncore-tune.log: a search of other data and seed" in message
    assert "of other epochs; give another --storage" in failure(capsys, *TUNE, "--epochs", "6")
    (flowers / "nncore-tune.log").write_text("no search\n")
    assert "nncore-tune.log: no search of nncore tune" in failure(capsys, *TUNE)


def test_what_is_wrong_is_said(flowers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "tune is for your own data" in failure(capsys, "tune", "--data", "digits")
    assert "rows that are held out" in failure(capsys, *TUNE, "--validation", "0")
    assert "expected at least 1, found 0" in failure(capsys, *TUNE, "--trials", "0")
    assert "nowhere" in failure(capsys, *TUNE, "--storage", "nowhere/there.log")


def test_optuna_is_an_extra(
    flowers: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert "pip install 'nncore[tune]'" in failure(capsys, *TUNE)


def test_ctrl_c_keeps_the_trials(flowers: Path) -> None:
    command = [sys.executable, "-m", "nncore", *TUNE[:-1], "300", "--trials", "100"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
    seen: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        seen.append(line)
        if line.startswith("trials    8 of 100"):
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            break
    output, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert error == "nncore: interrupted; the same command goes on\n"
    assert len(table(output)) >= 1
    study = optuna.load_study(
        study_name="nncore tune",
        storage=optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend("nncore-tune.log")
        ),
    )
    states = {trial.state.name for trial in study.trials}
    assert states <= {"COMPLETE", "PRUNED", "FAIL"}


def test_a_regression(flowers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["tune", "--data", "flowers.csv", "--target", "a", "--drop", "kind"]
    assert cli.main([*arguments, "--trials", "3", "--epochs", "3"]) == 0
    output = capsys.readouterr().out
    costs = [float(row[1]) for row in table(output)]
    assert costs == sorted(costs)
    assert "--drop kind" in output.rpartition("next: ")[2]
