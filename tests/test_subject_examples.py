"""The examples with which AWS's documentation explains concurrency, one test each.

The rules that they cite are those of docs/rules.md.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

import lambdacore as lc


def at_once(**calls):
    """Make a trace of so many calls a function, all at time zero, that run for a minute."""
    functions = [name for name, count in calls.items() for _ in range(count)]
    return lc.Trace(arrival=[0.0] * len(functions), function=functions, duration=60.0)


def admitted(result, function):
    return int(result.invocations(60, function=function).sum())


def throttled(result, function, cause=None):
    return int(result.throttles(60, function=function, cause=cause).sum())


def test_a_uses_nine_hundred_of_a_thousand_and_b_finds_a_hundred():
    """Rule 1.1: functions without a reservation share the pool, first come, first served."""
    trace = at_once(a=900, b=250)
    result = lc.simulate(lc.Account.for_trace(trace), trace)
    assert (admitted(result, "a"), admitted(result, "b")) == (900, 100)
    assert throttled(result, "b", lc.Outcome.UNRESERVED_CONCURRENCY) == 150


def test_two_hundred_reserved_are_guaranteed_whatever_the_others_do():
    """Rule 2.1: no other function may use the reservation, even while it is idle."""
    trace = at_once(greedy=5_000, critical=200)
    result = lc.simulate(lc.Account.for_trace(trace, reserve={"critical": 200}), trace)
    assert (admitted(result, "greedy"), admitted(result, "critical")) == (800, 200)


def test_two_hundred_reserved_are_never_exceeded_by_their_function():
    """Rule 2.2: the reservation is a cap as well, though the account is idle."""
    trace = at_once(critical=300)
    result = lc.simulate(lc.Account.for_trace(trace, reserve={"critical": 200}), trace)
    assert admitted(result, "critical") == 200
    assert throttled(result, "critical", lc.Outcome.RESERVED_CONCURRENCY) == 100


def test_reserved_one_hundred_admits_one_hundred_and_throttles_the_next():
    """Rule 2.2 at its edge: the 101st is refused, and as soon as one ends it would not be."""
    arrivals = [0.0] * 101 + [60.0]
    trace = lc.Trace(arrival=arrivals, function="f", duration=60.0)
    result = lc.simulate(lc.Account.for_trace(trace, reserve={"f": 100}), trace)
    assert not (result.outcome[:100] >= 16).any()
    assert result.outcome[100] == lc.Outcome.RESERVED_CONCURRENCY
    assert result.outcome[101] == lc.Outcome.WARM


def test_a_reservation_of_two_limits_parallelism_to_two():
    """Rule 2.2 as people use it: a slow downstream that stands two callers."""
    trace = lc.Trace(
        arrival=[0.0, 0.1, 0.2, 1.0, 1.05, 1.3, 1.4],
        function="to_database",
        duration=1.0,
    )
    result = lc.simulate(lc.Account.for_trace(trace, reserve={"to_database": 2}), trace)
    assert result.concurrency(0.05).max() == 2
    assert (result.outcome >= 16).tolist() == [False, False, True, False, True, False, True]
