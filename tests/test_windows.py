"""Windows of many arrivals with cold starts, reservations of zero, provisioned concurrency (G2)."""

import numpy as np
import pytest

import lambdacore as lc

OFF = lc.Profile(rps_scope="off", scaling="off")
#: Arrivals of a window.
WINDOW = 4096


@pytest.mark.parametrize("period", [None, 0.5])
@pytest.mark.parametrize("rps_scope", ["off", "documented"])
def test_statistics_of_windows_with_cold_starts_are_those_of_every_end_in_order(period, rps_scope):
    """With quantiles an ensemble is told of every end in order, so all else has to be equal."""
    profile = lc.Profile(
        rps_scope=rps_scope, rps_per_concurrency=100, init_duration=0.2, idle_timeout=1.0
    )
    functions = [lc.Function("f", idle_timeout=0.004), lc.Function("g", reserved_concurrency=30)]
    account = lc.Account(200, functions=functions, unreserved_floor=0, profile=profile)
    workload = lc.Workload(
        {"f": lc.Stream(60, lc.Exponential(0.1)), "g": lc.Stream(1_500, lc.Exponential(0.015))}
    )
    options = {"horizon": 30, "replications": 2, "rng": 5, "warm_up": 1.0, "period": period}
    in_windows = lc.monte_carlo(account, workload, **options)._statistics
    in_order = lc.monte_carlo(account, workload, quantiles=(0.5,), **options)._statistics
    assert (lc.monte_carlo(account, workload, **options).values("cold_starts", "f") > 500).all()
    trace = workload.sample(30, 5)
    assert lc.simulate(account, trace).engine.in_windows > 0.8 * len(trace)
    for name, values in in_windows.items():
        if name != "quantiles":
            np.testing.assert_array_equal(values, in_order[name], err_msg=name)


def test_attempts_count_while_a_reservation_is_zero():
    """Rules 5.4 and 5.7: all attempts count, whatever the reservation was then."""
    arrival = np.arange(20_000) * 10_000
    trace = lc.Trace(arrival, "f", np.full(len(arrival), 1_000))
    account = lc.Account.for_trace(
        trace,
        1_000,
        reserve={"f": 5},
        profile=lc.Profile(rps_counts="all", rps_per_concurrency=100),
    )
    second = 10**9
    # The second begins with attempts on a reservation of zero: 450 of 500 are used up then.
    rows = np.concatenate([arrival, second + np.arange(450) * 1_000, second + 10**6 + arrival])
    trace = lc.Trace(rows, "f", np.full(len(rows), 1_000))
    schedule = (
        lc.Schedule()
        .put_function_concurrency(second, "f", 0)
        .put_function_concurrency(second + 10**6, "f", 5)
    )
    results = {
        engine: lc.simulate(account, trace, schedule, engine=engine)
        for engine in ("heap", "stream")
    }
    assert results["stream"].outcome.tobytes() == results["heap"].outcome.tobytes()
    admitted = results["heap"].outcome[len(arrival) + 450 :] < 16
    assert admitted.sum() == 50


def test_very_many_functions_run_in_windows():
    names = [f"f{i}" for i in range(40_000)]
    rows = np.arange(100_000)
    trace = lc.Trace(rows * 10**6, rows % 40_000, np.full(100_000, 10**8), functions=names)
    account = lc.Account.for_trace(trace, 1_000, profile=lc.Profile.named("pure-pools"))
    assert lc.simulate(account, trace).engine.in_windows == 100_000


def test_few_calls_between_changes_of_routes_run_event_by_event():
    """A change of a reservation makes a window look up anew what each of many functions means."""
    names = [f"f{i}" for i in range(8_000)]
    rows = np.arange(60_000)
    trace = lc.Trace(rows * 10**6, rows % 8_000, np.full(60_000, 10**8), functions=names)
    account = lc.Account.for_trace(trace, 1_000, profile=lc.Profile.named("pure-pools"))
    schedule = lc.Schedule()
    for second in range(20, 40):
        schedule = schedule.put_function_concurrency(float(second), names[second], 1)
    auto, heap = (lc.simulate(account, trace, schedule, engine=on) for on in ("auto", "heap"))
    assert auto.outcome.tobytes() == heap.outcome.tobytes()
    # 1,000 calls between two changes, 8,000 functions.
    assert auto.engine.event_by_event >= 19_000
    assert auto.engine.in_windows >= 39_000
    assert auto.engine.reason == "few invocations at a time"


def test_with_provisioned_concurrency_all_runs_event_by_event_from_its_change_on():
    trace = lc.Trace(np.arange(50_000) * 10**6, "f", np.full(50_000, 10**7))
    function = lc.Function("f", versions=1)
    account = lc.Account(1_000, [function])
    schedule = lc.Schedule().put_provisioned_concurrency_config(20.0, "f", "1", 5)
    plain, heap = (lc.simulate(account, trace, schedule, engine=on) for on in ("auto", "heap"))
    assert plain.outcome.tobytes() == heap.outcome.tobytes()
    assert 20_000 - 2 * WINDOW < plain.engine.in_windows <= 20_000
    assert plain.engine.reason == "provisioned concurrency"


@pytest.mark.parametrize("profile", [lc.Profile.named("pure-pools"), OFF, lc.Profile()])
def test_light_traffic_and_what_is_all_throttled_run_event_by_event(profile):
    """Nothing has to be put in order there, so windows would only cost time."""
    light = lc.Trace(np.arange(100_000) * 10**9, "f", np.full(100_000, 10**8))
    first = np.arange(100_000) == 0
    busy = lc.Trace(np.arange(100_000) * 10**6, "f", np.where(first, 10**12, 10**9))
    for trace in (light, busy):
        account = lc.Account.for_trace(trace, 1, unreserved_floor=0, profile=profile)
        ran = lc.simulate(account, trace).engine
        # A window now and then, to see whether that has changed.
        assert ran.in_windows == 2 * WINDOW
        assert ran.reason == "hardly anything runs at a time, or is admitted"


def test_traffic_of_one_call_a_second_and_more_meets_no_rate():
    """Rule 5.1: a new second of the rate begins with nearly every call, and is nothing unusual."""
    for functions in (1, 20):
        names = [f"f{i}" for i in range(functions)]
        arrival = np.arange(50_000) * (10**9 // functions)
        which = np.arange(50_000) % functions
        trace = lc.Trace(arrival, which, np.full(50_000, 3 * 10**9), functions=names)
        for reserve in ({}, dict.fromkeys(names, 9)):
            account = lc.Account.for_trace(trace, 1_000, reserve=reserve)
            ran = lc.simulate(account, trace).engine
            assert (ran.in_windows, ran.reason) == (
                50_000 - WINDOW, "many cold starts, as at the beginning",
            )  # fmt: skip
