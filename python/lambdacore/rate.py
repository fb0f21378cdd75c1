"""Rates that vary in time: steps, ramps, days and weeks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from lambdacore import _check
from lambdacore._described import Described
from lambdacore.distributions import sequence
from lambdacore.errors import ConfigurationError

__all__ = ["Rate"]

#: One arrival a nanosecond.
_HIGHEST = 1e9
_DAY = 86_400.0


@dataclass(frozen=True)
class Rate(Described, kind="rate"):
    """Calls a second as they change in time: pieces, each straight.

    Parameters
    ----------
    pieces : sequence of (float, float, float)
        When a piece begins, in seconds from 0 on; the rate there; the rate at its end.
    period : float or None
        Seconds after which the first piece begins again. Without it the last piece lasts for ever
        and has to be constant.

    Examples
    --------
    >>> import lambdacore as lc
    >>> lc.Rate.ramp(10, 100, start=60, end=120)
    Rate(pieces=((0.0, 10.0, 10.0), (60.0, 10.0, 100.0), (120.0, 100.0, 100.0)), period=None)
    """

    pieces: Sequence[tuple[float, float, float]]
    period: float | None = None

    def __post_init__(self) -> None:
        pieces = tuple(self._piece(i, piece) for i, piece in enumerate(self.pieces))
        if not pieces or pieces[0][0] != 0:
            raise ConfigurationError("pieces: the first begins at 0", argument="pieces")
        period = None if self.period is None else _check.length("period", self.period)
        times = [piece[0] for piece in pieces] + ([] if period is None else [period])
        for i, (before, after) in enumerate(itertools.pairwise(times)):
            if after - before < 1e-6:
                what = f"pieces[{i + 1}]" if i + 1 < len(pieces) else "period"
                raise ConfigurationError(
                    f"{what} = {after:g} s: pieces ascend, by a microsecond at least",
                    argument=what,
                )
        if period is None and pieces[-1][1] != pieces[-1][2]:
            raise ConfigurationError(
                "pieces: the last one lasts, so its rate is constant (or give period=)",
                argument="pieces",
            )
        self._set(pieces=pieces, period=period)

    @staticmethod
    def _piece(i: int, piece: Any) -> tuple[float, float, float]:
        try:
            at, start, end = piece
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"pieces[{i}] = {piece!r}: (seconds, rate, rate at its end) is needed",
                argument="pieces",
            ) from None
        at = _check.seconds(f"pieces[{i}][0]", at)
        return at, rate_number(f"pieces[{i}][1]", start), rate_number(f"pieces[{i}][2]", end)

    @classmethod
    def constant(cls, rate: float) -> Self:
        """Give the same rate at all times."""
        return cls([(0.0, rate, rate)])

    @classmethod
    def steps(
        cls, times: Sequence[float], rates: Sequence[float], period: float | None = None
    ) -> Self:
        """Give rates that hold from one time to the next.

        Parameters
        ----------
        times : sequence of float
            Seconds at which each rate begins, the first at 0.
        rates : sequence of float
            Calls a second.
        period : float, optional
            Seconds after which all begins again.
        """
        times, rates = sequence("times", times), sequence("rates", rates)
        if len(times) != len(rates):
            raise ConfigurationError(
                f"{len(times)} times and {len(rates)} rates: as many of each are needed",
                argument="rates",
            )
        return cls([(at, rate, rate) for at, rate in zip(times, rates, strict=True)], period)

    @classmethod
    def step(cls, before: float, after: float, at: float) -> Self:
        """Give one rate until `at` seconds, and another from then on."""
        return cls.steps([0.0, at], [before, after])

    @classmethod
    def ramp(cls, before: float, after: float, start: float, end: float) -> Self:
        """Give a rate that goes straight from one value to another between two times."""
        pieces = [(start, before, after), (end, after, after)]
        return cls([(0.0, before, before), *pieces] if start > 0 else pieces)

    @classmethod
    def daily(cls, rates: Sequence[float], *, smooth: bool = False) -> Self:
        """Give the pattern of a day, over and over.

        Parameters
        ----------
        rates : sequence of float
            Calls a second in equal parts of the day from midnight (time zero) on: 24 values are
            hours.
        smooth : bool
            Whether the rate goes straight from the middle of one part to the middle of the next,
            instead of in steps.
        """
        return cls._cycle(rates, _DAY, smooth)

    @classmethod
    def weekly(
        cls, rates: Sequence[float], days: Sequence[float] | None = None, *, smooth: bool = False
    ) -> Self:
        """Give the pattern of a week, over and over.

        Parameters
        ----------
        rates : sequence of float
            Calls a second in equal parts of the week (168 values are hours); or, with `days`, of
            one day.
        days : sequence of 7 floats, optional
            What each day multiplies the day's rates by, from the first day on: ``[1] * 5 +
            [0.3] * 2`` is a week of Monday to Sunday.
        smooth : bool
            As for `daily`.
        """
        if days is not None:
            if len(days) != 7:
                raise ConfigurationError(f"days: {len(days)} of 7 values", argument="days")
            rates = [rate * day for day in days for rate in rates]
        return cls._cycle(rates, 7 * _DAY, smooth)

    @classmethod
    def _cycle(cls, rates: Sequence[float], period: float, smooth: bool) -> Self:
        if not len(rates):
            raise ConfigurationError("rates: at least one is needed", argument="rates")
        part = period / len(rates)
        if not smooth:
            return cls.steps([i * part for i in range(len(rates))], rates, period)
        # From middle to middle; the first half part comes from the last middle of the day before.
        turn = (rates[-1] + rates[0]) / 2
        middles = [(i + 0.5) * part for i in range(len(rates))]
        ends = [*rates[1:], turn]
        pieces = [(0.0, turn, rates[0])]
        pieces += list(zip(middles, rates, ends, strict=True))
        return cls(pieces, period)

    def at(self, seconds: float) -> float:
        """Rate at a time, in calls a second."""
        at = seconds % self.period if self.period is not None else seconds
        index = sum(piece[0] <= at for piece in self.pieces) - 1
        start, first, last = self.pieces[index]
        if first == last:
            return first
        following = self.pieces[index + 1][0] if index + 1 < len(self.pieces) else self.period
        assert following is not None
        return first + (last - first) * (at - start) / (following - start)

    def __mul__(self, factor: float) -> Self:
        """Multiply the rate at all times."""
        number = rate_number("factor", factor)
        return type(self)(
            [(at, number * first, number * last) for at, first, last in self.pieces], self.period
        )

    __rmul__ = __mul__

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self.pieces[:3]))
        more = len(self.pieces) - 3
        rest = f", … {more} more" if more > 0 else "," if len(self.pieces) == 1 else ""
        return f"Rate(pieces=({shown}{rest}), period={self.period})"

    def _spec(self) -> tuple[list[tuple[int, float, float]], int | None]:
        pieces = [(_check.to_nanoseconds(at), first, last) for at, first, last in self.pieces]
        return pieces, None if self.period is None else _check.to_nanoseconds(self.period)

    def _cycles(self, horizon: float) -> float:
        """Count the pieces that a horizon takes."""
        return 1 if self.period is None else len(self.pieces) * horizon / self.period


def rate_number(argument: str, value: Any) -> float:
    """Check a rate: a number of calls a second from 0 to 10^9."""
    number = _check._number(argument, value)
    if not (0 <= number <= _HIGHEST) or math.isnan(number):
        raise ConfigurationError(
            f"{argument} = {number} a second: a rate from 0 to 10^9 is needed", argument=argument
        )
    return number


def rate(argument: str, value: Any) -> float | Rate:
    """Read a rate: a number, or one that varies."""
    return value if isinstance(value, Rate) else rate_number(argument, value)


def spec_of(value: float | Rate) -> tuple[list[tuple[int, float, float]], int | None]:
    """Describe a rate as the engine has it."""
    return (value if isinstance(value, Rate) else Rate.constant(value))._spec()
