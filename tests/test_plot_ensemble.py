"""The pictures of many replications: what is drawn is what was computed, and it says what it is."""

import subprocess
import sys

import numpy as np
import pytest

import lambdacore as lc

pytest.importorskip("matplotlib", reason="matplotlib is not installed (lambdacore-sim[plot])")

from lambdacore.plot import BandsDisplay, ForestDisplay, SweepDisplay

LIMITS = [20, 25, 30, 35, 40, 50, 60]


def workload(extra=0):
    streams = {
        "checkout": lc.Stream(lc.Poisson(50), lc.LogNormal(0.2, 1.5)),
        "reports": lc.Stream(lc.OnOff(200, on=1, off=9), lc.Exponential(0.3)),
    }
    for i in range(extra):
        streams[f"f{i}"] = lc.Stream(lc.Poisson(4 + i), lc.Exponential(0.2))
    return lc.Workload(streams)


def account(load, limit=30):
    return lc.Account.for_trace(load, limit, unreserved_floor=0)


@pytest.fixture(scope="module")
def comparison():
    load = workload()
    base = account(load)
    candidates = {
        "reserve": base.replace("checkout", reserved_concurrency=15),
        "raise": base.replace(concurrency_limit=40),
    }
    return lc.compare(base, candidates, load, horizon=60, replications=30, rng=7)


@pytest.fixture(scope="module")
def limits():
    load = lc.Workload({"f": lc.Stream(lc.Poisson(100), lc.LogNormal(0.2, 1.5))})
    # Not in order: the picture is.
    values = [LIMITS[i] for i in (3, 0, 1, 2, 6, 5, 4)]
    return lc.sweep(
        account(load), load, {"concurrency_limit": values}, horizon=200, replications=20, rng=7
    )


@pytest.fixture(scope="module")
def two():
    load = workload()
    grid = {
        "concurrency_limit": [30, 35, 40, 45, 50],
        "checkout.reserved_concurrency": [5, 9, 15, 25],
    }
    return lc.sweep(account(load), load, grid, horizon=20, replications=8, rng=7)


@pytest.fixture(scope="module")
def runs():
    load = workload()
    reserved = account(load).replace("checkout", reserved_concurrency=15)
    return lc.monte_carlo(reserved, load, horizon=600, replications=25, rng=7, period=60)


def words(ax):
    legend = [] if ax.get_legend() is None else ax.get_legend().get_texts()
    parts = [*ax.texts, *legend, ax.xaxis.label, ax.yaxis.label]
    return [part.get_text() for part in parts] + [ax.get_title(loc="left")]


def said(ax):
    return "\n".join(words(ax))


def edges(area):
    """Lowest and highest y of a filled area at each of its x."""
    points = np.concatenate([path.vertices for path in area.get_paths()])
    return {x: (min(y), max(y)) for x in set(points[:, 0]) for y in [points[points[:, 0] == x, 1]]}


# Comparisons


def test_spread_and_interval_are_two_marks_with_the_extents_of_what_they_say(comparison):
    display = comparison.plot(confidence=0.9)
    assert isinstance(display, ForestDisplay)
    assert [row.function for row in display.rows_] == ["checkout"] * 2 + ["reports"] * 2 + [
        "Region"
    ] * 2
    for row, bar, dots, line, mean in zip(
        display.rows_, display.spread_bars_, display.spread_dots_, display.interval_lines_,
        display.mean_marks_, strict=True,
    ):  # fmt: skip
        of = (row.function, row.candidate)
        values = 100 * comparison.difference("throttle_ratio", of[0], candidate=of[1])
        interval = comparison.interval("throttle_ratio", of[0], candidate=of[1], confidence=0.9)
        spread = (bar.get_x(), bar.get_x() + bar.get_width())
        np.testing.assert_allclose(spread, np.quantile(values, (0.05, 0.95)))
        np.testing.assert_allclose(
            line.get_xdata(), [100 * interval.low, 100 * interval.high], atol=1e-9
        )
        np.testing.assert_allclose(mean.get_xdata(), 100 * interval.estimate)
        np.testing.assert_allclose(np.sort(dots.get_offsets()[:, 0]), np.sort(values))
        assert bar.get_height() * 0.5 > abs(np.ptp(line.get_ydata()))
        assert bar.get_alpha() < 0.5
        assert line.get_alpha() is None
    text = said(display.ax_)
    assert "spread: 5 % to 95 % of replications" in text
    assert "mean and its 90 % interval" in text
    assert "(percentage points)" in display.ax_.get_xlabel()
    assert set(display.zero_line_.get_xdata()) == {0}
    assert "30 replications of 60 s" in text


def test_a_tolerance_is_a_band_and_a_verdict_in_each_row(comparison):
    display = comparison.plot(tolerance=0.02)
    band = display.tolerance_band_
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((-2, 2))
    for row in display.rows_:
        assert row.verdict == comparison.verdict(
            "throttle_ratio", 0.02, row.function, candidate=row.candidate
        )
    verdicts = [w for w in words(display.ax_) if w[:2] in ("= ", "≠ ", "? ")]
    assert len(verdicts) == len(display.rows_)
    assert "tolerance ±2 percentage points" in said(display.ax_)


def test_counts_are_drawn_in_their_own_units(comparison):
    display = comparison.plot("peak_concurrency", functions=["Region"])
    assert display.ax_.get_xlabel().endswith("(concurrent executions)")
    assert [row.candidate for row in display.rows_] == ["reserve", "raise"]
    (first, _) = display.mean_marks_
    mean = comparison.difference("peak_concurrency", "Region", candidate="reserve").mean()
    assert first.get_xdata()[0] == pytest.approx(mean)


def test_of_many_functions_those_that_differ_most_are_shown_and_it_says_so():
    load = workload(extra=12)
    base = account(load, 40)
    shielded = base.replace("checkout", reserved_concurrency=15)
    answer = lc.compare(base, shielded, load, horizon=20, replications=5, rng=7)
    display = answer.plot()
    shown = [row.function for row in display.rows_]
    assert len(shown) == 13
    assert shown[-1] == "Region"
    moved = np.abs(answer.interval("throttle_ratio").estimate)
    expected = [answer.functions[i] for i in np.argsort(-moved)[:12]]
    assert shown[:-1] == expected
    assert "the 12 of 14 functions that differ most" in said(display.ax_).replace("\n", " ")
    assert len(answer.plot(functions=answer.functions).rows_) == 14


def test_one_replication_has_no_interval_and_none_is_drawn():
    load = workload()
    answer = lc.compare(account(load), account(load, 40), load, horizon=5, replications=1, rng=7)
    display = answer.plot(tolerance=0.01)
    assert all(np.isnan(line.get_xdata()).all() for line in display.interval_lines_)
    assert "interval" not in said(display.ax_)
    display.figure_.draw_without_rendering()


def test_a_function_without_calls_has_no_value_and_no_mark():
    load = lc.Workload(
        {
            "idle": lc.Stream(lc.Every(3600, offset=1800), lc.Constant(1.0)),
            "f": lc.Stream(lc.Poisson(100), lc.Constant(0.2)),
        }
    )
    answer = lc.compare(account(load), account(load, 40), load, horizon=5, replications=5, rng=7)
    display = answer.plot()
    assert "no value" in words(display.ax_)
    display.figure_.draw_without_rendering()


# Sweeps


def test_a_curve_has_a_band_for_the_interval_within_one_for_the_spread(limits):
    display = limits.plot("utilisation", levels=(0.1, 0.9))
    assert isinstance(display, SweepDisplay)
    assert display.kind_ == "curves"
    interval, narrow = limits.interval("utilisation"), edges(display.interval_areas_[0])
    wide = edges(display.spread_areas_[0])
    values = limits.values("utilisation", "Region")
    for i, limit in enumerate(limits.parameters["concurrency_limit"]):
        expected = (100 * interval.low[i], 100 * interval.high[i])
        assert narrow[limit] == pytest.approx(expected)
        assert wide[limit] == pytest.approx(tuple(100 * np.quantile(values[i], (0.1, 0.9))))
    (line,) = display.mean_lines_
    assert [*line.get_xdata()] == LIMITS
    assert display.spread_areas_[0].get_alpha() < display.interval_areas_[0].get_alpha()
    text = said(display.ax_)
    assert "95 % interval of the mean" in text
    assert "spread: 10 % to 90 % of replications" in text
    assert "utilisation (% of the limit)" in text
    assert "concurrency_limit (concurrent executions)" in text


def test_what_was_never_seen_stands_at_its_upper_bound_and_not_at_zero(limits):
    display = limits.plot()
    assert display.ax_.get_yscale() == "log"
    interval = limits.interval("throttle_ratio")
    unseen = {
        limit: 100 * high
        for limit, mean, high in zip(
            limits.parameters["concurrency_limit"], interval.estimate, interval.high, strict=True
        )
        if mean == 0
    }
    assert unseen
    (zeros,) = display.zero_marks_
    assert dict(zip(*zeros.get_data(), strict=True)) == pytest.approx(unseen)
    assert zeros.get_marker() == "v"
    assert zeros.get_markerfacecolor() == "white"
    (line,) = display.mean_lines_
    x, y = line.get_data()
    assert {int(limit) for limit in x[np.isnan(y)]} == set(unseen)
    assert "none in any replication: 95 % upper bound (Wilson)" in said(display.ax_)
    low, _ = display.ax_.get_ylim()
    assert 0 < low < min(unseen.values())


def test_a_target_is_a_line_and_the_smallest_value_that_reaches_it_is_named(limits):
    display = limits.plot(target=0.001)
    assert [*display.target_line_.get_ydata()] == pytest.approx([0.1, 0.1])
    smallest = limits.smallest("concurrency_limit", at_most=0.001)
    assert display.reached_ == [smallest]
    assert f"{smallest} is the smallest concurrency_limit" in said(display.ax_)
    assert "target 0.1 %" in words(display.ax_)
    missed = limits.plot("utilisation", target=0.01)
    assert missed.reached_ == [None]
    assert "target 1 %\nnot reached" in words(missed.ax_)


def test_what_is_no_number_has_points_with_whiskers():
    load = workload()
    values = {"checkout.reserved_concurrency": [None, 5, 15]}
    swept = lc.sweep(account(load), load, values, horizon=20, replications=8, rng=7)
    display = swept.plot("mean_concurrency", function="checkout")
    assert display.kind_ == "points"
    interval = swept.interval("mean_concurrency", "checkout")
    whiskers = np.array(display.interval_areas_[0].get_segments())
    np.testing.assert_allclose(whiskers[:, :, 1], np.column_stack([interval.low, interval.high]))
    spread = np.array(display.spread_areas_[0].get_segments())[:, :, 1]
    quantiles = np.quantile(swept.values("mean_concurrency", "checkout"), (0.05, 0.95), axis=1)
    np.testing.assert_allclose(spread, quantiles.T)
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == ["None", "5", "15"]


def test_a_list_of_points_is_named_point_by_point():
    load = workload()
    points = [
        {"concurrency_limit": 30, "checkout.reserved_concurrency": 5},
        {"concurrency_limit": 40, "checkout.reserved_concurrency": 15},
    ]
    swept = lc.sweep(account(load), load, points, horizon=10, replications=5, rng=7)
    display = swept.plot()
    assert display.kind_ == "points"
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels[1] == "concurrency_limit = 40\nreserved_concurrency = 15"


def test_two_parameters_are_a_heat_map_with_its_values_in_readable_cells(two):
    display = two.plot()
    assert display.kind_ == "heatmap"
    means = 100 * two.mean("throttle_ratio")
    np.testing.assert_allclose(display.mesh_.get_array().reshape(4, 5), means.T)
    assert len(display.cell_texts_) == 20
    for text in display.cell_texts_:
        i, j = (round(place) for place in text.get_position())
        assert float(text.get_text()) == pytest.approx(means[i, j], rel=0.005)
        cell = np.array(display.mesh_.to_rgba(means[i, j])[:3])
        assert contrast(text.get_color(), cell) > 3.5
    assert "% of arrivals" in display.colorbar_.ax.get_ylabel()
    assert "concurrency_limit (concurrent executions)" in display.ax_.get_xlabel()


def contrast(color, cell):
    from matplotlib.colors import to_rgb

    def luminance(rgb):
        rgb = np.asarray(rgb)
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    light = sorted([luminance(to_rgb(color)), luminance(cell)])
    return (light[1] + 0.05) / (light[0] + 0.05)


def test_the_target_parts_the_cells_of_a_heat_map(two):
    means = two.mean("throttle_ratio")
    target = float(np.median(means))
    display = two.plot(target=target)
    good = means <= target
    borders = (good[1:] != good[:-1]).sum() + (good[:, 1:] != good[:, :-1]).sum()
    assert len(display.target_contour_.get_segments()) == borders > 0
    missed = two.plot(target=0.0)
    assert missed.target_contour_ is None
    assert "not reached" in said(missed.ax_)


def test_cells_of_what_was_never_seen_say_below_which_bound():
    load = workload()
    grid = {"concurrency_limit": [60, 70], "checkout.reserved_concurrency": [5, 9, 15, 35]}
    swept = lc.sweep(account(load, 60), load, grid, horizon=30, replications=8, rng=7)
    display = swept.plot(function="checkout")
    high = 100 * swept.interval("throttle_ratio", "checkout").high
    zero = np.argwhere(swept.mean("throttle_ratio", "checkout") == 0)
    assert len(zero)
    shown = {text.get_position(): text.get_text() for text in display.cell_texts_}
    for i, j in zero:
        assert shown[i, j] == f"< {high[i, j]:.2g}"
    assert "bound (Wilson)" in said(display.ax_)


def test_two_parameters_are_several_curves_if_asked(two):
    display = two.plot(kind="curves", target=0.1)
    assert display.kind_ == "curves"
    assert len(display.mean_lines_) == 4
    means = two.mean("throttle_ratio")
    for k, line in enumerate(display.mean_lines_):
        np.testing.assert_allclose(line.get_ydata(), 100 * means[:, k])
    assert len({line.get_marker() for line in display.mean_lines_}) == 4
    for k, value in enumerate(display.reached_):
        good = np.array(two.parameters["concurrency_limit"])[means[:, k] <= 0.1]
        assert value == (good.min() if len(good) else None)
    assert "reserved_concurrency 25" in said(display.ax_)


def test_parameters_with_one_value_take_no_room():
    load = workload()
    grid = {"concurrency_limit": [30, 40], "checkout.reserved_concurrency": [9]}
    swept = lc.sweep(account(load), load, grid, horizon=10, replications=4, rng=7)
    display = swept.plot()
    assert display.kind_ == "curves"
    assert "checkout.reserved_concurrency = 9" in said(display.ax_)


@pytest.mark.parametrize(("replications", "target"), [(1, 0.0), (4, 0.5)])
def test_odd_sweeps_are_drawn(replications, target):
    calls = lc.Workload({"f": lc.Stream(lc.Poisson(50), lc.Constant(0.2))})
    idle = lc.Workload({"f": lc.Stream(lc.Every(3600, offset=1800), lc.Constant(1.0))})
    how = {"horizon": 5, "replications": replications, "rng": 7}
    for load, grid in (
        (calls, {"concurrency_limit": [10]}),
        (calls, {"concurrency_limit": [0, 8, 1000]}),
        (calls, {"concurrency_limit": [500, 1000]}),
        (calls, {"concurrency_limit": [5, 12, 14, 17, 1000]}),
        (calls, {"concurrency_limit": [8, 1000], "init_duration": [0.0, 0.1]}),
        (calls, {"concurrency_limit": [500, 1000], "init_duration": [None, 0.1]}),
        (idle, {"concurrency_limit": [8, 10]}),
        (idle, {"concurrency_limit": [8, 10], "init_duration": [0.0, 0.1]}),
    ):
        swept = lc.sweep(account(load), load, grid, **how)
        for kind in ("auto", "curves")[: len(grid)]:
            swept.plot(target=target, kind=kind).figure_.draw_without_rendering()


# Series


def test_bands_are_the_quantiles_of_each_bin_until_its_end(runs):
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    display = runs.plot(levels=levels)
    assert isinstance(display, BandsDisplay)
    bands = runs.bands("peak_concurrency", "Region", levels)
    assert len(display.areas_) == 2
    for k, area in enumerate(display.areas_):
        points = area.get_paths()[0].vertices
        for bin_, start in enumerate(bands.times):
            inside = np.isclose(points[:, 0], start / 60) | np.isclose(points[:, 0], start / 60 + 1)
            ys = points[inside, 1]
            assert np.isclose(ys, bands.values[k, bin_]).any()
            assert np.isclose(ys, bands.values[-1 - k, bin_]).any()
    assert display.areas_[0].get_alpha() < display.areas_[1].get_alpha()
    x, y = display.median_line_.get_data()
    np.testing.assert_allclose(y, np.repeat(bands.values[2], 2))
    assert (x[0], x[-1]) == (0, 10)
    text = said(display.ax_)
    assert "25 replications of 600 s" in text
    assert "5 % to 95 % of replications" in text
    assert "median of replications" in text
    assert display.ax_.get_xlabel() == "time (min)"
    assert display.ax_.get_ylabel() == "concurrent executions"


@pytest.mark.parametrize(
    ("function", "limit", "label"),
    [
        ("Region", 30, "account limit 30"),
        ("checkout", 15, "15 reserved for checkout"),
        ("reports", 15, "15 unreserved, shared"),
    ],
)
def test_the_limit_that_holds_is_a_line_with_its_name(runs, function, limit, label):
    display = runs.plot(function=function)
    assert set(display.limit_line_.get_ydata()) == {limit}
    assert label in words(display.ax_)


def test_a_limit_far_above_is_written_and_does_not_flatten_the_bands():
    load = workload()
    far = lc.monte_carlo(account(load, 1000), load, horizon=60, replications=4, rng=7, period=10)
    display = far.plot()
    assert display.limit_line_ is None
    assert "account limit 1,000, far above this scale" in said(display.ax_)
    assert display.ax_.get_ylim()[1] < 400


@pytest.mark.parametrize(
    ("statistic", "label"),
    [("throttle_ratio", "% of arrivals"), ("throttles", "calls per minute"),
     ("arrivals", "calls per minute")],
)  # fmt: skip
def test_series_name_their_units_and_have_no_limit(runs, statistic, label):
    display = runs.plot(statistic)
    assert display.ax_.get_ylabel() == label
    assert display.limit_line_ is None
    display.figure_.draw_without_rendering()


def test_bins_without_calls_are_gaps():
    load = lc.Workload({"f": lc.Stream(lc.Every(30, offset=5, count=50), lc.Constant(1.0))})
    gaps = lc.monte_carlo(account(load), load, horizon=60, replications=3, rng=7, period=10)
    display = gaps.plot("throttle_ratio")
    x, y = display.median_line_.get_data()
    assert np.isnan(y[(x > 10) & (x < 30)]).all()
    assert len(display.areas_[0].get_paths()) == 2
    display.figure_.draw_without_rendering()


# Manners


def test_given_axes_are_drawn_into(comparison, limits, two, runs):
    from matplotlib.figure import Figure

    axes = Figure(figsize=(20, 14), layout="constrained").subplots(2, 2)
    given = zip((comparison, limits, two, runs), axes.flat, strict=True)
    for what, ax in given:
        display = what.plot(ax=ax)
        assert display.ax_ is ax
        assert display.figure_ is ax.figure
    axes[0, 0].figure.draw_without_rendering()


def test_a_notebook_shows_them(comparison, two, runs):
    for what in (comparison, two, runs):
        assert what.plot()._repr_png_().startswith(b"\x89PNG")


def test_names_are_taken_as_they_are():
    names = ["_hidden", "$x^2$", "h" * 100]
    load = lc.Workload({name: lc.Stream(lc.Poisson(20), lc.Constant(0.2)) for name in names})
    low, high = account(load, 8), account(load, 12)
    answer = lc.compare(
        low, {"_a": high, "$b$": high}, load, horizon=10, replications=4, rng=7, period=5
    )
    display = answer.plot()
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels[:2] == names[:2]
    display.figure_.draw_without_rendering()
    answer["_a"].plot(function="_hidden").figure_.draw_without_rendering()


def test_what_cannot_be_drawn_is_refused_with_what_is_right(comparison, limits, two, runs):
    load = workload()
    grid = {
        "concurrency_limit": [30, 40],
        "checkout.reserved_concurrency": [5, 9],
        "reports.reserved_concurrency": [5, 9],
    }
    three = lc.sweep(account(load), load, grid, horizon=1, replications=2, rng=7)
    without = lc.monte_carlo(account(load), load, horizon=1, replications=2, rng=7)
    wide = {"concurrency_limit": range(30, 37), "checkout.reserved_concurrency": range(7)}
    many = lc.sweep(account(load), load, wide, horizon=1, replications=2, rng=7)
    for call, expected in (
        (lambda: three.plot(), r"choose points with sweep\.at\(\.\.\.\), or run a smaller sweep"),
        (lambda: ForestDisplay.from_comparison(runs), "is not a Comparison"),
        (lambda: SweepDisplay.from_sweep(runs), "is not a Sweep"),
        (lambda: BandsDisplay.from_runs(two), "is not Runs"),
        (lambda: comparison.plot("throttled"), "is not known"),
        (lambda: comparison.plot(functions=["chekout"]), "did you mean 'checkout'"),
        (lambda: comparison.plot(functions="checkout"), "a sequence"),
        (lambda: comparison.plot(functions=[]), "a sequence"),
        (lambda: comparison.plot(tolerance=-1), "tolerance"),
        (lambda: comparison.plot(confidence=1), "confidence"),
        (lambda: limits.plot("throttled"), "is not known"),
        (lambda: limits.plot(function="g"), "is not known"),
        (lambda: limits.plot(levels=(0.1, 0.5, 0.9)), "2 different quantiles"),
        (lambda: limits.plot(levels=0.5), "levels"),
        (lambda: limits.plot(target=-1), "target"),
        (lambda: limits.plot(kind="heatmap"), "two parameters"),
        (lambda: limits.plot(kind="lines"), "kind"),
        (lambda: many.plot(kind="curves"), "at most 6 values"),
        (lambda: without.plot(), "period"),
        (lambda: runs.plot("utilisation"), "is not known"),
        (lambda: runs.plot(levels=()), "different quantiles"),
        (lambda: runs.plot(levels=(0.5, 1.5)), "a ratio from 0 to 1"),
    ):
        with pytest.raises(lc.ConfigurationError, match=expected):
            call()


def test_matplotlib_is_imported_late_and_pyplot_never():
    code = (
        "import sys, lambdacore as lc, lambdacore.plot\n"
        "assert 'matplotlib' not in sys.modules\n"
        "load = lc.Workload({'f': lc.Stream(lc.Poisson(50), lc.Constant(0.2))})\n"
        "low, high = (lc.Account.for_trace(load, n, unreserved_floor=0) for n in (8, 12))\n"
        "how = dict(horizon=10, replications=4, rng=7)\n"
        "answer = lc.compare(low, high, load, period=1, **how)\n"
        "swept = lc.sweep(low, load, {'concurrency_limit': [8, 9]}, **how)\n"
        "assert 'matplotlib' not in sys.modules\n"
        "for what in (answer, answer['baseline'], swept):\n"
        "    what.plot().figure_.draw_without_rendering()\n"
        "assert 'matplotlib' in sys.modules\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)


def test_without_matplotlib_the_remedy_is_said(monkeypatch, comparison, limits, runs):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for what in (comparison, limits, runs):
        with pytest.raises(lc.LambdacoreError, match=r"pip install 'lambdacore-sim\[plot\]'"):
            what.plot()
