"""What independent replications found: checked, and their means and errors.

The first axis is the replication; NaN stands for one that found nothing.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from lambdacore import _arrays, _check
from lambdacore.errors import ConfigurationError

__all__ = [
    "counts",
    "level",
    "moments",
    "not_negative",
    "pair",
    "ratio_of_sums",
    "replications",
    "values",
]

Floats = npt.NDArray[np.float64]


def values(argument: str, given: npt.ArrayLike) -> Floats:
    """Check what replications found: finite numbers, or NaN."""
    array = _arrays.numbers(argument, given)
    replications(argument, array)
    _arrays.refuse(argument, array, np.isinf(array), "a finite number (or NaN for none)")
    return array


def replications(argument: str, array: Floats) -> None:
    """Check that there is a replication."""
    if array.ndim == 0 or not len(array):
        raise ConfigurationError(
            f"{argument}: an array with one replication or more is needed", argument=argument
        )


def pair(first: str, a: npt.ArrayLike, second: str, b: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Check two arrays of replications that go together."""
    x, y = values(first, a), values(second, b)
    if x.shape != y.shape:
        raise ConfigurationError(
            f"{second} has shape {y.shape}, and {first} has {x.shape}", argument=second
        )
    return x, y


def counts(events: npt.ArrayLike, trials: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Check counts of events among trials."""
    x, n = _arrays.broadcast(
        events=_arrays.numbers("events", events), trials=_arrays.numbers("trials", trials)
    )
    _arrays.refuse("trials", n, ~((n >= 0) & (n < 2**53)), "a count")
    _arrays.refuse("events", x, ~((x >= 0) & (x <= n)), "a count of no more than the trials")
    return x, n


def level(argument: str, value: float) -> float:
    """Check a confidence: above 0 and below 1."""
    number = _check.ratio(argument, value)
    if number in (0, 1):
        raise ConfigurationError(
            f"{argument} = {number}: a number above 0 and below 1 is needed", argument=argument
        )
    return number


def not_negative(argument: str, value: float) -> float:
    """Check a finite number from 0 on."""
    array = _arrays.numbers(argument, value)
    if array.ndim or not 0 <= array < math.inf:
        raise ConfigurationError(
            f"{argument} = {value}: a number from 0 on is needed", argument=argument
        )
    return float(array)


def moments(found: Floats) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Compute mean, its standard error (NaN of one) and count of each column without NaN."""
    known = ~np.isnan(found)
    count = known.sum(axis=0)
    # Counted from the least, so that equal values have exactly their mean and no variance.
    least = np.where(known, found, np.inf).min(axis=0)
    least = np.where(count > 0, least, 0.0)
    above = np.where(known, found - least, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = above.sum(axis=0) / count
        spread = np.where(known, above - mean, 0.0)
        error = np.sqrt((spread**2).sum(axis=0) / (count - 1) / count)
    return least + mean, error, count


def ratio_of_sums(x: Floats, y: Floats) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Compute the ratio of sums, its standard error (NaN of one) and the count."""
    known = ~(np.isnan(x) | np.isnan(y))
    x, y = np.where(known, x, 0.0), np.where(known, y, 0.0)
    count = known.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = x.sum(axis=0) / y.sum(axis=0)
        ratio = np.where(np.isfinite(ratio), ratio, np.nan)
        spread = ((x - ratio * y) ** 2).sum(axis=0)
        error = np.sqrt(spread * count / (count - 1)) / np.abs(y.sum(axis=0))
    return ratio, error, count
