"""What a simulation gives: one outcome an invocation, and the series read off them."""

from __future__ import annotations

import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lambdacore import _check, _core, _text, frames, metrics
from lambdacore.account import Account
from lambdacore.errors import ConfigurationError, SeriesSizeError, TraceError
from lambdacore.outcome import Outcome
from lambdacore.summary import Summary
from lambdacore.trace import Trace

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import xarray as xr

__all__ = ["Result", "traced_functions"]

#: A series larger than this is refused before it is allocated.
SERIES_BYTES_LIMIT = 2**31

_ADMITTED = [code for code in Outcome if not code.throttled]
_THROTTLED = [code for code in Outcome if code.throttled]


class Totals(NamedTuple):
    """Totals of a run; rows in the order of ``account.functions``."""

    #: uint64[functions, 32]: how often each outcome code occurred.
    outcomes: npt.NDArray[np.uint64]
    #: Nanoseconds that the admitted invocations of each function held a permit, exactly.
    occupied: list[int]
    #: Nanosecond at which the last run ended; 0 where none ran.
    last_completion: int


class Concurrency(NamedTuple):
    """Maximum concurrency in each bin; see `Result.concurrency`."""

    by_function: npt.NDArray[np.uint32]
    region: npt.NDArray[np.uint32]
    unreserved: npt.NDArray[np.uint32]


class Result:
    """The outcome of every invocation of a trace, and what follows from it.

    Made by `simulate`. Rows of two-dimensional arrays are in the order of
    ``account.functions``; the Region has results of its own, never an extra row. Bins are
    ``[k * period, (k + 1) * period)`` from time zero, from the first arrival's to the last
    completion's. Series are computed on demand and kept by period.

    Attributes
    ----------
    account : Account
        The limits that were simulated.
    trace : Trace
        The traffic that was simulated.
    outcome : ndarray of uint8, shape (n,)
        An `Outcome` code for each invocation, in the order of the trace (see
        ``trace.order`` for the rows of its input). Read-only.
    versions : dict of str to str
        What made this result.
    """

    __slots__ = ("_cache", "account", "outcome", "trace", "versions")

    def __init__(self, account: Account, trace: Trace, outcome: npt.NDArray[np.uint8]) -> None:
        outcome.flags.writeable = False
        self.account = account
        self.trace = trace
        self.outcome = outcome
        self.versions = {
            "lambdacore": _core.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        }
        self._cache: dict[Any, Any] = {}

    # Totals

    def totals(self) -> Totals:
        """Count outcomes and occupied time by function.

        Returns
        -------
        Totals
            ``outcomes`` (uint64[functions, 32], by code), ``occupied`` (nanoseconds of
            permits held, exact integers) and ``last_completion`` (nanoseconds).
        """
        if "totals" not in self._cache:
            traced = self._traced()
            counted, held, last = _core.tally(
                self.account._engine, self.trace._columns(), traced, self.outcome
            )
            outcomes = np.zeros((len(self.account.functions), counted.shape[1]), np.uint64)
            outcomes[traced] = counted
            outcomes.flags.writeable = False
            occupied = [0] * len(self.account.functions)
            for row, nanoseconds in zip(traced, held, strict=True):
                occupied[row] = nanoseconds
            self._cache["totals"] = Totals(outcomes, occupied, last)
        totals: Totals = self._cache["totals"]
        return totals

    def completions(self) -> npt.NDArray[np.int64]:
        """Nanosecond at which each invocation gave its permit back.

        Returns
        -------
        ndarray of int64, shape (n,)
            Arrival + duration, and + init for a cold start; for a throttled invocation its
            arrival, since it held nothing.
        """
        account, trace = self.account, self.trace
        init = [
            _check.to_nanoseconds(account.effective_init_duration(name)) for name in trace.functions
        ]
        ends = trace.arrival + trace.duration
        cold = self.outcome == Outcome.COLD
        ends[cold] += np.array(init, dtype=np.int64)[trace.function[cold]]
        throttled = self.outcome >= 16
        ends[throttled] = trace.arrival[throttled]
        return ends

    def throttles_by_reason(self) -> dict[str, int]:
        """Count throttles by ``Reason``, as AWS's 429 responses would give it.

        Returns
        -------
        dict of str to int
            Reasons that occurred. AWS names none for the scaling rate: it is counted under
            the reason of the pool that the function draws on.
        """
        counts: dict[str, int] = {}
        for function, row in zip(self.account.functions, self.totals().outcomes, strict=True):
            for code in _THROTTLED:
                reason = code.aws_reason_for(reserved=function.reserved_concurrency is not None)
                if reason is not None and row[code]:
                    counts[reason] = counts.get(reason, 0) + int(row[code])
        return counts

    def summary(self) -> Summary:
        """Sum the run up: one row a function, and the Region.

        Returns
        -------
        Summary
            A table that prints itself; its columns are arrays.
        """
        if "summary" not in self._cache:
            self._cache["summary"] = Summary.of(self)
        summary: Summary = self._cache["summary"]
        return summary

    # Series

    def bin_starts(self, period: float = 60) -> npt.NDArray[np.int64]:
        """Nanosecond at which each bin of `period` seconds begins.

        Returns
        -------
        ndarray of int64, shape (bins,)
        """
        width, first, count = self._bins(_check.period(period))
        return (np.arange(first, first + count) * width).astype(np.int64)

    def concurrency(
        self, period: float = 60, *, function: str | None = None, account: bool = False
    ) -> npt.NDArray[np.uint32]:
        """Maximum number of running invocations in each bin, init included.

        An invocation ``[start, end)`` counts in every bin it touches; what a bin begins
        with is taken after the completions at its start.

        Parameters
        ----------
        period : float
            Length of a bin in seconds.
        function : str, optional
            Only this function.
        account : bool
            The Region instead: the maximum of the sum, which is not the sum of the maxima.

        Returns
        -------
        ndarray of uint32, shape (functions, bins), or (bins,) for one function or the Region
            Read-only.

        Raises
        ------
        SeriesSizeError
            The array would be larger than 2 GiB; nothing is allocated.
        ConfigurationError
            An unknown function, both `function` and `account`, or a bad period.
        """
        if account and function is not None:
            raise ConfigurationError(
                "function and account exclude each other: the Region is all functions",
                argument="account",
            )
        series = self._concurrency(_check.period(period), function, rows=not account)
        if account:
            return series.region
        return series.by_function if function is None else series.by_function[0]

    def throttles(
        self, period: float = 60, *, function: str | None = None, cause: Outcome | None = None
    ) -> npt.NDArray[np.uint64]:
        """Throttled invocations by bin of arrival.

        Parameters
        ----------
        period : float
            Length of a bin in seconds.
        function : str, optional
            Only this function.
        cause : Outcome, optional
            Only those of this cause.

        Returns
        -------
        ndarray of uint64, shape (functions, bins), or (bins,) for one function
            Read-only.

        Raises
        ------
        SeriesSizeError, ConfigurationError
            As for `concurrency`.
        """
        if cause is not None and not (isinstance(cause, Outcome) and cause.throttled):
            raise ConfigurationError(f"cause = {cause!r} is no throttled Outcome", argument="cause")
        return self._count(_THROTTLED if cause is None else [cause], period, function)

    def cold_starts(
        self, period: float = 60, *, function: str | None = None
    ) -> npt.NDArray[np.uint64]:
        """Cold starts by bin of arrival; shapes and errors as for `throttles`."""
        return self._count([Outcome.COLD], period, function)

    def invocations(
        self, period: float = 60, *, function: str | None = None
    ) -> npt.NDArray[np.uint64]:
        """Admitted invocations by bin of arrival; shapes and errors as for `throttles`."""
        return self._count(_ADMITTED, period, function)

    def metric(
        self,
        name: str,
        function: str | None = None,
        period: float = 60,
        statistic: str | None = None,
    ) -> npt.NDArray[np.float64]:
        """Give a CloudWatch metric by its own name, in its own unit.

        Parameters
        ----------
        name : str
            ``Invocations``, ``Throttles`` (Sum); ``ConcurrentExecutions`` (Maximum);
            ``Duration`` in milliseconds, without init (Average, Minimum, Maximum, Sum,
            SampleCount, or a percentile such as ``p99``); and for the Region only
            ``UnreservedConcurrentExecutions`` and ``ClaimedAccountConcurrency`` (Maximum).
        function : str, optional
            The function; without it the Region.
        period : float
            Length of a point in seconds.
        statistic : str, optional
            As in CloudWatch; by default the one AWS recommends for the metric.

        Returns
        -------
        ndarray of float64, shape (bins,)
            NaN where AWS would have no point: in a bin without an arrival for counts,
            without an admitted arrival for Duration, with neither an arrival nor a running
            invocation for concurrency.
            https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html

        Raises
        ------
        ConfigurationError
            An unknown metric, statistic or function.
        """
        return metrics.metric(self, name, function, period, statistic)

    # Conversions

    def to_pandas(self, period: float | None = 60) -> pd.DataFrame:
        """Convert to a pandas frame.

        Parameters
        ----------
        period : float or None
            One row a function and bin of so many seconds; None: one row an invocation.
        """
        return frames.to_pandas(self, period)

    def to_polars(self, period: float | None = 60) -> pl.DataFrame:
        """Convert to a polars frame; rows as for `to_pandas`."""
        return frames.to_polars(self, period)

    def to_xarray(self, period: float = 60) -> xr.Dataset:
        """Convert to an xarray dataset with the dimensions function and time."""
        return frames.to_xarray(self, period)

    def provenance(self) -> dict[str, Any]:
        """Say what made this result: versions, configuration, profile and trace digest.

        Returns
        -------
        dict
            Of plain values; equal provenance means equal outcomes.
        """
        configuration = self.account.__getstate__()
        return {
            "versions": dict(self.versions),
            "account": {
                **configuration,
                "functions": [asdict(function) for function in self.account.functions],
                "profile": asdict(self.account.profile),
            },
            "trace": {"invocations": len(self.trace), "sha256": self.trace.digest()},
        }

    def __len__(self) -> int:
        return len(self.outcome)

    def __repr__(self) -> str:
        throttled = int(np.count_nonzero(self.outcome >= 16))
        share = f" ({_text.percent(throttled, len(self))})" if len(self) else ""
        return (
            f"<Result: {_text.count(len(self), 'invocation')} of "
            f"{_text.count(len(self.account.functions), 'function')} at a limit of "
            f"{self.account.concurrency_limit:,}: {throttled:,} throttled{share}>"
        )

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "_cache"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self.outcome.flags.writeable = False
        self._cache = {}

    # How it is computed

    def _traced(self) -> list[int]:
        return traced_functions(self.account, self.trace)

    def _bins(self, period: int) -> tuple[int, int, int]:
        """(period, first, count) of the bins from the first arrival to the last completion."""
        if not len(self.trace):
            return period, 0, 0
        start, last_arrival = self.trace.span
        last = max(last_arrival, self.totals().last_completion)
        return period, start // period, last // period - start // period + 1

    def _rows(self, function: str | None) -> tuple[list[int | None], int]:
        """Row of each function of the trace, and how many rows there are."""
        traced = self._traced()
        if function is None:
            return [*traced], len(self.account.functions)
        wanted = self.account.index(function)
        return [0 if row == wanted else None for row in traced], 1

    def _concurrency(self, period: int, function: str | None, *, rows: bool = True) -> Concurrency:
        """Compute, or find, concurrency by function (none where not `rows`) and Region."""
        key = ("concurrency", period, function, rows)
        for found in (key, ("concurrency", period, None, True) if not rows else key):
            if found in self._cache:
                series: Concurrency = self._cache[found]
                return series
        bins = self._bins(period)
        row_of, count = self._rows(function)
        if not rows:
            row_of, count = [None for _ in row_of], 0
        self._check_size(bins, count + 2, 4)
        arrays = _core.concurrency(
            self.account._engine,
            self.trace._columns(),
            self._traced(),
            self.outcome,
            bins=bins,
            row_of=row_of,
            rows=count,
        )
        for array in arrays:
            array.flags.writeable = False
        self._cache[key] = Concurrency(*arrays)
        return Concurrency(*arrays)

    def _count(
        self, codes: list[Outcome], period: float, function: str | None
    ) -> npt.NDArray[np.uint64]:
        wanted = sum(1 << code for code in codes)
        key = ("count", wanted, _check.period(period), function)
        if key not in self._cache:
            bins = self._bins(_check.period(period))
            row_of, rows = self._rows(function)
            self._check_size(bins, rows, 8)
            counts = _core.count(
                self.trace._columns(), self.outcome, wanted, bins=bins, row_of=row_of, rows=rows
            )
            counts.flags.writeable = False
            self._cache[key] = counts
        found: npt.NDArray[np.uint64] = self._cache[key]
        return found if function is None else found[0]

    def _check_size(self, bins: tuple[int, int, int], rows: int, item: int) -> None:
        size = bins[2] * rows * item
        if size > SERIES_BYTES_LIMIT:
            raise SeriesSizeError(
                f"a series of {rows:,} rows and {bins[2]:,} bins takes {size / 2**30:,.1f} GiB, "
                f"more than {SERIES_BYTES_LIMIT / 2**30:.0f} GiB: take a longer period than "
                f"{bins[0] / 1e9:g} s, or one function with function=",
            )


def traced_functions(account: Account, trace: Trace) -> list[int]:
    """Rows of the account's functions, in the order of the trace's names.

    Raises
    ------
    ConfigurationError
        The trace invokes a function that the account does not declare.
    """
    if not isinstance(account, Account):
        raise ConfigurationError(f"account = {account!r} is no Account", argument="account")
    if not isinstance(trace, Trace):
        raise TraceError(f"trace = {trace!r} is no Trace", argument="trace")
    rows = {function.name: row for row, function in enumerate(account.functions)}
    for name in trace.functions:
        if name not in rows:
            raise ConfigurationError(
                f"the trace invokes {name!r}, which the account does not declare"
                f"{_text.suggestion(name, rows)}: add lc.Function({name!r}), or declare all "
                "functions of the trace with lc.Account.for_trace(trace, ...)",
                argument="account",
            )
    return [rows[name] for name in trace.functions]
