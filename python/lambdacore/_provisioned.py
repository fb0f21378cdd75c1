"""CloudWatch metrics of provisioned concurrency: of a function, or of a version or alias.

Counts are of what was invoked by that name. Levels are of the version that it means: whoever
invoked it, and without what still runs on a version that its alias has left.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lambdacore._series import Series
from lambdacore.outcome import FIRST_THROTTLED, Outcome

__all__ = ["concurrent", "invocations", "spillover", "utilization"]

Points = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_END = 2**63 - 1


def concurrent(series: Series, function: str, period: int, _statistic: str) -> Points:
    """Maximum of what runs on provisioned environments."""
    return _maximum(series, function, period, per_requested=False)


def utilization(series: Series, function: str, period: int, _statistic: str) -> Points:
    """Maximum of what runs on provisioned environments over what is provisioned."""
    return _maximum(series, function, period, per_requested=True)


def invocations(series: Series, function: str, period: int, _statistic: str) -> Points:
    """Count admissions on provisioned environments, where the version had some."""
    capable, spilled = _admissions(series, function, period)
    return np.where(capable > 0, capable - spilled, np.nan)


def spillover(series: Series, function: str, period: int, _statistic: str) -> Points:
    """Count admissions on standard concurrency, where the version had provisioned ones."""
    capable, spilled = _admissions(series, function, period)
    return np.where(capable > 0, spilled, np.nan)


def _admissions(series: Series, function: str, period: int) -> tuple[Ints, Ints]:
    """Admissions by bin of versions that had capacity at the arrival, and those that spilled."""
    bins = series.bins(period)
    series.check_size(bins, 2, 8)
    arrival, outcome = series.trace.arrival, series.outcome
    capable, spilled = np.zeros(bins.size, dtype=np.int64), np.zeros(bins.size, dtype=np.int64)
    for name, row in enumerate(series.only(function)):
        if row is None:
            continue
        rows = np.flatnonzero((series.trace.function == name) & (outcome < FIRST_THROTTLED))
        at, version = arrival[rows], series.history.version(series.targets[name])
        meant = version.on(at)
        available = np.zeros(len(rows), dtype=np.bool_)
        for one in np.unique(version.value).tolist():
            of_one = meant == one
            available[of_one] = series.history.available(one).on(at[of_one]) > 0
        ready = outcome[rows] == Outcome.PROVISIONED
        for counted, chosen in ((capable, available | ready), (spilled, available & ~ready)):
            bin_of = at[chosen] // bins.period - bins.first
            counted += np.bincount(bin_of, minlength=bins.size)
    return capable, spilled


def _maximum(series: Series, function: str, period: int, *, per_requested: bool) -> Points:
    """Maximum in each bin; absent where nothing ran on a provisioned environment.

    A level changes at arrivals, completions and changes of the configuration; so it is largest
    just after an arrival, after a change, or where a bin begins.
    """
    bins = series.bins(period)
    series.check_size(bins, 1, 8)
    points = np.full(bins.size, np.nan)
    if not bins.size:
        return points
    edges = np.empty(0, dtype=np.int64)
    if series.account.profile.metric_sampling == "true_max":
        edges = series.bin_starts(period)
    for since, until, versions in _meant(series, function):
        requested = series.history.requested(versions)
        runs = _Runs.on(series, versions)
        changes = requested.at if len(edges) else edges
        instants = np.unique(np.concatenate([edges, changes, [since] if len(edges) else edges]))
        instants = instants[(instants >= max(since, edges[0] if len(edges) else since))]
        for at, level in ((runs.start, runs.after_arrivals()), (instants, runs.before(instants))):
            there = (at >= since) & (at < until) & (level > 0)
            there &= at // bins.period - bins.first < bins.size
            values = level[there].astype(np.float64)
            if per_requested:
                of = requested.on(at[there])
                values[of == 0] = np.nan
                values = np.divide(values, of, where=of > 0, out=values)
            np.fmax.at(points, at[there] // bins.period - bins.first, values)
    return points


def _meant(series: Series, function: str) -> Iterator[tuple[int, int, list[int]]]:
    """Stretches of time, and the versions that a name means in them."""
    if series.is_function(function):
        yield 0, _END, series.account._versions(function)
        return
    version = series.history.version(series.account.resolve(function)[0])
    ends = [*version.at[1:].tolist(), _END]
    for since, until, one in zip(version.at.tolist(), ends, version.value.tolist(), strict=True):
        if since < until:
            yield since, until, [one]


class _Runs(NamedTuple):
    """Runs on provisioned environments of some versions, in order of arrival."""

    start: Ints
    #: Sorted.
    ends: Ints
    #: How many of no length are among the first so many.
    momentary: Ints

    @classmethod
    def on(cls, series: Series, versions: list[int]) -> _Runs:
        trace = series.trace
        chosen = np.zeros(len(trace), dtype=np.bool_)
        ready = series.outcome == Outcome.PROVISIONED
        for name, target in enumerate(series.targets):
            version = series.history.version(target)
            if np.isin(version.value, versions).any():
                rows = np.flatnonzero(ready & (trace.function == name))
                chosen[rows] = np.isin(version.on(trace.arrival[rows]), versions)
        start, duration = trace.arrival[chosen], trace.duration[chosen]
        momentary = np.concatenate(([0], np.cumsum(duration == 0)))
        return cls(start, np.sort(start + duration), momentary)

    def after_arrivals(self) -> Ints:
        """How many run just after each arrival."""
        arrived = np.arange(1, len(self.start) + 1)
        return arrived - self._gone(self.start, arrived - 1)

    def before(self, instants: Ints) -> Ints:
        """How many run at some instants, before the arrivals of that instant."""
        arrived = np.searchsorted(self.start, instants, side="left")
        running: Ints = arrived - self._gone(instants, arrived)
        return running

    def _gone(self, instants: Ints, arrived: Ints) -> Ints:
        """Completions up to some instants, of those that arrived before."""
        completions = np.searchsorted(self.ends, instants, side="right")
        # Calls of no length at this very instant that have yet to arrive are not over.
        come = np.searchsorted(self.start, instants, side="right")
        gone: Ints = completions - (self.momentary[come] - self.momentary[arrived])
        return gone
