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
