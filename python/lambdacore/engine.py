"""Which engine a simulation ran on, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from lambdacore import _text

__all__ = ["ENGINES", "Engine"]

#: What `simulate` may be asked for.
ENGINES = ("auto", "stream", "wheel", "heap")


@dataclass(frozen=True, repr=False)
class Engine:
    """How a simulation went through its events: ``result.engine``. It only matters for time.

    The stream engine puts a window of some thousand arrivals, and all that completes meanwhile, in
    order at once. Event by event, completions wait on a calendar: the timing wheel or the heap.

    Attributes
    ----------
    name : str
        ``"stream"``, ``"wheel"`` or ``"heap"``, or ``"stream and wheel"`` where they took turns.
    in_windows : int
        Invocations that ran in windows.
    event_by_event : int
        Invocations that ran event by event.
    reason : str or None
        Why (most of) the latter did not run in windows, in a few words; None where all did.

    Examples
    --------
    >>> import lambdacore as lc
    >>> trace = lc.Trace(arrival=[0.0] * 500, function="checkout", duration=1.0)
    >>> account = lc.Account.for_trace(trace, profile=lc.Profile.named("pure-pools"))
    >>> lc.simulate(account, trace).engine
    <Engine: stream, 500 invocations in windows>
    >>> lc.simulate(account, trace, engine="wheel").engine
    <Engine: wheel, 500 invocations event by event (asked for)>
    """

    name: str
    in_windows: int
    event_by_event: int
    reason: str | None

    @classmethod
    def of(cls, asked: str, in_windows: int, event_by_event: int, reason: str | None) -> Self:
        """Name what ran where `asked` was asked for."""
        calendar = "heap" if asked == "heap" else "wheel"
        names = ["stream"] * (in_windows > 0) + [calendar] * (event_by_event > 0)
        return cls(" and ".join(names) or calendar, in_windows, event_by_event, reason)

    def __str__(self) -> str:
        parts = []
        if self.in_windows:
            parts.append(f"{_text.count(self.in_windows, 'invocation')} in windows")
        if self.event_by_event or not parts:
            number = f"{self.event_by_event:,}"
            if not parts:
                number = _text.count(self.event_by_event, "invocation")
            parts.append(f"{number} event by event" + (f" ({self.reason})" if self.reason else ""))
        return ", ".join([self.name, *parts])

    def __repr__(self) -> str:
        return f"<Engine: {self}>"
