"""What a reader found in a file besides the traffic."""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from lambdacore import _text

__all__ = ["DataQuality", "Problem", "WorkloadQuality"]

_WIDTH = 80
_SHOWN = 3
_TRIGGERS_SHOWN = 8


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
        lines += self._rows()
        if self.shifted_ns:
            lines.append(
                f"  all times moved {_text.seconds(self.shifted_ns)} later: some were below 0"
            )
        if self.rows_skipped:
            lines.append("  all problems: trace.quality.problems; stop at the first: lenient=False")
        return "\n".join(lines)

    def _rows(self, *, named: bool = False) -> list[str]:
        """Say how many rows were read, and the first problems."""
        file = _printable(os.path.basename(self.path))
        what = f"{_text.shorten(file, 32)}: " if named else ""
        lines = [
            f"  {what}read {self.rows_read:,} of {_text.count(self.rows, 'row')}, "
            f"skipped {self.rows_skipped:,}"
        ]
        for problem in self.problems[:_SHOWN]:
            lines += _wrapped(str(problem), "    ")
        if self.rows_skipped > _SHOWN:
            lines.append(f"    and {self.rows_skipped - _SHOWN:,} more")
        return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadQuality:
    """What files of counts held and what became of it; `str` gives a block of 80 columns.

    Attributes
    ----------
    invocations, durations : DataQuality
        The rows of either file.
    minutes : tuple of (int, int)
        The first and the last minute, as the file numbers them. Time zero of the workload is
        the beginning of the first.
    functions_found : int
        Different functions in the file of invocations.
    functions, calls : int
        The workload's functions, and their calls in these minutes.
    offered_load : float
        Concurrent executions in the mean over the minutes: calls times their average duration.
    offered_load_drawn : float
        The same from the means of the streams' durations. A line through seven quantiles has
        another mean than the calls had: where the two differ much, ``duration="average"``
        keeps the load and loses the spread.
    idle : int
        Functions kept out, since they have no call.
    left_out, defaulted : int
        Functions with calls but without durations: kept out, or given `default_duration`.
    duplicates : int
        Rows of functions that had a row before: their counts were added.
    duplicate_durations : int
        Rows of durations of functions that had a row before: that of the higher count was used.
    contradictory : int
        Rows of durations of which the average is 0, the count is 0, or the maximum is below the
        minimum or either is not recorded.
    repaired : int
        Rows of durations whose percentiles descend: each was raised to the one before.
    triggers : dict of str to str
        The trigger of each function of the workload.
    """

    invocations: DataQuality
    durations: DataQuality
    minutes: tuple[int, int]
    functions_found: int
    functions: int
    calls: int
    offered_load: float
    offered_load_drawn: float
    idle: int = 0
    left_out: int = 0
    defaulted: int = 0
    duplicates: int = 0
    duplicate_durations: int = 0
    contradictory: int = 0
    repaired: int = 0
    triggers: dict[str, str] = field(default_factory=dict, repr=False, hash=False)

    @property
    def seconds(self) -> float:
        """Length of the record, from the first minute to the last: a horizon for `sample`."""
        return 60.0 * (self.minutes[1] - self.minutes[0] + 1)

    @property
    def clean(self) -> bool:
        """True if the workload is what the files say; functions without calls do not count."""
        odd = self.left_out or self.defaulted or self.duplicates or self.duplicate_durations
        good = self.invocations.clean and self.durations.clean
        return good and not (odd or self.contradictory or self.repaired)

    def __str__(self) -> str:
        first, last = self.minutes
        lines = [
            f"Data quality of a workload ({self.invocations.format})",
            f"  minutes {first:,} to {last:,}; time zero is the beginning of minute {first:,}",
            f"  {self.functions:,} of {_text.count(self.functions_found, 'function')}, "
            f"{_text.count(self.calls, 'call')}",
            *_wrapped(f"triggers: {self._triggers()}", "  "),
            f"  offered load {self.offered_load:,.4g} by the averages, "
            f"{self.offered_load_drawn:,.4g} as the durations are drawn",
            *self.invocations._rows(named=True),
            *self.durations._rows(named=True),
        ]
        for number, noun, fate in (
            (self.idle, "function", "without calls: kept out"),
            (self.left_out, "function", "without durations: kept out (default_duration=...)"),
            (self.defaulted, "function", "without durations: given default_duration"),
            (self.duplicates, "row", "of functions that had one before: counts added"),
            (self.duplicate_durations, "row", "of durations that were there: higher count used"),
            (
                self.contradictory,
                "row",
                "of durations with average 0, count 0 or maximum < minimum",
            ),
            (self.repaired, "row", "of percentiles that descend: raised to the one before"),
        ):
            if number:
                lines.append(f"  {_text.count(number, noun)} {fate}")
        return "\n".join(lines)

    def _triggers(self) -> str:
        counted = Counter(self.triggers.values()).most_common()
        more = len(counted) - _TRIGGERS_SHOWN
        shown = [f"{_text.label(name)} {number:,}" for name, number in counted[:_TRIGGERS_SHOWN]]
        return ", ".join(shown) + (f", and {more:,} more" if more > 0 else "")


def _wrapped(text: str, indent: str) -> list[str]:
    """Break a text into at most two lines of the block."""
    return textwrap.wrap(
        _printable(text),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        max_lines=2,
        placeholder=" …",
    )


def _printable(text: str) -> str:
    """Escape what could break the line or be obeyed by a terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
