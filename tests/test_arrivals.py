"""Arrival processes: when calls come, against exact means, variances and times.

Means and variances of the number of calls in a window, over 2,000 replications at fixed seeds, may
be off by 5 standard errors (6e-7 each). A count whose mean is 1 % off at 1,000 calls, or whose
variance is 25 % off, is found with near certainty.
"""

import math

import numpy as np
import pytest
from scipy import integrate, linalg, stats

import lambdacore as lc

N = 2_000
S = 1_000_000_000


def sample(process, horizon, seed=1, **values):
    return lc.Workload({"f": lc.Stream(process, 0.0)}).sample(horizon, seed, **values)


def arrivals(process, horizon, seed=1, **values):
    return sample(process, horizon, seed, **values).arrival


def counts(process, horizon, *, begin=0.0, seed=1, replications=N):
    """Calls in [begin, horizon) of each replication."""
    workload = lc.Workload({"f": lc.Stream(process, 0.0)})
    drawn = (workload.sample(horizon, seed, replication=r).arrival for r in range(replications))
    return np.array([len(at) - np.searchsorted(at, begin * 1e9) for at in drawn], dtype=float)


def agrees(counts, mean, variance):
    """Whether counts have a mean and a variance up to 5 standard errors.

    That of a variance s^2 is s^2 sqrt((excess kurtosis + 2) / n) (Kendall and Stuart, vol. 1,
    section 10.8), with the kurtosis as it is found.
    """
    n = len(counts)
    error = variance * math.sqrt((max(stats.kurtosis(counts), 0) + 2) / n)
    near_mean = abs(counts.mean() - mean) < 5 * math.sqrt(variance / n)
    return bool(near_mean and abs(counts.var(ddof=1) - variance) < 5 * error)


# Poisson: mean and variance are the integral of the rate.


@pytest.mark.parametrize(
    ("rate", "begin", "horizon", "mean"),
    [
        (100.0, 0, 2, 200),
        (0.5, 0, 2, 1),
        (lc.Rate.ramp(10, 100, start=1, end=3), 0, 2, 10 + 45 / 2 + 10),
        (lc.Rate.ramp(10, 100, start=1, end=3), 2, 4, 55 + 45 / 2 + 100),
        (lc.Rate.ramp(100, 0, start=0, end=3), 1, 5, 200 / 3),
        (lc.Rate.step(20, 200, at=1.5), 1, 2, 10 + 100),
        (lc.Rate.steps([0, 1, 2], [50, 0, 10], period=2.5), 0, 6, 2 * 55 + 50),
        (lc.Rate.steps([0, 1, 2], [50, 0, 10], period=2.5), 7, 8, 5 + 25),
        (lc.Rate([(0, 0, 90), (1, 30, 0)], period=3.0), 3.5, 7, 45 * 0.75 + 30 + 45),
        (2 * lc.Rate.constant(30), 0, 1, 60),
    ],
)
def test_counts_of_a_poisson_process_have_the_integral_of_its_rate_as_mean_and_variance(
    rate, begin, horizon, mean
):
    found = counts(lc.Poisson(rate), horizon, begin=begin)
    assert agrees(found, mean, mean)
    # Power: a tenth more would be found, and so would calls that come in pairs.
    assert not agrees(found + 0.1 * mean + math.sqrt(mean), mean, mean)
    assert not agrees(2 * found[: N // 2], 2 * mean, 2 * mean)
    if begin == 0:
        expected = lc.Workload({"f": lc.Stream(lc.Poisson(rate), 0.0)}).expected_calls(horizon)
        assert expected == pytest.approx(mean, rel=1e-12)


def test_counts_of_a_poisson_process_are_poisson():
    """Chi-square at a level of 1e-4, cells of 5 expected and more."""
    found = counts(lc.Poisson(4.0), 1)
    cells = np.arange(11)
    expected = np.append(stats.poisson.pmf(cells, 4), stats.poisson.sf(10, 4)) * N
    observed = np.bincount(np.minimum(found, 11).astype(int), minlength=12)
    assert stats.chisquare(observed, expected).pvalue > 1e-4


def test_gaps_of_a_poisson_process_are_exponential():
    """Kolmogorov-Smirnov on some 200,000 gaps at a level of 1e-4, as for distributions."""
    gaps = np.diff(arrivals(lc.Poisson(1000.0), 200)) / 1e9
    assert stats.kstest(gaps, stats.expon(scale=1e-3).cdf).pvalue > 1e-4
    assert stats.kstest(gaps, stats.expon(scale=1.035e-3).cdf).pvalue < 1e-4


def test_calls_of_a_varying_rate_lie_as_the_rate_does():
    """Given their number, calls of a Poisson process are independent draws of its density."""
    at = arrivals(lc.Poisson(lc.Rate.ramp(0, 40_000, start=0, end=10)), 10) / 1e10
    assert stats.kstest(at, lambda x: x**2).pvalue > 1e-4


def test_a_rate_of_zero_brings_nobody():
    assert len(arrivals(lc.Poisson(0.0), 1000)) == 0
    assert len(arrivals(lc.Poisson(lc.Rate.ramp(5, 0, 0, 1)), 1e6)) < 20


def test_a_daily_rate_begins_again_every_day_and_is_the_same_in_a_warm_up():
    day = lc.Rate.daily([0] * 23 + [1.0])
    at = arrivals(lc.Poisson(day), 2 * 86_400)
    assert set((at // (3600 * S)).tolist()) == {23, 47}
    early = arrivals(lc.Poisson(day), 3600, warm_up=7200)
    assert set((early // (3600 * S)).tolist()) == {1}


# Even calls


@pytest.mark.parametrize("rate", [1, 3, 7, 9, 120, 999.0, 0.3])
def test_even_calls_come_at_multiples_of_the_gap_to_the_nanosecond(rate):
    at = arrivals(lc.Deterministic(rate), 1000)
    exact = np.arange(math.ceil(1000 * rate)) / rate * 1e9
    assert len(at) == len(exact)
    assert np.abs(at - exact).max() <= 1


def test_even_calls_begin_after_their_phase():
    assert arrivals(lc.Deterministic(4.0, phase=0.5), 1).tolist() == [
        125_000_000, 375_000_000, 625_000_000, 875_000_000
    ]  # fmt: skip
    first = np.array([arrivals(lc.Deterministic(1.0, None), 2, replication=r)[0] for r in range(N)])
    assert stats.kstest(first / 1e9, stats.uniform().cdf).pvalue > 1e-4


def test_even_calls_of_a_varying_rate_come_where_its_integral_is_whole():
    """From 10 to 100 a second in 10 s the integral is 10 t + 4.5 t^2, a root away from each k."""
    at = arrivals(lc.Deterministic(lc.Rate.ramp(10, 100, start=0, end=10)), 10) / 1e9
    exact = (np.sqrt(100 + 18 * np.arange(550)) - 10) / 9
    assert len(at) == 550
    assert np.abs(at - exact).max() < 2e-9


# Renewal


@pytest.mark.parametrize("cv", [0.5, 1.0, 2.0])
def test_counts_of_a_gamma_renewal_process_have_their_exact_moments(cv):
    """The k-th call comes before t with the chance of a gamma of k times the shape (Cox, "Renewal
    theory", 1962, chapter 3); so mean and mean square of the number are sums of such.
    """
    rate, horizon, shape = 20.0, 2, 1 / cv**2
    k = np.arange(1, 1000)
    chance = stats.gamma.cdf(horizon, k * shape, scale=1 / (rate * shape))
    mean, square = chance.sum(), ((2 * k - 1) * chance).sum()
    process = lc.Renewal(rate, lc.Gamma(5.0, cv))
    assert agrees(counts(process, horizon), mean, square - mean**2)


@pytest.mark.parametrize("cv", [0.5, 2.0])
def test_the_index_of_dispersion_of_a_renewal_process_tends_to_the_squared_cv_of_its_gaps(cv):
    """Cox, section 4.3."""
    found = counts(lc.Renewal(500.0, lc.Gamma(1.0, cv)), 4, replications=500)
    dispersion = found.var(ddof=1) / found.mean()
    assert abs(dispersion / cv**2 - 1) < 5 * math.sqrt(2 / 500) + 0.02
    assert found.mean() == pytest.approx(2000, rel=0.01)


def test_gaps_of_a_renewal_process_have_the_shape_that_is_given_and_the_mean_of_the_rate():
    gaps = np.diff(arrivals(lc.Renewal(200.0, lc.Weibull(2.0, 77.0)), 500)) / 1e9
    law = stats.weibull_min(2.0, scale=1 / (200 * math.gamma(1.5)))
    assert stats.kstest(gaps, law.cdf).pvalue > 1e-4
    one = arrivals(lc.Renewal(200.0, lc.Exponential(9.0)), 100)
    assert abs(len(one) - 20_000) < 5 * math.sqrt(20_000)


# States: Var N(t) = m t + 2 integral of (t - u) times the covariance of the rate (Fischer and
# Meier-Hellstern, "The MMPP cookbook", Performance Evaluation 18, 1993, section 2.3).


def variance_of_two_states(rates, exits, t):
    (r1, r2), (a, b) = rates, exits
    s, p = a + b, b / (a + b)
    mean = p * r1 + (1 - p) * r2
    spread = p * (1 - p) * (r1 - r2) ** 2
    return mean * t, mean * t + 2 * spread / s**2 * (s * t - 1 + math.exp(-s * t))


@pytest.mark.parametrize("t", [0.3, 2.0, 6.0])
def test_counts_of_calm_and_busy_states_have_their_exact_moments(t):
    process = lc.MarkovModulated(rates=[10.0, 80.0], stays=[1.0, 0.5])
    assert agrees(counts(process, t), *variance_of_two_states((10, 80), (1, 2), t))


@pytest.mark.parametrize("t", [0.3, 2.0, 6.0])
def test_counts_of_on_and_off_have_their_exact_moments(t):
    process = lc.OnOff(60.0, on=lc.Exponential(0.5), off=lc.Exponential(2.0))
    mean, variance = variance_of_two_states((60, 0), (2, 0.5), t)
    assert mean == pytest.approx(12 * t)
    assert agrees(counts(process, t), mean, variance)
    assert not agrees(counts(process, t), mean, variance * 1.4)


def test_counts_of_three_states_with_transitions_have_their_exact_moments():
    rates, stays = np.array([5.0, 40.0, 150.0]), np.array([1.0, 0.5, 0.25])
    weights = np.array([[0, 3, 1], [2, 0, 2], [1, 0, 0]])
    chain = weights / weights.sum(axis=1, keepdims=True)
    generator = (chain - np.eye(3)) / stays[:, None]
    shares = linalg.null_space(generator.T)[:, 0]
    shares /= shares.sum()
    mean, t = shares @ rates, 2.0

    def weighted_covariance(u):
        return (t - u) * (shares * rates @ linalg.expm(generator * u) @ rates - mean**2)

    variance = mean * t + 2 * integrate.quad(weighted_covariance, 0, t)[0]
    process = lc.MarkovModulated(rates, stays, transitions=weights)
    assert agrees(counts(process, t), mean * t, variance)


def test_calls_on_a_constant_beat_are_found_at_any_phase():
    """On for 1 s of 10 s. In a window of 1 s the time on is 1 - |x| for phases |x| < 1, else 0:
    mean 1/10, mean square 2/3 / 10. A window of 10 s has 1 s on, whatever the phase.
    """
    process = lc.OnOff(50.0, on=1.0, off=9.0)
    of_time = 2 / 30 - 1 / 100
    assert agrees(counts(process, 1.0), 5, 5 + 50**2 * of_time)
    assert agrees(counts(process, 10.0), 50, 50)


def test_a_start_in_a_state_is_a_whole_stay_in_it():
    at = arrivals(lc.OnOff(100.0, on=1.0, off=9.0, start="on"), 1000)
    assert (at % (10 * S) < S).all()
    assert abs(len(at) - 10_000) < 5 * 100
    at = arrivals(lc.OnOff(100.0, on=1.0, off=9.0, start="off"), 1000)
    assert (at % (10 * S) >= 9 * S).all()
    at = arrivals(lc.MarkovModulated([0.0, 90.0], [lc.Constant(3), lc.Constant(1)], start=1), 400)
    assert (at % (4 * S) < S).all()


def test_a_state_alone_is_a_poisson_process():
    assert agrees(counts(lc.MarkovModulated([40.0], [0.1]), 2), 80, 80)


# Several at a time


def test_counts_of_batches_are_compound_poisson():
    """Mean and variance are rate t E[size] and rate t E[size^2] (Ross, "Introduction to probability
    models", section 5.4.2).
    """
    found = counts(lc.Batches(5.0, size=7), 4)
    assert (found % 7 == 0).all()
    assert agrees(found, 20 * 7, 20 * 49)
    # Rounded, from 1/2 to 7/2 is 1, 2 or 3 alike.
    assert agrees(counts(lc.Batches(5.0, lc.Uniform(0.5, 3.5)), 4), 20 * 2, 20 * 14 / 3)


def test_a_batch_brings_one_call_at_least():
    assert agrees(counts(lc.Batches(5.0, lc.Constant(0.0)), 4), 20, 20)


def test_calls_of_a_batch_come_within_their_spread():
    process = lc.Batches(lc.Every(10.0), size=500, spread=2.0)
    at = arrivals(process, 1000)
    assert len(at) == 50_000
    assert stats.kstest(at % (10 * S) / (2 * S), stats.uniform().cdf).pvalue > 1e-4
    late = arrivals(lc.Batches(lc.Every(10.0), 500, lc.Exponential(0.5)), 1000)
    assert stats.kstest(late % (10 * S) / S, stats.expon(scale=0.5).cdf).pvalue > 1e-4


def test_spread_calls_of_batches_that_overlap_are_in_order_and_as_many_as_they_should_be():
    """A spread process of batches in [spread, t) is as dense as before."""
    process = lc.Batches(20.0, size=5, spread=1.0)
    assert (np.diff(arrivals(process, 100)) >= 0).all()
    assert abs(counts(process, 3, begin=1).mean() - 200) < 5 * math.sqrt(200 * 5 / N)


def test_batches_may_come_of_any_process_that_draws_its_times():
    even = arrivals(lc.Batches(lc.Deterministic(2.0), size=3), 2)
    assert even.tolist() == [t for t in (0, S // 2, S, 3 * S // 2) for _ in range(3)]
    busy = lc.OnOff(5.0, on=1.0, off=1.0, start="on")
    assert (arrivals(lc.Batches(busy, size=3), 100) % (2 * S) < S).all()


def test_calls_on_the_clock_come_at_their_times():
    assert arrivals(lc.Every(2.5), 10).tolist() == [0, 25 * S // 10, 5 * S, 75 * S // 10]
    assert arrivals(lc.Every(3, offset=1), 10).tolist() == [S, 4 * S, 7 * S]
    assert arrivals(lc.Every(4, count=3), 5).tolist() == [0, 0, 0, 4 * S, 4 * S, 4 * S]
    assert arrivals(lc.Every(4, offset=11), 10).tolist() == []
    at = arrivals(lc.Every(10, offset=4, count=200, jitter=3), 100)
    assert np.bincount(at // (10 * S)).tolist() == [200] * 10
    assert stats.kstest((at % (10 * S) - 4 * S) / (3 * S), stats.uniform().cdf).pvalue > 1e-4
    late = arrivals(lc.Every(10, jitter=lc.Constant(0.25)), 25)
    assert late.tolist() == [S // 4, 10 * S + S // 4, 20 * S + S // 4]


def test_a_warm_up_keeps_the_clock():
    assert arrivals(lc.Every(2, offset=1), 3, warm_up=2.5).tolist() == [3 * S // 2, 7 * S // 2]


def test_a_sum_is_both_processes_together():
    a, b = lc.Every(3, count=2), lc.Every(2, offset=0.5)
    both = arrivals(a + b, 10)
    assert both.tolist() == sorted([*arrivals(a, 10).tolist(), *arrivals(b, 10).tolist()])
    assert a + b + a == lc.Superposition([a, b, a])
    mixed = lc.Poisson(30.0) + lc.OnOff(60.0, lc.Exponential(0.5), lc.Exponential(2.0))
    mean, variance = variance_of_two_states((60, 0), (2, 0.5), 2)
    assert agrees(counts(mixed, 2), 60 + mean, 60 + variance)


def test_two_of_the_same_process_in_a_sum_are_independent():
    assert agrees(counts(lc.Poisson(30.0) + lc.Poisson(30.0), 1), 60, 60)
    one = lc.OnOff(60.0, lc.Exponential(0.5), lc.Exponential(2.0))
    mean, variance = variance_of_two_states((60, 0), (2, 0.5), 2)
    assert agrees(counts(one + one, 2), 2 * mean, 2 * variance)


def test_a_sum_takes_arrival_processes_only():
    with pytest.raises(TypeError):
        lc.Poisson(1.0) + 1.0


NAN, INF = math.nan, math.inf
REFUSED = [
    *((lambda bad=bad: lc.Poisson(bad), "rate") for bad in (-1, NAN, INF, 2e9, "x", True, None)),
    (lambda: lc.Rate([]), "pieces"),
    (lambda: lc.Rate([(1, 2, 2)]), "pieces"),
    (lambda: lc.Rate([(0, 1, 2)]), "pieces"),
    (lambda: lc.Rate([(0, 1)]), "pieces"),
    (lambda: lc.Rate([(0, 1, 1), (0, 2, 2)]), "pieces[1]"),
    (lambda: lc.Rate([(0, 1, -1)], period=1), "pieces[0][2]"),
    (lambda: lc.Rate([(0, 1, 1), (5, 2, 2)], period=5), "period"),
    (lambda: lc.Rate.steps([0, 1], [1]), "rates"),
    (lambda: lc.Rate.daily([]), "rates"),
    (lambda: lc.Rate.weekly([1], days=[1] * 6), "days"),
    *((lambda bad=bad: lc.Deterministic(1.0, bad), "phase") for bad in (-0.1, 1, 2, NAN, "x")),
    (lambda: lc.Renewal(1.0, lc.Constant(0)), "gap"),
    (lambda: lc.Renewal(1.0, "x"), "gap"),
    (lambda: lc.Renewal(-1.0, 1.0), "rate"),
    (lambda: lc.OnOff(-1, 1, 1), "rate"),
    (lambda: lc.OnOff(1, 0, 1), "on"),
    (lambda: lc.OnOff(1, 1, 1e-9), "off"),
    (lambda: lc.OnOff(1, 1, 1, start="up"), "start"),
    (lambda: lc.MarkovModulated([], []), "stays"),
    (lambda: lc.MarkovModulated([1, 2], [1]), "stays"),
    (lambda: lc.MarkovModulated([1, -2], [1, 1]), "rates[1]"),
    (lambda: lc.MarkovModulated([1, 2], [1, 0]), "stays[1]"),
    (lambda: lc.MarkovModulated([1, 2], [1, 1], [[0, 1]]), "transitions"),
    (lambda: lc.MarkovModulated([1, 2], [1, 1], [[0, 1], [0, 0]]), "transitions"),
    (lambda: lc.MarkovModulated([1, 2], [1, 1], [[0, 1], [0, 1]]), "transitions"),
    (lambda: lc.MarkovModulated([1, 2], [1, 1], [[0, 1], [-1, 1]]), "transitions[1][0]"),
    *((lambda bad=bad: lc.MarkovModulated([1, 2], [1, 1], start=bad), "start") for bad in (-1, 2)),
    *((lambda bad=bad: lc.Batches(1.0, bad), "size") for bad in (0, -1, 1.5, True, 10**9 + 1)),
    *((lambda bad=bad: lc.Batches(1.0, 2, bad), "spread") for bad in (-1, NAN, INF, "x")),
    (lambda: lc.Batches(lc.Recorded([0.0], [1.0])), "of"),
    (lambda: lc.Batches(lc.Poisson(1.0) + lc.Every(1.0)), "of"),
    *((lambda bad=bad: lc.Every(bad), "period") for bad in (0, -1, NAN, INF, 1e-10)),
    (lambda: lc.Every(1, offset=-1), "offset"),
    (lambda: lc.Every(1, count=0), "count"),
    (lambda: lc.Every(1, jitter=-1), "jitter"),
    (lambda: lc.Superposition([]), "parts"),
    (lambda: lc.Superposition([lc.Poisson(1.0), "x"]), "parts[1]"),
    (lambda: arrivals(lc.OnOff(1, 1e-6, 1e-6), 1000), "on"),
    (lambda: arrivals(lc.MarkovModulated([1, 2], [1e-6, 1]), 1000), "stays"),
    (lambda: arrivals(lc.Poisson(lc.Rate.steps([0], [1], period=1e-6)), 1000), "rate.period"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_what_no_process_can_have_is_refused_by_name(case):
    make, argument = REFUSED[case]
    with pytest.raises(lc.ConfigurationError) as caught:
        make()
    assert caught.value.argument == argument
