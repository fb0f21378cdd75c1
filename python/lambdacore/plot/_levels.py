"""What a pool runs in each bin, by function, so that the parts add up to the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from lambdacore.result import Result

__all__ = ["Runs", "levels_at_peaks"]

Ints = npt.NDArray[np.int64]


class Runs(NamedTuple):
    """The admitted invocations of a result, in the order of their arrival."""

    start: Ints
    end: Ints
    #: Row in ``account.functions``.
    function: Ints

    @classmethod
    def of(cls, result: Result) -> Runs:
        """Read the runs off a result."""
        admitted = ~result.throttled
        rows = np.array(result._series.rows, dtype=np.int64)
        index = result.trace.function[admitted]
        function = rows[index] if len(rows) else np.zeros(0, np.int64)
        return cls(result.trace.arrival[admitted], result.completions()[admitted], function)

    def only(self, keep: npt.NDArray[np.bool_]) -> Runs:
        """Keep the runs of some functions, given as a mask over the account's rows."""
        chosen = keep[self.function]
        return Runs(*(column[chosen] for column in self))


def levels_at_peaks(runs: Runs, row_of: Ints, rows: int, bin_starts: Ints) -> npt.NDArray[np.int64]:
    """Count what each row runs at the instant when, in each bin, most runs are in flight.

    Maxima of single functions stand at different instants, so a stack of them is higher than
    anything that ever ran. One instant a bin for all rows makes their sum the true maximum of
    the sum, and each part true at that instant.

    Parameters
    ----------
    runs : Runs
        What draws on one pool.
    row_of : ndarray of int64
        Row of the answer by row of the account.
    rows : int
        How many rows the answer has.
    bin_starts : ndarray of int64, shape (bins,)
        Where bins begin, one after the other; every run begins in one of them.

    Returns
    -------
    ndarray of int64, shape (rows, bins)
    """
    bins = len(bin_starts)
    if not len(runs.start):
        return np.zeros((rows, bins), dtype=np.int64)
    at, arrived, momentary = _peaks(runs, bin_starts)
    # A run is in flight from the first bin whose instant counts its arrival until the first
    # bin whose instant is at its end or later. Most runs meet no instant at all.
    seen_from = np.repeat(np.arange(bins + 1), np.diff(arrived, prepend=0, append=len(runs.start)))
    seen_until = np.searchsorted(at, runs.end, side="left")
    met = seen_from < seen_until
    row = row_of[runs.function]
    size = rows * (bins + 1)
    change = np.bincount(row[met] * (bins + 1) + seen_from[met], minlength=size)
    change -= np.bincount(row[met] * (bins + 1) + seen_until[met], minlength=size)
    levels = np.cumsum(change.reshape(rows, bins + 1)[:, :bins], axis=1)
    # A call of no length counts at its own arrival, and there only.
    own = np.flatnonzero(momentary)
    np.add.at(levels, (row[arrived[own] - 1], own), 1)
    return levels


def _peaks(runs: Runs, bin_starts: Ints) -> tuple[Ints, Ints, npt.NDArray[np.bool_]]:
    """Find the instant of the highest level in each bin.

    Returns
    -------
    at : ndarray of int64
        The instant.
    arrived : ndarray of int64
        How many arrivals count by then (several may share the instant).
    momentary : ndarray of bool
        The instant is the arrival of a call of no length, which its level includes.
    """
    start, ends = runs.start, np.sort(runs.end)
    momentary = runs.end == start
    before = np.concatenate(([0], np.cumsum(momentary)))

    def gone(times: Ints, arrived: Ints) -> Ints:
        """Completions up to `times` of the runs that `arrived` before."""
        completions: Ints = np.searchsorted(ends, times, side="right")
        if not before[-1]:
            return completions
        # Calls of no length at this very instant that have yet to arrive are not over.
        ahead = before[np.searchsorted(start, times, side="right")] - before[arrived]
        still: Ints = completions - ahead
        return still

    # A level peaks just after an arrival, or it was carried into the bin.
    first = np.searchsorted(start, bin_starts, side="left")
    at, arrived = bin_starts.copy(), first.copy()
    carried = first - gone(bin_starts, first)
    earlier = np.arange(len(start))
    level = earlier + 1 - gone(start, earlier)
    sizes = np.diff(first, append=len(start))
    busy = np.flatnonzero(sizes)
    highest = carried.copy()
    highest[busy] = np.maximum(carried[busy], np.maximum.reduceat(level, first[busy]))
    bin_of = np.repeat(np.arange(len(bin_starts)), sizes)
    hits = np.flatnonzero((level == highest[bin_of]) & (level > carried[bin_of]))[::-1]
    # Written backwards, the first hit of a bin is the one that stays.
    at[bin_of[hits]], arrived[bin_of[hits]] = start[hits], hits + 1
    at_arrival = arrived > first
    flags = np.zeros(len(bin_starts), dtype=np.bool_)
    flags[at_arrival] = momentary[arrived[at_arrival] - 1]
    return at, arrived, flags
