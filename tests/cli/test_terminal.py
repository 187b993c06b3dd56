"""The command on a terminal, with Ctrl-C, and in a pipe."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nncore
from command_line import SMALL, Terminal, environment, epochs_of, run, same_parameters
from nncore import cli


def test_on_a_terminal_epoch_lines_and_progress_bar_do_not_mix(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("tqdm", reason="needs tqdm, the extra nncore[progress]")
    terminal = Terminal("train", "--data", data, "--epochs", 5, *SMALL, cwd=tmp_path)
    assert terminal.wait() == 0
    assert b"/5 epochs, " in terminal.output
    screen = terminal.screen()
    assert "epochs, " not in screen.partition("cost  ")[2]
    assert [n for n, _, _ in epochs_of(screen)] == [1, 2, 3, 4, 5]
    assert "saved     nncore-model.safetensors\n" in screen


def test_ctrl_c_saves_the_model_and_the_run_can_be_resumed(data: Path, tmp_path: Path) -> None:
    options = ["train", "--data", data, "--layers", "784,1000,10", "--batch-size", "1"]
    options += ["--initializer", "scaled", "--learning-rate", "0.1"]
    command = [*options, "--checkpoint", "run", "--output", "out"]
    terminal = Terminal(*command, "--epochs", 100_000, cwd=tmp_path)
    terminal.read_until(b" 1/100000")
    time.sleep(0.15)  # an epoch takes longer, so this one is interrupted
    terminal.press(b"\x03")
    assert terminal.wait() == 130
    assert "Traceback" not in terminal.screen()
    found = re.search(r"^nncore: interrupted after (\d+) of 100000 epochs", terminal.screen(), re.M)
    assert found
    finished = int(found[1])
    assert finished >= 1
    stopped = nncore.Network.load(tmp_path / "out")
    assert stopped.epoch == finished
    assert same_parameters(nncore.Network.resume(tmp_path / "run"), stopped)

    # A resumed run ends like one that was never interrupted.
    until = ["--epochs", finished + 1]
    assert run(*command, *until, "--resume", cwd=tmp_path).returncode == 0
    assert run(*options, "--output", "straight", *until, cwd=tmp_path).returncode == 0
    load = nncore.Network.load
    assert same_parameters(load(tmp_path / "out"), load(tmp_path / "straight"))


def test_an_interrupt_before_training_saves_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(source: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nncore.cli.load.load", interrupted)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "--data", str(data)]) == 130
    assert capsys.readouterr().err == "nncore: interrupted\n"
    assert os.listdir() == []


def test_a_closed_pipe_is_no_error(data: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "nncore", "train", "--data", data, "--epochs", "100000", *SMALL],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert any(" 2/100000" in line for line in process.stdout)
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 141
    assert nncore.Network.load(tmp_path / "nncore-model.safetensors").epoch >= 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_an_error_in_one_line(unbuffered: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "nncore", "info"],
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert re.fullmatch(r"nncore: error: [^\n]+\n", done.stderr)


def test_ctrl_c_within_an_import_ends_with_the_documented_code(model: str, tmp_path: Path) -> None:
    """dataclasses and namedtuple execute text, as this package in Pillow's place does."""
    (tmp_path / "PIL.py").write_text("exec('raise KeyboardInterrupt')")
    (tmp_path / "digit.png").write_bytes(b"")
    env = environment(PYTHONPATH=str(tmp_path))
    done = run("predict", model, "digit.png", cwd=tmp_path, env=env)
    assert done.stderr == "nncore: interrupted\n"
    assert done.returncode == 130


@pytest.mark.skipif(sys.platform == "win32", reason="there os.kill ends the process")
@pytest.mark.parametrize("how", ["module", "script"])
@pytest.mark.parametrize("ignored", [False, True])
def test_ctrl_c_while_numpy_is_imported_ends_the_command_quietly(
    how: str, ignored: bool, tmp_path: Path
) -> None:
    (tmp_path / "numpy.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    (tmp_path / "nncore").write_text("from nncore.cli import run; raise SystemExit(run())")
    done = subprocess.run(
        [sys.executable, *(["-m", "nncore"] if how == "module" else [tmp_path / "nncore"]), "info"],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_IGN if ignored else signal.SIG_DFL
        ),
    )
    if ignored:  # as a shell does for what runs in the background
        assert "AttributeError: module 'numpy'" in done.stderr
    else:
        assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_ctrl_c_while_a_program_imports_nncore_is_a_keyboard_interrupt(tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    program = "try: import nncore\nexcept KeyboardInterrupt: print('caught')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(PYTHONPATH=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("caught\n", "")
