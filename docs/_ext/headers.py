"""The public headers as pages: each comment as text, with the declarations it stands above as code.

```{header} cpp/include/nncore/train.hpp
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]


class Entry(NamedTuple):
    """A paragraph of a header."""

    comment: str
    code: str


def paragraphs(text: str) -> Iterator[str]:
    """Runs of lines without a gap; what stands within braces or a comment stays together."""
    depth, lines, within_comment = 0, [], False
    for line in [*text.splitlines(), ""]:
        bare = re.sub(r"//.*|/\*.*?\*/", "", line)
        if "/*" in bare:
            within_comment = True
        if "*/" in bare:
            within_comment = False
        if not within_comment and not line.lstrip().startswith(("*", "namespace", 'extern "C"')):
            depth += bare.count("{") - bare.count("}")
        if line.strip() or depth > 0 or within_comment:
            lines.append(line)
        elif lines:
            yield "\n".join(lines)
            lines = []


def entries(text: str) -> Iterator[Entry]:
    """What users read of a header: no includes, no private parts, no machinery."""
    for number, paragraph in enumerate(paragraphs(text)):
        lines = [
            line
            for line in paragraph.splitlines()
            if not re.match(r"\s*(#|}  // namespace|namespace |extern \"C\")", line)
        ]
        comment: list[str] = []
        in_block = False
        while lines and (in_block or re.match(r"\s*(//|/\*)", lines[0])):
            line = lines.pop(0)
            in_block = (in_block or "/*" in line) and "*/" not in line
            comment.append(re.sub(r"^\s*(//|/\*+|\*/|\*)? ?|\s*\*/\s*$", "", line))
        code = without_privates("\n".join(lines)).strip("\n")
        if code.strip() == "}":
            code = ""
        if number > 0 and not code.strip() and re.search(r"^\s*#", paragraph, re.MULTILINE):
            continue  # about the preprocessor's lines
        if comment or code.strip():
            yield Entry("\n".join(comment), code)


def without_privates(code: str) -> str:
    """A class without what follows `private:`."""
    return re.sub(r"\n*^ private:\n.*?(?=^};)", "\n", code, flags=re.DOTALL | re.MULTILINE)


def declared(code: str) -> str:
    """The name that a declaration is known by, for its link; "" where there is none."""
    kind = re.search(
        r"^(?:class|struct|enum class|enum|using|typedef struct)\s+(?:\[\[.*?\]\]\s*)?(\w+)",
        code, re.MULTILINE,
    )  # fmt: skip
    function = re.search(r"(\w+)\s*\(", code)
    found = kind or function
    return found.group(1) if found else ""


class Header(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = ROOT / self.arguments[0]
        self.env.note_dependency(str(path))
        language = "c" if path.suffix == ".h" else "cpp"
        found: list[nodes.Node] = []
        for entry in entries(path.read_text()):
            section = re.fullmatch(r"---- (.*?) -+", entry.comment.strip())
            if section and not entry.code:
                found.append(nodes.rubric("", section.group(1).capitalize()))
                continue
            if entry.comment:
                found += self.prose(entry.comment)
            if entry.code.strip():
                block = nodes.literal_block(entry.code, entry.code, language=language)
                name = declared(entry.code)
                if name:
                    block["ids"].append(f"{path.stem}-{name}".lower().replace("_", "-"))
                block["classes"].append("declaration")
                found.append(block)
        return found

    def prose(self, comment: str) -> Iterator[nodes.Node]:
        """Paragraphs; lines that are indented are code."""
        for part in re.split(r"\n\s*\n", comment):
            lines = part.splitlines()
            if all(line.startswith("  ") for line in lines):
                text = "\n".join(line[2:] for line in lines)
                yield nodes.literal_block(text, text, language="text")
            else:
                paragraph = nodes.paragraph()
                for i, text in enumerate(" ".join(map(str.strip, lines)).split("`")):
                    paragraph += nodes.literal(text, text) if i % 2 else nodes.Text(text)
                yield paragraph


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("header", Header)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
