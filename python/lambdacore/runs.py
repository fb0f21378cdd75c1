"""The result of a Monte Carlo run: one number a replication and function, and what follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lambdacore import _check, _runs_intervals, _runs_text, _text
from lambdacore._optional import needs
from lambdacore._runs_text import REGION, share
from lambdacore.ensemble.recipe import CODES, STREAM_VERSION, Recipe, Statistics
from lambdacore.ensemble.tasks import Failure
from lambdacore.errors import ConfigurationError
from lambdacore.outcome import Outcome

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from lambdacore._intervals import Interval
    from lambdacore.account import Account
    from lambdacore.function import Function
    from lambdacore.workload import Workload

__all__ = ["SERIES", "STATISTICS", "Bands", "Runs"]

#: What there is one number of for each replication and function.
STATISTICS = (
    "throttle_ratio", "cold_start_ratio", "provisioned_ratio", "peak_concurrency",
    "mean_concurrency", "utilisation", "arrivals", "throttles", "cold_starts",
)  # fmt: skip
#: What there is one number of for each replication, function and bin.
SERIES = ("arrivals", "throttles", "throttle_ratio", "peak_concurrency")

Floats = npt.NDArray[np.float64]
_THROTTLED = [i for i, code in enumerate(CODES) if code.throttled]


@dataclass(frozen=True)
class Bands:
    """A series over replications: for each bin, quantiles of what the replications show.

    Attributes
    ----------
    times : ndarray of float64, shape (bins,)
        When each bin begins, in seconds.
    levels : tuple of float
        The quantiles.
    values : ndarray of float64, shape (levels, bins)
        Below which the share ``levels[i]`` of the replications lies. NaN in a bin in which no
        replication has a value.
    statistic, function : str
        What is shown, of what.
    """

    times: Floats
    levels: tuple[float, ...]
    values: Floats
    statistic: str
    function: str


class Runs:
    """Replications of a workload on an account.

    Attributes
    ----------
    account : Account
    workload : Workload
    functions : tuple of str
        Names of the columns, in the order of ``account.functions``.
    seed : int
        The root of the draws: ``rng=runs.seed`` gives the same again.
    stream_version : int
        The version of the draws: of one version they are the same for ever, on any machine.
    replications : ndarray of int64
        Numbers of the replications: 0, 1, …, without those that failed.
    failures : tuple of Failure
        What failed and was left out.
    horizon, warm_up : float
        Seconds that are counted, and seconds that were run before and not counted.
    start : {"empty", "warm", "deletion"}
        How it begins: with nothing running and nothing warm; after `warm_up` seconds of traffic
        before time zero; or counting only after the first `warm_up` seconds.

    Notes
    -----
    One number a replication and function, shape ``(replications, functions)``: `throttle_ratio`
    (throttles / arrivals; NaN without arrivals), `cold_start_ratio` and `provisioned_ratio` (of
    what was admitted), `peak_concurrency`, `mean_concurrency` (over time), `utilisation` (the mean
    over what the function may use at most: its reservation, or what is unreserved with its own
    provisioned concurrency), `arrivals`,
    `throttles`, `cold_starts`. Those of the account as a whole: ``runs.region("throttle_ratio")``,
    shape ``(replications,)``. Calls that are in flight at the end count until the end.
    """

    def __init__(
        self,
        recipe: Recipe,
        index: int,
        statistics: Statistics,
        replications: list[int],
        failures: list[Failure],
    ) -> None:
        self._recipe, self._index = recipe, index
        self._statistics = {name: values[index] for name, values in statistics.items()}
        for values in self._statistics.values():
            values.flags.writeable = False
        self.account: Account = recipe.accounts[index]
        self.workload: Workload = recipe.workload
        self.functions: tuple[str, ...] = recipe.functions
        self.seed: int = recipe.seed
        self.stream_version: int = STREAM_VERSION
        self.replications = np.array(replications, dtype=np.int64)
        self.failures: tuple[Failure, ...] = tuple(failures)
        self.start: str = recipe.begins
        self.horizon: float = (recipe.span.horizon - recipe.start) / 1e9
        self.warm_up: float = (recipe.span.lead + recipe.start) / 1e9

    # Values, by name.

    def values(self, statistic: str, function: str | None = None) -> npt.NDArray[Any]:
        """Give a statistic by its name.

        Parameters
        ----------
        statistic : str
            One of those in the notes of the class.
        function : str, optional
            One function, or ``"Region"`` for the account as a whole; all functions without it.

        Returns
        -------
        ndarray, shape (replications, functions), or (replications,) of one

        Raises
        ------
        ConfigurationError
            No such statistic or function.
        """
        _check.one_of("statistic", statistic, STATISTICS)
        if function == REGION and REGION not in self.functions:
            return self._compute(statistic, region=True)
        values = self._compute(statistic, region=False)
        if function is None:
            return values
        return values[:, self._row(function)]

    def region(self, statistic: str) -> npt.NDArray[Any]:
        """Give a statistic of the account as a whole, shape (replications,)."""
        _check.one_of("statistic", statistic, STATISTICS)
        return self._compute(statistic, region=True)

    def _row(self, function: str) -> int:
        _check.one_of("function", function, (*self.functions, REGION))
        return self.functions.index(function)

    def _compute(self, statistic: str, *, region: bool) -> npt.NDArray[Any]:
        outcomes, busy = self._statistics["outcomes"], self._statistics["busy"]
        peak = self._statistics["peak"]
        if region:
            outcomes, busy, peak = outcomes.sum(axis=1), busy.sum(axis=1), peak[:, -1]
        else:
            peak = peak[:, :-1]
        arrivals = outcomes.sum(axis=-1)
        throttles = outcomes[..., _THROTTLED].sum(axis=-1)
        counts = {"arrivals": arrivals, "throttles": throttles, "peak_concurrency": peak}
        if statistic in counts:
            count: npt.NDArray[Any] = counts[statistic]
            return count
        if statistic in ("mean_concurrency", "utilisation"):
            mean: Floats = busy / (self._recipe.span.horizon - self._recipe.start)
            return mean if statistic == "mean_concurrency" else mean / self._limits(region)
        if statistic == "throttle_ratio":
            return _ratio(throttles, arrivals)
        provisioned = statistic == "provisioned_ratio"
        of_kind = outcomes[..., CODES.index(Outcome.PROVISIONED if provisioned else Outcome.COLD)]
        if statistic == "cold_starts":
            starts: npt.NDArray[Any] = of_kind
            return starts
        return _ratio(of_kind, arrivals - throttles)

    def _limits(self, region: bool) -> npt.NDArray[np.float64]:
        account = self.account
        if region:
            limits = np.array(float(account.concurrency_limit))
        else:
            limits = np.array([_limit(account, function) for function in account], np.float64)
        # Of a pool that has no room there is no utilisation.
        return np.where(limits > 0, limits, np.nan)

    throttle_ratio = property(
        lambda self: self.values("throttle_ratio"), doc="Throttles / arrivals."
    )
    cold_start_ratio = property(
        lambda self: self.values("cold_start_ratio"), doc="Cold starts / admitted."
    )
    provisioned_ratio = property(
        lambda self: self.values("provisioned_ratio"), doc="On provisioned environments / admitted."
    )
    peak_concurrency = property(lambda self: self.values("peak_concurrency"), doc="Most at once.")
    mean_concurrency = property(
        lambda self: self.values("mean_concurrency"), doc="Mean over time of what runs at once."
    )
    utilisation = property(
        lambda self: self.values("utilisation"), doc="Mean concurrency / limit of the pool."
    )
    arrivals = property(lambda self: self.values("arrivals"), doc="Calls.")
    throttles = property(lambda self: self.values("throttles"), doc="Calls that were throttled.")
    cold_starts = property(lambda self: self.values("cold_starts"), doc="Cold starts.")

    def outcomes(self, outcome: Outcome) -> npt.NDArray[np.uint64]:
        """Give how often an outcome occurred, shape (replications, functions)."""
        counts: npt.NDArray[np.uint64] = self._statistics["outcomes"][..., CODES.index(outcome)]
        return counts

    def concurrency_quantiles(self, function: str | None = None) -> npt.NDArray[np.uint32]:
        """Give the concurrency that is not exceeded for a share of the time.

        Returns
        -------
        ndarray of uint32, shape (replications, functions, quantiles)
            For the ``quantiles=`` that `monte_carlo` was given; of one function, or ``"Region"``,
            without the axis of functions.
        """
        quantiles: npt.NDArray[np.uint32] = self._statistics["quantiles"]
        if not self._recipe.quantiles:
            raise ConfigurationError(
                "quantiles: none were asked for; run monte_carlo(..., quantiles=(0.5, 0.99))",
                argument="quantiles",
            )
        if function == REGION and REGION not in self.functions:
            return quantiles[:, -1]
        return quantiles[:, :-1] if function is None else quantiles[:, self._row(function)]

    # Series.

    @property
    def bin_starts(self) -> Floats:
        """When each bin of the series begins, in seconds from time zero; shape (bins,)."""
        bins = np.arange(self._recipe.bins, dtype=np.float64)
        return (self._recipe.start + bins * (self._recipe.period or 0)) / 1e9

    def series(self, statistic: str, function: str = REGION) -> npt.NDArray[Any]:
        """Give a series of every replication.

        Parameters
        ----------
        statistic : {"arrivals", "throttles", "throttle_ratio", "peak_concurrency"}
            What to show in each bin: counts, their ratio, or the most at once.
        function : str
            A function, or ``"Region"``.

        Returns
        -------
        ndarray, shape (replications, bins)
        """
        _check.one_of("statistic", statistic, SERIES)
        if self._recipe.period is None:
            raise ConfigurationError(
                "period: no series was asked for; run monte_carlo(..., period=60)",
                argument="period",
            )
        row = -1 if function == REGION and REGION not in self.functions else self._row(function)
        arrivals = self._statistics["arrivals"][:, row]
        throttles = self._statistics["throttles"][:, row]
        if statistic == "throttle_ratio":
            return _ratio(throttles, arrivals)
        peak: npt.NDArray[np.uint32] = self._statistics["bin_peak"][:, row]
        counts = {"arrivals": arrivals, "throttles": throttles, "peak_concurrency": peak}
        found: npt.NDArray[Any] = counts[statistic]
        return found

    def bands(
        self,
        statistic: str,
        function: str = REGION,
        levels: tuple[float, ...] = (0.05, 0.5, 0.95),
    ) -> Bands:
        """Give a series as bands: quantiles across the replications, bin by bin."""
        shares = tuple(_check.ratio(f"levels[{i}]", level) for i, level in enumerate(levels))
        series = self.series(statistic, function).astype(np.float64)
        values = np.full((len(shares), series.shape[1]), np.nan)
        known = ~np.isnan(series).all(axis=0)
        values[:, known] = np.nanquantile(series[:, known], shares, axis=0)
        return Bands(self.bin_starts, shares, values, statistic, function)

    # Intervals.

    def interval(
        self,
        statistic: str,
        function: str | None = None,
        *,
        confidence: float = 0.95,
        method: _runs_intervals.Method = "auto",
    ) -> Interval:
        """Give the mean over replications with its interval of confidence.

        Parameters
        ----------
        statistic : str
            One of those in the notes of the class.
        function : str, optional
            One function, or ``"Region"``; without it an interval for each function, in arrays.
        confidence : float
            The share of such intervals that hold the true value.
        method : {"auto", "t", "bootstrap", "ratio t", "wilson"}
            ``"t"``: Student's, of the mean over replications. ``"bootstrap"``: BCa, where the
            distribution is lopsided. ``"ratio t"``: of the ratio of the means, in which a
            replication counts by its arrivals. ``"wilson"``: of the pooled ratio, with the
            clustering of throttles estimated from the replications. ``"auto"`` is t; for a ratio
            of which nothing was seen in any replication it is Wilson's upper bound, instead of "0".

        Returns
        -------
        Interval
        """
        return _runs_intervals.interval(self, statistic, function, confidence, method)

    # For people, and for files.

    def digest(self) -> str:
        """SHA-256 of all numbers, as hexadecimal digits: equal runs give equal bytes."""
        import hashlib

        digest = hashlib.sha256(f"lambdacore runs {self.stream_version}\n".encode())
        for name in sorted(self._statistics):
            values = self._statistics[name]
            digest.update(f"{name} {values.dtype.str[1:]} {values.shape}\n".encode())
            digest.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).data)
        return digest.hexdigest()

    def to_pandas(self) -> pd.DataFrame:
        """Convert to a pandas frame: a row for each replication and function, and the Region."""
        with needs("pandas", "frames"):
            import pandas as pd

        rows = (*self.functions, REGION)
        index = pd.MultiIndex.from_product(
            [self.replications, rows], names=["replication", "function"]
        )
        columns = {name: self._both(name).ravel() for name in STATISTICS}
        return pd.DataFrame(columns, index=index)

    def to_xarray(self) -> xr.Dataset:
        """Convert to an xarray dataset over replication and function (the Region last)."""
        with needs("xarray", "frames"):
            import xarray as xr

        dims = ("replication", "function")
        coords = {"replication": self.replications, "function": [*self.functions, REGION]}
        data = {name: (dims, self._both(name)) for name in STATISTICS}
        return xr.Dataset(data, coords=coords, attrs=self._attributes())

    def plot(self, statistic: str = "peak_concurrency", **values: Any) -> Any:
        """Draw a series with bands across replications: see `lambdacore.plot.BandsDisplay`."""
        from lambdacore.plot import BandsDisplay

        return BandsDisplay.from_runs(self, statistic, **values)

    def _both(self, name: str) -> npt.NDArray[Any]:
        return np.column_stack([self.values(name), self.region(name)])

    def _attributes(self) -> dict[str, Any]:
        return {
            "seed": str(self.seed),
            "stream_version": self.stream_version,
            "horizon_s": self.horizon,
            "warm_up_s": self.warm_up,
            "start": self.start,
        }

    def __len__(self) -> int:
        return len(self.replications)

    def _started(self) -> str:
        warm = f" ({self.warm_up:g} s)" if self.warm_up else ""
        return f"start {self.start}{warm}"

    def rows(self, shown: int = 20) -> tuple[list[str], list[list[str]], str]:
        """Give the table as text: heads, rows (the Region last) and a note."""
        return _runs_text.rows(self, shown)

    def __rich__(self) -> _text.Table:
        spare = ("used", "mean", "most", "cold", "arrivals")
        return _text.Table(*self.rows(), left=("function",), spare=spare)

    def _repr_html_(self) -> str:
        return _text.html_table(*self.rows())

    def __str__(self) -> str:
        return _text.plain(self)

    def __repr__(self) -> str:
        failed = sum(len(failure.replications) for failure in self.failures)
        return (
            f"<Runs: {_text.count(len(self), 'replication')} of "
            f"{_text.count(len(self.functions), 'function')} over {self.horizon:g} s, "
            f"{self._started()}: {share(self.interval('throttle_ratio', REGION))} throttled"
            + (f"; {failed:,} failed" if failed else "")
            + ">"
        )

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for values in self._statistics.values():
            values.flags.writeable = False


def _limit(account: Account, function: Function) -> int:
    """Give what a function may use at most: its reservation, or its own and what all share."""
    if function.reserved_concurrency is not None:
        return function.reserved_concurrency
    given = function.provisioned_concurrency or {}
    provisioned = given if isinstance(given, int) else sum(given.values())
    return account.unreserved_concurrency + provisioned


def _ratio(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> Floats:
    """Divide counts; nothing of nothing is NaN."""
    found: Floats = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=found, where=np.asarray(whole) > 0)
    return found
