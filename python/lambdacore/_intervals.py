"""Intervals of confidence from independent replications, and what can be decided with them.

The first axis of an array is always the replication; the others (functions, say) are kept, and
each of their columns has an interval of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lambdacore import _arrays, _bootstrap, _check, _samples, _student, _text
from lambdacore.errors import ConfigurationError

__all__ = [
    "Interval",
    "bootstrap",
    "design_effect",
    "enough",
    "equivalence",
    "mean_t",
    "paired",
    "ratio_t",
    "wilson",
]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Interval:
    """An estimate with its interval of confidence, of one number or of an array of them.

    Attributes
    ----------
    estimate, low, high : float, or ndarray of float64 of one shape
        The estimate and the ends. Where nothing is known, the ends are infinite.
    confidence : float
        The share of such intervals that hold the true value, e.g. 0.95.
    method : str
        How it was computed: ``"t"``, ``"BCa"``, ``"wilson"``, ``"ratio t"``, ``"paired t"``.
    samples : int, or ndarray of int64
        Replications it rests on; for ``"wilson"`` trials.

    Examples
    --------
    >>> mean_t([1.0, 2.0, 3.0, 4.0], 0.95)
    <Interval: 2.5 [0.4, 4.6], 95 %, t, 4 replications>
    """

    estimate: Any
    low: Any
    high: Any
    confidence: float
    method: str
    samples: Any

    @property
    def half_width(self) -> Any:
        """Half of the distance between the ends."""
        return (self.high - self.low) / 2

    def __contains__(self, value: object) -> bool:
        if np.ndim(self.low):
            raise TypeError("an interval of several numbers: compare with its low and high")
        return bool(self.low <= value <= self.high)

    def __getitem__(self, index: Any) -> Interval:
        if not np.ndim(self.low):
            raise TypeError("an interval of one number has no parts")
        parts = (self.estimate, self.low, self.high, self.samples)
        estimate, low, high, samples = (_arrays.plain(np.asarray(each[index])) for each in parts)
        return Interval(estimate, low, high, self.confidence, self.method, samples)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Interval):
            return NotImplemented
        if (self.confidence, self.method) != (other.confidence, other.method):
            return False
        return all(
            np.array_equal(getattr(self, name), getattr(other, name), equal_nan=True)
            for name in ("estimate", "low", "high", "samples")
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if np.ndim(self.low):
            return f"<Interval: {_text.count(np.size(self.low), 'estimate')}, {self._source()}>"
        if self.estimate == self.low == 0 < self.high:
            # Never seen: all that is known is a bound.
            return f"<Interval: < {self.high:.2g}, {self._source()}>"
        estimate, low, high = _rounded(self.estimate, self.low, self.high)
        return f"<Interval: {estimate} [{low}, {high}], {self._source()}>"

    def _source(self) -> str:
        noun = "trial" if self.method == "wilson" else "replication"
        least, most = int(np.min(self.samples, initial=2**62)), int(np.max(self.samples, initial=0))
        several = f"{least:,} to {_text.count(most, noun)}"
        number = several if least < most else _text.count(most, noun)
        return f"{100 * self.confidence:.10g} %, {self.method}, {number}"


def mean_t(values: npt.ArrayLike, confidence: float) -> Interval:
    """Compute the mean and its interval by Student's t.

    Assumes independent replications whose mean is about normal: many of them, or no heavy tail.
    Replications that are NaN are left out, in each column for itself. One alone says nothing
    about its error: the interval is infinite. Where all are equal, its width is zero, which is
    too sure of rare events: use `wilson` for them.

    Student (W. S. Gosset), The probable error of a mean, 1908.

    Parameters
    ----------
    values : array_like of float, shape (replications, ...)
        What each replication found.
    confidence : float
        Above 0 and below 1.
    """
    return _mean_t(_samples.values("values", values), _samples.level("confidence", confidence), "t")


def paired(a: npt.ArrayLike, b: npt.ArrayLike, confidence: float) -> Interval:
    """Compute the mean difference a - b of replications that go together, by Student's t.

    Assumes that replication i of both saw the same traffic (common random numbers), which takes
    out what both share. Otherwise as `mean_t`.

    Student (W. S. Gosset), The probable error of a mean, 1908.
    """
    first, second = _samples.pair("a", a, "b", b)
    return _mean_t(first - second, _samples.level("confidence", confidence), "paired t")


def bootstrap(
    values: npt.ArrayLike, confidence: float, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Compute the mean and its bootstrap interval, corrected for bias and skewness (BCa).

    Assumes independent replications, but no normal mean: it leans to the side of a long tail.
    Below some 20 replications it is too narrow. NaN, one replication and equal ones are as in
    `mean_t`. All columns are resampled alike, and a seed always gives the same interval.

    B. Efron, Better bootstrap confidence intervals, 1987.

    Parameters
    ----------
    values : array_like of float, shape (replications, ...)
        What each replication found.
    confidence : float
        Above 0 and below 1.
    resamples : int
        How often the replications are drawn anew.
    seed : int
        Of the random numbers.
    """
    array, level = _samples.values("values", values), _samples.level("confidence", confidence)
    resamples = _check.whole("resamples", resamples, 100, 1_000_000)
    seed = _check.whole("seed", seed, 0, 2**63 - 1)
    columns = array.reshape(len(array), -1)
    known = ~np.isnan(columns)
    mean, _, count = _samples.moments(columns)
    low = np.where(count > 1, mean, -np.inf)
    high = np.where(count > 1, mean, np.inf)
    # Columns that know the same replications are drawn together.
    patterns, which = np.unique(known, axis=1, return_inverse=True)
    for k in range(patterns.shape[1]):
        if (rows := patterns[:, k]).sum() < 2:
            continue
        (chosen,) = np.nonzero(which.reshape(-1) == k)
        width = _bootstrap.columns_at_once(resamples)
        for start in range(0, len(chosen), width):
            part = chosen[start : start + width]
            low[part], high[part] = _bootstrap.bca(columns[rows][:, part], level, resamples, seed)
    shape = array.shape[1:]
    mean, low, high = mean.reshape(shape), low.reshape(shape), high.reshape(shape)
    return _interval(mean, low, high, level, "BCa", count.reshape(shape))


def ratio_t(numerators: npt.ArrayLike, denominators: npt.ArrayLike, confidence: float) -> Interval:
    """Compute a ratio of two sums over replications, and its interval by Student's t.

    The pooled ratio sum x / sum y, e.g. all throttles over all arrivals; its error is found by
    the delta method. Assumes independent replications, and so many that the mean of y is known
    well. Pairs with a NaN are left out. Where no event was seen, the width is zero, which is too
    sure: use `wilson`.

    W. G. Cochran, Sampling techniques, 3rd edition, 1977, chapter 6.

    Parameters
    ----------
    numerators, denominators : array_like of float, shape (replications, ...)
        x and y of each replication.
    confidence : float
        Above 0 and below 1.
    """
    x, y = _samples.pair("numerators", numerators, "denominators", denominators)
    level = _samples.level("confidence", confidence)
    ratio, error, count = _samples.ratio_of_sums(x, y)
    half = _student.t_quantiles((1 - level) / 2, count - 1) * error
    unknown = np.isnan(half)
    return _interval(
        ratio,
        np.where(unknown, -np.inf, ratio - half),
        np.where(unknown, np.inf, ratio + half),
        level,
        "ratio t",
        count,
    )


def wilson(
    events: npt.ArrayLike,
    trials: npt.ArrayLike,
    confidence: float,
    inflation: npt.ArrayLike = 1.0,
) -> Interval:
    """Compute a share of trials and its score interval, which holds for rare events too.

    Assumes that each trial is an event with the same probability, independently of all others.
    Throttles are not: they come in clusters, and a cluster says little more than one of them.
    `inflation` mends that roughly: the interval is that of trials / inflation, as if the
    clusters had one size. It can only be estimated where events were seen; where none was, the
    bound is that of independent trials, and too low if events would come in clusters.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927;
    L. Kish, Survey sampling, 1965 (the design effect).

    Parameters
    ----------
    events, trials : array_like of float
        Counts over all replications.
    confidence : float
        Above 0 and below 1.
    inflation : array_like of float
        The variance over that of independent trials, from 1 on: see `design_effect`.

    Examples
    --------
    >>> wilson(0, 100_000, 0.95)
    <Interval: < 3.8e-05, 95 %, wilson, 100,000 trials>
    """
    x, n = _samples.counts(events, trials)
    level = _samples.level("confidence", confidence)
    factor = _arrays.numbers("inflation", inflation)
    _arrays.refuse("inflation", factor, ~(factor >= 1), "a number from 1 on")
    try:
        x, n, factor = np.broadcast_arrays(x, n, factor)
    except ValueError:
        raise ConfigurationError(
            f"inflation of shape {factor.shape} does not fit counts of shape {x.shape}",
            argument="inflation",
        ) from None
    z2 = _student.normal_quantile((1 - level) / 2) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        p = x / n
    q = np.where(n > 0, p, 0.0)
    size = n / factor
    centre = (q * size + z2 / 2) / (size + z2)
    half = np.sqrt(z2 * (q * (1 - q) * size + z2 / 4)) / (size + z2)
    low = np.where(x > 0, np.maximum(centre - half, 0), 0.0)
    high = np.where(x < n, np.minimum(centre + half, 1), 1.0)
    return _interval(p, low, high, level, "wilson", n.astype(np.int64))


def design_effect(events: npt.ArrayLike, trials: npt.ArrayLike) -> Any:
    """Estimate by how much clusters inflate the variance of a pooled ratio.

    The variance of events / trials between replications over that of independent trials, and at
    least 1. Where it cannot be seen (one replication, no events, nothing but events), it is 1:
    that is no sign that there are no clusters.

    L. Kish, Survey sampling, 1965; the variance as in `ratio_t`.

    Parameters
    ----------
    events, trials : array_like of float, shape (replications, ...)
        Counts of each replication.

    Returns
    -------
    float, or ndarray of float64, shape (...)
        The inflation, for `wilson`.
    """
    x, n = _samples.counts(events, trials)
    _samples.replications("events", x)
    ratio, error, _ = _samples.ratio_of_sums(x, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = error**2 * n.sum(axis=0) / (ratio * (1 - ratio))
    return _arrays.plain(np.where(effect > 1, effect, 1.0))


def equivalence(values: npt.ArrayLike, tolerance: float, confidence: float = 0.95) -> Any:
    """Decide whether differences of replications are zero but for a tolerance.

    Two one-sided t tests, each with a false-alarm rate of alpha = 1 - confidence: both refuse a
    difference as large as the tolerance just where the interval of confidence 1 - 2 alpha lies
    within it. Assumes what `mean_t` does.

    D. J. Schuirmann, A comparison of the two one-sided tests procedure and the power approach
    for assessing the equivalence of average bioavailability, 1987.

    Parameters
    ----------
    values : array_like of float, shape (replications, ...)
        The differences a - b.
    tolerance : float
        From 0 on: the largest difference that does not matter.
    confidence : float
        Above 0.5 and below 1.

    Returns
    -------
    str, or ndarray of str, shape (...)
        ``"equivalent"``: the interval of confidence 1 - 2 alpha lies within the tolerance.
        ``"different"``: the interval of confidence 1 - alpha lies outside it altogether.
        ``"undecided"``: neither; more replications would tell.

    Examples
    --------
    >>> equivalence([0.1, -0.2, 0.1, 0.0], tolerance=0.5)
    'equivalent'
    """
    level = _samples.level("confidence", confidence)
    if level <= 0.5:
        raise ConfigurationError(
            f"confidence = {level}: a number above 0.5 and below 1 is needed",
            argument="confidence",
        )
    tolerance = _samples.not_negative("tolerance", tolerance)
    array = _samples.values("values", values)
    inner, outer = _mean_t(array, 2 * level - 1, "t"), _mean_t(array, level, "t")
    same = np.asarray((inner.low >= -tolerance) & (inner.high <= tolerance))
    apart = np.asarray((outer.low > tolerance) | (outer.high < -tolerance))
    return _arrays.plain(np.where(same, "equivalent", np.where(apart, "different", "undecided")))


def enough(values: npt.ArrayLike, relative: float, confidence: float) -> Any:
    """Tell whether replications give their mean to a relative precision.

    That is where the half width of the interval by Student's t is at most `relative` times the
    mean. Equal values (none throttled, say) always are enough: ask for some replications first.
    Asking again after each replication stops a little early now and then, as chance has it.

    A. M. Law, Simulation modeling and analysis, 5th edition, 2015, section 9.4.

    Parameters
    ----------
    values : array_like of float, shape (replications, ...)
        What each replication found.
    relative : float
        From 0 on, e.g. 0.05.
    confidence : float
        Above 0 and below 1.

    Returns
    -------
    bool, or ndarray of bool, shape (...)
    """
    relative = _samples.not_negative("relative", relative)
    interval = mean_t(values, confidence)
    return _arrays.plain(np.asarray(interval.half_width <= relative * np.abs(interval.estimate)))


def _mean_t(values: Floats, level: float, method: str) -> Interval:
    mean, error, count = _samples.moments(values)
    half = _student.t_quantiles((1 - level) / 2, count - 1) * error
    unknown = np.isnan(half)
    low = np.where(unknown, -np.inf, mean - half)
    high = np.where(unknown, np.inf, mean + half)
    return _interval(mean, low, high, level, method, count)


def _interval(
    estimate: Floats,
    low: Floats,
    high: Floats,
    level: float,
    method: str,
    samples: npt.NDArray[np.int64],
) -> Interval:
    parts = (estimate, low, high, samples)
    centre, lower, upper, number = (_arrays.plain(np.asarray(each)) for each in parts)
    return Interval(centre, lower, upper, level, method, number)


def _rounded(estimate: float, low: float, high: float) -> list[str]:
    """Write down as many digits as the width gives sense to: two of its half."""
    half = (high - low) / 2
    if not (0 < half < math.inf):
        return [f"{each:.6g}" for each in (estimate, low, high)]
    decimals = 1 - math.floor(math.log10(half))
    return [f"{round(each, decimals):.15g}" for each in (estimate, low, high)]
