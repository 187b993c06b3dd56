"""nncore.page.build_page, `nncore page` and `nncore draw`, without a browser."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import nncore
from nncore import cli
from nncore.datasets import make_digits
from nncore.page import LIMIT, CarriedDigits, PageError, build_page, page_server
from nncore.page.building import ordered_modules
from nncore.page.core_files import core_files


def network(*hidden: int, **options: object) -> nncore.Network:
    return nncore.Network([784, *hidden, 10], seed=1, **options)


@pytest.fixture(scope="module")
def digits() -> CarriedDigits:
    return CarriedDigits.of("digits")


def carried(html: bytes) -> dict[str, object]:
    match = re.search(rb'<script type="application/json" id="carried">(.*?)</script>', html, re.S)
    assert match
    return dict(json.loads(match[1]))


def unpacked(html: bytes, name: str) -> bytes:
    return gzip.decompress(base64.b64decode(str(carried(html)[name])))


def test_a_page_carries_the_network_as_it_is(digits: CarriedDigits, tmp_path: Path) -> None:
    net = network(30)
    page = build_page(net, digits)
    assert len(page.html) <= LIMIT
    assert not page.rounded
    net.save(tmp_path / "net.safetensors")
    assert unpacked(page.html, "model") == (tmp_path / "net.safetensors").read_bytes()
    assert page.html == build_page(net, digits).html  # the same bytes again


def test_a_page_asks_for_nothing(digits: CarriedDigits) -> None:
    html = build_page(network(30), digits).html.decode()
    addresses = re.findall(r'(?:src|href|action)\s*=\s*"([^"]*)"|url\(([^)]*)\)', html)
    assert {address for pair in addresses for address in pair if address} <= {"data:,"}
    assert "http://" not in html
    assert "https://" not in html


def test_it_carries_the_digits_that_its_code_names(digits: CarriedDigits) -> None:
    page = build_page(network(30), digits)
    facts = carried(page.html)["facts"]
    assert isinstance(facts, dict)
    assert "30\N{EN DASH}10 units, sigmoid, sigmoid: 23,860 numbers" in facts.pop("about")
    assert facts == {"digits": page.digits, "source": "nncore.datasets.make_digits(3000, seed=1)"}
    assert page.digits >= 1_500
    data = np.frombuffer(unpacked(page.html, "digits"), np.uint8)
    pixels, labels = data[: page.digits * 196], data[page.digits * 196 :]
    grey = (pixels[:, None] >> np.array([0, 2, 4, 6], np.uint8) & 3).reshape(-1, 784)
    x, y = make_digits(3_000, seed=1)
    np.testing.assert_array_equal(grey, np.rint(x[: page.digits] * 3))
    np.testing.assert_array_equal(labels, y[: page.digits])


def test_a_large_network_is_rounded_and_a_larger_one_refused(digits: CarriedDigits) -> None:
    net = network(112, 96)
    before = [w.copy() for w in net.weights]
    page = build_page(net, digits)
    assert page.rounded
    assert len(page.html) <= LIMIT
    for old, new in zip(before, net.weights, strict=True):
        np.testing.assert_array_equal(old, new)  # the caller's own is as it was
    with pytest.raises(PageError, match=r"fits into a page of 700,000 bytes, found one of 397,510"):
        build_page(network(500), digits)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (nncore.Network([784, 5, 9]), "784 inputs and 10 outputs, found 784-5-9"),
        (nncore.Network([784, 5, 10], dtype="float64"), "expected a network of float32"),
    ],
    ids=["outputs", "dtype"],
)
def test_what_is_no_network_for_it_is_refused(
    net: nncore.Network, message: str, digits: CarriedDigits
) -> None:
    with pytest.raises(PageError, match=message):
        build_page(net, digits)


def test_modules_come_behind_what_they_import_and_are_short() -> None:
    seen: set[str] = set()
    for name, source in ordered_modules():
        assert set(re.findall(r'from "\./([\w.]+)"', source)) <= seen, name
        seen.add(name)
        if name != "nncore.js":
            assert source.count("\n") < 300, name
    assert {"main.js", "worker.js", "nncore.js"} <= seen


def test_the_server_answers_this_machine_with_the_page() -> None:
    server, address = page_server(b"<p>page")
    host, port = address.removeprefix("http://").rstrip("/").split(":")
    assert host == "127.0.0.1"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        answers = {}
        for path in ("/", "/?x", "/etc/passwd", "/../x"):
            connection = http.client.HTTPConnection(host, int(port), timeout=30)
            connection.request("GET", path)
            answer = connection.getresponse()
            answers[path] = (answer.status, answer.read() == b"<p>page")
            connection.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert answers == {
        "/": (200, True), "/?x": (200, True), "/etc/passwd": (404, False), "/../x": (404, False)
    }  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "model.safetensors"
    network(12).save(path)
    return str(path)


def test_the_command_writes_a_page(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "page.html"
    assert cli.main(["page", model, "--output", str(output)]) == 0
    assert f"page.html: {output.stat().st_size:,} bytes, with " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{model}", "--output", "{model}"], "would replace what is read"),
        (["{folder}/none.safetensors", "--output", "{folder}/x.html"], "none.safetensors"),
        (["{model}", "--output", "{folder}/no/x.html"], "No such file or directory"),
        (["{model}", "--data", "{folder}/no", "--output", "{folder}/x.html"], "no"),
    ],
)
def test_the_command_names_what_is_wrong(
    model: str,
    tmp_path: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [text.format(model=model, folder=tmp_path) for text in arguments]
    assert cli.main(["page", *given]) == 2
    assert message in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


def test_draw_serves_until_ctrl_c(model: str) -> None:
    command = [sys.executable, "-m", "nncore", "draw", model, "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        match = re.match(r"http://(127\.0\.0\.1):(\d+)/ \(with [\d,]+ digits to train on\)", line)
        assert match, line
        connection = http.client.HTTPConnection(match[1], int(match[2]), timeout=30)
        connection.request("GET", "/")
        assert b'id="carried"' in connection.getresponse().read()
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_the_core_in_the_package_is_what_web_build_makes() -> None:
    built = Path(__file__).parents[2] / "web" / "nncore.wasm"
    if not built.is_file():
        pytest.skip("needs web/nncore.wasm, which web/build makes")
    assert core_files()["nncore.wasm"].read_bytes() == built.read_bytes()
