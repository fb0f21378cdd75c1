"""The pictures of provisioned concurrency: a pool of its own, or a part of a reservation."""

import numpy as np
import pytest

import lambdacore as lc

pytest.importorskip("matplotlib", reason="matplotlib is not installed (lambdacore-sim[plot])")

from lambdacore.plot import ConcurrencyDisplay, compare


def make_result(limit=30, functions="abc", n=3_000, weights=None, **claims):
    rng = np.random.default_rng(7)
    trace = lc.Trace(
        rng.uniform(0, 60, n),
        rng.choice(len(functions), n, p=weights),
        rng.exponential(0.8, n),
        [*functions],
    )
    return lc.simulate(lc.Account.for_trace(trace, limit, unreserved_floor=0, **claims), trace)


def rows_of(display, name):
    return [row for row, function in enumerate(display.functions) if function == name]


def extent(area):
    """Lowest and highest level of a drawn area."""
    levels = area.get_paths()[0].vertices[:, 1]
    return levels.min(), levels.max()


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend_of(holder):
    return [text.get_text() for text in holder.get_texts()]


def test_provisioned_concurrency_without_a_reservation_is_a_band_of_its_own():
    """Rules 1.5 and 3.5: it is carved out of the limit, and the shared pool is what is left."""
    result = make_result(provision={"a": 10})
    display = ConcurrencyDisplay.from_result(result, period=1)
    own, spill = rows_of(display, "a")
    assert own == 0
    assert display.provisioned[own] == 10
    assert display.colors[own] == display.colors[spill]
    assert extent(display.areas_[own]) == (0, 10)
    assert extent(display.areas_[spill])[0] == 10
    assert "10 provisioned\nfor a" in texts(display.ax_)
    assert f"{result.account.unreserved_concurrency} shared" in texts(display.ax_)


def test_the_stack_touches_the_limit_exactly_when_the_shared_pool_is_full():
    """What runs on demand is CloudWatch's UnreservedConcurrentExecutions, bin by bin."""
    result = make_result(provision={"a": 6, "b": 4}, reserve={"c": 5})
    display = ConcurrencyDisplay.from_result(result, period=1)
    shared = [
        row
        for row, claims in enumerate(zip(display.reserved, display.provisioned, strict=True))
        if claims == (None, None)
    ]
    level = display.concurrency[shared].sum(axis=0)
    metric = np.nan_to_num(result.metric("UnreservedConcurrentExecutions", period=1))
    np.testing.assert_array_equal(level, metric)
    assert level.max() == result.account.unreserved_concurrency == 15
    assert extent(display.areas_[shared[-1]])[1] == 30


def test_the_band_is_filled_by_what_runs_on_provisioned_environments():
    """Its level is CloudWatch's ProvisionedConcurrentExecutions, over all qualifiers."""
    result = make_result(provision={"a": 10})
    display = ConcurrencyDisplay.from_result(result, period=1)
    own, spill = rows_of(display, "a")
    metric = result.metric("ProvisionedConcurrentExecutions", period=1, function="a")
    np.testing.assert_array_equal(display.concurrency[own], np.nan_to_num(metric))
    assert display.concurrency[spill].any()


def test_a_function_in_two_pools_is_counted_once():
    """Legend, headline and arrivals are about functions, not about rows."""
    result = make_result(provision={"a": 10})
    display = ConcurrencyDisplay.from_result(result, focus="a")
    lost, share = result.summary()["throttles"][0], 100 * result.summary()["throttle_ratio"][0]
    assert lost > 0
    title = [*texts(display.ax_), display.ax_.get_title(loc="left")]
    assert f"a: {lost:,} throttled ({share:.3g} %)" in title
    assert sum(display.arrivals) == len(result)
    assert display.throttles.sum() == result.throttled.sum()
    legend = legend_of(display.ax_.get_legend())
    assert sorted(legend) == ["a", "b", "c", "provisioned, not in use"]


def test_provisioned_concurrency_inside_a_reservation_is_a_line_in_its_band():
    """Rules 3.4 and 3.6: the account's pool loses the reservation, not more."""
    result = make_result(provision={"a": 5}, reserve={"a": 15})
    display = ConcurrencyDisplay.from_result(result, period=1)
    assert rows_of(display, "a") == [0]
    np.testing.assert_array_equal(display.concurrency[0], result.concurrency(1, function="a"))
    levels = [set(line.get_ydata()) for line in display.ax_.lines]
    assert {5} in levels
    assert {"5 provisioned", "15 reserved\nfor a", "15 shared"} <= {*texts(display.ax_)}


def test_a_line_near_the_top_of_its_band_has_no_label():
    """Words only where they fit."""
    display = ConcurrencyDisplay.from_result(make_result(provision={"a": 15}, reserve={"a": 15}))
    assert {15} in [set(line.get_ydata()) for line in display.ax_.lines]
    assert "15 provisioned" not in texts(display.ax_)


def test_what_others_hold_provisioned_lies_apart_from_what_they_share():
    """The others are one to the legend, and hold what is theirs even where they never ran."""
    result = make_result(
        functions="abcdef",
        weights=[0.5, 0.1, 0.1, 0.1, 0.1, 0.1],
        provision={"d": 2, "e": 3, "f": 4},
        reserve={"f": 6},
    )
    idle = lc.Function("idle", provisioned_concurrency=1)
    account = result.account.replace(functions=[*result.account.functions, idle])
    result = lc.simulate(account, result.trace)
    display = ConcurrencyDisplay.from_result(result, top=1, period=1)
    own, shared = rows_of(display, "5 others")
    assert (display.provisioned[own], display.provisioned[shared]) == (6, None)
    assert display.concurrency[own].max() == 5
    (reserved,) = rows_of(display, "1 other with a reservation")
    assert (display.reserved[reserved], display.provisioned[reserved]) == (6, 4)
    assert f"{account.unreserved_concurrency} shared" in texts(display.ax_)
    assert legend_of(display.ax_.get_legend()).count("5 others") == 1
    assert sum(display.arrivals) == len(result)


def test_with_a_schedule_the_bands_are_those_of_the_start():
    """What is provisioned later runs in the rows that the picture has."""
    trace = make_result().trace
    functions = [
        lc.Function("a", provisioned_concurrency=10),
        lc.Function("b", versions=1),
        lc.Function("c"),
    ]
    labels = ["a", "b:1", "c"]
    trace = lc.Trace(trace.arrival, trace.function, trace.duration, labels)
    schedule = (
        lc.Schedule()
        .put_provisioned_concurrency_config(1.0, "b", 1, 5)
        .delete_provisioned_concurrency_config(30.0, "a", "live")
    )
    profile = lc.Profile(pc_prep_s=1.0)
    account = lc.Account(30, functions, unreserved_floor=0, profile=profile)
    result = lc.simulate(account, trace, schedule=schedule)
    assert [answer.accepted for answer in result.answers] == [True, True]
    assert all(result.summary()["provisioned"][:2] > 0)
    display = ConcurrencyDisplay.from_result(result, period=1)
    own, spill = rows_of(display, "a")
    assert not display.concurrency[own, 35:].any()
    assert display.concurrency[spill, 35:].any()
    assert len(rows_of(display, "b")) == 1
    assert {"10 provisioned\nfor a", "20 shared"} < {*texts(display.ax_)}
    assert sum(display.arrivals) == len(result)


def test_panels_with_and_without_provisioned_concurrency_share_legend_and_colours():
    """One colour for one function, in whichever pools it runs."""
    runs = {"before": make_result(), "after": make_result(provision={"a": 4}, reserve={"c": 5})}
    picture = compare(runs)
    pairs = {
        pair
        for display in picture.displays_.values()
        for pair in zip(display.functions, display.colors, strict=True)
    }
    assert len(pairs) == 3
    legend = legend_of(picture.figure_.legends[0])
    assert legend.count("a") == 1
    assert legend[-1] == "reserved or provisioned, not in use"


def test_plain_arrays_can_have_provisioned_rows():
    """Rows of one name are one function."""
    display = ConcurrencyDisplay(
        [0, 10**9],
        [[1, 2], [3, 0], [1, 1]],
        [[0, 0], [0, 4], [0, 1]],
        period=1,
        functions=["a", "a", "b"],
        concurrency_limit=6,
        provisioned=[2, None, None],
    ).plot()
    assert display.colors[0] == display.colors[1] != display.colors[2]
    assert extent(display.areas_[1])[1] == 5
    assert "4 shared" in texts(display.ax_)
    title = [*texts(display.ax_), display.ax_.get_title(loc="left")]
    assert "a: 4 throttled" in title


def test_a_narrow_panel_names_the_next_function_without_its_share():
    """A name says more than a percentage, and a headline is no smaller than what surrounds it."""
    result = make_result(n=90_000, functions=["a", "a-neighbour"])
    picture = compare(dict.fromkeys("xyz", result), focus="a")
    lost = result.summary()["throttles"][1]
    for title, display in picture.displays_.items():
        assert f"also throttled: a-neighbour {lost:,}" in texts(display.ax_)
        sizes = {text.get_text(): text.get_fontsize() for text in display.ax_.texts}
        (headline,) = (size for words, size in sizes.items() if words.startswith("a: "))
        assert headline >= sizes[f"also throttled: a-neighbour {lost:,}"]
        assert display.ax_.get_title(loc="left") == title
        assert headline >= display.ax_._left_title.get_fontsize()
