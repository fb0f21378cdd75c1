"""The CSV of lambdacore: ``arrival,function,duration[,init]``, exact to the nanosecond."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from lambdacore._check import SECOND
from lambdacore.readers.source import Schema, Source, Table
from lambdacore.trace import Trace

__all__ = ["read", "recognises", "write"]

NAME = "csv"
HEADER = ("arrival", "function", "duration")
INIT = "init"
_ROWS_AT_A_TIME = 65_536

# A spreadsheet runs a cell that begins so as a formula (OWASP: CSV injection); an
# apostrophe before it makes it text. Names that already are apostrophes and then such a
# character get one more, so that taking one off again gives back every name.
_LIVE = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_TO_QUOTE = re.compile(f"'*[{_LIVE}]")
_QUOTED = re.compile(f"'+[{_LIVE}]")
_NEEDS_DOUBLE_QUOTES = re.compile('[,"\r\n]')


def recognises(header: Collection[str]) -> bool:
    """Tell whether the file is in this format by the names in its header."""
    return "function" in header and all(
        name in header or f"{name}_ns" in header for name in ("arrival", "duration")
    )


def read(source: Source) -> Trace:
    """Read seconds from ``arrival``, ``duration``, ``init``, or whole numbers from ``…_ns``."""
    header = source.header()
    times = [_time_column(source, header, name) for name in ("arrival", "duration")]
    blank = []
    if INIT in header or f"{INIT}_ns" in header:
        times.append(_time_column(source, header, INIT))
        blank = [times[-1][0]]
    table = source.scan(Schema(times, key=["function"], blank=blank))
    arrival, duration, *init = table.times
    plain = _with_plain_names(table)
    return source.trace(NAME, arrival, duration, plain, init=init[0] if init else None)


def _time_column(source: Source, header: list[str], name: str) -> tuple[str, Literal["s", "ns"]]:
    exact = f"{name}_ns"
    if exact not in header:
        return name, "s"
    if name in header:
        raise source.error(f"stands beside {exact}: remove one of them", column=name)
    return exact, "ns"


def _with_plain_names(table: Table) -> Table:
    """Take off the apostrophes that keep names from being formulas."""
    index: dict[str, int] = {}
    for cell in table.functions:
        index.setdefault(_plain(cell), len(index))
    function = table.function
    if len(index) < len(table.functions):
        # "=x" written by another program, and "'=x" by us, are one function.
        merged = np.array([index[_plain(cell)] for cell in table.functions], dtype=np.uint32)
        function = merged[function]
    return Table(table.times, function, list(index), table.rows_skipped, table.problems)


def _plain(cell: str) -> str:
    return cell[1:] if _QUOTED.match(cell) else cell


def write(trace: Trace, file: BinaryIO) -> None:
    """Write a trace in the order of its rows."""
    cells = np.array([_cell(name) for name in trace.functions], dtype=object)
    header = HEADER if trace.init is None else (*HEADER, INIT)
    file.write(f"{','.join(header)}\n".encode())
    for start in range(0, len(trace), _ROWS_AT_A_TIME):
        rows = slice(start, start + _ROWS_AT_A_TIME)
        columns = zip(
            _decimals(trace.arrival[rows]),
            cells[trace.function[rows]].tolist(),
            _decimals(trace.duration[rows]),
            *([] if trace.init is None else [_decimals(trace.init[rows])]),
            strict=True,
        )
        file.write("".join([f"{','.join(fields)}\n" for fields in columns]).encode())


def _cell(name: str) -> str:
    text = f"'{name}" if _TO_QUOTE.match(name) else name
    if _NEEDS_DOUBLE_QUOTES.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text


def _decimals(nanoseconds: npt.NDArray[np.int64]) -> list[str]:
    """Say times as seconds, exactly and without trailing zeros; -1 as nothing."""
    whole, rest = np.divmod(nanoseconds, SECOND)
    return [
        (f"{seconds}.{fraction:09d}".rstrip("0") if fraction else f"{seconds}")
        if seconds >= 0
        else ""
        for seconds, fraction in zip(whole.tolist(), rest.tolist(), strict=True)
    ]
