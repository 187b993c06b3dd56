"""Damaged files for every reader: the documented error, or a usable result."""

from __future__ import annotations

import os
import random
import resource
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness import mutate, world
from harness.base import Case, Part, deadline, expect
from harness.calls import HAS_ONNX
from nncore import DataError, DivergenceError, ModelFileError, Network, _core, datasets, export
from nncore.callbacks import EarlyStopping

SECONDS = 10.0
"""That no damaged file may take, on a busy machine either."""
MEMORY = 1 << 30
"""Bytes above what is in use, beyond which none may go."""
WORDS: list[Any] = [
    "F32", "F64", "I64", "U8", "BF16", "nncore.sizes", "nncore.epoch", "nncore.seed", "5,8,3",
    "adam", "sgd", "softmax", "sigmoid", "step", "quadratic", "log_likelihood", "weights.0",
    "biases.0", "optimizer.0.weights.0", "nncore.unfinished", "__metadata__", "checkpoint", "1",
    "18446744073709551615", "-1", "QuadraticCost", "CrossEntropyCost", [5, 8, 3], [0, 0],
]  # fmt: skip


@dataclass
class Reader:
    """A function that reads one kind of file."""

    read: Callable[[Path], Any]
    seeds: list[bytes]
    mutate: Callable[[random.Random, bytes], bytes]
    errors: tuple[type[Exception], ...]
    use: Callable[[Any], object]
    share: int = 1
    suffix: str = ""


def use_network(net: Network) -> None:
    world.expect(net.all_finite(), "a network with parameters that are not finite was read")
    x = np.ones((2, net.sizes[0]), net.dtype)
    expect(net.feedforward(x).shape == (2, net.sizes[-1]), "its outputs have another shape")
    net.predict(x[0])


def use_checkpoint(net: Network) -> None:
    """It trains, or raises a documented error."""
    use_network(net)
    x, y = np.ones((3, net.sizes[0])), np.zeros((3, net.sizes[-1]))
    try:
        stop = [EarlyStopping("cost")]
        net.fit(x, y, 1, 2, 1e-4, optimizer="adam", callbacks=stop, progress=False)
    except (ValueError, ModelFileError, DivergenceError):
        pass


def seeds_of(write: Callable[[Any, Path], object], folder: Path, nets: list[Any]) -> list[bytes]:
    found = []
    for net in nets:
        write(net, folder / "seed.h")
        found.append((folder / "seed.h").read_bytes())
    return found


def idx_seeds() -> list[bytes]:
    from idx_files import idx_bytes

    arrays = [np.arange(12, dtype=d).reshape(3, 4) for d in ("uint8", "int16", "float64")]
    return [idx_bytes(a) for a in [*arrays, np.zeros((2, 28, 28), np.uint8)]]


def pictures() -> list[bytes]:
    import io

    from PIL import Image

    grey = np.zeros((28, 28), np.uint8)
    grey[6:20, 12:15] = 255
    found = []
    image, deep = Image.fromarray(grey), Image.fromarray(grey.astype(np.uint16) * 257)
    for picture, kind in (
        (image, "PNG"), (image.convert("RGBA"), "PNG"), (image.convert("1"), "PNG"), (deep, "PNG"),
        (image.convert("P"), "GIF"), (image, "BMP"), (image, "JPEG"), (image.convert("F"), "TIFF"),
    ):  # fmt: skip
        out = io.BytesIO()
        picture.save(out, kind)
        found.append(out.getvalue())
    return found


def readers(folder: Path) -> dict[str, Reader]:
    folder.mkdir()
    nets = [world.trained(), world.network("float64"), Network([3, 2], seed=2)]
    book = [world.book_network(), Network([2, 1])]
    models = seeds_of(lambda n, p: n.save(p), folder, nets)
    checkpoints = seeds_of(lambda n, p: n.save_checkpoint(p), folder, nets)
    of_tensors = lambda rng, data: mutate.tensors_of(rng, data, WORDS)  # noqa: E731

    def book_json(rng: random.Random, data: bytes) -> bytes:
        import json

        return mutate.json_text(rng, mutate.tree_of(rng, json.loads(data), WORDS))

    damaged = (ModelFileError,)
    found = {
        "load": Reader(Network.load, models, of_tensors, damaged, use_network, 6),
        "resume": Reader(Network.resume, checkpoints, of_tensors, damaged, use_checkpoint, 6),
        "read_tensors": Reader(_core.read_tensors, checkpoints, of_tensors, damaged, repr, 3),
        "load_idx": Reader(datasets.load_idx, idx_seeds(), mutate.idx_of, (DataError,), np.sum, 6),
        "from_npz": Reader(
            export.from_npz, seeds_of(lambda n, p: export.to_npz(n, p), folder, nets),
            mutate.zip_of, (ModelFileError, OSError), use_network, 3,
        ),
        "from_book_json": Reader(
            export.from_book_json, seeds_of(export.to_book_json, folder, book), book_json,
            (ModelFileError, OSError), use_network, 3,
        ),
    }  # fmt: skip
    if HAS_ONNX:
        from attacks import fuzz_onnx

        found["from_onnx"] = Reader(
            export.from_onnx, fuzz_onnx.seeds(folder), fuzz_onnx.mutate, damaged, use_network, 2
        )
    try:
        from nncore.images import ImageError, read_digit

        found["read_digit"] = Reader(
            lambda path: read_digit(str(path)), pictures(), mutate.png_of, (ImageError, OSError),
            lambda x: expect(np.isfinite(x).all() and x.shape == (784,), "no digit came of it"), 2,
        )  # fmt: skip
    except ImportError:
        print("SKIPPED: images, for want of Pillow", flush=True)
    return found


class Attack(Part):
    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        warnings.simplefilter("ignore")
        np.seterr(all="ignore")
        self.readers = readers(folder / "seeds")
        self.names = [name for name, reader in self.readers.items() for _ in range(reader.share)]
        self.path = folder / "file"
        self.limited = False
        self.read = self.refused = 0

    def draw(self, rng: random.Random, index: int) -> Case:
        name = self.names[index % len(self.names)]
        reader = self.readers[name]
        if rng.random() < 0.002:
            return {"reader": name, "kind": rng.choice(list(SPECIAL))}
        data = rng.choice(reader.seeds)
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            try:
                data = reader.mutate(rng, data)
            except (ValueError, KeyError, IndexError, struct.error, OSError, EOFError):
                break  # too damaged to be parsed and damaged again
            except Exception:
                break
        if rng.random() < 0.15:
            data = mutate.bytes_of(rng, data)
        return {"reader": name, "data": data}

    def run(self, case: Case) -> None:
        reader = self.readers[case["reader"]]
        kind = case.get("kind")
        if kind:
            SPECIAL[kind](self.path)
        else:
            self.path.write_bytes(case["data"])
        if self.read > 200 and not self.limited:  # by now everything is imported and allocated
            self.limited = True
            limit_memory()
        try:
            with deadline(SECONDS):
                try:
                    found = reader.read(self.path)
                except reader.errors:
                    self.refused += 1
                    return
                except MemoryError:
                    if kind != "a file without end":  # that one really exceeds the memory
                        raise
                    return
                self.read += 1
                reader.use(found)
        finally:
            if kind:
                os.unlink(self.path) if not self.path.is_dir() else self.path.rmdir()

    def finish(self) -> None:
        expect(self.read, "no file was accepted: the damage goes too far")
        expect(self.refused, "no file was refused: nothing was damaged")


def limit_memory() -> None:
    if "ASAN_OPTIONS" in os.environ:  # AddressSanitizer reserves terabytes of addresses
        return
    from attacks.faults import virtual_memory

    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (virtual_memory() + MEMORY, hard))


def _special(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def prepare(path: Path) -> None:
        path.unlink(missing_ok=True)
        make(path)

    return prepare


SPECIAL: dict[str, Callable[[Path], None]] = {
    "a fifo": _special(os.mkfifo),
    "a directory": _special(os.mkdir),
    "a link to itself": _special(lambda path: os.symlink(path, path)),
    "a dangling link": _special(lambda path: os.symlink(path.with_name("nowhere"), path)),
    "an empty file": _special(lambda path: path.touch()),
    "a device without end": _special(lambda path: os.symlink("/dev/zero", path)),
    "a file without end": _special(lambda path: path.open("wb").truncate(1 << 40)),
}
"""Things that stand where a file is expected."""
