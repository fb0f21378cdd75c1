"""Checks of what users give: one wording, the argument named, the remedy said."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from lambdacore import _core, _text
from lambdacore.errors import ConfigurationError, TraceError

__all__ = [
    "instance",
    "instant",
    "length",
    "limit",
    "name",
    "one_of",
    "period",
    "rate",
    "ratio",
    "seconds",
    "to_nanoseconds",
    "whole",
]

MAX_LIMIT = _core.MAX_LIMIT
SECOND = 1_000_000_000


def limit(argument: str, value: Any) -> int:
    """Check a concurrency limit: an integer from 0 to 2^31 - 1."""
    return whole(argument, value, 0, MAX_LIMIT)


def whole(argument: str, value: Any, least: int, most: int) -> int:
    """Check an integer."""
    # True is an int to Python, and never meant as the limit 1.
    if isinstance(value, bool | np.bool_):
        raise ConfigurationError(
            f"{argument} = {value} is a boolean: an integer is needed", argument=argument
        )
    try:
        number = operator.index(value)
    except TypeError:
        raise ConfigurationError(
            f"{argument} = {_text.shorten(repr(value), 60)} is no integer: give a whole number "
            f"from {least:,} to {most:,}",
            argument=argument,
        ) from None
    if not least <= number <= most:
        power = {2**31 - 1: " (2^31 - 1)", 2**63 - 1: " (2^63 - 1)"}.get(most, "")
        given = f"{number:,}" if abs(number) < 10**40 else "a number of many digits"
        raise ConfigurationError(
            f"{argument} = {given} is out of range: give {least:,} to {most:,}{power}",
            argument=argument,
        )
    return number


def seconds(argument: str, value: Any, *, infinite: bool = False) -> float:
    """Check a length of time in seconds: a number from 0 on, below 2^63 ns."""
    number = _number(argument, value)
    if math.isnan(number) or number < 0 or (math.isinf(number) and not infinite):
        raise ConfigurationError(
            f"{argument} = {number}: a number of seconds from 0 on is needed", argument=argument
        )
    if not math.isinf(number) and number * 1e9 >= 2.0**63:
        raise ConfigurationError(
            f"{argument} = {number} s is 292 years or more"
            + ("; math.inf means for ever" if infinite else ""),
            argument=argument,
        )
    return number


def ratio(argument: str, value: Any) -> float:
    """Check a ratio: a number from 0 to 1."""
    number = _number(argument, value)
    if not 0 <= number <= 1:
        raise ConfigurationError(
            f"{argument} = {number}: a ratio from 0 to 1 is needed", argument=argument
        )
    return number


def period(value: Any) -> int:
    """Check the length of a bin in seconds and give it in nanoseconds, at least 1."""
    return to_nanoseconds(length("period", value))


def instant(argument: str, value: Any) -> int:
    """Read an instant on the clock of a trace: seconds, integer nanoseconds or datetime64."""
    # Here, because traces are read with the same rules and import this module.
    from lambdacore import _columns

    try:
        array = _columns.as_array(argument, value, scalar=True)
        if array.ndim or array.dtype.kind == "b":
            raise ConfigurationError(f"{argument}: one instant is needed", argument=argument)
        return int(_columns.nanoseconds(argument, array, "M"))
    except TraceError as error:
        raise ConfigurationError(str(error), argument=argument) from None


def length(argument: str, value: Any) -> float:
    """Check a length of time in seconds that is a nanosecond or more."""
    number = seconds(argument, value)
    if to_nanoseconds(number) < 1:
        raise ConfigurationError(
            f"{argument} = {value} s: a length of a nanosecond or more is needed",
            argument=argument,
        )
    return number


def rate(argument: str, value: Any) -> float:
    """Check a rate a second: a number above zero."""
    number = _number(argument, value)
    if not (0 < number < math.inf):
        raise ConfigurationError(
            f"{argument} = {number} a second: a number above zero is needed", argument=argument
        )
    return number


def name(argument: str, value: Any) -> str:
    """Check a name: a str that is not empty and can be written down."""
    if not isinstance(value, str) or not value:
        raise ConfigurationError(
            f"{argument} = {value!r}: a non-empty str is needed", argument=argument
        )
    if not value.isprintable() and any("\ud800" <= c <= "\udfff" for c in value):
        raise ConfigurationError(
            f"{argument} = {value!r} holds half a surrogate pair, which is no text",
            argument=argument,
        )
    return value


def instance(argument: str, value: Any, what: str, good: bool) -> None:
    """Refuse a value that is of another kind altogether."""
    if not good:
        raise ConfigurationError(
            f"{argument} = {_text.shorten(repr(value), 60)} is not {what}", argument=argument
        )


def one_of(argument: str, value: Any, known: Iterable[str]) -> str:
    """Check a word against the known ones."""
    options = list(known)
    if value not in options:
        raise ConfigurationError(
            f"{argument} = {value!r} is not known{_text.suggestion(value, options)}; "
            f"known: {', '.join(options)}",
            argument=argument,
        )
    return str(value)


def to_nanoseconds(number: float) -> int:
    """Round seconds half to even to nanoseconds; for ever is 2^64 - 1."""
    return 2**64 - 1 if math.isinf(number) else round(number * 1e9)


def _number(argument: str, value: Any) -> float:
    if isinstance(value, bool | np.bool_ | str | bytes):
        raise ConfigurationError(f"{argument} = {value!r} is no number", argument=argument)
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ConfigurationError(
            f"{argument} = {_text.shorten(repr(value))} is no number of a usual size",
            argument=argument,
        ) from None
