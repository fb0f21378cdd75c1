"""Reading and writing traces. Readers only make Traces, and of mere counts a Workload.

Nothing else knows a file format.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from lambdacore import _text
from lambdacore.errors import ConfigurationError, TraceError
from lambdacore.readers import azure2019, azure2021, own_csv, own_npz
from lambdacore.readers.azure2019 import read_azure2019
from lambdacore.readers.quality import DataQuality, WorkloadQuality
from lambdacore.readers.source import ReadLimits, Source
from lambdacore.readers.writing import check_names, replacing
from lambdacore.trace import Trace

__all__ = [
    "DataQuality",
    "ReadLimits",
    "WorkloadQuality",
    "read_azure2019",
    "read_trace",
    "write_trace",
]

_READERS: dict[str, Callable[[Source], Trace]] = {
    own_csv.NAME: own_csv.read,
    own_npz.NAME: own_npz.read,
    azure2021.NAME: azure2021.read,
}
_BY_HEADER = (own_csv, azure2021)
_WRITERS = {".csv": own_csv.write, ".npz": own_npz.write}


def read_trace(
    path: str | os.PathLike[str],
    format: str | None = None,
    *,
    lenient: bool = False,
    limits: ReadLimits | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Trace:
    """Read a trace from a file.

    Parameters
    ----------
    path : path-like
        The file; a regular one.
    format : {"csv", "npz", "azure2021"}, optional
        By default it is recognised by the header line, or the first bytes:

        ``"csv"``
            Columns ``arrival``, ``function``, ``duration``, in any order; times in seconds,
            read exactly from their decimal digits and rounded half to even to nanoseconds.
            ``arrival_ns`` and ``duration_ns`` hold whole nanoseconds instead. A column
            ``init`` or ``init_ns`` is read too, where an empty field leaves the row to the
            account; other columns are ignored. One apostrophe before ``=``, ``+``, ``-``,
            ``@`` and the like is taken off a name: see `write_trace`.
        ``"npz"``
            The arrays that `write_trace` writes.
        ``"azure2021"``
            ``app,func,end_timestamp,duration`` of the Azure Functions trace of 2021. The
            arrival is the end less the duration; a function is named ``app/func``.
    lenient : bool
        Skip rows that cannot be read and count them, instead of refusing the file at the
        first, and print the data-quality block to standard error. The block is printed in
        any mode if all times had to be moved; ``trace.quality`` holds it in every case.
    limits : ReadLimits, optional
        What the file may hold at most.
    progress : callable, optional
        Called now and then with (bytes done, bytes in all), and once at the end.

    Returns
    -------
    Trace
        Its ``order`` counts the rows that were read, without the skipped ones.

    Raises
    ------
    TraceError
        The file does not hold a trace; the error names the path, the line and the column.
    OSError
        The file does not exist or must not be read.
    ConfigurationError
        No such format.
    """
    if format == azure2019.NAME:
        raise ConfigurationError(f"format = {format!r}: {azure2019.NO_TRACE}", argument="format")
    if format is not None and format not in _READERS:
        raise ConfigurationError(
            f"format = {format!r}: one of {', '.join(map(repr, _READERS))} is needed"
            + _text.suggestion(format, _READERS),
            argument="format",
        )
    if limits is not None and not isinstance(limits, ReadLimits):
        raise ConfigurationError(f"limits = {limits!r}: a ReadLimits is needed", argument="limits")
    source = Source(path, lenient=lenient, limits=limits or ReadLimits(), progress=progress)
    trace = _READERS[format or _recognised(source)](source)
    source.finish()
    # A moved time zero is said in any mode: what the file calls 0 is not the trace's 0.
    if trace.quality is not None and (lenient or trace.quality.shifted_ns):
        print(trace.quality, file=sys.stderr)
    return trace


def _recognised(source: Source) -> str:
    if source.start(4) in own_npz.MAGIC:
        return own_npz.NAME
    # Before the header, which has more columns than a trace may have.
    if azure2019.recognises(source.start(512)):
        raise source.error(f"a file of Azure Functions 2019: {azure2019.NO_TRACE}")
    header = source.header()
    for reader in _BY_HEADER:
        if reader.recognises(header):
            name: str = reader.NAME
            return name
    found = ", ".join(repr(_text.shorten(name)) for name in header[:12])
    known = "; ".join(f"{reader.NAME}: {','.join(reader.HEADER)}" for reader in _BY_HEADER)
    raise source.error(
        f"the header has {found}{', …' if len(header) > 12 else ''}, which is no known format "
        f"({known}): rename the columns, or name the format"
    )


def write_trace(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Write a trace to a file that `read_trace` reads back, exact to the nanosecond.

    Parameters
    ----------
    trace : Trace
        The trace.
    path : path-like
        A name that ends in ``.csv`` or ``.npz``, which decides the format. The file appears
        whole or not at all; one that is there already is replaced.

    Raises
    ------
    TraceError
        A name of a function that files do not keep (with NUL), or another suffix.

    Notes
    -----
    NPZ keeps everything: its trace has the same ``digest()``. CSV keeps the rows; its
    functions come back in the order in which they first occur, without those that no row
    uses.

    A cell of text that begins with ``=``, ``+``, ``-``, ``@``, tab or an end of line is a
    live formula to a spreadsheet. In CSV such a name is written with an apostrophe before
    it, which `read_trace` takes off again: the round trip is exact for every name. A program
    other than this one sees the apostrophe.
    """
    path = os.fsdecode(path)
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in _WRITERS:
        raise TraceError(
            f"{path}: the suffix decides the format: .csv or .npz is needed", path=path
        )
    check_names(trace, path)
    with replacing(path) as file:
        _WRITERS[suffix](trace, file)
