"""The installed package: C++ programs find it, it is small, other packages work beside it."""

from __future__ import annotations

import importlib.metadata
import io
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import nncore
from nncore import _core

CONSUMER = Path(__file__).parents[1] / "consumer"

installed = pytest.mark.skipif(
    not (Path(_core.__file__).parent / "lib").is_dir(),
    reason="needs an nncore that pip installed",
)


def output_of(*command: object, fails: bool = False) -> str:
    result = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert (result.returncode != 0) == fails, result.stdout + result.stderr
    return result.stderr if fails else result.stdout.rstrip("\n")


@installed
def test_cmake_dir_and_include_dir() -> None:
    cmake = Path(output_of(sys.executable, "-m", "nncore", "--cmake-dir"))
    include = Path(output_of(sys.executable, "-m", "nncore", "--include-dir"))
    assert (cmake / "nncoreConfig.cmake").is_file()
    assert (include / "nncore" / "nncore.hpp").is_file()


def test_cmake_dir_without_installed_library_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from nncore import cli

    monkeypatch.setattr(_core, "__file__", str(tmp_path / "_core.so"))
    assert cli.main(["--cmake-dir"]) == 2
    error = capsys.readouterr().err
    assert "cmake" in error
    assert "pip" in error


@installed
def test_a_cmake_program_finds_the_installed_package(tmp_path: Path) -> None:
    """tests/consumer is built with nothing but the path of the package's CMake files."""
    if not shutil.which("cmake") or not (shutil.which("c++") or shutil.which("g++")):
        pytest.skip("needs cmake and a C++ compiler")
    where = output_of(sys.executable, "-m", "nncore", "--cmake-dir")
    output_of("cmake", "-S", CONSUMER, "-B", tmp_path, f"-Dnncore_DIR={where}")
    output_of("cmake", "--build", tmp_path)
    answers = output_of(tmp_path / "xor", tmp_path / "xor.safetensors")
    assert answers == f"0 1 1 0 {nncore.__version__}"
    net = nncore.Network.load(tmp_path / "xor.safetensors")
    assert net.predict([[0, 0], [0, 1], [1, 0], [1, 1]]).tolist() == [0, 1, 1, 0]


@installed
def test_wheel_size() -> None:
    """At most 1.7 MB, compressed as in a wheel; 0.4 are what reads digits, and the page."""
    files = importlib.metadata.files("nncore") or []
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file in files:
            if file.suffix != ".pyc":
                wheel.write(str(file.locate()), str(file))
    assert "nncore/lib/cmake/nncore/nncoreConfig.cmake" in map(str, files)
    assert packed.tell() <= 1.7e6


NEIGHBOURS = """
import hashlib, importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
import numpy as np
import nncore
from sklearn.cluster import KMeans
x = np.random.default_rng(0).random((600, 200), dtype=np.float32)
net = nncore.Network([200, 300, 10], seed=1)
nncore.set_num_threads(2)
for _ in range(2):
    net.fit(x, np.arange(600) % 10, epochs=1, batch_size=300, progress=False)
    KMeans(3, n_init=1, random_state=0).fit(x)
print(hashlib.sha256(b"".join(w.tobytes() for w in net.weights)).hexdigest())
"""


def test_scikit_learns_openmp_runtime_in_the_same_process() -> None:
    """scikit-learn brings an OpenMP runtime of its own. Both work, in either order of import."""
    pytest.importorskip("sklearn")
    orders = (["nncore", "sklearn.cluster"], ["sklearn.cluster", "nncore"])
    assert len({output_of(sys.executable, "-c", NEIGHBOURS, *order) for order in orders}) == 1
