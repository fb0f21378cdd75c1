"""Sweeps by configurations, and memory by calls: what an ensemble costs.

    python benches/python/ensemble.py

The workload: Poisson 1,000 calls a second, exponential durations of 1 s, a pool of 1,000.
`benches/peers` compares the cost of a call with other simulators.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import sys
import time

import numpy as np

import lambdacore as lc

RATE, MEAN, LIMIT = 1_000.0, 1.0, 1_000


def workload(rate: float = RATE) -> lc.Workload:
    return lc.Workload({"f": lc.Stream(lc.Poisson(rate), lc.Exponential(MEAN))})


def pool(limit: int = LIMIT) -> lc.Account:
    return lc.Account.for_trace(
        workload(), limit, unreserved_floor=0, profile=lc.Profile.named("pure-pools")
    )


def sweeps() -> None:
    print("sweeps over limits: the calls of a replication are drawn once for all configurations")
    print(f"{'configurations':24}{'ns a call and configuration':>30}")
    for count in (1, 8, 64):
        limits = np.linspace(900, 1_100, count).astype(int).tolist()
        taken = []
        for seed in range(3):
            began = time.process_time()
            found = lc.sweep(
                pool(), workload(), {"concurrency_limit": limits}, horizon=250, replications=2,
                rng=seed, threads=1, progress=False,
            )  # fmt: skip
            calls = int(found.values("arrivals", "Region").sum())
            taken.append((time.process_time() - began) / calls * 1e9)
        print(f"{count:24}{statistics.median(taken):30.1f}")


def _peak_memory(calls: float) -> float:
    ours_horizon = calls / RATE
    lc.monte_carlo(pool(), workload(), horizon=ours_horizon, replications=1, rng=1, threads=1,
                   progress=False)  # fmt: skip
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory() -> None:
    print("\npeak memory of a process that runs so many calls in one replication")
    context = multiprocessing.get_context("spawn")
    found = []
    for calls in (1e6, 1e8):
        with context.Pool(1) as one:
            found.append(one.apply(_peak_memory, (calls,)))
        print(f"{calls:24,.0f}{found[-1]:26.1f} MiB")
    print(f"{'ratio':24}{found[1] / found[0]:26.3f}")


if __name__ == "__main__":
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, numpy {np.__version__}\n")
    sweeps()
    memory()
