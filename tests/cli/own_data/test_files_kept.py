"""Commands on users' own tables write over nothing that they read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command_line import failure
from nncore import cli


def test_what_is_read_is_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text("a,b\n" + "".join(f"{i},{i % 7}.5\n" for i in range(30)))
    os.link("table.csv", "same.csv")
    train = "train", "--data", "table.csv", "--target", "b", "--epochs", "1"
    assert cli.main([*train, "--output", "model"]) == 0
    before = {name: Path(name).read_bytes() for name in os.listdir()}
    for command, option, name in (
        (train, "--output", "table.csv"),
        (train, "--output", "same.csv"),
        (("predict", "model", "table.csv"), "--output", "same.csv"),
        (("predict", "model", "table.csv"), "--output", "model"),
    ):
        error = failure(capsys, *command, option, name)
        assert f"{option} {name} would replace what is read" in error
    assert {name: Path(name).read_bytes() for name in os.listdir()} == before


def test_nothing_is_written_of_a_table_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text("a,b\n" + "".join(f"{i},{i % 7}.5\n" for i in range(30)))
    train = "train", "--data", "table.csv", "--target", "b", "--epochs", "1"
    assert cli.main([*train, "--output", "model"]) == 0
    capsys.readouterr()
    assert cli.main(["predict", "model", "missing.csv"]) != 0
    assert capsys.readouterr().out == ""
