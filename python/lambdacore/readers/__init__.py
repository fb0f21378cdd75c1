"""Reading and writing traces. Readers only make Traces, and of mere counts a Workload.

Nothing else knows a file format.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from lambdacore import _text
from lambdacore.errors import ConfigurationError, TraceError
from lambdacore.readers import azure2019, azure2021, own_csv, own_npys, own_npz
from lambdacore.readers.azure2019 import read_azure2019
from lambdacore.readers.quality import DataQuality, WorkloadQuality
from lambdacore.readers.source import ReadLimits, Source
from lambdacore.readers.writing import check_names, replacing, replacing_directory
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
    own_npys.NAME: own_npys.read,
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
    """Read a trace from a file, or from a directory of ``.npy`` files.

    Parameters
    ----------
    path : path-like
        The file, a regular one, or the directory.
    format : {"csv", "npz", "npys", "azure2021"}, optional
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
        ``"npys"``
            A directory that holds the same arrays, a file each: ``arrival.npy`` and
            ``duration.npy`` (int64 nanoseconds), ``function.npy`` (uint32 indices),
            ``functions.npy`` (the names), ``schema.npy`` (the int64 1) and perhaps
            ``init.npy``; other files in it are ignored. The columns are mapped into memory
            and not read into it: see Notes.
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

    Notes
    -----
    Columns of a directory are checked once, when they are mapped, and the system then takes
    their bytes from the files as they are needed: a trace may be larger than the memory. (Only
    arrivals out of order, or another byte order, are brought into memory.) So the files must
    stay as they are for as long as the trace, or an array of it, is in use. A file that is
    written to in place shows through, and no result is then worth anything. One that is cut
    short ends the whole process, by the signal SIGBUS, at the first touch of what is no longer
    there: no error can be raised. Removed or replaced files do no harm, which is how
    `write_trace` replaces a trace. A trace that is pickled to another process takes its
    columns along.
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
    directory = format == own_npys.NAME or (format is None and os.path.isdir(path))
    source = Source(
        path,
        lenient=lenient,
        limits=limits or ReadLimits(),
        progress=progress,
        directory=directory,
    )
    format = format or (own_npys.NAME if directory else _recognised(source))
    trace = _READERS[format](source)
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
    """Write a trace where `read_trace` reads it back, exact to the nanosecond.

    Parameters
    ----------
    trace : Trace
        The trace.
    path : path-like
        A name that ends in ``.csv``, ``.npz`` or ``.npys``, which decides the format, or in
        ``/``: that and ``.npys`` make a directory of ``.npy`` files, from which `read_trace`
        maps the columns. What is written appears whole or not at all, and replaces what is
        there already; a directory only if it is empty or such a trace, and then there is an
        instant at which neither is at `path`.

    Raises
    ------
    TraceError
        A name of a function that files do not keep (with NUL), another suffix, or at `path`
        something that no directory of a trace may replace.
    OSError
        The system does not let it be written.

    Notes
    -----
    NPZ and the directory keep everything: their trace has the same ``digest()``. CSV keeps the
    rows; its functions come back in the order in which they first occur, without those that no
    row uses.

    A cell of text that begins with ``=``, ``+``, ``-``, ``@``, tab or an end of line is a
    live formula to a spreadsheet. In CSV such a name is written with an apostrophe before
    it, which `read_trace` takes off again: the round trip is exact for every name. A program
    other than this one sees the apostrophe.
    """
    path = os.fsdecode(path)
    bare = path.rstrip(os.sep + (os.altsep or ""))
    suffix = own_npys.SUFFIX if bare != path else os.path.splitext(path)[1].lower()
    if suffix not in (*_WRITERS, own_npys.SUFFIX):
        raise TraceError(
            f"{path}: the suffix decides the format: .csv or .npz is needed, or .npys for a "
            "directory",
            path=path,
        )
    check_names(trace, path)
    if suffix == own_npys.SUFFIX:
        _write_directory(trace, bare or path)
        return
    with replacing(path) as file:
        _WRITERS[suffix](trace, file)


def _write_directory(trace: Trace, path: str) -> None:
    if os.path.lexists(path) and not own_npys.is_one(path):
        raise TraceError(
            f"{path}: is there, and is no directory of a trace and nothing else: it is not "
            "replaced; give another name, or remove it",
            path=path,
        )
    with replacing_directory(path, own_npys.FILES) as folder:
        own_npys.write(trace, folder)
