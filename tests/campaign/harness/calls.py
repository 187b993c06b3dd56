"""The public calls that are interrupted, starved and killed, and what they must leave."""

from __future__ import annotations

import copy
import io
import os
import pickle
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from harness import world
from harness.base import Failure, expect
from harness.world import MANY, X32, X, Y, expect_usable
from nncore import Network, callbacks, cli, datasets, export
from nncore.book import network as book_network
from nncore.book import network2

HAS_ONNX = find_spec("onnx") is not None
HAS_SKLEARN = find_spec("sklearn") is not None
warnings.simplefilter("ignore")


def _nothing() -> None:
    pass


@dataclass
class Call:
    """One public call, which can be repeated."""

    name: str
    run: Callable[[], object]
    reset: Callable[[], object] = _nothing
    """Before every run."""
    check: Callable[[], object] = _nothing
    """After every run, whether it was disturbed or not."""
    folder: Path | None = None
    """Where it writes, if it does: one file, `target`, beside nothing else."""
    target: str = ""
    old: bytes = b""
    new: set[bytes] = field(default_factory=set)
    """What may stand in the file afterwards; empty for whatever `load` takes."""
    load: Callable[[Path], object] | None = None

    def prepare(self) -> None:
        self.reset()
        if self.folder is not None:
            (self.folder / self.target).write_bytes(self.old)

    def check_file(self, leftovers: bool = False) -> None:
        """The file is the old or the new one. There is no other unless leftovers are allowed."""
        if self.folder is None:
            return
        names = sorted(os.listdir(self.folder))
        others = [name for name in names if name != self.target]
        expect(self.target in names, f"{self.name}: the file is gone; there are {names}")
        expect(leftovers or not others, f"{self.name}: left behind {_shape(others)}")
        content = (self.folder / self.target).read_bytes()
        if content == self.old:
            return
        if self.new:
            whole = content in self.new
            expect(whole, f"{self.name}: neither the old file nor the new ({len(content)} bytes)")
        elif self.load is not None:
            try:
                self.load(self.folder / self.target)
            except Exception as error:
                raise Failure(f"{self.name}: the file cannot be read: {error}") from error


def _shape(names: list[str]) -> list[str]:
    """Names without their random parts, so that failures of one kind read the same."""
    return [re.sub(r"[0-9a-f]{8}$|\d+", "#", name) for name in names]


GROUPS = ("readers", "trainers", "books", "sklearns", "writers", "loaders", "commands")


class Calls:
    """All calls, or the given groups, on networks of their own."""

    def __init__(self, folder: Path, groups: Sequence[str] = GROUPS) -> None:
        self.folder = folder
        self.net = world.trained()
        self.net64 = world.trained("float64")
        self.pristine = copy.deepcopy(self.net)
        self.by_name: dict[str, Call] = {}
        self.poor = False
        """Whether commands may end with an error."""
        for group in groups:
            getattr(self, f"_{group}")()

    def add(self, call: Call) -> None:
        self.by_name[call.name] = call

    def _readers(self) -> None:
        row32, row64 = X32[0], X[0]
        data = (MANY[:600], np.arange(600) % 3)
        asks: dict[str, Callable[[], Any]] = {
            "predict row float32": lambda: [self.net.predict(row32) for _ in range(100)],
            "predict row float64 of float32": lambda: [self.net.predict(row64) for _ in range(50)],
            "predict row float64": lambda: [self.net64.predict(row64) for _ in range(100)],
            "feedforward row of list": lambda: self.net.feedforward(row64.tolist()),
            "predict many": lambda: self.net.predict(MANY),
            "feedforward many float64": lambda: self.net64.feedforward(MANY),
            "hidden_activations": lambda: self.net.hidden_activations(X32),
            "evaluate": lambda: self.net.evaluate(*data),
            "loss_and_gradient": lambda: self.net.loss_and_gradient(X, Y),
            "input_gradient": lambda: self.net64.input_gradient(X, Y),
            "summary": lambda: self.net.summary(),
            "pickle": lambda: pickle.loads(pickle.dumps(self.net)),
            "deepcopy": lambda: copy.deepcopy(self.net),
            "quantize": lambda: export.QuantizedNetwork(self.net, X32).feedforward(X32),
            "load_digits": lambda: datasets.load_digits(
                n_train=10, n_validation=5, n_test=5, seed=1
            ),
        }
        if HAS_SKLEARN:
            from scipy.sparse import csr_matrix

            sparse = csr_matrix(X)
            asks["predict sparse"] = lambda: self.net.predict(sparse)
        before = self.net.feedforward(X32).tobytes()

        def check() -> None:
            after = self.net.feedforward(X32).tobytes()
            expect(after == before, "a call that only reads changed what the network says")

        for name, ask in asks.items():
            self.add(Call(name, ask, check=check))

    def _trainers(self) -> None:
        state: dict[str, Any] = {}

        def reset() -> None:
            state["net"] = copy.copy(self.pristine)

        def check() -> None:
            expect_usable(state["net"])

        def full(net: Network) -> None:
            net.fit(
                X, Y, 4, optimizer="adam", dropout=0.2, l2=0.1, validation_split=0.2,
                metrics=["f1"], class_weight="balanced", progress=False,
                callbacks=[callbacks.EarlyStopping("cost"), callbacks.TerminateOnNaN()],
            )  # fmt: skip

        long = (MANY, np.arange(len(MANY)) % 3)
        trains: dict[str, Callable[[Network], object]] = {
            "fit": lambda net: net.fit(X, Y, 3, progress=False),
            "fit with everything": full,
            "fit on two threads": lambda net: net.fit(*long, 2, 64, n_threads=2, progress=False),
            "update_mini_batch": lambda net: [net.update_mini_batch(X, Y, 0.1) for _ in range(20)],
            "assign weights": lambda net: setattr(net, "weights", self.pristine.weights),
        }
        for name, train in trains.items():
            self.add(Call(name, lambda train=train: train(state["net"]), reset, check))  # type: ignore[misc]

    def _books(self) -> None:
        state: dict[str, Any] = {}
        pairs = [(x.reshape(-1, 1), np.eye(3)[y].reshape(-1, 1)) for x, y in zip(X, Y, strict=True)]

        def reset(kind: Any) -> None:
            state["book"] = kind.Network([5, 4, 3])

        def check() -> None:
            net = state["book"]
            net.SGD(pairs[:5], 1, 5, 0.1)
            expect(np.isfinite(net.feedforward(pairs[0][0])).all(), "the book's outputs")

        def sgd() -> None:
            with redirect_stdout(io.StringIO()):
                state["book"].SGD(pairs, 3, 10, 0.5)

        for kind in (book_network, network2):
            name = f"{kind.__name__} SGD"
            self.add(Call(name, sgd, lambda kind=kind: reset(kind), check))  # type: ignore[misc]

    def _sklearns(self) -> None:
        if not HAS_SKLEARN:
            return
        from nncore.sklearn import MLPClassifier

        state: dict[str, Any] = {}

        def fit() -> None:
            model = MLPClassifier((4,), max_iter=4, early_stopping=True, random_state=0)
            state["model"] = model
            model.fit(X, Y)

        def check() -> None:
            model = state.get("model")
            if model is not None:
                model.set_params(max_iter=1, early_stopping=False).fit(X, Y)
                expect(np.isfinite(model.predict_proba(X)).all(), "scikit-learn's outputs")

        fitted = MLPClassifier((4,), max_iter=4, random_state=0).fit(X, Y)
        self.add(Call("sklearn fit", fit, check=check))
        self.add(Call("sklearn predict", lambda: fitted.predict_proba(X)))
        self.add(Call("sklearn partial_fit", lambda: copy.deepcopy(fitted).partial_fit(X, Y)))

    def _writers(self) -> None:
        book = world.book_network()
        one, two = world.trained(), world.trained(seed=4)
        book2 = network2.Network([4, 3, 2])
        writes: dict[str, tuple[str, Callable[[Any, Path], object], list[Any], Any]] = {
            "save": ("a.safetensors", lambda n, p: n.save(p), [one, two], Network.load),
            "save large": (
                "l.safetensors", lambda n, p: n.save(p),
                [Network([400, 400, 3], seed=seed) for seed in (1, 2)], Network.load,
            ),
            "save_checkpoint": (
                "c.safetensors", lambda n, p: n.save_checkpoint(p), [one, two], Network.resume,
            ),
            "to_npz": ("a.npz", export.to_npz, [one, two], None),
            "to_c": ("a.h", export.to_c, [one, two], None),
            "to_c int8": (
                "b.h", lambda n, p: export.to_c(n, p, dtype="int8", calibration=X32), [one, two],
                None,
            ),
            "to_book_json": ("a.json", export.to_book_json, [book, world.book_network(2)], None),
            "network2 save": ("b.json", lambda n, p: n.save(p), [book2, network2.Network([4, 2])],
                              None),
        }  # fmt: skip
        if HAS_ONNX:
            writes["to_onnx"] = ("a.onnx", export.to_onnx, [one, two], None)
        for name, (target, write, (first, second), load) in writes.items():
            folder = self.folder / name.replace(" ", "-")
            folder.mkdir(exist_ok=True)
            path = folder / target
            write(first, path)
            old = path.read_bytes()
            write(second, path)
            run = lambda write=write, net=second, path=path: write(net, path)  # noqa: E731
            self.add(
                Call(name, run, folder=folder, target=target, old=old, new={path.read_bytes()},
                     load=load)
            )  # fmt: skip
        self._checkpoints()

    def _checkpoints(self) -> None:
        folder = self.folder / "ModelCheckpoint"
        folder.mkdir(exist_ok=True)
        path = folder / "run.safetensors"
        world.trained().save_checkpoint(path)
        state: dict[str, Network] = {}

        def reset() -> None:
            state["net"] = copy.copy(self.pristine)

        def run() -> None:
            keep = callbacks.ModelCheckpoint(path)
            state["net"].fit(X, Y, 4, callbacks=[keep], progress=False)

        def check() -> None:
            expect_usable(state["net"])
            expect_usable(Network.resume(path))

        self.add(
            Call("fit with ModelCheckpoint", run, reset, check, folder, path.name,
                 path.read_bytes(), load=Network.resume)
        )  # fmt: skip

    def _loaders(self) -> None:
        files = self.folder / "files"
        files.mkdir(exist_ok=True)
        self.net.save(files / "a.safetensors")
        self.net.save_checkpoint(files / "c.safetensors")
        export.to_npz(self.net, files / "a.npz")
        export.to_book_json(world.book_network(), files / "a.json")
        loads: dict[str, Callable[[], object]] = {
            "load": lambda: Network.load(files / "a.safetensors"),
            "resume": lambda: Network.resume(files / "c.safetensors"),
            "from_npz": lambda: export.from_npz(files / "a.npz"),
            "from_book_json": lambda: export.from_book_json(files / "a.json"),
        }
        if HAS_ONNX:
            export.to_onnx(self.net, files / "a.onnx")
            loads["from_onnx"] = lambda: export.from_onnx(files / "a.onnx")
        for name, load in loads.items():
            self.add(Call(name, load))

    def _commands(self) -> None:
        from idx_files import small_mnist, write_files

        self.data = write_files(self.folder / "mnist", small_mnist())
        self.add(Call("load_mnist", lambda: datasets.load_mnist(self.data)))
        Command(self, "info", [])
        small = Network([784, 6, 10], seed=1)
        model = self.folder / "digits.safetensors"
        small.save(model)
        Command(self, "evaluate", [str(model), "--data", str(self.data)])
        image = np.zeros((28, 28), np.uint8)
        image[6:20, 12:15] = 255
        try:
            from PIL import Image

            Image.fromarray(image).save(self.folder / "one.png")
            Command(self, "predict", [str(model), str(self.folder / "one.png")])
        except ImportError:
            pass
        Command(self, "export", [str(model), "--output"], target="net.h", load=_is_c)
        train = ["--data", str(self.data), "--layers", "784,6,10", "--epochs", "3", "--output"]
        Command(self, "train", train, target="model.safetensors", load=Network.load)


def _is_c(path: Path) -> None:
    expect(path.read_text().rstrip().endswith(("#endif", "}")), "the C file has no end")


class Command:
    """A command of the command line, in this process."""

    def __init__(
        self, calls: Calls, name: str, arguments: list[str], target: str = "", load: Any = None
    ) -> None:
        self.calls, self.name, self.arguments = calls, name, [name, *arguments]
        self.code, self.said = 0, ""
        folder, old = None, b""
        if target:
            folder = calls.folder / f"command-{name}"
            folder.mkdir(exist_ok=True)
            self.arguments.append(str(folder / target))
            self.run()
            old = (folder / target).read_bytes()
            if name == "train":
                old = b"the model of before"
        self.old, self.path = old, folder and folder / target
        calls.add(
            Call(f"nncore {name}", self.run, self.reset, self.check, folder, target, old, load=load)
        )

    def reset(self) -> None:
        self.code, self.said = -1, ""

    def run(self) -> None:
        out, error = io.StringIO(), io.StringIO()
        try:
            with redirect_stdout(out), redirect_stderr(error):
                self.code = cli.main(self.arguments)
        finally:
            self.said = out.getvalue() + error.getvalue()

    def check(self) -> None:
        if self.calls.poor and self.code == 2 and "nncore: error: " in self.said:
            return
        legal = self.code in (-1, 0, 130)
        expect(legal, f"nncore {self.name} left with {self.code}\n{self.said[-300:]}")
        if self.name == "train" and "  1/3  " in self.said and self.path:
            saved = self.path.read_bytes() != self.old
            expect(saved, f"nncore train: an epoch was trained, and no model saved:\n{self.said}")


if sys.platform == "win32":
    raise ImportError("the campaign needs signals and fork")
