"""The same bits on any number of ranks, by this Python's own mpiexec."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

import nncore
import rank_cases
from ranks import HELPERS, needs_mpi, run_ranks

pytestmark = needs_mpi


def found_by(ranks: int, threads: int = 1, **environment: str) -> dict[str, Any]:
    pytest.importorskip("mpi4py")
    program = (sys.executable, HELPERS / "rank_cases.py", str(threads))
    ended = run_ranks(ranks, *program, **environment)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    assert found["ranks"] == ranks
    return dict(found["digests"])


@pytest.fixture(scope="module")
def alone() -> dict[str, str]:
    """By one process that knows of no ranks."""
    return rank_cases.digests(None)


@pytest.fixture(scope="module")
def one_rank() -> dict[str, Any]:
    return found_by(1)


def test_one_rank_has_the_bits_of_no_ranks(alone: dict[str, str], one_rank: dict[str, Any]) -> None:
    pytest.importorskip("scipy")
    assert len(set(alone.values())) == len(rank_cases.CASES)
    assert {name: one_rank[name] for name in alone} == alone


@pytest.mark.parametrize(("ranks", "threads"), [(2, 2), (3, 1), (4, 2)])
def test_ranks_have_the_bits_of_one(one_rank: dict[str, Any], ranks: int, threads: int) -> None:
    pytest.importorskip("scipy")
    assert found_by(ranks, threads) == one_rank


def test_instruction_sets_have_the_same_bits_on_ranks(one_rank: dict[str, Any]) -> None:
    pytest.importorskip("scipy")
    if nncore._core.build_info()["instruction_set"] not in ("avx2", "avx512"):
        pytest.skip("needs a processor with AVX2")
    assert found_by(3, NNCORE_ISA="avx2") == one_rank


def test_without_fused_multiply_adds_ranks_agree_among_themselves() -> None:
    pytest.importorskip("scipy")
    assert found_by(3, NNCORE_ISA="baseline") == found_by(1, NNCORE_ISA="baseline")
