"""The smallest limit that is enough for random traffic, with its interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lambdacore import _check, _samples, _text
from lambdacore._intervals import Interval
from lambdacore._runs_text import REGION, share
from lambdacore._seeds import seed_of
from lambdacore.account import Account
from lambdacore.ensemble import recipe as recipes
from lambdacore.ensemble.progress import Progress, shown
from lambdacore.ensemble.recipe import Recipe
from lambdacore.ensemble.tasks import How
from lambdacore.errors import ConfigurationError
from lambdacore.function import Function, split_label
from lambdacore.runs import Runs
from lambdacore.workload import Workload

__all__ = ["RequiredEstimate", "required_for_workload"]

#: Limits of each pool that are tried over the same calls in one pass.
_AT_ONCE = 4
_MOST = _check.MAX_LIMIT
#: Accounts that a search runs, about: by it progress is told.
_ACCOUNTS_TRIED = 50


@dataclass(frozen=True)
class RequiredEstimate:
    """Smallest sufficient limits for random traffic, with intervals. Prints as a table.

    Attributes
    ----------
    functions : tuple of str
        Names of the rows.
    throttle_ratio : float
        The share of arrivals that may be throttled, in the mean over replications.
    required : ndarray of uint32, shape (functions,)
        The smallest reservation at which no more is throttled in these replications.
    low, high : ndarray of float64, shape (functions,)
        The interval of it: below `low` the interval of the throttle ratio lies above the goal, at
        `high` it lies below. Infinite where these replications cannot show so little.
    formula : ndarray of float64, shape (functions,)
        Mean arrivals a second times mean duration.
    peak : ndarray of float64, shape (functions,)
        The median over replications of the peak without a limit.
    confirmed : dict of str to Interval
        The throttle ratio at `required` on fresh replications, which took no part in the search; of
        each function, and of the shared pool under ``"Region"``.
    account_required, account_low, account_high, account_formula, account_peak
        The same for one pool that all functions share.
    confidence : float
        Of the intervals.
    replications, seed : int
        How many were searched (as many again confirm), and the root of the draws.
    """

    functions: tuple[str, ...]
    throttle_ratio: float
    required: npt.NDArray[np.uint32]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    formula: npt.NDArray[np.float64]
    peak: npt.NDArray[np.float64]
    confirmed: dict[str, Interval]
    account_required: int
    account_low: float
    account_high: float
    account_formula: float
    account_peak: float
    confidence: float
    replications: int
    seed: int

    def __getitem__(self, function: str) -> int:
        _check.one_of("function", function, self.functions)
        return int(self.required[self.functions.index(function)])

    def keys(self) -> tuple[str, ...]:
        """Names of the functions, so that ``dict(answer)`` gives the limit of each."""
        return self.functions

    def is_confirmed(self, function: str = REGION) -> bool:
        """Whether fresh replications agree: their interval does not lie above the goal."""
        return bool(self.confirmed[function].low <= self.throttle_ratio)

    def rows(self, shown: int = 20) -> tuple[list[str], list[list[str]], str]:
        """Give the table as text: heads, rows (the shared pool last) and a note."""

        def row(name: str, required: float, ends: tuple[float, float], of: tuple[float, float],
                confirmed: Interval) -> list[str]:  # fmt: skip
            low, high = (f"{end:,.0f}" if np.isfinite(end) else "?" for end in ends)
            formula, peak = of
            factor = f"{required / formula:,.1f}x" if formula > 0 else "-"
            number = f"{formula:,.1f}" if formula >= 1 else f"{formula:.2g}"
            return [
                name, f"{required:,.0f}", f"{low}..{high}", share(confirmed), number, factor,
                f"{peak:,.0f}",
            ]  # fmt: skip

        kept, notes = [*range(len(self.functions))], []
        if len(kept) > shown:
            kept.sort(key=lambda i: -int(self.required[i]))
            notes.append(f"… and {_text.count(len(kept) - shown, 'more function')}")
            kept = kept[:shown]
        body = [
            row(
                _text.label(self.functions[i]), self.required[i], (self.low[i], self.high[i]),
                (self.formula[i], self.peak[i]), self.confirmed[self.functions[i]],
            )
            for i in kept
        ]  # fmt: skip
        body.append(
            row(
                "one shared pool", self.account_required, (self.account_low, self.account_high),
                (self.account_formula, self.account_peak), self.confirmed[REGION],
            )
        )  # fmt: skip
        notes += [
            f"throttled in the mean: at most {_text.percent(self.throttle_ratio, 1)}; "
            f"{_text.count(self.replications, 'replication')}, seed {self.seed}; what is "
            f"throttled then, by as many fresh ones; {self.confidence:.0%} intervals",
            "one shared pool: of all arrivals together, so a function may be throttled more",
            "pure pools: no init, no idle expiry, no scaling rate, no request rates",
        ]
        head = [
            "function", "required", "interval", "throttled then", "rate x duration", "factor",
            "peak",
        ]  # fmt: skip
        return head, body, "\n".join(notes)

    def __rich__(self) -> _text.Table:
        spare = ("factor", "peak", "rate x duration")
        return _text.Table(*self.rows(), left=("function",), spare=spare)

    def _repr_html_(self) -> str:
        return _text.html_table(*self.rows())

    def __repr__(self) -> str:
        return _text.plain(self)


class _Search:
    """What is known of one pool: the throttle ratio at the limits that were tried."""

    def __init__(self, ratio: float, peak: int) -> None:
        self.goal = ratio
        self.peak = peak
        self.tried: dict[int, Interval] = {}

    def _first(self, good: Any) -> tuple[int, int]:
        """Bracket the first limit at which the ratio is good: bad at the one, good at the other."""
        bad = max((c for c, found in self.tried.items() if not good(found)), default=-1)
        above = [c for c, found in self.tried.items() if good(found) and c > bad]
        return bad, min(above, default=self.peak)

    def brackets(self) -> list[tuple[int, int]]:
        """Where the limit, and the ends of its interval, lie: bad at the one, good at the other."""
        return [
            self._first(lambda found: found.estimate <= self.goal),
            self._first(lambda found: found.low <= self.goal),
            self._first(lambda found: found.high <= self.goal),
        ]

    def wanted(self) -> list[int]:
        """Limits to try next: some within each bracket that is open."""
        opened = [(bad, good) for bad, good in dict.fromkeys(self.brackets()) if good - bad > 1]
        if not opened:
            return []
        each = max(_AT_ONCE // len(opened), 1)
        found: set[int] = set()
        for bad, good in opened:
            inner = np.linspace(bad, good, each + 2)[1:-1]
            found.update(min(max(round(x), bad + 1), good - 1) for x in inner)
        return sorted(found - self.tried.keys())


def required_for_workload(
    workload: Workload,
    throttle_ratio: float,
    *,
    horizon: float,
    replications: int,
    rng: Any,
    confidence: float,
    warm_up: float,
    threads: int | None,
    progress: bool | Progress | None,
) -> RequiredEstimate:
    """Search as `lambdacore.required_concurrency` says."""
    goal = _check.ratio("throttle_ratio", throttle_ratio)
    if not 0 < goal < 1:
        raise ConfigurationError(
            f"throttle_ratio = {goal:g}: of random traffic give a ratio above 0 and below 1 (there "
            "is always a worse hour, so no limit is enough for 0)",
            argument="throttle_ratio",
        )
    count = _check.whole("replications", replications, 2, 10**7)
    _samples.level("confidence", confidence)
    how = How(threads=threads).checked()
    names = tuple(dict.fromkeys(split_label(label)[0] for label in workload.functions))
    pools = _accounts(workload, names, np.full(len(names), _MOST // (len(names) + 1)), None)
    made = recipes.make(
        pools, workload, horizon=horizon, warm_up=warm_up, start=None, seed=seed_of(rng)
    )

    per_account = made.expected_calls() * count
    with shown("searching", _ACCOUNTS_TRIED * per_account, progress) as update:
        return _search(made, names, goal, confidence, count, how, update)


def _search(
    made: Recipe,
    names: tuple[str, ...],
    goal: float,
    confidence: float,
    count: int,
    how: How,
    update: Callable[[float], None] | None,
) -> RequiredEstimate:
    """Try limits until the answer and the ends of its interval are found; then confirm it."""
    workload = made.workload
    done = 0.0

    def look(calls: int) -> None:
        if update is not None:
            update(done + calls)

    def tried(limits: list[npt.NDArray[Any]], shared: list[int], first: int) -> list[list[Runs]]:
        accounts = [
            account
            for of_functions, of_all in zip(limits, shared, strict=True)
            for account in _accounts(workload, names, of_functions, of_all)
        ]
        recipe = replace(made, accounts=tuple(accounts))
        recipes.check_size([recipe], count)
        nonlocal done
        found = recipe.run(first, count, threads=how.cores, progress=look)
        done += recipe.expected_calls() * count
        numbers = list(range(first, first + count))
        runs = [Runs(recipe, i, found, numbers, []) for i in range(len(accounts))]
        return [runs[i : i + 2] for i in range(0, len(runs), 2)]

    (unlimited,) = tried([np.full(len(names), _MOST // (len(names) + 1))], [_MOST], 0)
    alone, together = unlimited
    peaks = [alone.values("peak_concurrency", name) for name in names]
    searches = [_Search(goal, int(peak.max())) for peak in peaks]
    searches.append(_Search(goal, int(together.region("peak_concurrency").max())))
    for search, name in zip(searches, (*names, REGION), strict=True):
        # At the peak nothing is throttled either; whether so many calls show it is another matter.
        runs = together if name == REGION else alone
        search.tried[search.peak] = runs.interval("throttle_ratio", name, confidence=confidence)

    while any(wanted := [search.wanted() for search in searches]):
        # A pool whose limit is found waits at its peak for the others.
        rounds = max(map(len, wanted))
        table = [
            [
                (limits + [search.peak] * rounds)[i]
                for search, limits in zip(searches, wanted, strict=True)
            ]
            for i in range(rounds)
        ]
        pairs = tried([np.array(row[:-1]) for row in table], [row[-1] for row in table], 0)
        for row, (alone, together) in zip(table, pairs, strict=True):
            for search, limit, name in zip(searches, row, (*names, REGION), strict=True):
                runs = together if name == REGION else alone
                search.tried[limit] = runs.interval("throttle_ratio", name, confidence=confidence)

    answers = [[good for _, good in search.brackets()] for search in searches]
    highs = [
        math.inf if search.tried[high].high > goal else float(high)
        for search, (_, _, high) in zip(searches, answers, strict=True)
    ]
    required = [answer[0] for answer in answers]
    ((alone, together),) = tried([np.array(required[:-1])], [required[-1]], count)
    confirmed = {
        name: alone.interval("throttle_ratio", name, confidence=confidence) for name in names
    }
    confirmed[REGION] = together.interval("throttle_ratio", REGION, confidence=confidence)
    (alone, together) = unlimited
    return RequiredEstimate(
        functions=names,
        throttle_ratio=goal,
        required=np.array(required[:-1], dtype=np.uint32),
        low=np.array([answer[1] for answer in answers[:-1]], dtype=np.float64),
        high=np.array(highs[:-1]),
        formula=np.array([alone.values("mean_concurrency", name).mean() for name in names]),
        peak=np.array([float(np.median(peak)) for peak in peaks]),
        confirmed=confirmed,
        account_required=required[-1],
        account_low=float(answers[-1][1]),
        account_high=highs[-1],
        account_formula=float(together.region("mean_concurrency").mean()),
        account_peak=float(np.median(together.region("peak_concurrency"))),
        confidence=confidence,
        replications=count,
        seed=made.seed,
    )


def _accounts(
    workload: Workload, names: tuple[str, ...], limits: npt.NDArray[Any], shared: int | None
) -> tuple[Account, ...]:
    """Make pure pools: one account in which each function has its own, one that all share."""
    declared = Account.for_trace(workload, unreserved_floor=0, profile="pure-pools").functions
    by_name: dict[str, Function] = {function.name: function for function in declared}
    own = tuple(
        by_name[name].replace(reserved_concurrency=int(limit))
        for name, limit in zip(names, limits, strict=True)
    )
    everything = int(np.sum(limits.astype(np.int64)))
    apart = Account(min(everything, _MOST), own, unreserved_floor=0, profile="pure-pools")
    if shared is None:
        return (apart,)
    open_to_all = tuple(by_name[name] for name in names)
    return apart, Account(shared, open_to_all, unreserved_floor=0, profile="pure-pools")
