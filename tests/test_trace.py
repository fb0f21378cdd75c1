"""Traffic from arrays: what is accepted, how it is ordered, and what bad input gets."""

import pickle
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lambdacore as lc
from lambdacore.testing import traces


def trace(arrival, duration=0, function="f", **names):
    return lc.Trace(arrival=arrival, function=function, duration=duration, **names)


def refusal(**columns):
    """Make a trace that must be refused; gives the error."""
    given = {"arrival": [0.0, 1.0, 2.0], "function": "f", "duration": 1.0, **columns}
    with pytest.raises(lc.TraceError) as caught:
        lc.Trace(**given)
    return caught.value


def test_floats_are_seconds_rounded_half_to_even_and_integers_are_nanoseconds():
    assert trace([1.5, 2.0]).arrival.tolist() == [1_500_000_000, 2_000_000_000]
    assert trace([0.5e-9, 1.5e-9, 2.5e-9]).arrival.tolist() == [0, 2, 2]
    assert trace([15, 20]).arrival.tolist() == [15, 20]
    assert trace([1], duration=7).duration.tolist() == [7]


@pytest.mark.parametrize(
    "columns",
    [
        ([0.0, 1.0], 2),
        ([0, 1], 2.0),
        ([0, 1], [0.5, 1.5]),
        (np.array(["2026-11-23", "2026-11-24"], "M8[ns]"), 1),
        (np.array(["2026-11-23", "2026-11-24"], "M8[ns]"), [1, 1]),
    ],
)
def test_seconds_beside_nanoseconds_are_refused_as_a_slip(columns):
    """duration=2 beside float arrivals would be two nanoseconds, and never meant."""
    arrival, duration = columns
    with pytest.raises(lc.TraceError, match="give both in one unit"):
        lc.Trace(arrival, "f", duration)
    assert len(lc.Trace([0, 0], "f", 2.0)) == 2
    assert len(lc.Trace([0.0, 1.0], "f", 0)) == 2
    assert len(lc.Trace([0, 1], "f", 0.0)) == 2


def test_datetimes_count_from_1970_exactly():
    times = np.array(["2026-11-23T09:00:00.000000001", "2026-11-23T08:00"], "datetime64[ns]")
    made = trace(times, duration=np.timedelta64(200, "ms"))
    assert made.arrival[1] - made.arrival[0] == 3_600 * 10**9 + 1
    assert made.arrival.view("datetime64[ns]")[1] == times[0]
    assert set(made.duration.tolist()) == {200_000_000}


def test_rows_are_sorted_stably_by_arrival_and_order_names_the_rows_of_the_input():
    """`trace.order` gives the rows of the input, None if it was sorted."""
    made = lc.Trace([3, 1, 3, 0], ["a", "b", "c", "d"], [10, 20, 30, 40])
    assert made.arrival.tolist() == [0, 1, 3, 3]
    assert made.duration.tolist() == [40, 20, 10, 30]
    assert [made.functions[i] for i in made.function] == ["d", "b", "a", "c"]
    assert made.order.tolist() == [3, 1, 0, 2]
    assert trace([0, 1, 1, 2]).order is None


def test_functions_are_named_in_order_of_appearance_or_by_index_with_names():
    by_name = lc.Trace([0, 1, 2], ["b", "a", "b"], 1)
    assert by_name.functions == ("b", "a")
    by_index = lc.Trace([0, 1, 2], [1, 0, 1], 1, functions=["a", "b"])
    assert [by_index.functions[i] for i in by_index.function] == ["b", "a", "b"]
    named = lc.Trace([0, 1], ["b", "b"], 1, functions=["a", "b"])
    assert named.function.tolist() == [1, 1]
    for column in (np.array(["b", "a"]), np.array(["b", "a"], dtype=object)):
        assert lc.Trace([0, 1], column, 1).functions == ("b", "a")


def test_categories_and_repeated_names_are_read_by_their_codes():
    pd = pytest.importorskip("pandas", reason="the extra frames is not installed")
    names = pd.Series(["b", "a", "b", "c"], dtype="category")
    made = lc.Trace([0, 1, 2, 3], names, 1)
    assert [made.functions[i] for i in made.function] == ["b", "a", "b", "c"]
    times = pd.Series(pd.to_datetime(["2026-11-23T09:00", "2026-11-23T10:00"]))
    assert len(lc.Trace(times, "f", pd.Timedelta(1, "s").to_timedelta64())) == 2
    with pytest.raises(lc.TraceError, match="tz_convert"):
        lc.Trace(times.dt.tz_localize("UTC"), "f", 1.0)


def test_columns_are_owned_and_read_only():
    """A trace owns its columns; a change of the input changes nothing."""
    arrival = np.array([0, 5, 7])
    made = trace(arrival)
    arrival[0] = 6
    assert made.arrival.tolist() == [0, 5, 7]
    for column in (made.arrival, made.function, made.duration):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1


@pytest.mark.parametrize(
    "column",
    [
        [4, 2, 9],
        (4, 2, 9),
        range(4, 7),
        np.array([4, 2, 9], dtype=">i8"),
        np.array([4, 2, 9], dtype=np.int32),
        np.array([4, 2, 9], dtype=np.uint64),
        np.array([9, 2, 4])[::-1],
        np.array([[4, 0], [2, 0], [9, 0]])[:, 0],
        np.ma.array([4, 2, 9]),
    ],
    ids=["list", "tuple", "range", "big-endian", "int32", "uint64", "reversed", "strided", "ma"],
)
def test_any_byte_order_stride_and_integer_width_is_accepted(column):
    assert trace(column).arrival.tolist() == sorted(np.asarray(column).tolist())


def test_floats_of_any_byte_order_and_width_are_accepted():
    for dtype in ("<f8", ">f8", "f4", "f2"):
        assert trace(np.array([0.5, 0.25], dtype=dtype)).arrival.tolist() == [
            250_000_000,
            500_000_000,
        ]


@pytest.mark.parametrize(
    ("columns", "argument", "index", "words"),
    [
        ({"arrival": [0.0, np.nan, np.nan]}, "arrival", 1, "NaN"),
        ({"arrival": [0.0, 1.0, np.inf]}, "arrival", 2, "infinite"),
        ({"arrival": [0.0, -1e-9, 2.0]}, "arrival", 1, "negative"),
        ({"arrival": [0, -1, 2]}, "arrival", 1, "negative"),
        ({"arrival": [0.0, 9.3e9, 1.0]}, "arrival", 1, "2\\^63"),
        ({"arrival": np.array([0, 2**63, 1], np.uint64)}, "arrival", 1, "2\\^63"),
        ({"arrival": np.array(["NaT", "2026-01-01"], "M8[s]")}, "arrival", 0, "NaT"),
        ({"arrival": np.array(["1969-01-01"], "M8[s]")}, "arrival", 0, "negative"),
        ({"arrival": np.array([0, 2**62], "M8[s]")}, "arrival", 1, "nanoseconds"),
        ({"arrival": [True, False, True]}, "arrival", None, "dtype bool"),
        ({"arrival": ["0", "1", "2"]}, "arrival", None, "dtype <U1"),
        ({"arrival": [0, 2**70, 1]}, "arrival", None, "dtype object"),
        ({"arrival": [[0.0], [1.0]]}, "arrival", None, "2 dimensions"),
        ({"arrival": 3.0}, "arrival", None, "0 dimensions"),
        ({"arrival": np.ma.array([0, 1, 2], mask=[0, 1, 0])}, "arrival", None, "masked"),
        ({"duration": [1.0, np.nan, 1.0]}, "duration", 1, "NaN"),
        ({"duration": -1}, "duration", None, "negative"),
        ({"duration": [1.0, 1.0]}, "duration", None, "2 rows and arrival has 3"),
        ({"duration": np.datetime64("2026-01-01")}, "duration", None, "timedelta64"),
        ({"arrival": [0, 1, 2], "duration": [1, 2**63 - 1, 1]}, "duration", 1, "2\\^63"),
        ({"function": ["a", "b"]}, "function", None, "2 rows and arrival has 3"),
        ({"function": ["a", "", "b"]}, "function", 1, "non-empty"),
        ({"function": ["a", None, "b"]}, "function", 1, "non-empty"),
        ({"function": [0, 1, 2]}, "functions", None, "functions=\\[names\\]"),
        ({"function": [0, 2, 1], "functions": ["a", "b"]}, "function", 1, "index"),
        ({"function": [0, -1, 1], "functions": ["a", "b"]}, "function", 1, "index"),
        ({"function": [0.0, 1.0, 1.0], "functions": ["a", "b"]}, "function", None, "float64"),
        (
            {"function": ["a", "checkot", "a"], "functions": ["a", "checkout"]},
            "function",
            1,
            "did you mean 'checkout'",
        ),
        ({"functions": ["f", "g", "f"]}, "functions", 2, "already"),
        ({"functions": "f"}, "functions", None, "list"),
        ({"functions": 7}, "functions", None, "list"),
        ({"functions": ["f", "\ud800"]}, "functions", 1, "surrogate"),
        ({"arrival": [[0.0], [1.0, 2.0]]}, "arrival", None, "one length|dimensions"),
        ({"arrival": [object()] * 3}, "arrival", None, "dtype object"),
        ({"function": 5}, "function", None, "0 dimensions"),
    ],
)
def test_a_bad_column_is_refused_by_argument_and_first_bad_index(columns, argument, index, words):
    error = refusal(**columns)
    assert (error.argument, error.index) == (argument, index)
    assert re.search(words, str(error)), str(error)
    assert isinstance(error, ValueError)


def test_an_empty_trace_is_legal_everywhere():
    made = lc.Trace([], [], [], functions=["f"])
    result = lc.simulate(lc.Account.for_trace(made), made)
    assert len(result) == 0
    assert result.concurrency(60).shape == (1, 0)
    assert result.throttles(60).shape == (1, 0)
    assert np.isnan(result.summary()["throttle_ratio"]).all()
    assert "0 arrivals" in repr(result)
    assert lc.required_concurrency(made).account_required == 0


def test_a_trace_survives_pickling_read_only_and_with_its_digest():
    made = lc.Trace([3, 1], ["a", "b"], [1, 2])
    copy = pickle.loads(pickle.dumps(made))
    assert copy.digest() == made.digest()
    assert copy.order.tolist() == [1, 0]
    assert not copy.arrival.flags.writeable


def test_names_are_kept_apart_in_the_digest():
    """Names with a line feed are names too."""
    names = [("a\nb",), ("a", "b"), ("ab",)]
    digests = {lc.Trace([], [], [], functions).digest() for functions in names}
    assert len(digests) == 3


@given(traces(), traces())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_equal_digests_mean_equal_columns(one, other):
    same = (
        one.functions == other.functions
        and one.arrival.tolist() == other.arrival.tolist()
        and one.function.tolist() == other.function.tolist()
        and one.duration.tolist() == other.duration.tolist()
        and (one.init is None) == (other.init is None)
        and (one.init is None or one.init.tolist() == other.init.tolist())
    )
    assert (one.digest() == other.digest()) == same
    again = lc.Trace(one.arrival, one.function, one.duration, one.functions, init=one.init)
    assert again.digest() == one.digest()


@given(st.permutations(range(6)))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_the_order_of_input_rows_at_distinct_times_changes_nothing(order):
    arrival, duration = np.array([0, 2, 3, 5, 8, 9]), np.array([4, 4, 1, 3, 0, 2])
    function = np.array([0, 1, 0, 1, 1, 0])
    rows = list(order)
    names = ["a", "b"]
    straight = lc.Trace(arrival, function, duration, names)
    shuffled = lc.Trace(arrival[rows], function[rows], duration[rows], names)
    assert shuffled.digest() == straight.digest()


def test_the_repr_of_a_trace_says_how_much_of_what_and_when():
    assert repr(lc.Trace([0.0, 61.25], ["a", "b"], 1.0)) == (
        "<Trace: 2 invocations of 2 functions in 0 s .. 61.25 s>"
    )


class TestMappedColumns:
    """A column of a file is taken as it is where nobody in the process can write to it."""

    @pytest.fixture
    def column(self, tmp_path):
        def saved(values, dtype=np.int64, mode="r"):
            path = tmp_path / f"{len(list(tmp_path.iterdir()))}.npy"
            np.save(path, np.array(values, dtype=dtype))
            return np.load(path, mmap_mode=mode)

        return saved

    def test_columns_of_a_file_are_not_copied(self, column):
        columns = {"arrival": column([0, 1, 5]), "duration": column([7, 7, 7])}
        columns["function"] = column([0, 1, 0], np.uint32)
        columns["init"] = column([-1, 3, 4])
        made = lc.Trace(**columns, functions=["a", "b"])
        for name, mapped in columns.items():
            kept = getattr(made, name)
            assert np.shares_memory(kept, mapped), name
            assert type(kept) is np.ndarray
            assert not kept.flags.writeable
        copied = lc.Trace(**{k: np.array(v) for k, v in columns.items()}, functions=["a", "b"])
        assert made.digest() == copied.digest()
        assert np.shares_memory(lc.Trace(columns["arrival"][1:], "f", 0).arrival, made.arrival)

    def test_what_may_change_or_is_not_as_the_trace_keeps_it_is_copied(self, column):
        arrays = [column([0, 1, 5], mode=mode) for mode in ("r+", "c")]
        arrays += [column([0, 1, 5], ">i8"), column([0, 1, 5], np.int32)]
        arrays += [column([0, 9, 1, 9, 5])[::2], column([0, 5, 1])]
        view = np.array([0, 1, 5])[:]
        view.flags.writeable = False
        for array in (*arrays, view):
            made = trace(array)
            assert not np.shares_memory(made.arrival, array)
            assert made.arrival.tolist() == [0, 1, 5]

    def test_a_bad_value_in_a_later_piece_is_named_by_its_row(self, column):
        rows = 200_000
        good = np.arange(rows)
        for bad, words in ((-1, "is negative"), (2**63 - 1, "292 years")):
            duration = np.ones(rows, dtype=np.int64)
            duration[-1] = bad
            with pytest.raises(lc.TraceError, match=words) as caught:
                lc.Trace(column(good), "f", column(duration))
            assert caught.value.index == rows - 1
        late = good.copy()
        late[65_536] = 0  # where the next piece begins
        made = lc.Trace(column(late), "f", 0)
        assert made.order is not None
        assert made.arrival.tolist() == sorted(late)
