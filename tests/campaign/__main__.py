"""`python tests/campaign`: see --help."""

from __future__ import annotations

import argparse
import os
import random
import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "helpers"))

from harness import runner, worker
from harness.base import load_case

_DESCRIPTION = """\
Attacks nncore for a stated time: real interrupts and kills, faults of the machine, mutated files,
random networks against a reference, races, life cycles, fit_many. Ends with a table, and with
status 1 if anything failed. Failures are kept as files that --replay takes.
"""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("campaign", description=_DESCRIPTION)
    add = parser.add_argument
    add("--minutes", type=float, default=3.0, help="how long, all parts together (default: 3)")
    add("--cases", type=int, help="at most so many cases of each part, in each job")
    add("--parts", default=",".join(runner.PARTS), help="some of: %(default)s")
    add("--without", default="", help="parts to leave out")
    add("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    add("--jobs", type=int, default=1, help="workers at a time (default: 1)")
    add("--keep", default="build/campaign", help="where failures go (default: %(default)s)")
    add("--scratch", help="a directory to write and read in (default: in memory, if it can be)")
    add("--sanitize", action="store_true", help="with an extension built for AddressSanitizer")
    add("--replay", metavar="FILE", help="tries one kept case again")
    add("--times", type=int, default=100, help="how often --replay does (default: 100)")
    for name in ("worker", "folder"):
        add(f"--{name}", help=argparse.SUPPRESS)
    add("--first", type=int, default=0, help=argparse.SUPPRESS)
    add("--seconds", type=float, default=0.0, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    left_out = options.without.split(",")
    options.parts = [name for name in options.parts.split(",") if name not in left_out]
    unknown = [name for name in options.parts if name not in runner.PARTS]
    if unknown:
        parser.error(f"no such parts: {', '.join(unknown)}; there are {', '.join(runner.PARTS)}")
    if options.scratch is None and os.access("/dev/shm", os.W_OK):
        options.scratch = "/dev/shm"
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    if options.worker:
        return worker.work(options)
    environment: dict[str, str] = {}
    if options.sanitize:
        from harness.sanitize import sanitized_environment

        environment = sanitized_environment()
    campaign = runner.Campaign(
        parts=options.parts,
        seed=options.seed,
        seconds=options.minutes * 60,
        cases=options.cases,
        jobs=options.jobs,
        keep=Path(options.keep),
        environment=environment,
        scratch=options.scratch,
    )
    if options.replay:
        kept = load_case(Path(options.replay).read_text())
        campaign.cases = options.times
        campaign.results = {kept["part"]: runner.Result()}
        campaign.run_slice(kept["part"], kept["seed"], 3600, options.replay)
    else:
        print(f"seed {options.seed}", flush=True)
        campaign.run()
    print(runner.table(campaign.results), flush=True)
    return int(any(result.failures for result in campaign.results.values()))


if __name__ == "__main__":
    sys.exit(main())
