"""Refused threads: pthread_create fails after some calls, in a process without threads."""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from harness.base import Case, Part, expect, forked, signal_name

_SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
static atomic_long left = 1L << 60;
void campaign_grant_threads(long n) { left = n; }
typedef int create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
int pthread_create(pthread_t* t, const pthread_attr_t* a, void* (*f)(void*), void* x) {
  create* real = (create*)dlsym(RTLD_NEXT, "pthread_create");
  return atomic_fetch_sub(&left, 1) > 0 ? real(t, a, f, x) : EAGAIN;
}
"""


@cache
def shim() -> str | None:
    """A library to preload, which can refuse threads."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="campaign-shim-"))
    (folder / "shim.c").write_text(_SHIM)
    library = folder / "shim.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", library, folder / "shim.c", "-ldl"], check=True
    )
    return str(library)


class Attack(Part):
    @classmethod
    def environment(cls) -> dict[str, str]:
        return {"LD_PRELOAD": shim() or "", "OMP_NUM_THREADS": "4"}

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        import numpy  # noqa: F401  # nncore itself comes in each child: a team does not survive a fork

        expect("shim.so" in os.environ.get("LD_PRELOAD", ""), "there is no C compiler: no threads")

    def draw(self, rng: random.Random, index: int) -> Case:
        return {
            "kind": rng.choice(["predict", "fit", "fit small", "evaluate", "pool"]),
            "granted": rng.choice([0, 0, 1, 2, 3]),
            "threads": rng.choice([2, 3, 4, 9, 64]),
            "later": rng.random() < 0.5,
        }

    def run(self, case: Case) -> None:
        ended = forked(lambda: self.attempt(case), 60.0)
        expect(ended == 0, f"threads refused: killed by {signal_name(ended)}")

    def attempt(self, case: Case) -> None:
        """The result is the same as with unlimited threads."""
        import numpy as np

        import nncore

        rng = np.random.default_rng(0)
        x = rng.normal(size=(4000, 60)).astype(np.float32)
        y = rng.integers(0, 10, 4000)
        grant = ctypes.CDLL(None).campaign_grant_threads
        grant.argtypes = [ctypes.c_long]

        def answer(threads: int) -> bytes:
            nncore.set_num_threads(threads)
            net = nncore.Network([60, 300, 10], seed=1, initializer="scaled")
            if case["kind"] == "predict":
                return np.asarray(net.feedforward(x)).tobytes()
            if case["kind"] == "evaluate":
                return repr(net.evaluate(x, y)).encode()
            rows = 40 if case["kind"] == "fit small" else 1500
            net.fit(x[:rows], y[:rows], 1, 300 if case["kind"] == "fit" else 20, progress=False)
            return b"".join(np.ascontiguousarray(w).tobytes() for w in net.weights)

        wanted = answer(1)
        if case["later"]:
            expect(answer(2) == wanted, "two threads give other bits than one")
        grant(case["granted"])
        found = answer(case["threads"])
        expect(found == wanted, "with threads refused there are other bits")
