"""Start-up time, installed size and memory of nncore, and how they grow with rows and width.

Every part runs in a fresh process (`python bench/speed/footprint.py PART`) and prints a JSON line.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from threading import Event, Thread
from time import perf_counter
from typing import Any

MIB = 1 << 20
CHUNK = 100_000  # rows per write


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Runs all parts, and prints each when it is done."""
    found: dict[str, Any] = {"start": _start()}
    if options.wheel:
        found["wheel"] = options.wheel.stat().st_size
        print(f"wheel: {found['wheel'] / 1e6:.2f} MB ({options.wheel.name})")
    threads = options.threads[0]
    found["memory"] = _fresh("memory", threads)
    print(f"memory: {_memory(found['memory'])}, training 784-30-10 on 50,000 digits")
    print(f"growth with rows, 32-64-64-1, batch 256, Adam, {threads} thread(s):")
    found["rows"] = []
    rows = 1_000
    while rows <= options.most_rows:
        found["rows"].append(_fresh("rows", threads, rows))
        _print_rows(found["rows"][-1])
        rows *= 10
    if options.memmap_rows:
        found["rows"].append(_fresh("memmap", threads, options.memmap_rows))
        _print_rows(found["rows"][-1])
    if options.blocks_rows:
        found["blocks"] = _measure_blocks(threads, options.blocks_rows)
    print(f"growth with width, 784-W-W-10, batch 128, Adam, {threads} thread(s):")
    import machine

    found["width"] = []
    for width in (256, 512, 1024, 2048, 4096):
        part = _fresh("width", threads, width)
        part["share"] = part["flops"] / part["seconds"] / 1e9
        part["share"] /= machine.peak(threads).gflops["float32"]
        found["width"].append(part)
        per_weight = part["seconds"] / part["flops"] * 1e12
        print(
            f"  {width:>5}: {part['seconds'] * 1e3:8.2f} ms a mini-batch, "
            f"{per_weight:.1f} ps a multiply or add, {part['share']:.0%} of the FMA peak",
            flush=True,
        )
    return found


def _measure_blocks(threads: int, n: int) -> dict[str, Any]:
    """nncore.data.Blocks beside rows in memory, in alternation."""
    in_memory, blocked = [], []
    for _ in range(2):
        in_memory.append(_fresh("rows", threads, min(n, 1_000_000)))
        blocked.append(_fresh("blocks", threads, n))
    per_row = [
        median(part["seconds"] / part["rows"] * 1e9 for part in parts)
        for parts in (in_memory, blocked)
    ]
    last = blocked[-1]
    ratio = per_row[1] / per_row[0]
    print(
        f"  {n:>10,}: Blocks of a file take {per_row[1]:.0f} ns a row, {ratio:.2f} times the "
        f"{per_row[0]:.0f} ns of {in_memory[0]['rows']:,} rows in memory, and "
        f"{last['peak'] / MIB:.0f} MiB in all, mapped pages included; the file alone reads at "
        f"{last['disk'] / 1e9:.2f} GB/s",
        flush=True,
    )
    return {"in_memory": in_memory, "blocked": blocked, "ratio": ratio}


def _start() -> dict[str, float]:
    runs = [_fresh("start", 1) for _ in range(7)]
    found = {name: median(run[name] for run in runs) for name in runs[0]}
    print(
        f"from `import nncore` to the first prediction: {found['seconds'] * 1e3:.0f} ms, "
        f"of which {found['numpy'] * 1e3:.0f} ms are NumPy's import"
    )
    return found


def _memory(part: dict[str, Any]) -> str:
    return f"{part['extra'] / MIB:.1f} MiB at the peak beyond the data"


def _print_rows(part: dict[str, Any]) -> None:
    where = " in a memory-mapped file" * part["mapped"]
    print(
        f"  {part['rows']:>10,}: {part['seconds']:9.4f} s an epoch, "
        f"{part['seconds'] / part['rows'] * 1e9:6.0f} ns a row, {_memory(part)}, "
        f"{part['peak'] / MIB:.0f} MiB in all{where}",
        flush=True,
    )


def _fresh(part: str, threads: int, *arguments: object) -> dict[str, Any]:
    from processes import environment

    command = [sys.executable, __file__, part, *map(str, arguments)]
    answer = subprocess.check_output(command, text=True, env=environment(threads))
    found: dict[str, Any] = json.loads(answer)
    return found


def resident() -> int:
    """The resident memory of this process in bytes, without pages of mapped files."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel does not tell a process its RssAnon")


class PeakMemory:
    """The peak memory within a `with` block, sampled every millisecond."""

    def __enter__(self) -> PeakMemory:
        libc = ctypes.CDLL(None)
        if hasattr(libc, "malloc_trim"):
            libc.malloc_trim(0)  # freed memory would hide what training allocates
        self.before = self.peak = resident()
        self.done = Event()
        self.watcher = Thread(target=self._watch)
        self.watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.watcher.join()

    @property
    def extra(self) -> int:
        return self.peak - self.before

    def _watch(self) -> None:
        while not self.done.wait(0.001):
            self.peak = max(self.peak, resident())


def start() -> dict[str, Any]:
    """The time from before the import to the first prediction."""
    begin = perf_counter()
    import numpy as np

    numpy = perf_counter() - begin
    import nncore

    nncore.Network([784, 30, 10]).feedforward(np.zeros(784, np.float32))
    return {"seconds": perf_counter() - begin, "numpy": numpy}


def memory() -> dict[str, Any]:
    """An epoch of the book's run."""
    import nncore
    from workloads import load_digits

    x, y = load_digits()[0]
    net = nncore.Network([784, 30, 10])
    net.fit(x[:100], y[:100], epochs=1, progress=False)  # so that loading code does not count
    with PeakMemory() as peak:
        net.fit(x, y, epochs=2, progress=False)
    return {"extra": peak.extra}


def rows(n: int) -> dict[str, Any]:
    """Epochs on rows in memory."""
    from workloads import make_tabular

    return _train(*make_tabular(n), mapped=False)


def memmap(n: int) -> dict[str, Any]:
    """Epochs on rows of a file that is larger than the memory which training may use."""
    with _tabular_files(n) as (x, y):
        return _train(x, y, mapped=True)


def blocks(n: int) -> dict[str, Any]:
    """Epochs on nncore.data.Blocks of such a file, whose reading alone is timed, too."""
    import nncore

    with _tabular_files(n) as (x, y):
        begin = perf_counter()
        with open(x.filename, "rb") as file:
            while file.read(1 << 24):
                pass
        disk = x.nbytes / (perf_counter() - begin)

        def fit(rows: int, epochs: int) -> Any:
            data = nncore.data.Blocks(x[:rows], y[:rows])
            net = nncore.Network(
                [32, 64, 64, 1], activation="relu", output_activation="linear", cost="quadratic"
            )
            return net.fit(data, epochs=epochs, batch_size=256, optimizer="adam", progress=False)

        fit(500, 1)
        history = fit(n, 2)
    peak = next(
        int(line.split()[1]) * 1024
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM:")
    )
    return {"rows": n, "seconds": median(history["seconds"]), "peak": peak, "disk": disk}


@contextmanager
def _tabular_files(n: int) -> Iterator[tuple[Any, Any]]:
    """Rows and targets as maps of files, which were written piece by piece."""
    import numpy as np

    from workloads import make_tabular

    with tempfile.TemporaryDirectory(prefix="nncore-bench-") as folder:
        shapes = {"x": (n, 32), "y": (n, 1)}
        for begin in range(0, n, CHUNK):
            parts = make_tabular(min(CHUNK, n - begin), seed=begin)
            for name, part in zip(shapes, parts, strict=True):
                with open(f"{folder}/{name}", "ab") as file:
                    part.tofile(file)
        x, y = (
            np.memmap(f"{folder}/{name}", np.float32, mode="r", shape=shape)
            for name, shape in shapes.items()
        )
        del parts, part
        yield x, y


def _train(x: Any, y: Any, mapped: bool) -> dict[str, Any]:
    import nncore

    def network() -> nncore.Network:
        return nncore.Network(
            [32, 64, 64, 1], activation="relu", output_activation="linear", cost="quadratic"
        )

    def fit(net: nncore.Network, n: int, epochs: int) -> Any:
        return net.fit(x[:n], y[:n], epochs, 256, optimizer="adam", progress=False)

    fit(network(), 500, 1)
    epochs = 2 if len(y) > 100_000 else 5
    with PeakMemory() as peak:
        history = fit(network(), len(y), epochs)
    return {
        "rows": len(y),
        "seconds": median(history["seconds"][1:]),
        "extra": peak.extra,
        "peak": peak.peak,
        "mapped": mapped,
    }


def width(n: int) -> dict[str, Any]:
    """A mini-batch of the wide shape with n units. Its operations do not count zero inputs."""
    import nncore
    from workloads import Workload, load_digits

    batch = 128
    rows = batch * max(2, min(40, 20_000_000 // n**2))
    x, y = (part[:rows] for part in load_digits()[0])
    net = nncore.Network(
        [784, n, n, 10], activation="relu", output_activation="softmax", cost="log_likelihood"
    )
    history = net.fit(x, y, 4, batch, optimizer="adam", progress=False)
    shape = Workload("width", (784, n, n, 10), "digits", rows, batch)
    seconds = median(history["seconds"][1:]) / (rows // batch)
    return {"width": n, "seconds": seconds, "flops": shape.flops(batch, (x != 0).mean())}


PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    part.__name__: part for part in (start, memory, rows, memmap, blocks, width)
}


if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[1]](*map(int, sys.argv[2:]))))
