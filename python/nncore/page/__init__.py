"""A page that draws, thinks and learns: one file of HTML that works from a double-click, offline.

`build_page` makes it of a network that reads digits. The page carries nncore's core as WebAssembly,
the network, digits to train on, and the modules in `app/`.
"""

from __future__ import annotations

from .building import LIMIT, Page, PageError, build_page
from .carried import CarriedDigits
from .serving import page_server

__all__ = ["LIMIT", "CarriedDigits", "Page", "PageError", "build_page", "page_server"]
