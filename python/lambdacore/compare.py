"""Two accounts or more on the same calls: paired differences instead of two anecdotes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lambdacore import _check, _intervals, _text
from lambdacore._intervals import Interval
from lambdacore._runs_text import REGION, UNSEEN, share, with_places
from lambdacore.account import Account
from lambdacore.ensemble import recipe as recipes
from lambdacore.ensemble.driver import run_recipes
from lambdacore.ensemble.progress import Progress
from lambdacore.ensemble.tasks import How
from lambdacore.errors import ConfigurationError
from lambdacore.precision import Precision
from lambdacore.runs import Runs
from lambdacore.workload import Workload

__all__ = ["Comparison", "compare"]

BASELINE = "baseline"


@dataclass(frozen=True)
class Comparison:
    """Accounts that met the same calls. Prints as a table.

    Attributes
    ----------
    names : tuple of str
        Of the accounts; the first is what the others are compared with.
    runs : tuple of Runs
        Of each.
    """

    names: tuple[str, ...]
    runs: tuple[Runs, ...]

    @property
    def functions(self) -> tuple[str, ...]:
        """Names of the functions."""
        return self.runs[0].functions

    def __getitem__(self, name: str) -> Runs:
        _check.one_of("name", name, self.names)
        return self.runs[self.names.index(name)]

    def difference(
        self, statistic: str, function: str | None = None, *, candidate: str | None = None
    ) -> npt.NDArray[np.float64]:
        """Give candidate minus baseline, replication by replication.

        Returns
        -------
        ndarray of float64, shape (replications, functions), or (replications,) of one function
        """
        other = self._candidate(candidate).values(statistic, function).astype(np.float64)
        return other - self.runs[0].values(statistic, function).astype(np.float64)

    def interval(
        self,
        statistic: str,
        function: str | None = None,
        *,
        candidate: str | None = None,
        confidence: float = 0.95,
    ) -> Interval:
        """Give the mean of the paired difference with its interval (Student's t).

        Both accounts met the same calls, so that what the calls have in common cancels: the
        interval is far narrower than that of two separate runs.

        Parameters
        ----------
        statistic : str
            See `Runs`.
        function : str, optional
            One function or ``"Region"``; without it all functions, in arrays.
        candidate : str, optional
            Which account; may be left out where there is one.
        confidence : float
            Of the interval.
        """
        other = self._candidate(candidate).values(statistic, function).astype(np.float64)
        base = self.runs[0].values(statistic, function).astype(np.float64)
        return _intervals.paired(other, base, confidence)

    def verdict(
        self,
        statistic: str,
        tolerance: float,
        function: str = REGION,
        *,
        candidate: str | None = None,
        confidence: float = 0.95,
    ) -> Literal["equivalent", "different", "undecided"]:
        """Say whether a candidate is as good as the same, within a tolerance that you state.

        Parameters
        ----------
        statistic : str
            See `Runs`.
        tolerance : float
            A difference up to which they count as the same, in units of the statistic.
        function : str
            Which function, or ``"Region"``.
        candidate, confidence
            As for `interval`.

        Returns
        -------
        {"equivalent", "different", "undecided"}
            By two one-sided tests (Schuirmann 1987); "undecided" asks for more replications.
        """
        values = self.difference(statistic, function, candidate=candidate)
        verdict: Literal["equivalent", "different", "undecided"] = _intervals.equivalence(
            values, tolerance, confidence
        )
        return verdict

    def _candidate(self, name: str | None) -> Runs:
        if name is None:
            if len(self.runs) > 2:
                raise ConfigurationError(
                    f"candidate: which one? {', '.join(self.names[1:])}", argument="candidate"
                )
            return self.runs[1]
        return self[name]

    def plot(self, statistic: str = "throttle_ratio", **values: Any) -> Any:
        """Draw a forest plot of the differences: see `lambdacore.plot.ForestDisplay`."""
        from lambdacore.plot import ForestDisplay

        return ForestDisplay.from_comparison(self, statistic, **values)

    def rows(self, shown: int = 20) -> tuple[list[str], list[list[str]], str]:
        """Give the table as text: heads, rows (the Region last) and a note."""
        order = [*range(len(self.functions))]
        notes = []
        if len(order) > shown:
            moved = np.max(
                [
                    np.abs(np.nan_to_num(self.difference("throttle_ratio", candidate=name))).mean(0)
                    for name in self.names[1:]
                ],
                axis=0,
            )
            order.sort(key=lambda i: -moved[i])
            notes.append(
                f"… and {_text.count(len(order) - shown, 'more function')}; these differ most"
            )
            order = order[:shown]
        body = []
        for function in (*(self.functions[i] for i in order), REGION):
            for name, runs in zip(self.names, self.runs, strict=True):
                ratio = share(runs.interval("throttle_ratio", function))
                cold = share(runs.interval("cold_start_ratio", function))
                peak = f"{np.quantile(runs.values('peak_concurrency', function), 0.5):,.0f}"
                less = "" if name == self.names[0] else self._points(function, name)
                body.append([_text.label(function), _text.label(name), ratio, less, cold, peak])
        notes.append(
            f"{_text.count(len(self.runs[0]), 'replication')} of {self.runs[0].horizon:g} s on "
            f"common random numbers, seed {self.runs[0].seed}; differences are paired, in "
            "percentage points, with 95 % intervals of their mean"
        )
        if any(cell.startswith("<") for row in body for cell in row):
            notes.append(UNSEEN)
        head = ["function", "account", "throttled", "difference", "cold", "peak"]
        return head, body, "\n".join(notes)

    def _points(self, function: str, name: str) -> str:
        interval = self.interval("throttle_ratio", function, candidate=name)
        estimate, half = 100 * float(interval.estimate), 100 * float(interval.half_width)
        if estimate != estimate:
            return "-"
        return with_places(estimate, half, "+") if 0 < half < np.inf else f"{estimate:+.3g}"

    def __rich__(self) -> _text.Table:
        spare = ("peak", "cold")
        return _text.Table(*self.rows(), left=("function", "account"), spare=spare, total=False)

    def _repr_html_(self) -> str:
        return _text.html_table(*self.rows(), total=False)

    def __repr__(self) -> str:
        return _text.plain(self)


def compare(
    account: Account,
    candidate: Account | Mapping[str, Account] | Sequence[Account],
    workload: Workload,
    *,
    horizon: float,
    replications: int | Precision = 200,
    rng: Any = None,
    warm_up: float = 0.0,
    start: Literal["empty", "warm", "deletion"] | None = None,
    period: float | None = None,
    quantiles: Sequence[float] = (),
    threads: int | None = None,
    executor: Executor | None = None,
    chunk: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    retries: int = 0,
    on_error: Literal["raise", "skip"] = "raise",
    progress: bool | Progress | None = None,
) -> Comparison:
    """Run accounts over the same calls and compare them, replication by replication.

    Parameters
    ----------
    account : Account
        What the others are compared with.
    candidate : Account, mapping of str to Account, or sequence of Account
        One other account, or several, with names if you like. All declare the same functions.
    workload : Workload
        The traffic: drawn once for each replication, and met by every account.
    horizon, replications, rng, warm_up, start, period, quantiles
        As for `monte_carlo`.
    threads, executor, chunk, checkpoint, retries, on_error, progress
        As for `monte_carlo`.

    Returns
    -------
    Comparison

    Raises
    ------
    ConfigurationError
        An account has other functions than the first, or does not declare what is invoked.

    Examples
    --------
    >>> import lambdacore as lc
    >>> workload = lc.Workload({
    ...     "checkout": lc.Stream(lc.Poisson(50), lc.LogNormal(0.2, 1.5)),
    ...     "reports": lc.Stream(lc.OnOff(400, on=1, off=9), lc.Exponential(0.5)),
    ... })
    >>> account = lc.Account.for_trace(workload, 60, unreserved_floor=0)
    >>> reserved = account.replace("checkout", reserved_concurrency=25)
    >>> answer = lc.compare(account, reserved, workload, horizon=300, replications=50, rng=7)
    >>> answer.interval("throttle_ratio", "checkout").high < 0
    True
    """
    if isinstance(candidate, Account):
        named = {"candidate": candidate}
    elif isinstance(candidate, Mapping):
        named = {_check.name("candidate", name): other for name, other in candidate.items()}
    else:
        several = isinstance(candidate, Sequence) and not isinstance(candidate, str)
        _check.instance("candidate", candidate, "an Account, or several", several)
        named = {f"candidate {i + 1}": other for i, other in enumerate(candidate)}
    if not named or BASELINE in named:
        raise ConfigurationError(
            "candidate: at least one account is needed, and none is named 'baseline'",
            argument="candidate",
        )
    made = recipes.make(
        (account, *named.values()),
        workload,
        horizon=horizon,
        warm_up=warm_up,
        start=start,
        seed=0,
        period=period,
        quantiles=quantiles,
    )
    how = How(threads, executor, chunk, checkpoint, retries, on_error).checked()
    (runs,) = run_recipes([made], replications, rng, how, progress, "comparing")
    return Comparison((BASELINE, *named), tuple(runs))
