"""CloudWatch metrics of a result, by AWS's own names, units and statistics."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lambdacore import _check
from lambdacore.errors import ConfigurationError

if TYPE_CHECKING:
    from lambdacore.result import Result

__all__ = ["metric"]

Points = npt.NDArray[np.float64]


def metric(
    result: Result, name: str, function: str | None, period: float, statistic: str | None
) -> Points:
    """Compute a metric; see `Result.metric`."""
    _check.one_of("name", name, _METRICS)
    compute, statistics, regional = _METRICS[name]
    if regional and function is not None:
        raise ConfigurationError(
            f"{name} is a metric of the Region: leave function= out", argument="function"
        )
    if function is not None:
        result.account.index(function)
    chosen = statistics[0] if statistic is None else statistic
    if not (chosen in statistics or ("pNN" in statistics and _percentile(chosen) is not None)):
        raise ConfigurationError(
            f"statistic = {chosen!r} is not defined for {name}; it has: {', '.join(statistics)}",
            argument="statistic",
        )
    return compute(result, function, period, chosen)


def _attempts(result: Result, function: str | None, period: float) -> Points:
    region = function is None
    admitted = result.invocations(period, function=function, account=region)
    throttled = result.throttles(period, function=function, account=region)
    return admitted.astype(np.float64) + throttled


def _counted(series: str) -> Callable[[Result, str | None, float, str], Points]:
    def compute(result: Result, function: str | None, period: float, _statistic: str) -> Points:
        counts = getattr(result, series)(period, function=function, account=function is None)
        # Lambda reports both counts when it is invoked, and neither in a quiet minute.
        points = counts.astype(np.float64)
        return np.where(_attempts(result, function, period) > 0, points, np.nan)

    return compute


def _concurrent(result: Result, function: str | None, period: float, _statistic: str) -> Points:
    running = result.concurrency(period, function=function, account=function is None)
    return _where_active(result, function, period, running)


def _unreserved(result: Result, _function: None, period: float, _statistic: str) -> Points:
    running = result._series.concurrency_of_region(_check.period(period)).unreserved
    return _where_active(result, None, period, running)


def _claimed(result: Result, _function: None, period: float, statistic: str) -> Points:
    # What reservations claim is claimed whether it is used or not.
    reserved = sum(f.reserved_concurrency or 0 for f in result.account.functions)
    return _unreserved(result, None, period, statistic) + reserved


def _where_active(
    result: Result, function: str | None, period: float, running: npt.NDArray[np.uint32]
) -> Points:
    in_flight = result.concurrency(period, function=function, account=function is None)
    active = (in_flight > 0) | (_attempts(result, function, period) > 0)
    return np.where(active, running.astype(np.float64), np.nan)


def _duration(result: Result, function: str | None, period: float, statistic: str) -> Points:
    trace = result.trace
    chosen = ~result.throttled
    if function is not None:
        names = trace.functions
        index = names.index(function) if function in names else len(names)
        chosen &= trace.function == index
    bins = result._series.bins(_check.period(period))
    result._series.check_size(bins, 1, 8)
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
_METRICS: dict[str, tuple[Callable[[Result, Any, float, str], Points], tuple[str, ...], bool]] = {
    "Invocations": (_counted("invocations"), ("Sum",), False),
    "Throttles": (_counted("throttles"), ("Sum",), False),
    "Duration": (
        _duration,
        ("Average", "Minimum", "Maximum", "Sum", "SampleCount", "pNN"),
        False,
    ),
    "ConcurrentExecutions": (_concurrent, ("Maximum",), False),
    "UnreservedConcurrentExecutions": (_unreserved, ("Maximum",), True),
    "ClaimedAccountConcurrency": (_claimed, ("Maximum",), True),
}
