"""CloudWatch metrics of a result, by AWS's own names, units and statistics."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from lambdacore import _check
from lambdacore._series import Series
from lambdacore.errors import ConfigurationError
from lambdacore.outcome import ADMITTED, FIRST_THROTTLED, THROTTLED, Outcome

__all__ = ["metric"]

Points = npt.NDArray[np.float64]


def metric(
    series: Series, name: str, function: str | None, period: int, statistic: str | None
) -> Points:
    """Compute a metric in bins of `period` nanoseconds; see `Result.metric`."""
    _check.one_of("name", name, _METRICS)
    compute, statistics, regional = _METRICS[name]
    if regional and function is not None:
        raise ConfigurationError(
            f"{name} is a metric of the Region: leave function= out", argument="function"
        )
    if function is not None:
        series.account.index(function)
    chosen = statistics[0] if statistic is None else statistic
    if not (chosen in statistics or ("pNN" in statistics and _percentile(chosen) is not None)):
        raise ConfigurationError(
            f"statistic = {chosen!r} is not defined for {name}; it has: {', '.join(statistics)}",
            argument="statistic",
        )
    return compute(series, function, period, chosen)


def _attempts(series: Series, function: str | None, period: int) -> Points:
    return _count(series, tuple(Outcome), function, period)


def _count(series: Series, codes: tuple[Outcome, ...], function: str | None, period: int) -> Points:
    return series.select_count(codes, period, function, function is None).astype(np.float64)


def _counted(codes: tuple[Outcome, ...]) -> Callable[[Series, str | None, int, str], Points]:
    def compute(series: Series, function: str | None, period: int, _statistic: str) -> Points:
        counts = _count(series, codes, function, period)
        # Lambda reports both counts when it is invoked, and neither in a quiet minute.
        return np.where(_attempts(series, function, period) > 0, counts, np.nan)

    return compute


def _concurrent(series: Series, function: str | None, period: int, _statistic: str) -> Points:
    running = series.select_concurrency(period, function, function is None)
    return _where_active(series, function, period, running)


def _unreserved(series: Series, _function: None, period: int, _statistic: str) -> Points:
    return _where_active(series, None, period, series.concurrency_of_region(period).unreserved)


def _claimed(series: Series, _function: None, period: int, statistic: str) -> Points:
    # What reservations claim is claimed whether it is used or not.
    reserved = sum(f.reserved_concurrency or 0 for f in series.account.functions)
    return _unreserved(series, None, period, statistic) + reserved


def _where_active(
    series: Series, function: str | None, period: int, running: npt.NDArray[np.uint32]
) -> Points:
    in_flight = series.select_concurrency(period, function, function is None)
    active = (in_flight > 0) | (_attempts(series, function, period) > 0)
    return np.where(active, running.astype(np.float64), np.nan)


def _duration(series: Series, function: str | None, period: int, statistic: str) -> Points:
    trace = series.trace
    chosen = series.outcome < FIRST_THROTTLED
    if function is not None:
        names = trace.functions
        index = names.index(function) if function in names else len(names)
        chosen &= trace.function == index
    bins = series.bins(period)
    series.check_size(bins, 1, 8)
    points = np.full(bins.size, np.nan)
    bin_of = trace.arrival[chosen] // bins.period - bins.first
    milliseconds = trace.duration[chosen] / 1e6
    if not len(bin_of):
        return points
    # Arrivals ascend, so each bin's durations stand together.
    present, starts = np.unique(bin_of, return_index=True)
    counts = np.diff(np.append(starts, len(bin_of)))
    if statistic == "SampleCount":
        points[present] = counts
    elif statistic in ("Sum", "Average"):
        sums = np.add.reduceat(milliseconds, starts)
        points[present] = sums / counts if statistic == "Average" else sums
    elif statistic == "Minimum":
        points[present] = np.minimum.reduceat(milliseconds, starts)
    elif statistic == "Maximum":
        points[present] = np.maximum.reduceat(milliseconds, starts)
    else:
        level = _percentile(statistic)
        assert level is not None
        ends = starts + counts
        points[present] = [
            # The nearest rank: a value that occurred, as CloudWatch's percentiles are.
            np.percentile(milliseconds[a:b], level, method="inverted_cdf")
            for a, b in zip(starts, ends, strict=True)
        ]
    return points


def _percentile(statistic: str) -> float | None:
    found = re.fullmatch(r"p(\d{1,2}(?:\.\d{1,10})?|100)", statistic)
    return float(found[1]) if found else None


#: How it is computed, its statistics (the first is the default), whether it is the Region's.
_METRICS: dict[str, tuple[Callable[[Series, Any, int, str], Points], tuple[str, ...], bool]] = {
    "Invocations": (_counted(ADMITTED), ("Sum",), False),
    "Throttles": (_counted(THROTTLED), ("Sum",), False),
    "Duration": (
        _duration,
        ("Average", "Minimum", "Maximum", "Sum", "SampleCount", "pNN"),
        False,
    ),
    "ConcurrentExecutions": (_concurrent, ("Maximum",), False),
    "UnreservedConcurrentExecutions": (_unreserved, ("Maximum",), True),
    "ClaimedAccountConcurrency": (_claimed, ("Maximum",), True),
}
