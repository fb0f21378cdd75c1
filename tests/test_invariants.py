"""Invariants (I1 to I14) and theorems (T1 to T6) as properties of random traces and accounts.

Their numbers are those of docs/rules.md. What sounds like a theorem and is none stands at
the end, each with a small counter-example, so that no test may ever assert it.
"""

import itertools

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import lambdacore as lc
from lambdacore.testing import accounts, cases, reference_verdicts, schedules, traces
from lambdacore.testing.reference_api import CHECKS

NS = 1e-9
property_test = settings(max_examples=300, deadline=None, derandomize=True)

#: What the theorems of loss systems are about: pools, and nothing that changes a duration.
pure = {"environments": False, "rates": "off"}


def rows_of(trace, kept):
    """Make a trace of some rows of another, with the same functions."""
    init = None if trace.init is None else trace.init[kept]
    columns = trace.arrival[kept], trace.function[kept], trace.duration[kept]
    return lc.Trace(*columns, trace.functions, init=init)


def throttled_rows(account, trace):
    return set(np.flatnonzero(lc.simulate(account, trace).outcome >= 16).tolist())


@given(cases())
@property_test
def test_i1_i3_pools_are_never_overdrawn(case):
    """I1, I3: in flight <= limit; unreserved in flight and claimed <= what there is."""
    account, trace = case
    result = lc.simulate(account, trace)
    assert (result.concurrency(NS, account=True) <= account.concurrency_limit).all()
    unreserved = result.metric("UnreservedConcurrentExecutions", period=NS)
    assert not (unreserved > account.unreserved_concurrency).any()
    claimed = result.metric("ClaimedAccountConcurrency", period=NS)
    assert not (claimed > account.concurrency_limit).any()


@given(cases())
@property_test
def test_i2_a_function_stays_within_its_reservation(case):
    """I2: c <= R, and R = 0 admits nothing."""
    account, trace = case
    peaks = lc.simulate(account, trace).summary()["peak_concurrency"]
    for function, peak in zip(account.functions, peaks, strict=True):
        if function.reserved_concurrency is not None:
            assert peak <= function.reserved_concurrency


@given(cases(), st.integers(1, 9))
@property_test
def test_i4_every_arrival_is_admitted_or_throttled_once(case, period):
    """I4: arrivals = invocations + throttles, by function, bin and cause, and in the Region."""
    account, trace = case
    result = lc.simulate(account, trace)
    width = period * NS
    admitted, throttled = result.invocations(width), result.throttles(width)
    bins = (trace.arrival // period) - (trace.arrival[0] // period if len(trace) else 0)
    arrivals = np.zeros(admitted.shape, dtype=np.uint64)
    np.add.at(arrivals, (trace.function, bins), 1)
    np.testing.assert_array_equal(admitted + throttled, arrivals)
    by_cause = [result.throttles(width, cause=cause) for cause in lc.Outcome if cause.throttled]
    np.testing.assert_array_equal(sum(by_cause), throttled)
    assert (result.cold_starts(width) <= admitted).all()
    region = result.summary().region
    assert region["arrivals"] == len(trace)
    assert sum(result.throttles_by_reason().values()) == region["throttles"]


@given(cases(environments=True, scaling=True))
@property_test
def test_i6_creations_never_outrun_the_scaling_rate(case):
    """I6: creations of a function in [a, b] <= burst + refill over b - a."""
    account, trace = case
    outcome = lc.simulate(account, trace).outcome
    burst = account.profile.scaling_burst
    interval = round(1e9 / account.profile.scaling_rate)
    for index in range(len(trace.functions)):
        created = trace.arrival[(outcome == lc.Outcome.COLD) & (trace.function == index)].tolist()
        for (i, a), (j, b) in itertools.combinations_with_replacement(enumerate(created), 2):
            assert (j - i + 1) * interval <= burst * interval + (b - a)


@given(st.data())
@property_test
def test_i8_unreserved_traffic_cannot_touch_a_reserved_function(data):
    """I8, T3: isolation, byte for byte, and the other way round."""
    trace = data.draw(traces(max_functions=3))
    # The account's own rate and the legacy scaling bucket are met by all (see N6, N7).
    scaling, rates = data.draw(st.booleans()), data.draw(st.sampled_from(["off", "partitioned"]))
    account = data.draw(accounts(trace, scaling=scaling, rates=rates))
    reserved = {f.name for f in account.functions if f.reserved_concurrency is not None}
    assume(0 < len(reserved) < len(account.functions))
    is_reserved = np.array([name in reserved for name in trace.functions])[trace.function]
    outcome = lc.simulate(account, trace).outcome
    for kept in (is_reserved, ~is_reserved):
        alone = rows_of(trace, kept)
        assert lc.simulate(account, alone).outcome.tobytes() == outcome[kept].tobytes()


@given(st.data())
@property_test
def test_i9_the_order_of_the_checks_never_changes_a_verdict(data):
    """I9: checks are pure predicates; only the cause that is reported depends on order."""
    account, trace = data.draw(cases(qualified=True))
    schedule = data.draw(schedules(account))
    throttled = lc.simulate(account, trace, schedule).outcome >= 16
    for order in data.draw(st.lists(st.permutations(CHECKS), min_size=6, max_size=6)):
        verdicts = reference_verdicts(account, trace, schedule, check_order=tuple(order))
        admitted = [v.outcome in ("WARM", "COLD", "PROVISIONED") for v in verdicts]
        assert admitted == (~throttled).tolist()


@given(st.data())
@property_test
def test_i10_concurrency_integrates_to_the_time_that_permits_were_held(data):
    """I10, T5: Little's law, exact: 1 ns bins sum to the occupied nanoseconds."""
    drawn = data.draw(traces())
    # A call of length zero counts in the peak at its instant and holds no time.
    trace = lc.Trace(
        drawn.arrival, drawn.function, drawn.duration + 1, drawn.functions, init=drawn.init
    )
    result = lc.simulate(data.draw(accounts(trace)), trace)
    held = np.where(result.outcome < 16, result.completions() - trace.arrival, 0)
    assert int(result.concurrency(NS, account=True).sum()) == held.sum()
    assert result.concurrency(NS).sum(axis=1).tolist() == result.totals().occupied
    assert sum(result.totals().occupied) == held.sum()


@given(cases(), st.integers(1, 10**6))
@property_test
def test_i11_a_shift_by_whole_seconds_changes_nothing(case, shift):
    """I11: from rest, the same traffic later gives the same outcomes."""
    account, trace = case
    later = lc.Trace(
        trace.arrival + shift * 10**9,
        trace.function,
        trace.duration,
        trace.functions,
        init=trace.init,
    )
    assert lc.simulate(account, later).outcome.tobytes() == (
        lc.simulate(account, trace).outcome.tobytes()
    )


@given(cases(idle_expiry=False))
@property_test
def test_i12_which_idle_environment_is_taken_does_not_matter_without_expiry(case):
    """I12: without idle expiry, most and least recently used give the same verdicts."""
    account, trace = case
    least_recent = reference_verdicts(account, trace, warm_pick="lru")
    outcome = lc.simulate(account, trace).outcome
    assert [lc.Outcome(code).name for code in outcome] == [v.outcome for v in least_recent]


@given(traces(max_functions=1), st.booleans())
@property_test
def test_i13_the_throttled_sets_of_growing_limits_are_nested(trace, reserved):
    """I13, T1 (N1): throttled at c + 1 is a subset of throttled at c."""
    before = set(range(len(trace)))
    profile = lc.Profile.named("pure-pools")
    for limit in range(10):
        reserve = {"f0": limit} if reserved else {}
        account = lc.Account.for_trace(
            trace, limit, reserve=reserve, profile=profile, unreserved_floor=0
        )
        now = throttled_rows(account, trace)
        assert now <= before
        before = now


@given(traces(max_functions=3))
@property_test
def test_i13_a_larger_reservation_admits_a_superset_and_leaves_the_others_a_subset(trace):
    """I13: R up for f: more of f, at the price of the unreserved pool."""
    profile = lc.Profile.named("pure-pools")
    sets = []
    for reserved in range(5):
        account = lc.Account.for_trace(
            trace, 4, reserve={"f0": reserved}, profile=profile, unreserved_floor=0
        )
        sets.append(throttled_rows(account, trace))
    own = set(np.flatnonzero(trace.function == 0).tolist())
    for fewer, more in itertools.pairwise(sets):
        assert more & own <= fewer & own
        assert fewer - own <= more - own


@given(traces(max_functions=3))
@property_test
def test_no_throttle_exactly_when_the_limit_reaches_the_peak_of_the_unlimited_run(trace):
    """T2, in both directions."""
    free = lc.Account.for_trace(trace, 1_000, profile=lc.Profile.named("pure-pools"))
    peak = int(lc.simulate(free, trace).summary().region["peak_concurrency"])
    for limit in range(peak + 2):
        account = free.replace(concurrency_limit=limit, unreserved_floor=0)
        assert (not throttled_rows(account, trace)) == (limit >= peak)


@given(traces())
@property_test
def test_i14_without_limits_nothing_is_throttled_and_concurrency_is_the_overlap(trace):
    """I14: at each arrival, those that began and have not ended, and itself."""
    account = lc.Account.for_trace(
        trace, 2**31 - 1, profile=lc.Profile(scaling="off", rps_scope="off")
    )
    result = lc.simulate(account, trace)
    assert not (result.outcome >= 16).any()
    ends = result.completions()
    overlap = [1 + int((ends[:i] > at).sum()) for i, at in enumerate(trace.arrival.tolist())]
    assert result.summary().region["peak_concurrency"] == max(overlap, default=0)


@given(cases(), st.integers(0, 40))
@property_test
def test_a_decision_does_not_depend_on_what_comes_later(case, rows):
    """T4: each decision is made from what came before."""
    account, trace = case
    prefix = rows_of(trace, slice(rows))
    assert (
        lc.simulate(account, prefix).outcome.tobytes()
        == lc.simulate(account, trace).outcome[:rows].tobytes()
    )


@given(cases(**pure), st.integers(2, 7))
@property_test
def test_time_measured_in_another_unit_changes_nothing(case, factor):
    """T6: an affine change of time in integers."""
    account, trace = case
    stretched = lc.Trace(
        trace.arrival * factor + 3, trace.function, trace.duration * factor, trace.functions
    )
    assert throttled_rows(account, stretched) == throttled_rows(account, trace)


# What is not true: the table of the same name in docs/rules.md, statement by statement.


def small_trace(*rows):
    """Make a trace of (arrival, function, duration) in nanoseconds."""
    arrival, function, duration = zip(*rows, strict=True)
    names = sorted(set(function))
    indices = [names.index(name) for name in function]
    return lc.Trace(
        np.array(arrival, dtype=np.int64), np.array(indices), np.array(duration), functions=names
    )


def throttles(trace, limit, **account):
    account = lc.Account.for_trace(trace, limit, unreserved_floor=0, **account)
    counted = len(throttled_rows(account, trace))
    slow = reference_verdicts(account, trace)
    assert counted == sum(verdict.outcome not in ("WARM", "COLD") for verdict in slow)
    return counted


def test_a_larger_limit_can_throttle_more_where_cold_starts_of_two_functions_take_time():
    """N3. With 1, b's second call is throttled and its third finds the warm environment. With 2
    the second takes it, so the third starts cold and runs for 8 ns instead of 2: both permits
    are held when two more calls come.
    """
    trace = small_trace(
        (0, "b", 0), (6, "a", 0), (11, "b", 6), (12, "b", 2), (16, "b", 0), (16, "a", 6)
    )
    options = {"profile": lc.Profile(scaling="off"), "init_duration": 6 * NS}
    assert [throttles(trace, limit, **options) for limit in (1, 2)] == [1, 2]


def test_a_larger_limit_can_throttle_more_where_tokens_and_idle_expiry_are_on():
    """N2. With 1, one of two calls at once is throttled, which keeps a token. With 2 both take one,
    the first environment has expired when two more calls come, and no token is left.
    """
    trace = small_trace((0, "f", 1), (0, "f", 6), (4, "f", 0), (4, "f", 4))
    profile = lc.Profile(scaling_burst=2, scaling_rate=1e9 / 5, idle_timeout=3 * NS)
    assert [throttles(trace, limit, profile=profile) for limit in (1, 2)] == [1, 2]


def test_one_arrival_fewer_can_throttle_more_in_a_pure_pool():
    """N4. The first call keeps the second, longer one out; without it the second takes the permit
    and keeps it while two short ones come.
    """
    profile = lc.Profile.named("pure-pools")
    rows = [(0, "f", 1), (0, "f", 2), (1, "f", 0), (1, "f", 0)]
    assert throttles(small_trace(*rows), 1, profile=profile) == 1
    assert throttles(small_trace(*rows[1:]), 1, profile=profile) == 2


def test_a_shorter_call_can_throttle_more_in_a_pure_pool():
    """N4. The same with the first call one nanosecond shorter: it is gone when the second comes."""
    profile = lc.Profile.named("pure-pools")
    rows = [(0, "f", 2), (1, "f", 2), (2, "f", 0), (2, "f", 0)]
    assert throttles(small_trace(*rows), 1, profile=profile) == 1
    rows[0] = (0, "f", 1)
    assert throttles(small_trace(*rows), 1, profile=profile) == 2


def test_a_larger_reservation_can_harm_the_others_and_throttle_more_in_all():
    """N5. What is set apart for a, and not used, is missing in the pool of b."""
    profile = lc.Profile.named("pure-pools")
    trace = small_trace((0, "a", 5), (0, "b", 5), (1, "b", 5))
    counts = [throttles(trace, 3, reserve={"a": r}, profile=profile) for r in (1, 2, 3)]
    assert counts == [0, 1, 2]


def test_random_traces_throttle_more_at_a_larger_limit_now_and_then():
    """N2. Random traces have many more of the kind that stands above."""
    rng = np.random.default_rng(13)
    worse = 0
    for _ in range(3_000):
        n = 25
        trace = lc.Trace(np.sort(rng.integers(0, 40, n)), "f", rng.integers(0, 8, n))
        profile = lc.Profile(scaling_burst=2, scaling_rate=1e9 / 5, idle_timeout=3e-9)
        counts = [
            len(
                throttled_rows(
                    lc.Account.for_trace(trace, limit, profile=profile, unreserved_floor=0), trace
                )
            )
            for limit in (2, 3)
        ]
        worse += counts[1] > counts[0]
    assert worse > 0
