"""A simulation on the words of the live controller gives the bytes of one on plain words."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lambdacore as lc
from lambdacore.testing import cases, schedules

#: Nanoseconds from one instant of a drawn trace to the next, where windows of rates matter.
TICK = 100_000_000


@given(st.data())
@settings(max_examples=250)
def test_atomic_counters_give_the_bytes_of_plain_ones(data):
    """One rule over two stores: pools, environments, provisioned concurrency, and changes."""
    account, trace = data.draw(cases(qualified=True, rates="off"))
    switches = {
        "overhang": data.draw(st.sampled_from(["keep_and_claim", "ignore"])),
        "hard_account_cap": data.draw(st.sampled_from(["on", "off"])),
        "config_delay": data.draw(st.integers(0, 9)) * 1e-9,
    }
    account = account.replace(profile=account.profile.replace(**switches))
    schedule = data.draw(st.none() | schedules(account))
    plain = lc.simulate(account, trace, schedule)
    atomic = lc.simulate(account, trace, schedule, counters="atomic")
    assert atomic.outcome.tobytes() == plain.outcome.tobytes()
    assert atomic.completions().tobytes() == plain.completions().tobytes()
    assert atomic.answers == plain.answers


@given(
    st.data(), st.sampled_from(["documented", "partitioned"]), st.sampled_from(["admitted", "all"])
)
@settings(max_examples=150)
def test_request_rates_count_the_same_in_one_word(data, scope, counts):
    """Rules 5.1 to 5.4, in windows of which a trace of some seconds meets several."""
    account, trace = data.draw(cases(qualified=True, rates="off", scaling=False))
    trace = lc.Trace(
        trace.arrival.astype("int64") * TICK,
        trace.function,
        trace.duration.astype("int64") * TICK,
        trace.functions,
        init=None if trace.init is None else np.where(trace.init < 0, -1, trace.init * TICK),
    )
    profile = account.profile.replace(
        rps_scope=scope,
        rps_counts=counts,
        rps_window="tumbling",
        rps_window_length=data.draw(st.sampled_from([0.2, 0.5])),
        rps_per_concurrency=data.draw(st.integers(1, 2)),
        pc_rps_excess=data.draw(st.sampled_from(["spill", "throttle"])),
        pc_prep_s=0.0,
    )
    account = account.replace(profile=profile)
    calls = data.draw(schedules(account)).calls
    schedule = lc.Schedule(replace(call, at=call.at * TICK) for call in calls)
    plain = lc.simulate(account, trace, schedule)
    atomic = lc.simulate(account, trace, schedule, counters="atomic")
    assert atomic.outcome.tobytes() == plain.outcome.tobytes()


def account_of(limit, **profile):
    return lc.Account(
        limit, [lc.Function("f")], profile=lc.Profile.named("pure-pools").replace(**profile)
    )


TRACE = lc.Trace([0.0, 0.0], "f", 1.0)


def test_a_limit_of_2_to_the_24_is_refused_with_atomic_counters_only():
    largest = lc.simulate(account_of(2**24 - 1), TRACE, counters="atomic")
    assert not largest.outcome.max() >= 16
    with pytest.raises(lc.ConfigurationError, match=r"16777216.*counters='plain'") as refused:
        lc.simulate(account_of(2**24), TRACE, counters="atomic")
    assert refused.value.argument == "concurrency_limit"
    assert len(lc.simulate(account_of(2**24), TRACE, counters="plain")) == 2


def test_a_change_to_such_a_limit_is_refused_as_well():
    schedule = lc.Schedule().set_concurrency_limit(1.0, 2**24)
    with pytest.raises(lc.ConfigurationError, match="16777216"):
        lc.simulate(account_of(10), TRACE, schedule, counters="atomic")


@pytest.mark.parametrize(
    ("switches", "argument"),
    [
        ({"rps_window": "sliding"}, "profile.rps_window"),
        ({"rps_window": "bucket"}, "profile.rps_window"),
        ({"rps_window_length": 1e-9}, "profile.rps_window_length"),
        ({"rps_per_concurrency": 2**28}, "profile.rps_per_concurrency"),
    ],
)
def test_what_one_word_cannot_count_is_refused_with_the_switch_named(switches, argument):
    account = account_of(10, rps_scope="documented", **switches)
    with pytest.raises(lc.ConfigurationError, match=f"^{argument}: ") as refused:
        lc.simulate(account, TRACE, counters="atomic")
    assert refused.value.argument == argument
    lc.simulate(account, TRACE)


@pytest.mark.parametrize("bad", ["atoms", "Atomic", None, 1, []])
def test_other_counters_are_refused_with_those_that_there_are(bad):
    with pytest.raises(lc.ConfigurationError, match="known: plain, atomic") as refused:
        lc.simulate(account_of(10), TRACE, counters=bad)
    assert refused.value.argument == "counters"
