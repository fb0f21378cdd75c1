"""pytest-benchmark of what grows: calls in flight, functions, configurations, threads.

    python -m pytest benches/python/test_growth.py

All are of as many calls, so that what differs within a group is their price. CPU time, but for
threads, whose gain is in the time on the wall. `curves.py` draws the same as curves.
"""

import time

import numpy as np
import pytest
import traffic

import lambdacore as lc

ROWS = 300_000

pytestmark = pytest.mark.benchmark(timer=time.process_time, max_time=0.5)


def _replay(benchmark, in_flight, functions, rules):
    trace = traffic.trace(ROWS, in_flight, functions)
    account = traffic.account(trace, in_flight, rules)
    schedule = traffic.schedule(trace, in_flight, rules)
    benchmark.extra_info["invocations"] = ROWS
    assert len(benchmark(lc.simulate, account, trace, schedule)) == ROWS


@pytest.mark.parametrize("in_flight", [10, 100, 1_000, 10_000, 100_000])
def test_in_flight(benchmark, in_flight):
    benchmark.group = f"replay of {ROWS:,} invocations, by what is in flight"
    _replay(benchmark, in_flight, 1, "pools")


@pytest.mark.parametrize("functions", [1, 10, 100, 1_000, 10_000])
def test_functions(benchmark, functions):
    benchmark.group = f"replay of {ROWS:,} invocations, by functions"
    _replay(benchmark, 1_000, functions, "environments")


@pytest.mark.parametrize("rules", traffic.RULES)
def test_rules(benchmark, rules):
    benchmark.group = f"replay of {ROWS:,} invocations, by the rules that are on"
    _replay(benchmark, 1_000, 100, rules)


@pytest.mark.parametrize("configurations", [1, 8, 64])
def test_sweep(benchmark, configurations):
    benchmark.group = "sweep: calls x configurations are as many"
    workload = traffic.workload(1_000)
    limits = np.linspace(900, 1_100, configurations).astype(int).tolist()
    found = benchmark(
        lc.sweep,
        traffic.account(workload, 1_000),
        workload,
        {"concurrency_limit": limits},
        horizon=640 / configurations,
        replications=1,
        rng=1,
        threads=1,
        progress=False,
    )
    assert found.values("arrivals", "Region").size == configurations


@pytest.mark.benchmark(timer=time.perf_counter)
@pytest.mark.parametrize("threads", [1, 2])
def test_threads(benchmark, threads):
    benchmark.group = "Monte Carlo of 8 replications, by threads (time on the wall)"
    workload = traffic.workload(1_000)
    runs = benchmark(
        lc.monte_carlo,
        traffic.account(workload, 1_000),
        workload,
        horizon=100,
        replications=8,
        rng=1,
        threads=threads,
        progress=False,
    )
    assert len(runs.throttle_ratio) == 8
