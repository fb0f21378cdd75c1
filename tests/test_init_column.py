"""The column `init` of a trace: how long each row's init takes if it starts cold."""

import json
import pickle
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lambdacore as lc
from lambdacore import _core, xray
from lambdacore.testing import (
    accounts,
    reference_concurrency,
    reference_targets,
    reference_verdicts,
    schedules,
    traces,
)

NS = 1e-9
SECOND = 10**9
PROFILE = lc.Profile(scaling="off", rps_scope="off")


def account_of(trace, limit=10, **settings):
    return lc.Account.for_trace(trace, limit, unreserved_floor=0, profile=PROFILE, **settings)


@pytest.fixture(scope="module")
def result():
    calls = ["a", "b", "a", "b", "b"]
    trace = lc.Trace([0.0, 0.0, 4.0, 4.0, 4.0], calls, 1.0, init=[2.0, 5.0, 9.0, np.nan, 0.0])
    return lc.simulate(account_of(trace, init_duration=0.5), trace)


class TestRule:
    """Rule 7.2: a cold start runs its own init, or else its function's."""

    def test_two_cold_starts_take_each_its_own_init(self, result):
        """Rule 7.2, by hand.

        a's first runs 0 to 2 + 1 s, so its second, at 4 s, is warm, whatever its init would be;
        b's first runs to 5 + 1 s, so at 4 s b starts cold twice: with the account's 0.5 s, since
        the row says nothing, and with no init at all.
        """
        assert [lc.Outcome(code).name for code in result.outcome] == [
            "COLD", "COLD", "WARM", "COLD", "COLD",
        ]  # fmt: skip
        assert (result.completions() / SECOND).tolist() == [3.0, 6.0, 5.0, 5.5, 5.0]
        assert [ns / SECOND for ns in result.totals().occupied] == [3 + 1, 6 + 1.5 + 1]
        # At 2 s both first ones run, at 3 s a's has ended.
        assert result.concurrency(1.0, function="a").tolist() == [1, 1, 1, 0, 1, 0, 0]
        assert result.concurrency(1.0, function="b").tolist() == [1, 1, 1, 1, 3, 2, 0]
        assert result.concurrency(1.0, account=True).tolist() == [2, 2, 2, 1, 4, 2, 0]

    def test_a_longer_init_of_one_row_throttles_another(self):
        """Rule 7.2: init holds the permit as well."""
        for init, expected in ((3, "WARM"), (4, "RESERVED_CONCURRENCY")):
            trace = lc.Trace([0, 5], "f", 2, init=[init, -1])
            result = lc.simulate(account_of(trace, reserve={"f": 1}, init_duration=9.0), trace)
            assert lc.Outcome(result.outcome[1]).name == expected

    def test_xray_shows_the_init_of_the_row(self, result):
        """Section 10: the subsegment Initialization is as long as the row's init."""
        shown = []
        for trace in xray.batch_get_traces(result, sampled=False)["Traces"]:
            steps = json.loads(trace["Segments"][1]["Document"])["subsegments"]
            assert [step["name"] for step in steps] == ["Initialization", "Invocation"]
            shown.append(steps[0]["end_time"] - steps[0]["start_time"])
        assert shown == [2.0, 5.0, 0.5, 0.0]

    def test_the_metric_duration_leaves_it_out(self, result):
        """Section 10: Duration is the handler's time."""
        assert result.metric("Duration", period=60).tolist() == [1_000.0]

    def test_without_environments_nothing_starts_cold_so_nothing_has_an_init(self):
        """A pure pool ignores the column, and so does `required_concurrency`."""
        plain, timed = (lc.Trace([0, 0, 3], "f", 2, init=init) for init in (None, [9, 1, 5]))
        pools = lc.Profile.named("pure-pools")
        account = lc.Account.for_trace(timed, 1, unreserved_floor=0, profile=pools)
        assert lc.simulate(account, timed).outcome.tobytes() == (
            lc.simulate(account, plain).outcome.tobytes()
        )
        assert lc.required_concurrency(timed)["f"] == lc.required_concurrency(plain)["f"] == 2


@given(st.data(), st.integers(1, 9))
@settings(max_examples=120)
def test_a_column_of_the_account_s_own_durations_changes_nothing(data, period):
    """Outcomes, times, series and summary are the same bytes as without the column."""
    plain = data.draw(traces(qualified=True, init=False))
    account = data.draw(accounts(plain))
    rows = [account.resolve(name)[1] for name in plain.functions]
    of_account = [account.effective_init_duration(account.functions[row].name) for row in rows]
    said = np.rint(np.array(of_account) * 1e9).astype(np.int64)[plain.function]
    silent = data.draw(st.lists(st.booleans(), min_size=len(plain), max_size=len(plain)))
    init = np.where(np.array(silent, np.bool_), -1, said)
    columns = plain.arrival, plain.function, plain.duration, plain.functions
    schedule = data.draw(schedules(account))
    one = lc.simulate(account, plain, schedule)
    other = lc.simulate(account, lc.Trace(*columns, init=init), schedule)
    assert other.outcome.tobytes() == one.outcome.tobytes()
    assert other.completions().tobytes() == one.completions().tobytes()
    assert other.concurrency(period * NS).tobytes() == one.concurrency(period * NS).tobytes()
    assert other.totals().occupied == one.totals().occupied
    assert str(other.summary()) == str(one.summary())


@given(st.data(), st.integers(1, 9))
@settings(max_examples=250)
def test_random_columns_equal_the_reference_model(data, period):
    """G5 with a column in every trace: causes, times, and concurrency in bins."""
    plain = data.draw(traces(qualified=True, init=False))
    own = st.lists(st.integers(-1, 15), min_size=len(plain), max_size=len(plain))
    trace = lc.Trace(
        plain.arrival,
        plain.function,
        plain.duration,
        plain.functions,
        init=np.array(data.draw(own), np.int64),
    )
    account = data.draw(accounts(trace, environments=True))
    schedule = data.draw(st.none() | schedules(account))
    result = lc.simulate(account, trace, schedule)
    verdicts = reference_verdicts(account, trace, schedule)
    assert [lc.Outcome(code).name for code in result.outcome] == [v.outcome for v in verdicts]
    assert result.completions().tolist() == [v.end for v in verdicts]
    held = sum(v.end - v.start for v in verdicts)
    assert sum(result.totals().occupied) == held
    of_label = [function for function, _ in reference_targets(account, trace)]
    functions = [of_label[index] for index in trace.function.tolist()]
    by_function, region = reference_concurrency(verdicts, functions, len(account), period)
    assert result.concurrency(period * NS).tolist() == by_function
    assert result.concurrency(period * NS, account=True).tolist() == region


def test_a_long_trace_with_the_column_equals_the_plain_heap_calendar():
    """G2, over several of the pieces that the engine works through."""
    rng = np.random.default_rng(11)
    n = 200_000
    trace = lc.Trace(
        np.cumsum(rng.exponential(1e-3, n)),
        rng.integers(0, 20, n),
        rng.lognormal(-1.5, 1.5, n),
        [f"f{i}" for i in range(20)],
        init=np.where(rng.random(n) < 0.2, np.nan, rng.exponential(0.5, n)),
    )
    account = lc.Account.for_trace(trace, 400, init_duration=0.3, idle_timeout=1)
    result = lc.simulate(account, trace)
    heap = lc.simulate(account, trace, engine="heap")
    assert result.outcome.tobytes() == heap.outcome.tobytes()
    assert heap._last_completion == result.completions().max() == result.totals().last_completion
    held = (result.completions() - trace.arrival)[result.outcome < 16]
    assert sum(result.totals().occupied) == int(held.sum())


class TestColumn:
    """What is accepted as the column, and what is refused, as for the others (G3)."""

    @pytest.mark.parametrize(
        ("init", "nanoseconds"),
        [
            ([0.5, np.nan, 0.0], [SECOND // 2, -1, 0]),
            (np.array([0.5, np.nan, 0.25], np.float32), [SECOND // 2, -1, SECOND // 4]),
            (np.array([500, "NaT", 0], "m8[ms]"), [SECOND // 2, -1, 0]),
            (0.25, [SECOND // 4] * 3),
            (np.nan, [-1] * 3),
            (-1, [-1] * 3),
            ([-1, 0, -1], [-1, 0, -1]),
            (np.timedelta64(7, "ns"), [7] * 3),
        ],
    )
    def test_it_is_read_as_durations_are_with_a_value_for_the_account_s(self, init, nanoseconds):
        trace = lc.Trace([0.0, 1.0, 2.0], "f", 1.0, init=init)
        assert trace.init.tolist() == nanoseconds
        assert trace.init.dtype == np.int64
        with pytest.raises(ValueError, match="read-only"):
            trace.init[0] = 1

    def test_integers_are_nanoseconds_and_minus_one_says_nothing(self):
        for dtype in (np.int8, np.int64, ">i4"):
            trace = lc.Trace([0, 1], "f", 1, init=np.array([7, -1], dtype))
            assert trace.init.tolist() == [7, -1]
        assert lc.Trace([0], "f", 1, init=np.array([7], np.uint64)).init.tolist() == [7]
        assert lc.Trace([0], "f", 1).init is None

    def test_rows_that_say_nothing_take_the_account_s(self):
        """A whole column of them does as a trace without it, for every account."""
        silent = lc.Trace([0, 0, 9], "f", 3, init=-1)
        for init_duration in (0.0, 4 * NS):
            account = account_of(silent, init_duration=init_duration)
            ends = lc.simulate(account, lc.Trace([0, 0, 9], "f", 3)).completions()
            assert lc.simulate(account, silent).completions().tolist() == ends.tolist()

    def test_it_is_sorted_along_and_a_copy(self):
        """G6."""
        init = np.array([1, 2, -1])
        trace = lc.Trace([5, 3, 4], "f", 1, init=init)
        init[0] = 9
        assert trace.init.tolist() == [2, -1, 1]
        assert lc.Trace([], "f", [], init=[]).init.tolist() == []

    @pytest.mark.parametrize(
        ("columns", "argument", "index", "words"),
        [
            ({"init": [0.0, -1.0, 0.0]}, "init", 1, "negative"),
            ({"init": np.array([0, -1, 2], "m8[s]")}, "init", 1, "negative"),
            ({"init": [1.0, 2.0]}, "init", None, "2 rows and arrival has 3"),
            ({"init": [[1.0]]}, "init", None, "2 dimensions"),
            ({"init": [0.0, np.inf, 0.0]}, "init", 1, "infinite"),
            ({"init": [0.0, 9.3e9, np.nan]}, "init", 1, "2\\^63"),
            ({"init": [None, 1.0, 1.0]}, "init", None, "dtype object"),
            ({"init": [True, False, True]}, "init", None, "dtype bool"),
            ({"init": np.array(["2026-01-01"] * 3, "M8[s]")}, "init", None, "timedelta64"),
            ({"init": np.ma.array([0.0, 1.0, 2.0], mask=[0, 1, 0])}, "init", None, "masked"),
            ({"init": [-1, -1, 2]}, "init", None, "one unit"),
            ({"arrival": [0, 1, 2], "duration": 1, "init": 0.5}, "arrival", None, "one unit"),
            ({"arrival": [0, 1, 2], "duration": 1, "init": [0, -2, 0]}, "init", 1, "negative"),
            (
                {"arrival": [0, 1, 2], "duration": 1, "init": [-1, 2**63 - 2, 2**63 - 2]},
                "init",
                1,
                "2\\^63",
            ),
        ],
    )
    def test_a_bad_column_is_refused_by_name_and_first_bad_index(
        self, columns, argument, index, words
    ):
        given = {"arrival": [0.0, 1.0, 2.0], "function": "f", "duration": 1.0, **columns}
        with pytest.raises(lc.TraceError) as caught:
            lc.Trace(**given)
        assert (caught.value.argument, caught.value.index) == (argument, index)
        assert re.search(words, str(caught.value)), str(caught.value)

    def test_the_longest_init_that_fits_does_not_overflow(self):
        trace = lc.Trace([1, 2], "f", 1, init=[-1, 2**63 - 4])
        account = account_of(trace, init_duration=0.0)
        assert lc.simulate(account, trace).completions().tolist() == [2, 3]
        cold = lc.Trace([1, 1], "f", 1, init=[-1, 2**63 - 3])
        assert lc.simulate(account, cold).completions().tolist() == [2, 2**63 - 1]

    def test_a_column_that_is_changed_by_force_is_an_error(self):
        """The engine checks every row that it reads; a column of another length too."""
        trace = lc.Trace([0, 1], "f", 1, init=[2, 3])
        account = account_of(trace)
        trace.init.flags.writeable = True
        trace.init[1] = -2
        with pytest.raises(lc.TraceError, match="row 1, started cold"):
            lc.simulate(account, trace)
        columns = lc.Trace([0, 1], "f", 1)._columns()
        with pytest.raises(lc.TraceError, match="2 durations, 1 inits"):
            _core.simulate(account._engine, (*columns[:3], np.zeros(1, np.uint64)), [0])

    def test_the_engine_takes_three_columns_or_four_of_which_the_last_may_be_none(self):
        trace = lc.Trace([0, 0], "f", 1)
        account = account_of(trace)
        three, four = trace._columns()[:3], trace._columns()
        assert four[3] is None
        ran = [_core.simulate(account._engine, columns, [0])[1] for columns in (three, four)]
        assert ran == [1, 1]
        for bad in (three[:2], (*four, None), list(three)):
            with pytest.raises((TypeError, ValueError)):
                _core.simulate(account._engine, bad, [0])

    def test_only_where_it_is_given_is_it_part_of_the_digest(self):
        """Digests of traces without the column are the bytes that they were before it."""
        columns = ([0, 1], "f", [2, 3])
        digests = [lc.Trace(*columns, init=init).digest() for init in (None, -1, 0, [0, 1])]
        assert len(set(digests)) == 4
        assert digests[0] == DIGEST

    def test_it_survives_pickling(self):
        for init in (None, [4, -1]):
            trace = lc.Trace([3, 1], "f", 1, init=init)
            copy = pickle.loads(pickle.dumps(trace))
            assert copy.digest() == trace.digest()
            assert (copy.init is None) == (init is None)
        assert copy.init.tolist() == [-1, 4]
        assert not copy.init.flags.writeable


#: Of arrivals 0 and 1 of f that run 2 and 3 ns, as it was before there was a column.
DIGEST = "216c1b67568e00f3f5d3adac36437b3326767b4c7022fdb31e3cd53e12b976d1"


class TestFiles:
    @pytest.mark.parametrize("suffix", [".csv", ".npz"])
    @given(st.lists(st.integers(-1, 2**61), max_size=12))
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
    def test_it_comes_back_from_a_file(self, tmp_path, suffix, init):
        n = len(init)
        init = np.array(init, np.int64)
        trace = lc.Trace(np.arange(n) * 1_234_567_891, "f", 5, ["f"], init=init)
        lc.write_trace(trace, tmp_path / f"t{suffix}")
        back = lc.read_trace(tmp_path / f"t{suffix}")
        assert back.init.tolist() == init.tolist()
        assert back.arrival.tolist() == trace.arrival.tolist()
        if n or suffix == ".npz":
            assert back.digest() == trace.digest()

    @pytest.mark.parametrize("suffix", [".csv", ".npz"])
    def test_a_trace_without_it_has_none_in_its_file(self, tmp_path, suffix):
        lc.write_trace(lc.Trace([0, 1], "f", 1), tmp_path / f"t{suffix}")
        assert lc.read_trace(tmp_path / f"t{suffix}").init is None

    def test_csv_has_an_empty_field_where_the_account_says(self, tmp_path):
        path = tmp_path / "t.csv"
        lc.write_trace(lc.Trace([0.0, 1.5], "f", 1.0, init=[np.nan, 0.25]), path)
        assert path.read_text() == "arrival,function,duration,init\n0,f,1,\n1.5,f,1,0.25\n"

    def test_csv_may_hold_whole_nanoseconds_in_any_place(self, tmp_path):
        path = tmp_path / "t.csv"
        path.write_text("init_ns,arrival,function,duration\n7,0,f,1\n ,1,f,1\n")
        assert lc.read_trace(path).init.tolist() == [7, -1]

    @pytest.mark.parametrize(
        ("text", "column", "words"),
        [
            ("arrival,function,duration,init\n0,f,1,-1\n", "init", "negative"),
            ("arrival,function,duration,init\n0,f,1,soon\n", "init", "no number"),
            ("arrival,function,duration,init\n0,f,,1\n", "duration", "no number"),
            ("arrival,function,duration,init_ns\n0,f,1,0.5\n", "init_ns", "no whole number"),
            ("arrival,function,duration,init\n9e9,f,1,9e8\n", "init", "together"),
            ("arrival,function,duration,init,init_ns\n0,f,1,1,1\n", "init", "remove one"),
        ],
    )
    def test_csv_that_is_wrong_is_refused_by_line_and_column(self, tmp_path, text, column, words):
        path = tmp_path / "t.csv"
        path.write_text(text)
        with pytest.raises(lc.TraceError, match=words) as caught:
            lc.read_trace(path)
        assert caught.value.column == column

    @pytest.mark.parametrize(
        ("init", "words"),
        [
            (np.array([1, -2]), r"init\[1\] = -2 is negative"),
            (np.array([1]), "1 rows and arrival has 2"),
            (np.array([1.0, 2.0]), "float64 of shape"),
            (np.array([1, 2**63 - 2]), r"init\[1\] ends 2\^63"),
        ],
    )
    def test_npz_that_is_wrong_is_refused(self, tmp_path, init, words):
        path = tmp_path / "t.npz"
        two = {"arrival": np.array([0, 1]), "duration": np.array([1, 1])}
        function = np.zeros(2, np.uint32)
        np.savez(path, schema=np.int64(1), functions=["f"], function=function, init=init, **two)
        with pytest.raises(lc.TraceError, match=words) as caught:
            lc.read_trace(path)
        assert caught.value.column == "init"
