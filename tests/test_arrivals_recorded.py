"""Recorded arrivals, counts by bin, and calls at the times of a cron expression."""

import datetime as dt
import math

import numpy as np
import pytest
from scipy import stats

import lambdacore as lc

S = 1_000_000_000
N = 2_000


def sample(process, horizon, seed=1, **values):
    duration = None if process.brings_durations else 0.0
    return lc.Workload({"f": lc.Stream(process, duration)}).sample(horizon, seed, **values)


def arrivals(process, horizon, seed=1, **values):
    return sample(process, horizon, seed, **values).arrival


def numbers(process, horizon, replications=N):
    workload = lc.Workload({"f": lc.Stream(process)})
    return np.array([len(workload.sample(horizon, 5, replication=r)) for r in range(replications)])


#: 100 s: a burst of 20 calls, 25 ms apart, every 10 s; the durations say which call each is.
BURSTS = np.array([(10_000 * i + 25 * j) * 10**6 for i in range(10) for j in range(20)])
ROWS = np.arange(200)


def bursts(**values):
    return lc.Recorded(BURSTS, ROWS, 100.0, **values)


# The record as it is


def test_without_blocks_the_record_is_played_as_it_is_over_and_over():
    trace = sample(bursts(), 250)
    turns = np.concatenate([BURSTS, BURSTS + 100 * S, BURSTS + 200 * S])
    assert trace.arrival.tolist() == turns[turns < 250 * S].tolist()
    assert trace.duration.tolist() == np.tile(ROWS, 3)[: len(trace)].tolist()
    assert sample(bursts(), 250, seed=2, replication=3).digest() == trace.digest()


def test_without_a_span_a_record_ends_just_after_its_last_call():
    record = lc.Recorded(np.array([5, 7, 9]), np.array([1, 2, 3]))
    assert record.span == 10e-9
    assert arrivals(record, 25e-9).tolist() == [5, 7, 9, 15, 17, 19]


def test_a_function_of_a_trace_is_a_record_from_the_first_call_of_the_trace_on():
    trace = lc.Trace([5.0, 6.0, 8.0], ["a", "b", "a"], [0.1, 0.2, 0.3])
    record = lc.Recorded.from_trace(trace, "b")
    assert (record.arrival.tolist(), record.duration.tolist()) == ([S], [S // 5])
    assert record.span == pytest.approx(3 + 1e-9, abs=1e-12)
    alone = lc.Recorded.from_trace(lc.Trace([5.0, 6.0], "a", 0.1), span=4.0)
    assert arrivals(alone, 8).tolist() == [0, S, 4 * S, 5 * S]


def test_a_record_without_durations_takes_those_of_the_stream():
    trace = sample(lc.Recorded(BURSTS, span=100.0), 100)
    assert set(trace.duration.tolist()) == {0}
    with pytest.raises(lc.ConfigurationError, match="duration"):
        lc.Stream(lc.Recorded(BURSTS))


def test_a_duration_of_the_stream_replaces_the_recorded_ones():
    trace = lc.Workload({"f": lc.Stream(bursts(), 0.25)}).sample(100, 1)
    assert set(trace.duration.tolist()) == {S // 4}


def test_an_empty_record_is_silence():
    assert len(arrivals(lc.Recorded(np.array([], dtype=int), span=5.0), 100)) == 0


# Blocks


@pytest.mark.parametrize("block", [1.0, 7.0, 10.0, 100.0])
def test_blocks_bring_as_many_calls_as_the_record_in_the_mean(block):
    """Exact at any time, for the circle has no end; in whole blocks they are independent."""
    found = numbers(bursts(block=block), 14.0)
    assert abs(found.mean() - 28) < 5 * found.std() / math.sqrt(N)
    assert found.std() > 1 or block == 100.0


@pytest.mark.parametrize("block", [2.0, 33.3])
def test_a_block_is_a_stretch_of_the_record_closed_to_a_circle(block):
    trace = sample(bursts(block=block), 2000)
    length = round(block * S)
    assert set(np.unique(trace.duration)) == set(ROWS)
    starts = []
    for number in range(2000 * S // length):
        rows = np.flatnonzero(trace.arrival // length == number)
        if len(rows):
            # Each call says where the block began; all say the same.
            after = trace.arrival[rows] - number * length
            begins = (BURSTS[trace.duration[rows]] - after) % (100 * S)
            assert len(set(begins.tolist())) == 1
            at = (BURSTS - begins[0]) % (100 * S)
            assert len(rows) == (at < length).sum()
            starts.append(begins[0] / (100 * S))
    assert len(set(starts)) == len(starts)


def test_blocks_begin_anywhere_alike():
    """On the beginnings of blocks of the whole record, which the first call gives."""
    first = [sample(bursts(block=100.0), 20, replication=r) for r in range(N)]
    starts = [(BURSTS[t.duration[0]] - t.arrival[0]) % (100 * S) / (100 * S) for t in first]
    assert stats.kstest(starts, stats.uniform().cdf).pvalue > 1e-4


# What more traffic means


def relative_variance(found):
    return found.var(ddof=1) / found.mean() ** 2


def test_more_users_even_bursts_out():
    """So many independent records: the relative variance of a count falls as one over them. 2,000
    replications know a variance to 6 % or so here.
    """
    alone = numbers(bursts(block=10.0), 1.0)
    for users in (4, 16):
        found = numbers(bursts(block=10.0, scale=users, scale_as="users"), 1.0)
        assert abs(found.mean() - 2 * users) < 5 * found.std() / math.sqrt(N)
        assert relative_variance(alone) / relative_variance(found) == pytest.approx(users, rel=0.3)


def test_a_stretched_record_keeps_its_bursts():
    """Over the seconds of 2,000 blocks: as many times as many calls, as unevenly as before."""

    def in_seconds(**values):
        at = arrivals(bursts(block=10.0, **values), 20_000)
        return np.bincount(at // S, minlength=20_000)

    alone = in_seconds()
    for times in (4, 16):
        found = in_seconds(scale=times, scale_as="stretched")
        assert found.sum() == pytest.approx(times * alone.sum(), rel=0.01)
        # A little evens out where a block begins between two calls.
        assert relative_variance(alone) / relative_variance(found) == pytest.approx(1, rel=0.2)
        evened = in_seconds(scale=times, scale_as="users")
        assert relative_variance(alone) / relative_variance(evened) > 0.8 * times


def test_a_faster_clock_brings_the_same_calls_in_less_time():
    trace = sample(bursts(scale=4.0, scale_as="faster"), 50)
    turns = np.concatenate([BURSTS // 4, BURSTS // 4 + 25 * S])
    assert trace.arrival.tolist() == turns.tolist()
    assert trace.duration.tolist() == [*ROWS, *ROWS]


def test_a_slower_clock_takes_longer():
    trace = sample(bursts(scale=0.5, scale_as="faster"), 200)
    assert trace.arrival.tolist() == (2 * BURSTS).tolist()


def test_a_stretched_call_is_spread_until_the_next_one():
    record = lc.Recorded([0.0, 1.0, 4.0], [0.1, 0.2, 0.3], 6.0, None, 2.0, "stretched")
    trace = sample(record, 6)
    assert trace.arrival.tolist() == [0, S // 2, S, 5 * S // 2, 4 * S, 5 * S]
    tenths = [1, 1, 2, 2, 3, 3]
    assert trace.duration.tolist() == [tenth * S // 10 for tenth in tenths]


@pytest.mark.parametrize("scale", [0.25, 0.5, 1.5, 2.75])
@pytest.mark.parametrize("scale_as", ["users", "faster", "stretched"])
@pytest.mark.parametrize("block", [None, 5.0])
def test_a_scale_need_not_be_whole(scale, scale_as, block):
    """Mean counts; and every call is one of the record, with its own duration."""
    process = bursts(block=block, scale=scale, scale_as=scale_as)
    found = numbers(process, 200.0, replications=300)
    error = 5 * found.std() / math.sqrt(300)
    assert abs(found.mean() - 400 * scale) <= error + (400 * 0.01 if block is None else 0)
    assert lc.Workload({"f": lc.Stream(process)}).expected_calls(200) == pytest.approx(400 * scale)
    trace = sample(process, 200.0)
    assert set(trace.duration.tolist()) <= set(ROWS.tolist())
    if block is None and scale_as == "users":
        # Each user at a time of their own: in a turn, all calls of one are as late.
        late = (trace.arrival - BURSTS[np.searchsorted(ROWS, trace.duration)]) % (100 * S)
        assert len(np.unique(late)) == math.ceil(scale)
        assert 0 in late or scale < 1


# Counts


def test_counts_are_exact_in_each_bin():
    given = [30, 0, 500, 7]
    for within in ("uniform", "even", "start"):
        at = arrivals(lc.Counts(given, 3.0, within), 100)
        assert np.bincount(at // (3 * S), minlength=4).tolist() == given
    assert arrivals(lc.Counts([2, 1], 3.0, "start"), 100).tolist() == [0, 0, 3 * S]
    assert arrivals(lc.Counts([2, 1], 4.0, "even"), 100).tolist() == [S, 3 * S, 6 * S]
    assert arrivals(lc.Counts([2, 3], 4.0, "even"), 5).tolist() == [S, 3 * S, 4 * S + 666_666_666]


def test_calls_within_a_bin_lie_anywhere_alike():
    at = arrivals(lc.Counts([20_000, 20_000], 60.0), 120) % (60 * S) / (60 * S)
    assert stats.kstest(at, stats.uniform().cdf).pvalue > 1e-4


# Cron


def dates(expression, days, start="2026-01-05", **values):
    zero = dt.datetime.fromisoformat(start)
    at = arrivals(lc.Cron(expression, start), days * 86_400, **values)
    return [(zero + dt.timedelta(seconds=t / 1e9)).strftime("%m-%d %H:%M") for t in at.tolist()]


HOURLY = [f"01-05 {hour:02}:00" for hour in range(24)]


@pytest.mark.parametrize(
    ("expression", "days", "start", "expected"),
    [
        ("0 * * * *", 1, "2026-01-05", HOURLY),
        ("0 0-23 * * *", 1, "2026-01-05", HOURLY),
        ("0 */1 * * *", 1, "2026-01-05", HOURLY),
        ("*/20 4 * * *", 1, "2026-01-05", ["01-05 04:00", "01-05 04:20", "01-05 04:40"]),
        ("10-50/20 4 * * *", 1, "2026-01-05", ["01-05 04:10", "01-05 04:30", "01-05 04:50"]),
        ("0 9-11 * * *", 1, "2026-01-05", ["01-05 09:00", "01-05 10:00", "01-05 11:00"]),
        ("59,0,30 4 * * *", 1, "2026-01-05", ["01-05 04:00", "01-05 04:30", "01-05 04:59"]),
        ("5,10-12 0 * * *", 1, "2026-01-05", [f"01-05 00:{m:02}" for m in (5, 10, 11, 12)]),
        ("30 2 * * 1-5", 7, "2026-01-05", [f"01-{d:02} 02:30" for d in range(5, 10)]),
        # Sunday is 0 and 7; the 11th is one.
        ("0 0 * * 0", 14, "2026-01-05", ["01-11 00:00", "01-18 00:00"]),
        ("0 0 * * 7", 14, "2026-01-05", ["01-11 00:00", "01-18 00:00"]),
        ("0 0 * * 5-7", 7, "2026-01-05", ["01-09 00:00", "01-10 00:00", "01-11 00:00"]),
        # Day of month or day of week: the 13th, and Fridays (9, 16).
        ("0 0 13 * 5", 14, "2026-01-05", ["01-09 00:00", "01-13 00:00", "01-16 00:00"]),
        # One of them with *: the other alone.
        ("0 0 13 * *", 14, "2026-01-05", ["01-13 00:00"]),
        ("0 0 * 2 1", 40, "2026-01-05", ["02-02 00:00", "02-09 00:00"]),
        # Ends of months, and days that few years have.
        ("0 0 31 * *", 120, "2026-01-05", ["01-31 00:00", "03-31 00:00"]),
        ("0 0 29 2 *", 1500, "2026-01-05", ["02-29 00:00"]),
        ("0 0 30 2 *", 1500, "2026-01-05", []),
        ("59 23 31 12 *", 366, "2026-01-05", ["12-31 23:59"]),
        ("0 0 1 */3 *", 365, "2026-01-05", [f"{m}-01 00:00" for m in ("04", "07", "10", "01")]),
        # From the middle of a day and of a minute on.
        ("30 12 * * *", 2, "2026-01-05T12:30:00", ["01-05 12:30", "01-06 12:30"]),
        ("30 12 * * *", 2, "2026-01-05T12:30:01", ["01-06 12:30", "01-07 12:30"]),
    ],
)
def test_cron_comes_on_the_dates_listed_by_hand(expression, days, start, expected):
    assert dates(expression, days, start) == expected


def test_cron_of_a_warm_up_goes_on_before_time_zero():
    at = arrivals(lc.Cron("0 * * * *"), 3600, warm_up=7200)
    assert at.tolist() == [0, 3600 * S, 7200 * S]


def test_cron_counts_and_jitters_after_the_minute():
    at = arrivals(lc.Cron("*/10 * * * *", count=300, jitter=30), 3600)
    assert np.bincount(at // (600 * S)).tolist() == [300] * 6
    assert stats.kstest(at % (600 * S) / (30 * S), stats.uniform().cdf).pvalue > 1e-4


def test_a_start_of_a_zone_is_taken_to_utc():
    zone = dt.timezone(dt.timedelta(hours=2))
    start = dt.datetime(2026, 1, 5, 1, 30, tzinfo=zone)
    assert lc.Cron("0 0 * * *", start).start == "2026-01-04T23:30:00"
    assert lc.Cron("0 0 * * *", "2026-01-05T01:30+02:00") == lc.Cron("0 0 * * *", start)


@pytest.mark.parametrize(
    "expression",
    ["", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *",
     "* * * 13 *", "* * * 0 *", "* * * * 8", "-1 * * * *", "5-1 * * * *", "*/0 * * * *",
     "a * * * *", "*/ * * * *", "1,,2 * * * *", "1.5 * * * *", "* * * JAN *", "@daily", None, 5,
     "-5 * * * *", "5/-1 * * * *", "*/x * * * *", "1-2-3 * * * *", ", * * * *"],
)  # fmt: skip
def test_a_bad_expression_is_refused(expression):
    with pytest.raises(lc.ConfigurationError) as caught:
        lc.Cron(expression)
    assert caught.value.argument == "expression"


NAN, INF = math.nan, math.inf
REFUSED = [
    (lambda: bursts(scale=2.0), "scale_as"),
    (lambda: bursts(scale=2.0, scale_as="user"), "scale_as"),
    *((lambda bad=bad: bursts(scale=bad, scale_as="users"), "scale")
      for bad in (0, -1, NAN, INF, 1e7, 1e-7, "x", True)),
    *((lambda bad=bad: bursts(block=bad), "block") for bad in (0, -1, NAN, 1e-7, 100.1)),
    (lambda: lc.Recorded([1.0, 0.5]), "arrival"),
    (lambda: lc.Recorded([1.0], [0.1, 0.2]), "duration"),
    (lambda: lc.Recorded(np.array([1]), np.array([2**60])), "duration"),
    *((lambda bad=bad: lc.Recorded([1.0], span=bad), "span") for bad in (1.0, 0, -1, NAN, 0.5)),
    (lambda: lc.Recorded.from_trace(lc.Trace([1, 2], ["a", "b"], 1)), "function"),
    (lambda: lc.Recorded.from_trace(lc.Trace([1, 2], ["a", "b"], 1), "c"), "function"),
    (lambda: lc.Counts([-1]), "counts"),
    (lambda: lc.Counts([2**31]), "counts"),
    (lambda: lc.Counts([1.5]), "counts"),
    (lambda: lc.Counts([[1]]), "counts"),
    (lambda: lc.Counts([1], 0), "period"),
    (lambda: lc.Counts([1], 1.0, "middle"), "within"),
    (lambda: lc.Cron("* * * * *", "tomorrow"), "start"),
    (lambda: lc.Cron("* * * * *", 5), "start"),
    (lambda: lc.Cron("* * * * *", count=0), "count"),
    (lambda: lc.Cron("* * * * *", jitter=-1), "jitter"),
    (lambda: arrivals(lc.Cron("* * * * *", "9999-12-01"), 86_400 * 40), "horizon"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_what_no_record_can_have_is_refused_by_name(case):
    make, argument = REFUSED[case]
    with pytest.raises(lc.ConfigurationError) as caught:
        make()
    assert caught.value.argument == argument


@pytest.mark.parametrize("times", [[-1.0], [NAN], [INF], ["x"], [[1.0]], 1.0])
def test_times_that_are_none_are_refused_as_those_of_a_trace(times):
    with pytest.raises(lc.TraceError) as caught:
        lc.Recorded(times)
    assert caught.value.argument == "arrival"
