"""The pictures: what is drawn is what was simulated, to the last invocation."""

import importlib.util
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lambdacore as lc

pytest.importorskip("matplotlib", reason="matplotlib is not installed (lambdacore-sim[plot])")

from lambdacore.plot import ConcurrencyDisplay, compare
from lambdacore.plot._levels import Runs, levels_at_peaks
from lambdacore.plot._rows import choose_period

EPOCH = 1_790_000_000
ROOT = Path(__file__).parents[1]


def make_result(
    limit=30, reserve=None, n=600, start=0.0, span=60.0, names=("a", "b", "c"), **values
):
    rng = np.random.default_rng(7)
    trace = lc.Trace(
        start + rng.uniform(0, span, n),
        rng.integers(0, len(names), n) if n else np.zeros(0, np.int64),
        rng.exponential(span / 15, n),
        names,
    )
    values = {"unreserved_floor": 0, **values}
    return lc.simulate(lc.Account.for_trace(trace, limit, reserve=reserve, **values), trace)


def heights(area, bins):
    """(lower, upper) edge of a drawn area in the middle of each bin."""
    points = area.get_paths()[0].vertices
    across = [
        (min(x0, x1), max(x0, x1), y0)
        for (x0, y0), (x1, y1) in itertools.pairwise(points)
        if y0 == y1 and x0 != x1
    ]
    low, high = points[:, 0].min(), points[:, 0].max()
    middles = low + (np.arange(bins) + 0.5) * (high - low) / bins
    levels = [[y for x0, x1, y in across if x0 < x < x1] for x in middles]
    return np.array([(min(ys), max(ys)) for ys in levels]).T


def texts(ax):
    return [text.get_text() for text in ax.texts] + [ax.get_title(loc="left")]


# What is drawn


def test_the_stack_ends_at_the_region_s_maximum():
    result = make_result()
    display = ConcurrencyDisplay.from_result(result, period=1)
    region = result.concurrency(1, account=True)
    assert region.max() == 30
    uppers = [heights(area, len(region))[1] for area in display.areas_]
    np.testing.assert_array_equal(np.max(uppers, axis=0), region)
    np.testing.assert_array_equal(display.concurrency.sum(axis=0), region)


def test_areas_stand_on_each_other():
    display = ConcurrencyDisplay.from_result(make_result(), period=1)
    bins = len(display.bin_starts)
    floor = np.zeros(bins)
    for area, level in zip(display.areas_, display.concurrency, strict=True):
        lower, upper = heights(area, bins)
        np.testing.assert_array_equal(lower, floor)
        np.testing.assert_array_equal(upper - lower, level)
        floor = upper


def test_a_reservation_is_a_band_of_its_own_below_the_shared_pool():
    result = make_result(reserve={"b": 10})
    display = ConcurrencyDisplay.from_result(result, period=1)
    bins = len(display.bin_starts)
    assert display.functions[0] == "b"
    lower, upper = heights(display.areas_[0], bins)
    assert not lower.any()
    np.testing.assert_array_equal(upper, result.concurrency(1, function="b"))
    shared = result.metric("UnreservedConcurrentExecutions", period=1)
    top = heights(display.areas_[-1], bins)[1]
    np.testing.assert_array_equal(top, 10 + np.nan_to_num(shared))
    assert heights(display.areas_[1], bins)[0].min() == 10
    assert "10 reserved\nfor b" in texts(display.ax_)
    assert "20 shared" in texts(display.ax_)


def test_the_limit_is_a_line_with_its_label():
    display = ConcurrencyDisplay.from_result(make_result(limit=1_234, n=100_000))
    assert set(display.limit_line_.get_ydata()) == {1_234}
    assert "account limit 1,234" in texts(display.ax_)
    assert display.ax_.get_ylim()[1] > 1_234


def test_a_limit_far_above_the_traffic_does_not_flatten_it():
    display = ConcurrencyDisplay.from_result(make_result(limit=10_000))
    peak = display.concurrency.sum(axis=0).max()
    assert peak < display.ax_.get_ylim()[1] < 2 * peak
    assert any("limit 10,000, far above" in text for text in texts(display.ax_))


def test_throttles_are_drawn_as_counted():
    result = make_result()
    display = ConcurrencyDisplay.from_result(result, period=1)
    throttles = result.throttles(1)
    assert throttles.sum() > 0
    for name, area in zip(display.functions, display.throttle_areas_, strict=True):
        lower, upper = heights(area, throttles.shape[1])
        np.testing.assert_array_equal(upper - lower, throttles[result.account.index(name)])


def test_the_others_are_one_grey_row():
    result = make_result(names=[f"f{i}" for i in range(12)])
    display = ConcurrencyDisplay.from_result(result, period=1, top=2)
    assert len(display.functions) == 3
    grey = display.functions.index("10 others")
    assert display.colors.count(display.colors[grey]) == 1
    named = [result.account.index(name) for name in display.functions if name != "10 others"]
    throttles = result.throttles(1)
    rest = throttles.sum(axis=0) - throttles[named].sum(axis=0)
    np.testing.assert_array_equal(display.throttles[grey], rest)
    assert sum(display.arrivals) == len(result)


def test_others_with_a_reservation_keep_their_capacity_apart():
    result = make_result(names=[f"f{i}" for i in range(12)], reserve={"f9": 3, "f10": 2, "f11": 1})
    display = ConcurrencyDisplay.from_result(result, period=1, top=1)
    row = next(i for i, f in enumerate(display.functions) if f.endswith("with a reservation"))
    assert sum(holds or 0 for holds in display.reserved) == 6
    assert display.concurrency[row].max() <= display.reserved[row]


# That the levels are true


@given(
    calls=st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 3), st.sampled_from([0, 0, 1, 3, 12])),
        min_size=1,
        max_size=40,
    ),
    limit=st.integers(1, 9),
    period=st.integers(1, 15),
    init=st.sampled_from([0, 2]),
)
def test_levels_are_those_of_one_true_instant_at_the_peak(calls, limit, period, init):
    arrival, function, duration = (
        np.array(column, np.int64) for column in zip(*calls, strict=True)
    )
    trace = lc.Trace(arrival, function, duration, list("abcd"))
    account = lc.Account.for_trace(trace, limit, unreserved_floor=0, init_duration=init * 1e-9)
    result = lc.simulate(account, trace)
    starts = result.bin_starts(period * 1e-9)
    runs = Runs.of(result)
    levels = levels_at_peaks(runs, np.arange(4), 4, starts)
    np.testing.assert_array_equal(
        levels.sum(axis=0), result.concurrency(period * 1e-9, account=True)
    )
    for column, begin in enumerate(starts.tolist()):
        assert tuple(levels[:, column].tolist()) in set(true_levels(runs, begin, begin + period))


def true_levels(runs, begin, end):
    """All levels by function that a bin sees: carried in, and just after each arrival."""
    all_runs = list(zip(*(column.tolist() for column in runs), strict=True))

    def level(time, arrived):
        running = [
            function
            for i, (_, stop, function) in enumerate(all_runs[:arrived])
            if stop > time or (i == arrived - 1 and all_runs[i][0] == time and begin <= time)
        ]
        return tuple(running.count(function) for function in range(4))

    yield level(begin, sum(start < begin for start, _, _ in all_runs))
    for i, (start, _, _) in enumerate(all_runs):
        if begin <= start < end:
            yield level(start, i + 1)


# Words and scales


@pytest.mark.parametrize(
    ("span", "start", "label"),
    [
        (1e-4, 0.0, "time (µs)"),
        (0.1, 0.0, "time (ms)"),
        (60.0, 0.0, "time (s)"),
        (3600.0, 0.0, "time (min)"),
        (86400.0, 0.0, "time (h)"),
        (7 * 86400.0, 0.0, "time (days)"),
        (3600.0, EPOCH, "time (UTC)"),
    ],
)
def test_axes_name_their_units(span, start, label):
    display = ConcurrencyDisplay.from_result(make_result(span=span, start=start))
    assert display.throttle_ax_.get_xlabel() == label
    assert display.ax_.get_ylabel() == "concurrent executions"
    assert display.throttle_ax_.get_title(loc="left").startswith("throttled per ")


def test_dates_stand_where_they_belong():
    matplotlib_dates = pytest.importorskip("matplotlib.dates")
    display = ConcurrencyDisplay.from_result(make_result(start=EPOCH, span=3600.0))
    expected = np.datetime64(int(display.bin_starts[0]), "ns")
    assert display.ax_.get_xlim()[0] == pytest.approx(matplotlib_dates.date2num(expected), abs=1e-8)


@pytest.mark.parametrize(
    ("span", "period"), [(0.5, 0.001), (60.0, 0.1), (600.0, 1), (3600.0, 5), (86400.0, 120)]
)
def test_the_period_is_round_and_gives_few_columns(span, period):
    result = make_result(span=span)
    assert choose_period([result]) == pytest.approx(period)
    assert len(ConcurrencyDisplay.from_result(result).bin_starts) <= 1_001


def test_the_headline_says_the_numbers():
    result = make_result(n=60_000)
    summary = result.summary()
    count, ratio = summary["throttles"][1], 100 * summary["throttle_ratio"][1]
    display = ConcurrencyDisplay.from_result(result, focus="b", title="Today")
    assert f"b: {count:,} throttled ({ratio:.3g} %)" in texts(display.ax_)
    assert "Today" in texts(display.ax_)
    assert count > 1_000


def test_an_unknown_focus_is_refused():
    with pytest.raises(lc.ConfigurationError, match="did you mean 'a'"):
        ConcurrencyDisplay.from_result(make_result(names=("a",)), focus="aa")


def test_names_are_taken_as_they_are():
    names = ["_hidden", "$x^2$", "h" * 129]
    display = ConcurrencyDisplay.from_result(make_result(names=names))
    shown = {text.get_text() for text in display.ax_.get_legend().get_texts()}
    assert {"_hidden", "$x^2$"} < shown
    assert max(map(len, shown)) == 32
    display.figure_.draw_without_rendering()


# Side by side


def test_panels_share_scales_colours_and_bins():
    before, after = make_result(), make_result(reserve={"b": 15})
    picture = compare({"before": before, "after": after})
    left, right = picture.displays_.values()
    assert left.figure_ is right.figure_ is picture.figure_
    assert dict(zip(left.functions, left.colors, strict=True)) == dict(
        zip(right.functions, right.colors, strict=True)
    )
    assert left.ax_.get_ylim() == right.ax_.get_ylim()
    assert left.throttle_ax_.get_ylim() == right.throttle_ax_.get_ylim()
    assert left.period == right.period
    assert "before" in texts(left.ax_)
    assert "after" in texts(right.ax_)
    (legend,) = picture.figure_.legends
    assert "reserved, not in use" in [text.get_text() for text in legend.get_texts()]


def test_the_headline_is_about_whom_the_change_helps():
    picture = compare({"before": make_result(), "after": make_result(reserve={"b": 15})})
    for display in picture.displays_.values():
        assert display.focus == "b"
        assert display.functions[0] == "b"


def test_no_results_are_refused():
    with pytest.raises(lc.ConfigurationError, match="by title"):
        compare({})


# Odd results


@pytest.mark.parametrize(
    "result",
    [
        make_result(n=0),
        make_result(n=1),
        make_result(limit=10_000),
        make_result(names=("only",)),
        make_result(limit=0),
        make_result(reserve={"a": 0}),
        make_result(reserve={"a": 30}),
        make_result(n=5_000, names=[f"{i:0129d}" for i in range(10_000)], reserve={"0" * 129: 5}),
        make_result(n=20, span=0.0),
        make_result(n=20, span=0.0, start=EPOCH),
    ],
    ids=["empty", "one", "far", "single", "zero", "closed", "all", "many", "instant", "epoch"],
)
def test_odd_results_are_drawn(result):
    display = ConcurrencyDisplay.from_result(result)
    display.figure_.draw_without_rendering()
    assert display.throttles.sum() == np.count_nonzero(result.outcome >= 16)
    compare({"one": result, "same": result}).figure_.draw_without_rendering()


def test_plain_arrays_are_enough():
    display = ConcurrencyDisplay(
        [0, 10**9],
        [[1, 2], [3, 4]],
        [[0, 0], [0, 5]],
        period=1,
        functions=["a", "b"],
        concurrency_limit=6,
    ).plot(alpha=0.5)
    assert heights(display.areas_[1], 2).tolist() == [[1, 2], [4, 6]]
    assert display.areas_[0].get_alpha() == 0.5
    assert "b: 5 throttled" in texts(display.ax_)


# Manners


def test_a_notebook_shows_it():
    assert ConcurrencyDisplay.from_result(make_result())._repr_png_().startswith(b"\x89PNG")
    assert compare({"one": make_result()})._repr_png_().startswith(b"\x89PNG")


def test_given_axes_are_drawn_into():
    from matplotlib.figure import Figure

    left, right = Figure(layout="constrained").subplots(1, 2)
    display = ConcurrencyDisplay.from_result(make_result(), ax=right)
    assert display.ax_ is right
    assert display.figure_ is left.figure
    assert not left.collections


def test_chosen_colours_count():
    colors = {"b": "tab:red"}
    display = ConcurrencyDisplay.from_result(make_result(reserve={"b": 5}), colors=colors)
    assert display.colors[display.functions.index("b")] == "tab:red"


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)


def test_matplotlib_and_pyplot_are_left_alone():
    run_python(
        "import sys, lambdacore as lc, lambdacore.plot\n"
        "assert 'matplotlib' not in sys.modules\n"
        "trace = lc.Trace([0.0, 1.0], 'a', [1.0, 1.0])\n"
        "result = lc.simulate(lc.Account.for_trace(trace), trace)\n"
        "lambdacore.plot.compare({'one': result}).figure_.draw_without_rendering()\n"
        "assert 'matplotlib' in sys.modules\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )


def test_without_matplotlib_the_remedy_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(lc.LambdacoreError, match=r"pip install 'lambdacore-sim\[plot\]'"):
        ConcurrencyDisplay.from_result(make_result())


def test_the_example_tells_its_story(tmp_path, monkeypatch, capsys):
    path = ROOT / "examples" / "noisy_neighbour.py"
    spec = importlib.util.spec_from_file_location("noisy_neighbour", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    monkeypatch.setattr(sys, "argv", [str(path), "--output", str(tmp_path)])
    example.main()
    assert (tmp_path / "noisy_neighbour.png").stat().st_size > 10_000
    assert "The reservation takes checkout from 12.7% throttled to 0.0%." in capsys.readouterr().out


def test_what_is_no_run_is_refused_with_what_is_right():
    """Typed errors, not those of matplotlib or of an attribute that is missing."""
    trace = lc.Trace([0.0] * 3, "f", 1.0)
    result = lc.simulate(lc.Account.for_trace(trace, 2, unreserved_floor=0), trace)
    for call, words in (
        (lambda: ConcurrencyDisplay.from_result(trace), "is not a Result"),
        (lambda: ConcurrencyDisplay.from_result(result, function="f"), "style"),
        (lambda: compare([result, result]), "by title"),
        (lambda: compare(result, result), "by title"),
        (lambda: compare({}), "by title"),
        (lambda: compare({"a": trace}), "is not a Result"),
        (lambda: compare({"a": result}, legend=True), "set by compare"),
    ):
        with pytest.raises(lc.ConfigurationError, match=words):
            call()


def test_the_plot_module_is_reached_as_an_attribute():
    assert lc.plot.ConcurrencyDisplay is ConcurrencyDisplay
