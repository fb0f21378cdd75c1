"""The file that a reader reads, and the one way in which readers scan CSV."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from lambdacore import _core
from lambdacore.errors import ConfigurationError, TraceError
from lambdacore.readers.quality import DataQuality, Problem
from lambdacore.trace import Trace

__all__ = ["ReadLimits", "Source", "Table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    """What a file may hold at most, so that no file can fill the memory unasked.

    Attributes
    ----------
    line : int
        Bytes of a row.
    field : int
        Bytes of one field of a row.
    columns : int
        Columns of a row.
    functions : int
        Different functions.
    expansion : int
        How many times its own size a compressed file may unpack to (1 MiB is always fine).
    unpacked : int
        Bytes to which it may unpack, whatever its size; or which the names of the functions
        may take in a directory of ``.npy`` files, whose columns are not read into memory.

    Examples
    --------
    >>> import lambdacore as lc
    >>> lc.ReadLimits(line=16 * 2**20).line
    16777216
    """

    line: int = 2**20
    field: int = 2**16
    columns: int = 1_024
    functions: int = 10**6
    expansion: int = 100
    unpacked: int = 16 * 2**30

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**48:
                raise ConfigurationError(
                    f"{name} = {value!r}: a whole number from 1 to 2^48 - 1 is needed",
                    argument=name,
                )


@dataclass(frozen=True, slots=True)
class Schema:
    """Which columns of a CSV file hold what.

    Attributes
    ----------
    times : list of (str, {"s", "ns"})
        Columns that hold times, and the unit of each.
    key : list of str
        Columns that together name the function.
    blank : list of str
        Those of `times` whose fields may be empty, which is read as -1.
    separator : str
        The one character that joins them to the name.
    """

    times: Sequence[tuple[str, Literal["s", "ns"]]]
    key: Sequence[str]
    blank: Sequence[str] = ()
    separator: str = "/"


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a scanned file.

    `times` are in the order of the schema; the times of a row sum to less than 2^63, an empty
    one counting as zero.
    """

    times: list[npt.NDArray[np.int64]]
    function: npt.NDArray[np.uint32]
    functions: list[str]
    rows_skipped: int
    problems: tuple[Problem, ...]


class Source:
    """One file, or one directory of files, and how it is to be read."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        lenient: bool,
        limits: ReadLimits,
        progress: Callable[[int, int], object] | None,
        directory: bool = False,
    ) -> None:
        self.path = os.fsdecode(path)
        if "\0" in self.path:
            raise self.error("a path holds no NUL")
        self.lenient = lenient
        self.limits = limits
        self.progress = progress
        status = os.stat(self.path)
        if directory:
            if not stat.S_ISDIR(status.st_mode):
                raise self.error("is no directory, which a trace of this format is")
            self.size = 0  # grows by its parts
            return
        # A pipe would block for ever and cannot be read twice, which recognition does.
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise self.error(f"is {kind}: give a file (copy what a pipe or device yields to one)")
        self.size = status.st_size

    def error(
        self, reason: str, *, column: str | None = None, index: int | None = None
    ) -> TraceError:
        """Make the error that says what is wrong with the file."""
        where = self.path if column is None else f"{self.path}: {column}"
        return TraceError(f"{where}: {reason}", path=self.path, column=column, index=index)

    def part(self, name: str) -> Source:
        """One file of the directory, to be read as this one is."""
        part = Source(
            os.path.join(self.path, name), lenient=self.lenient, limits=self.limits, progress=None
        )
        self.size += part.size
        return part

    def start(self, size: int) -> bytes:
        """First bytes of the file."""
        with open(self.path, "rb") as file:
            return file.read(size)

    def header(self) -> list[str]:
        """Names in the header of a CSV file."""
        return _core.csv_header(self.path, self.limits)

    def scan(self, schema: Schema) -> Table:
        """Read the columns of a CSV file that the schema names."""
        times, function, functions, skipped, problems = _core.scan_csv(
            self.path,
            schema,
            lenient=self.lenient,
            limits=self.limits,
            progress=None if self.progress is None else self._advance,
        )
        listed = tuple(Problem(*problem) for problem in problems)
        return Table(times, function, functions, skipped, listed)

    def trace(
        self,
        format: str,
        arrival: npt.NDArray[np.int64],
        duration: npt.NDArray[np.int64],
        table: Table,
        shifted_ns: int = 0,
        *,
        init: npt.NDArray[np.int64] | None = None,
    ) -> Trace:
        """Make the trace from columns that a scan gave, with what it found."""
        quality = DataQuality(
            path=self.path,
            format=format,
            rows_read=len(table.function),
            rows_skipped=table.rows_skipped,
            problems=table.problems,
            shifted_ns=shifted_ns,
        )
        return Trace._from_columns(
            arrival, table.function, duration, table.functions, quality, init=init
        )

    def finish(self) -> None:
        """Report that all is done."""
        if self.progress is not None:
            self.progress(self.size, self.size)

    def _advance(self, done: int) -> None:
        assert self.progress is not None
        # A file that grows while it is read is never more than all of it done.
        self.progress(min(done, self.size), self.size)
