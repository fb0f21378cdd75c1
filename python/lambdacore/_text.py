"""Words for people: counts, times and suggestions, said one way everywhere."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["count", "seconds", "shorten", "suggestion"]


def count(number: int, noun: str) -> str:
    """Say a number with its noun: ``1 function``, ``2,000 functions``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def seconds(nanoseconds: int) -> str:
    """Say nanoseconds as seconds, exactly, without trailing zeros."""
    whole, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{whole:,}{f'.{rest:09d}'.rstrip('0') if rest else ''} s"


def shorten(name: str, width: int = 32) -> str:
    """Cut the middle out of a long name (hashed names differ at both ends)."""
    if len(name) <= width:
        return name
    head = (width - 1) // 2
    return f"{name[:head]}…{name[len(name) - (width - 1 - head) :]}"


def suggestion(name: object, known: Iterable[str]) -> str:
    """`` (did you mean 'checkout'?)`` where a known name is near, else nothing."""
    near = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
