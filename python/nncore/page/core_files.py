"""Where nncore's core for the browser is."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def core_files() -> dict[str, Path]:
    """The core for the browser by the names of its files, an ES module and WebAssembly.

    The WebAssembly is a built file that the package keeps, since few machines can build it; the
    module lies beside it where the package was installed, and in `web/` of the source tree.

    Raises FileNotFoundError where the package was installed without the module.
    """
    name = "nncore.js"
    module = next((f for f in (HERE / name, HERE.parents[2] / "web" / name) if f.is_file()), None)
    if module is None:
        raise FileNotFoundError(
            f"this nncore was installed without {name}, its core for the browser"
        )
    return {name: module, "nncore.wasm": HERE / "nncore.wasm"}
