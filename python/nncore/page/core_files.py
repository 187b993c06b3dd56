"""Where nncore's core for the browser is."""

from __future__ import annotations

from pathlib import Path

NAMES = ("nncore.js", "nncore.wasm")


def core_files() -> dict[str, Path]:
    """The ES module and the WebAssembly of the core, by their names.

    Raises FileNotFoundError where the package was installed without them.
    """
    here = Path(__file__)
    folders = (here.parent / "core", here.parents[3] / "web")  # installed, or in the source tree
    for folder in folders:
        found = {name: folder / name for name in NAMES}
        if all(file.is_file() for file in found.values()):
            return found
    raise FileNotFoundError(
        "this nncore was installed without its core for the browser, which web/build makes"
    )
