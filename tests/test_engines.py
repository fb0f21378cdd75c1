"""The engines give the same bytes, in windows and event by event, whatever the traffic (G2).

The plain heap, which takes one event after the other, is what the others are held to.
"""

import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lambdacore as lc
from lambdacore.runs import Runs
from lambdacore.testing import cases, schedules

#: Arrivals of a window.
WINDOW = 4096
DAY = 86_400 * 10**9
PURE = lc.Profile.named("pure-pools")
PROFILES = {
    "pools": PURE,
    "environments": lc.Profile(rps_scope="off", scaling="off"),
    "scaling rate": lc.Profile(rps_scope="off"),
    "all": lc.Profile(),
}
OTHERS = ("wheel", "auto", "stream")


def assert_engines_agree(account, trace, schedule=None):
    """Runs on every engine; returns the results, the heap's first."""
    heap = lc.simulate(account, trace, schedule, engine="heap")
    others = [lc.simulate(account, trace, schedule, engine=engine) for engine in OTHERS]
    for result in (heap, *others):
        ran = result.engine
        assert result.outcome.tobytes() == heap.outcome.tobytes(), ran
        assert result._last_completion == heap._last_completion, ran
        assert ran.in_windows + ran.event_by_event == len(trace)
        assert (ran.reason is None) == (ran.event_by_event == 0)
    return [heap, *others]


@st.composite
def stretches(draw):
    """Rows of traffic: a time after those before, equal steps, lengths of one of three kinds."""
    rows = draw(st.integers(1, 300) | st.sampled_from([WINDOW, WINDOW + 1, 2 * WINDOW, 20_000]))
    apart = draw(st.sampled_from([0, 1, 1_000, 250_000, 3 * 10**6, DAY // 24]))
    gap = draw(st.sampled_from([0, 1, 10**6, 10**10, 5 * DAY]))
    arrival = np.arange(rows, dtype=np.int64) * apart
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    match draw(st.sampled_from(["up to", "on arrivals", "together"])):
        case "up to":
            longest = draw(st.sampled_from([0, 10, 10**6, 10**9, 2 * DAY]))
            duration = rng.integers(0, longest, rows, endpoint=True)
        case "on arrivals":
            duration = rng.integers(0, 2 * WINDOW, rows) * apart
        case _:
            duration = arrival[-1] + draw(st.sampled_from([0, 1, 10**6])) - arrival
    return gap, arrival, rng.integers(0, 1_000_000, rows), duration


@st.composite
def traffic(draw, functions=(1, 3, 8)):
    """A trace of some stretches, of so many functions."""
    functions = draw(st.sampled_from(functions))
    parts, begin = [], 0
    for gap, arrival, function, duration in draw(st.lists(stretches(), min_size=1, max_size=4)):
        parts.append((arrival + begin + gap, function % functions, duration))
        begin = int(parts[-1][0][-1])
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    return lc.Trace(*columns, functions=[f"f{i}" for i in range(functions)])


def accounts(trace, profile):
    """The trace's functions, some with a reservation, at a limit that may be anything."""
    first = trace.functions[:3]
    reserved = st.dictionaries(st.sampled_from(first), st.sampled_from([0, 1, 40]), max_size=3)
    limits = st.sampled_from([1, 2, 50, 1_000, 6_000, 2**31 - 200])
    return st.builds(
        lambda limit, reserve: lc.Account.for_trace(
            trace,
            limit + sum(reserve.values()),
            unreserved_floor=0,
            reserve=reserve,
            profile=profile.replace(init_duration=0.2, idle_timeout=1.0),
        ),
        limits,
        reserved,
    )


@given(st.data())
@settings(max_examples=60)
def test_pools_give_the_same_bytes_on_every_engine(data):
    """Rules 0.2, 0.3, A1, A5b and A5c: ties, lengths of zero and of days, floods, long gaps."""
    trace = data.draw(traffic())
    account = data.draw(accounts(trace, PURE))
    heap, _, automatic, _ = assert_engines_agree(account, trace)
    assert automatic.completions().tobytes() == heap.completions().tobytes()
    assert automatic.totals().last_completion == heap.totals().last_completion


@given(st.data())
@settings(max_examples=4)
def test_pools_of_very_many_functions_give_the_same_bytes_on_every_engine(data):
    trace = data.draw(traffic([10_000]))
    assert_engines_agree(data.draw(accounts(trace, PURE)), trace)


@pytest.mark.parametrize("name", [name for name in PROFILES if name != "pools"])
@given(st.data())
@settings(max_examples=12)
def test_environments_and_rates_give_the_same_bytes_on_every_engine(name, data):
    """Sections 4, 5 and 7 of the rules, over as many arrivals as windows hold."""
    trace = data.draw(traffic())
    assert_engines_agree(data.draw(accounts(trace, PROFILES[name])), trace)


@given(st.data())
@settings(max_examples=100)
def test_small_cases_with_everything_in_them_give_the_same_bytes_on_every_engine(data):
    """Versions, provisioned concurrency, and changes in mid-run."""
    account, trace = data.draw(cases(qualified=True))
    schedule = data.draw(st.none() | schedules(account))
    results = assert_engines_agree(account, trace, schedule)
    assert all(result.answers == results[0].answers for result in results)


@given(st.integers(0, 2**32), st.lists(st.integers(0, 4 * WINDOW), max_size=4))
@settings(max_examples=40)
def test_changes_between_windows_of_traffic_give_the_same_bytes_on_every_engine(seed, rows):
    """Rule 0.2: a change at the instant of an arrival comes before it."""
    rng = np.random.default_rng(seed)
    arrival = np.cumsum(rng.integers(0, 3, 4 * WINDOW + 1)) * 1_000
    duration = rng.integers(0, 400, len(arrival)) * 1_000
    trace = lc.Trace(arrival, rng.integers(0, 2, len(arrival)), duration, functions=["f", "g"])
    schedule = lc.Schedule()
    for row in sorted(rows):
        schedule = schedule.set_concurrency_limit(int(arrival[row]), int(rng.integers(50, 300)))
    account = lc.Account.for_trace(trace, 150, unreserved_floor=0, profile=PURE)
    assert_engines_agree(account, trace, schedule)


def account_of(trace, limit=1_000, **profile):
    return lc.Account.for_trace(trace, limit, unreserved_floor=0, profile=PURE.replace(**profile))


MANY = lc.Trace(np.arange(5_000) * 1_000, "f", np.full(5_000, 70_000))


class TestWhatRan:
    """``result.engine``."""

    @pytest.mark.parametrize(
        ("asked", "name", "in_windows", "reason"),
        [
            ("auto", "stream", 5_000, None),
            ("stream", "stream", 5_000, None),
            ("wheel", "wheel", 0, "asked for"),
            ("heap", "heap", 0, "asked for"),
        ],
    )
    def test_what_was_asked_for_ran(self, asked, name, in_windows, reason):
        ran = lc.simulate(account_of(MANY), MANY, engine=asked).engine
        assert ran == lc.Engine(name, in_windows, 5_000 - in_windows, reason)

    @pytest.mark.parametrize(
        ("options", "profile", "words"),
        [
            ({"counters": "atomic"}, {}, "atomic counters"),
            ({}, {"rps_scope": "documented", "rps_window": "sliding"}, "unusual request rates"),
        ],
    )
    def test_what_keeps_all_from_windows_is_said(self, options, profile, words):
        account = account_of(MANY, **profile)
        ran = lc.simulate(account, MANY, engine="stream", **options).engine
        assert (ran.name, ran.in_windows, ran.event_by_event) == ("wheel", 0, 5_000)
        assert words in ran.reason

    def test_windows_begin_where_cold_starts_have_become_few(self):
        """Of a rested account the first calls start cold."""
        trace = lc.Trace(np.arange(50_000) * 10**6, "f", np.full(50_000, 70 * 10**6))
        for profile in (lc.Profile(), PROFILES["environments"]):
            account = lc.Account.for_trace(trace, 1_000, unreserved_floor=0, profile=profile)
            ran = lc.simulate(account, trace).engine
            words = "many cold starts, as at the beginning"
            assert ran == lc.Engine("stream and wheel", 50_000 - WINDOW, WINDOW, words)
            assert lc.simulate(account, trace, engine="stream").engine.in_windows == 50_000

    def test_calls_run_event_by_event_while_a_rate_is_met(self):
        """Rule 5.1: ten requests a second for each unit; a call beyond them is no usual one."""
        trace = lc.Trace(np.arange(50_000) * 1_000, "f", np.full(50_000, 70_000))
        account = lc.Account.for_trace(trace, 1_000, unreserved_floor=0)
        result = lc.simulate(account, trace)
        assert (result.outcome == lc.Outcome.ACCOUNT_RATE).sum() == 40_000
        assert result.engine.in_windows < 3 * WINDOW
        assert result.engine.reason == "changes are absorbed, or rates met"

    def test_few_run_event_by_event_unless_windows_are_asked_for(self):
        few = lc.Trace(np.arange(100), "f", 1)
        ran = lc.simulate(account_of(few), few).engine
        assert ran == lc.Engine("wheel", 0, 100, "few invocations at a time")
        assert lc.simulate(account_of(few), few, engine="stream").engine.in_windows == 100

    def test_engines_take_turns_where_a_window_would_be_too_long(self):
        days = MANY.arrival[WINDOW - 1] + np.arange(300) * DAY
        trace = lc.Trace(np.concatenate([MANY.arrival[:WINDOW], days]), "f", np.full(4_396, 9_000))
        ran = lc.simulate(account_of(trace), trace).engine
        assert (ran.name, ran.in_windows, ran.event_by_event) == ("stream and wheel", WINDOW, 300)
        assert str(ran) == (
            "stream and wheel, 4,096 invocations in windows, 300 event by event "
            "(long gaps, or much completes at once)"
        )

    def test_it_reads_well(self):
        def shown(*values):
            return repr(lc.Engine.of(*values))

        assert shown("auto", 1, 0, None) == "<Engine: stream, 1 invocation in windows>"
        assert shown("heap", 0, 2, "asked for") == (
            "<Engine: heap, 2 invocations event by event (asked for)>"
        )
        empty = lc.Trace([], "f", [])
        ran = lc.simulate(lc.Account(9, [lc.Function("f")], unreserved_floor=0), empty).engine
        assert repr(ran) == "<Engine: wheel, 0 invocations event by event>"

    def test_it_is_frozen_and_survives_pickling(self):
        ran = lc.simulate(account_of(MANY), MANY).engine
        assert pickle.loads(pickle.dumps(ran)) == ran
        with pytest.raises(FrozenInstanceError):
            ran.in_windows = 0

    def test_it_is_no_part_of_the_result(self):
        """G2: results are the same whatever ran; so copies and constructed ones have none."""
        account = account_of(MANY)
        wheel, stream = (lc.simulate(account, MANY, engine=on) for on in ("wheel", "stream"))
        assert pickle.dumps(wheel.__getstate__()) == pickle.dumps(stream.__getstate__())
        assert wheel.provenance() == stream.provenance()
        constructed = lc.Result(account, MANY, stream.outcome)
        for other in (pickle.loads(pickle.dumps(stream)), copy.copy(stream), constructed):
            assert other.engine is None

    @pytest.mark.parametrize("bad", ["heaps", "Auto", None, 1, []])
    def test_other_engines_are_refused_with_those_that_there_are(self, bad):
        with pytest.raises(lc.ConfigurationError, match="known: auto, stream, wheel, heap") as no:
            lc.simulate(account_of(MANY), MANY, engine=bad)
        assert no.value.argument == "engine"


# Arrivals and ends fall together, and on the edges of bins, which are of thousands of calls.
GRID = lc.Workload(
    {
        "f": lc.Stream(lc.Deterministic(8_000, phase=0), lc.Mixture([0.0, 0.005, 0.25], [5, 4, 1])),
        "g": lc.Stream(lc.Deterministic(4_000, phase=0), lc.Mixture([0.0, 0.001, 0.5], [2, 7, 1])),
        "h": lc.Stream(lc.Poisson(3_000), lc.Mixture([0.0, 0.01], [1, 1])),
    }
)
GRID_ACCOUNT = lc.Account(
    190,
    [lc.Function("f"), lc.Function("g"), lc.Function("h", reserved_concurrency=18)],
    unreserved_floor=0,
    profile=PURE,
)


def run_on_grid(period, warm_up, **options):
    return lc.monte_carlo(
        GRID_ACCOUNT, GRID, replications=3, horizon=2, rng=5, period=period, warm_up=warm_up,
        **options,
    )  # fmt: skip


@pytest.mark.parametrize("warm_up", [0.0, 0.5])
@pytest.mark.parametrize("period", [0.005, 0.25, 0.5])
class TestReplications:
    """Statistics in bins whose edges are the instants of events."""

    @pytest.mark.parametrize("block", [1, 100, 127, 128, WINDOW, WINDOW + 1, 100_000])
    def test_blocks_of_any_size_give_the_same(self, period, warm_up, block):
        runs = run_on_grid(period, warm_up)
        recipe = replace(runs._recipe, block=block)
        assert Runs(recipe, 0, recipe.run(0, 3), [0, 1, 2], []).digest() == runs.digest()

    def test_a_run_that_is_told_of_every_end_gives_the_same(self, period, warm_up):
        """With quantiles an ensemble goes event by event."""
        runs, told = (run_on_grid(period, warm_up, quantiles=q) for q in ((), (0.5,)))
        assert runs._statistics.keys() >= {"outcomes", "busy", "peak"}
        for name, values in runs._statistics.items():
            if name != "quantiles":
                assert np.array_equal(values, told._statistics[name]), name

    def test_each_is_a_simulation_event_by_event(self, period, warm_up):
        """Outcomes, peaks and throttles in bins, and occupied time, are those of the heap."""
        runs = run_on_grid(period, warm_up)
        skipped = round(warm_up / period)
        counted = slice(skipped, skipped + len(runs.bin_starts))
        for replication in range(3):
            trace = GRID.sample(2, 5, replication=replication, warm_up=warm_up)
            result = lc.simulate(GRID_ACCOUNT, trace, engine="heap")
            late = trace.arrival - trace.arrival[0] >= round(warm_up * 1e9)
            begin, end = trace.arrival[late][0], trace.arrival[late][0] + 2 * 10**9
            held = np.clip(result.completions(), begin, end) - np.clip(trace.arrival, begin, end)
            for row, name in enumerate("fgh"):
                of = trace.function == trace.functions.index(name)
                codes = np.bincount(result.outcome[of & late], minlength=32)
                for code in lc.Outcome:
                    found = runs.outcomes(code)[replication, row]
                    assert found == codes[code], (name, code)
                mean = runs.mean_concurrency[replication, row]
                assert mean == pytest.approx(int(held[of].sum()) / 2e9, rel=1e-12)
                peaks = result.concurrency(period, function=name)[counted]
                assert runs.series("peak_concurrency", name)[replication].tolist() == peaks.tolist()
                assert runs.peak_concurrency[replication, row] == peaks.max()
                throttles = result.throttles(period, function=name)[counted]
                assert runs.series("throttles", name)[replication].tolist() == throttles.tolist()
            region = result.concurrency(period, account=True)[counted]
            assert runs.series("peak_concurrency")[replication].tolist() == region.tolist()


def test_the_replications_used_here_throttle_and_fill_windows():
    """So that equal numbers say something."""
    trace = GRID.sample(2, 5)
    ran = lc.simulate(GRID_ACCOUNT, trace).engine
    assert ran.in_windows == len(trace) > 6 * WINDOW
    throttled = run_on_grid(0.25, 0.0).throttles
    assert (throttled > 0).all()
    assert len(np.unique(trace.arrival)) < 0.8 * len(trace)
