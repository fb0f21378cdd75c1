"""The answer people come for: the smallest limit that is enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from lambdacore import _check, _core, _text
from lambdacore._optional import needs
from lambdacore.errors import ConfigurationError, TraceError
from lambdacore.function import split_label
from lambdacore.required_workload import RequiredEstimate, required_for_workload
from lambdacore.trace import Trace
from lambdacore.workload import Workload

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["RequiredConcurrency", "required_concurrency"]


@dataclass(frozen=True)
class RequiredConcurrency:
    """Smallest sufficient limits, beside the usual formula's answer. Prints as a table.

    Attributes
    ----------
    functions : tuple of str
        Names of the rows, in the order of ``trace.functions``; versions and aliases of a
        function are one.
    throttle_ratio : float
        The share of arrivals that may be throttled.
    required : ndarray of uint32, shape (functions,)
        The smallest reservation of each function at which no more is throttled.
    peak : ndarray of uint32, shape (functions,)
        The peak concurrency of each function where nothing is limited.
    formula : ndarray of float64, shape (functions,)
        Mean arrivals a second times mean duration: what a rule of thumb would size. NaN
        where the arrivals span no time.
    account_required, account_peak : int
        The same for one pool that all functions share.
    account_formula : float
        The same for all functions together.
    """

    functions: tuple[str, ...]
    throttle_ratio: float
    required: npt.NDArray[np.uint32]
    peak: npt.NDArray[np.uint32]
    formula: npt.NDArray[np.float64]
    account_required: int
    account_peak: int
    account_formula: float

    def __getitem__(self, function: str) -> int:
        if function not in self.functions:
            raise ConfigurationError(
                f"the trace has no function {function!r}"
                + _text.suggestion(function, self.functions),
                argument="function",
            )
        return int(self.required[self.functions.index(function)])

    def __iter__(self) -> Iterator[str]:
        return iter(self.functions)

    def __contains__(self, function: object) -> bool:
        return function in self.functions

    def __len__(self) -> int:
        return len(self.functions)

    def keys(self) -> tuple[str, ...]:
        """Names of the functions, so that ``dict(answer)`` gives the limit of each."""
        return self.functions

    def to_pandas(self) -> pd.DataFrame:
        """Convert to a pandas frame, one row a function; the account is not in it."""
        with needs("pandas", "frames"):
            import pandas as pd

        return pd.DataFrame(self._columns(), index=pd.Index(self.functions, name="function"))

    def to_polars(self) -> pl.DataFrame:
        """Convert to a polars frame, one row a function; the account is not in it."""
        with needs("polars", "frames"):
            import polars as pl

        return pl.DataFrame({"function": self.functions, **self._columns()})

    def _columns(self) -> dict[str, npt.NDArray[Any]]:
        return {"required": self.required, "formula": self.formula, "peak": self.peak}

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values; NaN becomes None, as JSON needs it."""

        def row(required: Any, formula: Any, peak: Any) -> dict[str, Any]:
            formula = None if math.isnan(formula) else float(formula)
            return {"required": int(required), "formula": formula, "peak": int(peak)}

        columns = zip(self.functions, self.required, self.formula, self.peak, strict=True)
        return {
            "throttle_ratio": self.throttle_ratio,
            "functions": [{"function": name, **row(*values)} for name, *values in columns],
            "account": row(self.account_required, self.account_formula, self.account_peak),
        }

    def rows(self, shown: int = 20) -> tuple[list[str], list[list[str]], str]:
        """Give the table as text: heads, rows (the account last) and a note.

        In the order of ``functions``; of more than `shown`, those that need the most.
        """

        def row(name: str, required: float, formula: float, peak: float) -> list[str]:
            factor = f"{required / formula:,.1f}x" if formula > 0 else "-"
            return [name, f"{required:,.0f}", _decimal(formula), factor, f"{peak:,.0f}"]

        kept, notes = [*range(len(self.functions))], []
        if len(kept) > shown:
            kept.sort(key=lambda i: -int(self.required[i]))
            notes.append(
                f"… and {_text.count(len(kept) - shown, 'more function')}; these need the most"
            )
            kept = kept[:shown]
        body = [
            row(_text.label(self.functions[i]), self.required[i], self.formula[i], self.peak[i])
            for i in kept
        ]
        body.append(
            row("one shared pool", self.account_required, self.account_formula, self.account_peak)
        )
        notes += [
            "pure pools: no init, no scaling rate, no idle expiry",
            f"throttled: at most {_text.percent(self.throttle_ratio, 1)} of each function's own "
            "arrivals; in the shared pool, of all",
        ]
        head = ["function", "required", "rate x duration", "factor", "peak"]
        return head, body, "\n".join(notes)

    def __rich__(self) -> _text.Table:
        spare = ("factor", "peak", "rate x duration")
        return _text.Table(*self.rows(), left=("function",), spare=spare)

    def __repr__(self) -> str:
        return _text.plain(self)

    def _repr_html_(self) -> str:
        return _text.html_table(*self.rows())


def _decimal(formula: float) -> str:
    """Show what the factor was divided by: one decimal, or two digits of a small number."""
    if math.isnan(formula):
        return "-"
    return f"{formula:,.1f}" if formula >= 1 else f"{formula:.2g}"


@overload
def required_concurrency(
    traffic: Trace,
    throttle_ratio: float = 0,
    *,
    progress: Callable[[int], object] | None = None,
) -> RequiredConcurrency: ...


@overload
def required_concurrency(
    traffic: Workload,
    throttle_ratio: float,
    *,
    horizon: float,
    replications: int = 100,
    rng: Any = None,
    confidence: float = 0.95,
    warm_up: float = 0.0,
    threads: int | None = None,
    progress: bool | Callable[..., object] | None = None,
) -> RequiredEstimate: ...


def required_concurrency(
    traffic: Trace | Workload,
    throttle_ratio: float = 0,
    *,
    progress: Any = None,
    horizon: float | None = None,
    replications: int = 100,
    rng: Any = None,
    confidence: float = 0.95,
    warm_up: float = 0.0,
    threads: int | None = None,
) -> RequiredConcurrency | RequiredEstimate:
    """Find the smallest limits at which no more than a given share is throttled.

    Each function is looked at as alone in a pool of its own (its reserved concurrency),
    and all together in one shared pool (the account). Pools are pure: no cold starts, no
    scaling rate, no limits of requests a second (which bind where calls are shorter than 100 ms),
    no retries. Then what is throttled at a limit of c + 1 is a subset of what
    is throttled at c, so halving finds the exact answer, and for no throttle at all it is
    the peak of the unlimited run.

    Parameters
    ----------
    traffic : Trace or Workload
        The traffic: recorded (durations should include inits if they matter), or random.
    throttle_ratio : float
        Throttles / arrivals that are accepted, from 0 to 1; for each function, and for the
        account over all arrivals. Of a workload the mean over replications counts, and the ratio
        lies above 0.
    progress : callable, optional
        Called now and then with the invocations done so far, over all passes. For a workload as in
        `monte_carlo`.
    horizon : float, keyword, for a workload
        Seconds of each replication.
    replications : int, for a workload
        How many are searched; as many again, on fresh draws, confirm the answer.
    rng, warm_up, threads : for a workload
        As for `monte_carlo`.
    confidence : float, for a workload
        Of the intervals.

    Returns
    -------
    RequiredConcurrency or RequiredEstimate
        By function and for the account, with the usual formula's answer and the peak; of a
        workload with intervals and the confirmation.

    Raises
    ------
    ConfigurationError
        A ratio outside 0 to 1; a workload without a horizon.

    Notes
    -----
    Of a workload, all limits are tried on common random numbers: the mean over replications falls
    with the limit, as each of them does. The ends of the interval are the limits at which the
    interval of the throttle ratio begins and ceases to hold the goal.

    Examples
    --------
    Ten calls of one second each, all at once, then silence: the formula sees little.

    >>> import lambdacore as lc
    >>> trace = lc.Trace(arrival=[0.0] * 10 + [99.0], function="batch", duration=1.0)
    >>> answer = lc.required_concurrency(trace)
    >>> answer["batch"], round(float(answer.formula[0]), 2)
    (10, 0.11)

    Of 100 calls a second that last 200 ms in the mean, the formula says 20:

    >>> workload = lc.Workload({"f": lc.Stream(lc.Poisson(100), lc.LogNormal(0.2, 1.5))})
    >>> answer = lc.required_concurrency(workload, 0.001, horizon=600, replications=20, rng=7)
    >>> answer["f"], float(answer.low[0]), float(answer.high[0]), answer.is_confirmed("f")
    (35, 34.0, 35.0, True)
    """
    if isinstance(traffic, Workload):
        if horizon is None:
            raise ConfigurationError(
                "horizon is missing: how many seconds of the workload?", argument="horizon"
            )
        return required_for_workload(
            traffic,
            throttle_ratio,
            horizon=horizon,
            replications=replications,
            rng=rng,
            confidence=confidence,
            warm_up=warm_up,
            threads=threads,
            progress=progress,
        )
    trace = traffic
    if not isinstance(trace, Trace):
        raise TraceError(f"traffic = {trace!r} is no Trace and no Workload", argument="traffic")
    ratio = _check.ratio("throttle_ratio", throttle_ratio)
    arrival, function, duration, _ = trace._columns()
    # Versions and aliases draw on the reservation of their function.
    names = [split_label(label)[0] for label in trace.functions]
    functions = tuple(dict.fromkeys(names))
    if functions != trace.functions:
        rows = {name: row for row, name in enumerate(functions)}
        index = np.array([rows[name] for name in names], dtype=np.uint32)
        function = index[function]
    arrivals = np.bincount(function, minlength=len(functions))
    work = np.bincount(function, duration, minlength=len(functions))

    from fractions import Fraction

    def allowed(count: int) -> int:
        # As a fraction: 0.29 of 100 arrivals is 28 as floats multiply, and 29 as people do.
        return math.floor(Fraction(str(ratio)) * int(count))

    required, account_required, peak, account_peak = _core.required_concurrency(
        (arrival, function, duration),
        [allowed(count) for count in arrivals],
        allowed(len(trace)),
        progress=progress,
    )
    first, last = trace.span
    span = float(last - first)
    # Mean rate times mean duration: n / span * work / n.
    formula = work / span if span else np.full(len(arrivals), np.nan)
    return RequiredConcurrency(
        functions=functions,
        throttle_ratio=ratio,
        required=np.array(required, dtype=np.uint32),
        peak=np.array(peak, dtype=np.uint32),
        formula=formula,
        account_required=account_required,
        account_peak=account_peak,
        account_formula=float(formula.sum()) if span else math.nan,
    )
