"""nncore beside its peers: `python bench/speed/run.py [--workload NAME ...] [--threads 1 2] ...`.

Every peer runs in a process of its own. Within a workload they take turns, one epoch each per
round, so that other load on the machine affects all of them. Times are medians over rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import machine
import report
import workloads
from peers import PEERS
from peers.eigen_cpp import PROGRAM
from processes import Process, WorkerError
from result import Result
from workloads import WORKLOADS, Workload

PAUSE = 0.02  # seconds before a turn, so that the threads of the previous peer stop spinning


class Bench:
    """The processes and their results."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.processes: dict[tuple[str, int], Process] = {}
        self.results: list[Result] = []
        self.left_out: list[dict[str, Any]] = []

    def measure(self, workload: Workload, threads: int, folder: Path, rows: int) -> list[Result]:
        """Measures all peers in turns."""
        epoch_rows = self.options.rows or workload.epoch_rows
        density = workloads.read(workload, folder).density
        scale = 1.0 if workload.predicts else epoch_rows / rows
        limits: dict[str, Any] = {
            "flops": workload.flops(epoch_rows, density),
            "dense_flops": workload.flops(epoch_rows),
            "peak": machine.peak(threads).gflops[workload.dtype] * 1e9,
        }
        running: dict[str, Result] = {}
        for peer in self.options.peers:
            answer = self.ask(peer, threads, workload, "prepare", folder=str(folder))
            if answer is not None:
                fraction = answer["fraction"]
                running[peer] = Result(
                    workload.name, peer, threads, **answer, scale=scale / fraction, **limits
                )
        for _ in range(self.options.rounds):
            for peer in list(running):
                time.sleep(PAUSE)
                answer = self.ask(peer, threads, workload, "run")
                if answer is None:
                    del running[peer]
                else:
                    running[peer].times.append(answer["seconds"] * running[peer].scale)
        for peer in [] if workload.predicts else list(running):
            answer = self.ask(peer, threads, workload, "score")
            if answer is None:
                del running[peer]
            else:
                running[peer].cost, running[peer].accuracy = answer["cost"], answer["accuracy"]
        found = list(running.values())
        self.results += found
        return found

    def ask(
        self, peer: str, threads: int, workload: Workload, do: str, **more: Any
    ) -> dict[str, Any] | None:
        """The worker's answer. If it has none, the reason is kept and the result is None."""
        if do == "prepare":
            more["workload"] = workload.name
        if (peer, threads) not in self.processes:
            self.processes[peer, threads] = Process(peer, threads)
        try:
            answer = self.processes[peer, threads].ask(do, self.options.patience, **more)
        except WorkerError as error:
            self.processes.pop((peer, threads)).end()
            answer = {"skip": str(error)}
        if "skip" not in answer:
            return answer
        self.left_out.append(
            {"workload": workload.name, "peer": peer, "threads": threads, "why": answer["skip"]}
        )
        return None

    def run(self) -> None:
        """Runs every workload, and prints its table as soon as it is measured."""
        options = self.options
        with tempfile.TemporaryDirectory(prefix="nncore-bench-") as temporary:
            for name in options.workload:
                workload, folder = WORKLOADS[name], Path(temporary) / name
                rows = workloads.make(workload, folder, options.rows)
                print(f"\n{report.heading(workload, rows, options.rows)}", flush=True)
                for threads in options.threads:
                    found = self.measure(workload, threads, folder, rows)
                    print(report.table(found, self.results), flush=True)
                for file in folder.iterdir():
                    file.unlink()

    def end(self) -> None:
        for process in self.processes.values():
            process.end()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--workload", nargs="+", choices=WORKLOADS, default=list(WORKLOADS), metavar="NAME",
        help=f"of {', '.join(WORKLOADS)}; all by default")  # fmt: skip
    add("--threads", nargs="+", type=int, default=sorted({1, min(2, os.cpu_count() or 1)}))
    add("--peers", nargs="+", choices=PEERS, default=list(PEERS), metavar="PEER",
        help=f"beside nncore: of {', '.join(PEERS)}; by default all installed")  # fmt: skip
    add("--rounds", type=int, default=5, help="epochs that are timed, after a first one")
    add("--rows", type=int, help="rows of an epoch in place of the workload's own")
    add("--patience", type=float, default=120.0, help="seconds after which a peer is given up")
    add("--json", type=Path, metavar="FILE", help="write all results")
    add("--plot", type=Path, metavar="FILE", help="draw all results (needs matplotlib)")
    add("--footprint", action="store_true",
        help="start-up, memory, growth with rows and width, in place of the peers")  # fmt: skip
    add("--wheel", type=Path, metavar="FILE", help="footprint: the wheel whose size counts")
    add("--most-rows", type=int, default=1_000_000, help="footprint: where growth with rows ends")
    add("--memmap-rows", type=int, default=0, metavar="ROWS",
        help="footprint: train on so many rows of a memory-mapped file, as 10000000")  # fmt: skip
    add("--blocks-rows", type=int, default=0, metavar="ROWS",
        help="footprint: nncore.data.Blocks of so many rows of a file, as 50000000")  # fmt: skip
    options = parser.parse_args()
    if "nncore" not in options.peers:
        options.peers.insert(0, "nncore")
    return options


def main() -> None:
    options = parse()
    about = report.machine_lines(options.threads)
    print("\n".join(about))
    if options.footprint:
        import footprint

        found = footprint.measure(options)
        if options.json:
            options.json.write_text(json.dumps({"machine": about, "footprint": found}, indent=1))
        return
    if "eigen" in options.peers and (program := machine.build_eigen()):
        os.environ[PROGRAM] = str(program)
    bench = Bench(options)
    try:
        bench.run()
    finally:
        bench.end()
    print("\n" + report.summary(bench.results, bench.left_out))
    if options.json:
        rows = [result.as_json() for result in bench.results]
        content = {"machine": about, "results": rows, "left_out": bench.left_out}
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    if options.plot:
        report.plot(bench.results, options.plot)


if __name__ == "__main__":
    main()
