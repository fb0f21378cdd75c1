"""Conversions of a result to pandas, polars and xarray, where they are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lambdacore._optional import needs
from lambdacore.outcome import Outcome

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import xarray as xr

    from lambdacore.result import Result

__all__ = ["to_pandas", "to_polars", "to_xarray"]


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
        for name in ("arrival", "duration"):
            columns[name] = pd.to_timedelta(columns[name], unit="ns")
        return pd.DataFrame(columns)
    functions = [function.name for function in result.account.functions]
    times = pd.to_timedelta(result.bin_starts(period), unit="ns")
    index = pd.MultiIndex.from_product([functions, times], names=["function", "time"])
    return pd.DataFrame(
        {name: series.ravel() for name, series in _series(result, period).items()}, index=index
    )


def to_polars(result: Result, period: float | None) -> pl.DataFrame:
    """One row a function and bin, or an invocation; see `Result.to_polars`."""
    with needs("polars", "frames"):
        import polars as pl
    duration = pl.Duration("ns")
    if period is None:
        columns = _invocations(result)
        codes, names = _outcome_codes(result.outcome)
        functions = pl.Series(result.trace.functions, dtype=pl.String)
        return pl.DataFrame(
            {
                "arrival": pl.Series(columns["arrival"]).cast(duration),
                "function": functions.gather(result.trace.function),
                "duration": pl.Series(columns["duration"]).cast(duration),
                "outcome": pl.Series(names, dtype=pl.String).gather(codes),
            }
        )
    starts = result.bin_starts(period)
    names = [function.name for function in result.account.functions]
    return pl.DataFrame(
        {
            "function": pl.Series(np.repeat(names, len(starts)).tolist(), dtype=pl.String),
            "time": pl.Series(np.tile(starts, len(names))).cast(duration),
            **{name: series.ravel() for name, series in _series(result, period).items()},
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
            "time": ("time", result.bin_starts(period) / 1e9, {"units": "s"}),
        },
        attrs={"period": period, "concurrency_limit": result.account.concurrency_limit},
    )


def _series(result: Result, period: float) -> dict[str, npt.NDArray[Any]]:
    return {
        "invocations": result.invocations(period),
        "throttles": result.throttles(period),
        "cold_starts": result.cold_starts(period),
        "concurrency": result.concurrency(period),
    }


def _invocations(result: Result) -> dict[str, Any]:
    trace = result.trace
    return {
        "arrival": trace.arrival,
        "function": trace.function,
        "duration": trace.duration,
        "outcome": result.outcome,
    }


def _outcome_codes(outcome: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Outcomes as dense indices into their names."""
    dense = np.zeros(32, dtype=np.int64)
    dense[[int(code) for code in Outcome]] = np.arange(len(Outcome))
    return dense[outcome], [code.name for code in Outcome]
