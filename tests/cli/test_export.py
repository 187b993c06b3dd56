"""`nncore export`, from its options to its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nncore
from command_line import failure, run, same_parameters
from nncore import cli
from nncore.datasets import make_digits
from nncore.export import from_book_json, from_npz


def test_every_format(model: str, tmp_path: Path) -> None:
    net = nncore.Network.load(model)
    for name in ("net.npz", "net.json", "net.h", "net.c"):
        done = run("export", model, "--output", name, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert "network   784-30-10: sigmoid, sigmoid outputs, float32\n" in done.stdout
        size = (tmp_path / name).stat().st_size
        assert f"saved     {name}, {size:,} bytes\n" in done.stdout
    assert done.stdout.endswith(
        "function  void net_feedforward(const float *x, float *y)\n"
        "function  int net_predict(const float *x)\n"
    )
    assert same_parameters(from_npz(tmp_path / "net.npz"), net)
    assert same_parameters(from_book_json(tmp_path / "net.json"), net)
    assert "static inline void net_feedforward" in (tmp_path / "net.h").read_text()


def test_onnx(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    from nncore.export import from_onnx

    path = tmp_path / "net.onnx"
    assert cli.main(["export", model, "--format", "onnx", "--output", str(path)]) == 0
    assert f"saved     {path}" in capsys.readouterr().out
    assert same_parameters(from_onnx(path), nncore.Network.load(model))


def int8(model: str, calibrate: object, capsys: pytest.CaptureFixture[str]) -> list[str]:
    path = Path(model).with_name("small.h")
    arguments = ["export", model, "--output", path, "--int8", "--calibrate", calibrate]
    assert cli.main(list(map(str, arguments))) == 0
    assert "int8_t small_weights_1[30 * 784]" in path.read_text()
    return capsys.readouterr().out.splitlines()


def test_int8_reports_its_loss_of_accuracy(
    model: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, used, before, after, lost, *_ = int8(model, data, capsys)
    assert used == "rows      1,000 to calibrate with"
    counts = [int(line.split(" of 300 test images")[0].split()[-1]) for line in (before, after)]
    assert before.endswith("in float32")
    assert after.endswith("in int8")
    assert lost == f"lost      {(counts[0] - counts[1]) / 3:.2f} points"
    digits = make_digits(50, seed=4)
    np.savez(tmp_path / "rows.npz", x=digits.x, y=digits.y)
    assert any("of 50 rows" in line for line in int8(model, tmp_path / "rows.npz", capsys))
    np.savez(tmp_path / "rows.npz", x=digits.x)
    assert any("no labels" in line for line in int8(model, tmp_path / "rows.npz", capsys))
    np.save(tmp_path / "rows.npy", digits.x)
    assert any("no labels" in line for line in int8(model, tmp_path / "rows.npy", capsys))


def test_models_of_any_shape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nncore.Network([2, 3, 1], output_activation="linear").save(tmp_path / "net")
    arguments = ["export", tmp_path / "net", "--output", tmp_path / "net.h"]
    assert cli.main(list(map(str, arguments))) == 0
    assert "2-3-1: sigmoid, linear outputs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ("", "--output"),
        ("--output net", "expected a name that ends in one of .onnx, .h, .c, .npz, .json"),
        ("--output net.safetensors", "ends in one of"),
        ("--output net.h --format onnx", "ends in .onnx"),
        ("--output net.onnx --format onyx", "did you mean 'onnx'"),
        ("--output nowhere/net.h", "nowhere: No such file or directory"),
        ("--output net.npz --int8 --calibrate digits", "--int8 is for --format c"),
        ("--output net.h --int8", "--int8 and --calibrate go together"),
        ("--output net.h --calibrate digits", "--int8 and --calibrate go together"),
        ("--output net.h --int8 --calibrate nowhere", "or a file of NumPy's, found 'nowhere'"),
        ("--output net.h --int8 --calibrate text", "expected a file of NumPy's"),
        ("--output net.h --int8 --calibrate zip", "expected a file of NumPy's"),
        ("--output net.h --int8 --calibrate other.npz", "expected an array x"),
        ("--output net.h --int8 --calibrate narrow.npy", "784"),
    ],
)
def test_invalid_options_write_no_file(
    arguments: str,
    hint: str,
    model: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text").write_text("0 1 2")
    Path("zip").write_bytes(b"PK\x03\x04")
    np.savez("other.npz", z=np.ones(3))
    np.save("narrow.npy", np.ones((3, 783)))
    before = sorted(tmp_path.iterdir())
    assert hint in failure(capsys, "export", model, *arguments.split())
    assert sorted(tmp_path.iterdir()) == before


def test_networks_that_a_format_cannot_express_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nncore.Network([2, 3, 1], activation="relu").save(tmp_path / "net")
    output = tmp_path / "net.json"
    assert "sigmoid layers only" in failure(capsys, "export", tmp_path / "net", "--output", output)
    assert "nowhere" in failure(capsys, "export", tmp_path / "nowhere", "--output", output)
    assert not output.exists()
