"""Arrival processes: when calls come."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from lambdacore import _check
from lambdacore._described import Described
from lambdacore.distributions import (
    Constant,
    Distribution,
    Exponential,
    Uniform,
    _length,
    _positive,
    distribution,
    sequence,
)
from lambdacore.errors import ConfigurationError
from lambdacore.rate import Rate, rate, rate_number, spec_of

__all__ = [
    "Arrivals",
    "Batches",
    "Deterministic",
    "Every",
    "MarkovModulated",
    "OnOff",
    "Poisson",
    "Renewal",
    "Superposition",
]

#: Turns of a cycle or changes of state that a horizon may take: more is a slip.
_MOST_TURNS = 1e8


class Span(NamedTuple):
    """The time for which traffic is drawn, in nanoseconds: before and after time zero."""

    lead: int
    horizon: int

    @property
    def seconds(self) -> float:
        """All of it, in seconds."""
        return (self.lead + self.horizon) / 1e9


class Arrivals(Described):
    """When the calls of a stream come. ``a + b`` is both together."""

    def _spec(self, span: Span) -> tuple[Any, ...]:
        """Describe it as the engine has it, for a span of time."""
        raise NotImplementedError

    @property
    def brings_durations(self) -> bool:
        """Whether each call has a duration of its own, as recorded ones do."""
        return False

    def _parts(self) -> tuple[Arrivals, ...]:
        """Give the processes that it consists of."""
        return (self,)

    def __add__(self, other: Arrivals) -> Superposition:
        if not isinstance(other, Arrivals):
            return NotImplemented
        return Superposition((*self._parts(), *other._parts()))


@dataclass(frozen=True)
class Superposition(Arrivals, kind="superposition"):
    """Several processes together: what ``a + b`` makes.

    Parameters
    ----------
    parts : sequence of Arrivals
        Each draws on its own; adding one at the end leaves the others as they were.
    """

    parts: Sequence[Arrivals]

    def __post_init__(self) -> None:
        parts = tuple(arrivals(f"parts[{i}]", part) for i, part in enumerate(self.parts))
        if not 0 < len(parts) < 2**15:
            raise ConfigurationError(f"parts: {len(parts)} of 1 to 32,767", argument="parts")
        self._set(parts=tuple(inner for part in parts for inner in part._parts()))

    @property
    def brings_durations(self) -> bool:
        """Whether each call has a duration of its own."""
        return all(part.brings_durations for part in self.parts)

    def _parts(self) -> tuple[Arrivals, ...]:
        return tuple(self.parts)


@dataclass(frozen=True)
class Poisson(Arrivals, kind="poisson"):
    """Calls that know nothing of each other: the usual model of many users.

    Parameters
    ----------
    rate : float or Rate
        Calls a second; a `Rate` varies in time.

    Examples
    --------
    >>> import lambdacore as lc
    >>> users = lc.Poisson(rate=lc.Rate.daily([5] * 8 + [50] * 12 + [10] * 4))
    >>> both = users + lc.Every(3600, count=100)
    """

    rate: float | Rate

    def __post_init__(self) -> None:
        self._set(rate=rate("rate", self.rate))

    def _spec(self, span: Span) -> tuple[Any, ...]:
        return _renewal(self.rate, ("exponential",), span)


@dataclass(frozen=True)
class Deterministic(Arrivals, kind="deterministic"):
    """Evenly spaced calls: what the usual formula assumes.

    Parameters
    ----------
    rate : float or Rate
        Calls a second.
    phase : float or None
        The share of a gap that passes before the first call (of the warm-up, if there is one),
        from 0 to below 1; None draws it.
    """

    rate: float | Rate
    phase: float | None = 0.0

    def __post_init__(self) -> None:
        self._set(rate=rate("rate", self.rate))
        if self.phase is not None:
            phase = _check.ratio("phase", self.phase)
            if phase == 1:
                raise ConfigurationError("phase = 1: below 1 is needed", argument="phase")
            self._set(phase=phase)

    def _spec(self, span: Span) -> tuple[Any, ...]:
        return _renewal(self.rate, ("even", self.phase), span)


@dataclass(frozen=True)
class Renewal(Arrivals, kind="renewal"):
    """Calls whose gaps are drawn from a distribution.

    Parameters
    ----------
    rate : float or Rate
        Calls a second.
    gap : Distribution
        The shape of the gaps: its mean counts for nothing, the rate stretches it. A gamma of cv 0.5
        is more even than Poisson, one of cv 3 comes in bursts.
    """

    rate: float | Rate
    gap: Distribution

    def __post_init__(self) -> None:
        gap = distribution("gap", self.gap)
        if gap.mean < 1e-9:
            raise ConfigurationError("gap: a mean above 0 is needed", argument="gap")
        self._set(rate=rate("rate", self.rate), gap=gap)

    def _spec(self, span: Span) -> tuple[Any, ...]:
        return _renewal(self.rate, ("law", self.gap._spec()), span)


def _renewal(value: float | Rate, gap: tuple[Any, ...], span: Span) -> tuple[Any, ...]:
    if isinstance(value, Rate):
        _refuse_many_turns("rate.period", value._cycles(span.seconds))
    return "renewal", *spec_of(value), gap


@dataclass(frozen=True)
class OnOff(Arrivals, kind="on-off"):
    """Poisson calls that come and cease.

    Parameters
    ----------
    rate : float
        Calls a second while it is on; in the long run ``rate * on / (on + off)``.
    on, off : Distribution or float
        How long it is on, and off; a number of seconds is a constant.
    start : {None, "on", "off"}
        How it begins (with its warm-up, if there is one): with a whole stay of either, or (None)
        as it would be found at any time: of the stay under way, a part is left.
    """

    rate: float
    on: Distribution
    off: Distribution
    start: Literal["on", "off"] | None = None

    def __post_init__(self) -> None:
        self._set(rate=rate_number("rate", self.rate), on=_stay("on", self.on))
        self._set(off=_stay("off", self.off))
        if self.start is not None:
            _check.one_of("start", self.start, ("on", "off"))

    def _spec(self, span: Span) -> tuple[Any, ...]:
        _refuse_many_turns("on", 2 * span.seconds / (self.on.mean + self.off.mean))
        states = [(self.rate, self.on._spec(), [0.0, 1.0]), (0.0, self.off._spec(), [1.0, 0.0])]
        first = None if self.start is None else ("on", "off").index(self.start)
        return "modulated", states, first


@dataclass(frozen=True)
class MarkovModulated(Arrivals, kind="markov-modulated"):
    """Poisson calls whose rate jumps between states: calm, busy, and what is between.

    Parameters
    ----------
    rates : sequence of float
        Calls a second in each state.
    stays : sequence of Distribution or float
        How long a stay in each state lasts. A number is the mean of an *exponential* stay, as the
        name says; other distributions make the process semi-Markov.
    transitions : sequence of sequence of float, optional
        With what weight each state comes after each; without it any other alike.
    start : int or None
        The state in which it begins, or (None) as it would be found at any time; see `OnOff`.

    Notes
    -----
    Fischer and Meier-Hellstern, "The Markov-modulated Poisson process (MMPP) cookbook",
    Performance Evaluation 18 (1993).
    """

    rates: Sequence[float]
    stays: Sequence[Distribution]
    transitions: Sequence[Sequence[float]] | None = None
    start: int | None = None

    def __post_init__(self) -> None:
        rates = tuple(
            rate_number(f"rates[{i}]", value)
            for i, value in enumerate(sequence("rates", self.rates))
        )
        stays = tuple(
            _stay(f"stays[{i}]", stay if isinstance(stay, Distribution) else Exponential(stay))
            for i, stay in enumerate(sequence("stays", self.stays))
        )
        count = len(rates)
        if not 0 < count < 1_000 or len(stays) != count:
            raise ConfigurationError(
                f"{count} rates and {len(stays)} stays: as many of each are needed, 1 to 999",
                argument="stays",
            )
        self._set(rates=rates, stays=stays)
        if self.transitions is not None:
            rows = tuple(
                tuple(
                    _positive(f"transitions[{i}][{j}]", weight, zero=True)
                    for j, weight in enumerate(row)
                )
                for i, row in enumerate(self.transitions)
            )
            if len(rows) != count or any(len(row) != count or not sum(row) for row in rows):
                raise ConfigurationError(
                    f"transitions: {count} rows of {count} weights are needed, in each one above 0",
                    argument="transitions",
                )
            self._set(transitions=rows)
            if not _connected(rows):
                raise ConfigurationError(
                    "transitions: from each state every other has to be reached in the end",
                    argument="transitions",
                )
        if self.start is not None:
            _check.whole("start", self.start, 0, count - 1)

    def _spec(self, span: Span) -> tuple[Any, ...]:
        shortest = min(stay.mean for stay in self.stays)
        _refuse_many_turns("stays", span.seconds / shortest)
        count = len(self.rates)
        others = [[float(i != j or count == 1) for j in range(count)] for i in range(count)]
        rows = self.transitions or others
        stays = [stay._spec() for stay in self.stays]
        states = [(*state,) for state in zip(self.rates, stays, map(list, rows), strict=True)]
        return "modulated", states, self.start


@dataclass(frozen=True)
class Batches(Arrivals, kind="batches"):
    """Calls that come several at a time: an event with many records, a retry storm, a fan-out.

    Parameters
    ----------
    of : Arrivals or float
        When batches come; a number is a Poisson rate *of batches* a second.
    size : int or Distribution
        How many calls a batch brings, up to 10^7; draws of a distribution are rounded to whole
        numbers, 1 at least.
    spread : float or Distribution
        How long after its batch each call comes: a number is anything from 0 up to so many seconds.
    """

    of: Arrivals
    size: int | Distribution = 10
    spread: float | Distribution = 0.0

    def __post_init__(self) -> None:
        of = self.of if isinstance(self.of, Arrivals) else Poisson(self.of)
        if of.kind == "recorded" or len(of._parts()) > 1:
            raise ConfigurationError(
                "of: one process is needed (recorded calls are scaled instead; of "
                "several, make batches of each)",
                argument="of",
            )
        _count("size", self.size)
        _offset("spread", self.spread)
        self._set(of=of)

    def _spec(self, span: Span) -> tuple[Any, ...]:
        return (
            "batches",
            self.of._spec(span),
            _count("size", self.size),
            _offset("spread", self.spread),
        )


@dataclass(frozen=True)
class Every(Arrivals, kind="every"):
    """Calls on the clock: a timer, the top of the hour.

    Parameters
    ----------
    period : float
        Seconds between two.
    offset : float
        When one comes. Below a period it is a phase, which a warm-up has too; from a period on it
        is when the first comes, and there is none before.
    count : int or Distribution
        How many calls come each time.
    jitter : float or Distribution
        How long after the clock each comes: a number is anything from 0 up to so many seconds.

    Examples
    --------
    Three thousand devices that report at the minute, within two seconds:

    >>> import lambdacore as lc
    >>> devices = lc.Every(60, count=3_000, jitter=2.0)
    """

    period: float
    offset: float = 0.0
    count: int | Distribution = 1
    jitter: float | Distribution = 0.0

    def __post_init__(self) -> None:
        _check.length("period", self.period)
        _check.seconds("offset", self.offset)
        _count("count", self.count)
        _offset("jitter", self.jitter)

    def _spec(self, span: Span) -> tuple[Any, ...]:
        period, offset = map(_check.to_nanoseconds, (self.period, self.offset))
        return batched(("every", period, offset), self.count, self.jitter)


def batched(clock: tuple[Any, ...], count: Any, jitter: Any) -> tuple[Any, ...]:
    """Let so many calls come at each time of a clock."""
    if count == 1 and jitter == 0:
        return clock
    return "batches", clock, _count("count", count), _offset("jitter", jitter)


def arrivals(argument: str, value: Any) -> Arrivals:
    """Read a process; a number is a Poisson rate."""
    if isinstance(value, Arrivals):
        return value
    if isinstance(value, Rate) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return Poisson(rate(argument, value))
    raise ConfigurationError(
        f"{argument} = {value!r}: an arrival process such as lc.Poisson(rate=120) is needed",
        argument=argument,
    )


def _count(argument: str, value: Any) -> tuple[Any, ...]:
    """Describe a number of calls; the engine counts in seconds."""
    if isinstance(value, Distribution):
        return value._spec()
    return Constant(float(_check.whole(argument, value, 1, 10**7)))._spec()


def _offset(argument: str, value: Any) -> tuple[Any, ...]:
    if isinstance(value, Distribution):
        return value._spec()
    seconds = _length(argument, value)
    return (Uniform(0.0, seconds) if seconds else Constant(0.0))._spec()


def _stay(argument: str, value: Any) -> Distribution:
    stay = distribution(argument, value)
    if stay.mean < 1e-6 or math.isnan(stay.mean):
        raise ConfigurationError(
            f"{argument}: a mean of a microsecond or more is needed", argument=argument
        )
    return stay


def _connected(rows: Sequence[Sequence[float]]) -> bool:
    def reached(of: Any) -> bool:
        seen, todo = {0}, [0]
        while todo:
            here = todo.pop()
            new = [j for j in range(len(rows)) if of(here, j) and j not in seen]
            seen.update(new)
            todo += new
        return len(seen) == len(rows)

    return reached(lambda i, j: rows[i][j] > 0) and reached(lambda i, j: rows[j][i] > 0)


def _refuse_many_turns(argument: str, turns: float) -> None:
    if turns > _MOST_TURNS:
        raise ConfigurationError(
            f"{argument}: the horizon takes {turns:.2g} turns of it; at most 10^8 are run",
            argument=argument,
        )
