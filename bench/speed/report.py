"""What run.py prints and draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import machine
import nncore
import workloads
from nncore import _core
from result import Result
from workloads import Workload

SAME_ACCURACY = 0.01
SAME_COST = 0.1  # relative to nncore's cost


def machine_lines(threads: list[int]) -> list[str]:
    """The machine and the versions."""
    info = _core.build_info()
    lines = [
        f"nncore {nncore.__version__} ({info['compiler']}, {info['build_type']}, "
        f"{info['instruction_set']}) on {machine.processor()}; load {machine.load():.1f}",
        f"digits: {'MNIST' if workloads.digits_are_real() else 'drawn (NNCORE_DATA is not set)'}",
    ]
    for n in threads:
        peak = machine.peak(n)
        lines.append(
            f"FMA peak, {n} thread(s): {peak.gflops['float32']:.0f} GFLOP/s float32, "
            f"{peak.gflops['float64']:.0f} float64 ({peak.how})"
        )
    return lines


def heading(workload: Workload, rows: int, asked_rows: int | None) -> str:
    """The workload's name and description, and how it was reduced, if it was."""
    text = f"{workload.name}: {workload.what}"
    if asked_rows and not workload.predicts:
        return f"{text}; here of {asked_rows:,}"
    if not workload.predicts and rows < workload.epoch_rows:
        text += f"; measured on {rows:,}, scaled up"
    return text


def table(found: list[Result], earlier: list[Result]) -> str:
    """A workload's peers at one number of threads, the fastest first."""
    if not found:
        return "no peer took it"
    ours = next((result for result in found if result.peer == "nncore"), None)
    lines = [
        f"  {'threads ' + str(found[0].threads):<15}{'median':>10}{'spread':>8}{'nncore is':>11}"
        f"{'of peak':>9}{'dense':>8}{'first':>9}  ends at"
    ]
    for result in sorted(found, key=lambda result: result.seconds):
        ratio = f"{result.seconds / ours.seconds:.2f}x" if ours and result is not ours else ""
        lines.append(
            f"  {result.peer:<15}{duration(result.seconds):>10}{result.spread:>7.0%} {ratio:>11}"
            f"{result.share:>9.0%}{result.beyond:>7.2f}x{duration(result.first):>9}  "
            f"{ending(result, ours)}"
        )
    return "\n".join(lines)


def ending(result: Result, ours: Result | None) -> str:
    """The peer's cost and accuracy, and how its run differs from nncore's."""
    parts = []
    if result.cost is not None:
        parts.append(
            f"{result.accuracy:.2%}" if result.accuracy is not None else f"cost {result.cost:.4f}"
        )
    if result.fraction == 1 and ours and not ends_alike(result, ours):
        parts.append("NOT where nncore ends")
    if result.fraction < 1:
        parts.append(f"trained and timed on {result.fraction:.0%} of the rows, scaled up")
    return "; ".join([*parts, *filter(None, [result.note])])


def ends_alike(result: Result, ours: Result) -> bool:
    if result.accuracy is not None and ours.accuracy is not None:
        return abs(result.accuracy - ours.accuracy) <= SAME_ACCURACY
    if result.cost is None or ours.cost is None:
        return True
    return abs(result.cost - ours.cost) <= SAME_COST * abs(ours.cost)


def summary(results: list[Result], left_out: list[dict[str, Any]]) -> str:
    """nncore against the fastest peer of every workload, and the peers that were left out."""
    lines = [
        f"{'workload':<11}{'threads':>7}{'nncore':>11}{'of peak':>9}{'dense':>8}"
        f"{'2 over 1':>10}   fastest peer"
    ]
    for ours in (result for result in results if result.peer == "nncore"):
        lines.append(
            f"{ours.workload:<11}{ours.threads:>7}{duration(ours.seconds):>11}{ours.share:>9.0%}"
            f"{ours.beyond:>7.2f}x{speed_up(ours, results):>10}   {against(ours, results)}"
        )
    lines += [
        "of peak: part of the measured FMA peak, where the inputs' zeros do not count as work.",
        "dense: times faster than dense arithmetic at that peak. first: set-up, compilation and",
        "the first run. 2 over 1: times faster than on one thread. Peers are taken at their best",
        "number of threads up to nncore's; a ratio below 1 is a loss.",
    ]
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in left_out:
        workloads_left = reasons.setdefault((row["peer"], row["why"]), [])
        if row["workload"] not in workloads_left:
            workloads_left.append(row["workload"])
    lines += [f"left out: {peer} ({', '.join(w)}): {why}" for (peer, why), w in reasons.items()]
    return "\n".join(lines)


def speed_up(ours: Result, results: list[Result]) -> str:
    for other in results:
        if (other.peer, other.workload, other.threads) == ("nncore", ours.workload, 1) != (
            "nncore", ours.workload, ours.threads,
        ):  # fmt: skip
            return f"{other.seconds / ours.seconds:.2f}x"
    return ""


def against(ours: Result, results: list[Result]) -> str:
    """The ratio to the fastest peer."""
    others = [
        result
        for result in results
        if result.workload == ours.workload
        and result.peer != "nncore"
        and result.threads <= ours.threads
    ]
    if not others:
        return "none"
    best = min(others, key=lambda result: result.seconds)
    threads = "" if best.threads == ours.threads else f" on {best.threads} thread(s)"
    ratio = best.seconds / ours.seconds
    return f"{ratio:.2f}x {best.peer}{threads}{'  (nncore loses)' * (ratio < 1)}"


def duration(seconds: float) -> str:
    for limit, unit, factor in ((1e-3, "us", 1e6), (1.0, "ms", 1e3)):
        if seconds < limit:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


def plot(results: list[Result], path: Path) -> None:
    """The time of every peer relative to nncore's, with a panel for each number of threads."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    threads = sorted({result.threads for result in results})
    names = list(dict.fromkeys(result.workload for result in results))
    peers = list(dict.fromkeys(result.peer for result in results if result.peer != "nncore"))
    figure, panels = plt.subplots(
        len(threads),
        1,
        figsize=(1.4 * len(names) + 3, 3.2 * len(threads)),
        squeeze=False,
        layout="constrained",
    )
    for panel, n in zip(panels[:, 0], threads, strict=True):
        here = {(r.workload, r.peer): r.seconds for r in results if r.threads == n}
        for i, peer in enumerate(peers):
            pairs = [
                (x + (i + 0.5) / (len(peers) + 1) - 0.5, here[name, peer] / here[name, "nncore"])
                for x, name in enumerate(names)
                if (name, peer) in here and (name, "nncore") in here
            ]
            panel.bar(*zip(*pairs, strict=True) if pairs else ([], []),
                      width=0.9 / (len(peers) + 1), label=peer, color=f"C{i}")  # fmt: skip
        panel.axhline(1, color="black", linewidth=1)
        panel.set_yscale("log")
        panel.set_xticks(range(len(names)), names)
        panel.set_ylabel("time / nncore's")
        panel.set_title(f"{n} thread(s); below the line nncore loses", fontsize=10)
        panel.grid(axis="y", alpha=0.3)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, loc="outside upper center", ncols=len(labels))
    figure.savefig(path, dpi=150)
    plt.close(figure)
