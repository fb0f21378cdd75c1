"""Distributions of lengths: draws and means against scipy's own.

Kolmogorov-Smirnov on 200,000 draws at a level of 1e-4 a test (some 20 of them: false alarms in 2 of
1,000 versions of the streams, and none from run to run, for seeds are fixed). A law whose
distribution function is off by `DETECTED` (0.011) anywhere is let pass once in 10^6: see there.
Moments may be off by 5 standard errors (6e-7 each, where the central limit theorem is near).
"""

import math

import numpy as np
import pytest
from scipy import stats

import lambdacore as lc

N = 200_000
LEVEL = 1e-4
CRITICAL = stats.kstwo.isf(LEVEL, N)
#: At the point of the largest distance the share of draws misses its own by more than the rest
#: with probability exp(-2 n rest^2) at most (Hoeffding, JASA 58, 1963).
DETECTED = CRITICAL + math.sqrt(math.log(1e6) / (2 * N))
ns = 1e-9


class BoundedPareto:
    """In closed form (Harchol-Balter, "Performance Modeling and Design", 2013, section 20.4)."""

    def __init__(self, alpha, low, high):
        self.alpha, self.low, self.high = alpha, low, high

    def cdf(self, x):
        share = 1 - (self.low / np.clip(x, self.low, self.high)) ** self.alpha
        return share / (1 - (self.low / self.high) ** self.alpha)

    def moment(self, k):
        a, low, high = self.alpha, self.low, self.high
        factor = a * low**a / (1 - (low / high) ** a)
        return factor * (
            math.log(high / low) if k == a else (high ** (k - a) - low ** (k - a)) / (k - a)
        )


class Piecewise:
    """Uniform between given values."""

    def __init__(self, probabilities, values):
        self.p, self.v = np.array(probabilities), np.array(values)

    def cdf(self, x):
        return np.interp(x, self.v, self.p)

    def moment(self, k):
        low, high = self.v[:-1], self.v[1:]
        return float((np.diff(self.p) * (high ** (k + 1) - low ** (k + 1)) / (k + 1) /
                      (high - low)).sum())  # fmt: skip


class Point:
    def __init__(self, value):
        self.value = value

    def cdf(self, x):
        return (x >= self.value).astype(float)

    def moment(self, k):
        return self.value**k


class Mixed:
    def __init__(self, *parts):
        self.parts = parts

    def cdf(self, x):
        return sum(weight * part.cdf(x) for weight, part in self.parts)

    def moment(self, k):
        return sum(weight * part.moment(k) for weight, part in self.parts)


def lognorm(mean, cv):
    variance = math.log1p(cv**2)
    return stats.lognorm(math.sqrt(variance), scale=mean * math.exp(-variance / 2))


def lognorm_through(p, low, q, high):
    sigma = math.log(high / low) / (stats.norm.ppf(q) - stats.norm.ppf(p))
    return stats.lognorm(sigma, scale=math.exp(math.log(low) - sigma * stats.norm.ppf(p)))


def gamma(mean, cv):
    return stats.gamma(1 / cv**2, scale=mean * cv**2)


def weibull(shape, scale):
    return stats.weibull_min(shape, scale=scale)


PUBLISHED = ([0, 0.5, 0.9, 0.99, 1], [0.0, 0.1, 0.4, 2.0, 15.0])

#: Distribution, the exact law, and the law of a twin with one parameter slightly wrong.
LAWS = {
    "uniform": (lc.Uniform(0.1, 0.3), stats.uniform(0.1, 0.2), stats.uniform(0.1, 0.203)),
    "exponential": (lc.Exponential(0.2), stats.expon(scale=0.2), stats.expon(scale=0.207)),
    "lognormal": (lc.LogNormal(0.2, 1.5), lognorm(0.2, 1.5), lognorm(0.2, 1.57)),
    "lognormal even": (lc.LogNormal(0.2, 0.1), lognorm(0.2, 0.1), lognorm(0.2007, 0.1)),
    "lognormal through": (
        lc.LogNormal(quantiles={0.5: 0.1, 0.99: 2.0}),
        lognorm_through(0.5, 0.1, 0.99, 2.0),
        lognorm_through(0.5, 0.1, 0.99, 2.4),
    ),
    "lognormal through two tails": (
        lc.LogNormal(quantiles={0.95: 2.0, 0.1: 0.1}),
        lognorm_through(0.1, 0.1, 0.95, 2.0),
        lognorm_through(0.1, 0.107, 0.95, 2.0),
    ),
    "gamma 0.3": (lc.Gamma(0.2, 0.3), gamma(0.2, 0.3), gamma(0.2, 0.316)),
    "gamma 1": (lc.Gamma(0.2, 1.0), gamma(0.2, 1.0), gamma(0.2, 1.05)),
    "gamma 3": (lc.Gamma(0.2, 3.0), gamma(0.2, 3.0), gamma(0.2, 3.2)),
    "weibull 0.5": (lc.Weibull(0.5, 0.2), weibull(0.5, 0.2), weibull(0.525, 0.2)),
    "weibull 1": (lc.Weibull(1.0, 0.2), weibull(1.0, 0.2), weibull(1.05, 0.2)),
    "weibull 3": (lc.Weibull(3.0, 0.2), weibull(3.0, 0.2), weibull(3.15, 0.2)),
    **{
        f"pareto {alpha}": (
            lc.BoundedPareto(alpha, 0.05, 60.0),
            BoundedPareto(alpha, 0.05, 60.0),
            BoundedPareto(1.05 * alpha, 0.05, 60.0),
        )
        for alpha in (0.8, 1, 1.5, 3)
    },
    "pareto between near bounds": (
        lc.BoundedPareto(0.8, 1.0, 2.0), BoundedPareto(0.8, 1.0, 2.0), BoundedPareto(0.95, 1.0, 2.0)
    ),
    "quantiles": (
        lc.Quantiles(*PUBLISHED),
        Piecewise(*PUBLISHED),
        Piecewise([0, 0.515, 0.9, 0.99, 1], PUBLISHED[1]),
    ),
    "mixture": (
        lc.Mixture([0.01, lc.Exponential(1.0), lc.Gamma(0.5, 0.3)], weights=[3, 1, 4]),
        Mixed((3 / 8, Point(0.01)), (1 / 8, stats.expon()), (4 / 8, gamma(0.5, 0.3))),
        Mixed((3.1 / 8, Point(0.01)), (0.9 / 8, stats.expon()), (4 / 8, gamma(0.5, 0.3))),
    ),
    "mixture of mixtures": (
        lc.Mixture([lc.Mixture([lc.Uniform(0, 1), lc.Uniform(2, 3)], [1, 1]), 5.0], [1, 0.5]),
        Mixed((1 / 3, stats.uniform(0, 1)), (1 / 3, stats.uniform(2, 1)), (1 / 3, Point(5.0))),
        Mixed((0.32, stats.uniform(0, 1)), (0.347, stats.uniform(2, 1)), (1 / 3, Point(5.0))),
    ),
}  # fmt: skip


def distance(drawn, law):
    """Of Kolmogorov, between draws in whole nanoseconds and a law that is rounded to them.

    What is rounded to k lies below k + 1/2; the critical value holds for any law (Noether, 1963).
    """
    values, counts = np.unique(np.rint(drawn / ns), return_counts=True)
    up_to = np.cumsum(counts) / len(drawn)
    below = up_to - counts / len(drawn)
    above = np.abs(up_to - law.cdf((values + 0.5) * ns)).max()
    return max(above, np.abs(below - law.cdf((values - 0.5) * ns)).max())


@pytest.mark.parametrize("name", LAWS)
def test_draws_follow_their_law(name):
    distribution, law, _ = LAWS[name]
    assert distance(distribution.sample(N, rng=1), law) < CRITICAL


@pytest.mark.parametrize("name", LAWS)
def test_draws_reject_a_law_with_a_slightly_wrong_parameter(name):
    """Power: the twin is off by `DETECTED` or more, and found."""
    distribution, law, twin = LAWS[name]
    drawn = distribution.sample(N, rng=1)
    at = np.concatenate([np.sort(drawn) + 0.5 * ns, np.sort(drawn) - 0.5 * ns])
    assert np.abs(law.cdf(at) - twin.cdf(at)).max() > DETECTED
    assert distance(drawn, twin) > CRITICAL


@pytest.mark.parametrize("name", LAWS)
def test_mean_and_variance_of_draws_are_exact_up_to_five_standard_errors(name):
    distribution, law, _ = LAWS[name]
    raw = [1.0] + [float(law.moment(k)) for k in range(1, 5)]
    mean, variance = raw[1], raw[2] - raw[1] ** 2
    fourth = raw[4] - 4 * raw[3] * mean + 6 * raw[2] * mean**2 - 3 * mean**4
    drawn = distribution.sample(N, rng=2)
    assert abs(drawn.mean() - mean) < 5 * math.sqrt(variance / N)
    assert abs(drawn.var() - variance) < 5 * math.sqrt((fourth - variance**2) / N)


@pytest.mark.parametrize("name", LAWS)
def test_the_mean_that_a_distribution_states_is_the_exact_one(name):
    distribution, law, _ = LAWS[name]
    assert distribution.mean == pytest.approx(float(law.moment(1)), rel=1e-12)


@pytest.mark.parametrize("alpha", [1 - 1e-7, 1 - 1e-10, 1, 1 + 1e-10, 1 + 1e-7])
def test_the_mean_of_a_bounded_pareto_is_smooth_where_its_exponent_is_one(alpha):
    mean = lc.BoundedPareto(alpha, 0.05, 60.0).mean
    assert mean == pytest.approx(BoundedPareto(1, 0.05, 60.0).moment(1), rel=1e-6)


def test_draws_of_an_empirical_distribution_are_the_samples_each_alike():
    """Chi-square of 31 samples, some of them equal, at a level of 1e-4."""
    samples = np.array([(7 * i) % 23 for i in range(31)]) * 0.1 + 1e-9
    distribution = lc.Empirical(samples)
    drawn = distribution.sample(N, rng=3)
    values, weights = np.unique(np.rint(samples / ns), return_counts=True)
    found, counts = np.unique(np.rint(drawn / ns), return_counts=True)
    assert found.tolist() == values.tolist()
    assert stats.chisquare(counts, N * weights / 31).pvalue > LEVEL
    # Power: one sample that counted for one and a half.
    twin = weights + 0.5 * (np.arange(len(weights)) == 0)
    assert stats.chisquare(counts, N * twin / twin.sum()).pvalue < LEVEL
    assert distribution.mean == pytest.approx(samples.mean(), rel=1e-12)
    assert abs(drawn.mean() - samples.mean()) < 5 * samples.std() / math.sqrt(N)


def test_samples_of_an_empirical_distribution_come_in_any_unit_and_are_kept_read_only():
    seconds = lc.Empirical([0.1, 2.0])
    assert seconds == lc.Empirical(np.array([100_000_000, 2_000_000_000]))
    assert seconds == lc.Empirical(np.array([100, 2000], "m8[ms]"))
    assert not seconds.samples.flags.writeable


def test_constants_are_constant():
    for distribution in (lc.Constant(0.3), lc.Uniform(0.3, 0.3), lc.Empirical([0.3])):
        assert set(distribution.sample(1000, rng=1)) == {0.3}
        assert distribution.mean == pytest.approx(0.3, rel=1e-15)
    assert set(lc.LogNormal(0.3, 0).sample(1000, rng=1)) == {0.3}
    assert set(lc.Exponential(0).sample(10, rng=1)) == {0}


def test_quantiles_may_hold_a_value_of_its_own_weight():
    drawn = lc.Quantiles([0, 0.25, 0.75, 1], [0.0, 1.0, 1.0, 2.0]).sample(N, rng=4)
    assert abs((drawn == 1.0).mean() - 0.5) < 5 * 0.5 / math.sqrt(N)


def test_a_draw_is_cut_at_36_years():
    drawn = lc.Weibull(0.05, 1e7).sample(1000, rng=1)
    assert drawn.max() == 2**60 / 1e9


# Independence: correlations of n independent pairs have a standard error of 1 / sqrt(n), and pass
# 6 of them once in 5 10^8.


def related(a, b):
    n = min(len(a), len(b))
    # Ranks, so that long tails do not hide what goes together.
    correlation = stats.spearmanr(a[:n], b[:n]).statistic
    return abs(correlation) > 6 / math.sqrt(n)


@pytest.mark.parametrize("name", [name for name in LAWS if name != "pareto between near bounds"])
def test_consecutive_draws_know_nothing_of_each_other(name):
    drawn = LAWS[name][0].sample(50_001, rng=5)
    assert not related(drawn[:-1], drawn[1:])
    assert not related(drawn[:-4], drawn[4:])  # four words come of one block
    assert related(drawn[:-1], drawn[:-1] + drawn[1:])


def test_gaps_durations_and_inits_of_functions_and_replications_are_independent():
    law = lc.Exponential(0.1)
    stream = lc.Stream(lc.Poisson(1000.0), law, init=law)
    workload = lc.Workload({"a": stream, "b": stream})
    columns = {}
    for replication in (0, 1):
        trace = workload.sample(30, rng=6, replication=replication)
        for index, name in enumerate("ab"):
            rows = trace.function == index
            columns[name, replication, "gap"] = np.diff(trace.arrival[rows])
            columns[name, replication, "duration"] = trace.duration[rows][1:]
            columns[name, replication, "init"] = trace.init[rows][1:]
    keys = list(columns)
    pairs = [(a, b) for i, a in enumerate(keys) for b in keys[:i]]
    assert len(pairs) == 66
    assert [pair for pair in pairs if related(columns[pair[0]], columns[pair[1]])] == []
    assert not any(related(column[:-1], column[1:]) for column in columns.values())


def test_neighbouring_seeds_draw_independently():
    drawn = [lc.Exponential(1.0).sample(50_000, rng=seed) for seed in (0, 1, 2**64, 2**127)]
    assert not any(related(a, b) for i, a in enumerate(drawn) for b in drawn[:i])


NAN, INF = math.nan, math.inf


def nested(depth, parts):
    """Nest mixtures of so many equal parts."""
    inner = lc.Exponential(1.0)
    for _ in range(depth):
        inner = lc.Mixture([inner] * parts, [1] * parts)
    return inner


def test_mixtures_may_be_nested_as_deep_as_is_said():
    assert nested(32, 1).sample(3, rng=1).shape == nested(12, 2).sample(3, rng=1).shape == (3,)


REFUSED = [
    *((lambda bad=bad: lc.Constant(bad), "value") for bad in (-1, NAN, INF, 2e9, "1", None, True)),
    (lambda: lc.Uniform(-1, 2), "low"),
    (lambda: lc.Uniform(1, NAN), "high"),
    (lambda: lc.Uniform(2, 1), "high"),
    *((lambda bad=bad: lc.Exponential(bad), "mean") for bad in (-1, NAN, INF, 2e9, "x")),
    (lambda: lc.LogNormal(), "mean"),
    (lambda: lc.LogNormal(0.2), "cv"),
    (lambda: lc.LogNormal(0, 1), "mean"),
    (lambda: lc.LogNormal(-1, 1), "mean"),
    (lambda: lc.LogNormal(1, -1), "cv"),
    (lambda: lc.LogNormal(1, INF), "cv"),
    (lambda: lc.LogNormal(quantiles={0.5: 1}), "quantiles"),
    (lambda: lc.LogNormal(quantiles={0.1: 1, 0.5: 2, 0.9: 3}), "quantiles"),
    (lambda: lc.LogNormal(quantiles={0.0: 1, 0.5: 2}), "quantiles"),
    (lambda: lc.LogNormal(quantiles={0.5: 1, 99: 2}), "quantiles"),
    (lambda: lc.LogNormal(quantiles={0.5: 0, 0.9: 2}), "quantiles"),
    (lambda: lc.Gamma(0, 1), "mean"),
    *((lambda bad=bad: lc.Gamma(1, bad), "cv") for bad in (0, -1, NAN, INF, "x")),
    *((lambda bad=bad: lc.Weibull(bad, 1), "shape") for bad in (0, -1, NAN, INF)),
    (lambda: lc.Weibull(1, 0), "scale"),
    *((lambda bad=bad: lc.BoundedPareto(bad, 1, 2), "alpha") for bad in (0, -1, NAN, INF)),
    (lambda: lc.BoundedPareto(1, 0, 2), "low"),
    (lambda: lc.BoundedPareto(1, 2, 2), "high"),
    (lambda: lc.BoundedPareto(1, 2, INF), "high"),
    (lambda: lc.Empirical([]), "samples"),
    (lambda: lc.Empirical([2**60 + 1]), "samples"),
    (lambda: lc.Quantiles([0, 1], [1.0]), "values"),
    (lambda: lc.Quantiles([0], [1.0]), "values"),
    (lambda: lc.Quantiles([0, 1], [2.0, 1.0]), "values"),
    (lambda: lc.Quantiles([0, 1], [1.0, -1.0]), "values[1]"),
    (lambda: lc.Quantiles([0.1, 1], [1.0, 2.0]), "probabilities"),
    (lambda: lc.Quantiles([0, 0.9], [1.0, 2.0]), "probabilities"),
    (lambda: lc.Quantiles([0, 0.5, 0.5, 1], [1, 2, 3, 4]), "probabilities"),
    (lambda: lc.Quantiles([0, 2, 1], [1, 2, 3]), "probabilities[1]"),
    (lambda: lc.Mixture([], []), "weights"),
    (lambda: lc.Mixture([1.0], [1, 2]), "weights"),
    (lambda: lc.Mixture([1.0], [0]), "weights"),
    (lambda: lc.Mixture([1.0, 2.0], [1, -1]), "weights[1]"),
    (lambda: lc.Mixture([1.0, "x"], [1, 1]), "parts[1]"),
    (lambda: lc.Mixture([-1.0], [1]), "parts[0]"),
    (lambda: nested(33, 1), "parts"),
    (lambda: nested(17, 2), "parts"),
    *((lambda bad=bad: lc.Constant(1).sample(bad), "size") for bad in (-1, 1.5, True, None)),
    *((lambda bad=bad: lc.Constant(1).sample(1, rng=bad), "rng") for bad in (-1, 2**128, 1.0, "x")),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_what_no_distribution_can_have_is_refused_by_name(case):
    make, argument = REFUSED[case]
    with pytest.raises(lc.ConfigurationError) as caught:
        make()
    assert caught.value.argument == argument


@pytest.mark.parametrize("samples", [[-1.0], [NAN], [INF], ["x"], [[1.0]], 1.0])
def test_samples_that_are_no_lengths_are_refused_as_those_of_a_trace(samples):
    with pytest.raises(lc.TraceError) as caught:
        lc.Empirical(samples)
    assert caught.value.argument == "samples"
