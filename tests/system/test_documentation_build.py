"""What the build of docs/ warns of, which -W makes errors, on pages of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("myst_parser")
pytest.importorskip("matplotlib")

EXTENSIONS = Path(__file__).parents[2] / "docs" / "_ext"

pytestmark = pytest.mark.skipif(not EXTENSIONS.is_dir(), reason="docs/ is not part of this copy")


def build(folder: Path, pages: list[str], *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "conf.py").write_text(
        f"import sys; sys.path.insert(0, {str(EXTENSIONS)!r})\n"
        'extensions = ["myst_parser", "executed", "measured", "proof"]\n'
        'root_doc = "page0"\n'
        'suppress_warnings = ["toc.not_included"]\n'
    )
    for number, page in enumerate(pages):
        (folder / f"page{number}.md").write_text(f"# Page\n\n{page}\n")
    environment = {name: v for name, v in os.environ.items() if name != "NNCORE_DOCS_UPDATE"}
    command = [sys.executable, "-m", "sphinx", "-q", *options, str(folder), str(folder / "html")]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


GOOD = """```{run}
numbers = [1, 2]
```
```{run}
print(sum(numbers))
```
```{prints}
3
```
{proof}
"""
TEST = "```{proof} tests/system/test_documentation_build.py test_a_page_that_is_right\n```"


WRONG = {
    "printed\n2": "```{run}\nprint(1 + 1)\n```\n```{prints}\n3\n```",
    "was printed and is not said: 7": "```{run}\nprint(7)\n```",
    "ZeroDivisionError": "```{run}\n1 / 0\n```",
    "this command failed: status 1": "```{shell}\nfalse\n```",
    "this Python is not run": "```python\nprint(1)\n```",
    "does not say '12 parsecs'": "{measured}`12 parsecs`",
    "there is no test tests": TEST.replace("right", "left"),
}


def test_a_page_that_is_right(tmp_path: Path) -> None:
    done = build(tmp_path, [GOOD.replace("{proof}", TEST)], "-W")
    assert done.returncode == 0, done.stderr
    assert "test_a_page_that_is_right" in (tmp_path / "html" / "page0.html").read_text()


def test_pages_that_are_wrong(tmp_path: Path) -> None:
    done = build(tmp_path, list(WRONG.values()))
    for number, message in enumerate(WRONG):
        place = done.stderr.partition(f"page{number}.md")[2].partition(f"page{number + 1}.md")[0]
        assert message in place, done.stderr
