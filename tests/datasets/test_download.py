from __future__ import annotations

import gzip
import hashlib
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from idx_files import NAMES, idx_bytes, small_mnist
from nncore.datasets import load_mnist
from nncore.datasets import mnist as module
from nncore.errors import DataError

pytest.importorskip("pooch", reason="downloads need pooch: pip install 'nncore[mnist]'")

FILES = {name: idx_bytes(array) for name, array in small_mnist().items()}


class Server(ThreadingHTTPServer):
    """A mirror whose `answer` sends one response, as the test chooses."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: Callable[[Handler, bytes], None] = honest
        self.bad_file: str | None = None
        self.asked: list[str] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/mnist"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.removeprefix("/mnist/").removesuffix(".gz")
        self.server.asked.append(name)
        answer = self.server.answer if self.server.bad_file in (None, name) else honest
        answer(self, FILES[name])

    def head(self, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def honest(request: Handler, content: bytes) -> None:
    body = gzip.compress(content)
    request.head(len(body))
    request.wfile.write(body)


def plain(request: Handler, content: bytes) -> None:
    request.head(len(content))
    request.wfile.write(content)


def broken_off(request: Handler, content: bytes) -> None:
    body = gzip.compress(content)
    request.head(len(body))
    request.wfile.write(body[: len(body) // 2])


def truncated(request: Handler, content: bytes) -> None:
    body = gzip.compress(content)
    request.head(len(body) // 2)
    request.wfile.write(body[: len(body) // 2])


def short(request: Handler, content: bytes) -> None:
    plain(request, content[:-1])


def overlong(request: Handler, content: bytes) -> None:
    plain(request, content + b"\0")


def lying(request: Handler, content: bytes) -> None:
    plain(request, content[:-1] + bytes([content[-1] ^ 1]))


def corrupt(request: Handler, content: bytes) -> None:
    body = gzip.compress(content)
    plain(request, body[:-8] + bytes(8))


def web_page(request: Handler, content: bytes) -> None:
    plain(request, b"<html>Please log in</html>")


def bomb(request: Handler, content: bytes) -> None:
    plain(request, gzip.compress(content + bytes(1 << 22)))


def empty(request: Handler, content: bytes) -> None:
    plain(request, b"")


def missing(request: Handler, content: bytes) -> None:
    request.send_error(404)


def failing(request: Handler, content: bytes) -> None:
    request.send_error(503)


def silent(request: Handler, content: bytes) -> None:
    request.server.over.wait()


def stalling(request: Handler, content: bytes) -> None:
    request.head(len(content))
    request.wfile.write(content[: len(content) // 2])
    request.wfile.flush()
    request.server.over.wait()


def endless(request: Handler, content: bytes) -> None:
    request.send_response(200)
    request.end_headers()
    try:
        while not request.server.over.is_set():
            request.wfile.write(bytes(1 << 16))
    except OSError:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> Path:
    """An empty cache, and a small data set whose hashes pass for those of MNIST."""
    contents = {n: (len(data), hashlib.sha256(data).hexdigest()) for n, data in FILES.items()}
    monkeypatch.setattr(module, "_CONTENTS", contents)
    monkeypatch.setattr(module, "TIMEOUT", 0.3)
    monkeypatch.setattr(module, "_MOST", 1 << 20)
    monkeypatch.delenv("NNCORE_DATA", raising=False)
    monkeypatch.setenv("NNCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NNCORE_MNIST_URL", server.url)
    monkeypatch.setenv("NO_PROXY", "*")
    return tmp_path / "cache"


def cached_files(cache: Path) -> dict[str, bytes]:
    return {str(p.relative_to(cache)): p.read_bytes() for p in cache.rglob("*") if p.is_file()}


@pytest.mark.parametrize("answer", [honest, plain])
def test_downloads_once(cache: Path, server: Server, answer: Callable[..., None]) -> None:
    server.answer = answer
    first = load_mnist()
    assert cached_files(cache) == FILES
    assert sorted(server.asked) == sorted(NAMES)
    second = load_mnist()
    assert len(server.asked) == 4
    np.testing.assert_array_equal(first.train.x, second.train.x)
    assert len(first.validation.y) == 10


FAULTS = {
    broken_off: "IncompleteRead|end-of-stream",
    truncated: "end-of-stream",
    short: "expected 47056 bytes of IDX data, found 47055",
    overlong: "expected 47056 bytes of IDX data, found more",
    lying: "expected the SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}",
    corrupt: "CRC",
    web_page: "expected 47056 bytes of IDX data, found 26",
    bomb: "expected 47056 bytes of IDX data, found more",
    empty: "expected 47056 bytes of IDX data, found 0",
    missing: "404",
    failing: "503",
    silent: "timed out",
    stalling: "timed out",
    endless: "expected at most 1048576 bytes, found more",
}


@pytest.mark.parametrize("answer", FAULTS, ids=lambda answer: answer.__name__)
def test_a_bad_download_is_an_error_and_leaves_no_file(
    cache: Path, server: Server, answer: Callable[..., None]
) -> None:
    server.answer = answer
    with pytest.raises(DataError, match=FAULTS[answer]) as caught:
        load_mnist()
    message = str(caught.value)
    assert message.startswith(f"cannot download {NAMES[0]}: {server.url}/{NAMES[0]}.gz: ")
    assert "NNCORE_DATA" in message
    assert "\n" not in message
    assert cached_files(cache) == {}


def test_good_files_are_kept_and_only_the_others_downloaded_again(
    cache: Path, server: Server
) -> None:
    server.answer, server.bad_file = lying, NAMES[2]
    with pytest.raises(DataError, match=f"cannot download {NAMES[2]}"):
        load_mnist()
    assert cached_files(cache) == {name: FILES[name] for name in NAMES[:2]}
    server.bad_file = "none"
    load_mnist()
    assert server.asked == [*NAMES[:3], *NAMES[2:]]
    assert cached_files(cache) == FILES


def test_the_next_mirror_is_tried(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NNCORE_MNIST_URL")
    with Server() as nobody:
        dead = nobody.url
    monkeypatch.setattr(module, "MIRRORS", [dead, server.url + "/"])
    load_mnist()
    assert cached_files(cache) == FILES


def test_no_network(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.delenv("NNCORE_MNIST_URL")
    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    with pytest.raises(
        DataError, match=r"name resolution.*name resolution.* Instead, put"
    ) as caught:
        load_mnist()
    assert all(mirror in str(caught.value) for mirror in module.MIRRORS)
    assert cached_files(cache) == {}


def test_an_interrupted_download_leaves_no_file(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hashlib.sha256", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_mnist()
    assert not cache.exists()


def test_a_cache_that_cannot_be_written(cache: Path) -> None:
    cache.write_text("in the way")
    with pytest.raises(DataError, match=r"cannot write into the cache: .*; set NNCORE_CACHE"):
        load_mnist()


def test_without_pooch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r"downloading MNIST needs pooch; .*nncore\[mnist\]"):
        load_mnist()


def test_downloading_prints_nothing_in_a_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    load_mnist()
    assert capfd.readouterr() == ("", "")


def test_a_progress_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    pytest.importorskip("tqdm", reason="a bar needs tqdm: pip install 'nncore[progress]'")
    monkeypatch.setattr(sys, "stderr", Terminal())
    load_mnist()
    assert sys.stderr.getvalue().count("100%") >= 4


def test_a_download_error_does_not_mention_the_callers_exception(server: Server) -> None:
    server.answer = missing
    try:
        raise RuntimeError("of the caller")
    except RuntimeError:
        with pytest.raises(DataError, match="404") as caught:
            load_mnist()
    assert "of the caller" not in str(caught.value)
