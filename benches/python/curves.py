"""How the cost of a call grows: with what, and by which rules.

    python benches/python/curves.py [--quick]

Prints the curves and writes `docs/performance.png` and, beside this file, `curves.json`; with
--quick it only prints, from fewer and shorter runs. CPU time, but for threads (time on the wall);
all points of a curve are measured in turn, round after round, and shown as medians.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import traffic
from curves_picture import draw

import lambdacore as lc

HERE = Path(__file__).parent
PICTURE = HERE.parents[1] / "docs" / "performance.png"


class Curve(NamedTuple):
    """One line: what a call costs by one quantity, for the rules that are on."""

    panel: str
    name: str
    x: list[int]
    #: Gives what is to be timed at x, and the calls that it stands for.
    make: Callable[[int], tuple[Callable[[], object], float]]
    clock: Callable[[], float] = time.process_time


def _replay(rules: str, invocations: int, in_flight: int, functions: int):
    trace = traffic.trace(invocations, in_flight, functions)
    account = traffic.account(trace, in_flight, rules)
    schedule = traffic.schedule(trace, in_flight, rules)
    return (lambda: lc.simulate(account, trace, schedule)), invocations


def _drawn(calls: float, replications: int = 1, limits: int = 1, threads: int = 1):
    workload = traffic.workload(1_000)
    account = traffic.account(workload, 1_000)
    common = {
        "horizon": calls / 1_000 / replications / limits,
        "replications": replications, "rng": 1, "threads": threads, "progress": False,
    }  # fmt: skip
    if limits == 1:
        return (lambda: lc.monte_carlo(account, workload, **common)), calls
    varied = {"concurrency_limit": np.linspace(900, 1_100, limits).astype(int).tolist()}
    return (lambda: lc.sweep(account, workload, varied, **common)), calls


def curves(rows: int) -> list[Curve]:
    """List the curves, of about so many calls a point."""
    powers = [10**k for k in range(7)]
    threads = [2**k for k in range(4) if 2**k <= (os.cpu_count() or 1)]
    made = []
    for rules in traffic.RULES:
        made += [
            # Enough calls that filling up is a third of them, and functions that the scaling
            # rate lets start at once: a thousand environments each.
            Curve("in flight", rules, powers[1:],
                  lambda x, r=rules: _replay(r, max(rows, 3 * x), x, max(min(x, 100), x // 1_000))),
            Curve("functions", rules, powers[:5],
                  lambda x, r=rules: _replay(r, rows, 1_000, x)),
            Curve("invocations", rules, [*powers[:6], rows],
                  lambda x, r=rules: _replay(r, x, 1_000, 100)),
        ]  # fmt: skip
    return [
        *made,
        Curve("replications", "pools", [1, 4, 16, 64, 256], lambda x: _drawn(rows, x)),
        Curve("configurations", "pools", [1, 2, 4, 8, 16, 32, 64],
              lambda x: _drawn(rows, limits=x)),
        Curve("threads", "pools", threads, lambda x: _drawn(2 * rows, 8, threads=x),
              time.perf_counter),
    ]  # fmt: skip


def measure(curve: Curve, rounds: int) -> list[float]:
    """Time all points in turn; give nanoseconds a call."""
    points = [curve.make(x) for x in curve.x]
    times: list[list[float]] = [[] for _ in points]
    for number in range(rounds + 1):
        for (run, calls), found in zip(points, times, strict=True):
            # What takes microseconds is repeated until there is something to time.
            repeats = max(1, int(20_000 / max(calls, 100)))
            began = curve.clock()
            for _ in range(repeats):
                run()
            if number:  # the first round warms up
                found.append((curve.clock() - began) / repeats / calls * 1e9)
    return [statistics.median(found) for found in times]


def main() -> None:
    """Measure, write and draw."""
    arguments = argparse.ArgumentParser(prog="python benches/python/curves.py", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="fewer calls; writes nothing")
    quick = arguments.parse_args().quick
    rows, rounds = (300_000, 2) if quick else (1_000_000, 5)
    found = []
    for curve in curves(rows):
        nanoseconds = measure(curve, rounds)
        found.append({"panel": curve.panel, "name": curve.name, "x": curve.x, "ns": nanoseconds})
        shown = "  ".join(f"{x:,}: {ns:.3g}" for x, ns in zip(curve.x, nanoseconds, strict=True))
        print(f"{curve.panel:>14} {curve.name:>13}  {shown}", flush=True)
    if quick:
        return
    kept = {
        "made by": "python benches/python/curves.py",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "lambdacore": lc.__version__,
        "invocations": rows,
        "curves": found,
    }
    (HERE / "curves.json").write_text(json.dumps(kept, indent=1) + "\n")
    draw(found, PICTURE)


if __name__ == "__main__":
    main()
