"""Intervals of confidence: against scipy, and how often they hold the true value."""

import math

import numpy as np
import pytest
from scipy import stats

from lambdacore import _intervals, _student
from lambdacore._intervals import Interval
from lambdacore.errors import ConfigurationError

# Student's t


@pytest.mark.parametrize("df", [1, 2, 3, 5, 10, 29, 79, 80, 81, 199, 1000, 10**4, 10**6])
def test_quantiles_of_students_t_are_those_of_scipy(df):
    for tail in [0.4999, 0.4, 0.25, 0.1, 0.05, 0.025, 0.005, 1e-4, 1e-6]:
        exact = stats.t.ppf(1 - tail, df)
        assert _student.t_quantile(1 - (1 - tail), df) == pytest.approx(exact, rel=1e-9)
    assert _student.t_quantile(0.5, df) == 0
    assert _student.t_quantile(0.9, df) == -_student.t_quantile(1 - 0.9, df)


def test_quantiles_with_one_and_two_degrees_of_freedom_are_their_closed_forms():
    for tail in [0.3, 0.025, 1e-3, 1e-9]:
        assert _student.t_quantile(tail, 1) == pytest.approx(1 / math.tan(math.pi * tail))
        p = 1 - 2 * tail
        assert _student.t_quantile(tail, 2) == pytest.approx(p * math.sqrt(2 / (1 - p * p)))


def test_an_interval_of_a_mean_is_that_of_scipy():
    values = np.random.default_rng(1).exponential(size=(30, 4))
    found = _intervals.mean_t(values, 0.99)
    exact = stats.t.interval(0.99, 29, values.mean(axis=0), stats.sem(values))
    assert found.low == pytest.approx(exact[0], rel=1e-10)
    assert found.high == pytest.approx(exact[1], rel=1e-10)
    assert found.estimate == pytest.approx(values.mean(axis=0), rel=1e-14)
    assert found.samples.tolist() == [30] * 4


def test_replications_without_a_value_are_left_out_of_their_column():
    nan = math.nan
    values = np.array([[1.0, nan, nan], [2.0, 5.0, nan], [4.0, 6.0, nan], [9.0, nan, nan]])
    found = _intervals.mean_t(values, 0.95)
    assert found.samples.tolist() == [4, 2, 0]
    assert found[0] == _intervals.mean_t([1.0, 2.0, 4.0, 9.0], 0.95)
    assert found[1] == _intervals.mean_t([5.0, 6.0], 0.95)
    assert math.isnan(found.estimate[2])
    assert (found.low[2], found.high[2]) == (-math.inf, math.inf)


def test_one_replication_says_nothing_about_its_error():
    for method in (_intervals.mean_t, _intervals.bootstrap):
        found = method([3.0], 0.95)
        assert (found.estimate, found.low, found.high) == (3, -math.inf, math.inf)
        assert found.half_width == math.inf


def test_equal_replications_have_an_interval_of_no_width():
    for method in (_intervals.mean_t, _intervals.bootstrap):
        found = method([0.1] * 7, 0.95)
        assert found.estimate == found.low == found.high == 0.1
        assert found.half_width == 0


def coverage(draw, true):
    """How often an interval of 95 % of 20 samples holds the true value, of 2,000."""
    values = draw(np.random.default_rng(20), (20, 2000))
    found = _intervals.mean_t(values, 0.95)
    return ((found.low <= true) & (true <= found.high)).mean()


def test_intervals_of_normal_samples_hold_the_true_mean_as_often_as_they_say():
    assert 0.935 < coverage(lambda rng, shape: rng.normal(5.0, 2.0, shape), 5.0) < 0.965


def test_intervals_of_skewed_samples_hold_the_true_mean_nearly_as_often():
    assert 0.90 < coverage(lambda rng, shape: rng.exponential(1.0, shape), 1.0) < 0.955


def test_a_difference_of_replications_that_go_together_is_the_interval_of_differences():
    rng = np.random.default_rng(3)
    common = rng.normal(100.0, 30.0, 25)
    a, b = common + rng.normal(1.0, 1.0, 25), common + rng.normal(0.0, 1.0, 25)
    found = _intervals.paired(a, b, 0.95)
    alone = _intervals.mean_t(a - b, 0.95)
    assert (found.estimate, found.low, found.high) == (alone.estimate, alone.low, alone.high)
    assert found.method == "paired t"
    assert 0 < found.low < 1 < found.high
    assert found.half_width < _intervals.mean_t(a, 0.95).half_width / 10


# The bootstrap


def test_a_bootstrap_interval_is_near_that_of_scipy():
    values = np.random.default_rng(4).exponential(size=40)
    found = _intervals.bootstrap(values, 0.95, resamples=20_000, seed=1)
    exact = stats.bootstrap(
        (values,), np.mean, method="BCa", n_resamples=20_000, rng=np.random.default_rng(2)
    ).confidence_interval
    width = exact.high - exact.low
    assert found.low == pytest.approx(exact.low, abs=0.03 * width)
    assert found.high == pytest.approx(exact.high, abs=0.03 * width)
    # It leans to the side of the long tail.
    assert found.high - found.estimate > found.estimate - found.low


def test_a_seed_always_gives_the_same_bootstrap_and_another_seed_another():
    values = np.random.default_rng(5).exponential(size=(30, 3))
    first = _intervals.bootstrap(values, 0.9, seed=7)
    assert first == _intervals.bootstrap(values, 0.9, seed=7)
    assert first != _intervals.bootstrap(values, 0.9, seed=8)


def test_columns_are_resampled_as_each_would_be_alone():
    """With more columns than are held at once, and with values missing."""
    values = np.random.default_rng(6).exponential(size=(12, 25))
    values[3, 5] = values[4, 5] = values[3, 9] = math.nan
    values[:, 11] = 2.5
    values[:-1, 12] = math.nan
    found = _intervals.bootstrap(values, 0.95, resamples=100_000)
    assert found.samples[[5, 9, 11, 12]].tolist() == [10, 11, 12, 1]
    for column in (0, 5, 9, 11, 12, 24):
        known = values[~np.isnan(values[:, column]), column]
        alone = _intervals.bootstrap(known, 0.95, resamples=100_000)
        assert found[column].low == pytest.approx(alone.low, rel=1e-9)
        assert found[column].high == pytest.approx(alone.high, rel=1e-9)


# Shares


@pytest.mark.parametrize(
    ("events", "trials"), [(0, 10), (1, 10), (10, 10), (3, 1000), (0, 100_000), (40_000, 90_000)]
)
def test_a_score_interval_is_that_of_scipy(events, trials):
    for confidence in (0.9, 0.95, 0.999):
        found = _intervals.wilson(events, trials, confidence)
        exact = stats.binomtest(events, trials).proportion_ci(confidence, method="wilson")
        assert found.estimate == events / trials
        assert found.low == pytest.approx(exact.low, rel=1e-12, abs=1e-15)
        assert found.high == pytest.approx(exact.high, rel=1e-12)
        assert found.samples == trials


def test_an_event_that_was_never_seen_has_a_positive_upper_bound():
    found = _intervals.wilson(0, 100_000, 0.95)
    z = stats.norm.ppf(0.975)
    assert (found.estimate, found.low) == (0, 0)
    assert found.high == pytest.approx(z * z / (100_000 + z * z))
    assert 0 in found
    assert repr(found) == "<Interval: < 3.8e-05, 95 %, wilson, 100,000 trials>"


def test_a_share_of_nothing_is_anywhere_from_zero_to_one():
    found = _intervals.wilson([0, 1], [0, 2], 0.95)
    assert math.isnan(found.estimate[0])
    assert (found.low[0], found.high[0]) == (0, 1)


def test_inflated_trials_are_that_many_fewer():
    inflated, fewer = _intervals.wilson(40, 4000, 0.95, 4.0), _intervals.wilson(10, 1000, 0.95)
    assert inflated.estimate == fewer.estimate
    assert inflated.low == pytest.approx(fewer.low, rel=1e-14)
    assert inflated.high == pytest.approx(fewer.high, rel=1e-14)
    assert inflated.samples == 4000


def test_clusters_of_ten_inflate_the_variance_about_tenfold():
    rng = np.random.default_rng(8)
    trials = np.full(2000, 1000)
    alone = rng.binomial(1000, 0.05, 2000)
    clusters = 10 * rng.binomial(100, 0.05, 2000)
    assert _intervals.design_effect(alone, trials) == pytest.approx(1, abs=0.1)
    assert _intervals.design_effect(clusters, trials) == pytest.approx(10, rel=0.1)
    both = _intervals.design_effect(np.stack([alone, clusters], 1), trials[:, None])
    assert both[1] == pytest.approx(_intervals.design_effect(clusters, trials))


def test_an_effect_that_cannot_be_seen_is_one():
    assert _intervals.design_effect([0, 0, 0], [10, 20, 30]) == 1
    assert _intervals.design_effect([10, 20], [10, 20]) == 1
    assert _intervals.design_effect([5], [10]) == 1
    assert _intervals.design_effect([0, 0], [0, 0]) == 1
    assert type(_intervals.design_effect([1, 2], [10, 10])) is float


def test_inflated_intervals_of_clusters_hold_the_true_share_and_plain_ones_do_not():
    rng = np.random.default_rng(9)
    events, trials = 10 * rng.binomial(100, 0.05, (30, 1000)), np.full((30, 1000), 1000)
    effect = _intervals.design_effect(events, trials)
    totals = events.sum(axis=0), trials.sum(axis=0)
    held = [
        ((found.low <= 0.05) & (found.high >= 0.05)).mean()
        for found in (
            _intervals.wilson(*totals, 0.95),
            _intervals.wilson(*totals, 0.95, effect),
        )
    ]
    assert held[0] < 0.6
    assert 0.91 < held[1] < 0.97


def test_a_ratio_of_sums_has_the_error_of_its_linear_part():
    rng = np.random.default_rng(10)
    y = rng.uniform(50, 150, 40)
    x = 0.2 * y + rng.normal(0, 2.0, 40)
    found = _intervals.ratio_t(x, y, 0.95)
    ratio = x.sum() / y.sum()
    error = stats.sem(x - ratio * y) / y.mean()
    assert found.estimate == pytest.approx(ratio, rel=1e-14)
    assert found.half_width == pytest.approx(stats.t.ppf(0.975, 39) * error, rel=1e-9)
    # With equal denominators it is the mean of the ratios.
    plain = _intervals.mean_t(x / 7, 0.95)
    same = _intervals.ratio_t(x, np.full(40, 7.0), 0.95)
    assert (same.low, same.high) == pytest.approx((plain.low, plain.high), rel=1e-12)


def test_intervals_of_a_ratio_hold_the_true_ratio_about_as_often_as_they_say():
    rng = np.random.default_rng(11)
    y = rng.uniform(50, 150, (30, 2000))
    x = rng.poisson(0.2 * y)
    found = _intervals.ratio_t(x, y, 0.95)
    assert 0.935 < ((found.low <= 0.2) & (found.high >= 0.2)).mean() < 0.965


def test_a_ratio_leaves_pairs_without_a_value_out_and_of_nothing_is_unknown():
    found = _intervals.ratio_t([1.0, math.nan, 3.0, 2.0], [4.0, 5.0, math.nan, 9.0], 0.9)
    assert found.samples == 2
    assert found.estimate == 3 / 13
    empty = _intervals.ratio_t([0.0, 0.0], [0.0, 0.0], 0.9)
    assert math.isnan(empty.estimate)
    assert (empty.low, empty.high) == (-math.inf, math.inf)


# Decisions


def test_differences_are_equivalent_different_or_undecided():
    noise = np.random.default_rng(12).normal(0.0, 1.0, 50)
    noise -= noise.mean()
    assert _intervals.equivalence(noise, 1.0) == "equivalent"
    assert _intervals.equivalence(noise + 5, 1.0) == "different"
    assert _intervals.equivalence(noise - 5, 1.0) == "different"
    assert _intervals.equivalence(noise + 1, 1.0) == "undecided"
    assert _intervals.equivalence([0.3], 1.0) == "undecided"
    assert _intervals.equivalence([0.0, 0.0], 0.0) == "equivalent"
    columns = _intervals.equivalence(np.stack([noise, noise + 5], 1), 1.0)
    assert columns.tolist() == ["equivalent", "different"]


def test_equivalence_is_what_two_one_sided_tests_of_scipy_say():
    rng = np.random.default_rng(13)
    values = rng.normal(0.35, 1.0, (20, 300))
    said = _intervals.equivalence(values, 0.8) == "equivalent"
    lower = stats.ttest_1samp(values, -0.8, alternative="greater").pvalue
    upper = stats.ttest_1samp(values, 0.8, alternative="less").pvalue
    assert (said == (np.maximum(lower, upper) <= 0.05)).all()
    assert 50 < said.sum() < 250


def test_a_difference_at_the_tolerance_is_called_equivalent_as_rarely_as_alpha_says():
    values = np.random.default_rng(14).normal(1.0, 0.5, (20, 4000))
    assert (_intervals.equivalence(values, 1.0) == "equivalent").mean() == pytest.approx(
        0.05, abs=0.01
    )


def test_replications_are_enough_once_the_half_width_is_small_beside_the_mean():
    values = np.random.default_rng(15).normal(10.0, 1.0, 100)
    relative = _intervals.mean_t(values, 0.95).half_width / values.mean()
    assert _intervals.enough(values, relative * 1.01, 0.95) is True
    assert _intervals.enough(values, relative * 0.99, 0.95) is False
    assert _intervals.enough(-values, relative * 1.01, 0.95) is True
    assert _intervals.enough([10.0], 0.5, 0.95) is False
    assert _intervals.enough([0.0, 0.0], 0.05, 0.95) is True
    assert _intervals.enough(np.stack([values, values * 0 + 1], 1), 0.001, 0.95).tolist() == [
        False,
        True,
    ]


# The interval itself


def test_an_interval_shows_as_many_digits_as_its_width_gives_sense_to():
    def shown(estimate, low, high, method="t"):
        return repr(Interval(estimate, low, high, 0.95, method, 200))

    end = "95 %, t, 200 replications>"
    assert shown(0.0123, 0.0119, 0.0127) == f"<Interval: 0.0123 [0.0119, 0.0127], {end}"
    assert shown(0.012345, 0.011345, 0.013345) == f"<Interval: 0.0123 [0.0113, 0.0133], {end}"
    assert shown(12345.678, 12000.0, 12700.0) == f"<Interval: 12350 [12000, 12700], {end}"
    assert shown(0.0, -0.5, 0.5) == f"<Interval: 0 [-0.5, 0.5], {end}"
    assert shown(3.0, -math.inf, math.inf) == f"<Interval: 3 [-inf, inf], {end}"
    assert shown(3.0, 3.0, 3.0) == f"<Interval: 3 [3, 3], {end}"
    assert shown(math.nan, -math.inf, math.inf) == f"<Interval: nan [-inf, inf], {end}"


def test_an_interval_of_several_functions_says_how_many_and_gives_each():
    values = np.array([[1.0, 2.0], [2.0, math.nan], [6.0, 3.0]])
    found = _intervals.mean_t(values, 0.9)
    assert repr(found) == "<Interval: 2 estimates, 90 %, t, 2 to 3 replications>"
    assert type(found[1]) is Interval
    assert (found[1].estimate, found[1].samples) == (2.5, 2)
    assert found.half_width.shape == (2,)
    with pytest.raises(TypeError, match="several numbers"):
        assert 2.0 in found
    with pytest.raises(TypeError, match="no parts"):
        found[1][0]
    none = _intervals.mean_t(np.empty((3, 0)), 0.9)
    assert repr(none) == "<Interval: 0 estimates, 90 %, t, 0 replications>"
    assert _intervals.bootstrap(np.empty((3, 0)), 0.9).low.shape == (0,)


def test_an_interval_holds_what_lies_between_its_ends():
    found = _intervals.mean_t([1.0, 2.0, 3.0], 0.95)
    assert type(found.estimate) is type(found.low) is float
    assert type(found.samples) is int
    assert 2.0 in found
    assert found.low in found
    assert 99.0 not in found
    assert found != "an interval"


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: _intervals.mean_t([], 0.95), "values"),
        (lambda: _intervals.mean_t(3.0, 0.95), "values"),
        (lambda: _intervals.mean_t([1.0, math.inf], 0.95), "values[1]"),
        (lambda: _intervals.mean_t(["a"], 0.95), "values[0]"),
        (lambda: _intervals.mean_t([1.0], 1.0), "confidence"),
        (lambda: _intervals.mean_t([1.0], 95), "confidence"),
        (lambda: _intervals.mean_t([1.0], 0), "confidence"),
        (lambda: _intervals.paired([1.0], [1.0, 2.0], 0.95), "b"),
        (lambda: _intervals.bootstrap([1.0], 0.95, resamples=10), "resamples"),
        (lambda: _intervals.bootstrap([1.0], 0.95, seed=-1), "seed"),
        (lambda: _intervals.ratio_t([1.0], [1.0, 2.0], 0.95), "denominators"),
        (lambda: _intervals.wilson(3, 2, 0.95), "events"),
        (lambda: _intervals.wilson([1, -1], [2, 2], 0.95), "events[1]"),
        (lambda: _intervals.wilson(0, math.nan, 0.95), "trials"),
        (lambda: _intervals.wilson(1, 2, 0.95, 0.5), "inflation"),
        (lambda: _intervals.wilson([1, 1], 2, 0.95, [1.0, 1.0, 1.0]), "inflation"),
        (lambda: _intervals.design_effect(1, 2), "events"),
        (lambda: _intervals.equivalence([1.0], -1.0), "tolerance"),
        (lambda: _intervals.equivalence([1.0], [1.0, 2.0]), "tolerance"),
        (lambda: _intervals.equivalence([1.0], 1.0, 0.5), "confidence"),
        (lambda: _intervals.enough([1.0], math.nan, 0.95), "relative"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_index(call, argument):
    with pytest.raises(ConfigurationError) as caught:
        call()
    assert caught.value.argument == argument
    assert str(caught.value).startswith(argument)
