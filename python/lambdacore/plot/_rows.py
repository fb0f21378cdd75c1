"""Which functions a picture shows by name, and the series of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lambdacore import _check, _text
from lambdacore.errors import ConfigurationError
from lambdacore.outcome import FIRST_THROTTLED, Outcome
from lambdacore.plot._levels import Runs, levels_at_peaks
from lambdacore.result import Result

__all__ = ["OTHERS", "Row", "Rows", "check_result", "choose_period", "rank"]

SECOND = 1_000_000_000
#: A picture has no more columns than this, unless a period is asked for.
COLUMNS = 1_000
#: What stands for the functions that are not named; its colour is grey.
OTHERS = ""

_ROUND = [
    *(factor * 10**power for power in range(9) for factor in (1, 2, 5)),
    *(factor * SECOND for factor in (1, 2, 5, 10, 15, 30)),
    *(factor * 60 * SECOND for factor in (1, 2, 5, 10, 15, 30)),
    *(factor * 3600 * SECOND for factor in (1, 2, 3, 6, 12)),
    *(factor * 86400 * SECOND for factor in (1, 2, 7, 14, 28, 91, 365, 3650)),
]  # fmt: skip


def check_result(argument: str, value: object) -> None:
    """Refuse what `simulate` did not return."""
    _check.instance(argument, value, "a Result", isinstance(value, Result))


class Row(NamedTuple):
    """One layer of the stack: a function, or the others together.

    What has provisioned concurrency and no reservation is two rows: its own pool, and what
    spills from it into the shared one.
    """

    #: The function's name; `OTHERS` for the rest.
    name: str
    #: What legend and headline call it.
    label: str
    #: Its reservation, if it has one.
    reserved: int | None
    #: Its provisioned environments: inside the reservation, or else a pool of their own.
    provisioned: int | None
    arrivals: int

    @property
    def shared(self) -> bool:
        """Whether it draws on the shared pool."""
        return self.reserved is None and self.provisioned is None


class Rows(NamedTuple):
    """Rows from the bottom of the stack to its top, and their series."""

    rows: list[Row]
    #: int64[rows, bins]
    concurrency: npt.NDArray[np.int64]
    #: uint64[rows, bins]
    throttles: npt.NDArray[np.uint64]
    bin_starts: npt.NDArray[np.int64]
    period: float

    @classmethod
    def of(cls, result: Result, names: Sequence[str], period: float, focus: str | None) -> Rows:
        """Compute the series of the functions in `names`, and of the others together.

        Rows with a pool of their own lie below the shared ones. Among each, `focus` lies at
        the bottom, then the others, and on top what varies most: bursts stand on steady ground.
        """
        account = result.account
        held = [f.reserved_concurrency for f in account.functions]
        reserved = np.array([-1 if holds is None else holds for holds in held], dtype=np.int64)
        ready = np.array(
            [sum(f.provisioned_by_qualifier.values()) for f in account.functions], dtype=np.int64
        )
        outcomes = result.totals().outcomes.astype(np.int64)
        counts = outcomes.sum(axis=1)
        # The row of what a function runs on demand, and of what on provisioned environments.
        row_of = np.full((2, len(account.functions)), -1, dtype=np.int64)
        rows: list[Row] = []

        def add(name: str, label: str, who: npt.NDArray[np.int64], holds: int | None) -> None:
            came, prepared = int(counts[who].sum()), int(ready[who].sum()) or None
            row_of[:, who] = len(rows)
            if holds is not None or prepared is None:
                rows.append(Row(name, label, holds, prepared, came))
                return
            apart = who[ready[who] > 0]
            served = int(outcomes[apart, Outcome.PROVISIONED].sum())
            rows.append(Row(name, label, None, None, came - served))
            row_of[1, apart] = len(rows)
            rows.append(Row(name, label, None, prepared, served))

        index = {f.name: i for i, f in enumerate(account.functions)}
        for name in names:
            add(name, _text.shorten(name), np.array([index[name]]), held[index[name]])
        matters = (counts > 0) | (reserved > 0) | (ready > 0)
        for holds_some in (True, False):
            rest = np.flatnonzero((row_of[0] < 0) & ((reserved >= 0) == holds_some) & matters)
            if len(rest):
                label = f"{_text.count(len(rest), 'other')}{' with a reservation' * holds_some}"
                add(OTHERS, label, rest, int(reserved[rest].sum()) if holds_some else None)
        starts = result.bin_starts(period)
        concurrency = _by_pool(result, rows, row_of, starts)
        throttles = np.zeros((len(rows), len(starts)), dtype=np.uint64)
        shown = row_of[0] >= 0
        np.add.at(throttles, row_of[0, shown], result.throttles(period)[shown])

        def place(row: int) -> tuple[bool, bool, bool, float]:
            varies = float(concurrency[row].std()) if len(starts) else 0.0
            shared, other = rows[row].shared, rows[row].name == OTHERS
            return (shared, rows[row].name != focus, other != shared, varies)

        order = sorted(range(len(rows)), key=place)
        return cls(
            [rows[row] for row in order], concurrency[order], throttles[order], starts, period
        )


def _by_pool(
    result: Result, rows: list[Row], row_of: npt.NDArray[np.int64], starts: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Levels of each row when its pool is fullest: all but the shared rows are pools."""
    levels = np.zeros((len(rows), len(starts)), dtype=np.int64)
    runs = Runs.of(result)
    # What runs on provisioned environments counts as a second list of the same functions.
    on_ready = result.outcome[~result.throttled] == Outcome.PROVISIONED
    runs = runs._replace(function=runs.function + on_ready * row_of.shape[1])
    row_of = row_of.ravel()
    shared = [row for row, made in enumerate(rows) if made.shared]
    for pool in [shared, *([row] for row in range(len(rows)) if row not in shared)]:
        of_pool = runs.only(np.isin(row_of, pool))
        if len(of_pool.start):
            levels += levels_at_peaks(of_pool, row_of, len(rows), starts)
    return levels


def rank(results: Sequence[Result], top: int) -> list[str]:
    """Name the functions that matter most in any of the results, the most important first.

    A function matters by its share of the occupied concurrency or by its share of the
    throttles, whichever is larger.
    """
    if _check.limit("top", top) < 1:
        raise ConfigurationError("top = 0: show one function at least", argument="top")
    weight: dict[str, float] = {}
    for result in results:
        totals = result.totals()
        throttled = totals.outcomes[:, FIRST_THROTTLED:].sum(axis=1).tolist()
        all_throttled, all_occupied = max(sum(throttled), 1), max(sum(totals.occupied), 1)
        arrivals = totals.outcomes.sum(axis=1).tolist()
        for function, lost, held, came in zip(
            result.account.functions, throttled, totals.occupied, arrivals, strict=True
        ):
            if came:
                share = max(lost / all_throttled, held / all_occupied)
                weight[function.name] = max(weight.get(function.name, 0.0), share)
    return sorted(weight, key=lambda name: -weight[name])[:top]


def choose_period(results: Sequence[Result]) -> float:
    """Take the shortest round period that gives no more than `COLUMNS` columns."""
    spans = [
        max(result.totals().last_completion, result.trace.span[1]) - result.trace.span[0]
        for result in results
        if len(result.trace)
    ]
    # Of a single instant any period gives one column; a second is one that people know.
    span = max(spans, default=0)
    nanoseconds = next((p for p in _ROUND if span < p * COLUMNS), _ROUND[-1]) if span else SECOND
    return nanoseconds / SECOND
