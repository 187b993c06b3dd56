"""Where nncore's core for the browser is."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def core_files() -> dict[str, Path]:
    """The core for the browser by the names of its files, an ES module and WebAssembly.

    The WebAssembly is a built file that the package keeps, since few machines can build it; the
    module lies beside it where the package was installed, and in `web/` of the source tree.

    Raises FileNotFoundError where the package was installed without one of them.
    """
    found = {name: HERE / name for name in ("nncore.js", "nncore.wasm")}
    if not found["nncore.js"].is_file():
        found["nncore.js"] = HERE.parents[2] / "web" / "nncore.js"
    for name, file in found.items():
        if not file.is_file():
            raise FileNotFoundError(f"this nncore was installed without {name}, for the browser")
    return found
