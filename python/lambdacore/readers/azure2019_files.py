"""The two files of Azure Functions of 2019, each row checked: calls, and durations."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from lambdacore.distributions import Constant, Distribution, Quantiles
from lambdacore.readers.rows import BadRowError, Rows, shown

__all__ = ["Calls", "Lengths"]

_KEY = ("HashOwner", "HashApp", "HashFunction")
_PROBABILITIES = (0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0)
_PERCENTILES = tuple(f"percentile_Average_{round(100 * p)}" for p in _PROBABILITIES)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
#: What `lambdacore.Counts` takes in one bin.
_MOST_CALLS = 10**7
#: 2^60 ns, beyond which no distribution draws.
_LONGEST_MS = 2.0**60 / 1e6

_Key: TypeAlias = tuple[str, str, str]


def _key(fields: list[str], columns: list[int]) -> _Key:
    owner, app, function = (fields[column] for column in columns)
    for name, field in zip(_KEY, (owner, app, function), strict=True):
        if not field:
            raise BadRowError(name, "is empty: every row needs a name here")
        if "/" in field or "\0" in field:
            raise BadRowError(name, f"{shown(field)} holds a '/' or NUL: this is no hash")
    return owner, app, function


def _check_functions(rows: Rows, number: int) -> None:
    most = rows.source.limits.functions
    if number >= most:
        raise rows.error(
            f"more than {most} functions (limits=ReadLimits(functions=...) allows more)",
            column=_KEY[-1],
        )


class _Whole(dict[str, int]):
    """Whole numbers by how they are written: the same few, again and again."""

    def __missing__(self, text: str) -> int:
        digits = text.strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 32):
            raise ValueError
        number = int(digits)
        if number > _MOST_CALLS:
            raise ValueError
        if len(self) < 65_536:
            self[text] = number
        return number


class Calls:
    """The calls of each function by the minute, in the order in which functions first occur."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        if "Trigger" not in rows.header and _PERCENTILES[0] in rows.header:
            raise rows.error(
                "this is the file of durations: read_azure2019(invocations, durations)",
                column="Trigger",
            )
        self._columns = [rows.column(name) for name in _KEY]
        self._trigger = rows.column("Trigger")
        self.minutes, self._where = _minutes(rows)
        self.keys: list[_Key] = []
        self.counts: list[npt.NDArray[np.uint32] | None] = []  # None for no calls at all
        self.totals: list[int] = []
        self.triggers: list[str] = []
        self.lines: list[int] = []
        self.duplicates = 0
        self._index: dict[_Key, int] = {}
        self._whole = _Whole()

    def read(self) -> None:
        """Read all rows."""
        self.rows.each(self._take)

    def _take(self, fields: list[str]) -> None:
        key = _key(fields, self._columns)
        counts = self._counted(fields[self._where])
        total = int(counts.sum(dtype=np.int64))
        at = self._index.get(key)
        if at is None:
            _check_functions(self.rows, len(self.keys))
            self._index[key] = len(self.keys)
            self.keys.append(key)
            self.counts.append(counts if total else None)
            self.totals.append(total)
            self.triggers.append(fields[self._trigger])
            self.lines.append(self.rows.line)
            return
        before = self.counts[at]
        if before is not None:
            together = before.astype(np.int64) + counts
            if together.max() > _MOST_CALLS:
                minute = str(self.minutes[int(together.argmax())])
                raise BadRowError(minute, "more than 10^7 calls with those of earlier rows")
            counts = together.astype(np.uint32)
        self.counts[at] = counts if total or before is not None else None
        self.totals[at] += total
        self.duplicates += 1

    def _counted(self, fields: list[str]) -> npt.NDArray[np.uint32]:
        whole = self._whole
        try:
            return np.fromiter(map(whole.__getitem__, fields), np.uint32, len(fields))
        except ValueError:
            for minute, field in zip(self.minutes, fields, strict=True):
                try:
                    whole[field]
                except ValueError:
                    why = f"{shown(field)} is no whole number of calls from 0 to 2^31 - 1"
                    raise BadRowError(str(minute), why) from None
            raise

    def names(self, how: Literal["function", "app-function"]) -> list[str]:
        """Name each function as shortly as is unique in the file."""
        lone = Counter(function for _, _, function in self.keys)
        pairs = Counter((app, function) for _, app, function in self.keys)
        return [
            function
            if how == "function" and lone[function] == 1
            else f"{app}/{function}"
            if pairs[app, function] == 1
            else f"{owner}/{app}/{function}"
            for owner, app, function in self.keys
        ]


def _minutes(rows: Rows) -> tuple[range, slice]:
    """Find the columns of minutes, which follow one another."""
    where = [i for i, name in enumerate(rows.header) if name.isascii() and name.isdigit()]
    if not where:
        raise rows.error("no column for a minute: the header names them 1 to 1440")
    numbers = [int(rows.header[i][:9]) for i in where]
    for (i, before), (j, number) in zip(
        zip(where, numbers, strict=True), zip(where[1:], numbers[1:], strict=True), strict=False
    ):
        column = rows.header[j]
        if number > before + 1:
            raise rows.error(
                f"follows {before}: minute {before + 1} is missing, and the time would jump",
                column=column,
            )
        if number != before + 1:
            raise rows.error(f"follows {before}: minutes ascend one by one", column=column)
        if j != i + 1:
            other = shown(rows.header[i + 1])
            raise rows.error(f"{other} stands between the columns of minutes", column=column)
    return range(numbers[0], numbers[-1] + 1), slice(where[0], where[-1] + 1)


@dataclass(frozen=True, slots=True)
class Length:
    """What is known of a function's durations, in milliseconds."""

    average: float
    executions: float
    percentiles: tuple[float, ...]

    def law(self, how: Literal["quantiles", "average"]) -> Distribution:
        """Make what a stream draws from."""
        if how == "average":
            return Constant(self.average / 1e3)
        return Quantiles(_PROBABILITIES, tuple(value / 1e3 for value in self.percentiles))


@dataclass
class Lengths:
    """The durations of each function."""

    rows: Rows
    contradictory: int = 0
    repaired: int = 0
    duplicates: int = 0

    def __post_init__(self) -> None:
        self.of: dict[_Key, Length] = {}
        self._columns = [self.rows.column(name) for name in _KEY]
        self._numbers = {
            name: self.rows.column(name)
            for name in ("Average", "Count", *_PERCENTILES, "Minimum", "Maximum")
        }

    def read(self) -> None:
        """Read all rows."""
        self.rows.each(self._take)

    def _take(self, fields: list[str]) -> None:
        key = _key(fields, self._columns)
        texts = {name: fields[column].strip() for name, column in self._numbers.items()}
        # Not every version of the platform recorded them, and no stream is made of them.
        least, most = (_recorded(texts.pop(name)) for name in ("Minimum", "Maximum"))
        average, count, *percentiles = (_number(name, text) for name, text in texts.items())
        ascending = tuple(accumulate(percentiles, max))
        if key not in self.of:
            _check_functions(self.rows, len(self.of))
        self.contradictory += not (average > 0 and count > 0 and least <= most)
        self.repaired += ascending != tuple(percentiles)
        before = self.of.get(key)
        self.duplicates += before is not None
        if before is None or count > before.executions:
            self.of[key] = Length(average, count, ascending)


def _number(column: str, text: str) -> float:
    number = _recorded(text)
    if math.isnan(number):
        raise BadRowError(column, f"{shown(text)} is no number: write digits such as 250 or 0.5")
    if number < 0:
        raise BadRowError(column, f"{shown(text)} is negative")
    if number > _LONGEST_MS:
        raise BadRowError(column, f"{shown(text)} is 2^60 ns (36 years) or more: milliseconds?")
    return number


def _recorded(text: str) -> float:
    return float(text) if _NUMBER.fullmatch(text) else math.nan
