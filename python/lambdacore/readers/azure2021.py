"""The trace of Azure Functions of January 2021: one row an invocation, by its end."""

from __future__ import annotations

from collections.abc import Collection

from lambdacore.readers.source import Schema, Source
from lambdacore.trace import Trace

__all__ = ["read", "recognises"]

NAME = "azure2021"
HEADER = ("app", "func", "end_timestamp", "duration")
_END_OF_TIME = 2**63


def recognises(header: Collection[str]) -> bool:
    """Tell whether the file is in this format by the names in its header."""
    return set(HEADER) <= set(header)


def read(source: Source) -> Trace:
    """Read ``app,func,end_timestamp,duration``, in seconds.

    A function is named "app/func". The arrival is the recorded end less the duration, in
    whole nanoseconds, so that arrival and duration together give the recorded end. Where
    an arrival falls before time zero, all are moved so that the earliest is at zero.
    """
    table = source.scan(Schema([("end_timestamp", "s"), ("duration", "s")], key=["app", "func"]))
    end, duration = table.times
    latest = int(end.max(initial=0))
    end -= duration
    arrival = end
    shift = max(0, -int(arrival.min(initial=0)))
    if latest + shift >= _END_OF_TIME:
        raise source.error(
            "the times span 2^63 ns (292 years) or more: check their unit", column="duration"
        )
    arrival += shift
    return source.trace(NAME, arrival, duration, table, shifted_ns=shift)
