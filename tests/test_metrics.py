"""Points of CloudWatch's metrics where calls are throttled or absent (section 10 of the rules)."""

import numpy as np
import pytest

import lambdacore as lc

NAN = np.nan


@pytest.fixture
def blocked_then_silent():
    """Two minutes of calls that reserved 0 throttles, a silent one, and one with a call of b."""
    trace = lc.Trace([0.0, 1.0, 65.0, 185.0], ["a", "a", "a", "b"], 1.0)
    return lc.simulate(lc.Account.for_trace(trace, reserve={"a": 0}), trace)


def test_a_minute_in_which_all_was_throttled_has_points_and_they_are_zero(blocked_then_silent):
    """Throttled calls are no invocations, but they are traffic: zeros, not gaps."""

    def points(name):
        return blocked_then_silent.metric(name, function="a").tolist()[:2]

    assert points("Throttles") == [2, 1]
    assert points("Invocations") == [0, 0]
    assert points("ConcurrentExecutions") == [0, 0]
    # What was never run has no length.
    np.testing.assert_array_equal(points("Duration"), [NAN, NAN])


def test_a_silent_minute_has_no_points(blocked_then_silent):
    for name in ("Throttles", "Invocations", "ConcurrentExecutions", "Duration"):
        assert np.isnan(blocked_then_silent.metric(name, function="a")[2:]).all(), name
        assert np.isnan(blocked_then_silent.metric(name)[2]), name


def test_the_region_has_the_points_of_its_functions_together(blocked_then_silent):
    expected = {
        "Throttles": [2, 1, NAN, 0],
        "Invocations": [0, 0, NAN, 1],
        "ConcurrentExecutions": [0, 0, NAN, 1],
        "UnreservedConcurrentExecutions": [0, 0, NAN, 1],
        "ClaimedAccountConcurrency": [0, 0, NAN, 1],
        "Duration": [NAN, NAN, NAN, 1_000],
    }
    for name, points in expected.items():
        np.testing.assert_array_equal(blocked_then_silent.metric(name), points, err_msg=name)


@pytest.mark.parametrize("profile", ["pure-pools", "pools-2026"])
@pytest.mark.parametrize("period", [1.0, 7.0])
def test_peaks_of_a_long_run_are_those_of_its_sorted_ends(profile, period):
    """Long traces are recorded a window of rows at a time; each bin's maximum is by definition."""
    draws = np.random.default_rng(5)
    count = 30_000
    # Whole milliseconds, so that ends meet arrivals and edges; some runs take no time at all.
    arrival = np.sort(draws.integers(0, 60_000, count)) * 1_000_000
    duration = draws.integers(0, 3_000, count) * (draws.random(count) > 0.1) * 1_000_000
    names = [f"f{i}" for i in range(5)]
    trace = lc.Trace(
        arrival=arrival, function=draws.integers(0, 5, count).astype(np.uint32),
        duration=duration, functions=names,
    )  # fmt: skip
    account = lc.Account.for_trace(
        trace, 700, reserve={"f1": 60}, profile=lc.Profile.named(profile), init_duration=0.3,
        unreserved_floor=0,
    )  # fmt: skip
    result = lc.simulate(account, trace)
    held = ~result.throttled
    assert 0.05 < held.mean() < 1
    starts, ends = trace.arrival[held], result.completions()[held]
    function = trace.function[held]
    found = result.concurrency(period)
    for row in range(5):
        own = function == row
        expected = _peaks(starts[own], ends[own], round(period * 1e9), found.shape[1])
        assert found[row].tolist() == expected


def _peaks(starts, ends, period, bins):
    """Maxima by bin: at each beginning those that began up to it, less those that had ended."""
    order = np.sort(ends)
    peaks = []
    for first in range(0, bins * period, period):
        peak = int(np.searchsorted(starts, first) - np.searchsorted(order, first, side="right"))
        within = np.flatnonzero((starts >= first) & (starts < first + period))
        # Of one instant, a run that takes no time has ended before the next begins.
        for at in within:
            still = ends[:at] > starts[at]
            peak = max(peak, int(still.sum()) + 1)
        peaks.append(max(peak, 0))
    return peaks
