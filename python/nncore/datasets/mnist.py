"""MNIST from a directory, from the cache, or from the network."""

from __future__ import annotations

import hashlib
import os
import sys
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from nncore._support.extras import require
from nncore._support.files import replace_file
from nncore.datasets._types import Dataset, Split
from nncore.datasets.idx import expanded, load_idx
from nncore.errors import DataError

MIRRORS = [
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
]
"""Where the files are downloaded from, tried in this order; NNCORE_MNIST_URL replaces them."""

TIMEOUT = 30.0
"""The seconds after which a server that stopped answering is given up."""

_TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
_TEST = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

# Size and SHA-256 of the IDX files themselves: those of a .gz depend on who compressed it.
_CONTENTS = {
    _TRAIN[0]: (47040016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    _TRAIN[1]: (60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    _TEST[0]: (7840016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    _TEST[1]: (10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
}
_MOST = 64 << 20  # bytes of a download, plain or compressed
_HELP = (
    "put MNIST's four files into a directory and set NNCORE_DATA to it, "
    "or use nncore.datasets.load_digits, which needs no files"
)


def load_mnist(path: str | os.PathLike[str] | None = None) -> Dataset:
    """Load MNIST, or another data set of the same files such as Fashion-MNIST.

    The four IDX files, plain or .gz, are looked for in the directory `path`; without one, in the
    directory that NNCORE_DATA names, then in the cache (NNCORE_CACHE, or the user's cache
    directory). Where they are in neither, MNIST is downloaded into the cache, which needs the
    extra "mnist", and checked before it gets there.

    EMNIST's files are found by their own names too, such as emnist-letters-train-images-idx3-ubyte.
    Labels are those of the files: 1 to 26 for its letters, so that a network needs 27 outputs, or
    `y - 1`. Its images lie on their side: `x.reshape(-1, 28, 28).swapaxes(1, 2)` turns them.

    The last sixth of the training images validates: 50,000 / 10,000 / 10,000 rows, each with
    `.x` (n, 784) float32 in [0, 1] and `.y` (n,) int64. Raises DataError where a file is missing,
    damaged or does not go with the others, or where the download fails.
    """
    folder = find_mnist() or _download() if path is None else Path(path).expanduser()
    train, test = (_pair(folder, *names) for names in _names_in(folder))
    kept = len(train.y) - len(train.y) // 6
    return Dataset(
        Split(train.x[:kept], train.y[:kept]), Split(train.x[kept:], train.y[kept:]), test
    )


def find_mnist() -> Path | None:
    """The directory that `load_mnist()` reads without a download; None where there is none."""
    named = os.environ.get("NNCORE_DATA")
    if named and any(_find(Path(named).expanduser(), name) for name in _CONTENTS):
        return Path(named).expanduser()
    cache = cache_directory()
    return cache if all(_find(cache, name) for name in _CONTENTS) else None


def cache_directory() -> Path:
    """Where downloads are kept: NNCORE_CACHE, or "nncore" in the user's cache directory."""
    if named := os.environ.get("NNCORE_CACHE"):
        return Path(named).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "nncore"


def _names_in(folder: Path) -> tuple[tuple[str, str], tuple[str, str]]:
    """The names of training images and labels, and those to test on: MNIST's, or EMNIST's."""
    mnist = (_TRAIN, _TEST)
    if not folder.is_dir() or any(_find(folder, name) for name in _CONTENTS):
        return mnist
    ending = f"-{_TRAIN[0]}"
    found = sorted({file.name.removesuffix(".gz") for file in folder.glob(f"emnist-*{ending}*")})
    splits = [name.removesuffix(ending) for name in found if name.endswith(ending)]
    if len(splits) > 1:
        raise DataError(
            f"{folder}: expected one data set, found {', '.join(splits)}; give each a directory"
        )
    if not splits:
        return mnist
    train, test = (
        tuple(f"{splits[0]}-{part}-{kind}" for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))
        for part in ("train", "test")
    )
    return (train[0], train[1]), (test[0], test[1])


def _find(folder: Path, name: str) -> Path | None:
    return next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)


def _pair(folder: Path, images_name: str, labels_name: str) -> Split:
    images_file, images = _load(folder, images_name, dimensions=3)
    labels_file, labels = _load(folder, labels_name, dimensions=1)
    if images.shape[1:] != (28, 28):
        found = " x ".join(map(str, images.shape[1:]))
        raise DataError(f"{images_file}: expected images of 28 x 28 pixels, found {found}")
    if len(images) != len(labels):
        raise DataError(
            f"{labels_file}: expected {len(images)} labels, one for each image in "
            f"{images_file.name}, found {len(labels)}"
        )
    x = images.reshape(-1, 784).astype(np.float32)
    x /= 255
    return Split(x, labels.astype(np.int64))


def _load(folder: Path, name: str, dimensions: int) -> tuple[Path, NDArray[np.uint8]]:
    file = _find(folder, name)
    if file is None:
        found = "neither" if folder.is_dir() else "no such directory"
        raise DataError(f"{folder}: expected a file {name} or {name}.gz, found {found}")
    array = load_idx(file)
    if array.ndim != dimensions or array.dtype != np.uint8:
        raise DataError(
            f"{file}: expected {dimensions} dimension(s) of uint8, "
            f"found {array.ndim} of {array.dtype}"
        )
    return file, array


def _download() -> Path:
    """Downloads the files that the cache lacks; returns the cache."""
    pooch = require("pooch", extra="mnist", purpose="downloading MNIST")
    bar = find_spec("tqdm") is not None and sys.stderr.isatty()
    cache = cache_directory()
    with ExitStack() as opened:

        def keep(response: Any, **_: Any) -> None:
            opened.callback(response.close)  # pooch leaves a broken one open

        get = pooch.HTTPDownloader(
            progressbar=bar, chunk_size=1 << 16, timeout=TIMEOUT, hooks={"response": keep}
        )
        for name in _CONTENTS:
            if _find(cache, name) is None:
                _store(cache / name, _fetch(name, get))
    return cache


def _fetch(name: str, get: Callable[[str, BinaryIO, None], None]) -> bytes:
    """The right content of an IDX file, from the first mirror that has it."""
    named = os.environ.get("NNCORE_MNIST_URL")
    outside = sys.exc_info()[1]
    faults = []
    for base in [named] if named else MIRRORS:
        url = f"{base.rstrip('/')}/{name}.gz"
        try:
            buffer = _Buffer()
            get(url, buffer, None)
            return _checked(name, buffer)
        # All faults of the network, the server and the file; the errors of requests are
        # OSErrors.
        except (OSError, EOFError, zlib.error, DataError) as error:
            fault: BaseException = error
            while fault.__context__ not in (None, outside):  # requests wraps the plain reason
                fault = fault.__context__
            faults.append(f"{url}: {' '.join(str(fault).split())}")
    raise DataError(f"cannot download {name}: {'; '.join(faults)}. Instead, {_HELP}")


class _Buffer(BytesIO):
    """A file in memory of bounded size, however much a server sends."""

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > _MOST:
            raise OSError(f"expected at most {_MOST} bytes, found more")
        return super().write(data)


def _checked(name: str, stored: BytesIO) -> bytes:
    size, sha256 = _CONTENTS[name]
    stored.seek(0)
    content = expanded(stored).read(size + 1)
    if len(content) != size:
        found = len(content) if len(content) < size else "more"
        raise DataError(f"expected {size} bytes of IDX data, found {found}")
    if (found_sha256 := hashlib.sha256(content).hexdigest()) != sha256:
        raise DataError(f"expected the SHA-256 {sha256}, found {found_sha256}")
    return content


def _store(file: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, content)
    except OSError as error:
        raise DataError(
            f"{file}: cannot write into the cache: {error.strerror}; "
            "set NNCORE_CACHE to a directory that can be written"
        ) from None
