"""Calls at the times of a cron expression."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lambdacore.arrivals import Arrivals, Span, batched
from lambdacore.distributions import Distribution
from lambdacore.errors import ConfigurationError

__all__ = ["Cron"]


@dataclass(frozen=True)
class Cron(Arrivals, kind="cron"):
    """Calls at the times of a cron expression, in UTC.

    Parameters
    ----------
    expression : str
        Five fields: minute, hour, day of the month, month, day of the week (0 or 7 is Sunday).
        Each is ``*``, a number, a range ``1-5``, a step ``*/15`` or ``10-50/10``, or several of
        them with commas. Where day of month and of week are both given, either will do, as in Unix.
    start : str or datetime
        The date of time zero, such as ``"2026-01-05"`` (a Monday, and the default).
    count : int or Distribution
        How many calls come each time.
    jitter : float or Distribution
        How long after the minute each comes: a number is anything from 0 up to so many seconds.

    Examples
    --------
    >>> import lambdacore as lc
    >>> nightly = lc.Cron("30 2 * * 1-5", count=500, jitter=30)
    """

    expression: str
    start: str | dt.datetime = "2026-01-05"
    count: int | Distribution = 1
    jitter: float | Distribution = 0.0

    def __post_init__(self) -> None:
        _fields(self.expression)
        try:
            start = (
                self.start
                if isinstance(self.start, dt.datetime)
                else dt.datetime.fromisoformat(self.start)
            )
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"start = {self.start!r}: a date such as '2026-01-05' is needed", argument="start"
            ) from None
        if start.tzinfo is not None:
            start = start.astimezone(dt.UTC).replace(tzinfo=None)
        self._set(start=start.isoformat())
        batched(("times",), self.count, self.jitter)

    def _spec(self, span: Span) -> tuple[Any, ...]:
        times = np.fromiter(self._times(span), dtype=np.int64)
        return batched(("times", times), self.count, self.jitter)

    def _times(self, span: Span) -> Iterator[int]:
        minutes, hours, days, months, weekdays = _fields(self.expression)
        # As Unix has it: what matters is whether a field was left open, not what it says.
        either = not any(field.startswith("*") for field in self.expression.split()[2::2])
        zero = dt.datetime.fromisoformat(str(self.start))
        if span.seconds > 400 * 366 * 86_400:
            raise ConfigurationError("horizon: cron runs for 400 years at most", argument="horizon")
        try:
            day = (zero - dt.timedelta(seconds=span.lead / 1e9)).date()
            last = (zero + dt.timedelta(seconds=span.horizon / 1e9)).date()
        except OverflowError:
            raise ConfigurationError(
                "horizon: it ends after the year 9999", argument="horizon"
            ) from None
        while day <= last:
            in_month, in_week = day.day in days, day.isoweekday() % 7 in weekdays
            if day.month in months and (in_month or in_week if either else in_month and in_week):
                since = dt.datetime.combine(day, dt.time()) - zero
                midnight = (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000
                for hour in hours:
                    for minute in minutes:
                        at = midnight + (hour * 60 + minute) * 60 * 10**9
                        if -span.lead <= at < span.horizon:
                            yield at
            day += dt.timedelta(days=1)


_CRON_PART = re.compile(r"(\*|[0-9]{1,4}(-[0-9]{1,4})?)(/[0-9]{1,4})?")
_RANGES = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))


def _fields(expression: Any) -> list[Sequence[int]]:
    """Read a cron expression: the values of each field, ascending."""
    fields = expression.split() if isinstance(expression, str) else []
    if len(fields) != 5:
        raise ConfigurationError(
            f"expression = {expression!r}: five fields are needed, such as '0 * * * *'",
            argument="expression",
        )
    read: list[Sequence[int]] = []
    for field, (name, low, high) in zip(fields, _RANGES, strict=True):
        values: set[int] = set()
        for part in field.split(","):
            span, slash, step = part.partition("/")
            first, dash, last = span.partition("-")
            try:
                if not _CRON_PART.fullmatch(part):
                    raise ValueError
                begin, end = (low, high) if span == "*" else (int(first), int(last or first))
                if slash and not dash and span != "*":
                    end = high
                every = int(step) if slash else 1
                if not (low <= begin <= end <= high and every > 0):
                    raise ValueError
            except ValueError:
                raise ConfigurationError(
                    f"expression = {expression!r}: {part!r} is no {name} (from {low} to {high})",
                    argument="expression",
                ) from None
            values.update(range(begin, end + 1, every))
        if name == "weekday":
            values = {value % 7 for value in values}
        read.append(sorted(values))
    return read
