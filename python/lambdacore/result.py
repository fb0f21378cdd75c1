"""What a simulation gives: one outcome an invocation, and the series read off them."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lambdacore import _check, _core, _text, frames, metrics
from lambdacore._series import Series, Totals
from lambdacore.account import Account
from lambdacore.engine import Engine
from lambdacore.errors import ConfigurationError
from lambdacore.outcome import ADMITTED, FIRST_THROTTLED, THROTTLED, Outcome
from lambdacore.schedule import Answer, Schedule
from lambdacore.summary import Summary
from lambdacore.trace import Trace

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import xarray as xr

__all__ = ["Result"]

_VERSIONS = {
    "lambdacore": _core.__version__,
    "numpy": np.__version__,
    "python": sys.version.split()[0],
}


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
    schedule : Schedule or None
        The changes in mid-run that were asked for; see `answers`.
    versions : dict of str to str
        What made this result.
    """

    __slots__ = (
        "_engine",
        "_judged",
        "_last_completion",
        "_made_series",
        "_summary",
        "account",
        "outcome",
        "schedule",
        "trace",
        "versions",
    )

    account: Account
    trace: Trace
    outcome: npt.NDArray[np.uint8]
    schedule: Schedule | None
    versions: dict[str, str]
    #: How it was run; None where only its outcomes are known.
    _engine: Engine | None
    _judged: tuple[tuple[Answer, ...], _core.Timeline | None] | None
    #: Known from the run; None where only its outcomes are.
    _last_completion: int | None
    _made_series: Series | None
    _summary: Summary | None

    def __init__(
        self,
        account: Account,
        trace: Trace,
        outcome: npt.NDArray[np.uint8],
        schedule: Schedule | None = None,
    ) -> None:
        if outcome.dtype != np.uint8 or outcome.shape != trace.arrival.shape:
            raise ConfigurationError(
                f"outcome has dtype {outcome.dtype} and shape {outcome.shape}: uint8 and one an "
                "invocation are needed",
                argument="outcome",
            )
        self.__setstate__(
            {
                "account": account,
                "trace": trace,
                "outcome": outcome,
                "schedule": schedule,
                "versions": dict(_VERSIONS),
            }
        )

    @property
    def answers(self) -> tuple[Answer, ...]:
        """What became of each call of the schedule; refused ones changed nothing."""
        return self._judgement[0]

    @property
    def engine(self) -> Engine | None:
        """Which engine ran, and why; None where `simulate` did not make this very object."""
        return self._engine

    # Totals

    def totals(self) -> Totals:
        """Count outcomes and occupied time by function.

        Returns
        -------
        Totals
            ``outcomes`` (uint64[functions, 32], by code), ``occupied`` (nanoseconds of
            permits held, exact integers) and ``last_completion`` (nanoseconds).
        """
        return self._series.totals()

    @property
    def throttled(self) -> npt.NDArray[np.bool_]:
        """Which invocations were throttled: bool, shape (n,)."""
        throttled: npt.NDArray[np.bool_] = self.outcome >= FIRST_THROTTLED
        return throttled

    def completions(self) -> npt.NDArray[np.int64]:
        """Nanosecond at which each invocation gave its permit back.

        Returns
        -------
        ndarray of int64, shape (n,)
            Arrival + duration, and + init for a cold start: the trace's, or where it says
            none the function's. For a throttled invocation its arrival, since it held nothing.
        """
        trace = self.trace
        ends = trace.arrival + trace.duration
        cold = self.outcome == Outcome.COLD
        if cold.any():
            functions = self.account.functions
            rows = (self.account.resolve(name)[1] for name in trace.functions)
            init = [self.account._effective(functions[row], "init_duration") for row in rows]
            nanoseconds = np.array([_check.to_nanoseconds(t) for t in init], dtype=np.int64)
            of_account = nanoseconds[trace.function[cold]]
            own = of_account if trace.init is None else trace.init[cold]
            ends[cold] += np.where(own < 0, of_account, own)
        throttled = self.throttled
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

        def add(code: Outcome, reserved: bool, count: int) -> None:
            reason = self.account.profile.reason(code, reserved=reserved)
            if reason is not None and count:
                counts[reason] = counts.get(reason, 0) + count

        for index, function in enumerate(self.account.functions):
            row, reserved = self.totals().outcomes[index], function.reserved_concurrency is not None
            for code in THROTTLED:
                if code is not Outcome.SCALING_RATE:
                    add(code, reserved, int(row[code]))
                elif row[code]:
                    # The pool is the one at that instant: a schedule may have changed it.
                    steps = self._series.history.is_reserved(index, reserved)
                    of = np.array(self._series.rows)[self.trace.function] == index
                    at = self.trace.arrival[of & (self.outcome == code)]
                    there = int(np.count_nonzero(steps.on(at)))
                    add(code, True, there)
                    add(code, False, len(at) - there)
        return counts

    def summary(self) -> Summary:
        """Sum the run up: one row a function, and the Region.

        Returns
        -------
        Summary
            A table that prints itself; its columns are arrays.
        """
        if self._summary is None:
            self._summary = Summary.of(self._series)
        return self._summary

    # Series

    def bin_starts(self, period: float = 60) -> npt.NDArray[np.int64]:
        """Nanosecond at which each bin of `period` seconds begins.

        Returns
        -------
        ndarray of int64, shape (bins,)
        """
        return self._series.bin_starts(_check.period(period))

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
            Only this function; ``name:qualifier`` takes what was invoked by that version or
            alias alone.
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
        return self._series.select_concurrency(_check.period(period), function, account)

    def throttles(
        self,
        period: float = 60,
        *,
        function: str | None = None,
        cause: Outcome | None = None,
        account: bool = False,
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
        account : bool
            The Region instead: the sum over all functions.

        Returns
        -------
        ndarray of uint64, shape (functions, bins), or (bins,) for one function or the Region
            Read-only. Unsigned: convert with ``astype(int)`` before subtracting two runs.

        Raises
        ------
        SeriesSizeError, ConfigurationError
            As for `concurrency`.
        """
        if cause is not None and not (isinstance(cause, Outcome) and cause.throttled):
            raise ConfigurationError(f"cause = {cause!r} is no throttled Outcome", argument="cause")
        codes = THROTTLED if cause is None else (cause,)
        return self._series.select_count(codes, _check.period(period), function, account)

    def cold_starts(
        self, period: float = 60, *, function: str | None = None, account: bool = False
    ) -> npt.NDArray[np.uint64]:
        """Cold starts by bin of arrival; parameters, shapes and errors as for `throttles`."""
        codes = (Outcome.COLD,)
        return self._series.select_count(codes, _check.period(period), function, account)

    def invocations(
        self, period: float = 60, *, function: str | None = None, account: bool = False
    ) -> npt.NDArray[np.uint64]:
        """Admitted invocations by bin of arrival; parameters and shapes as for `throttles`."""
        return self._series.select_count(ADMITTED, _check.period(period), function, account)

    def metric(
        self,
        name: str,
        *,
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
            SampleCount, or a percentile such as ``p99``); for the Region only
            ``UnreservedConcurrentExecutions`` and ``ClaimedAccountConcurrency`` (Maximum); for
            a function, or a version or alias of it, only ``ProvisionedConcurrentExecutions``,
            ``ProvisionedConcurrencyUtilization`` (Maximum, a ratio),
            ``ProvisionedConcurrencyInvocations`` and
            ``ProvisionedConcurrencySpilloverInvocations`` (Sum).
        function : str, optional
            The function, or ``name:qualifier`` for what was invoked by that version or alias
            (levels of provisioned concurrency are those of the version it means, whoever
            invoked it); without it the Region.
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
        return metrics.metric(self._series, name, function, _check.period(period), statistic)

    def get_metric_data(
        self, queries: list[dict[str, Any]], *, scan_by: str = "TimestampDescending"
    ) -> dict[str, Any]:
        """Answer as CloudWatch's ``GetMetricData`` does, for metrics of ``AWS/Lambda``.

        Parameters
        ----------
        queries : list of dict
            ``MetricDataQueries``, each with ``Id`` and ``MetricStat`` (``Metric`` with
            ``MetricName`` and ``Dimensions``, ``Period``, ``Stat``); dimensions are none for
            the Region, ``FunctionName``, and ``Resource`` (``name:qualifier``).
        scan_by : {"TimestampDescending", "TimestampAscending"}
            The order of points.

        Returns
        -------
        dict
            ``MetricDataResults`` and ``Messages``, of plain values; time zero of the trace is
            1970. Points that AWS would not have are left out.
            https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html

        Raises
        ------
        ConfigurationError
            A query that cannot be answered, by its place in the list.
        """
        return metrics.get_metric_data(self._series, queries, scan_by)

    # Conversions

    def to_pandas(self, period: float | None = 60) -> pd.DataFrame:
        """Convert to a pandas frame.

        Parameters
        ----------
        period : float or None
            One row a function and bin of so many seconds; None: one row an invocation.
        """
        return frames.to_pandas(self._series, None if period is None else _check.period(period))

    def to_polars(self, period: float | None = 60) -> pl.DataFrame:
        """Convert to a polars frame; rows as for `to_pandas`."""
        return frames.to_polars(self._series, None if period is None else _check.period(period))

    def to_xarray(self, period: float = 60) -> xr.Dataset:
        """Convert to an xarray dataset with the dimensions function and time."""
        return frames.to_xarray(self._series, _check.period(period))

    def provenance(self) -> dict[str, Any]:
        """Say what made this result: versions, configuration, profile and trace digest.

        Returns
        -------
        dict
            Of plain values; equal provenance means equal outcomes.
        """
        configuration = self.account.__getstate__()
        changes = {} if self.schedule is None else {"schedule": [*map(asdict, self.schedule)]}
        return {
            "versions": dict(self.versions),
            "account": {
                **configuration,
                "functions": [asdict(function) for function in self.account.functions],
                "profile": asdict(self.account.profile),
            },
            "trace": {"invocations": len(self.trace), "sha256": self.trace.digest()},
            **changes,
        }

    def __len__(self) -> int:
        return len(self.outcome)

    def __repr__(self) -> str:
        throttled = int(np.count_nonzero(self.throttled))
        share = f" ({_text.percent(throttled, len(self))})" if len(self) else ""
        changing = ", which changes" if self._series.history.limit_changes else ""
        return (
            f"<Result: {_text.count(len(self), 'arrival')} of "
            f"{_text.count(len(self.account.functions), 'function')} at a limit of "
            f"{self.account.concurrency_limit:,}{changing}: {throttled:,} throttled{share}>"
        )

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if not name.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.schedule = None
        for name, value in state.items():
            setattr(self, name, value)
        self.outcome.flags.writeable = False
        self._engine = None
        self._judged = None
        self._last_completion = None
        self._made_series = None
        self._summary = None

    @property
    def _judgement(self) -> tuple[tuple[Answer, ...], _core.Timeline | None]:
        if self._judged is None:
            self._judged = (self.schedule or Schedule())._judge(self.account)
        return self._judged

    @property
    def _series(self) -> Series:
        if self._made_series is None:
            self._made_series = Series(
                self.account,
                self.trace,
                self.outcome,
                self._judgement[1],
                self._last_completion,
            )
        return self._made_series
