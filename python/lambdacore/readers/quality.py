"""What a reader found in a file besides the trace."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import NamedTuple

from lambdacore import _text

__all__ = ["DataQuality", "Problem"]

_WIDTH = 80
_SHOWN = 3


class Problem(NamedTuple):
    """One row that was skipped, and why.

    Attributes
    ----------
    line : int
        The line of the file on which the row starts, from 1.
    column : str or None
        The column, by name; None where the whole row is meant.
    reason : str
        What is wrong, and what to do about it.
    """

    line: int
    column: str | None
    reason: str

    def __str__(self) -> str:
        return f"line {self.line:,}: " + (f"{self.column}: " if self.column else "") + self.reason


@dataclass(frozen=True, slots=True)
class DataQuality:
    """What was read and what was not; `str` gives it as a block of at most 80 columns.

    Attributes
    ----------
    path : str
        The file.
    format : str
        Its format, as `read_trace` names it.
    rows_read, rows_skipped : int
        Together the rows of the file, without header and blank lines.
    problems : tuple of Problem
        Why rows were skipped: the first 100 of them.
    shifted_ns : int
        Nanoseconds by which all times were moved later, so that the earliest is not
        negative; 0 where nothing was moved.
    """

    path: str
    format: str
    rows_read: int
    rows_skipped: int = 0
    problems: tuple[Problem, ...] = ()
    shifted_ns: int = 0

    @property
    def rows(self) -> int:
        """Rows in the file: read and skipped."""
        return self.rows_read + self.rows_skipped

    @property
    def clean(self) -> bool:
        """True if the trace is what the file says: nothing was skipped, nothing moved."""
        return not (self.rows_skipped or self.shifted_ns)

    def __str__(self) -> str:
        lines = [f"Data quality of {_text.shorten(_printable(self.path), 48)} ({self.format})"]
        lines.append(
            f"  read {self.rows_read:,} of {_text.count(self.rows, 'row')}, "
            f"skipped {self.rows_skipped:,}"
        )
        for problem in self.problems[:_SHOWN]:
            lines += textwrap.wrap(
                _printable(str(problem)),
                _WIDTH,
                initial_indent="    ",
                subsequent_indent="      ",
                max_lines=2,
                placeholder=" …",
            )
        if self.rows_skipped > _SHOWN:
            lines.append(f"    and {self.rows_skipped - _SHOWN:,} more")
        if self.shifted_ns:
            lines.append(
                f"  all times moved {_text.seconds(self.shifted_ns)} later: some were below 0"
            )
        if self.rows_skipped:
            lines.append("  all problems: trace.quality.problems; stop at the first: lenient=False")
        return "\n".join(lines)


def _printable(text: str) -> str:
    """Escape what could break the line or be obeyed by a terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
