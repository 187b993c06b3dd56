"""What users are told about data that are no numbers, and about names from elsewhere."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from nncore import DataError, Network
from nncore._support.checks import naming

ROWS = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]
Y = [0, 1, 0]
WAYS: dict[str, Callable[[Any], Any]] = {
    "fit": lambda x: Network([3, 2]).fit(x, Y, 1),
    "validation_split": lambda x: Network([3, 2]).fit(x, Y, 1, validation_split=0.4),
    "evaluate": lambda x: Network([3, 2]).evaluate(x, Y),
    "predict": lambda x: Network([3, 2]).predict(x),
}


def rows(bad: Any, at: tuple[int, int] = (1, 2)) -> list[list[Any]]:
    changed: list[list[Any]] = [list(row) for row in ROWS]
    changed[at[0]][at[1]] = bad
    return changed


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (None, "x has None in row 1, column {}; expected numbers: fill in"),
        ("pd.NA", "x has <NA> in row 1, column {}; expected numbers: fill in"),
        ("pd.NaT", "x has NaT in row 1, column {}; expected numbers: fill in"),
        (float("nan"), "x has NaN in row 1, column {}; expected finite numbers"),
        (float("inf"), "x has infinity in row 1, column {}; expected finite numbers"),
        ("red", "x holds the text 'red' in row 1, column {}; expected real numbers"),
        (
            datetime.datetime(2020, 5, 1),
            r"x holds .*2020.* in row 1, column {}; expected real numbers: make numbers of dates",
        ),
        (1j, "x holds 1j in row 1, column {}; expected real numbers$"),
    ],
    ids=repr,
)
def test_what_is_no_number_is_named_by_row_and_column(way: str, bad: Any, message: str) -> None:
    pandas = pytest.importorskip("pandas")
    if isinstance(bad, str) and bad.startswith("pd."):
        bad = getattr(pandas, bad[3:])
    x = np.array(rows(bad), dtype=object)
    with pytest.raises((TypeError, ValueError), match=message.format(2)):
        WAYS[way](x)
    with pytest.raises((TypeError, ValueError), match=message.format("'age'")):
        WAYS[way](pandas.DataFrame(x, columns=["height", "weight", "age"]))


def test_columns_of_one_kind() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(ROWS, columns=["a", "b", 7])
    frame["b"] = pandas.array([1, None, 3], dtype="Int64")
    with pytest.raises(ValueError, match="x has <NA> in row 1, column 'b'"):
        Network([3, 2]).fit(frame, Y)
    frame["b"] = [1.0, 2.0, np.nan]
    with pytest.raises(ValueError, match=r"^validation_data: x has NaN in row 2, column 'b'"):
        Network([3, 2]).fit(ROWS, Y, validation_data=(frame, Y))
    dates = pandas.DataFrame({"when": pandas.date_range("2020-01-01", periods=3)})
    for call in (lambda: Network([1, 2]).fit(dates, Y), lambda: Network([1, 2]).predict(dates)):
        with pytest.raises(TypeError, match=r"datetime64.* in row 0, column 'when'; .*dates"):
            call()


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, None, 1], "y has None in row 1; expected numbers"),
        ([0, np.nan, 1], r"y has NaN in row 1; expected integer labels \(3,\)"),
        ([0.0, 1.0, 0.0], r"y has shape \(3,\) and dtype float64; .*y.astype\(int\) makes labels"),
        (np.array(["2020-01-01"] * 3, dtype="datetime64[D]"), "y has dtype datetime64.* in row 0"),
        (None, "y is None; fit needs a label or targets for every row of x"),
    ],
)
def test_bad_targets(y: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Network([3, 2]).fit(ROWS, y)


def batches() -> Iterator[Any]:
    yield ROWS, Y


class Loader:
    """Like those of PyTorch: one can go through it, and it has a length."""

    def __iter__(self) -> Iterator[Any]:
        return batches()

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize("x", [batches(), batches, Loader(), iter([(ROWS, Y)])])
def test_batches_are_told_how(x: Any) -> None:
    net = Network([3, 2])
    kind = type(x).__name__
    message = rf"x is a {kind}; fit takes all rows at once.*penalty_rows=n"
    with pytest.raises(TypeError, match=message):
        net.fit(x)
    with pytest.raises(TypeError, match=message):
        net.fit(x, Y)
    assert net.epoch == 0


def test_a_generator_is_no_row() -> None:
    with pytest.raises(TypeError, match="x is a generator"):
        Network([3, 2]).predict(batches())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cost": "mse"}, "unknown cost 'mse'; take 'quadratic', half of it; expected one of"),
        ({"cost": "BCE"}, "take 'cross_entropy' (sigmoid outputs)"),
        ({"cost": "categorical_crossentropy"}, "take 'log_likelihood' (softmax outputs)"),
        ({"activation": "swish"}, "take 'silu'"),
        ({"activation": "lrelu"}, "take 'leaky_relu'"),
        ({"output_activation": "identity"}, "take 'linear'"),
        ({"initializer": "xavier"}, "take 'glorot_uniform' or 'glorot_normal'"),
        ({"initializer": "kaiming_normal"}, "take 'he_normal'"),
        (
            {"output_activation": "softmax", "cost": "cross_entropy"},
            "is the binary one, for sigmoid outputs; that of softmax outputs, which others call "
            "(categorical) cross-entropy, is cost='log_likelihood' here",
        ),
        ({"cost": "log_likelihood"}, "for sigmoid outputs take cost='cross_entropy'"),
    ],
)
def test_names_from_elsewhere(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Network([3, 4, 2], **options)


@pytest.mark.parametrize("dtype", [str, object])
def test_classes_that_are_text_are_told_how_to_become_numbers(dtype: type) -> None:
    y = np.array(["cat", "dog"] * (len(ROWS) // 2 + 1), dtype)[: len(ROWS)]
    with pytest.raises(TypeError, match=re.escape("np.unique(y, return_inverse=True)[1]")):
        Network([3, 2]).fit(ROWS, y)


def test_every_name_that_is_advised_is_there() -> None:
    from nncore import _core, metrics
    from nncore._support.names import _ELSEWHERE

    there = {
        *_core.ACTIVATIONS, *_core.COSTS, *_core.INITIALIZERS, *_core.OPTIMIZERS,
        *metrics.METRICS, "cost",
    }  # fmt: skip
    for advice in (text for names in _ELSEWHERE.values() for text in names.values()):
        assert set(re.findall("'(.*?)'", advice)) <= there


def test_an_error_that_takes_more_than_a_text_is_named_all_the_same() -> None:
    expected = pytest.raises(ValueError, match=r"^spec 3: .*can't decode byte 0xff")
    with expected as caught, naming("spec 3"):
        b"\xff".decode()
    assert isinstance(caught.value.__cause__, UnicodeDecodeError)
    with pytest.raises(DataError, match=r"^validation_data: torn$"), naming("validation_data"):
        raise DataError("torn")
