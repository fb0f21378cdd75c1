"""Conversions of a result to pandas, polars and xarray, where they are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lambdacore import _check
from lambdacore._optional import needs
from lambdacore.outcome import Outcome

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import xarray as xr

    from lambdacore.result import Result

__all__ = ["to_pandas", "to_polars", "to_xarray"]

#: A trace that begins a year or more after zero is taken to count from 1970.
_YEAR = 365 * 86_400 * 10**9


def to_pandas(result: Result, period: float | None) -> pd.DataFrame:
    """One row a function and bin, or an invocation; see `Result.to_pandas`."""
    with needs("pandas", "frames"):
        import pandas as pd
    if period is None:
        columns = _invocations(result)
        columns["function"] = pd.Categorical.from_codes(
            result.trace.function.astype(np.int64), categories=pd.Index(result.trace.functions)
        )
        codes, names = _outcome_codes(result.outcome)
        columns["outcome"] = pd.Categorical.from_codes(codes, categories=pd.Index(names))
        return pd.DataFrame(columns)
    columns = {name: series.ravel() for name, series in _series(result, period).items()}
    functions = [function.name for function in result.account.functions]
    times = _times(result, result.bin_starts(period))
    index = pd.MultiIndex.from_product([functions, times], names=["function", "time"])
    return pd.DataFrame(columns, index=index)


def to_polars(result: Result, period: float | None) -> pl.DataFrame:
    """One row a function and bin, or an invocation; see `Result.to_polars`."""
    with needs("polars", "frames"):
        import polars as pl
    if period is None:
        columns = _invocations(result)
        codes, names = _outcome_codes(result.outcome)
        functions = pl.Series(result.trace.functions, dtype=pl.String)
        return pl.DataFrame(
            {
                "arrival": columns["arrival"],
                "function": functions.gather(result.trace.function),
                "duration": columns["duration"],
                "outcome": pl.Series(names, dtype=pl.String).gather(codes),
            }
        )
    columns = {name: series.ravel() for name, series in _series(result, period).items()}
    starts = result.bin_starts(period)
    names = [function.name for function in result.account.functions]
    return pl.DataFrame(
        {
            "function": pl.Series(np.repeat(names, len(starts)).tolist(), dtype=pl.String),
            "time": np.tile(_times(result, starts), len(names)),
            **columns,
        }
    )


def to_xarray(result: Result, period: float) -> xr.Dataset:
    """Series over (function, time), the Region's over time; see `Result.to_xarray`."""
    with needs("xarray", "frames"):
        import xarray as xr
    by_function = {
        name: (("function", "time"), series) for name, series in _series(result, period).items()
    }
    region = ("time", result.concurrency(period, account=True))
    return xr.Dataset(
        {**by_function, "region_concurrency": region},
        coords={
            "function": [function.name for function in result.account.functions],
            "time": ("time", _times(result, result.bin_starts(period))),
        },
        attrs={"period": period, "concurrency_limit": result.account.concurrency_limit},
    )


def _series(result: Result, period: float) -> dict[str, npt.NDArray[Any]]:
    # All columns together, with the two of the index, must fit as one series must.
    bins = result._series.bins(_check.period(period))
    result._series.check_size(bins, len(result.account.functions), 3 * 8 + 4 + 16)
    return {
        "invocations": result.invocations(period),
        "throttles": result.throttles(period),
        "cold_starts": result.cold_starts(period),
        "concurrency": result.concurrency(period),
    }


def _invocations(result: Result) -> dict[str, Any]:
    trace = result.trace
    return {
        "arrival": _times(result, trace.arrival),
        "function": trace.function,
        "duration": trace.duration.view("m8[ns]"),
        "outcome": result.outcome,
    }


def _times(result: Result, nanoseconds: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Give calendar times where the trace counts from 1970, else times since its zero."""
    counts_from_1970 = result.trace.span[0] >= _YEAR
    return nanoseconds.view("M8[ns]" if counts_from_1970 else "m8[ns]")


def _outcome_codes(outcome: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Outcomes as dense indices into their names."""
    dense = np.zeros(32, dtype=np.int64)
    dense[[int(code) for code in Outcome]] = np.arange(len(Outcome))
    return dense[outcome], [code.name for code in Outcome]
