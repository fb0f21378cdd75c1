"""The engine equals the reference model, invocation by invocation (G5 in docs/rules.md).

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
    as_reference,
    cases,
    reference_answers,
    reference_calls,
    reference_concurrency,
    reference_targets,
    reference_verdicts,
    schedules,
    traces,
)

#: Random traces of a run, beside those of hypothesis; `make release-check` takes a million.
TRACES = int(os.environ.get("LAMBDACORE_TRACES", "10000"))
NS = 1e-9


def assert_equal_to_reference(account, trace, schedule=None):
    """Answers to calls, and outcomes, causes and times of every invocation, are the model's."""
    result = lc.simulate(account, trace, schedule)
    verdicts = reference_verdicts(account, trace, schedule)
    assert [lc.Outcome(code).name for code in result.outcome] == [v.outcome for v in verdicts]
    assert result.completions().tolist() == [v.end for v in verdicts]
    expected = reference_answers(as_reference(account), reference_calls(account, schedule))
    for answer, (code, message) in zip(result.answers, expected, strict=True):
        assert answer.aws_code == code, answer
        # The model leaves out messages that hold the name of a resource.
        assert message is None or answer.aws_message == message
    return result, verdicts


def assert_series_equal_to_reference(account, trace, period, schedule=None):
    """Concurrency in bins, by function and for the Region, is that of the reference model."""
    result, verdicts = assert_equal_to_reference(account, trace, schedule)
    of_label = [function for function, _ in reference_targets(account, trace)]
    functions = [of_label[index] for index in trace.function.tolist()]
    by_function, region = reference_concurrency(verdicts, functions, len(account), period)
    assert result.concurrency(period * NS).tolist() == by_function
    assert result.concurrency(period * NS, account=True).tolist() == region


@given(cases(), st.integers(1, 9))
@settings(max_examples=1_000, deadline=None, derandomize=True)
def test_every_outcome_time_and_bin_equals_the_reference_model(case, period):
    """G5, and every rule of docs/rules.md on time, admission, pools, scaling, environments."""
    assert_series_equal_to_reference(*case, period)


@given(st.data(), st.integers(1, 9))
@settings(max_examples=1_000, deadline=None, derandomize=True)
def test_changes_in_mid_run_equal_the_reference_model(data, period):
    """G5 with schedules: rules 1.9 to 1.13 and 3.11 to 3.19, invocations by version and alias."""
    account, trace = data.draw(cases(qualified=True))
    switches = {
        "overhang": data.draw(st.sampled_from(["keep_and_claim", "ignore"])),
        "hard_account_cap": data.draw(st.sampled_from(["on", "off"])),
        "config_delay": data.draw(st.integers(0, 4)) * NS,
    }
    account = account.replace(profile=account.profile.replace(**switches))
    schedule = data.draw(schedules(account))
    assert_series_equal_to_reference(account, trace, period, schedule)


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


def random_function(rng, name):
    """A function with versions, an alias, a reservation and provisioned concurrency, or without."""
    versions = int(rng.integers(0, 3))
    # An alias may point to $LATEST, which can have no provisioned concurrency.
    aliases = {"live": int(rng.integers(rng.random() > 0.1, versions + 1))} if versions else {}
    reserved = None if rng.random() < 0.5 else int(rng.integers(0, 6))
    room = 9 if reserved is None else reserved
    provisioned, taken = {}, set()
    for qualifier in rng.permutation([str(v + 1) for v in range(versions)] + list(aliases)):
        version = aliases.get(qualifier) if qualifier in aliases else int(qualifier)
        if version and version not in taken and room and rng.random() < 0.5:
            provisioned[str(qualifier)] = int(rng.integers(1, min(room, 3) + 1))
            room -= provisioned[str(qualifier)]
            taken.add(version)
    return lc.Function(
        name,
        reserved_concurrency=reserved,
        versions=versions,
        aliases=aliases,
        provisioned_concurrency=provisioned or None,
        init_duration=float(rng.integers(0, 1 + int(rng.choice([1, 10, 1_000])))) * NS,
        idle_timeout=float(rng.choice([0, 3, 20, 1_000, math.inf])) * NS,
    )


def random_profile(rng):
    def word(*options):
        return str(rng.choice(options))

    return lc.Profile(
        "random",
        environments=word("on", "on", "on", "on", "on", "off"),
        scaling=word("bucket", "bucket", "step10", "sliding10", "legacy", "off"),
        scaling_burst=int(rng.integers(0, 6)),
        scaling_rate=1e9 / int(rng.choice([1, 2, 5, 20, 1_000])),
        scaling_window=int(rng.choice([1, 5, 30, 500])) * NS,
        rps_scope=word("off", "documented", "partitioned"),
        rps_per_concurrency=int(rng.integers(0, 4)) if rng.random() < 0.9 else 10,
        rps_window=word("tumbling", "sliding", "bucket"),
        rps_counts=word("admitted", "all"),
        rps_window_length=int(rng.choice([1, 3, 10, 100])) * NS,
        rps_burst=int(rng.choice([0, 1, 5, 50])) * NS,
        rps_ramp=word("off", "off", "level"),
        rps_ramp_burst=int(rng.integers(0, 5)),
        rps_ramp_rate=1e9 / int(rng.choice([1, 3, 20])),
        pc_rps_excess=word("spill", "throttle"),
        pc_claim=word("requested", "allocated"),
        pc_prep_s=int(rng.choice([0, 2, 20])) * NS,
        pc_ramp_rate=1e9 / int(rng.choice([1, 3, 10])),
        pc_ramp_burst=None if rng.random() < 0.6 else int(rng.integers(0, 4)),
        overhang=word("keep_and_claim", "ignore"),
        hard_account_cap=word("on", "off"),
        config_delay=int(rng.choice([0, 0, 0, 4])) * NS,
    )


def random_schedule(rng, functions, limit, last):
    schedule = lc.Schedule()
    for at in np.sort(rng.integers(0, last + 2, int(rng.integers(1, 9)))).tolist():
        name = f"f{rng.integers(0, functions)}"
        qualifier = str(rng.choice(["1", "2", "live", "live", "$LATEST"]))
        match int(rng.integers(0, 7)):
            case 0:
                limit = int(rng.integers(0, limit + 5))
                schedule = schedule.set_concurrency_limit(at, limit)
            case 1:
                schedule = schedule.put_function_concurrency(at, name, int(rng.integers(0, 6)))
            case 2:
                schedule = schedule.delete_function_concurrency(at, name)
            case 3 | 4:
                value = int(rng.integers(0, 5))
                schedule = schedule.put_provisioned_concurrency_config(at, name, qualifier, value)
            case 5:
                schedule = schedule.delete_provisioned_concurrency_config(at, name, qualifier)
            case _:
                schedule = schedule.update_alias(at, name, "live", int(rng.integers(0, 3)))
    return schedule


def random_case(rng):
    """An account, a trace of 1 to 120 invocations, crowded or sparse, and perhaps a schedule."""
    names = [f"f{i}" for i in range(int(rng.integers(1, 5)))]
    functions = [random_function(rng, name) for name in names]
    labels = [
        label
        for f in functions
        for label in (
            f.name,
            *(f"{f.name}:{version + 1}" for version in range(f.versions)),
            *(f"{f.name}:{alias}" for alias in f.aliases),
            *([f"{f.name}:$LATEST"] if rng.random() < 0.3 else []),
        )
    ]
    n = int(rng.integers(1, 121))
    last = int(rng.choice([5, 40, 400, 10**6]))
    longest = int(rng.choice([0, 3, 30, 10**5]))
    trace = lc.Trace(
        arrival=rng.integers(0, last + 1, n),
        function=rng.integers(0, len(labels), n),
        duration=rng.integers(0, longest + 1, n),
        functions=labels,
    )
    unlimited = lc.Account(10**6, functions, unreserved_floor=0, profile=random_profile(rng))
    limit = 10**6 - unlimited.unreserved_concurrency + int(rng.integers(0, 7))
    account = unlimited.replace(concurrency_limit=limit)
    schedule = random_schedule(rng, len(names), limit, last) if rng.random() < 0.6 else None
    return account, trace, schedule


@pytest.mark.parametrize("part", range(4))
def test_ten_thousand_random_traces_equal_the_reference_model(part):
    """G5 in volume: verdicts, causes, times and answers, all features and changes mixed."""
    rng = np.random.default_rng([2026, part])
    seen = set()
    refused = set()
    for _ in range(TRACES // 4):
        result, _ = assert_equal_to_reference(*random_case(rng))
        seen |= set(result.outcome.tolist())
        refused |= {answer.aws_code for answer in result.answers}
    # The cases reach every outcome and refusal there is, or the comparison would prove little.
    assert seen == set(lc.Outcome) - {lc.Outcome.CALLER_RATE}
    assert refused == {
        None,
        "InvalidParameterValueException",
        "ResourceConflictException",
        "ResourceNotFoundException",
        "ValidationException",
    }


def test_a_long_trace_equals_the_plain_heap_calendar():
    """The wheel gives the bytes of the plain event loop, at a size the model is too slow for."""
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
    heap = lc.simulate(account, trace, engine="heap")
    assert result.outcome.tobytes() == heap.outcome.tobytes()
    assert len(set(heap.outcome.tolist())) >= 5
