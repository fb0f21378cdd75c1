"""Totals and series of a result: computed by the engine on demand, kept while they are small."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from lambdacore import _core, _text
from lambdacore._history import History
from lambdacore.account import Account
from lambdacore.errors import ConfigurationError, SeriesSizeError, TraceError
from lambdacore.function import split_label
from lambdacore.outcome import Outcome
from lambdacore.trace import Trace

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Bins", "Concurrency", "Recording", "Series", "Totals", "Traced", "traced_targets"]

#: A series larger than this is refused before it is allocated.
SERIES_BYTES_LIMIT = 2**31
#: Series kept for the next call take no more than this together.
KEPT_BYTES = 2**28
#: Where the series of all functions is no larger, it is computed even for one of them:
#: the next function is then a slice of it.
ALL_AT_ONCE_BYTES = 2**24

T = TypeVar("T")

#: Which rows a series that is kept has; of one function it is ("of", its name).
_ALL = ("all",)
_REGION = ("region",)


class Totals(NamedTuple):
    """Totals of a run; rows in the order of ``account.functions``."""

    #: uint64[functions, 32]: how often each outcome code occurred.
    outcomes: npt.NDArray[np.uint64]
    #: Nanoseconds that the admitted invocations of each function held a permit, exactly.
    occupied: list[int]
    #: Nanosecond at which the last run ended; 0 where none ran.
    last_completion: int


class Bins(NamedTuple):
    """Bins ``[k * period, (k + 1) * period)`` for `size` values of k from `first` on."""

    period: int
    first: int
    size: int


class Concurrency(NamedTuple):
    """Maxima in each bin: of each row, of the Region, of the unreserved pool, and claimed."""

    by_function: npt.NDArray[np.uint32]
    region: npt.NDArray[np.uint32]
    unreserved: npt.NDArray[np.uint32]
    claimed: npt.NDArray[np.uint32]


class Recording(NamedTuple):
    """What is recorded: which outcomes, when levels are read, and what is unreserved."""

    # As the engine takes it: a mask of codes, and two switches of the profile.

    wanted: int = 2**32 - 1
    at_invocation: bool = False
    provisioned_is_unreserved: bool = False


class Traced(NamedTuple):
    """What the names of a trace mean, in their order."""

    #: The engine's numbers of versions and aliases.
    targets: list[int]
    #: Rows of the account's functions.
    rows: list[int]


class Series:
    """What is read off the outcome column of one run."""

    def __init__(
        self,
        account: Account,
        trace: Trace,
        outcome: npt.NDArray[np.uint8],
        timeline: _core.Timeline | None = None,
        last_completion: int | None = None,
    ) -> None:
        self.account = account
        self.trace = trace
        self.outcome = outcome
        self.timeline = timeline
        self.targets, self.rows = traced_targets(account, trace)
        self._last_completion = last_completion
        self._totals: Totals | None = None
        self._history: History | None = None
        self._kept: dict[tuple[object, ...], tuple[npt.NDArray[np.generic], ...]] = {}

    def totals(self) -> Totals:
        """Count outcomes and occupied time by function."""
        if self._totals is None:
            counted, held, last = _core.tally(
                self.account._engine, self.trace._columns(), self.targets, self.outcome
            )
            rows = len(self.account.functions)
            outcomes = np.zeros((rows, counted.shape[1]), np.uint64)
            np.add.at(outcomes, self.rows, counted)
            outcomes.flags.writeable = False
            occupied = [0] * rows
            for row, nanoseconds in zip(self.rows, held, strict=True):
                occupied[row] += nanoseconds
            self._totals = Totals(outcomes, occupied, last)
        return self._totals

    def bins(self, period: int) -> Bins:
        """Bins of `period` nanoseconds from the first arrival to the last completion."""
        if not len(self.trace):
            return Bins(period, 0, 0)
        start, last_arrival = self.trace.span
        if self._last_completion is None:
            self._last_completion = self.totals().last_completion
        last = max(last_arrival, self._last_completion)
        return Bins(period, start // period, last // period - start // period + 1)

    def concurrency(self, period: int, recording: Recording | None = None) -> Concurrency:
        """Concurrency of every function and of the Region."""
        rows: list[int | None] = [*self.rows]
        return self._concurrency(period, _ALL, rows, len(self.account.functions), recording)

    def concurrency_of_region(self, period: int, recording: Recording | None = None) -> Concurrency:
        """Concurrency of the Region, without rows for functions."""
        all_rows = self._kept.get(("concurrency", period, recording or Recording(), *_ALL))
        if all_rows is not None:
            return Concurrency(*all_rows)  # type: ignore[arg-type]
        return self._concurrency(period, _REGION, [None for _ in self.targets], 0, recording)

    def concurrency_of(
        self, function: str, period: int, recording: Recording | None = None
    ) -> npt.NDArray[np.uint32]:
        """Concurrency of one function, or of one version or alias."""
        row = self._row(function)
        key = ("concurrency", period, recording or Recording(), *_ALL)
        if row is not None and self._all_at_once(key, period, 4):
            series: npt.NDArray[np.uint32] = self.concurrency(period, recording).by_function[row]
        else:
            which = ("of", function)
            one = self._concurrency(period, which, self.only(function), 1, recording)
            series = one.by_function[0]
        return series

    def count(self, codes: Iterable[Outcome], period: int) -> npt.NDArray[np.uint64]:
        """Arrivals of some outcomes, by function."""
        rows: list[int | None] = [*self.rows]
        return self._count(codes, period, _ALL, rows, len(self.account.functions))

    def count_of_region(self, codes: Iterable[Outcome], period: int) -> npt.NDArray[np.uint64]:
        """Arrivals of some outcomes, of all functions together."""
        rows: list[int | None] = [0 for _ in self.targets]
        series: npt.NDArray[np.uint64] = self._count(codes, period, _REGION, rows, 1)[0]
        return series

    def count_of(
        self, function: str, codes: Iterable[Outcome], period: int
    ) -> npt.NDArray[np.uint64]:
        """Arrivals of some outcomes, of one function, or of one version or alias."""
        codes = list(codes)
        row = self._row(function)
        if row is not None and self._all_at_once(("count", _mask(codes), period, *_ALL), period, 8):
            series: npt.NDArray[np.uint64] = self.count(codes, period)[row]
        else:
            series = self._count(codes, period, ("of", function), self.only(function), 1)[0]
        return series

    def select_concurrency(
        self, period: int, function: str | None, account: bool
    ) -> npt.NDArray[np.uint32]:
        """Concurrency of all functions, or of one, or of the Region."""
        _one_of(function, account)
        if account:
            return self.concurrency_of_region(period).region
        if function is not None:
            return self.concurrency_of(function, period)
        return self.concurrency(period).by_function

    def select_count(
        self, codes: Iterable[Outcome], period: int, function: str | None, account: bool
    ) -> npt.NDArray[np.uint64]:
        """Arrivals of some outcomes: of all functions, or of one, or of the Region."""
        _one_of(function, account)
        if account:
            return self.count_of_region(codes, period)
        if function is not None:
            return self.count_of(function, codes, period)
        return self.count(codes, period)

    def bin_starts(self, period: int) -> npt.NDArray[np.int64]:
        """Nanosecond at which each bin begins."""
        bins = self.bins(period)
        self.check_size(bins, 1, 8)
        return np.arange(bins.first, bins.first + bins.size, dtype=np.int64) * bins.period

    def peaks(self) -> tuple[npt.NDArray[np.uint32], int]:
        """Peak of each function, and of the Region, over the whole run."""
        for key, kept in self._kept.items():
            if key[0] == "concurrency" and key[2:] == (Recording(), *_ALL):
                series = Concurrency(*kept)  # type: ignore[arg-type]
                break
        else:
            series = self.concurrency(2**63 - 1)
        by_function: npt.NDArray[np.uint32] = series.by_function.max(axis=1, initial=0)
        return by_function, int(series.region.max(initial=0))

    def check_size(self, bins: Bins, rows: int, item: int) -> None:
        """Refuse a series of so many rows and bytes an item that would not fit."""
        size = bins.size * rows * item
        if size > SERIES_BYTES_LIMIT:
            fewer = ", or one function (function=), or the Region (account=True)"
            raise SeriesSizeError(
                f"{_text.count(rows, 'row')} of {bins.size:,} bins take {size / 2**30:,.1f} GiB, "
                f"more than {SERIES_BYTES_LIMIT / 2**30:.0f} GiB: take a longer period than "
                f"{bins.period / 1e9:g} s{fewer if rows > 3 else ''}"
            )

    @property
    def history(self) -> History:
        """The configuration over time."""
        if self._history is None:
            self._history = History(self.account, self.timeline)
        return self._history

    def is_function(self, name: str) -> bool:
        """Whether a name means a whole function, not one of its versions or aliases."""
        return self._row(name) is not None

    def only(self, function: str) -> list[int | None]:
        """Row 0 for each name of the trace that means a function, or one version or alias."""
        row = self._row(function)
        if row is not None:
            return [0 if of == row else None for of in self.rows]
        target = self.account.resolve(function)[0]
        return [0 if of == target else None for of in self.targets]

    def _row(self, function: str) -> int | None:
        """Row of a function; None for a version or alias."""
        if function in self.account or not split_label(function)[1]:
            return self.account.index(function)
        self.account.resolve(function)
        return None

    def _all_at_once(self, key: tuple[object, ...], period: int, item: int) -> bool:
        size = self.bins(period).size * len(self.account.functions) * item
        return key in self._kept or size <= ALL_AT_ONCE_BYTES

    def _concurrency(
        self,
        period: int,
        which: tuple[str, ...],
        row_of: list[int | None],
        rows: int,
        recording: Recording | None,
    ) -> Concurrency:
        key = ("concurrency", period, recording or Recording(), *which)

        def compute() -> tuple[npt.NDArray[np.uint32], ...]:
            bins = self.bins(period)
            self.check_size(bins, rows + 3, 4)
            by_row, others = _core.concurrency(
                self.account._engine,
                self.trace._columns(),
                self.targets,
                self.outcome,
                timeline=self.timeline,
                recording=recording or Recording(),
                bins=bins,
                row_of=row_of,
                rows=rows,
            )
            return (by_row, *others)

        return Concurrency(*self._keep(key, compute))

    def _count(
        self,
        codes: Iterable[Outcome],
        period: int,
        which: tuple[str, ...],
        row_of: list[int | None],
        rows: int,
    ) -> npt.NDArray[np.uint64]:
        wanted = _mask(codes)

        def compute() -> tuple[npt.NDArray[np.uint64]]:
            bins = self.bins(period)
            self.check_size(bins, rows, 8)
            columns = self.trace._columns()
            counts = _core.count(columns, self.outcome, wanted, bins=bins, row_of=row_of, rows=rows)
            return (counts,)

        return self._keep(("count", wanted, period, *which), compute)[0]

    def _keep(
        self,
        key: tuple[object, ...],
        compute: Callable[[], tuple[npt.NDArray[T], ...]],  # type: ignore[type-var]
    ) -> tuple[npt.NDArray[T], ...]:  # type: ignore[type-var]
        """Find arrays, or compute them and drop the oldest of those that were kept."""
        if key not in self._kept:
            arrays = compute()
            for array in arrays:
                array.flags.writeable = False
            self._kept[key] = arrays  # type: ignore[assignment]
            sizes = {k: sum(a.nbytes for a in kept) for k, kept in self._kept.items()}
            for oldest in [*sizes][:-1]:
                if sum(sizes.values()) <= KEPT_BYTES:
                    break
                del self._kept[oldest], sizes[oldest]
        return self._kept[key]  # type: ignore[return-value]


def _one_of(function: str | None, account: bool) -> None:
    if account and function is not None:
        raise ConfigurationError(
            "function and account exclude each other: the Region is all functions",
            argument="account",
        )


def _mask(codes: Iterable[Outcome]) -> int:
    return sum(1 << code for code in codes)


def traced_targets(account: Account, trace: Trace) -> Traced:
    """Find what the names of a trace mean in an account.

    Raises
    ------
    ConfigurationError
        The trace invokes what the account does not declare.
    """
    if not isinstance(account, Account):
        raise ConfigurationError(f"account = {account!r} is no Account", argument="account")
    if not isinstance(trace, Trace):
        raise TraceError(f"trace = {trace!r} is no Trace", argument="trace")
    found = [account._engine.target(name) for name in trace.functions]
    targets, rows = [], []
    for name, meant in zip(trace.functions, found, strict=True):
        if meant is None or meant[0] is None:
            raise _undeclared(account, name, known=meant is not None)
        targets.append(meant[0])
        rows.append(meant[1])
    return Traced(targets, rows)


def _undeclared(account: Account, name: str, *, known: bool) -> ConfigurationError:
    function, qualifier = split_label(name)
    if known:
        try:
            account.resolve(name)
        except ConfigurationError as error:
            return ConfigurationError(f"the trace invokes {name!r}: {error}", argument="account")
    near = _text.suggestion(function, [f.name for f in account.functions])
    return ConfigurationError(
        f"the trace invokes {name!r}, which the account does not declare"
        f"{near}: add lc.Function({function!r}{', ...' if qualifier else ''}), or declare all "
        "functions of the trace with lc.Account.for_trace(trace, ...)",
        argument="account",
    )
