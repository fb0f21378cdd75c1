"""Rows of CSV files with a column for each minute, which the scanner of traces cannot hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from lambdacore import _text
from lambdacore.errors import TraceError
from lambdacore.readers.quality import DataQuality, Problem
from lambdacore.readers.source import Source

__all__ = ["BadRowError", "Rows", "shown"]

_LISTED = 100
_ROWS_BETWEEN_LOOKS = 256


class BadRowError(Exception):
    """A row that cannot be read: the column, or None for the whole row, and why."""

    def __init__(self, column: str | None, reason: str) -> None:
        super().__init__(column, reason)
        self.column = column
        self.reason = reason


def shown(field: str) -> str:
    """Show a field in a message."""
    return f'"{_text.label(field)}"'


class Rows:
    """The rows of one file, each on a line of its own.

    Attributes
    ----------
    source : Source
        The file.
    header : list of str
        The names of its columns.
    line : int
        The line that was read last, from 1.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.header = [name.strip() for name in source.header()]
        self.line = 0
        self._read = 0
        self._problems: list[Problem] = []
        self._skipped = 0
        with self._opened() as file:
            self._at = file.tell()

    def error(
        self, reason: str, *, column: str | None = None, line: int | None = None
    ) -> TraceError:
        """Make the error that says what is wrong, and where."""
        line = line or self.line
        where = f"{self.source.path}:{line}:" + (f" {column}:" if column else "")
        return TraceError(f"{where} {reason}", path=self.source.path, line=line, column=column)

    def column(self, name: str) -> int:
        """Find a column by its name."""
        found = self.header.count(name)
        if found == 1:
            return self.header.index(name)
        if found:
            raise self.error("the header names this column twice", column=name)
        few = ", ".join(f'"{_text.label(other)}"' for other in self.header[:8])
        more = ", …" if len(self.header) > 8 else ""
        raise self.error(f"no such column; the header has {few}{more}", column=name)

    def each(self, take: Callable[[list[str]], None]) -> None:
        """Hand over the fields of each row; what `take` refuses is an error or is skipped."""
        limit = self.source.limits.line
        with self._opened() as file:
            done = self._at
            while raw := file.readline(limit + 2):
                self.line += 1
                try:
                    done += len(raw)
                    text = raw.rstrip(b"\r\n")
                    if not text:
                        continue
                    if len(text) > limit:
                        done += _skip_line(file, raw, limit)
                        raise BadRowError(
                            None,
                            f"the row is longer than {limit} bytes "
                            "(limits=ReadLimits(line=...) allows more)",
                        )
                    take(self._fields(text))
                    self._read += 1
                except BadRowError as bad:
                    self._refuse(bad)
                finally:
                    if self.line % _ROWS_BETWEEN_LOOKS == 0 and self.source.progress is not None:
                        self.source._advance(done)

    def quality(self, format: str) -> DataQuality:
        """Say what was read and what was not."""
        return DataQuality(
            self.source.path, format, self._read, self._skipped, tuple(self._problems)
        )

    def _opened(self) -> BinaryIO:
        """Open the file behind its header."""
        file = open(self.source.path, "rb")  # noqa: SIM115 - who calls closes it
        try:
            self.line = 0
            raw = b"\n"
            while raw and not raw.strip(b"\xef\xbb\xbf\r\n"):
                raw = file.readline(self.source.limits.line + 5)
                self.line += 1
            if b"\r" in raw.strip(b"\r\n"):
                raise self.error("lines end with a carriage return alone: save it with line feeds")
        except BaseException:
            file.close()
            raise
        return file

    def _fields(self, text: bytes) -> list[str]:
        try:
            row = text.decode()
        except UnicodeDecodeError:
            raise BadRowError(None, "is no UTF-8 text: save the file as UTF-8") from None
        fields = row.split(",") if '"' not in row else _unquoted(row)
        if len(fields) != len(self.header):
            raise BadRowError(
                None,
                f"the row has {len(fields)} columns and the header has {len(self.header)}: it may "
                "be cut off, or a comma stands in it without quotes",
            )
        most = self.source.limits.field
        if len(text) > most:
            for name, field in zip(self.header, fields, strict=True):
                if len(field.encode()) > most:
                    raise BadRowError(
                        name,
                        f"the field {shown(field)} is longer than {most} bytes "
                        "(limits=ReadLimits(field=...) allows more)",
                    )
        return fields

    def _refuse(self, bad: BadRowError) -> None:
        if not self.source.lenient:
            reason = f"{bad.reason} (lenient=True skips such rows and counts them)"
            raise self.error(reason, column=bad.column) from None
        self._skipped += 1
        if len(self._problems) < _LISTED:
            self._problems.append(Problem(self.line, bad.column, bad.reason))


def _unquoted(row: str) -> list[str]:
    import csv  # hashes and numbers need no quotes: hardly a file has any

    try:
        return next(csv.reader([row], strict=True))
    except csv.Error as error:
        raise BadRowError(None, f"a quote is never closed, or closed early: {error}") from None


def _skip_line(file: BinaryIO, raw: bytes, limit: int) -> int:
    """Skip what is left of a line; give its length."""
    skipped = 0
    while raw and not raw.endswith(b"\n"):
        raw = file.readline(limit)
        skipped += len(raw)
    return skipped
