"""Replay the real AWS runs of 2020 and print the errors; a report, not a gate.

    python benches/python/aws_2020.py [DATA]

The data (Poisson calls of one function on AWS Lambda in 2020, about 28 hours a run, and a
table that summarises such runs) come from the SimFaaS project and are not part of this one.

SimFaaS has published a mean absolute percentage error of 12.2 % on the cold-start probability
of 20 summarised runs. The table at hand has fewer rows, and not the list of those 20, so the two
figures are printed with their numbers of runs and are no comparison of like with like.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

import lambdacore as lc

IDLE_TIMEOUT = 640.0


def measured_runs(data: Path) -> None:
    print(f"replay of the measured runs, idle timeout {IDLE_TIMEOUT:g} s")
    print(f"{'run':24} {'rows':>7} {'cold, measured':>15} {'simulated':>10} {'error':>8}")
    for path in sorted((data / "aws_coldwarm_2020").glob("*.csv")):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        start = np.array([float(row["client_start_time"]) for row in rows])
        end = np.array([float(row["client_end_time"]) for row in rows])
        # The measured durations hold the measured inits, so no init is added.
        trace = lc.Trace(start - start.min(), "f", end - start)
        result = lc.simulate(lc.Account.for_trace(trace, idle_timeout=IDLE_TIMEOUT), trace)
        cold = int(result.cold_starts(3600).sum())
        measured = sum(row["is_cold"] == "True" for row in rows)
        error = (cold - measured) / measured
        print(f"{path.name:24} {len(rows):>7,} {measured:>15} {cold:>10} {error:>+8.1%}")


def summarised_runs(data: Path) -> None:
    with (data / "aws_coldprob_vs_rate_2020.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    print("\ncold-start probability of the summarised runs, by simulation of Poisson traffic")
    print(f"{'run':16} {'rate 1/s':>9} {'measured':>9} {'simulated':>10} {'error':>8}")
    errors = []
    for i, row in enumerate(rows):
        rng = np.random.default_rng([2020, i])
        rate, n = float(row["ArrivalRate"]), 400_000
        warm, cold = float(row["ServiceTimeWarm"]) / 1e3, float(row["ServiceTimeCold"]) / 1e3
        trace = lc.Trace(np.cumsum(rng.exponential(1 / rate, n)), "f", rng.exponential(warm, n))
        account = lc.Account.for_trace(
            trace,
            idle_timeout=60 * float(row["IdleMinutesBeforeKill"]),
            init_duration=max(cold - warm, 0.0),
        )
        simulated = lc.simulate(account, trace).summary().region["cold_start_ratio"]
        measured = float(row["ColdStartProbability"])
        errors.append(abs(simulated - measured) / measured)
        print(
            f"{row['experiment']:16} {rate:>9.4f} {measured:>9.5f} {simulated:>10.5f} "
            f"{simulated / measured - 1:>+8.1%}"
        )
    print(f"mean absolute percentage error: {np.mean(errors):.1%} (n = {len(errors)} runs)")
    print("published by SimFaaS: 12.2 % (n = 20 runs); another set, so not like with like")


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else root.parent / "shared" / "data"
    if not folder.is_dir():
        sys.exit(f"no data at {folder}: give the folder that holds aws_coldwarm_2020")
    measured_runs(folder)
    summarised_runs(folder)
