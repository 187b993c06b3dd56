"""Benches as users start them, on sizes that are too small for their times to mean anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from idx_files import small_mnist, write_files

BENCH = Path(__file__).parents[2] / "bench"
pytestmark = pytest.mark.skipif(not BENCH.is_dir(), reason="bench/ is not part of this copy")


def run_bench(*command: object) -> str:
    """What the program prints that lies at this path below bench/, with these options."""
    program, *options = map(str, command)
    done = subprocess.run(
        [sys.executable, str(BENCH / program), *options],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_run_writes_table_json_and_plot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("scipy")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # for the program that it builds
    file, plot = tmp_path / "results.json", tmp_path / "results.png"
    shape = ("--workload", "float64", "text", "--peers", "book", "numpy", "--rows", "5000")
    outputs = ("--rounds", "2", "--threads", "1", "--json", file, "--plot", plot)
    printed = run_bench("speed/run.py", *shape, *outputs)

    rows = json.loads(file.read_text())["results"]
    found = {(row["workload"], row["peer"]): row for row in rows}
    assert set(found) == {(n, p) for n in ("float64", "text") for p in ("nncore", "numpy")}
    for name in ("float64", "text"):
        ours, numpy = found[name, "nncore"], found[name, "numpy"]
        assert ours["cost"] == pytest.approx(numpy["cost"], rel=0.05)
        assert len(ours["times"]) == len(numpy["times"]) == 2
        assert min(*ours["times"], *numpy["times"]) > 0
    dense = found["float64", "nncore"]["dense_flops"]
    assert dense == pytest.approx(5_000 * 2 * (2 * 32 * 64 + 3 * (64 * 64 + 64)))

    assert "FMA peak, 1 thread(s)" in printed
    assert "NOT where nncore ends" not in printed.partition("\ntext:")[0]
    summary = printed.partition("fastest peer\n")[2].splitlines()
    assert [line.split()[0] for line in summary[:2]] == ["float64", "text"]
    assert "left out: book (float64, text): the book's networks are of sigmoids" in summary
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_every_program_of_the_books_figures_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On sixty random images; on MNIST it is `python bench/accuracy/figures.py`."""
    monkeypatch.setenv("NNCORE_DATA", str(write_files(tmp_path, small_mnist())))
    heading, loading, *lines = run_bench("accuracy/figures.py", "--shorter", 1000).splitlines()
    assert heading.split() == ["program", "epochs", "seconds"]
    assert loading.startswith("load_data_wrapper")
    epochs = {line.split()[0]: int(line.split()[1].replace(",", "")) for line in lines}
    assert epochs["overfitting"] == epochs["first_network"] == 1
    assert epochs["more_data"] == 15 + 7 + 3 + 6
    assert len(epochs) == 10


def test_a_comparison_of_tables_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("pandas")
    kept = tmp_path / "kept.json"
    key = "iris/0/random forest"
    kept.write_text(json.dumps({key: {"error": 0.5, "seconds": 1.0}}))
    chosen = ("--tables", "iris", "--seeds", "0", "--methods", "random forest", "scikit-learn MLP")
    printed = run_bench("accuracy/tables.py", *chosen, "--json", kept)
    found = json.loads(kept.read_text())
    assert set(found) == {key, "iris/0/scikit-learn MLP"}
    assert found[key]["error"] == 0.5
    assert found["iris/0/scikit-learn MLP"]["error"] < 0.3
    assert "| mean rank | | 2.00 | 1.00 |" in printed


def test_the_best_digits_go_on_from_their_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NNCORE_DATA", str(write_files(tmp_path / "idx", small_mnist())))
    options = ("--epochs", "17", "--layers", "8", "--seeds", "1", "2", "--every", "1")

    def printed(*more: object) -> list[str]:
        return run_bench("accuracy/best_digits.py", *options, *more).splitlines()

    whole, kept = printed(), printed("--folder", tmp_path / "kept")
    assert [line.split()[1:] for line in whole] == [line.split()[1:] for line in kept]
    assert sum(line.startswith("averaged weights: ") for line in whole) == 2
    assert whole[-1].startswith("median of 2: validation ")
    files = sorted((tmp_path / "kept").iterdir())
    assert len(files) == 4
    again = printed("--folder", tmp_path / "kept")  # which has nothing left to do
    assert again[-1] == whole[-1]
    files[0].unlink()  # the average of the first, as if it had been killed before its end
    assert "averaged" in files[0].name
    assert printed("--folder", tmp_path / "kept")[-1] == whole[-1]


def test_the_race_to_an_accuracy_is_run_and_drawn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    folder = write_files(tmp_path / "idx", small_mnist(), compress=True)
    monkeypatch.setenv("NNCORE_DATA", str(folder))
    results, plot = tmp_path / "race.json", tmp_path / "race.png"
    race = ("--racers", "nncore", "--seeds", 2, "--tasks", "mnist", "--targets", 0.97)
    printed = run_bench("speed/time_to_accuracy.py", *race, "--json", results, "--plot", plot)
    (result,) = json.loads(results.read_text())
    assert [result[name] for name in ("task", "target", "racer")] == ["mnist", 0.97, "nncore"]
    assert len(result["runs"]) == 2
    assert all(min(run["processor"], run["wall"]) > 0 for run in result["runs"])
    assert "nncore" in printed
    assert plot.read_bytes().startswith(b"\x89PNG")
