"""Saving trained models, with special files, full disks and Ctrl-C at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nncore
from command_line import SMALL, environment, failure, run
from networks import full_disk
from nncore import cli
from nncore.cli.epochs import EpochLines
from nncore.training import Run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files of POSIX")

DEFAULT = "nncore-model.safetensors"


def _protected(path: str) -> None:
    Path(path).write_bytes(b"old")
    os.chmod(path, 0o444)


TARGETS = {
    "protected": (_protected, "model: cannot be replaced: Permission denied"),
    "fifo": (os.mkfifo, "model: is a FIFO"),
    "device": (lambda path: os.symlink("/dev/null", path), "model: is a character device"),
    "loop": (lambda path: os.symlink(path, path), "model: cannot follow its symbolic links"),
    "dangling": (lambda path: os.symlink("no/model", path), "no: No such file or directory"),
}


@pytest.mark.parametrize("option", ["--output", "--checkpoint"])
@pytest.mark.parametrize("target", TARGETS)
def test_unwritable_paths_are_refused_before_loading_data(
    target: str,
    option: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nncore.cli.load.load", lambda source: pytest.fail("data was loaded"))
    make, reason = TARGETS[target]
    make("model")
    assert reason in failure(capsys, "train", option, "model")
    assert os.listdir() == ["model"]


def test_long_names_and_full_disks_are_refused_before_loading_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nncore.cli.load.load", lambda source: pytest.fail("data was loaded"))
    assert "File name too long" in failure(capsys, "train", "--output", "m" * 256)
    with full_disk():
        assert "File too large" in failure(capsys, "train")
    os.mkfifo("nncore-model.previous.safetensors")
    Path(DEFAULT).write_bytes(b"earlier")
    assert "previous.safetensors: is a FIFO" in failure(capsys, "train")
    assert sorted(os.listdir()) == ["nncore-model.previous.safetensors", DEFAULT]


def test_export_refuses_to_replace_special_and_protected_files(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for target, (make, reason) in TARGETS.items():
        path = tmp_path / target / "model"
        path.parent.mkdir()
        make(str(path))
        found = path.lstat()
        name = path.with_suffix(".npz")
        path.rename(name)
        if target != "loop":
            reason = reason.replace("model:", "model.npz:")
            assert reason in failure(capsys, "export", model, "--output", name)
        assert name.lstat().st_ino == found.st_ino


def _after_an_epoch(monkeypatch: pytest.MonkeyPatch, change: object) -> None:
    """Calls the action after an epoch of training."""
    end = EpochLines.on_epoch_end

    def on_epoch_end(self: EpochLines, run: Run) -> None:
        end(self, run)
        change()  # type: ignore[operator]

    monkeypatch.setattr(EpochLines, "on_epoch_end", on_epoch_end)


def test_a_model_that_cannot_be_saved_is_written_to_a_fallback_path(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.st").write_bytes(b"old")
    Path("model.rescued.st").write_bytes(b"somebody's")
    _after_an_epoch(monkeypatch, lambda: os.chmod("model.st", 0o444))
    command = ["train", "--data", str(data), "--epochs", "1", *SMALL, "--output", "model.st"]
    assert cli.main(command) == 2
    error = capsys.readouterr().err
    assert "model.st: cannot be replaced: Permission denied" in error
    place = str(tmp_path / "model.rescued-1.st")
    assert f"nncore: the model is saved in {place} instead\n" in error
    assert nncore.Network.load(place).epoch == 1
    assert Path("model.st").read_bytes() == b"old"
    assert Path("model.rescued.st").read_bytes() == b"somebody's"


def test_a_model_is_saved_elsewhere_if_its_directory_was_removed(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    _after_an_epoch(monkeypatch, Path("models").rmdir)
    command = ["train", "--data", str(data), "--epochs", "1", *SMALL, "--output", "models/m.st"]
    assert cli.main(command) == 2
    assert f"saved in {tmp_path / 'm.rescued.st'} instead" in capsys.readouterr().err
    assert nncore.Network.load("m.rescued.st").epoch == 1


def test_the_previous_model_is_never_lost(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["train", "--data", str(data), "--epochs", "1", *SMALL]
    for seed in (1, 2):
        assert cli.main([*command, "--seed", str(seed)]) == 0
    kept = "nncore-model.previous.safetensors"

    def seeds() -> list[int]:
        return [nncore.Network.load(name).seed for name in (DEFAULT, kept)]

    with monkeypatch.context() as patch:
        # When the disk is full in the end, only the model has no room.
        patch.setattr(nncore.Network, "save", _refuse)
        assert cli.main([*command, "--seed", "3"]) == 2
        assert "it is lost" in capsys.readouterr().err
        assert seeds() == [2, 1]
    with monkeypatch.context() as patch:
        _after_an_epoch(patch, lambda: os.chmod(kept, 0o444))
        assert cli.main([*command, "--seed", "3"]) == 2
        assert seeds() == [2, 1]
        assert nncore.Network.load("nncore-model.rescued.safetensors").seed == 3
    assert sorted(os.listdir()) == [kept, "nncore-model.rescued.safetensors", DEFAULT]


def _refuse(net: nncore.Network, path: str) -> None:
    raise nncore.ModelFileError(f"{path}: cannot be written: No space left on device")


def test_a_failing_checkpoint_ends_training_and_saves_the_model(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    _after_an_epoch(monkeypatch, lambda: os.path.exists("run") and os.chmod("run", 0o444))
    command = ["train", "--data", str(data), "--epochs", "5", *SMALL, "--checkpoint", "run"]
    assert cli.main(command) == 2
    assert "run: cannot be replaced: Permission denied" in capsys.readouterr().err
    assert nncore.Network.load(DEFAULT).epoch == 2
    assert nncore.Network.load("run").epoch == 1


def test_training_imports_nothing_of_nncore_once_it_has_begun(data: Path, tmp_path: Path) -> None:
    """Python loses a KeyboardInterrupt that falls into the callbacks of an import."""
    program = (
        "import sys\n"
        "from nncore import cli\n"
        "told = lambda event, found: event == 'import' and print('import', found[0], flush=True)\n"
        "sys.addaudithook(told)\n"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-u", "-c", program, "train", "--data", str(data), *SMALL]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    before, _, training = done.stdout.partition("\nnetwork ")
    assert "import nncore.training.fit" in before
    assert "saved" in training
    assert "import nncore" not in training


@pytest.mark.parametrize("options", [[], ["--checkpoint", "run", "--resume"]])
def test_ctrl_c_at_any_moment_leaves_the_old_model_or_the_new_one(
    options: list[str], data: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "nncore", "train", "--data", str(data), *SMALL, *options]
    command += ["--epochs", "8"]
    assert run(*command[3:], "--seed", 0, cwd=tmp_path).returncode == 0
    kept = ["nncore-model.previous.safetensors", DEFAULT]
    moments = np.random.default_rng(len(options)).uniform(0, 0.5, 12)
    for seed, moment in enumerate(moments, start=1):
        (tmp_path / "run").unlink(missing_ok=True)
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        with subprocess.Popen(
            [*command, "--seed", str(seed)],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("network")
            time.sleep(moment)
            process.send_signal(signal.SIGINT)
            output, error = process.communicate(timeout=60)
        after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        left = sorted(set(after) - {"run"})
        assert "Traceback" not in error
        assert process.returncode in (0, 130)  # 0: training had finished
        assert error.startswith("nncore: interrupted" if process.returncode else "")
        if after.get(DEFAULT) == before[DEFAULT]:
            assert "saved     " not in output
            assert {name: after[name] for name in left} == before
        else:
            assert left == kept
            assert nncore.Network.load(tmp_path / DEFAULT).seed == seed
            assert after[kept[0]] == before[DEFAULT]
        if "run" in after:
            assert nncore.Network.resume(tmp_path / "run").seed == seed
