"""Reading and writing files, which every format does in the same way."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nncore
from export_networks import network
from nncore import DataError, ModelFileError
from nncore._support.files import append_file, check_replaceable, open_file, replace_file
from nncore.book import network2
from nncore.callbacks import CSVLogger, ModelCheckpoint
from nncore.datasets import load_idx
from nncore.export import from_book_json, from_npz, from_onnx, to_book_json, to_c, to_npz, to_onnx

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files of POSIX")

Writer = Callable[[Path], object]


def _fit(callback: Any) -> None:
    net = nncore.Network([2, 2], seed=1)
    net.fit(np.ones((4, 2)), np.ones((4, 2)), callbacks=[callback], progress=False)


def _onnx(path: Path) -> None:
    pytest.importorskip("onnx")
    to_onnx(network("relu"), path)


WRITERS: dict[str, Writer] = {
    "replace_file": lambda path: replace_file(path, b"new"),
    "check_replaceable": check_replaceable,
    "save": lambda path: network("relu").save(path),
    "save_checkpoint": lambda path: network("relu").save_checkpoint(path),
    "to_npz": lambda path: to_npz(network("relu"), path),
    "to_book_json": lambda path: to_book_json(network("sigmoid"), path),
    "to_c": lambda path: to_c(network("relu"), path),
    "to_onnx": _onnx,
    "network2": lambda path: network2.Network([2, 2]).save(path),
    "CSVLogger": lambda path: _fit(CSVLogger(path)),
    "ModelCheckpoint": lambda path: _fit(ModelCheckpoint(path)),
}


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))  # the path of a socket must be short


def _protected(path: Path) -> None:
    path.write_bytes(b"old")
    path.chmod(0o444)


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "fifo": (_fifo, "is a FIFO, not a regular file"),
    "socket": (_socket, "is a socket, not a regular file"),
    "device": (lambda p: p.symlink_to("/dev/null"), "is a character device, not a regular file"),
    "directory": (Path.mkdir, "Is a directory"),
    "protected": (_protected, "cannot be replaced: Permission denied"),
    "loop": (lambda p: p.symlink_to(p.name), "Too many levels of symbolic links"),
    "dangling": (lambda p: p.symlink_to("none/file"), "none: No such file or directory"),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("writer", WRITERS)
def test_savers_refuse_special_and_protected_files_and_leave_them_unchanged(
    writer: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.h"
    make, reason = REFUSED[kind]
    make(path)
    before = path.lstat()
    with pytest.raises((OSError, ModelFileError), match=reason) as raised:
        WRITERS[writer](path)
    assert str(path) in str(raised.value)
    after = path.lstat()
    assert (after.st_mode, after.st_ino, after.st_size) == (
        before.st_mode,
        before.st_ino,
        before.st_size,
    )
    assert os.listdir(tmp_path) == ["model.h"]


@pytest.mark.parametrize("writer", WRITERS)
def test_invalid_file_names_are_refused_before_writing(writer: str, tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path / ("m" * 300 + ".h"), "File name too long"),
        (tmp_path / "none" / "model.h", "none: No such file or directory"),
    ):
        with pytest.raises((OSError, ModelFileError), match=reason):
            WRITERS[writer](path)
    assert os.listdir(tmp_path) == []


def test_savers_refuse_standard_output(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom nncore._support.files import replace_file\n"
        "try: replace_file('/dev/stdout', b'new')\n"
        "except OSError as error: print(error, file=sys.stderr)"
    )
    with open(tmp_path / "out", "wb") as out:
        for stdout, reason in (
            (subprocess.PIPE, "is a FIFO"),
            (subprocess.DEVNULL, "is a character device"),
            (out, "a process has open"),
        ):
            done = subprocess.run(
                [sys.executable, "-c", code],
                stdout=stdout,
                stderr=subprocess.PIPE,
                text=True,
                check=True,
            )
            assert reason in done.stderr
    assert (tmp_path / "out").read_bytes() == b""


def test_symlinks_and_permissions_are_kept_and_hard_links_keep_the_old_content(
    tmp_path: Path,
) -> None:
    file, near, far, hard = (tmp_path / name for name in ("file", "near", "far", "hard"))
    near.symlink_to("file")
    far.symlink_to(near)
    replace_file(far, b"first")
    assert file.read_bytes() == b"first"
    file.chmod(0o640)
    os.link(file, hard)
    replace_file(far, b"second")
    assert (near.is_symlink(), far.is_symlink()) == (True, True)
    assert (file.read_bytes(), hard.read_bytes()) == (b"second", b"first")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_check_writable_changes_nothing(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_bytes(b"old")
    before = old.stat()
    check_replaceable(old, 100_000)
    check_replaceable(tmp_path / "new")
    assert old.stat().st_mtime_ns == before.st_mtime_ns
    assert os.listdir(tmp_path) == ["old"]


# ---- savers that are killed ----------------------------------------------------------------------

SAVER = """
import sys
from nncore._support.files import replace_file
content = bytes(int(sys.argv[2]))
print("ready", flush=True)
while True:
    replace_file(sys.argv[1], content)
"""


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts processes that save to `model` in an endless loop."""
    started = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(tmp_path / "model"), str(30_000_000)],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _stop_while_saving(process: subprocess.Popen[str], folder: Path) -> Path:
    """Stops the process while its temporary file exists, and returns that file."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        found = list(folder.glob(f".nncore-save-{process.pid}-*.tmp"))
        if found:
            return found[0]
        process.send_signal(signal.SIGCONT)
        time.sleep(0.001)
    raise AssertionError("the process was never caught while it saved")


def test_the_next_save_removes_temporary_files_of_killed_processes(
    tmp_path: Path, saver: Callable[[], subprocess.Popen[str]]
) -> None:
    left = []
    for _ in range(3):
        process = saver()
        left.append(_stop_while_saving(process, tmp_path))
        process.kill()
        process.wait()
    assert left[-1].exists()
    replace_file(tmp_path / "another", b"new")
    assert not list(tmp_path.glob(".nncore-save-*"))


def test_a_save_keeps_temporary_files_of_live_processes(
    tmp_path: Path, saver: Callable[[], subprocess.Popen[str]]
) -> None:
    process = saver()
    theirs = _stop_while_saving(process, tmp_path)
    replace_file(tmp_path / "model", b"mine")
    check_replaceable(tmp_path / "model")
    assert theirs.exists()
    process.send_signal(signal.SIGCONT)
    deadline = time.monotonic() + 60
    while (tmp_path / "model").stat().st_size != 30_000_000:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert process.poll() is None


def test_killed_savers_leave_a_complete_file_and_nothing_else(
    tmp_path: Path, saver: Callable[[], subprocess.Popen[str]]
) -> None:
    rng = np.random.default_rng(0)
    replace_file(tmp_path / "model", bytes(30_000_000))
    for delay in rng.uniform(0, 0.1, 5):
        pair = [saver(), saver()]
        time.sleep(delay)
        for process in pair:
            assert process.poll() is None
            process.kill()
            process.wait()
        assert (tmp_path / "model").stat().st_size == 30_000_000
    check_replaceable(tmp_path / "model")
    assert os.listdir(tmp_path) == ["model"]


def test_a_save_looks_at_no_file_that_no_lock_names(tmp_path: Path) -> None:
    """To look at all would take the longer the more there are."""
    (tmp_path / ".nncore-save-1-4.tmp").write_bytes(b"whose lock is gone")
    replace_file(tmp_path / "model", b"new")
    assert sorted(os.listdir(tmp_path)) == [".nncore-save-1-4.tmp", "model"]
    (tmp_path / ".nncore-save-5.lock").write_bytes(b".nncore-save-1-4.tmp")
    replace_file(tmp_path / "model", b"newer")
    assert os.listdir(tmp_path) == ["model"]


def test_files_with_similar_names_are_kept(tmp_path: Path) -> None:
    names = [".nncore-save-1.tmp", ".nncore-save-1-2.tmp.bak", ".nncore-save-a-1.tmp", ".tmp"]
    for name in (*names, ".nncore-save--1.tmp", ".nncore-save-1-.tmp", "nncore-save-1-1.tmp"):
        (tmp_path / name).write_bytes(b"theirs")
    (tmp_path / ".nncore-save-1-1.tmp").mkdir()
    (tmp_path / ".nncore-save-1-2.tmp").symlink_to("elsewhere")
    os.mkfifo(tmp_path / ".nncore-save-1-3.tmp")
    before = sorted(os.listdir(tmp_path))
    replace_file(tmp_path / "new", b"new")
    assert sorted(os.listdir(tmp_path)) == sorted([*before, "new"])


# ---- reading -------------------------------------------------------------------------------------


def _read_onnx(path: Path) -> object:
    pytest.importorskip("onnx")
    return from_onnx(path)


def _read_digit(path: Path) -> object:
    pytest.importorskip("PIL")
    from nncore.images import read_digit

    return read_digit(str(path))


READERS: dict[str, Callable[[Path], object]] = {
    "open_file": open_file,
    "append_file": lambda path: append_file(path, b"more"),
    "load": nncore.Network.load,
    "resume": nncore.Network.resume,
    "from_npz": from_npz,
    "from_book_json": from_book_json,
    "from_onnx": _read_onnx,
    "network2": network2.load,
    "load_idx": load_idx,
    "read_digit": _read_digit,
}


@pytest.fixture
def time_limit() -> Iterator[None]:
    """Raises in a test that blocks."""

    def give_up(*_: object) -> None:
        raise TimeoutError("it waited")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("time_limit")
@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "directory"])
@pytest.mark.parametrize("reader", READERS)
def test_readers_refuse_special_files_without_blocking(
    reader: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "file"
    REFUSED[kind][0](path)
    with pytest.raises((OSError, ModelFileError, DataError), match="file") as raised:
        READERS[reader](path)
    assert not isinstance(raised.value, TimeoutError)


def test_an_npz_decompression_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file,
        file.open("weights_1.npy", "w", force_zip64=True) as member,
    ):
        header = {"descr": "<f8", "fortran_order": False, "shape": (1, 45_000_000)}
        np.lib.format.write_array_header_1_0(member, header)
        for _ in range(45):
            member.write(bytes(8_000_000))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ModelFileError, match=r"would expand to 360,\d+,\d+"):
        from_npz(path)


@pytest.mark.parametrize(
    "text",
    [
        '{"sizes": [1, 1], "weights": [[[NaN]]], "biases": [[[0]]], "cost": "QuadraticCost"}',
        '{"sizes": [1, 1], "weights": [[[1e999]]], "biases": [[[0]]], "cost": "QuadraticCost"}',
        '{"sizes": [1, 1], "weights": [[[1' + "0" * 400 + ']]], "biases": [[[0]]], "cost": "a"}',
        '{"sizes": [1, 1], "weights": ' + "[" * 100_000,
        '{"sizes": [1], "weights": [], "biases": [], "cost": "QuadraticCost"}',
        "[]",
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    ],
    ids=["nan", "infinite", "large", "deep", "empty", "list", "junk"],
)
def test_damaged_json_is_a_model_file_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text(text)
    for read in (from_book_json, network2.load):
        if read is network2.load and "1e999" in text:
            continue  # parameters of the book's networks may be infinite
        with pytest.raises(ModelFileError, match=r"net\.json"):
            read(path)


def test_json_sizes_may_be_integral_floats(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    content = {"sizes": [1.0, 1], "weights": [[[1]]], "biases": [[[2]]], "cost": "QuadraticCost"}
    path.write_text(json.dumps(content))
    assert from_book_json(path).sizes == (1, 1)
