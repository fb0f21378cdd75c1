"""Words for people: counts, times and suggestions, said one way everywhere."""

from __future__ import annotations

import io
import itertools
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table as RichTable

__all__ = [
    "Table",
    "count",
    "html_table",
    "label",
    "percent",
    "plain",
    "seconds",
    "shorten",
    "suggestion",
    "visible",
]

#: Unicode's categories of what has no shape of its own: control and format characters,
#: separators of lines and paragraphs, halves of surrogate pairs.
_CONTROLS = ("Cc", "Cf", "Cs", "Zl", "Zp")

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


def label(name: str, width: int = 32) -> str:
    """Show a name on one line, whatever is in it, in so many letters at most."""
    return shorten(visible(name), width)


def visible(text: str) -> str:
    """Write control characters, which would break lines or hide what is there, as escapes."""
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in _CONTROLS
        else character
        for character in text
    )


def suggestion(name: object, known: Iterable[str]) -> str:
    """`` (did you mean 'checkout'?)`` where a known name is near, else nothing."""
    # Looking for the nearest takes long: it pays only among names that a person gave.
    import difflib

    given = str(name)[:200]
    candidates = [other for other in itertools.islice(known, SUGGESTED_FROM) if len(other) <= 200]
    near = difflib.get_close_matches(given, candidates, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


@dataclass(frozen=True)
class Table:
    """A table for a terminal: a total stands apart; no row is ever wrapped.

    Where it is too wide, the columns in `spare` go, one after the other, and then the names
    in the first column are shortened.

    Attributes
    ----------
    head : sequence of str
        Title of each column; the first holds names.
    body : sequence of sequences of str
        The rows.
    note : str
        What is to say below it.
    left : sequence of str
        Titles of the columns of words; all others are numbers.
    spare : sequence of str
        Titles of the columns that can be missed, the least important first.
    total : bool
        Whether the last row is a total, which stands apart.
    """

    head: Sequence[str]
    body: Sequence[Sequence[str]]
    note: str = ""
    left: Sequence[str] = ()
    spare: Sequence[str] = ()
    total: bool = True

    def __str__(self) -> str:
        return plain(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        yield self._fitted(options.max_width)
        if self.note:
            # Apart from the table, whose width would wrap it early.
            yield Text(self.note, style="dim")

    def _fitted(self, room: int) -> RichTable:
        from rich.cells import cell_len

        spare = list(self.spare)
        columns = [*range(len(self.head))]
        widths = [
            max(cell_len(row[column]) for row in (self.head, *self.body)) for column in columns
        ]

        def excess() -> int:
            # Two cells lie between two columns, and one at either end.
            return int(sum(widths[column] + 2 for column in columns)) - room

        while spare and excess() > 0:
            columns.remove(self.head.index(spare.pop(0)))
        name_width = max(widths[0] - max(excess(), 0), 1)
        return self._laid_out(columns, name_width)

    def _laid_out(self, columns: Sequence[int], name_width: int) -> RichTable:
        from rich import box
        from rich.table import Table as RichTable
        from rich.text import Text

        laid_out = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        for column in columns:
            title = self.head[column]
            laid_out.add_column(
                Text(title), justify="left" if title in self.left else "right", no_wrap=True
            )
        for at, row in enumerate(self.body):
            total = self.total and at == len(self.body) - 1
            if total:
                laid_out.add_section()
            cells = [shorten(row[0], name_width), *row[1:]]
            # As Text: rich takes brackets in plain words as markup.
            laid_out.add_row(
                *(Text(cells[column]) for column in columns), style="bold" if total else None
            )
        return laid_out


def plain(renderable: Any, width: int = 100) -> str:
    """Print something as rich does, into plain text."""
    from rich.console import Console

    text = io.StringIO()
    Console(file=text, width=width, color_system=None, force_terminal=False).print(renderable)
    return "\n".join(line.rstrip() for line in text.getvalue().strip("\n").split("\n"))


def html_table(
    head: Sequence[str], body: Sequence[Sequence[str]], note: str, *, total: bool = True
) -> str:
    """Lay out the same table for a notebook."""
    import html

    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    rows, last = (body[:-1], row(body[-1], "th")) if total else (body, "")
    return (
        f"<table><thead>{row(head, 'th')}</thead><tbody>"
        + "".join(row(cells, "td") for cells in rows)
        + f"</tbody><tfoot>{last}</tfoot></table>"
        + "".join(f"<p>{html.escape(line)}</p>" for line in note.splitlines())
    )
