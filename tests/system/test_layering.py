"""The Python sources are read: no circle of imports, and privates stay where they are defined."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Collection, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import nncore

PACKAGE = Path(nncore.__file__).parent
BENCH = Path(__file__).parents[2] / "bench"
FOREIGN = {
    "_ActionsContainer", "_ArgumentGroup", "_SubParsersAction",  # argparse's types
    "_exit",  # os: where MPI Abort has returned
    "_getframe",  # sys: the one way to a frame
    "_init_callback_context",  # scikit-learn's, documented for those who write estimators
    "_label_binarizer", "_no_improvement_count",  # set on scikit-learn's own estimators
}  # fmt: skip
"""Private names of other packages that have no public way."""


def sources(root: Path, package: str) -> dict[str, ast.Module]:
    """Every module below a folder by its name, parsed; of compiled ones the stub."""
    found = {}
    for path in sorted([*root.rglob("*.py"), *root.rglob("*.pyi")]):
        parts = [package, *path.relative_to(root).with_suffix("").parts]
        name = ".".join(part for part in parts if part and part != "__init__")
        found[name] = ast.parse(path.read_text(), str(path))
    return found


def imported(name: str, module: ast.Module, modules: Collection[str]) -> Iterator[str]:
    """What a module imports, wherever in it: at its head, for type checkers, or in a function.

    `from package import module` is an import of the module, `from package import name` one of the
    package's own `__init__`.
    """
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                is_package = any(each.startswith(f"{name}.") for each in modules)
                above = name.split(".")[: None if is_package else -1]
                above = above[: len(above) - (node.level - 1)]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield whole if whole in modules else base


def graph(root: Path, package: str) -> dict[str, set[str]]:
    """Each module with those it imports."""
    modules = sources(root, package)
    return {
        name: set(imported(name, module, modules)) & modules.keys()
        for name, module in modules.items()
    }


def circle(edges: dict[str, set[str]]) -> list[str]:
    """The modules of one circle; empty where there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize(
    ("root", "package"), [(PACKAGE, "nncore"), (BENCH / "speed", ""), (BENCH / "accuracy", "")]
)
def test_no_imports_run_in_a_circle(root: Path, package: str) -> None:
    if not root.is_dir():
        pytest.skip(f"no {root.name}/ here")
    edges = graph(root, package)
    assert sum(map(len, edges.values())) >= len(edges) / 4  # it does find imports
    assert circle(edges) == []


def test_a_circle_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f():\n    from p import b\n")
    (tmp_path / "b.py").write_text("if TYPE_CHECKING:\n    from .c import C\n")
    (tmp_path / "c.py").write_text("import p.a\n")
    assert set(circle(graph(tmp_path, "p"))) == {"p.a", "p.b", "p.c"}


def defined(module: ast.Module) -> set[str]:
    """The private names that a module defines: functions, classes, and attributes of self."""
    names = set()
    for node in ast.walk(module):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif is_private_access(node) and isinstance(node.ctx, ast.Store) and is_own(node.value):
            names.add(node.attr)
    return names


def is_private_access(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr.startswith("_") and node.attr[-2:] != "__"


def is_own(value: ast.expr) -> bool:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id == "super"
    return isinstance(value, ast.Name) and value.id in ("self", "cls")


def reached_into(module: ast.Module) -> list[str]:
    """Accesses to privates of objects whose class is defined elsewhere."""
    own = defined(module) | FOREIGN
    return [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(module)
        if is_private_access(node) and not is_own(node.value) and node.attr not in own
    ]


def test_no_module_reaches_into_another() -> None:
    found = {name: reached_into(module) for name, module in sources(PACKAGE, "nncore").items()}
    assert {name: accesses for name, accesses in found.items() if accesses} == {}


def test_reaching_into_another_module_would_be_found() -> None:
    module = ast.parse("class A:\n def f(self, net):\n  self._x = net._y; return net._x")
    assert reached_into(module) == ["line 3: net._y"]


def test_predicting_needs_no_training_loop() -> None:
    program = (
        "import sys, nncore\n"
        "nncore.Network([2, 3, 1]).predict([[0.0, 1.0]])\n"
        "print(*(m for m in sys.modules if m.startswith('nncore.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "nncore.network" in loaded
    assert not {each for each in loaded if each.startswith("nncore.training")}
    assert not loaded & {"nncore.callbacks", "nncore.metrics", "nncore.optimizers"}


def test_help_lists_what_users_call() -> None:
    public = {name for name in dir(nncore.Network) if not name.startswith("_")}
    assert public == {
        "activations", "all_finite", "backprop", "biases", "calibrate", "check_finite", "classes",
        "copy_from", "cost", "cost_function", "cost_hyperparameters", "cost_list", "diagnose",
        "dtype", "epoch", "evaluate", "feedforward", "fit", "hidden_activations",
        "input_gradient", "load", "loss_and_gradient", "predict", "resume", "save",
        "save_checkpoint", "seed", "sizes", "summary", "training_state", "update_mini_batch",
        "weights",
    }  # fmt: skip
    for name in public:
        assert getattr(nncore.Network, name).__doc__, name


def test_every_public_module_is_there_once_nncore_is_imported() -> None:
    modules = [*PACKAGE.glob("*.py"), *(file.parent for file in PACKAGE.glob("*/__init__.py"))]
    names = {path.stem for path in modules}
    internal = {"cli", "training", "errors", "gradients", "history", "network", "trainer"}
    public = {name for name in names if not name.startswith("_")} - internal
    program = f"import nncore; print([m for m in {sorted(public)} if not hasattr(nncore, m)])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
    assert public <= set(dir(nncore))
