"""CloudWatch metrics of a result, by AWS's own names, units and statistics."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from lambdacore import _check
from lambdacore import _provisioned as provisioned
from lambdacore._series import Recording, Series
from lambdacore.errors import ConfigurationError
from lambdacore.function import split_label
from lambdacore.outcome import ADMITTED, FIRST_THROTTLED, THROTTLED, Outcome

__all__ = ["get_metric_data", "metric"]

Points = npt.NDArray[np.float64]


def metric(
    series: Series, name: str, function: str | None, period: int, statistic: str | None
) -> Points:
    """Compute a metric in bins of `period` nanoseconds; see `Result.metric`."""
    _check.one_of("name", name, _METRICS)
    compute, statistics, scope = _METRICS[name]
    if function is None and scope == "function":
        raise ConfigurationError(
            f'{name} is a metric of a function, version or alias: give function="name:alias"',
            argument="function",
        )
    if function is not None and scope == "Region":
        raise ConfigurationError(
            f"{name} is a metric of the Region: leave function= out", argument="function"
        )
    if function is not None:
        series.only(function)
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
    recording = _recording(series)
    if function is None:
        running = series.concurrency_of_region(period, recording).region
    else:
        running = series.concurrency_of(function, period, recording)
    return _where_active(series, function, period, running)


def _unreserved(series: Series, _function: None, period: int, _statistic: str) -> Points:
    includes_pc = series.account.profile.unreserved_metric == "includes_pc"
    recording = _recording(series)._replace(provisioned_is_unreserved=includes_pc)
    return _where_active(
        series, None, period, series.concurrency_of_region(period, recording).unreserved
    )


def _claimed(series: Series, _function: None, period: int, _statistic: str) -> Points:
    # What is reserved or provisioned is claimed whether it is used or not.
    recorded = series.concurrency_of_region(period, _recording(series))
    return _where_active(series, None, period, recorded.claimed)


def _recording(series: Series) -> Recording:
    return Recording(at_invocation=series.account.profile.metric_sampling == "at_invoke")


def _where_active(
    series: Series, function: str | None, period: int, running: npt.NDArray[np.uint32]
) -> Points:
    if series.account.profile.metric_sampling == "at_invoke":
        # AWS emits these with an invocation, and has no point where there is none.
        active = _count(series, ADMITTED, function, period) > 0
    else:
        in_flight = series.select_concurrency(period, function, function is None)
        active = (in_flight > 0) | (_attempts(series, function, period) > 0)
    return np.where(active, running.astype(np.float64), np.nan)


def _duration(series: Series, function: str | None, period: int, statistic: str) -> Points:
    trace = series.trace
    chosen = series.outcome < FIRST_THROTTLED
    if function is not None:
        wanted = np.array([row is not None for row in series.only(function)], dtype=np.bool_)
        chosen &= wanted[trace.function] if len(trace) else False
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


#: How it is computed, its statistics (the first is the default), and of what it is a metric.
_METRICS: dict[str, tuple[Callable[[Series, Any, int, str], Points], tuple[str, ...], str]] = {
    "Invocations": (_counted(ADMITTED), ("Sum",), ""),
    "Throttles": (_counted(THROTTLED), ("Sum",), ""),
    "Duration": (_duration, ("Average", "Minimum", "Maximum", "Sum", "SampleCount", "pNN"), ""),
    "ConcurrentExecutions": (_concurrent, ("Maximum",), ""),
    "UnreservedConcurrentExecutions": (_unreserved, ("Maximum",), "Region"),
    "ClaimedAccountConcurrency": (_claimed, ("Maximum",), "Region"),
    "ProvisionedConcurrentExecutions": (provisioned.concurrent, ("Maximum",), "function"),
    "ProvisionedConcurrencyUtilization": (provisioned.utilization, ("Maximum",), "function"),
    "ProvisionedConcurrencyInvocations": (provisioned.invocations, ("Sum",), "function"),
    "ProvisionedConcurrencySpilloverInvocations": (provisioned.spillover, ("Sum",), "function"),
}


def get_metric_data(series: Series, queries: Any, scan_by: str) -> dict[str, Any]:
    """Answer as CloudWatch's GetMetricData; see `Result.get_metric_data`."""
    _check.one_of("scan_by", scan_by, ("TimestampDescending", "TimestampAscending"))
    _check.instance("queries", queries, "a list of queries", isinstance(queries, list | tuple))
    results = []
    for i, query in enumerate(queries):
        where = f"queries[{i}]"
        try:
            stat, metric_of = query["MetricStat"], query["MetricStat"]["Metric"]
            stat["Period"], stat["Stat"]  # needed, as AWS needs them
            name, identity = metric_of["MetricName"], query["Id"]
            dimensions = {d["Name"]: d["Value"] for d in metric_of.get("Dimensions", [])}
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(
                f"{where}: Id and MetricStat (Metric, Period, Stat) are needed; no Expression is "
                f"computed ({type(error).__name__}: {error})",
                argument=where,
            ) from None
        for dimension in dimensions:
            _check.one_of(f"{where} dimension", dimension, ("FunctionName", "Resource"))
        if metric_of.get("Namespace", "AWS/Lambda") != "AWS/Lambda":
            raise ConfigurationError(
                f"{where}: the namespace is AWS/Lambda, not {metric_of['Namespace']!r}",
                argument=where,
            )
        function = dimensions.get("Resource", dimensions.get("FunctionName"))
        of = dimensions.get("FunctionName", function)
        if function is not None and function != of and split_label(str(function))[0] != of:
            raise ConfigurationError(
                f"{where}: the Resource {function!r} is none of the function {of!r}", argument=where
            )
        try:
            period = _check.period(stat["Period"])
            points = metric(series, name, function, period, stat["Stat"])
        except ConfigurationError as error:
            raise ConfigurationError(f"{where}: {error}", argument=where) from None
        starts = series.bin_starts(period)
        there = np.flatnonzero(~np.isnan(points))
        if scan_by == "TimestampDescending":
            there = there[::-1]
        results.append(
            {
                "Id": identity,
                "Label": query.get("Label", name),
                "Timestamps": [
                    f"{t}+00:00"
                    for t in np.datetime_as_string(starts[there].view("M8[ns]"), unit="s")
                ],
                "Values": points[there].tolist(),
                "StatusCode": "Complete",
            }
        )
    return {"MetricDataResults": results, "Messages": []}
