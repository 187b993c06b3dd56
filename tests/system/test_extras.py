from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from nncore._support.extras import require


def test_require_returns_the_module() -> None:
    assert require("json", extra="any", purpose="a test") is json


@pytest.mark.parametrize(
    ("module", "project"), [("no_such_module.part", "no_such_module"), ("PIL", "Pillow")]
)
def test_a_missing_package_names_its_extra(
    monkeypatch: pytest.MonkeyPatch, module: str, project: str
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    message = rf"^reading images needs {project}; install it with: pip install 'nncore\[images\]'$"
    with pytest.raises(ImportError, match=message):
        require(module, extra="images", purpose="reading images")


def test_a_broken_package_raises_its_own_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken_package.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        require("broken_package", extra="any", purpose="a test")
