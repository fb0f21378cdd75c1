"""A recipe: all that makes the replications of a workload on some accounts, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lambdacore import _check, _core, _text
from lambdacore._described import Described, described
from lambdacore.account import Account
from lambdacore.arrivals import Span
from lambdacore.errors import ConfigurationError, SeriesSizeError
from lambdacore.outcome import Outcome
from lambdacore.workload import Workload, span_of

__all__ = ["CODES", "STREAM_VERSION", "Recipe", "Statistics"]

#: The version of all draws: results of one version are the same for ever.
STREAM_VERSION = _core.Workload.STREAM_VERSION
#: The outcome codes, in the order of the last axis of ``outcomes``.
CODES = tuple(Outcome)

#: Codes that the engine counts, used or not.
_ENGINE_CODES = 32
#: Nanoseconds that an init has at most, as a drawn duration.
_LONGEST = 2**60
#: Bytes that the results of one call may take.
_MOST_BYTES = 8 * 2**30

#: Arrays by name; the first axis is the account, the second the replication.
Statistics = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Recipe:
    """What is run, as data: it goes to workers, and into manifests.

    Attributes
    ----------
    accounts : tuple of Account
        All with functions of the same names; each runs over the same calls.
    workload : Workload
        The traffic.
    span : Span
        Nanoseconds before and after time zero.
    start : int
        From which nanosecond on is counted.
    seed : int
        The root of all draws.
    period : int or None
        Nanoseconds of a bin of the series.
    quantiles : tuple of float
        Shares of the time for which the concurrency is wanted.
    block : int or None
        Calls that are drawn at a time: it changes no result.
    """

    accounts: tuple[Account, ...]
    workload: Workload
    span: Span
    start: int
    seed: int
    period: int | None = None
    quantiles: tuple[float, ...] = ()
    block: int | None = None

    @property
    def functions(self) -> tuple[str, ...]:
        """Names of the rows."""
        return tuple(function.name for function in self.accounts[0].functions)

    @property
    def bins(self) -> int:
        """Bins of the series."""
        return 0 if self.period is None else -(-(self.span.horizon - self.start) // self.period)

    def expected_calls(self) -> float:
        """Give the calls to expect in one replication, of all accounts together."""
        per_account = self.workload._engine(self.span).expected(self.span.lead + self.span.horizon)
        return float(per_account * len(self.accounts))

    @property
    def begins(self) -> str:
        """How it begins: ``"empty"``, ``"warm"``, or not counted at first: ``"deletion"``."""
        return "warm" if self.span.lead else "deletion" if self.start else "empty"

    def _bytes(self, replications: int) -> int:
        """Give what the engine allocates for so many replications."""
        rows = len(self.functions) + 1
        cell = rows * (8 * _ENGINE_CODES + 8 + 4 + 4 * len(self.quantiles) + 20 * self.bins)
        return cell * len(self.accounts) * replications

    def run(self, first: int, count: int, *, threads: int = 1, progress: Any = None) -> Statistics:
        """Run replications `first` to ``first + count`` here, on so many threads."""
        traced = [
            [account.resolve(label)[0] for label in self.workload.functions]
            for account in self.accounts
        ]
        plan = {
            "seed": self.seed,
            "lead": self.span.lead,
            "start": self.start,
            "horizon": self.span.horizon,
            "period": self.period,
            "quantiles": list(self.quantiles),
            "block": self.block,
        }
        columns = _core.monte_carlo(
            self.workload._engine(self.span),
            [
                (account._engine, labels)
                for account, labels in zip(self.accounts, traced, strict=True)
            ],
            plan,
            first,
            count,
            threads=threads,
            progress=progress,
        )
        return self._shaped(columns, count)

    def _shaped(self, columns: Statistics, count: int) -> Statistics:
        cells = (len(self.accounts), count)
        functions, rows = len(self.functions), len(self.functions) + 1
        codes = np.array([int(code) for code in CODES])
        outcomes = columns["outcomes"].reshape(*cells, functions, -1)
        return {
            "outcomes": np.ascontiguousarray(outcomes[..., codes]),
            "busy": columns["busy"].reshape(*cells, functions),
            "peak": columns["peak"].reshape(*cells, rows),
            "quantiles": columns["quantiles"].reshape(*cells, rows, len(self.quantiles)),
            **{
                name: columns[name].reshape(*cells, rows, self.bins)
                for name in ("arrivals", "throttles", "bin_peak")
            },
        }

    def describe(self) -> dict[str, Any]:
        """Give it as plain values: recipes that give the same results give the same."""
        return {
            "stream_version": STREAM_VERSION,
            "seed": str(self.seed),
            "warm_up": self.span.lead / 1e9,
            "horizon": self.span.horizon / 1e9,
            "counted_from": self.start / 1e9,
            "period": None if self.period is None else self.period / 1e9,
            "quantiles": list(self.quantiles),
            "workload": described(self.workload),
            "accounts": [_plain(account) for account in self.accounts],
        }


def check_size(recipes: list[Recipe], replications: int) -> None:
    """Refuse results that would not fit together, before anything is allocated."""
    size = sum(recipe._bytes(replications) for recipe in recipes)
    if size > _MOST_BYTES:
        accounts = sum(len(recipe.accounts) for recipe in recipes)
        rows, bins = len(recipes[0].functions) + 1, recipes[0].bins
        what = f"{accounts:,} accounts x {replications:,} replications x {rows:,} rows"
        raise SeriesSizeError(
            f"the results would take {size / 2**30:,.1f} GiB ({what}"
            f"{f' x {bins:,} bins' if bins else ''}), more than {_MOST_BYTES / 2**30:.0f}: fewer "
            "points or replications, a longer period or none"
        )


def make(
    accounts: tuple[Account, ...],
    workload: Workload,
    *,
    horizon: float,
    warm_up: float,
    start: str | None,
    seed: int,
    period: float | None = None,
    quantiles: Sequence[float] = (),
) -> Recipe:
    """Check what a user gives and make the recipe of it."""
    _check.instance("workload", workload, "a Workload", isinstance(workload, Workload))
    for i, account in enumerate(accounts):
        argument = "account" if i == 0 else f"candidate {i}"
        _check.instance(argument, account, "an Account", isinstance(account, Account))
        for label in workload.functions:
            try:
                account.resolve(label)
            except ConfigurationError as error:
                raise ConfigurationError(
                    f"the workload invokes {label!r}: {error} (lc.Account.for_trace(workload) "
                    "declares all that it invokes)",
                    argument="workload",
                ) from None
        _check_functions(argument, account, accounts[0])
    lead, counted_from = start_of(warm_up, start, horizon)
    span = span_of(horizon, lead)
    bins = None if period is None else _check.period(period)
    several = isinstance(quantiles, Iterable) and not isinstance(quantiles, str)
    _check.instance("quantiles", quantiles, "several shares, such as (0.5, 0.99)", several)
    shares = tuple(_check.ratio(f"quantiles[{i}]", share) for i, share in enumerate(quantiles))
    recipe = Recipe(
        accounts, workload, span, _check.to_nanoseconds(counted_from), seed, bins, shares
    )
    if recipe.bins > 10**7:
        raise SeriesSizeError(
            f"period = {period} s makes {recipe.bins:,} bins; at most 10^7: a longer period"
        )
    recipe.workload._engine(span)  # refuses what a process cannot do in that span
    return recipe


def _check_functions(argument: str, account: Account, first: Account) -> None:
    """Refuse an account whose rows are not those of the first, and inits of decades."""
    names, wanted = ([function.name for function in each] for each in (account, first))
    if names != wanted:
        missing = [name for name in wanted if name not in account]
        extra = [name for name in names if name not in first]
        what = "has the functions of the first account in another order"
        if missing or extra:
            what = f"lacks {missing[0]!r}" if missing else f"has {extra[0]!r} besides"
        raise ConfigurationError(
            f"{argument} {what}: declare the functions of the first account, in its order",
            argument=argument,
        )
    for function in account:
        own = function.init_duration
        init = (account.init_duration if own is None else own) or 0.0
        if init * 1e9 > _LONGEST:
            raise ConfigurationError(
                f"{argument}: init_duration of {function.name!r} is above 2^60 ns (36 years)",
                argument="init_duration",
            )


def start_of(warm_up: float, start: str | None, horizon: float) -> tuple[float, float]:
    """Say how long traffic runs before time zero, and from when on is counted, in seconds."""
    seconds = _check.seconds("warm_up", warm_up)
    if start is None:
        start = "warm" if seconds else "empty"
    _check.one_of("start", start, ("empty", "warm", "deletion"))
    if (start == "empty") != (seconds == 0):
        raise ConfigurationError(
            f"start = {start!r} with warm_up = {seconds:g} s: "
            + ("there is no warm-up then" if start == "empty" else "how long? give warm_up="),
            argument="warm_up",
        )
    if start != "deletion":
        return seconds, 0.0
    if seconds >= _check.length("horizon", horizon):
        raise ConfigurationError(
            f"warm_up = {seconds:g} s: the whole horizon would be deleted", argument="warm_up"
        )
    return 0.0, seconds


def _plain(value: Any) -> Any:
    """Give an account, or what is in one, as plain values."""
    if isinstance(value, Described):
        return described(value)
    if is_dataclass(value) and not isinstance(value, type):
        kept = [field for field in fields(value) if field.init or field.compare]
        return {field.name: _plain(getattr(value, field.name)) for field in kept}
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return (
        value if isinstance(value, str | int | float | bool | None) else _text.shorten(repr(value))
    )
