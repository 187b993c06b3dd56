"""The extension built for AddressSanitizer, in a directory of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
BUILD = REPOSITORY / "build" / "campaign-asan"


def sanitized_environment() -> dict[str, str]:
    """Builds the package under BUILD. Returns the environment of workers that use it."""
    import pybind11

    subprocess.run(
        [
            "cmake", "-S", REPOSITORY, "-B", BUILD, "-G", "Ninja", "-DNNCORE_PYTHON=ON",
            "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1",
            "-DNNCORE_SANITIZE=address,undefined", f"-DPython_EXECUTABLE={sys.executable}",
            f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
        ],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    subprocess.run(
        ["cmake", "--build", BUILD, "-j1", "--target", "_core"], check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    package = BUILD / "package" / "nncore"
    shutil.rmtree(package.parent, ignore_errors=True)
    shutil.copytree(REPOSITORY / "python" / "nncore", package)
    for extension in (BUILD / "cpp/bindings").glob("_core*.so"):
        shutil.copy(extension, package)
    libraries = [
        subprocess.run(
            ["c++", f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so", "libstdc++.so.6")
    ]
    return {
        "PYTHONPATH": os.pathsep.join([str(package.parent), os.environ.get("PYTHONPATH", "")]),
        "LD_PRELOAD": " ".join(libraries),
        "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:handle_segv=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "CAMPAIGN_PACKAGE": str(package),
    }
