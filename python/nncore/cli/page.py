"""`nncore page` and `nncore draw`: a page that shows a network at work."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .arguments import file, whole

if TYPE_CHECKING:
    from nncore import Network
    from nncore.page import Page

_ABOUT = (
    "{} on which digits are drawn and pass through the network, which can be looked into, taught, "
    "trained from nothing and broken. All of it runs in the browser, in nncore's own core."
)


def add(commands: argparse._SubParsersAction[Any]) -> None:
    page = commands.add_parser(
        "page",
        help="write a web page that draws, thinks and learns, as one file",
        description=_ABOUT.format("Write a page")
        + " It is one file, works from a double-click, and asks no other machine for anything.",
    )
    _add_model(page)
    page.add_argument(
        "--output",
        type=file,
        default="digits.html",
        metavar="FILE",
        help="the file to write; one of that name is replaced (default: %(default)s)",
    )
    page.set_defaults(run=run_page)
    draw = commands.add_parser(
        "draw",
        help="draw digits in the browser and watch the network read them",
        description=_ABOUT.format("Open a page in the browser")
        + " It is served to this machine alone, until Ctrl-C.",
    )
    _add_model(draw)
    draw.add_argument(
        "--port",
        type=whole(0, 65535),
        default=0,
        metavar="N",
        help="the port on 127.0.0.1 (default: one that is free)",
    )
    draw.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    draw.set_defaults(run=run_draw)


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        help="a file that nncore train has saved, of a network that reads digits (default: the "
        "network that comes with nncore)",
    )
    parser.add_argument(
        "--data",
        default="digits",
        metavar="SOURCE",
        help='the digits that the page carries to train on: "digits", which nncore draws, "mnist", '
        "or a directory with files like MNIST's (default: %(default)s)",
    )


def run_page(options: argparse.Namespace) -> int:
    from nncore._support.files import check_replaceable, replace_file
    from nncore.page import LIMIT

    from .output import printable, say
    from .saving import refuse_to_replace

    refuse_to_replace("--output", options.output, options.model)
    check_replaceable(options.output, LIMIT)
    page = _build(options)
    replace_file(options.output, page.html)
    say(f"{printable(options.output)}: {len(page.html):,} bytes, {_facts(page)}")
    return 0


def run_draw(options: argparse.Namespace) -> int:
    import webbrowser

    from nncore.page import page_server

    from .output import say

    page = _build(options)
    server, address = page_server(page.html, options.port)
    with server:
        say(f"{address} ({_facts(page)}); Ctrl-C ends it")
        if not options.no_browser and not webbrowser.open(address):
            say("no browser could be opened: open the address in one")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say()
    return 0


def _build(options: argparse.Namespace) -> Page:
    from nncore.page import CarriedDigits, build_page

    network = _network(options.model)
    return build_page(network, CarriedDigits.of(options.data))


def _network(path: str | None) -> Network:
    from nncore.images import load_digit_network

    from .load import load_model

    return load_digit_network() if path is None else load_model(path)


def _facts(page: Page) -> str:
    rounded = "; its weights are rounded to half precision, to fit" if page.rounded else ""
    return f"with {page.digits:,} digits to train on{rounded}"
