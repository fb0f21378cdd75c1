"""Every small case there is: each engine equals the reference model (G5).

All traces of up to 3 calls of 2 functions on a grid of 5 ticks, of lengths 0, 1 and 3, at limits
of 0, 1 and 2, with every reservation that fits, with environments and without. Random cases
may miss a combination; these cannot.
"""

import itertools

import numpy as np
import pytest

import lambdacore as lc
from lambdacore.testing import as_reference, reference_simulate

NS = 1e-9
CALLS = list(itertools.product(range(5), range(2), (0, 1, 3)))
#: Calls at one instant keep the order in which they are given, which matters.
TRACES = [
    calls
    for n in range(4)
    for calls in itertools.product(CALLS, repeat=n)
    if all(a[0] <= b[0] for a, b in itertools.pairwise(calls))
]
PROFILES = {
    "without environments": lc.Profile.named("pure-pools"),
    "with environments": lc.Profile(
        scaling="off", rps_scope="off", init_duration=NS, idle_timeout=2 * NS
    ),
    "with a token every other tick": lc.Profile(
        rps_scope="off",
        scaling_burst=1,
        scaling_rate=1e9 / 2,
        init_duration=NS,
        idle_timeout=2 * NS,
    ),
}
POOLS = [
    (limit, reserved)
    for limit in range(3)
    for reserved in itertools.product((None, 0, 1), repeat=2)
    if sum(r or 0 for r in reserved) <= limit
]


def account_of(limit, reserved, profile):
    functions = [
        lc.Function(name, reserved_concurrency=r) for name, r in zip("ab", reserved, strict=True)
    ]
    return lc.Account(limit, functions, unreserved_floor=0, profile=PROFILES[profile])


def trace_of(calls):
    arrival, function, duration = np.array(calls, dtype=np.int64).reshape(-1, 3).T
    return lc.Trace(arrival, function, duration, functions=["a", "b"])


def test_the_small_traces_are_as_many_as_can_be_counted_by_hand():
    """5, 15 and 35 ways to choose one, two and three instants in order; 6 calls at each."""
    assert len(TRACES) == 1 + 5 * 6 + 15 * 6**2 + 35 * 6**3
    assert len(POOLS) == 4 + 8 + 9


@pytest.mark.parametrize("profile", PROFILES)
def test_every_small_trace_has_the_outcomes_of_the_reference_model(profile):
    """One long trace holds all, so far apart that each finds the account at rest (I11)."""
    apart = 100
    one_after_the_other = trace_of(
        [(i * apart + at, *call) for i, calls in enumerate(TRACES) for at, *call in calls]
    )
    seen = set()
    for limit, reserved in POOLS:
        account = account_of(limit, reserved, profile)
        result = lc.simulate(account, one_after_the_other)
        for engine in ("heap", "wheel", "stream"):
            other = lc.simulate(account, one_after_the_other, engine=engine)
            assert result.outcome.tobytes() == other.outcome.tobytes()
        reference = as_reference(account)
        expected = [
            (verdict.outcome, i * apart + verdict.end)
            for i, calls in enumerate(TRACES)
            for verdict in reference_simulate(reference, calls)
        ]
        names = [lc.Outcome(code).name for code in result.outcome]
        found = list(zip(names, result.completions().tolist(), strict=True))
        assert found == expected, (limit, reserved)
        seen |= set(names)
    with_environments = profile != "without environments"
    assert ("COLD" in seen) == with_environments
    assert ("SCALING_RATE" in seen) == ("token" in profile)
    assert {"WARM", "RESERVED_ZERO", "RESERVED_CONCURRENCY", "UNRESERVED_CONCURRENCY"} <= seen


def test_every_small_trace_alone_has_the_outcomes_of_the_reference_model():
    """The same from the very start of a run, in the account where most can happen."""
    account = account_of(2, (1, None), "with a token every other tick")
    reference = as_reference(account)
    for calls in TRACES:
        outcome = lc.simulate(account, trace_of(calls)).outcome
        expected = [verdict.outcome for verdict in reference_simulate(reference, calls)]
        assert [lc.Outcome(code).name for code in outcome] == expected, calls
