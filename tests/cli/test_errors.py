"""The command line: errors, each in one line, and help, version and info."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import nncore
from command_line import failure, run
from idx_files import NAMES
from nncore import _core, cli


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ("trian", "'train'"),
        ("train --epoch 3", "--epoch"),
        ("train --epochs 0", "at least 1"),
        ("train --epochs many", "'many'"),
        ("train --batch-size 0", "at least 1"),
        ("train --learning-rate nan", "above 0"),
        ("train --learning-rate 0", "above 0"),
        ("train --l2 -1", "at least 0"),
        ("train --dropout 1", "below 1"),
        ("train --threads 0", "at least 1"),
        (f"train --threads {2**31}", "at most 2147483647"),
        (f"train --layers 784,{2**70},10", "at most"),
        ("train --output=", "expected the name of a file"),
        ("train --checkpoint=", "expected the name of a file"),
        ("train --seed -1", "at least 0"),
        (f"train --seed {2**64}", "seed"),
        ("train --layers 783,30,10", "784 first"),
        ("train --layers 784,30,9", "10 last"),
        ("train --layers 784", "784,30,10"),
        ("train --layers 784;10", "784,30,10"),
        ("train --layers 784,0,10", "784,30,10"),
        ("train --layers 784,99999999999999,10", ""),
        ("train --dtype float16", "'float32'"),
        ("train --activation rlu", "did you mean 'relu'?"),
        ("train --activation step", "'sigmoid'"),
        ("train --output-activation softmax --cost cross_entropy", "sigmoid"),
        ("train --cost crossentropy", "'cross_entropy'"),
        ("train --optimizer adm", "did you mean 'adam'?"),
        ("train --initializer he", "'he_normal'"),
        ("train --output nowhere/model", "nowhere: No such file or directory"),
        ("train --output .", ".: cannot be written: Is a directory"),
        ("train --checkpoint nowhere/run", "nowhere: No such file or directory"),
        ("train --checkpoint same --output ./same", "two files"),
        ("train --resume", "--checkpoint"),
        ("train --data nowhere", "mnist, digits"),
        ("evaluate", "MODEL"),
        ("evaluate nowhere", "nowhere"),
        ("predict", "IMAGE"),
        ("info more", "more"),
    ],
)
def test_invalid_values_are_refused_before_loading_data(
    arguments: str,
    hint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nncore.cli.load.load", lambda source: pytest.fail("data was loaded"))
    assert hint in failure(capsys, *arguments.split())
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (ModuleNotFoundError("No module named 'PIL'", name="PIL"), "pip install 'nncore[images]'"),
        (ModuleNotFoundError("No module named 'zlib'", name="zlib"), "No module named 'zlib'"),
        (ImportError("libjpeg.so.62: cannot open shared object file"), "libjpeg.so.62"),
    ],
)
def test_missing_and_broken_packages_are_errors(
    error: ImportError,
    hint: str,
    model: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(name: str) -> object:
        raise error

    monkeypatch.setattr("nncore._support.extras.import_module", fail)
    assert hint in failure(capsys, "predict", model, "three.png")


def test_a_damaged_model_or_data_set_is_an_error(
    data: Path, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(Path(model).read_bytes()[:1000])
    assert str(bad) in failure(capsys, "evaluate", bad, "--data", data)
    assert NAMES[0] in failure(capsys, "evaluate", model, "--data", tmp_path)


def test_an_internal_error_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(options: object) -> int:
        raise KeyError("x\n\x1b[2J")

    monkeypatch.setattr("nncore.cli.info.run", broken)
    error = failure(capsys, "info")
    assert "KeyError" in error
    assert "\x1b" not in error


def test_running_out_of_memory_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def greedy(options: object) -> int:
        raise MemoryError

    monkeypatch.setattr("nncore.cli.info.run", greedy)
    assert failure(capsys, "info") == "nncore: error: not enough memory\n"


def test_info_shows_the_build(tmp_path: Path) -> None:
    done = run("info", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in done.stdout.splitlines())
    build = _core.build_info()
    assert lines["nncore"] == nncore.__version__
    assert build["compiler"] in lines["compiler"]
    assert lines["instruction set"] == build["instruction_set"]
    assert lines["OpenMP"].startswith("yes" if build["openmp"] else "no")
    assert re.match(r"\d+ ", lines["threads"])


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"nncore {nncore.__version__}\n"
    assert cli.main([]) == 0
    assert "nncore train --data digits" in capsys.readouterr().out
    for command in ("train", "evaluate", "predict", "export", "info"):
        with pytest.raises(SystemExit) as left:
            cli.main([command, "--help"])
        assert left.value.code == 0
        assert f"usage: nncore {command}" in capsys.readouterr().out


def test_the_installed_command_equals_python_m(tmp_path: Path) -> None:
    script = Path(sysconfig.get_path("scripts")) / "nncore"
    if not script.exists():
        pytest.skip("nncore is on the path but not installed")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"nncore {nncore.__version__}\n")


def test_the_command_imports_only_what_it_needs(tmp_path: Path) -> None:
    code = "import sys, nncore.cli as c; c.main(['info']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & {"PIL", "tqdm", "pooch", "nncore.training", "nncore.datasets"}


def test_ctrl_c_while_arguments_are_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(action: argparse.Action, kept: object) -> None:
        raise KeyboardInterrupt

    never_kept = property(fset=interrupted)  # argparse keeps it, and then puts it back
    monkeypatch.setattr(argparse._StoreAction, "save_nargs", never_kept, raising=False)
    assert cli.main(["predict", "three.png"]) == 130
    assert capsys.readouterr().err == "nncore: interrupted\n"
