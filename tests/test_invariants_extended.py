"""Invariants with provisioned concurrency, request rates and changes in mid-run (docs/rules.md).

The false statements N6 to N8 stand at the end, each with a small counter-example.
"""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lambdacore as lc
from lambdacore.testing import accounts, cases, schedules, traces

NS = 1e-9
property_test = settings(max_examples=300, deadline=None, derandomize=True)
PROVISIONED = lc.Outcome.PROVISIONED


def in_flight(result, at, rows=None):
    """How many run just after the arrivals at an instant, of some rows of the trace."""
    ends, start = result.completions(), result.trace.arrival
    running = (result.outcome < 16) & (start <= at) & (ends > at)
    return int((running if rows is None else running & rows).sum())


def functions_of(result):
    """The account's row of each invocation."""
    rows = [result.account.resolve(name)[1] for name in result.trace.functions]
    return np.array(rows, dtype=np.int64)[result.trace.function]


@given(st.data())
@property_test
def test_i1_after_the_limit_falls_the_number_in_flight_only_falls_until_it_is_under(data):
    """I1, rule 1.9: nothing is stopped, and nobody begins while more run than the limit."""
    account, trace = data.draw(cases())
    at, limit = data.draw(st.integers(0, 30)), data.draw(st.integers(0, 3))
    result = lc.simulate(account, trace, lc.Schedule().set_concurrency_limit(at, limit))
    before = [in_flight(result, t) for t in range(at)]
    assert max(before, default=0) <= account.concurrency_limit
    after = [in_flight(result, t) for t in range(at, 50)]
    for earlier, later in itertools.pairwise(after):
        assert later <= max(earlier, limit)


@given(st.data())
@property_test
def test_i1_the_account_stays_within_its_limit_through_reservations_that_change(data):
    """I1, A3b: with the cap, whatever is reserved and provisioned, moved and deleted."""
    account, trace = data.draw(cases(qualified=True))
    calls = [c for c in data.draw(schedules(account)) if c.operation != "SetConcurrencyLimit"]
    result = lc.simulate(account, trace, lc.Schedule(calls))
    assert (result.concurrency(NS, account=True) <= account.concurrency_limit).all()


@given(cases(qualified=True))
@property_test
def test_the_cap_of_the_account_is_never_named_while_nothing_changes(case):
    """A3b: it only binds after a change in mid-run."""
    result = lc.simulate(*case)
    assert not (result.outcome == lc.Outcome.ACCOUNT_CONCURRENCY).any()


@given(cases(qualified=True))
@property_test
def test_i2_on_demand_work_of_a_reserved_function_leaves_room_for_what_is_provisioned(case):
    """I2, rule 3.4: od <= R - P, c <= R."""
    account, trace = case
    result = lc.simulate(account, trace)
    of, ready = functions_of(result), result.outcome == PROVISIONED
    for row, function in enumerate(account):
        if function.reserved_concurrency is not None:
            provisioned = sum(function.provisioned_by_qualifier.values())
            for t in range(50):
                on_demand = in_flight(result, t, (of == row) & ~ready)
                assert on_demand <= function.reserved_concurrency - provisioned
                assert in_flight(result, t, of == row) <= function.reserved_concurrency


@given(st.data(), st.integers(1, 9))
@property_test
def test_i5_provisioned_and_spilled_are_all_that_a_version_with_capacity_admits(data, period):
    """I5: PCInv + Spill = Invocations where A > 0 all along."""
    trace = data.draw(traces())
    result = lc.simulate(data.draw(accounts(trace)), trace)
    for function in result.account:
        names = ("Invocations", "SpilloverInvocations")
        metric = {
            short: result.metric(f"ProvisionedConcurrency{short}", function=function.name,
                                 period=period * NS)
            for short in names
        }  # fmt: skip
        admitted = result.invocations(period * NS, function=function.name).astype(float)
        if function.provisioned_concurrency:
            expected = np.where(admitted > 0, admitted, np.nan)
            np.testing.assert_array_equal(sum(metric.values()), expected)
        else:
            assert all(np.isnan(points).all() for points in metric.values())


@given(st.data())
@property_test
def test_i5_it_spills_only_where_all_are_busy_or_the_rate_is_used_up(data):
    """I5, rules 3.8 and 3.9, with rates off: on demand only while all A are busy."""
    trace = data.draw(traces())
    account = data.draw(accounts(trace, rates="off"))
    result = lc.simulate(account, trace)
    ends, ready = result.completions(), result.outcome == PROVISIONED
    for i in np.flatnonzero((result.outcome < 16) & ~ready):
        function = account.functions[int(trace.function[i])]
        available = function.provisioned_by_qualifier.get("live", 0)
        mine = ready & (trace.function == trace.function[i]) & (np.arange(len(trace)) < i)
        assert (mine & (ends > trace.arrival[i])).sum() == available


@given(cases(scaling=None, environments=True))
@property_test
def test_i6_in_the_legacy_regime_the_account_never_outruns_its_bucket(case):
    """I6, rule 4.7: creations of all functions in [a, b] <= burst + refill over b - a."""
    account, trace = case
    account = account.replace(profile=account.profile.replace(scaling="legacy"))
    burst = account.profile.scaling_burst
    interval = round(1e9 / account.profile.scaling_rate)
    cold = lc.simulate(account, trace).outcome == lc.Outcome.COLD
    created = trace.arrival[cold].tolist()
    for (i, a), (j, b) in itertools.combinations_with_replacement(enumerate(created), 2):
        assert (j - i + 1) * interval <= burst * interval + (b - a)


@pytest.mark.parametrize("regime", ["step10", "sliding10"])
@given(data=st.data())
@property_test
def test_i6_windows_of_the_scaling_rate_hold_no_more_than_their_burst(regime, data):
    """Rules 4.5, 4.6: of a function, in each window from zero, or in any window."""
    account, trace = data.draw(cases(environments=True))
    account = account.replace(profile=account.profile.replace(scaling=regime))
    burst, length = account.profile.scaling_burst, round(account.profile.scaling_window / NS)
    cold = lc.simulate(account, trace).outcome == lc.Outcome.COLD
    for index in range(len(trace.functions)):
        created = trace.arrival[cold & (trace.function == index)]
        for at in created:
            window = created // length == at // length
            if regime == "sliding10":
                window = (created > at - length) & (created <= at)
            assert window.sum() <= burst


@given(st.data(), st.sampled_from(["tumbling", "sliding", "bucket"]))
@property_test
def test_i7_no_window_admits_more_than_its_rate(data, window):
    """I7: the account, a reserved function, and a version's provisioned environments."""
    trace = data.draw(traces())
    account = data.draw(accounts(trace, rates="documented"))
    account = account.replace(profile=account.profile.replace(rps_window=window))
    result = lc.simulate(account, trace)
    admitted, ready = result.outcome < 16, result.outcome == PROVISIONED
    groups = [(admitted, account.concurrency_limit)]
    for index, function in enumerate(account):
        mine = admitted & (trace.function == index)
        if function.reserved_concurrency is not None:
            groups.append((mine, function.reserved_concurrency))
        groups.append((mine & ready, function.provisioned_by_qualifier.get("live", 0)))
    profile = account.profile
    second, burst = round(profile.rps_window_length / NS), round(profile.rps_burst / NS)
    for rows, concurrency in groups:
        at, rate = trace.arrival[rows], profile.rps_per_concurrency * concurrency
        for (i, a), (j, b) in itertools.combinations_with_replacement(enumerate(at.tolist()), 2):
            counted = j - i + 1
            if window == "bucket":
                assert counted * second <= rate * (burst + b - a)
            elif b - a < second and (window == "sliding" or a // second == b // second):
                assert counted <= rate


@given(st.data())
@property_test
def test_i11_a_trace_later_by_whole_seconds_meets_the_same_rates(data):
    """I11 with windows, schedules and all."""
    account, trace = data.draw(cases(qualified=True))
    schedule = data.draw(schedules(account))
    shift = data.draw(st.integers(1, 10**6)) * 10**9
    later = lc.Trace(
        trace.arrival + shift, trace.function, trace.duration, trace.functions, init=trace.init
    )
    moved = lc.Schedule(lc.Call(**{**vars(call), "at": call.at + shift}) for call in schedule)
    assert (
        lc.simulate(account, later, moved).outcome.tobytes()
        == lc.simulate(account, trace, schedule).outcome.tobytes()
    )


@given(st.data())
@property_test
def test_i15_a_refused_call_leaves_everything_as_it_was(data):
    """I15: without the refused calls, the run and the other answers are the same."""
    account, trace = data.draw(cases(qualified=True))
    schedule = data.draw(schedules(account))
    result = lc.simulate(account, trace, schedule)
    accepted = lc.Schedule(answer.call for answer in result.answers if answer.accepted)
    again = lc.simulate(account, trace, accepted)
    assert again.outcome.tobytes() == result.outcome.tobytes()
    assert all(answer.accepted for answer in again.answers)
    assert [a.response for a in again.answers] == [a.response for a in result.answers if a.accepted]


@given(st.data())
@property_test
def test_a_schedule_decides_nothing_before_its_first_call(data):
    """T4 with schedules: what comes later changes no decision."""
    account, trace = data.draw(cases(qualified=True))
    schedule = data.draw(schedules(account))
    first = schedule.calls[0].at if len(schedule) else 10**9
    early = trace.arrival < first
    assert (
        lc.simulate(account, trace).outcome[early].tobytes()
        == lc.simulate(account, trace, schedule).outcome[early].tobytes()
    )


def test_n6_with_the_account_s_rate_others_do_throttle_a_reserved_function():
    """N6. Two calls of b use the two requests up that this account has in a second."""
    profile = lc.Profile(rps_per_concurrency=1, scaling="off")
    functions = [lc.Function("a", reserved_concurrency=1), lc.Function("b")]
    account = lc.Account(2, functions, 0, profile)
    trace = lc.Trace([0, 0, 1], ["b", "b", "a"], 0)
    assert lc.simulate(account, trace).outcome[-1] == lc.Outcome.ACCOUNT_RATE
    partitioned = account.replace(profile=profile.replace(rps_scope="partitioned"))
    assert lc.simulate(partitioned, trace).outcome[-1] < 16


def test_n7_in_the_legacy_regime_others_do_throttle_a_reserved_function():
    """N7. The environment of b takes the account's only token."""
    trace = lc.Trace([0, 0], ["b", "a"], 1.0)
    profile = lc.Profile.named("aws-2022").replace(scaling_burst=1)
    account = lc.Account.for_trace(trace, reserve={"a": 1}, profile=profile)
    assert lc.simulate(account, trace).outcome.tolist() == [
        lc.Outcome.COLD,
        lc.Outcome.SCALING_RATE,
    ]


def test_n8_what_is_provisioned_for_one_is_missing_for_the_others():
    """N8. With one of two provisioned for a, b has room for one call instead of two."""
    trace = lc.Trace([0, 0], ["b", "b"], 1.0, functions=["a", "b"])
    account = lc.Account.for_trace(trace, 2, unreserved_floor=0)
    assert (lc.simulate(account, trace).outcome < 16).all()
    provisioned = account.replace("a", provisioned_concurrency=1)
    assert lc.simulate(provisioned, trace).outcome.tolist() == [
        lc.Outcome.COLD,
        lc.Outcome.UNRESERVED_CONCURRENCY,
    ]
