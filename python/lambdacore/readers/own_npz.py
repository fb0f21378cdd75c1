"""The NPZ of lambdacore: the columns of a trace as they are, and its functions in order."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from lambdacore.errors import TraceError
from lambdacore.readers.quality import DataQuality
from lambdacore.readers.source import Source
from lambdacore.trace import Trace

if TYPE_CHECKING:
    from zipfile import ZipFile

__all__ = ["MAGIC", "read", "write"]

NAME = "npz"
SCHEMA = 1
# A ZIP archive with, and without, anything in it.
MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_ALWAYS_FINE = 2**20
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# Array: kind of its dtype, bytes of an element (of text: any number), dimensions, in words.
_ARRAYS = {
    "schema": ("i", 8, 0, "one int64"),
    "arrival": ("i", 8, 1, "a column of int64 nanoseconds"),
    "function": ("u", 4, 1, "a column of uint32 indices into functions"),
    "duration": ("i", 8, 1, "a column of int64 nanoseconds"),
    "functions": ("U", None, 1, "a column of text"),
}
# Arrays that a trace may have besides.
_OPTIONAL = {"init": ("i", 8, 1, "a column of int64 nanoseconds, -1 for the account's")}


def read(source: Source) -> Trace:
    """Read and check everything; nothing in the file is trusted, and nothing unpickled."""
    from zipfile import ZipFile  # heavy, and most programs read no NPZ

    try:
        with ZipFile(source.path) as archive:
            known = _check_members(source, archive)
            _check_size(source, archive, known)
            arrays = {name: _array(source, archive, name) for name in known}
        if arrays["schema"] != SCHEMA:
            raise source.error(
                f"{arrays['schema']} is not known here, {SCHEMA} is: a newer lambdacore wrote it",
                column="schema",
            )
        names = arrays["functions"].tolist()
        "".join(names).encode()  # UnicodeEncodeError, a ValueError, on half a surrogate pair
        arrival, function, duration = (arrays[name] for name in ("arrival", "function", "duration"))
        trace = Trace(arrival, function, duration, names, init=arrays.get("init"))
    except TraceError as error:
        if error.path is not None:
            raise
        raise source.error(str(error), column=error.argument, index=error.index) from None
    except MemoryError:
        raise
    except Exception as error:
        # What the system says names the file; a bad offset inside it fails without a name.
        if isinstance(error, OSError) and error.filename is not None:
            raise
        # zipfile, zlib and numpy raise a dozen classes over bytes that are not as they should be.
        raise source.error(f"is damaged, or no NPZ file: {error}") from error
    trace.quality = DataQuality(source.path, NAME, rows_read=len(trace))
    return trace


def _check_size(source: Source, archive: ZipFile, known: list[str]) -> None:
    """Refuse what unpacks to more than the limits, before any of it is unpacked."""
    unpacked = sum(archive.getinfo(f"{name}.npy").file_size for name in known)
    limits = source.limits
    most = min(limits.unpacked, max(_ALWAYS_FINE, limits.expansion * source.size))
    if unpacked > most:
        raise source.error(
            f"unpacks to {unpacked:,} bytes, more than {most:,} "
            "(limits=ReadLimits(expansion=..., unpacked=...) allows more)"
        )


def _check_members(source: Source, archive: ZipFile) -> list[str]:
    """Name the arrays of a trace that are there, which all must be but the optional ones."""
    found = [name.removesuffix(".npy") for name in archive.namelist()]
    for name in _ARRAYS:
        if name not in found:
            few = ", ".join(repr(other[:40]) for other in found[:8]) or "nothing"
            raise source.error(
                f"no such array in the archive, which holds {few}: a trace has "
                f"{', '.join(_ARRAYS)} (a zipped CSV or a spreadsheet must be unpacked first)",
                column=name,
            )
    return [*_ARRAYS, *(name for name in _OPTIONAL if name in found)]


def _array(source: Source, archive: ZipFile, name: str) -> npt.NDArray[Any]:
    """Read one array, after its own header has been held against what it must be."""
    kind, size, dimensions, words = (_ARRAYS | _OPTIONAL)[name]
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise source.error(f"version {version} of NPY is not known here", column=name)
        shape, _, dtype = _HEADERS[version](file)
        wrong_size = size is not None and dtype.itemsize != size
        if dtype.kind != kind or wrong_size or len(shape) != dimensions:
            raise source.error(f"is {dtype} of shape {shape}: {words} is needed", column=name)
        if name == "functions" and shape[0] > source.limits.functions:
            raise source.error(
                f"more than {source.limits.functions} functions "
                "(limits=ReadLimits(functions=...) allows more)",
                column=name,
            )
        if math.prod(shape) * dtype.itemsize != member.file_size - file.tell():
            raise source.error("is cut off: its length is not what its header says", column=name)
    with archive.open(member) as file:
        array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def write(trace: Trace, file: BinaryIO) -> None:
    """Write the arrays as they are, not compressed."""
    arrays: dict[str, Any] = {
        "schema": np.int64(SCHEMA),
        "arrival": trace.arrival,
        "function": trace.function,
        "duration": trace.duration,
        "functions": np.array(trace.functions, dtype=np.str_),
    }
    if trace.init is not None:
        arrays["init"] = trace.init
    np.savez(file, **arrays)
