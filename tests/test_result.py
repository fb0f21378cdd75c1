"""Results: series in bins, metrics by AWS's names, tables, conversions, provenance."""

import json
import pickle

import numpy as np
import pytest

import lambdacore as lc
from lambdacore import _text

NAN = np.nan


@pytest.fixture
def minutes():
    """Three minutes: a burst on two reserved permits, a cold start across a minute's edge.

    `a` has 2 reserved; `b` shares. All inits take 5 s.
    """
    trace = lc.Trace(
        arrival=[0.0, 0.0, 1.0, 58.0, 60.0, 130.0],
        function=["a", "a", "a", "b", "a", "b"],
        duration=[10.0, 20.0, 1.0, 2.0, 0.0, 4.0],
    )
    account = lc.Account(
        100,
        [
            lc.Function("b"),
            lc.Function("unused"),
            lc.Function("a", reserved_concurrency=2),
        ],
        unreserved_floor=0,
        init_duration=5.0,
    )
    return lc.simulate(account, trace)


def test_rows_follow_the_account_and_bins_run_from_first_arrival_to_last_completion(minutes):
    """Rows in the order of account.functions; bins [k period, (k+1) period)."""
    assert minutes.bin_starts(60).tolist() == [0, 60 * 10**9, 120 * 10**9]
    assert minutes.throttles(60).tolist() == [[0, 0, 0], [0, 0, 0], [1, 0, 0]]
    assert minutes.invocations(60).tolist() == [[1, 0, 1], [0, 0, 0], [2, 1, 0]]
    assert minutes.cold_starts(60).tolist() == [[1, 0, 0], [0, 0, 0], [2, 0, 0]]


def test_concurrency_counts_init_and_what_is_carried_into_a_bin(minutes):
    """Rule 7.2: b's cold start of 58 s runs 5 + 2 s and so counts in the second minute too."""
    assert minutes.concurrency(60).tolist() == [[1, 1, 1], [0, 0, 0], [2, 1, 0]]
    assert minutes.concurrency(60, account=True).tolist() == [2, 2, 1]
    assert minutes.concurrency(60, function="a").tolist() == [2, 1, 0]


def test_a_call_of_length_zero_counts_at_its_instant():
    """Zero duration is legal and counts in the peak at its instant."""
    trace = lc.Trace([3, 3, 5], "f", [0, 0, 2])
    result = lc.simulate(lc.Account.for_trace(trace, 1, unreserved_floor=0), trace)
    assert result.concurrency(1e-9).tolist() == [[1, 0, 1, 1, 0]]


def test_a_long_silence_between_bursts_costs_nothing():
    """Bins without anything in flight are zero, and the level is right on both sides."""
    trace = lc.Trace([0, 10**17, 10**17 + 1], "f", [5, 2, 10**9])
    result = lc.simulate(lc.Account.for_trace(trace), trace)
    series = result.concurrency(1)[0]
    assert len(series) == 10**8 + 2
    assert series[[0, 1, 10**8 - 1, 10**8, 10**8 + 1]].tolist() == [1, 0, 0, 2, 1]


def test_what_ends_at_a_bins_start_does_not_count_in_it():
    trace = lc.Trace([0.0, 30.0], "f", [60.0, 29.0])
    result = lc.simulate(lc.Account.for_trace(trace), trace)
    assert result.concurrency(60).tolist() == [[2, 0]]


def test_an_epoch_trace_has_bins_from_its_first_arrival_only():
    start = np.datetime64("2026-11-23T09:00:30")
    trace = lc.Trace([start], "f", 1.0)
    result = lc.simulate(lc.Account.for_trace(trace), trace)
    assert result.bin_starts(60).view("M8[ns]").tolist() == [
        np.datetime64("2026-11-23T09:00", "ns").astype(int)
    ]


def test_series_are_computed_once_a_period_and_read_only(minutes):
    assert minutes.concurrency(60) is minutes.concurrency(60)
    for array in (minutes.outcome, minutes.concurrency(60), minutes.throttles(60)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_series_that_would_not_fit_is_refused_before_it_is_allocated():
    """G3: the error names the size and the knob; a MemoryError to those who catch it."""
    trace = lc.Trace([0.0, 1e6], "f", 1.0)
    result = lc.simulate(lc.Account.for_trace(trace), trace)
    for series in (result.concurrency, result.throttles, result.cold_starts):
        with pytest.raises(lc.SeriesSizeError, match=r"GiB.*longer period"):
            series(1e-6)
        with pytest.raises(MemoryError):
            series(1e-9)


def test_no_series_escapes_the_size_guard():
    trace = lc.Trace([0.0, 1e6], "f", 1.0)
    result = lc.simulate(lc.Account.for_trace(trace), trace)
    for call in (
        lambda: result.bin_starts(1e-6),
        lambda: result.metric("Duration", period=1e-6),
        lambda: result.metric("Throttles", period=1e-6),
        lambda: result.concurrency(1e-6, account=True),
        lambda: result.to_pandas(1e-2),
    ):
        with pytest.raises(lc.SeriesSizeError):
            call()


def test_the_region_of_many_functions_needs_no_row_for_each():
    """50,000 functions over two weeks of minutes: 20,161 numbers, not 7.5 GiB."""
    names = [f"f{i}" for i in range(50_000)]
    trace = lc.Trace([0.0, 14 * 86_400.0], [0, 49_999], 1.0, names)
    result = lc.simulate(lc.Account.for_trace(trace), trace)
    with pytest.raises(lc.SeriesSizeError, match="account=True"):
        result.throttles(60)
    assert result.metric("Invocations").shape == (20_161,)
    assert np.nansum(result.metric("Invocations")) == 2
    assert result.concurrency(60, account=True).max() == 1
    assert result.invocations(60, function="f49999").sum() == 1


def test_the_region_is_the_sum_of_counts_and_a_slice_is_the_function(minutes):
    for series in (minutes.throttles, minutes.invocations, minutes.cold_starts):
        assert series(60, account=True).tolist() == series(60).sum(axis=0).tolist()
        assert series(60, function="a").tolist() == series(60)[2].tolist()
    fresh = lc.Result(minutes.account, minutes.trace, minutes.outcome)
    fresh._series._all_at_once = lambda *_: False
    assert fresh.throttles(60, function="a").tolist() == minutes.throttles(60)[2].tolist()
    assert fresh.concurrency(60, function="a").tolist() == minutes.concurrency(60)[2].tolist()
    assert fresh.concurrency(60, account=True).tolist() == [2, 2, 1]


def test_what_is_kept_for_the_next_call_is_bounded(minutes, monkeypatch):
    from lambdacore import _series

    monkeypatch.setattr(_series, "KEPT_BYTES", 10_000)
    result = lc.Result(minutes.account, minutes.trace, minutes.outcome)
    for period in range(1, 100):
        result.concurrency(period)
    kept = sum(a.nbytes for arrays in result._series._kept.values() for a in arrays)
    assert kept <= 10_000


def test_a_trace_that_was_changed_by_force_gives_an_error_and_no_number():
    """The engine checks each row that it reads, across pieces too."""
    n = 200_000
    trace = lc.Trace(np.arange(n) * 1_000, "f", 500)
    result = lc.simulate(lc.Account.for_trace(trace), trace)
    trace.arrival.flags.writeable = True
    trace.arrival[65_536:65_600] = 0
    for call in (
        lambda: lc.simulate(result.account, trace),
        lambda: result.throttles(60),
        lambda: result.concurrency(60),
        lambda: result.summary(),
        lambda: lc.required_concurrency(trace),
    ):
        with pytest.raises(lc.TraceError, match="row 65536 arrives before"):
            call()
    trace.arrival[:] = np.arange(n) * 1_000
    trace.function.flags.writeable = True
    trace.function[70_000] = 5
    with pytest.raises(lc.TraceError, match="row 70000 names function 5, of 1"):
        result.concurrency(60)


def test_a_cold_start_that_would_end_at_2_63_ns_is_refused():
    trace = lc.Trace([2**62], "f", 0)
    account = lc.Account.for_trace(trace, init_duration=4.7e9)
    with pytest.raises(lc.TraceError, match="row 0, started cold"):
        lc.simulate(account, trace)
    result = lc.simulate(account.replace(init_duration=4.6e9), trace)
    assert result.completions().tolist() == [2**62 + 4_600_000_000 * 10**9]


def test_the_last_completion_of_a_run_is_that_of_its_totals(minutes):
    """Bins end with it, whether the run told it or it was read off the outcomes."""
    assert minutes._last_completion == minutes.totals().last_completion == 134 * 10**9
    bare = lc.Result(minutes.account, minutes.trace, minutes.outcome)
    assert bare.bin_starts(7).tolist() == minutes.bin_starts(7).tolist()


def test_an_outcome_column_must_belong_to_its_trace(minutes):
    for outcome in (np.zeros(3, np.uint8), np.zeros(6)):
        with pytest.raises(lc.ConfigurationError, match="outcome"):
            lc.Result(minutes.account, minutes.trace, outcome)


@pytest.mark.parametrize("period", [0, -1, np.nan, np.inf, "60", True, 1e-10, None])
def test_a_period_is_a_number_of_seconds(minutes, period):
    with pytest.raises(lc.ConfigurationError) as caught:
        minutes.concurrency(period)
    assert caught.value.argument == "period"


def test_a_function_is_known_and_excludes_the_region(minutes):
    with pytest.raises(lc.ConfigurationError, match="did you mean 'unused'"):
        minutes.throttles(function="unusd")
    with pytest.raises(lc.ConfigurationError, match="exclude"):
        minutes.concurrency(function="a", account=True)
    with pytest.raises(lc.ConfigurationError, match="no throttled Outcome"):
        minutes.throttles(cause=lc.Outcome.COLD)


@pytest.mark.parametrize(
    ("name", "function", "statistic", "points"),
    [
        ("Invocations", None, None, [3, 1, 1]),
        ("Invocations", "a", "Sum", [2, 1, NAN]),
        ("Throttles", "a", None, [1, 0, NAN]),
        ("Throttles", "unused", None, [NAN, NAN, NAN]),
        ("ConcurrentExecutions", None, "Maximum", [2, 2, 1]),
        ("ConcurrentExecutions", "b", None, [1, 1, 1]),
        ("ConcurrentExecutions", "a", None, [2, 1, NAN]),
        ("UnreservedConcurrentExecutions", None, None, [1, 1, 1]),
        ("ClaimedAccountConcurrency", None, None, [3, 3, 3]),
        ("Duration", "a", None, [15_000, 0, NAN]),
        ("Duration", None, "Maximum", [20_000, 0, 4_000]),
        ("Duration", None, "Minimum", [2_000, 0, 4_000]),
        ("Duration", None, "Sum", [32_000, 0, 4_000]),
        ("Duration", None, "SampleCount", [3, 1, 1]),
        ("Duration", None, "p50", [10_000, 0, 4_000]),
        ("Duration", "a", "p99.9", [20_000, 0, NAN]),
    ],
)
def test_metrics_have_cloudwatchs_names_units_and_gaps(minutes, name, function, statistic, points):
    """Section 10: float64 in CloudWatch's unit (Duration in ms, no init), NaN without a point."""
    series = minutes.metric(name, function=function, period=60, statistic=statistic)
    assert series.dtype == np.float64
    np.testing.assert_array_equal(series, points)


def test_an_unknown_metric_or_statistic_is_refused_with_the_known_ones(minutes):
    with pytest.raises(lc.ConfigurationError, match="did you mean 'Throttles'"):
        minutes.metric("Throttle")
    for name, statistic in (("Invocations", "Maximum"), ("Duration", "p101"), ("Duration", "P50")):
        with pytest.raises(lc.ConfigurationError, match="it has"):
            minutes.metric(name, statistic=statistic)
    with pytest.raises(lc.ConfigurationError, match="metric of the Region"):
        minutes.metric("ClaimedAccountConcurrency", function="a")


def test_the_summary_is_a_table_of_functions_and_the_region(minutes):
    summary = minutes.summary()
    assert summary.functions == ("b", "unused", "a")
    assert summary["limit"].tolist() == [-1, -1, 2]
    assert summary["arrivals"].tolist() == [2, 0, 4]
    assert summary["throttles"].tolist() == [0, 0, 1]
    np.testing.assert_array_equal(summary["throttle_ratio"], [0, NAN, 0.25])
    assert summary["peak_concurrency"].tolist() == [1, 0, 2]
    assert summary.region["peak_concurrency"] == 2
    # 15 + 25 s of a's cold starts, 7 of b's and 4 warm, over 134 s.
    assert summary.region["mean_concurrency"] == pytest.approx((15 + 25 + 7 + 4) / 134)
    text = repr(summary)
    assert "reserved 1" in text
    assert max(map(len, text.split("\n"))) <= 100
    assert "<table>" in minutes._repr_html_()
    assert json.dumps(summary.to_dict(), allow_nan=False)


def test_a_summary_of_many_functions_shows_those_with_throttles_and_says_what_it_leaves_out():
    names = [f"{'0123456789abcdef' * 4}/{i:064d}" for i in range(500)]
    trace = lc.Trace(np.zeros(1_000), np.arange(1_000) % 500, 1.0, functions=names)
    result = lc.simulate(lc.Account.for_trace(trace, 900), trace)
    text = repr(result.summary())
    assert "480 more functions; these have the most throttles, then arrivals" in text
    assert max(map(len, text.split("\n"))) <= 100


def test_of_many_functions_those_with_the_most_throttles_stand_first():
    function = np.repeat(np.arange(30), np.arange(1, 31))
    trace = lc.Trace(np.zeros(len(function)), function, 1.0, [f"f{i}" for i in range(30)])
    account = lc.Account.for_trace(trace, reserve={"f3": 0})
    _, body, note = lc.simulate(account, trace).summary().rows(3)
    assert [row[0] for row in body] == ["f3", "f29", "f28", "Region"]
    assert "27 more functions" in note
    assert "unreserved: 1,000 of 1,000" in note


@pytest.mark.parametrize("width", [100, 80, 60, 40])
def test_a_narrow_table_loses_columns_and_never_wraps_a_row(width):
    names = ["short", "a-name-of-some-length/" + "x" * 60]
    trace = lc.Trace(np.zeros(3_000), np.arange(3_000) % 2, 1.0, names)
    run = lc.simulate(lc.Account.for_trace(trace, reserve={"short": 700}), trace)
    for table, stays in (
        (run.summary(), ["function", "throttled", "ratio"]),
        (lc.required_concurrency(trace), ["function", "required"]),
    ):
        lines = _text.plain(table, width).split("\n")
        assert max(map(len, lines)) <= width
        head = next(line for line in lines if "function" in line).split()
        assert set(stays) <= set(head)
        rows = [line for line in lines if line.lstrip().startswith(("short", "a-name"))]
        assert len(rows) == 2
        assert all("…" not in row.split(maxsplit=1)[1] for row in rows)


def test_names_are_shown_as_they_are_and_on_one_line():
    """Neither rich's markup nor what moves the cursor does anything."""
    trace = lc.Trace([0, 0, 0, 0], ["fn[prod]", "[/]", "a\nb\t\x1b[2J", "x\u202ey"], 1)
    run = lc.simulate(lc.Account.for_trace(trace), trace)
    for table in (run.summary(), lc.required_concurrency(trace)):
        lines = repr(table).split("\n")
        for name in ("fn[prod]", "[/]", r"a\nb\t\x1b[2J", r"x\u202ey"):
            assert any(line.lstrip().startswith(f"{name} ") for line in lines), name


def test_a_summary_is_a_mapping_of_its_columns(minutes):
    summary = minutes.summary()
    assert dict(summary).keys() == summary.columns.keys()
    assert [*summary] == [*summary.columns]
    assert len(summary) == len(summary.columns)
    assert "throttles" in summary
    assert "function" not in summary


def test_a_summary_has_the_causes_that_exist_and_no_limit_where_there_is_none(minutes):
    row = minutes.summary().to_dict()["functions"][0]
    assert row["limit"] is None
    assert {code.name.lower() for code in lc.Outcome if code.throttled} & row.keys() == {
        "reserved_zero", "reserved_concurrency", "unreserved_concurrency", "scaling_rate",
        "account_rate", "reserved_rate", "provisioned_rate", "account_concurrency",
    }  # fmt: skip


def test_the_repr_says_what_came_of_it(minutes):
    assert repr(minutes) == (
        "<Result: 6 arrivals of 3 functions at a limit of 100: 1 throttled (16.7 %)>"
    )


def test_scaling_throttles_take_the_reason_of_the_pool_that_the_function_draws_on():
    """Section 6: AWS names no reason for the scaling rate; the model takes that of 5b / 5c."""
    trace = lc.Trace([0.0] * 4, ["a", "a", "b", "b"], 1.0)
    profile = lc.Profile(scaling_burst=1)
    account = lc.Account.for_trace(trace, reserve={"a": 5}, profile=profile)
    result = lc.simulate(account, trace)
    assert result.throttles_by_reason() == {
        "ReservedFunctionConcurrentInvocationLimitExceeded": 1,
        "ConcurrentInvocationLimitExceeded": 1,
    }


def test_outcome_codes_are_frozen():
    """Admitted < 16 <= throttled < 128; a stored column reads the same for ever."""
    assert {code.name: int(code) for code in lc.Outcome} == {
        "PROVISIONED": 1, "WARM": 2, "COLD": 3,
        "RESERVED_ZERO": 16, "RESERVED_CONCURRENCY": 17, "UNRESERVED_CONCURRENCY": 18,
        "SCALING_RATE": 19, "ACCOUNT_RATE": 20, "RESERVED_RATE": 21,
        "ACCOUNT_CONCURRENCY": 22, "CALLER_RATE": 23, "PROVISIONED_RATE": 24,
    }  # fmt: skip
    for code in lc.Outcome:
        assert code.throttled == (code >= 16)
        assert (code.aws_reason is not None) == code.throttled


def test_a_result_says_what_made_it_and_survives_pickling(minutes):
    made = minutes.provenance()
    assert made["versions"]["lambdacore"] == lc.__version__
    assert made["account"]["functions"][2]["reserved_concurrency"] == 2
    assert made["account"]["profile"]["name"] == "aws-2026"
    assert made["trace"] == {"invocations": 6, "sha256": minutes.trace.digest()}
    copy = pickle.loads(pickle.dumps(minutes))
    assert copy.provenance() == made
    assert copy.outcome.tobytes() == minutes.outcome.tobytes()
    assert copy.concurrency(60).tolist() == minutes.concurrency(60).tolist()


def test_a_result_becomes_a_pandas_frame_by_bin_or_by_invocation(minutes):
    pd = pytest.importorskip("pandas", reason="the extra frames is not installed")
    frame = minutes.to_pandas(60)
    assert frame.index.names == ["function", "time"]
    assert frame.loc[("a", pd.Timedelta(0)), "throttles"] == 1
    rows = minutes.to_pandas(period=None)
    assert rows["outcome"].tolist()[2] == "RESERVED_CONCURRENCY"
    assert rows["arrival"].iloc[3] == pd.Timedelta(58, "s")
    assert rows["function"].tolist() == ["a", "a", "a", "b", "a", "b"]
    assert minutes.summary().to_pandas().loc["a", "throttles"] == 1


def test_a_result_becomes_a_polars_frame(minutes):
    pl = pytest.importorskip("polars", reason="the extra frames is not installed")
    frame = minutes.to_polars(60)
    assert frame.filter(pl.col("function") == "a")["throttles"].to_list() == [1, 0, 0]
    rows = minutes.to_polars(period=None)
    assert rows["outcome"].to_list()[2] == "RESERVED_CONCURRENCY"
    assert rows["function"].to_list() == ["a", "a", "a", "b", "a", "b"]
    assert minutes.summary().to_polars()["function"].to_list() == ["b", "unused", "a"]


def test_a_result_becomes_an_xarray_dataset(minutes):
    pytest.importorskip("xarray", reason="the extra frames is not installed")
    dataset = minutes.to_xarray(60)
    assert dataset["throttles"].sel(function="a").values.tolist() == [1, 0, 0]
    assert dataset["region_concurrency"].values.tolist() == [2, 2, 1]
    assert dataset["time"].values.astype("m8[s]").astype(int).tolist() == [0, 60, 120]
