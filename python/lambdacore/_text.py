"""Words for people: counts, times and suggestions, said one way everywhere."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["count", "html_table", "percent", "plain", "seconds", "shorten", "suggestion", "table"]


#: A suggestion is looked for among so many names.
SUGGESTED_FROM = 500


def count(number: int, noun: str) -> str:
    """Say a number with its noun: ``1 function``, ``2,000 functions``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(part: float, whole: float) -> str:
    """Say a share with three digits: ``0.0123 %``, ``12.3 %``; nothing of nothing is ``-``."""
    if whole == 0:
        return "-"
    share = 100 * part / whole
    return f"{share:.3g} %" if share < 99.95 or share == 100 else f"{share:.2f} %"


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
    # Looking for the nearest takes long: it pays only among names that a person gave.
    import difflib

    given = str(name)[:200]
    candidates = [other for other in itertools.islice(known, SUGGESTED_FROM) if len(other) <= 200]
    near = difflib.get_close_matches(given, candidates, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def table(
    head: Sequence[str], body: Sequence[Sequence[str]], note: str, left: Sequence[str]
) -> Any:
    """Lay out a table for a terminal; its last row, a total, stands apart.

    `left` names the columns of words; all others are numbers.
    """
    from rich import box
    from rich.table import Table

    laid_out = Table(box=box.SIMPLE_HEAD, caption=note or None, pad_edge=False)
    for title in head:
        words = title in left
        laid_out.add_column(
            title, justify="left" if words else "right", no_wrap=not words, overflow="fold"
        )
    for row in body[:-1]:
        laid_out.add_row(*row)
    laid_out.add_section()
    laid_out.add_row(*body[-1], style="bold")
    return laid_out


def plain(renderable: Any, width: int = 100) -> str:
    """Print something as rich does, into plain text."""
    from rich.console import Console

    text = io.StringIO()
    Console(file=text, width=width, color_system=None, force_terminal=False).print(renderable)
    return "\n".join(line.rstrip() for line in text.getvalue().strip("\n").split("\n"))


def html_table(head: Sequence[str], body: Sequence[Sequence[str]], note: str) -> str:
    """Lay out the same table for a notebook."""
    import html

    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    return (
        f"<table><thead>{row(head, 'th')}</thead><tbody>"
        + "".join(row(cells, "td") for cells in body[:-1])
        + f"</tbody><tfoot>{row(body[-1], 'th')}</tfoot></table>"
        + (f"<p>{html.escape(note)}</p>" if note else "")
    )
