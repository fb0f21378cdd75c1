"""Exact answers of queueing theory, to hold a plan or a simulation against.

They are about traffic at random (Poisson arrivals) in the long run. A trace is not random,
bursts throttle more than these formulas say, and ``lambdacore.simulate`` tells how much more.

The load of a function is its arrivals a second times its mean duration in seconds: the mean
number in flight where nothing is limited. Only the mean of the durations counts here, not their
law.

>>> import lambdacore as lc
>>> lc.theory.erlang_b_limit(load=100, throttle_ratio=0.01)
117
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lambdacore import _arrays, _check, _poisson
from lambdacore.errors import ConfigurationError

__all__ = [
    "Overflow",
    "erlang_b",
    "erlang_b_limit",
    "erlang_b_load",
    "in_flight_quantile",
    "in_flight_reaches",
    "overflow",
    "shared_pool",
]

Floats = npt.NDArray[np.float64]

#: Ratios that differ by less are the same: 0.2 as people write it is B(2, 1) as it is computed.
_SAME = 1e-12


class Overflow(NamedTuple):
    """What overflows from a pool: the mean in flight elsewhere, and its variance."""

    mean: Any
    variance: Any


def erlang_b(limit: npt.ArrayLike, load: npt.ArrayLike) -> Any:
    """Compute the share of calls that a pool throttles: Erlang's loss formula.

    Assumes Poisson arrivals at one pool, and that a throttled call is gone; the durations may
    have any law.

    Parameters
    ----------
    limit : array_like of int
        The concurrency limit.
    load : array_like of float
        Arrivals a second times mean duration.

    Returns
    -------
    float, or ndarray of float64
        The throttle ratio. An array has the shape to which both are broadcast.

    References
    ----------
    A. K. Erlang, Solution of some problems in the theory of probabilities of significance in
    automatic telephone exchanges, 1917. For any law of durations: B. A. Sevastyanov, An ergodic
    theorem for Markov processes and its application to telephone systems with refusals, 1957.

    Examples
    --------
    >>> import lambdacore as lc
    >>> round(lc.theory.erlang_b(1000, 1000), 6)
    0.024812
    >>> lc.theory.erlang_b([0, 1, 2], 1.0).round(3).tolist()
    [1.0, 0.5, 0.2]
    """
    c, a = _arrays.broadcast(limit=_arrays.limits("limit", limit), load=_arrays.loads("load", load))
    return _arrays.plain(_poisson.blocking(a, c))


def erlang_b_limit(load: npt.ArrayLike, throttle_ratio: npt.ArrayLike) -> Any:
    """Find the smallest limit at which no more than a share of the calls is throttled.

    Assumes what `erlang_b` does.

    Parameters
    ----------
    load : array_like of float
        Arrivals a second times mean duration.
    throttle_ratio : array_like of float
        The share that may be throttled, above 0 (there is no limit that random arrivals never
        reach) and up to 1. Ratios that agree in twelve digits are taken for equal.

    Returns
    -------
    int, or ndarray of int64
        The limit.

    References
    ----------
    A. K. Erlang, Solution of some problems in the theory of probabilities of significance in
    automatic telephone exchanges, 1917.

    Examples
    --------
    >>> import lambdacore as lc
    >>> lc.theory.erlang_b_limit([10, 100, 1000], 0.001).tolist()
    [21, 128, 1072]
    """
    a, ratio = _arrays.broadcast(
        load=_arrays.loads("load", load),
        throttle_ratio=_arrays.ratios("throttle_ratio", throttle_ratio, zero=False),
    )
    ratio = ratio * (1 + _SAME)
    low, high = np.full(a.shape, -1.0), np.ceil(a)
    # Doubling what lies beyond the load, then halving.
    while (more := _poisson.blocking(a, high) > ratio).any():
        low = np.where(more, high, low)
        high = np.where(more, np.ceil(a) + 2 * (high - np.ceil(a)) + 1, high)
    while (apart := high - low > 1).any():
        middle = np.where(apart, np.floor((low + high) / 2), high)
        enough = _poisson.blocking(a, middle) <= ratio
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return _arrays.plain(high.astype(np.int64))


def erlang_b_load(limit: npt.ArrayLike, throttle_ratio: npt.ArrayLike) -> Any:
    """Find the largest load of which no more than a share is throttled.

    Assumes what `erlang_b` does.

    Parameters
    ----------
    limit : array_like of int
        The concurrency limit.
    throttle_ratio : array_like of float
        The share that may be throttled, from 0 to below 1.

    Returns
    -------
    float, or ndarray of float64
        The load: arrivals a second times mean duration.

    References
    ----------
    A. K. Erlang, Solution of some problems in the theory of probabilities of significance in
    automatic telephone exchanges, 1917.

    Examples
    --------
    >>> import lambdacore as lc
    >>> round(lc.theory.erlang_b_load(1000, 0.01), 1)
    971.2
    """
    c, ratio = _arrays.broadcast(
        limit=_arrays.limits("limit", limit),
        throttle_ratio=_arrays.ratios("throttle_ratio", throttle_ratio, one=False),
    )
    positive = (c > 0) & (ratio > 0)
    n, share = np.where(positive, c, 1.0), np.where(positive, ratio, 0.5)
    # 1 - n / a <= B <= a^n / n!, which is a bracket.
    log_factorial = np.array([math.lgamma(each + 1) for each in n.flat]).reshape(n.shape)
    low = (np.log(share) + log_factorial) / n - 1e-6
    high = np.log(n / (1 - share)) + 1e-6
    for _ in range(64):
        middle = (low + high) / 2
        within = _poisson.blocking(np.exp(middle), n) <= share
        low, high = np.where(within, middle, low), np.where(within, high, middle)
    return _arrays.plain(np.where(positive, np.exp((low + high) / 2), 0.0))


def overflow(limit: npt.ArrayLike, load: npt.ArrayLike) -> Overflow:
    """Compute what overflows from a pool into one without a limit: Riordan's formulas.

    So much of a function runs on demand beside `limit` units of provisioned concurrency.

    Assumes Poisson arrivals, each of which takes room in the first pool if there is any; for the
    variance also exponential durations.

    Parameters
    ----------
    limit : array_like of int
        The limit of the first pool.
    load : array_like of float
        Arrivals a second times mean duration.

    Returns
    -------
    Overflow
        Mean and variance of the number in flight in the second pool: floats, or arrays of the
        shape to which both arguments are broadcast.

    References
    ----------
    J. Riordan's appendix to R. I. Wilkinson, Theories for toll traffic engineering in the
    U.S.A., 1956.

    Examples
    --------
    >>> import lambdacore as lc
    >>> mean, variance = lc.theory.overflow(limit=10, load=12.0)
    >>> round(mean, 4), round(variance, 4)
    (3.6231, 7.071)
    """
    c, a = _arrays.broadcast(limit=_arrays.limits("limit", limit), load=_arrays.loads("load", load))
    mean = a * _poisson.blocking(a, c)
    # Riordan's formula, written with the room that is free in the mean. Its recursion,
    # free(c) = (1 + free(c - 1)) (1 - B(c)), loses no digits where the load is far too high.
    served, less = _served(c, a), np.maximum(c - 1, 0)
    free = served * (1 + less - a * _served(less, a))
    peakedness = 1 + a * served - a * free / (1 + free)
    return Overflow(_arrays.plain(mean), _arrays.plain(mean * peakedness))


def shared_pool(loads: npt.ArrayLike, caps: Sequence[int | None], limit: int) -> Floats:
    """Compute what each of several functions loses in a pool that they share.

    A call needs room in the pool and below the cap of its function. Reservations within the
    account's limit are pools of their own: use `erlang_b` for each. They become caps in a
    shared pool if the limit falls below their sum.

    Assumes independent Poisson arrivals, and that a throttled call is gone; the durations may
    have any law.

    Parameters
    ----------
    loads : array_like of float, shape (functions,)
        Arrivals a second times mean duration.
    caps : sequence of int or None
        The cap of each function; None is none.
    limit : int
        The limit of the pool. The time grows with its square.

    Returns
    -------
    ndarray of float64, shape (functions,)
        The throttle ratio of each function.

    References
    ----------
    J. S. Kaufman, Blocking in a shared resource environment, 1981; F. P. Kelly, Loss networks,
    1991. The sums are formed by convolution: V. B. Iversen, The exact evaluation of multi-service
    loss systems with access control, 1987.

    Examples
    --------
    >>> import lambdacore as lc
    >>> lc.theory.shared_pool([2.0, 3.0], caps=[3, 4], limit=5).round(7).tolist()
    [0.313253, 0.2906024]
    """
    a, pool = _arrays.loads("loads", loads), _check.limit("limit", limit)
    if a.ndim != 1:
        raise ConfigurationError("loads: one number for each function", argument="loads")
    if len(caps) != len(a):
        raise ConfigurationError(
            f"caps: {len(caps):,} of them for {len(a):,} loads", argument="caps"
        )
    held = [
        pool if cap is None else min(_check.limit(f"caps[{i}]", cap), pool)
        for i, cap in enumerate(caps)
    ]
    # Those that only the pool holds are one: a sum of Poisson streams is one.
    capped = [i for i, cap in enumerate(held) if cap < pool]
    rest = float(a[[cap == pool for cap in held]].sum())
    if not capped:
        return np.full(len(a), erlang_b(pool, rest))
    each = np.append(a[capped], rest)
    most = np.append(np.array(held, dtype=np.float64)[capped], pool)

    # Scaled by one factor, so that the states that count are no tiny part of all.
    log_scale = _log_scale(each, most, pool)
    parts = []
    for load, cap in zip(each * math.exp(log_scale), most, strict=True):
        logs = _poisson.log_probability(load, np.arange(cap + 1))
        part = np.exp(logs - logs.max())
        parts.append(part / part.sum())
    before, after = [np.ones(1)], [np.ones(1)]
    for part, other in zip(parts, reversed(parts), strict=True):
        before.append(np.convolve(before[-1], part)[: pool + 1])
        after.append(np.convolve(other, after[-1])[: pool + 1])

    # Scaled back, in units of what a full pool weighs.
    weights = np.exp(log_scale * np.arange(pool, -1, -1))
    total = float(before[-1] @ weights)
    lost = np.full(len(a), before[-1][pool] / total)
    for k, i in enumerate(capped):
        # At its cap, with room in the pool: the others hold less than what the cap leaves.
        cap = held[i]
        others = np.convolve(before[k], after[len(parts) - 1 - k])[: pool - cap]
        lost[i] += parts[k][cap] * float(others @ weights[cap : cap + len(others)]) / total
    found: Floats = np.minimum(lost, 1.0)
    return found


def in_flight_quantile(load: npt.ArrayLike, probability: npt.ArrayLike) -> Any:
    """Find the concurrency that is not exceeded with a probability, where nothing is limited.

    It is the smallest number that at least so much of the time is enough: a quantile of the
    Poisson distribution, whose mean is the load.

    Assumes Poisson arrivals; the durations may have any law.

    Parameters
    ----------
    load : array_like of float
        Arrivals a second times mean duration.
    probability : array_like of float
        From 0 to below 1.

    Returns
    -------
    int, or ndarray of int64
        The concurrency.

    References
    ----------
    L. Takács, Introduction to the theory of queues, 1962 (the queue M/G/∞).

    Examples
    --------
    >>> import lambdacore as lc
    >>> lc.theory.in_flight_quantile(100, [0.5, 0.99, 0.999]).tolist()
    [100, 124, 132]
    """
    a, p = _arrays.broadcast(
        load=_arrays.loads("load", load),
        probability=_arrays.ratios("probability", probability, one=False),
    )
    # Chernoff's bounds are a bracket; where p is 0, the answer is 0.
    with np.errstate(divide="ignore"):
        below, above = -np.log(p), -np.log1p(-p)
    low = np.maximum(np.floor(a - np.sqrt(2 * a * np.minimum(below, 1e9))) - 1, -1)
    high = np.ceil(a + np.sqrt(2 * a * above) + above) + 1
    while (apart := high - low > 1).any():
        middle = np.where(apart, np.floor((low + high) / 2), high)
        # 1 - p is exact from a half on, and the small tail keeps its digits.
        enough = np.where(
            p < 0.5,
            _poisson.at_most(a, middle) >= p,
            _poisson.at_least(a, middle + 1) <= 1 - p,
        )
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return _arrays.plain(high.astype(np.int64))


def in_flight_reaches(load: npt.ArrayLike, number: npt.ArrayLike) -> Any:
    """Compute how much of the time so many or more are in flight, where nothing is limited.

    Assumes Poisson arrivals; the durations may have any law.

    Parameters
    ----------
    load : array_like of float
        Arrivals a second times mean duration.
    number : array_like of int
        The concurrency.

    Returns
    -------
    float, or ndarray of float64
        The probability.

    References
    ----------
    L. Takács, Introduction to the theory of queues, 1962 (the queue M/G/∞).

    Examples
    --------
    >>> import lambdacore as lc
    >>> round(lc.theory.in_flight_reaches(100, 130), 6)
    0.002282
    """
    a, n = _arrays.broadcast(
        load=_arrays.loads("load", load), number=_arrays.limits("number", number)
    )
    return _arrays.plain(_poisson.at_least(a, n))


def _served(limit: Floats, load: Floats) -> Floats:
    """Compute 1 - B, to its last digits where that is small."""
    fewer = np.maximum(limit - 1, 0)
    one = np.where(limit > 0, limit, 1.0)
    return np.where(limit > 0, one / (one + load * _poisson.blocking(load, fewer)), 0.0)


def _log_scale(loads: Floats, caps: Floats, pool: int) -> float:
    """Find the factor of all loads with which just the pool is carried, if it is below 1."""

    def carried(logarithm: float) -> float:
        scaled = loads * math.exp(logarithm)
        return float((scaled * _served(caps, scaled)).sum())

    if carried(0) <= pool:
        return 0.0
    low, high = math.log(pool / float(loads.sum())), 0.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if carried(middle) < pool else (low, middle)
    return low
