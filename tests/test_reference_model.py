"""The engine equals the reference model, invocation by invocation (P5 in docs/rules.md).

The reference model was written from the rules by an author who had not seen the engine.
"""

import math
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lambdacore as lc
from lambdacore.testing import (
    accounts,
    cases,
    reference_concurrency,
    reference_verdicts,
    traces,
)

#: Random traces of a run, beside those of hypothesis; `make release-check` takes a million.
TRACES = int(os.environ.get("LAMBDACORE_TRACES", "10000"))


def assert_equal_to_reference(account, trace):
    """Outcomes, causes and times of every invocation are those of the reference model."""
    result = lc.simulate(account, trace)
    verdicts = reference_verdicts(account, trace)
    assert [lc.Outcome(code).name for code in result.outcome] == [v.outcome for v in verdicts]
    assert result.completions().tolist() == [v.end for v in verdicts]
    return result, verdicts


def assert_series_equal_to_reference(account, trace, period):
    """Concurrency in bins, by function and for the Region, is that of the reference model."""
    result, verdicts = assert_equal_to_reference(account, trace)
    by_function, region = reference_concurrency(
        verdicts, trace.function.tolist(), len(trace.functions), period
    )
    assert result.concurrency(period * 1e-9).tolist() == by_function
    assert result.concurrency(period * 1e-9, account=True).tolist() == region


@given(cases(), st.integers(1, 9))
@settings(max_examples=1_000, deadline=None, derandomize=True)
def test_every_outcome_time_and_bin_equals_the_reference_model(case, period):
    """P5, and every rule of docs/rules.md on time, admission, pools, scaling, environments."""
    assert_series_equal_to_reference(*case, period)


@given(st.data())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_functions_that_no_invocation_names_still_hold_their_reservation(data):
    """Rule 2.1: reserved concurrency is set apart, used or not."""
    trace = data.draw(traces(max_functions=2))
    account = data.draw(accounts(trace))
    idle = lc.Function("idle", reserved_concurrency=data.draw(st.integers(0, 2)))
    taken = idle.reserved_concurrency or 0
    account = account.replace(
        functions=(idle, *reversed(account.functions)),
        concurrency_limit=account.concurrency_limit + taken,
    )
    result, _ = assert_equal_to_reference(account, trace)
    assert not result.concurrency(1)[0].any()


def random_case(rng):
    """One trace and account, from 1 to 120 invocations, crowded or sparse."""
    functions = int(rng.integers(1, 5))
    n = int(rng.integers(1, 121))
    last = int(rng.choice([5, 40, 400, 10**6]))
    longest = int(rng.choice([0, 3, 30, 10**5]))
    names = [f"f{i}" for i in range(functions)]
    trace = lc.Trace(
        arrival=rng.integers(0, last + 1, n),
        function=rng.integers(0, functions, n),
        duration=rng.integers(0, longest + 1, n),
        functions=names,
    )
    declared = [
        lc.Function(
            name,
            reserved_concurrency=None if rng.random() < 0.5 else int(rng.integers(0, 5)),
            init_duration=float(rng.integers(0, 1 + int(rng.choice([1, 10, 1_000])))) * 1e-9,
            idle_timeout=float(rng.choice([0, 3, 20, 1_000, math.inf])) * 1e-9,
        )
        for name in names
    ]
    reserved = sum(f.reserved_concurrency or 0 for f in declared)
    profile = lc.Profile(
        environments="on" if rng.random() < 0.85 else "off",
        scaling="bucket" if rng.random() < 0.6 else "off",
        scaling_burst=int(rng.integers(0, 6)),
        scaling_rate=1e9 / int(rng.choice([1, 2, 5, 20, 1_000])),
    )
    limit = reserved + int(rng.integers(0, 7))
    return lc.Account(limit, declared, unreserved_floor=0, profile=profile), trace


@pytest.mark.parametrize("part", range(4))
def test_ten_thousand_random_traces_equal_the_reference_model(part):
    """P5 in volume: verdicts, causes and times, all features mixed."""
    rng = np.random.default_rng([2026, part])
    seen = set()
    for _ in range(TRACES // 4):
        result, _ = assert_equal_to_reference(*random_case(rng))
        seen |= set(result.outcome.tolist())
    # The cases reach every outcome there is, or the comparison would prove little.
    assert seen == {
        lc.Outcome.WARM,
        lc.Outcome.COLD,
        lc.Outcome.RESERVED_ZERO,
        lc.Outcome.RESERVED_CONCURRENCY,
        lc.Outcome.UNRESERVED_CONCURRENCY,
        lc.Outcome.SCALING_RATE,
    }


def test_a_long_trace_equals_the_plain_heap_calendar():
    """The wheel gives the bytes of the plain event loop, at a size the model is too slow for."""
    from lambdacore import _core

    rng = np.random.default_rng(7)
    n = 400_000
    arrival = np.cumsum(rng.exponential(1e-3, n)) + 30 * (np.arange(n) // 100_000)
    trace = lc.Trace(
        arrival=arrival,
        function=rng.integers(0, 50, n),
        duration=rng.lognormal(-1.5, 1.5, n),
        functions=[f"f{i}" for i in range(50)],
    )
    account = lc.Account.for_trace(
        trace, 700, reserve={"f0": 3, "f1": 0, "f2": 12}, init_duration=0.3, idle_timeout=2
    )
    result = lc.simulate(account, trace)
    heap, _ = _core.simulate(account._engine, trace._columns(), list(range(50)), calendar="heap")
    assert result.outcome.tobytes() == heap.tobytes()
    assert len(set(heap.tolist())) >= 5
