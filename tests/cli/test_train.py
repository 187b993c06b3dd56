"""`nncore train`: what it prints, what it saves, and --resume."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import numpy as np
import pytest

import nncore
from command_line import SMALL, environment, epochs_of, failure, run, same_parameters
from idx_files import NAMES, write_files
from nncore import cli, datasets
from nncore.augment import Affine, Noise
from nncore.datasets import load_mnist


def test_train_prints_its_settings_and_saves_the_same_network_as_fit(
    data: Path, tmp_path: Path
) -> None:
    done = run("train", "--data", data, "--epochs", 4, "--seed", 5, *SMALL, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")

    train, validation, test = load_mnist(data)
    net = nncore.Network([784, 12, 10], initializer="normal", seed=5)
    history = net.fit(
        *train, epochs=4, batch_size=20, learning_rate=3.0, validation_data=validation
    )
    accuracy = history["validation_accuracy"]
    rights = [round(200 * a) for a in accuracy]
    printed = epochs_of(done.stdout)
    assert [number for number, _, _ in printed] == [1, 2, 3, 4]
    assert [cost for _, cost, _ in printed] == pytest.approx(history["cost"], abs=5.1e-6)
    assert [right for _, _, right in printed] == rights
    assert "1,000 training, 200 validation and 300 test images" in done.stdout
    best = accuracy.index(max(accuracy))
    assert f"epoch {best + 1}: {rights[best]} of 200 validation images" in done.stdout
    right = int((net.predict(test.x) == test.y).sum())
    assert f"{right} of 300 test images, {right / 3:.2f} %" in done.stdout
    assert re.search(r"^time +\d+\.\d s$", done.stdout, flags=re.MULTILINE)
    assert "saved     nncore-model.safetensors\n" in done.stdout
    assert "\r" not in done.stdout
    assert same_parameters(nncore.Network.load(tmp_path / "nncore-model.safetensors"), net)


def test_running_twice_keeps_the_previous_model(data: Path, tmp_path: Path) -> None:
    for seed in (1, 2):
        done = run("train", "--data", data, "--epochs", 1, "--seed", seed, *SMALL, cwd=tmp_path)
        assert done.returncode == 0
    assert "the earlier one is now nncore-model.previous.safetensors" in done.stdout
    assert nncore.Network.load(tmp_path / "nncore-model.safetensors").seed == 2
    assert nncore.Network.load(tmp_path / "nncore-model.previous.safetensors").seed == 1


def test_every_option_reaches_the_network(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    options = (
        "--layers 784,8,6,10 --activation relu --cost log_likelihood --initializer he_normal "
        "--dtype float64 --seed 3 --epochs 2 --batch-size 7 --learning-rate 0.01 "
        "--optimizer momentum --l2 0.5 --dropout 0.2 --threads 1 --output out.safetensors "
        "--augment rotation=15,shift=2,noise=0.1"
    )
    assert cli.main(["train", "--data", str(data), *options.split()]) == 0
    assert nncore.get_num_threads() == 1
    net = nncore.Network(
        [784, 8, 6, 10],
        activation="relu",
        output_activation="softmax",
        cost="log_likelihood",
        initializer="he_normal",
        dtype="float64",
        seed=3,
    )
    net.fit(
        *load_mnist(data).train,
        epochs=2,
        batch_size=7,
        learning_rate=0.01,
        optimizer="momentum",
        l2=0.5,
        dropout=0.2,
        augment=Affine(rotation=15, shift=2) + Noise(0.1),
    )
    saved = nncore.Network.load("out.safetensors")
    assert (saved.activations, saved.cost, saved.dtype) == (net.activations, net.cost, net.dtype)
    assert same_parameters(saved, net)
    assert os.listdir() == ["out.safetensors"]
    said = capsys.readouterr().out
    assert "momentum, distorted digits, l2 0.5, dropout 0.2, learning rate 0.01" in said


def test_train_on_generated_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = datasets.load_digits(300, 100, 100)
    monkeypatch.setattr(datasets, "load_digits", lambda: small)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "--data", "digits", "--epochs", "1"]) == 0
    output = capsys.readouterr().out
    assert "300 training, 100 validation and 100 test images" in output
    assert "nncore evaluate nncore-model.safetensors --data digits" in output


def test_without_mnist_and_internet_train_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as nobody:  # bound but not listening: it refuses connections at once
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        env = environment(NNCORE_CACHE=str(tmp_path / "cache"), NNCORE_MNIST_URL=url)
        done = run("train", cwd=tmp_path, env=env)
    assert done.returncode == 2
    assert re.fullmatch(r"nncore: error: [^\n]+\n", done.stderr)
    for hint in ("NNCORE_DATA", "--data DIR", "--data digits", *NAMES):
        assert hint in done.stderr
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_checkpointed_run_resumes_to_the_same_bits(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def train(*options: str) -> str:
        command = ["train", "--data", str(data), *SMALL, "--optimizer", "adam", *options]
        assert cli.main(command) == 0
        return capsys.readouterr().out

    train("--epochs", "5", "--output", "straight")
    first = train("--epochs", "2", "--checkpoint", "{run}", "--resume", "--output", "stopped")
    second = train("--epochs", "5", "--checkpoint", "{run}", "--resume", "--output", "resumed")
    assert [n for n, _, _ in epochs_of(first)] == [1, 2]
    assert [n for n, _, _ in epochs_of(second)] == [3, 4, 5]
    assert "there is no {run} yet" in first
    assert "from {run}, after 2 epochs" in second
    load = nncore.Network.load
    assert same_parameters(load("resumed"), load("straight"))
    assert not same_parameters(load("stopped"), load("straight"))

    nothing_left = train("--epochs", "5", "--checkpoint", "{run}", "--resume", "--output", "again")
    assert epochs_of(nothing_left) == []
    assert same_parameters(load("again"), load("straight"))

    assert "--resume" in failure(capsys, "train", "--data", data, "--checkpoint", "{run}")
    resume = ("train", "--data", data, "--checkpoint", "{run}", "--resume")
    assert "--epochs 3" in failure(capsys, *resume, "--epochs", 3)
    assert "--layers 784,9,10" in failure(capsys, *resume, "--layers", "784,9,10")
    assert "--seed 1" in failure(capsys, *resume, *SMALL, "--seed", 1)


def test_a_diverging_run_is_an_error_and_saves_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    wild = ["--activation", "relu", "--output-activation", "linear", "--learning-rate", "1e30"]
    assert "epoch 1" in failure(capsys, "train", "--data", data, *wild)
    assert os.listdir() == []


def test_a_resumed_run_has_the_options_it_had(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that are left out. Another optimiser is refused, other numbers are told of."""
    monkeypatch.chdir(tmp_path)

    def train(*options: str) -> str:
        assert cli.main(["train", "--data", str(data), *options]) == 0
        return capsys.readouterr().out

    options = (*SMALL, "--optimizer", "momentum", "--learning-rate", "0.02", "--batch-size", "25",
               "--l2", "0.5", "--dropout", "0.25", "--augment")  # fmt: skip
    train(*options, "--epochs", "4", "--output", "straight")
    train(*options, "--epochs", "2", "--checkpoint", "run", "--output", "stopped")
    resume = ("--checkpoint", "run", "--resume")
    said = train(*resume, "--epochs", "4", "--output", "resumed")
    assert "mini-batches of 25, momentum, distorted digits, l2 0.5, dropout 0.25," in said
    assert "learning rate 0.02" in said
    assert "changed" not in said
    load = nncore.Network.load
    assert same_parameters(load("resumed"), load("straight"))
    assert epochs_of(train(*resume, "--output", "done")) == []  # --epochs was 4

    refused = failure(capsys, "train", "--data", data, *resume, "--optimizer", "adam")
    assert "run: expected a checkpoint of --optimizer adam, found momentum" in refused
    said = train(*resume, "--epochs", "5", "--learning-rate", "0.5", "--dropout", "0.25",
                 "--output", "faster")  # fmt: skip
    assert "changed   --learning-rate 0.5 (it was 0.02)\n" in said
    assert said.count("changed") == 1
    said = train(*resume, "--epochs", "6", "--augment", "none", "--output", "plain")
    assert "changed   --augment none (it was elastic=36,sigma=6," in said
    assert "distorted" not in said


def test_checkpoints_of_the_library_are_resumed_as_they_were(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    net = nncore.Network([784, 10])
    x, y = np.zeros((10, 784)), range(10)
    net.fit(x, y, 1, optimizer="adam", learning_rate=0.25, validation_data=(x, y))
    net.save_checkpoint("run")
    command = ["train", "--data", str(data), "--checkpoint", "run", "--resume", "--epochs", "2"]
    assert cli.main(command) == 0
    assert "adam, learning rate 0.25" in capsys.readouterr().out
    assert "found adam" in failure(capsys, *command, "--optimizer", "sgd")


def test_the_best_epoch_is_one_that_was_measured(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program's checkpoint may have epochs without validation data, which hold NaN."""
    monkeypatch.chdir(tmp_path)
    net = nncore.Network([784, 10], seed=1)
    net.fit(np.zeros((10, 784)), range(10), 2, learning_rate=0.25)
    net.save_checkpoint("run")
    command = ["train", "--data", str(data), "--checkpoint", "run", "--resume", "--epochs"]
    assert cli.main([*command, "4"]) == 0
    assert re.search(r"^best +epoch [34]: \d+ of 200", capsys.readouterr().out, flags=re.MULTILINE)


def test_letters_are_refused_before_training(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = tmp_path / "letters"
    letters.mkdir()
    for file in data.iterdir():
        (letters / file.name).write_bytes(file.read_bytes())
    write_files(letters, {NAMES[3]: np.full(300, 26, np.uint8)})
    said = failure(capsys, "train", "--data", letters, "--output", tmp_path / "model")
    assert "expected labels 0 to 9, found 26 among the test images" in said
