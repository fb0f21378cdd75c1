"""Quantiles of Student's t, without scipy."""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

__all__ = ["normal_quantile", "t_quantile", "t_quantiles", "t_tail"]


def normal_quantile(tail: float) -> float:
    """Find the value that a standard normal number exceeds with probability `tail`."""
    from statistics import NormalDist

    # Of the lower tail, which keeps its digits.
    return -NormalDist().inv_cdf(tail)


@functools.lru_cache(maxsize=1024)
def t_quantile(tail: float, df: int) -> float:
    """Find the value that Student's t exceeds with probability `tail`.

    Newton's method on the logarithms of value and tail, inside a bracket that shrinks.

    Parameters
    ----------
    tail : float
        Above 0, below 1.
    df : int
        Degrees of freedom, from 1 on.

    Examples
    --------
    >>> round(t_quantile(0.025, 9), 3)
    2.262
    """
    if tail > 0.5:
        return -t_quantile(1 - tail, df)
    if tail == 0.5:
        return 0.0
    # Student's tails are heavier than the normal ones.
    low = value = normal_quantile(tail)
    high = math.inf
    for _ in range(200):
        above = t_tail(value, df)
        low, high = (value, high) if above > tail else (low, value)
        slope = -value * _density(value, df) / above
        step = value * math.exp(max(min(math.log(tail / above) / slope, 1.0), -1.0))
        if not low <= step <= high:
            step = (low + high) / 2
        if abs(step - value) <= 1e-14 * value:
            return step
        value = step
    return value


def t_quantiles(tail: float, df: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Find the quantile for each of an array; without degrees of freedom it is NaN."""
    distinct, which = np.unique(df, return_inverse=True)
    found = [t_quantile(tail, int(n)) if n > 0 else math.nan for n in distinct]
    return np.array(found)[which].reshape(np.shape(df))


def t_tail(value: float, df: int) -> float:
    """Compute the probability that Student's t exceeds a value above 0."""
    # Half of the regularised incomplete beta function at df / (df + value^2).
    a, b = df / 2, 0.5
    square = value * value
    x, rest = df / (df + square), square / (df + square)
    front = math.exp(-a * math.log1p(square / df) + b * math.log(rest) + _log_beta_inverse(a))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a / 2
    return (1 - front * _fraction(rest, b, a) / b) / 2


def _density(value: float, df: int) -> float:
    a = df / 2
    return math.exp(_log_beta_inverse(a) - (a + 0.5) * math.log1p(value * value / df)) / math.sqrt(
        df
    )


def _log_beta_inverse(a: float) -> float:
    """Compute -log B(a, 1/2), where a difference of large logarithms would lose its digits."""
    half = 0.5 * math.log(math.pi)
    if a < 40:
        return math.lgamma(a + 0.5) - math.lgamma(a) - half
    far = 1 / (a * a)
    series = (1 / 8 - far * (1 / 192 - far * (1 / 640 - far * 17 / 14336))) / a
    return 0.5 * math.log(a) - series - half


def _fraction(x: float, a: float, b: float) -> float:
    """Evaluate the continued fraction of the incomplete beta function, by Lentz's method.

    W. H. Press and others, Numerical recipes, 3rd edition, 2007, section 6.4.
    """
    tiny = 1e-300
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1), tiny)
    found = d
    for m in range(1, 100_000):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away(1 + factor * d, tiny)
            c = _away(1 + factor / c, tiny)
            found *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return found


def _away(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny
