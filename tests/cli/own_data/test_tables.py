"""`nncore train`, `predict`, `evaluate` and `info` on users' own tables."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nncore
from command_line import environment, failure, run, same_parameters
from nncore import cli

CITIES = {"Oslo": 5.0, "Rome": 0.0, "Bern": 9.0}


def house_rows(n: int, seed: int) -> list[dict[str, object]]:
    """Houses whose price is known from their area, rooms and city; some cells are empty."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for i in range(n):
        area, rooms = rng.uniform(30, 200), int(rng.integers(1, 5))
        city = str(rng.choice(list(CITIES)))
        price = 1000 * (area + 20 * rooms + 10 * CITIES[city])
        row = {"area": f"{area:.2f}", "rooms": rooms, "city": city, "price": f"{price:.0f}"}
        if i % 7 == 0:
            row["rooms"] = ""
        rows.append({**row, "note": f"a house, number {i}"})
    return rows


def write_csv(path: Path, rows: list[dict[str, object]], **options: object) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), **options)  # type: ignore[arg-type]
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("houses") / "houses.csv", house_rows(400, 1))


@pytest.fixture(scope="module")
def house_model(houses: Path) -> str:
    path = houses.parent / "houses.safetensors"
    assert (
        cli.main(["train", "--data", str(houses), "--target", "price", "--output", str(path)]) == 0
    )
    return str(path)


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(2)
    kinds = ["daisy", "rosé", "lily"]
    rows = []
    for i in range(150):
        x = rng.normal(size=2) + 3 * np.array([[0, 0], [0, 1], [1, 0]])[i % 3]
        rows.append({"length": x[0], "width": x[1], "species": kinds[i % 3]})
    return write_csv(tmp_path_factory.mktemp("flowers") / "flowers.csv", rows)


@pytest.fixture(scope="module")
def flower_model(flowers: Path) -> str:
    path = flowers.parent / "flowers.safetensors"
    command = ["train", "--data", str(flowers), "--target", "species", "--output", str(path)]
    assert cli.main([*command, "--epochs", "20"]) == 0
    return str(path)


def predictions(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, str]]:
    capsys.readouterr()
    assert cli.main(["predict", *map(str, arguments)]) == 0
    return list(csv.DictReader(capsys.readouterr().out.splitlines()))


def test_a_price_is_predicted_from_numbers_and_categories(
    house_model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = house_rows(100, 5)
    new = write_csv(tmp_path / "new.csv", [{k: r[k] for k in reversed(r)} for r in rows])
    found = predictions(capsys, house_model, new)
    error = [
        abs(float(f["price"]) - float(str(r["price"]))) for f, r in zip(found, rows, strict=True)
    ]
    known = [e for e, r in zip(error, rows, strict=True) if r["rooms"] != ""]
    assert np.mean(known) < 6000  # of prices that vary by 60,000
    # A missing number of rooms costs about a deviation of it.
    assert np.mean(error) < 12_000


def test_what_training_saw_scales_new_rows(
    house_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One row alone has no mean of its own; it must answer as among others."""
    many = house_rows(30, 6)
    from_all = predict_text(house_model, many)
    from_one = predict_text(house_model, many[:1])
    assert from_one[1] == from_all[1]


def predict_text(model: str, rows: list[dict[str, object]]) -> list[str]:
    text = (
        ",".join(rows[0])
        + "\n"
        + "".join(",".join(f'"{v}"' for v in row.values()) + "\n" for row in rows)
    )
    done = subprocess.run(
        [sys.executable, "-m", "nncore", "predict", model, "-"],
        input=text, capture_output=True, text=True, check=True, env=environment(),
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_training_says_what_became_of_each_column(houses: Path, tmp_path: Path) -> None:
    done = run("train", "--data", houses, "--target", "price", "--epochs", 2, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for line in (
        "400 rows",
        "320 to train on, 80 held out for validation",
        "numbers   area, rooms",
        "kinds in  city (3)",
        "gaps in   rooms",
        "left out  note: text of 320 kinds in 320 rows",
        "network   6-64-32-1: relu, linear outputs, quadratic cost",
    ):
        assert line in done.stdout
    assert re.search(r"^best +epoch \d, which is kept: mean absolute error ", done.stdout, re.M)


def test_classes_keep_their_names(
    flower_model: str, flowers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = predictions(capsys, flower_model, flowers)
    rows = list(csv.DictReader(flowers.read_text(encoding="utf-8").splitlines()))
    right = sum(f["species"] == r["species"] for f, r in zip(found, rows, strict=True))
    assert right > 120
    for answer in found:
        shares = {k: float(answer[f"probability_{k}"]) for k in ("daisy", "lily", "rosé")}
        assert max(shares, key=shares.__getitem__) == answer["species"]
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)

    output = tmp_path / "answers.json"
    assert cli.main(["predict", flower_model, str(flowers), "--output", str(output)]) == 0
    assert capsys.readouterr().out == ""
    as_json = json.loads(output.read_text(encoding="utf-8"))
    assert [row["species"] for row in as_json] == [row["species"] for row in found]
    assert as_json[0]["probabilities"]["rosé"] == float(found[0]["probability_rosé"])
    assert cli.main(["predict", flower_model, str(flowers), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == as_json

    output = tmp_path / "answers.csv"
    assert cli.main(["predict", flower_model, str(flowers), "--output", str(output)]) == 0
    with output.open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == found

    assert cli.main(["evaluate", flower_model, "--data", str(flowers)]) == 0
    printed = capsys.readouterr().out
    assert f"accuracy  {right} of 150 rows" in printed
    assert re.search(r"calibration error  \d+\.\d\d %", printed)
    assert [line.split()[0] for line in printed.splitlines()[-3:]] == ["daisy", "lily", "rosé"]


def test_the_best_epoch_is_kept(
    flowers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m"
    command = ["train", "--data", flowers, "--target", "species", "--output", path]
    # A rate that jumps about: later epochs are worse than the best.
    assert cli.main(list(map(str, [*command, "--epochs", 12, "--learning-rate", 0.3]))) == 0
    printed = capsys.readouterr().out
    lines = re.findall(r"^ *(\d+)/12 +(\S+) +(\d+) / 30 ", printed, re.M)
    rights = [int(right) for _, _, right in lines]
    best = re.search(r"epoch (\d+), which is kept: (\d+) of 30 validation rows", printed)
    assert best is not None
    assert int(best[2]) == max(rights)
    assert rights[int(best[1]) - 1] == max(rights)
    result = json.loads(nncore.Network.load(path).metadata["preparation"])["result"]
    assert (result["epoch"], result["right"]) == (int(best[1]), int(best[2]))


def test_a_stopped_run_resumes_to_the_same_model(
    flowers: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["train", "--data", str(flowers), "--target", "species", "--learning-rate", "0.1"]
    saved = ["--checkpoint", "run", "--resume"]
    assert cli.main([*command, "--epochs", "9", "--output", "straight"]) == 0
    assert cli.main([*command, "--epochs", "4", *saved, "--output", "early"]) == 0
    assert cli.main([*command, "--epochs", "9", *saved, "--output", "resumed"]) == 0
    straight, resumed = nncore.Network.load("straight"), nncore.Network.load("resumed")
    assert same_parameters(straight, resumed)
    assert straight.metadata == resumed.metadata
    other = [*command, "--epochs", "12", *saved, "--drop", "length"]
    assert "run: expected a checkpoint of these data" in failure(capsys, *other)


def test_info_shows_what_a_model_keeps(
    house_model: str, flower_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert cli.main(["info", house_model]) == 0
    printed = capsys.readouterr().out
    for part in ("6-64-32-1", "price: a number", "Bern, Oslo, Rome", "note: text of", "rooms"):
        assert part in printed
    assert cli.main(["info", flower_model]) == 0
    assert "species: 3 classes" in capsys.readouterr().out


def test_files_of_other_kinds_hold_the_same_rows(
    house_model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = house_rows(25, 8)
    expected = predictions(capsys, house_model, write_csv(tmp_path / "new.csv", rows))
    semicolons = write_csv(
        tmp_path / "semicolons.csv",
        [{**row, "area": str(row["area"]).replace(".", ",")} for row in rows],
        delimiter=";",
    )
    assert predictions(capsys, house_model, semicolons) == expected
    tabs = write_csv(tmp_path / "tabs.tsv", rows, delimiter="\t")
    assert predictions(capsys, house_model, tabs) == expected
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "new.csv").read_bytes())
    assert predictions(capsys, house_model, tmp_path / "bom.csv") == expected
    packed = tmp_path / "new.csv.gz"
    packed.write_bytes(gzip.compress((tmp_path / "new.csv").read_bytes()))
    assert predictions(capsys, house_model, packed) == expected

    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow", reason="needs pyarrow, the extra nncore[parquet]")
    pandas.read_csv(tmp_path / "new.csv").to_parquet(tmp_path / "new.parquet")
    assert predictions(capsys, house_model, tmp_path / "new.parquet") == expected


def test_arrays_of_a_file_of_numpy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 40)
    x = (rng.integers(0, 40, (120, 2, 3)) + 60 * y[:, None, None]).astype(np.uint8)
    path, model = tmp_path / "a.npz", tmp_path / "m"
    np.savez(path, x=x, y=y)
    assert cli.main(["train", "--data", str(path), "--output", str(model), "--epochs", "20"]) == 0
    found = predictions(capsys, model, path)
    assert np.mean([int(row["y"]) for row in found] == y) > 0.95


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a,b\n1,2\n3,x\n5,6\n7,8\n9,1\n", "line 3, column 'b': expected a number, found 'x'"),
        ("a,b\n1,2\n3,4,5\n", "line 3: expected 2 cells, found 3"),
        ("a,b\n1,2\n3\n", "line 3: expected 2 cells, found 1"),
        ('a,b\n"1\n2",3\n4,5,6\n', "line 4: expected 2 cells, found 3"),
        ('a,b\n1,"2\n', "line 2: a quote (\") is opened here that is never closed"),
        ("a,b\r1,2\r3,4\r", "line 1: expected lines that end in \\n or \\r\\n, found \\r alone"),
        ("a,b\n1,\n3,\n4,\n", "column 'b': expected targets, found nothing"),
        ("a,b\n1,2\n3,\n4,5\n", "line 3, column 'b': expected one of the 2 classes, found nothing"),
        ("a,b\n1,2.5\n3,\n4,5\n", "line 3, column 'b': expected a number, found nothing"),
        ("a,b\n1,2\n3,inf\n5,6\n7,8\n9,1\n", "line 3, column 'b': expected a number, found 'inf'"),
        ("a,b\ninf,2\n3,3.5\n5,6\n7,8\n", "line 2, column 'a': expected a number, found 'inf'"),
        ("a,b\n1_000,2\n3,3.5\n5,6\n7,8\n9,0\n", "line 2, column 'a': expected a number"),
        ("a,c\n1,2\n", "unknown column of table.csv 'b'"),
        ("a,a,b\n1,2,3\n", "line 1: two columns are called 'a'"),
        ("1,2\n3,4\n", "--no-header"),
        ("", "found nothing in its first line"),
        ("a,b\n", "expected rows, found none"),
        ("a,b\n1,x\n2,x\n3,x\n", "expected two classes or more, found 1"),
        (
            "a,b\n1,2.5\n1,3.5\n1,4.5\n",
            "no column is left to predict 'b' from in the 2 rows to train on ('a' is left out: the "
            "same in every row)",
        ),
        ("b\n1\n2\n", "no column is left"),
        ("a,b\n1,2.5\n", "expected more rows, found 1"),
        ("a,b\n\xff,2\n", "line 2: expected text in UTF-8, found the byte 0xff"),
    ],
)  # fmt: skip
def test_bad_tables_are_refused_by_line_and_column(
    text: str,
    hint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_bytes(text.encode("latin-1"))
    error = failure(capsys, "train", "--data", "table.csv", "--target", "b")
    assert hint in error
    assert "table.csv" in error
    assert os.listdir() == ["table.csv"]


def test_bad_rows_may_be_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"{i},{2 * i}.5" for i in range(40)]
    lines[7] = "x,1.5"
    lines[9] = "1,2,3"
    lines[11] = "1,"
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + "\n".join(lines) + "\n")
    command = ["train", "--data", path, "--target", "b", "--epochs", 1, "--skip-bad-rows"]
    done = run(*command, cwd=tmp_path)
    assert done.returncode == 0
    assert "37 rows" in done.stdout
    first, second = done.stderr.splitlines()
    assert "1 bad rows left out; " in first
    assert "line 11: expected 2 cells, found 3" in first
    assert "2 bad rows left out; " in second
    assert "line 9, column 'a'" in second


def test_new_rows_that_do_not_fit_are_named(
    house_model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = house_rows(5, 3)
    new = tmp_path / "new.csv"
    write_csv(new, [{k: v for k, v in row.items() if k != "city"} for row in rows])
    assert "'city'" in failure(capsys, "predict", house_model, new)
    write_csv(new, [*rows, {**rows[0], "area": "large"}])
    output = tmp_path / "p.csv"
    error = failure(capsys, "predict", house_model, new, "--output", output)
    assert f"{new}, line 7, column 'area': expected a number, found 'large'" in error
    assert not output.exists()
    write_csv(new, [{**rows[0], "area": "1e300"}])
    assert "line 2, column 'area'" in failure(capsys, "predict", house_model, new)


def test_what_training_never_saw_is_said(house_model: str, tmp_path: Path) -> None:
    rows = house_rows(4, 3)
    rows[1]["city"] = "Kyiv"
    rows[2]["area"] = "NA"
    rows[3]["area"] = ""
    new = write_csv(tmp_path / "new.csv", rows)
    done = run("predict", house_model, new, cwd=tmp_path)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 5
    assert "2 cells are missing in 'area'" in done.stderr
    assert "1 cell is new to 'city'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ("train --data {houses}", "give --target and one of area, rooms, city, price, note"),
        ("train --data {houses} --target prise", "did you mean 'price'?"),
        ("train --data {houses} --target price --drop nothing", "'nothing'"),
        ("train --data {houses} --target price --layers 784,10", "--hidden"),
        ("train --data {houses} --target price --hidden 3,x", "64,32"),
        ("train --data {houses} --target price --task guess", "'regression'"),
        ("train --data {houses} --target price --cost poisson", "linear outputs"),
        ("train --data {houses} --target price --validation 1", "below 1"),
        ("train --data {houses} --target note --task regression", "expected a number, found 'a "),
        ("train --data nowhere.csv --target price", "nowhere.csv: no such file"),
        ("train --data digits --target price", "--target is for your own data"),
        ("train --data digits --hidden 3", "--hidden is for your own data"),
        ("predict {model} {houses} {houses}", "expected one table, found 2"),
        ("predict {model} nowhere.csv", "No such file"),
        ("predict {model} {houses} --output p.parquet", "CSV or JSON"),
        ("predict {model} {houses} --output nowhere/p.csv", "nowhere"),
        ("evaluate {model}", "give it such data"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(
    arguments: str,
    hint: str,
    houses: Path,
    house_model: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    given = arguments.format(houses=houses, model=house_model).split()
    assert hint in failure(capsys, *given)
    assert os.listdir() == []


def test_a_model_of_digits_refuses_tables(
    houses: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "digits.safetensors"
    nncore.Network([784, 10]).save(path)
    assert "takes images" in failure(capsys, "predict", path, houses)
    assert "--json is for" in failure(capsys, "predict", path, "x.png", "--json")


def test_damaged_notes_of_the_data_are_an_error(
    house_model: str, houses: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = nncore.Network.load(house_model)
    good = json.loads(net.metadata["preparation"])
    path = tmp_path / "bad.safetensors"
    capsys.readouterr()
    for change in (
        {"version": 2},
        {"kind": "poem"},
        {"columns": good["columns"][1:]},
        {"columns": [{**good["columns"][0], "scale": 0}]},
        {"target": {**good["target"], "mean": "x"}},
        {"left_out": None},
    ):
        net.metadata["preparation"] = json.dumps({**good, **change})
        net.save(path)
        assert "cannot be read" in failure(capsys, "predict", path, houses)


def noisy_rows(n: int, seed: int) -> list[dict[str, object]]:
    """Numbers y = 100 x + noise, whose deviation is 5 + 20 x."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, n)
    y = 100 * x + (5 + 20 * x) * rng.normal(size=n)
    return [{"x": f"{a:.5f}", "y": f"{b:.5f}"} for a, b in zip(x, y, strict=True)]


def predicted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *options: str
) -> dict[str, np.ndarray]:
    """The columns that a model of 2,000 noisy numbers predicts for 1,000 others."""
    data = write_csv(tmp_path / "noisy.csv", noisy_rows(2000, 1))
    new = write_csv(tmp_path / "new.csv", noisy_rows(1000, 2))
    model = str(tmp_path / "model")
    command = ["train", "--data", str(data), "--target", "y", "--output", model, *options]
    assert cli.main([*command, "--epochs", "15", "--hidden", "16"]) == 0
    assert "R2" in capsys.readouterr().out
    assert cli.main(["evaluate", model, "--data", str(new)]) == 0
    printed = capsys.readouterr().out
    assert "calibration" not in printed
    error = re.search(r"mean absolute error +([\d.]+)", printed)
    assert cli.main(["predict", model, str(new)]) == 0
    lines = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    columns = {name: np.array([float(line[name]) for line in lines]) for name in lines[0]}
    truth = np.array([float(str(row["y"])) for row in noisy_rows(1000, 2)])
    assert error is not None
    assert np.abs(columns["y"] - truth).mean() == pytest.approx(float(error[1]), rel=1e-4)
    return columns | {"truth": truth}


def test_quantiles_of_a_number_are_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = predicted(tmp_path, capsys, "--quantiles", "0.1,0.5,0.9")
    assert list(found)[:4] == ["y", "y_0.1", "y_0.5", "y_0.9"]
    assert np.array_equal(found["y"], found["y_0.5"])
    assert (found["y_0.1"] <= found["y_0.5"]).all()
    assert (found["y_0.5"] <= found["y_0.9"]).all()
    inside = (found["truth"] > found["y_0.1"]) & (found["truth"] < found["y_0.9"])
    assert 0.72 < inside.mean() < 0.88


def test_the_gaussian_cost_predicts_a_mean_and_a_deviation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = predicted(tmp_path, capsys, "--cost", "gaussian")
    assert list(found)[:2] == ["y", "y_std"]
    x = np.array([float(str(row["x"])) for row in noisy_rows(1000, 2)])
    assert np.abs(found["y"] - 100 * x).mean() < 4
    assert np.abs(found["y_std"] - (5 + 20 * x)).mean() < 3


def test_the_median_alone_is_one_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = predicted(tmp_path, capsys, "--cost", "pinball")
    assert list(found) == ["y", "truth"]


def test_quantiles_and_costs_that_do_not_go_together_are_refused(
    houses: Path, flowers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = ["train", "--data", houses, "--target", "price"]
    said = failure(capsys, *table, "--cost", "huber", "--quantiles", "0.5")
    assert "--quantiles goes with --cost pinball; found --cost huber" in said
    for wrong in ("0.9,0.1", "0,0.5", "x", "0.5,1"):
        assert "ascending numbers between 0 and 1" in failure(capsys, *table, "--quantiles", wrong)
    kinds = ["train", "--data", flowers, "--target", "species"]
    for options in (["--quantiles", "0.5"], ["--cost", "gaussian"], ["--cost", "pinball"]):
        assert "is for numbers; the target is classes" in failure(capsys, *kinds, *options)
    assert "--quantiles is for your own data" in failure(
        capsys, "train", "--data", "digits", "--quantiles", "0.5"
    )
