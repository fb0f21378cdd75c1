"""Recorded arrivals: played again, or as many as were counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from lambdacore import _check, _columns, _text
from lambdacore.arrivals import Arrivals, Span, _refuse_many_turns
from lambdacore.errors import ConfigurationError
from lambdacore.trace import Trace

__all__ = ["Counts", "Recorded"]

#: The calls of a bin are drawn together.
_LARGEST_BIN = 10**7


@dataclass(frozen=True, eq=False)
class Recorded(Arrivals, kind="recorded"):
    """Calls as they were recorded, with their durations; or blocks of them, drawn at random.

    Parameters
    ----------
    arrival : array_like, shape (n,)
        Times of the calls from the beginning of the record: float seconds or integer nanoseconds,
        ascending.
    duration : array_like, shape (n,), optional
        How long each ran. Without it the stream says how long calls run.
    span : float, optional
        How long the record is, in seconds; without it, up to just after the last call.
    block : float, optional
        Length in seconds of the blocks that each replication draws, with replacement, from the
        record closed to a circle. What belongs together within a block (a burst, and its slow
        calls) stays together. Without it every replication plays the record as it is, over and
        over: then all replications are alike.
    scale : float
        How much traffic there is, as a multiple of what was recorded.
    scale_as : {"users", "faster", "stretched"}
        What more traffic means. It has to be chosen where `scale` is not 1, for bursts differ:
        ``"users"`` plays so many records at once, each from a start of its own, and bursts even
        out; ``"faster"`` runs the clock so many times as fast; ``"stretched"`` makes each call so
        many, spread until the next one: the same curve, so many times as high. A part of a call is
        drawn.

    Notes
    -----
    Blocks: Politis and Romano, "A circular block-resampling procedure for stationary data" (1992).
    A block should be several times as long as a burst.
    """

    arrival: npt.NDArray[np.int64]
    duration: npt.NDArray[np.int64] | None = None
    span: float | None = None
    block: float | None = None
    scale: float = 1.0
    scale_as: Literal["users", "faster", "stretched"] | None = None

    def __post_init__(self) -> None:
        arrival = _times("arrival", self.arrival, "M")
        if (arrival[1:] < arrival[:-1]).any():
            at = int((arrival[1:] < arrival[:-1]).argmax()) + 1
            raise ConfigurationError(
                f"arrival[{at}] comes before the one above it: sort the record", argument="arrival"
            )
        duration = None if self.duration is None else _times("duration", self.duration, "m")
        if duration is not None and len(duration) != len(arrival):
            raise ConfigurationError(
                f"{len(arrival)} arrivals and {len(duration)} durations", argument="duration"
            )
        if duration is not None and (duration >= 2**60).any():
            at = int((duration >= 2**60).argmax())
            raise ConfigurationError(f"duration[{at}] is 36 years or more", argument="duration")
        last = int(arrival[-1]) if len(arrival) else 0
        if self.span is None:
            self._set(span=(last + 1) / 1e9)
            length = last + 1
        else:
            length = _check.to_nanoseconds(_check.length("span", self.span))
            if 0 <= last - length < last >> 50:
                length = last + 1  # as near as a number of seconds can say it
            if length <= last:
                raise ConfigurationError(
                    f"span = {self.span:g} s ends before the last call, at {_text.seconds(last)}",
                    argument="span",
                )
        if length >= 2**61:
            raise ConfigurationError("span: below 2^61 ns (73 years)", argument="span")
        if self.block is not None:
            block = _check.to_nanoseconds(_check.length("block", self.block))
            if not 1_000 <= block <= length:
                raise ConfigurationError(
                    f"block = {self.block:g} s: from a microsecond to the span of the record, "
                    f"{_text.seconds(length)}",
                    argument="block",
                )
        scale = _check._number("scale", self.scale)
        if not 1e-6 <= scale <= 1e6:
            raise ConfigurationError(f"scale = {scale}: from 10^-6 to 10^6", argument="scale")
        if self.scale_as is not None:
            _check.one_of("scale_as", self.scale_as, ("users", "faster", "stretched"))
        elif scale != 1:
            raise ConfigurationError(
                f"scale = {scale:g} needs scale_as=: 'users' (more of them), 'faster' (the clock) "
                "or 'stretched' (the same curve, higher)",
                argument="scale_as",
            )
        self._set(arrival=arrival, duration=duration, scale=scale, _length=length)

    @classmethod
    def from_trace(cls, trace: Trace, function: str | None = None, **values: Any) -> Self:
        """Take one function of a trace (by name; or its only one), from its first arrival on.

        Parameters
        ----------
        trace : Trace
            The record.
        function : str, optional
            Which function.
        **values
            As for the class.
        """
        if function is None:
            if len(trace.functions) != 1:
                raise ConfigurationError(
                    f"function: the trace has {len(trace.functions)}; name one", argument="function"
                )
            function = trace.functions[0]
        _check.one_of("function", function, trace.functions)
        rows = trace.function == trace.functions.index(function)
        first, last = trace.span
        values.setdefault("span", (last - first + 1) / 1e9)
        return cls(trace.arrival[rows] - first, trace.duration[rows], **values)

    @property
    def brings_durations(self) -> bool:
        """Whether calls have durations of their own."""
        return self.duration is not None

    def __eq__(self, other: object) -> bool:
        from lambdacore._described import described

        return isinstance(other, Recorded) and described(self) == described(other)

    def __hash__(self) -> int:
        return hash((len(self.arrival), self.span, self.block, self.scale))

    def _spec(self, span: Span) -> tuple[Any, ...]:
        block = None if self.block is None else _check.to_nanoseconds(self.block)
        speed = self.scale if self.scale_as == "faster" else 1.0
        length: int = self._length  # type: ignore[attr-defined]
        what = "span" if block is None else "block"
        _refuse_many_turns(what, span.seconds * speed / ((block or length) / 1e9))
        duration = None if self.duration is None else self.duration.view(np.uint64)
        how = self.scale_as or "users"
        return "recorded", self.arrival.view(np.uint64), duration, length, block, how, self.scale

    def __repr__(self) -> str:
        block = "" if self.block is None else f", block={self.block:g}"
        scale = "" if self.scale == 1 else f", scale={self.scale:g}, scale_as={self.scale_as!r}"
        return f"Recorded(<{len(self.arrival):,} calls in {self.span:,.6g} s>{block}{scale})"


def _times(argument: str, values: Any, kind: Literal["M", "m"]) -> npt.NDArray[np.int64]:
    array = _columns.as_array(argument, values)
    times = np.array(_columns.nanoseconds(argument, array, kind), dtype=np.int64)
    times.flags.writeable = False
    return times


@dataclass(frozen=True, eq=False)
class Counts(Arrivals, kind="counts"):
    """Calls of which only their number in each minute (or other bin) was kept.

    Parameters
    ----------
    counts : array_like of int, shape (bins,)
        Calls in each bin, from time zero on; after the last bin there are none.
    period : float
        Seconds of a bin.
    within : {"uniform", "even", "start"}
        Where in its bin a call comes: anywhere alike, each for itself; in the middles of as many
        equal parts; or all at the beginning, which is the worst that the counts allow.
    """

    counts: npt.NDArray[np.uint32]
    period: float = 60.0
    within: Literal["uniform", "even", "start"] = "uniform"

    def __post_init__(self) -> None:
        counts = np.asarray(self.counts)
        if counts.ndim != 1 or counts.dtype.kind not in "iu":
            raise ConfigurationError(
                "counts: one dimension of integers is needed", argument="counts"
            )
        bad = (counts < 0) | (counts > _LARGEST_BIN)
        if bad.any():
            at = int(bad.argmax())
            raise ConfigurationError(
                f"counts[{at}] = {counts[at]}: from 0 to 10^7 a bin", argument="counts"
            )
        period = _check.to_nanoseconds(_check.length("period", self.period))
        if period * len(counts) > 2**60:
            raise ConfigurationError(
                f"counts: {len(counts):,} bins of {self.period:g} s end after 2^60 ns (36 years)",
                argument="counts",
            )
        _check.one_of("within", self.within, ("uniform", "even", "start"))
        kept = counts.astype(np.uint32)
        kept.flags.writeable = False
        self._set(counts=kept)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Counts)
            and (self.period, self.within) == (other.period, other.within)
            and np.array_equal(self.counts, other.counts)
        )

    def __hash__(self) -> int:
        return hash((len(self.counts), int(self.counts.sum()), self.period, self.within))

    def _spec(self, span: Span) -> tuple[Any, ...]:
        return "counts", self.counts, _check.to_nanoseconds(self.period), self.within

    def __repr__(self) -> str:
        return (
            f"Counts(<{int(self.counts.sum()):,} calls in {len(self.counts):,} bins>, "
            f"period={self.period:g}, within={self.within!r})"
        )
