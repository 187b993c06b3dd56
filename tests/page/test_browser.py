"""The page in Chromium, from a file: drawing, teaching, training, breaking, and who may use it.

Needs Chromium (`chromium` on PATH, or NNCORE_CHROMIUM), Playwright and axe-core (`pip install
playwright axe-playwright-python`). With NNCORE_REQUIRE_BROWSER nothing is skipped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from digit_reader import digit_reader
from nncore.page import CarriedDigits, build_page

STROKES = json.loads((Path(__file__).parent / "strokes.json").read_text())
CHROMIUM = os.environ.get("NNCORE_CHROMIUM") or shutil.which("chromium")
AXE = find_spec("axe_playwright_python")
REQUIRED = bool(os.environ.get("NNCORE_REQUIRE_BROWSER"))


def lacking(what: str) -> None:
    message = f"tests of the page need {what}"
    if REQUIRED:
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        lacking("playwright: pip install playwright")
    if CHROMIUM is None:
        lacking("chromium on PATH, or its path in NNCORE_CHROMIUM")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "digits.html"
    path.write_bytes(build_page(digit_reader(), CarriedDigits.of("digits")).html)
    return path


Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any, file: Path) -> Iterator[Open]:
    """Opens the page; in the end, nothing was asked for and nothing went wrong."""
    contexts, faults = [], []

    def open_it(address: str = "", **options: Any) -> Any:
        options = {"viewport": {"width": 1280, "height": 900}, **options}
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))

        def asked(request: Any) -> None:
            if not request.url.startswith(("blob:", "data:", file.as_uri())):
                faults.append(f"asked for {request.url}")

        page.on("request", asked)
        page.goto(file.as_uri() + address)
        page.wait_for_selector("html[data-ready]", timeout=60_000)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert faults == []


DRAW = """(strokes) => {
  const pad = document.getElementById("pad");
  const box = pad.getBoundingClientRect();
  const send = (type, [x, y]) => pad.dispatchEvent(new PointerEvent(type, {
    pointerId: 1, pointerType: "pen", isPrimary: true, button: type === "pointermove" ? -1 : 0,
    buttons: 1, bubbles: true, cancelable: true,
    clientX: box.left + x * box.width / 400, clientY: box.top + y * box.height / 300 }));
  pad.setPointerCapture = () => {};
  for (const stroke of strokes) {
    send("pointerdown", stroke[0]);
    for (const point of stroke.slice(1)) send("pointermove", point);
    send("pointerup", stroke.at(-1));
  }
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(
    document.getElementById("number").textContent))));
}"""


def moved(strokes: list[Any], right: float, scale: float) -> list[Any]:
    return [[[x * scale + right, y * scale + 70] for x, y in stroke] for stroke in strokes]


def mouse(page: Any, strokes: list[Any]) -> None:
    box = page.locator("#pad").bounding_box()
    scale = box["width"] / 400
    for stroke in strokes:
        points = [(box["x"] + x * scale, box["y"] + y * scale) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()


def test_digits_are_read_as_they_are_drawn(open_page: Open) -> None:
    page = open_page()
    read = []
    for case in STROKES:
        read.append((page.evaluate(DRAW, case["strokes"]), str(case["digit"])))
        page.click("#clear")
    assert len(read) == 50
    assert sum(found == digit for found, digit in read) >= 45, read


def test_nothing_drawn_nothing_claimed(open_page: Open) -> None:
    page = open_page()
    said = "Nothing drawn, nothing claimed"
    assert page.text_content("#number") == ""
    assert page.text_content("#said") == said
    assert page.evaluate(DRAW, STROKES[35]["strokes"]) == "7"
    assert page.get_attribute("#pad", "aria-label").endswith("It shows 7.")
    page.keyboard.press("Control+z")
    page.wait_for_function("document.getElementById('number').textContent === ''")
    assert page.text_content("#said") == said
    assert page.locator("#bars .best").count() == 0


def test_a_row_is_a_number(open_page: Open) -> None:
    page = open_page()
    chosen = [35, 10, 5]
    parts = [moved(STROKES[k]["strokes"], 95 * n - 60, 0.5) for n, k in enumerate(chosen)]
    number = page.evaluate(DRAW, [stroke for part in parts for stroke in part])
    assert number == "".join(str(STROKES[k]["digit"]) for k in chosen)
    assert page.locator("#cuts").is_visible()
    page.locator("#number button").nth(1).click()
    assert page.locator('#number [aria-pressed="true"]').text_content() == "2"


def test_a_finger_draws_and_does_not_scroll(open_page: Open) -> None:
    phone = {"viewport": {"width": 390, "height": 700}, "device_scale_factor": 2}
    page = open_page(**phone, has_touch=True, is_mobile=True)
    devtools = page.context.new_cdp_session(page)
    box = page.locator("#pad").bounding_box()
    for stroke in STROKES[35]["strokes"]:
        for k, (x, y) in enumerate(stroke):
            at = [{"x": box["x"] + x * box["width"] / 400, "y": box["y"] + y * box["width"] / 400}]
            kind = "touchMove" if k else "touchStart"
            devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
        devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_function("document.getElementById('number').textContent === '7'")
    assert page.evaluate("scrollY") == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_is_taught_and_undone_to_the_bit(open_page: Open) -> None:
    page = open_page()
    mouse(page, STROKES[35]["strokes"])
    page.wait_for_function("document.getElementById('number').textContent === '7'")
    page.click('#labels button[aria-label="it was a 4"]')
    page.wait_for_selector("#lesson li.now")
    assert page.locator("#lesson li").count() == 4
    page.click("#skip")
    page.wait_for_function("/it says 4/.test(document.getElementById('teach-text').textContent)")
    assert page.text_content("#number") == "4"
    before, after = re.findall(r"[0-9a-f]{8}", page.text_content("#bits"))
    assert before != after
    page.click("#unteach")
    page.wait_for_function("document.getElementById('number').textContent === '7'")
    assert re.findall(r"[0-9a-f]{8}", page.text_content("#bits")) == [after, before]


def test_a_unit_is_looked_into_by_keyboard(open_page: Open) -> None:
    page = open_page()
    page.evaluate(DRAW, STROKES[35]["strokes"])
    page.focus("#units")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#inside-title:has-text('Hidden unit 2')")
    assert page.get_attribute("#units", "aria-valuetext").startswith("unit 2, says ")
    cells = page.locator("#inside-body table").first.locator("td:nth-child(4)")
    terms = [float(cell.replace("\N{MINUS SIGN}", "-")) for cell in cells.all_text_contents()]
    assert sum(terms[:-1]) == pytest.approx(terms[-1], abs=0.006)


def test_it_trains_from_nothing_as_python_does(open_page: Open) -> None:
    page = open_page("#train?hidden=60&epochs=30&rate=0.5&batch=10&seed=1&cost=cross_entropy")
    page.click("#go")
    page.wait_for_function(
        "/^Done/.test(document.getElementById('train-said').textContent)"
        " && document.getElementById('scrub').value === '30'",
        timeout=60_000,
    )
    page.wait_for_selector("#scrub-said:has-text('Epoch 30 of 30')")
    share = re.search(r"(\d+(\.\d)?) %", page.text_content("#train-said"))
    assert share
    assert float(share[1]) >= 90
    bits = page.text_content("#train-bits").removeprefix("weights ")
    code = page.text_content("#code")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    accuracy, fingerprint = done.stdout.splitlines()[-2:]
    assert fingerprint == bits
    assert round(100 * float(accuracy)) == round(float(share[1]))

    seen = {}
    for epoch in (2, 30, 2):
        page.evaluate(
            """(epoch) => { const scrub = document.getElementById('scrub'); scrub.value = epoch;
            scrub.dispatchEvent(new Event('input')); }""",
            epoch,
        )
        page.wait_for_selector(f"#scrub-said:has-text('Epoch {epoch} of 30')")
        shown = page.text_content("#train-bits")
        assert seen.setdefault(epoch, shown) == shown
    assert seen[2] != seen[30]
    page.click("#adopt")
    page.wait_for_selector("#about:has-text('trained from nothing')")
    page.click("#original")
    page.wait_for_selector("#about:has-text('numbers that it learnt')")


def test_a_table_of_ones_own_is_trained_on_as_python_does(open_page: Open, tmp_path: Path) -> None:
    lines = ["width,height,kind"]
    lines += [f"{k % 7 + k / 50}, {(k * 37) % 11}e-1, {'ab'[k % 7 > 3]}" for k in range(200)]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(lines))
    page = open_page("#train?data=csv&hidden=6&epochs=5&rate=1&batch=10&seed=2")
    page.set_input_files("#csv", str(table))
    page.wait_for_selector("#train-said:has-text('200 rows, 2 inputs, 2 classes')")
    page.click("#go")
    page.wait_for_function("document.getElementById('scrub').value === '5'", timeout=60_000)
    page.wait_for_selector("#scrub-said:has-text('Epoch 5 of 5')")
    bits = page.text_content("#train-bits").removeprefix("weights ")
    code = page.text_content("#code")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == bits


def test_what_is_broken_falls(open_page: Open) -> None:
    page = open_page("#break")
    share = "parseFloat(document.getElementById('survives').textContent.replace('>', ''))"
    page.wait_for_function(f"{share} > 85")
    slide = """([name, value]) => { const range = document.getElementById(name);
      range.value = value; range.dispatchEvent(new Event('input')); }"""
    page.evaluate(slide, ["off", 60])
    page.wait_for_function(f"{share} < 70")
    assert "Units off: 60 of 64" in page.text_content("#off-said")
    page.click("#mend")
    page.wait_for_function(f"{share} > 85")
    page.evaluate(slide, ["noise", 100])
    page.wait_for_function(f"{share} < 85")


def test_two_inputs_learn_what_was_clicked(open_page: Open) -> None:
    page = open_page("#plane")
    page.click("#shapes button:has-text('XOR')")
    page.click("#points", position={"x": 20, "y": 20})
    page.wait_for_selector("#plane-said:has-text('161 points')")
    page.click("#plane-go")
    page.wait_for_function(
        "parseInt((document.getElementById('plane-said').textContent.match(/(\\d+) of 161/)"
        " ?? [0, 0])[1]) >= 145",
        timeout=60_000,
    )
    page.click("#plane-go")


AUDIT = """axe.run(document).then(({ violations }) => violations.map(
  ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`))"""


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing(open_page: Open, colours: str) -> None:
    if AXE is None:
        lacking("axe-core: pip install axe-playwright-python")
    page = open_page(color_scheme=colours, reduced_motion="reduce")
    page.evaluate(Path(str(AXE.origin)).with_name("axe.min.js").read_text())
    page.evaluate(DRAW, STROKES[35]["strokes"])
    for panel in ("draw", "train", "break", "plane"):
        page.click(f"#tab-{panel}")
        found = page.evaluate(AUDIT)
        assert found == [], panel


def test_nothing_shifts(open_page: Open) -> None:
    page = open_page()
    page.evaluate("""() => { window.shifts = 0; new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.shifts += entry.value;
    }).observe({ type: "layout-shift", buffered: true }); }""")
    page.evaluate(DRAW, STROKES[35]["strokes"])
    page.wait_for_timeout(200)
    assert page.evaluate("window.shifts") < 0.02
