"""Runs the examples of the docstrings and the programs of the README."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import sys
from pathlib import Path

import pytest

import nncore
from ranks import needs_mpi, run_ranks

README = Path(__file__).parents[2] / "README.md"
MODULES = ["nncore", *(m.name for m in pkgutil.walk_packages(nncore.__path__, "nncore."))]


@pytest.mark.parametrize("name", [m for m in MODULES if not m.endswith("__main__")])
def test_examples_in_docstrings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0


def test_the_public_classes_have_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for each in nncore.Network.__mro__ for test in finder.find(each)]
    assert sum(bool(test.examples) for test in found) >= 5


def readme_program(part: str) -> str:
    """The one program of the README that has this in it."""
    programs = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (found,) = [program for program in programs if part in program]
    return str(found)


def test_readme_first_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(readme_program("digits.safetensors"), {})
    accuracy = float(re.findall(r"accuracy=([\d.]+)", capsys.readouterr().out)[0])
    assert accuracy > 0.85


def test_readme_program_of_distortions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("PIL")
    monkeypatch.chdir(tmp_path)
    exec(readme_program("nncore.augment"), {})
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]
    assert float(re.findall(r"accuracy=([\d.]+)", capsys.readouterr().out)[0]) > 0.85


def test_readme_any_loss_program() -> None:
    exec(readme_program("log_cosh"), {})


def test_readme_program_of_many_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(readme_program("nncore.fit_many"), {})
    assert capsys.readouterr().out.startswith("0.01 Evaluation(cost=")
    assert len(nncore.Ensemble.load("ensemble.safetensors")) == 3


@needs_mpi
def test_readme_program_of_many_machines(tmp_path: Path) -> None:
    pytest.importorskip("mpi4py")
    found = set()
    for ranks in (1, 2):
        program = readme_program("distributed.world")
        if ranks == 1:  # which has no link to measure
            program = program.replace("lanes=8, world=world", "lanes=8, link=LINK", 1)
            program = program.replace("with ", "LINK = distributed.Link.of(10)\nwith ", 1)
        (tmp_path / "train.py").write_text(program)
        ended = run_ranks(ranks, sys.executable, "train.py", cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert float(re.findall(r"accuracy=([\d.]+)", ended.stdout)[0]) > 0.7
        found.add((tmp_path / "net.safetensors").read_bytes())
    assert len(found) == 1


def test_readme_scikit_learn_program() -> None:
    pytest.importorskip("sklearn")
    exec(readme_program("MLPClassifier"), {})


def test_readme_data_frame_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    exec(readme_program("TabularRegressor"), found := {})
    assert float(capsys.readouterr().out) > 0.9
    price = found["price"][400:]
    assert ((found["low"] <= price) & (price <= found["high"])).mean() > 0.8


def test_readme_program_of_blocks() -> None:
    exec(readme_program("nncore.data.Blocks"), {})


def test_readme_export_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx")
    monkeypatch.chdir(tmp_path)
    exec(readme_program("from_onnx"), {})
    assert {path.name for path in tmp_path.iterdir()} == {"digits.onnx", "digits.h"}


def test_readme_book_program(
    mnist_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NNCORE_DATA", str(mnist_folder))
    program = readme_program("mnist_loader").replace("30, 10, 3.0", "1, 10, 3.0")
    assert program != readme_program("mnist_loader")
    exec(program, {})
    assert re.fullmatch(r"Epoch 0: [89]\d\d\d / 10000\n", capsys.readouterr().out)
