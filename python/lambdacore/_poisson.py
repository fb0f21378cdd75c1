"""Poisson probabilities that keep their digits, far out and at loads of millions.

A probability is the largest term of its sum times a sum of ratios, all of them positive:
nothing cancels. About nine times the root of the load are summed, not the load.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["at_least", "at_most", "blocking", "log_probability"]

Floats = npt.NDArray[np.float64]

#: Rows that are summed at once, and the most terms of each: 8 MB.
_ROWS = 1024
_TERMS = 1024
#: From here on, Stirling's series is exact.
_STIRLING = 16
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
#: What Stirling's formula leaves of log n!, below.
_SMALL = np.array(
    [0.0]
    + [
        math.lgamma(n + 1) - (n + 0.5) * math.log(n) + n - _HALF_LOG_2PI
        for n in range(1, _STIRLING)
    ]
)


def log_probability(load: Floats, number: Floats) -> Floats:
    """Compute the logarithm of the probability of exactly so many, of mean `load`.

    Its absolute error is a few units of rounding of the result.

    C. Loader, Fast and accurate computation of binomial probabilities, 2000.
    """
    load, number = np.broadcast_arrays(load, number)
    # Where a number or a load is 0, the formula has no logarithm; the answer is known.
    n, a = np.where(number > 0, number, 1.0), np.where(load > 0, load, 1.0)
    far = 1 / n**2
    series = (1 / 12 - far * (1 / 360 - far * (1 / 1260 - far * (1 / 1680 - far / 1188)))) / n
    small = _SMALL[np.minimum(n, _STIRLING - 1).astype(np.intp)]
    rest = np.where(n < _STIRLING, small, series)
    found = -rest - _deviance(n, a) - 0.5 * np.log(n) - _HALF_LOG_2PI
    with np.errstate(divide="ignore"):
        found = np.where(load > 0, found, -np.inf)
    return np.where(number > 0, found, -load)


def _deviance(n: Floats, a: Floats) -> Floats:
    """Compute n log(n / a) + a - n, which is small where both are near."""
    v = (n - a) / (n + a)
    near = np.abs(v) < 0.35
    plain = n * np.log(n / a) + a - n
    v = np.where(near, v, 0.0)
    series = np.zeros_like(v)
    for j in range(18, 0, -1):
        series = v * v * (series + 1 / (2 * j + 1))
    return np.where(near, (n - a) * v + 2 * n * v * series, plain)


def at_most(load: Floats, number: Floats) -> Floats:
    """Compute the probability of so many or fewer; below the load to its last digits."""
    return _tails(load, number)[0]


def at_least(load: Floats, number: Floats) -> Floats:
    """Compute the probability of so many or more; above the load to its last digits."""
    return np.where(number > 0, _tails(load, number - 1)[1], 1.0)


def blocking(load: Floats, limit: Floats) -> Floats:
    """Compute the probability of exactly `limit`, given that there are no more."""
    load, limit = np.broadcast_arrays(load, limit)
    found = np.empty(load.shape)
    low = limit <= load
    # The inverse is the sum of limit! / (limit - k)! / load^k; at a load of 0 it is 0 / 0.
    found[low] = 1 / _sum(load[low], limit[low], down=True)
    a, c = load[~low], limit[~low]
    found[~low] = np.exp(log_probability(a, c)) / at_most(a, c)
    return found


def _tails(load: Floats, number: Floats) -> tuple[Floats, Floats]:
    """Compute the probabilities of at most so many, and of more."""
    load, number = np.broadcast_arrays(load, number)
    most, more = np.empty(load.shape), np.empty(load.shape)
    low = number <= load
    a, n = load[low], number[low]
    known = n >= 0
    sums = np.zeros(a.shape)
    sums[known] = _sum(a[known], n[known], down=True)
    most[low] = np.minimum(np.exp(log_probability(a, np.maximum(n, 0))) * sums, 1.0)
    more[low] = 1 - most[low]
    a, n = load[~low], number[~low] + 1
    more[~low] = np.exp(log_probability(a, n)) * _sum(a, n, down=False)
    most[~low] = 1 - more[~low]
    return most, more


def _sum(load: Floats, number: Floats, *, down: bool) -> Floats:
    """Add up the terms of a tail from `number` outwards, in units of the first."""
    found = np.empty(load.shape)
    for start in range(0, load.size, _ROWS):
        rows = slice(start, start + _ROWS)
        found[rows] = _sum_rows(load[rows, np.newaxis], number[rows, np.newaxis], down)
    return found


def _sum_rows(load: Floats, number: Floats, down: bool) -> Floats:
    total, last = np.ones(len(load)), np.ones((len(load), 1))
    load = np.where(load > 0, load, 1.0) if down else load
    for steps in _steps():
        ratios = np.maximum(number - steps, 0) / load if down else load / (number + 1 + steps)
        terms = last * np.cumprod(ratios, axis=1)
        total += terms.sum(axis=1)
        last = terms[:, -1:]
        # The terms fall ever faster: what follows is less than the last ones together.
        if (last[:, 0] <= 1e-17 * total).all():
            break
    return total


def _steps() -> Iterator[Floats]:
    """Count up from 0, in pieces that grow."""
    start, width = 0, 32
    while True:
        yield np.arange(start, start + width, dtype=np.float64)
        start, width = start + width, min(2 * width, _TERMS)
