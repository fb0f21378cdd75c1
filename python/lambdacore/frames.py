"""Conversions of a result to pandas, polars and xarray, where they are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lambdacore._optional import needs
from lambdacore.outcome import ADMITTED, THROTTLED, Outcome

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import xarray as xr

    from lambdacore._series import Series

__all__ = ["to_pandas", "to_polars", "to_xarray"]

#: A trace that begins a year or more after zero is taken to count from 1970.
_YEAR = 365 * 86_400 * 10**9


def to_pandas(series: Series, period: int | None) -> pd.DataFrame:
    """One row a function and bin, or an invocation; see `Result.to_pandas`."""
    with needs("pandas", "frames"):
        import pandas as pd
    if period is None:
        columns = _invocations(series)
        columns["function"] = pd.Categorical.from_codes(
            series.trace.function.astype(np.int64), categories=pd.Index(series.trace.functions)
        )
        codes, names = _outcome_codes(series.outcome)
        columns["outcome"] = pd.Categorical.from_codes(codes, categories=pd.Index(names))
        return pd.DataFrame(columns)
    columns = {name: values.ravel() for name, values in _columns(series, period).items()}
    functions = [function.name for function in series.account.functions]
    times = _times(series, series.bin_starts(period))
    index = pd.MultiIndex.from_product([functions, times], names=["function", "time"])
    return pd.DataFrame(columns, index=index)


def to_polars(series: Series, period: int | None) -> pl.DataFrame:
    """One row a function and bin, or an invocation; see `Result.to_polars`."""
    with needs("polars", "frames"):
        import polars as pl
    if period is None:
        columns = _invocations(series)
        codes, names = _outcome_codes(series.outcome)
        functions = pl.Series(series.trace.functions, dtype=pl.String)
        return pl.DataFrame(
            {
                "arrival": columns["arrival"],
                "function": functions.gather(series.trace.function),
                "duration": columns["duration"],
                "outcome": pl.Series(names, dtype=pl.String).gather(codes),
            }
        )
    columns = {name: values.ravel() for name, values in _columns(series, period).items()}
    starts = series.bin_starts(period)
    names = [function.name for function in series.account.functions]
    return pl.DataFrame(
        {
            "function": pl.Series(np.repeat(names, len(starts)).tolist(), dtype=pl.String),
            "time": np.tile(_times(series, starts), len(names)),
            **columns,
        }
    )


def to_xarray(series: Series, period: int) -> xr.Dataset:
    """Series over (function, time), the Region's over time; see `Result.to_xarray`."""
    with needs("xarray", "frames"):
        import xarray as xr
    by_function = {
        name: (("function", "time"), values) for name, values in _columns(series, period).items()
    }
    region = ("time", series.concurrency_of_region(period).region)
    return xr.Dataset(
        {**by_function, "region_concurrency": region},
        coords={
            "function": [function.name for function in series.account.functions],
            "time": ("time", _times(series, series.bin_starts(period))),
        },
        attrs={"period": period / 1e9, "concurrency_limit": series.account.concurrency_limit},
    )


def _columns(series: Series, period: int) -> dict[str, npt.NDArray[Any]]:
    # All columns together, with the two of the index, must fit as one series must.
    bins = series.bins(period)
    series.check_size(bins, len(series.account.functions), 3 * 8 + 4 + 16)
    return {
        "invocations": series.count(ADMITTED, period),
        "throttles": series.count(THROTTLED, period),
        "cold_starts": series.count([Outcome.COLD], period),
        "concurrency": series.concurrency(period).by_function,
    }


def _invocations(series: Series) -> dict[str, Any]:
    trace = series.trace
    return {
        "arrival": _times(series, trace.arrival),
        "function": trace.function,
        "duration": trace.duration.view("m8[ns]"),
        "outcome": series.outcome,
    }


def _times(series: Series, nanoseconds: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Give calendar times where the trace counts from 1970, else times since its zero."""
    counts_from_1970 = series.trace.span[0] >= _YEAR
    return nanoseconds.view("M8[ns]" if counts_from_1970 else "m8[ns]")


def _outcome_codes(outcome: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Outcomes as dense indices into their names."""
    dense = np.zeros(32, dtype=np.int64)
    dense[[int(code) for code in Outcome]] = np.arange(len(Outcome))
    return dense[outcome], [code.name for code in Outcome]
