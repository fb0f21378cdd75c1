"""Ends of the bootstrap interval of a mean, corrected for bias and skewness (BCa).

B. Efron, Better bootstrap confidence intervals, 1987.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from lambdacore import _student

__all__ = ["bca", "columns_at_once"]

Floats = npt.NDArray[np.float64]

#: Numbers that are held at once: 16 MB.
_HELD = 2_000_000


def columns_at_once(resamples: int) -> int:
    """Say how many columns `bca` should be given at once to stay within its memory."""
    return max(_HELD // resamples, 1)


def bca(values: Floats, level: float, resamples: int, seed: int) -> tuple[Floats, Floats]:
    """Compute the ends for columns that are all known, of two rows or more."""
    n, columns = values.shape
    least = values.min(axis=0)
    above = values - least
    mean = above.mean(axis=0)
    rng = np.random.Generator(np.random.Philox(seed))
    means = np.empty((resamples, columns))
    step = max(_HELD // n, 1)
    for start in range(0, resamples, step):
        rows = means[start : start + step]
        rows[:] = rng.multinomial(n, np.full(n, 1 / n), size=len(rows)) @ above / n
    means.sort(axis=0)
    # Ties count half; they differ by rounding.
    same = 1e-12 * above.max(axis=0)
    share = ((means < mean - same).mean(axis=0) + (means <= mean + same).mean(axis=0)) / 2
    share = np.clip(share, 0.5 / resamples, 1 - 0.5 / resamples)
    bias = np.array([-_student.normal_quantile(float(each)) for each in share])
    spread = above - mean
    square = (spread**2).sum(axis=0)
    skew = (spread**3).sum(axis=0) / np.where(square > 0, 6 * square**1.5, 1.0)
    z = _student.normal_quantile((1 - level) / 2)
    ends = []
    for side in (-z, z):
        moved = bias + (bias + side) / np.maximum(1 - skew * (bias + side), 1e-9)
        at = np.array([0.5 * math.erfc(-each / math.sqrt(2)) for each in moved])
        at *= resamples - 1
        below = np.minimum(at.astype(np.intp), resamples - 2)
        column = np.arange(columns)
        first, second = means[below, column], means[below + 1, column]
        ends.append(least + first + (at - below) * (second - first))
    return ends[0], ends[1]
