"""pytest-benchmark of the Python calls by size: they compare, and assert no times.

    python -m pytest benches/python

Figures are CPU time. `test_growth.py` has what a call costs inside the engine.
"""

import time

import numpy as np
import pytest

import lambdacore as lc

pytestmark = pytest.mark.benchmark(timer=time.process_time, max_time=0.5)


@pytest.fixture(
    scope="module",
    params=[1, 100, 10_000, 1_000_000],
    ids=["1 row", "100 rows", "10,000 rows", "1 M rows"],
)
def trace(request):
    rng = np.random.default_rng(1)
    n = request.param
    return lc.Trace(
        np.cumsum(rng.exponential(1e-3, n)),
        rng.integers(0, 20, n),
        rng.exponential(1.0, n),
        [f"f{i}" for i in range(20)],
    )


@pytest.mark.parametrize("rules", ["pure-pools", "pools-2026", "aws-2026"])
def test_simulate(benchmark, trace, rules):
    benchmark.group = f"simulate, {len(trace):,} rows"
    account = lc.Account.for_trace(trace, profile=rules)
    result = benchmark(lc.simulate, account, trace)
    assert len(result) == len(trace)


@pytest.mark.parametrize("series", ["concurrency", "throttles", "cold_starts"])
def test_series(benchmark, trace, series):
    benchmark.group = f"minute series, {len(trace):,} rows"
    account = lc.Account.for_trace(trace)
    outcome = lc.simulate(account, trace).outcome

    def fresh():
        return (lc.Result(account, trace, outcome),), {}

    found = benchmark.pedantic(lambda result: getattr(result, series)(60), setup=fresh, rounds=5)
    assert found.shape[0] == 20


def test_required_concurrency(benchmark, trace):
    benchmark.group = f"required concurrency, {len(trace):,} rows"
    answer = benchmark.pedantic(lc.required_concurrency, (trace, 0.001), rounds=3)
    assert answer.account_required > 0


def test_making_a_trace(benchmark, trace):
    benchmark.group = f"trace from arrays, {len(trace):,} rows"
    made = benchmark(lc.Trace, trace.arrival, trace.function, trace.duration, trace.functions)
    assert len(made) == len(trace)
