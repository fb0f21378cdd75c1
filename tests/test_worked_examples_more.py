"""Worked examples of provisioned concurrency, request rates and other scaling regimes.

Their numbers are those of docs/worked-examples.md, the rules in docs/rules.md. Unless a test says
otherwise: a limit of 1,000, no reservations, arrivals at once at time zero, calls that outlast
the test, no init.
"""

import numpy as np
import pytest

import lambdacore as lc

#: Nanoseconds.
LONG = 10**13
PROVISIONED, WARM, COLD = lc.Outcome.PROVISIONED, lc.Outcome.WARM, lc.Outcome.COLD


def run(functions, trace, limit=1_000, profile="aws-2026", schedule=None):
    return lc.simulate(lc.Account(limit, functions, profile=profile), trace, schedule)


def names(result):
    return [lc.Outcome(code).name for code in result.outcome]


def counts(result, first=0, last=None):
    """How often each outcome occurred, in a slice of the trace."""
    codes, n = np.unique(result.outcome[first:last], return_counts=True)
    return {lc.Outcome(code).name: int(k) for code, k in zip(codes, n, strict=True)}


def evenly(per_second, seconds, duration, name="f"):
    """Calls at even distances, as far as whole nanoseconds are even."""
    arrival = np.arange(per_second * seconds) * 10**9 // per_second
    return lc.Trace(arrival, name, round(duration * 1e9))


def by_second(result, *codes):
    """How often some outcomes occurred, by second of arrival."""
    wanted = np.isin(result.outcome, codes)
    return np.bincount(result.trace.arrival[wanted] // 10**9).tolist()


def test_e05_what_400_provisioned_environments_cannot_take_spills_over():
    """Rules 3.5, 3.8, 3.9: of 500 calls 400 run provisioned and 100 on the other 600."""
    orange = lc.Function("orange", provisioned_concurrency=400)
    result = run([orange], lc.Trace([0.0] * 500, "orange", 60.0))
    assert counts(result) == {"PROVISIONED": 400, "COLD": 100}
    assert result.outcome[:400].tolist() == [PROVISIONED] * 400
    assert result.account.unreserved_concurrency == 600
    spilled = result.metric("ProvisionedConcurrencySpilloverInvocations", function="orange")
    assert spilled[0] == 100


def test_e07_provisioned_environments_that_idle_are_lost_to_the_others():
    """Rule 3.5: 400 are taken from the pool, so 600 of 700 run."""
    functions = [lc.Function("orange", provisioned_concurrency=400), lc.Function("other")]
    result = run(functions, lc.Trace([0.0] * 700, "other", 60.0))
    assert counts(result) == {"COLD": 600, "UNRESERVED_CONCURRENCY": 100}
    assert result.throttles_by_reason() == {"ConcurrentInvocationLimitExceeded": 100}


def test_e09_a_reservation_that_is_provisioned_leaves_nothing_to_other_versions():
    """Rule 2.6: $LATEST is throttled before, while and after version 1 runs, which does run."""
    f = lc.Function("f", reserved_concurrency=1, provisioned_concurrency={"1": 1}, versions=1)
    calls = ["f:$LATEST", "f:1", "f:$LATEST", "f:$LATEST"]
    result = run([f], lc.Trace([0.0, 1.0, 2.0, 20.0], calls, 10.0))
    throttled = "RESERVED_CONCURRENCY"
    assert names(result) == [throttled, "PROVISIONED", throttled, throttled]
    assert result.throttles_by_reason() == {"ReservedFunctionConcurrentInvocationLimitExceeded": 3}


def test_e10_the_reservation_and_what_is_provisioned_bound_each_other():
    """Rules 1.7, 3.4: with 2 and 2, neither less of one nor more of the other is accepted."""
    f = lc.Function("f", reserved_concurrency=2, provisioned_concurrency={"1": 2}, versions=2)
    schedule = (
        lc.Schedule()
        .put_function_concurrency(0.0, "f", 1)
        .put_provisioned_concurrency_config(0.0, "f", 2, 1)
        .put_provisioned_concurrency_config(0.0, "f", 1, 3)
        .put_function_concurrency(0.0, "f", 2)
    )
    trace = lc.Trace([1.0] * 4, ["f:$LATEST", "f:1", "f:1", "f:1"], 60.0)
    result = run([f], trace, schedule=schedule)
    *refused, kept = result.answers
    assert kept.accepted
    assert [(answer.status, answer.aws_code) for answer in refused] == [
        (400, "InvalidParameterValueException")
    ] * 3
    above = (
        "Requested Provisioned Concurrency should not be greater than the "
        "reservedConcurrentExecution for function"
    )
    assert [answer.aws_message for answer in refused] == [
        " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned "
        "concurrency [2].",
        above,
        above,
    ]
    throttled = "RESERVED_CONCURRENCY"
    assert names(result) == [throttled, "PROVISIONED", "PROVISIONED", throttled]


def test_e16_twenty_thousand_requests_a_second_meet_the_rate_of_the_account():
    """Rule 5.1, 50 ms each: 10,000 a second at a limit of 1,000; at 2,000 all are served."""
    trace = evenly(20_000, 5, 0.05)
    result = run([lc.Function("f")], trace)
    assert by_second(result, WARM, COLD) == [10_000] * 5
    assert by_second(result, lc.Outcome.ACCOUNT_RATE) == [10_000] * 5
    assert result.summary().region["peak_concurrency"] == 1_000
    result = run([lc.Function("f")], trace, 2_000)
    assert not result.throttled.any()
    assert result.summary().region["peak_concurrency"] == 1_000


def test_e16_with_the_ramp_of_request_rates_they_are_served_after_ten_seconds():
    """Rule 4.8: about 11,000 in second 0, 1,000 more each second, 20,000 from second 10 on.

    A bucket gives whole tokens: by the last request of second 0 it has given 10,000 + 999.
    """
    profile = lc.Profile(rps_ramp="level")
    account = lc.Account(2_000, [lc.Function("f")], profile=profile)
    result = lc.simulate(account, evenly(20_000, 12, 0.05))
    served = [min(10_999 + 1_000 * second, 20_000) for second in range(12)]
    assert by_second(result, WARM, COLD) == served
    assert by_second(result, lc.Outcome.SCALING_RATE) == [20_000 - n for n in served[:10]]


def test_e17_short_calls_meet_the_rate_long_before_the_concurrency():
    """Rule 5.1: 30,000 a second of 20 ms run 600 at once; 10,000 a second are served at 1,000."""
    trace = evenly(30_000, 3, 0.02)
    result = run([lc.Function("f")], trace)
    assert by_second(result, WARM, COLD) == [10_000] * 3
    assert by_second(result, lc.Outcome.ACCOUNT_RATE) == [20_000] * 3
    assert result.summary().region["peak_concurrency"] == 600
    result = run([lc.Function("f")], trace, 3_000)
    assert not result.throttled.any()
    assert result.summary().region["peak_concurrency"] == 600


def test_e18_fifteen_at_once_find_ten_provisioned_and_five_other_environments():
    """Rule 3.10: above its concurrency it spills over."""
    f = lc.Function("f", provisioned_concurrency=10)
    result = run([f], lc.Trace([0.0] * 15, "f", 1.0))
    assert counts(result) == {"PROVISIONED": 10, "COLD": 5}


def test_e19_requests_beyond_ten_a_second_for_each_environment_spill_over():
    """Rules 3.10, 5.3: 150 a second of 10 ms, so 100 on 10 environments, 50 beside, 0 throttled."""
    f = lc.Function("f", provisioned_concurrency=10)
    result = run([f], evenly(150, 4, 0.01))
    assert by_second(result, PROVISIONED) == [100] * 4
    assert by_second(result, WARM, COLD) == [50] * 4


def test_e21_a_reserved_function_serves_ten_requests_a_second_for_each_unit():
    """Rule 5.2: with 100 reserved, 1,000 of 2,000 a second of 10 ms."""
    f = lc.Function("f", reserved_concurrency=100)
    result = run([f], evenly(2_000, 3, 0.01))
    assert by_second(result, WARM, COLD) == [1_000] * 3
    assert by_second(result, lc.Outcome.RESERVED_RATE) == [1_000] * 3
    assert result.throttles_by_reason() == {"ReservedFunctionInvocationRateLimitExceeded": 3_000}


def test_e22_none_of_five_thousand_can_be_used_before_all_are_allocated():
    """Rule 3.13: 50 s at 6,000 a minute, after the minute of preparation."""
    f = lc.Function("f", versions=1)
    ready = 110 * 10**9
    schedule = (
        lc.Schedule()
        .put_provisioned_concurrency_config(0, "f", 1, 5_000)
        .get_provisioned_concurrency_config(ready - 1, "f", 1)
        .get_provisioned_concurrency_config(ready, "f", 1)
    )
    arrival = np.repeat([ready - 1, ready], [1, 5_001])
    result = run([f], lc.Trace(arrival, "f:1", LONG), 10_000, schedule=schedule)
    allocated = [
        (a.response["AllocatedProvisionedConcurrentExecutions"], a.response["Status"])
        for a in result.answers
    ]
    assert allocated == [(0, "IN_PROGRESS"), (0, "IN_PROGRESS"), (5_000, "READY")]
    assert names(result)[0] == "COLD"
    assert counts(result, 1) == {"PROVISIONED": 5_000, "COLD": 1}


def test_e23_the_legacy_burst_serves_three_thousand_of_ten_thousand():
    """Rule 4.7: in a large Region, calls of 30 s, a limit of 10,000."""
    result = run([lc.Function("f")], lc.Trace([0.0] * 10_000, "f", 30.0), 10_000, "aws-2022")
    assert counts(result) == {"COLD": 3_000, "SCALING_RATE": 7_000}


def test_e24_in_the_second_minute_the_legacy_bucket_has_five_hundred_more():
    """Rules 4.7, 7.3: 5,000 in each minute; 2,000 are throttled, then 1,500."""
    trace = lc.Trace(np.repeat([0.0, 60.0], 5_000), "f", 30.0)
    result = run([lc.Function("f")], trace, 10_000, "aws-2022")
    assert counts(result, 0, 5_000) == {"COLD": 3_000, "SCALING_RATE": 2_000}
    assert counts(result, 5_000) == {"WARM": 3_000, "COLD": 500, "SCALING_RATE": 1_500}


def test_e26_spread_over_four_minutes_the_legacy_burst_is_enough():
    """Rules 4.7, 7.3: 2,500 in each minute; the first minute's environments serve all."""
    trace = lc.Trace(np.repeat([0.0, 60.0, 120.0, 180.0], 2_500), "f", 30.0)
    result = run([lc.Function("f")], trace, 10_000, "aws-2022")
    assert counts(result, 0, 2_500) == {"COLD": 2_500}
    assert counts(result, 2_500) == {"WARM": 7_500}


def test_e28_the_legacy_burst_comes_on_top_of_what_runs():
    """Rule 4.7: 1,000 run for six minutes, until the bucket is full; of 3,500 more 3,000 run."""
    trace = lc.Trace(np.repeat([0.0, 360.0], [1_000, 3_500]), "f", LONG * 1e-9)
    result = run([lc.Function("f")], trace, 10_000, "aws-2022")
    assert counts(result, 0, 1_000) == {"COLD": 1_000}
    assert counts(result, 1_000) == {"COLD": 3_000, "SCALING_RATE": 500}
    assert result.summary().region["peak_concurrency"] == 4_000


def test_e34_in_steps_steady_demand_grows_by_a_thousand_every_ten_seconds():
    """Rule 4.5, 2,000 a second: 1,000, 1,000, 2,000, 3,000 by the end of seconds 0, 9, 19, 29."""
    profile = lc.Profile(scaling="step10")
    result = run([lc.Function("f")], evenly(2_000, 30, LONG * 1e-9), 10_000, profile)
    served = np.cumsum(result.invocations(1, function="f")[:30])
    assert served[[0, 9, 19, 29]].tolist() == [1_000, 1_000, 2_000, 3_000]


def test_e36_in_steps_unlimited_demand_reaches_ten_thousand_after_ninety_seconds_too():
    """Rule 4.5: 1,000 more at 0, 10, … 90 s."""
    result = run(
        [lc.Function("f")],
        lc.Trace(np.repeat(np.arange(100) * 10**9, 1_100), "f", LONG),
        10_000,
        lc.Profile(scaling="step10"),
    )
    admitted = result.trace.arrival[~result.throttled]
    assert len(admitted) == 10_000
    assert np.unique(admitted).tolist() == [10 * k * 10**9 for k in range(10)]


@pytest.mark.parametrize(
    ("region", "burst", "minutes"),
    [("us-east-1", 3_000, 14), ("us-east-2", 1_000, 18), ("sa-east-1", 500, 19)],
)
def test_e36_in_the_legacy_regime_ten_thousand_took_many_minutes(region, burst, minutes):
    """Rule 4.7: the burst at once and then one every 120 ms, to the nanosecond."""
    ticks = np.arange((10_000 - burst) + 100) * 120_000_000
    demand = np.repeat(ticks, np.where(ticks == 0, burst + 100, 2))
    profile = lc.Profile.named("aws-2022", region=region)
    result = run([lc.Function("f")], lc.Trace(demand, "f", LONG), 10_000, profile)
    admitted = result.trace.arrival[~result.throttled]
    assert len(admitted) == 10_000
    assert admitted[burst - 1] == 0
    assert admitted[-1] == minutes * 60 * 10**9
    assert result.outcome[-1] == lc.Outcome.UNRESERVED_CONCURRENCY


def test_e37_provisioned_concurrency_without_a_reservation_is_claimed_too():
    """Section 10: orange reserves 600, blue has 200 provisioned; others run 0, 100 and 100."""
    functions = [
        lc.Function("orange", reserved_concurrency=600),
        lc.Function("blue", provisioned_concurrency=200),
        lc.Function("other"),
    ]
    minutes = [(0.0, "blue", 50), (60.0, "other", 100), (120.0, "other", 100)]
    minutes += [(120.0, "orange", 600), (120.0, "blue", 200)]
    at, calls, n = zip(*minutes, strict=True)
    trace = lc.Trace(np.repeat(at, n), np.repeat(calls, n), 30.0)
    result = run(functions, trace)
    assert not result.throttled.any()
    assert result.metric("ClaimedAccountConcurrency").tolist() == [800, 900, 900]
    assert result.metric("UnreservedConcurrentExecutions").tolist() == [0, 100, 100]
    assert result.account.unreserved_concurrency == 200


@pytest.mark.parametrize(("provisioned", "busy"), [(100, 50), (100, 60), (10, 7)])
def test_e39_utilization_is_the_share_of_provisioned_environments_that_run(provisioned, busy):
    """Section 10: 50 of 100 run at most; 60 of 100 are 0.6, 7 of 10 are 0.7."""
    f = lc.Function("f", provisioned_concurrency=provisioned)
    # Five more before, which are over by then: the maximum counts, not the number of calls.
    trace = lc.Trace([0.0] * 5 + [10.0] * busy, "f", 10.0)
    result = run([f], trace)
    running = result.metric("ProvisionedConcurrentExecutions", function="f")
    assert running.tolist() == [busy]
    utilization = result.metric("ProvisionedConcurrencyUtilization", function="f")
    assert utilization.tolist() == [busy / provisioned]
