from __future__ import annotations

import gzip
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from idx_files import CODES, idx_bytes
from nncore.datasets import load_idx
from nncore.errors import DataError

ANY_ARRAY = st.sampled_from(sorted(CODES)).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(max_dims=5, min_side=0, max_side=5))
)
ONE_FILE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
GOOD = idx_bytes(np.arange(24, dtype=np.int16).reshape(2, 3, 4))


def header(code: int, *sizes: int) -> bytes:
    return bytes([0, 0, code, len(sizes)]) + np.array(sizes, ">u4").tobytes()


@ONE_FILE
@given(array=ANY_ARRAY, compress=st.booleans())
def test_reads_back_what_was_written(tmp_path: Path, array: np.ndarray, compress: bool) -> None:
    file = tmp_path / "some.idx"
    data = idx_bytes(array)
    file.write_bytes(gzip.compress(data) if compress else data)
    found = load_idx(file)
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    assert found.flags.writeable
    np.testing.assert_array_equal(found, array, strict=True)


def test_compression_is_detected_by_content_not_name(tmp_path: Path) -> None:
    (tmp_path / "plain.gz").write_bytes(GOOD)
    (tmp_path / "compressed").write_bytes(gzip.compress(GOOD))
    np.testing.assert_array_equal(
        load_idx(tmp_path / "plain.gz"), load_idx(tmp_path / "compressed")
    )
    assert load_idx(str(tmp_path / "plain.gz")).shape == (2, 3, 4)


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("data", "expected", "found"),
    [
        (b"", "two zero bytes", "an empty file"),
        (b"\0\0\x08", "two zero bytes", "00 00 08"),
        (b"\x89PNG\r\n", "two zero bytes", "89 50 4e 47"),
        (b"\0\0\x0a\x01\0\0\0\0", "a type", "00 00 0a 01"),
        (b"\0\0\x08\0", "a number of dimensions", "00 00 08 00"),
        (header(8, *[1] * 33) + b"\0", "at most 32 dimensions", "33"),
        (GOOD[:15], "a header of 16 bytes", "15"),
        (GOOD[:-1], r"64 bytes \(2 x 3 x 4 int16", "63"),
        (GOOD[:16], "64 bytes", "16"),
        (GOOD + b"\0", "64 bytes", "more"),
        (header(8, 0, *[0xFFFFFFFF] * 3), "fits in memory", "4294967295"),
    ],
)
def test_malformed_files_are_refused_with_the_reason(
    tmp_path: Path, data: bytes, expected: str, found: str, compress: bool
) -> None:
    file = tmp_path / "bad.idx"
    file.write_bytes(gzip.compress(data) if compress else data)
    with pytest.raises(DataError, match=rf"bad\.idx: .*expected .*{expected}.* found .*{found}"):
        load_idx(file)


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(GOOD)[:-9],
        gzip.compress(GOOD)[:-1],
        gzip.compress(GOOD)[:-8] + bytes(8),
        gzip.compress(GOOD)[:12] + b"\xff" + gzip.compress(GOOD)[13:],
        gzip.compress(GOOD) + b"trailing",
        b"\x1f\x8b",
    ],
    ids=["cut", "no end", "checksum", "body", "trailing", "magic only"],
)
def test_corrupt_gzip(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bad.gz").write_bytes(data)
    with pytest.raises(DataError, match=r"bad\.gz: expected gzip data, found it corrupt: \w"):
        load_idx(tmp_path / "bad.gz")


def test_missing_and_special_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.idx: expected an IDX file, found no such file"):
        load_idx(tmp_path / "none.idx")
    with pytest.raises(DataError, match=r"expected an IDX file, cannot read it: \w"):
        load_idx(tmp_path)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (header(14, 0xFFFFFFFF, 0xFFFFFFFF) + bytes(100), "found 112"),
        (header(8, 1 << 30) + bytes(100), "found 108"),
        (gzip.compress(header(8, 1 << 30) + bytes(100)), "found at most"),
        (gzip.compress(header(8, 1 << 14) + bytes(100)), "found 108"),
        (gzip.compress(header(8, 10) + bytes(1 << 26)), "found more"),
    ],
    ids=["overflow", "plain", "gzip", "gzip within reach", "bomb"],
)
def test_a_false_header_allocates_no_memory(tmp_path: Path, data: bytes, fault: str) -> None:
    (tmp_path / "liar").write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=fault):
            load_idx(tmp_path / "liar")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@ONE_FILE
@given(
    array=ANY_ARRAY,
    cut=st.integers(0, 200),
    place=st.integers(0, 30),
    byte=st.integers(0, 255),
    compress=st.booleans(),
)
def test_damaged_files_give_an_array_or_a_data_error(
    tmp_path: Path, array: np.ndarray, cut: int, place: int, byte: int, compress: bool
) -> None:
    data = bytearray(gzip.compress(idx_bytes(array)) if compress else idx_bytes(array))
    data[place % len(data)] = byte
    (tmp_path / "damaged").write_bytes(data[:cut])
    with suppress(DataError):
        load_idx(tmp_path / "damaged")
