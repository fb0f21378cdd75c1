"""The live controller decides as a simulation whose traffic is the calls (P3, P4, P6)."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import lambdacore as lc

POOLS = lc.Profile.named("pure-pools").replace(pc_prep_s=0.0, pc_ramp_rate=1e9)


def controller(limit=10, functions=None, *, clock=None, **switches):
    if functions is None:
        functions = [
            lc.Function("checkout", reserved_concurrency=2),
            lc.Function("reports"),
            lc.Function("spills", provisioned_concurrency=1),
        ]
    profile = POOLS.replace(**switches)
    account = lc.Account(limit, functions, unreserved_floor=0, profile=profile)
    return lc.AdmissionController(account, clock=clock)


#: Nanoseconds of a tick: a window of request rates is a few.
TICK = 2**26
LABELS = ["checkout", "reports", "spills", "spills:live", "spills:$LATEST"]
GAP = st.integers(0, 3)
VALUE = st.integers(0, 5)
EVENT = st.one_of(
    *[st.tuples(GAP, st.just("call"), st.sampled_from(LABELS), st.integers(0, 12))] * 4,
    st.tuples(GAP, st.just("limit"), st.none(), st.integers(0, 12)),
    st.tuples(GAP, st.just("reserve"), st.sampled_from(LABELS[:2]), st.none() | VALUE),
    st.tuples(GAP, st.just("provision"), st.sampled_from(LABELS[2:]), VALUE),
)
SWITCHES = st.fixed_dictionaries(
    {
        "rps_scope": st.sampled_from(["off", "documented", "partitioned"]),
        "rps_counts": st.sampled_from(["admitted", "all"]),
        "rps_per_concurrency": st.integers(1, 2),
        "pc_rps_excess": st.sampled_from(["spill", "throttle"]),
        "overhang": st.sampled_from(["keep_and_claim", "ignore"]),
        "hard_account_cap": st.sampled_from(["on", "off"]),
    }
)


def put(schedule, at, kind, label, value):
    """The call of the API that a change of the controller stands for."""
    if kind == "limit":
        return schedule.set_concurrency_limit(at, value)
    if kind == "reserve":
        if value is None:
            return schedule.delete_function_concurrency(at, label)
        return schedule.put_function_concurrency(at, label, value)
    name, _, qualifier = label.partition(":")
    qualifier = qualifier or "live"
    if value == 0:
        return schedule.delete_provisioned_concurrency_config(at, name, qualifier)
    return schedule.put_provisioned_concurrency_config(at, name, qualifier, value)


def change(live, kind, label, value):
    """AWS's error where the change is refused, else None."""
    try:
        if kind == "limit":
            live.set_concurrency_limit(value)
        elif kind == "reserve":
            live.set_reserved_concurrency(label, value)
        else:
            live.set_provisioned_concurrency(label, value)
    except lc.ConfigurationError as refused:
        return refused.aws_code, refused.aws_message
    return None, None


@given(st.lists(EVENT, max_size=50), st.integers(3, 8), SWITCHES, st.booleans())
@settings(max_examples=600)
def test_driven_by_a_schedule_in_one_thread_it_decides_as_the_simulation_does(
    events, limit, switches, by_clock
):
    """P3, P4, P6: every outcome and every answer to a change, with completions first, then
    changes, then calls at one instant.
    """
    now = 0
    # Rates of the process's clock cannot be foretold.
    if not by_clock:
        switches["rps_scope"] = "off"
    live = controller(
        limit,
        clock=(lambda: now) if by_clock else None,
        rps_window_length=4 * TICK / 1e9,
        **switches,
    )
    running, codes, rows, answers = [], [], [], []
    schedule, after_call = lc.Schedule(), True
    for gap, kind, label, value in events:
        is_call = kind == "call"
        # A change after a call of the same instant would come before it in a simulation.
        now += max(gap, int(not is_call and after_call)) * TICK
        after_call = is_call
        running.sort(key=lambda run: run[0])
        while running and running[0][0] <= now:
            running.pop(0)[1].release()
        if is_call:
            decided = live.try_acquire(label)
            codes.append(decided.outcome)
            rows.append((now, label, value * TICK))
            if decided:
                running.append((now + value * TICK, decided))
        else:
            schedule = put(schedule, now, kind, label, value)
            answers.append(change(live, kind, label, value))
            # In a simulation a provisioned environment takes a nanosecond at least.
            now += 16
    arrival, function, duration = zip(*rows, strict=True) if rows else ([], [], [])
    trace = lc.Trace(np.array(arrival, "i8"), list(function), np.array(duration, "i8"))
    result = lc.simulate(live.account, trace, schedule)
    assert result.outcome.tolist() == codes
    assert [(a.aws_code, a.aws_message) for a in result.answers] == answers
    for _, permit in running:
        permit.release()
    snapshot = live.snapshot()
    assert snapshot.in_use == 0
    admitted = sum(code < 16 for code in codes)
    assert sum(f.admitted for f in snapshot.functions) == admitted
    assert sum(f.throttled for f in snapshot.functions) == len(codes) - admitted


@given(st.lists(st.sampled_from(LABELS), max_size=40), st.booleans())
@settings(max_examples=200)
def test_a_batch_decides_as_one_call_after_the_other(labels, as_numbers):
    one_by_one, at_once = controller(), controller()
    held = [one_by_one.try_acquire(label) for label in labels]
    asked = at_once.targets(labels) if as_numbers else labels
    with at_once.try_acquire_many(asked) as permits:
        assert permits.outcome.tolist() == [decided.outcome for decided in held]
        assert permits.admitted == sum(map(bool, held))
        assert len(permits) == len(labels)
        assert at_once.snapshot() == one_by_one.snapshot()
    assert at_once.snapshot().in_use == 0
    assert permits.released
