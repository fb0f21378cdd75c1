"""Monte Carlo and sweeps beside other simulators, in CPU time, interleaved, medians.

    pip install numba simpy      # the peers; without them their rows are left out
    python benches/python/ensemble.py

The workload: Poisson 1,000 calls a second, exponential durations of 1 s, a pool of 1,000 (an
Erlang loss system: 2.4812 % are lost). Each simulator draws its own random numbers and counts
what is lost:

- numba: one loop over a binary heap of end times in an array, `np.random.exponential` inside.
- SimPy: its idiom for losses, one process a call: ask whether the resource has a free slot, and
  either hold one for the time or leave.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

import lambdacore as lc

RATE, MEAN, LIMIT = 1_000.0, 1.0, 1_000
EXACT = float(lc.theory.erlang_b(LIMIT, RATE * MEAN))
ROUNDS = 5


def workload(rate: float = RATE) -> lc.Workload:
    return lc.Workload({"f": lc.Stream(lc.Poisson(rate), lc.Exponential(MEAN))})


def pool(limit: int = LIMIT) -> lc.Account:
    return lc.Account.for_trace(
        workload(), limit, unreserved_floor=0, profile=lc.Profile.named("pure-pools")
    )


def ours(calls: int, threads: int = 1, seed: int = 1) -> tuple[int, int]:
    runs = lc.monte_carlo(
        pool(), workload(), horizon=calls / RATE / 8, replications=8, rng=seed, threads=threads,
        progress=False,
    )  # fmt: skip
    return int(runs.arrivals.sum()), int(runs.throttles.sum())


def numba_loop() -> Callable[[int, int], tuple[int, int]]:
    import numba

    @numba.njit
    def run(calls: int, seed: int) -> int:
        np.random.seed(seed)  # noqa: NPY002 (numba knows no other)
        heap = np.empty(LIMIT, np.float64)
        size, now, lost = 0, 0.0, 0
        for _ in range(calls):
            now += np.random.exponential(1.0 / RATE)  # noqa: NPY002
            while size and heap[0] <= now:
                size -= 1
                last, at = heap[size], 0
                while True:
                    child = 2 * at + 1
                    if child >= size:
                        break
                    if child + 1 < size and heap[child + 1] < heap[child]:
                        child += 1
                    if heap[child] >= last:
                        break
                    heap[at] = heap[child]
                    at = child
                heap[at] = last
            if size == LIMIT:
                lost += 1
                continue
            end, at = now + np.random.exponential(MEAN), size  # noqa: NPY002
            size += 1
            while at:
                parent = (at - 1) // 2
                if heap[parent] <= end:
                    break
                heap[at] = heap[parent]
                at = parent
            heap[at] = end
        return lost

    run(1_000, 0)  # compiled before it is timed
    return lambda calls, seed: (calls, run(calls, seed))


def simpy_loop() -> Callable[[int, int], tuple[int, int]]:
    import random

    import simpy

    def run(calls: int, seed: int) -> tuple[int, int]:
        draws, env, lost = random.Random(seed), simpy.Environment(), 0
        servers = simpy.Resource(env, LIMIT)

        def call() -> object:
            nonlocal lost
            if servers.count == LIMIT:
                lost += 1
                return
            with servers.request() as request:
                yield request
                yield env.timeout(draws.expovariate(1.0 / MEAN))

        def source() -> object:
            for _ in range(calls):
                yield env.timeout(draws.expovariate(RATE))
                env.process(call())

        env.process(source())
        env.run()
        return calls, lost

    return run


def cpu(run: Callable[[], tuple[int, int]]) -> tuple[float, int, int]:
    began = time.process_time()
    calls, lost = run()
    return time.process_time() - began, calls, lost


def peers() -> None:
    contestants: dict[str, tuple[Callable[[int, int], tuple[int, int]], int]] = {
        "lambdacore, 1 thread": (lambda calls, seed: ours(calls, 1, seed), 4_000_000),
        "lambdacore, 2 threads": (lambda calls, seed: ours(calls, 2, seed), 4_000_000),
    }
    for name, make, calls in (("numba", numba_loop, 2_000_000), ("SimPy", simpy_loop, 100_000)):
        try:
            contestants[name] = (make(), calls)
        except ImportError:
            print(f"{name} is not installed: pip install {name.lower()}", file=sys.stderr)
    times: dict[str, list[float]] = {name: [] for name in contestants}
    lost: dict[str, list[float]] = {name: [] for name in contestants}
    for seed in range(ROUNDS):
        for name, (run, calls) in contestants.items():
            took, arrived, dropped = cpu(
                lambda run=run, calls=calls, seed=seed: run(calls, seed + 1)
            )
            times[name].append(took / arrived * 1e9)
            lost[name].append(dropped / arrived)
    first = statistics.median(times["lambdacore, 1 thread"])
    print(f"Erlang loss system, {LIMIT:,} in flight; exact ratio {EXACT:.4%}; CPU time, with draws")
    print(f"{'':24}{'ns a call':>10}{'M calls/CPU s':>15}{'against ours':>14}{'lost':>10}")
    for name, taken in times.items():
        median = statistics.median(taken)
        print(
            f"{name:24}{median:10.1f}{1e3 / median:15.2f}{median / first:14.2f}"
            f"{statistics.mean(lost[name]):10.3%}"
        )


def sweeps() -> None:
    print("\nsweeps over limits: the calls of a replication are drawn once for all configurations")
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
    peers()
    sweeps()
    memory()
