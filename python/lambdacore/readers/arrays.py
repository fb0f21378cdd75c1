"""What NPZ and directories of .npy files have in common: the arrays of a trace, by name."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lambdacore.errors import TraceError
from lambdacore.readers.quality import DataQuality
from lambdacore.readers.source import Source
from lambdacore.trace import Trace

__all__ = ["OPTIONAL", "REQUIRED", "Header", "arrays", "header", "present", "reading", "trace"]

SCHEMA = 1
# numpy takes no header of more than 10,000 bytes; this is with all that stands before it.
_LONGEST_HEADER = 16_384
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
    "init": ("i", 8, 1, "a column of int64 nanoseconds, -1 for the account's"),
}
#: Arrays that a trace may have besides those that it must have.
OPTIONAL: tuple[str, ...] = ("init",)
REQUIRED: tuple[str, ...] = tuple(name for name in _ARRAYS if name not in OPTIONAL)


class Header(NamedTuple):
    """What the header of an array says, and where the elements begin."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int


@contextmanager
def reading(source: Source, what: str) -> Iterator[None]:
    """Make everything that wrong bytes can raise an error that names the path."""
    try:
        yield
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
        raise source.error(f"is damaged, or no {what}: {error}") from error


def present(source: Source, found: Collection[str], where: str, remedy: str = "") -> list[str]:
    """Name the arrays of a trace that are there, which all must be but the optional ones."""
    for name in REQUIRED:
        if name not in found:
            few = ", ".join(repr(other[:40]) for other in list(found)[:8]) or "nothing"
            raise source.error(
                f"no such array in the {where}, which holds {few}: a trace has "
                f"{', '.join(REQUIRED)}{remedy}",
                column=name,
            )
    return [*REQUIRED, *(name for name in OPTIONAL if name in found)]


def header(source: Source, name: str, file: IO[bytes], size: int) -> Header:
    """Read the header of an array, and hold it against what it must be and its bytes in all."""
    kind, element, dimensions, words = _ARRAYS[name]
    start = BytesIO(file.read(_LONGEST_HEADER))
    version = np.lib.format.read_magic(start)
    if version not in _HEADERS:
        raise source.error(f"version {version} of NPY is not known here", column=name)
    shape, _, dtype = _HEADERS[version](start)
    wrong_size = element is not None and dtype.itemsize != element
    if dtype.kind != kind or wrong_size or len(shape) != dimensions:
        raise source.error(f"is {dtype} of shape {shape}: {words} is needed", column=name)
    if name == "functions" and shape[0] > source.limits.functions:
        raise source.error(
            f"more than {source.limits.functions} functions "
            "(limits=ReadLimits(functions=...) allows more)",
            column=name,
        )
    if math.prod(shape) * dtype.itemsize != size - start.tell():
        raise source.error("is cut off: its length is not what its header says", column=name)
    return Header(shape, dtype, start.tell())


def trace(source: Source, format: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Trace:
    """Make the trace of its arrays, of which every value is looked at."""
    if arrays["schema"] != SCHEMA:
        raise source.error(
            f"{arrays['schema']} is not known here, {SCHEMA} is: a newer lambdacore wrote it",
            column="schema",
        )
    names = arrays["functions"].tolist()
    "".join(names).encode()  # UnicodeEncodeError, a ValueError, on half a surrogate pair
    arrival, function, duration = (arrays[name] for name in ("arrival", "function", "duration"))
    made = Trace(arrival, function, duration, names, init=arrays.get("init"))
    made.quality = DataQuality(source.path, format, rows_read=len(made))
    return made


def arrays(trace: Trace) -> dict[str, npt.NDArray[Any]]:
    """Give the arrays of a trace as they are written."""
    named: dict[str, npt.NDArray[Any]] = {
        "schema": np.array(SCHEMA, dtype=np.int64),
        "arrival": trace.arrival,
        "function": trace.function,
        "duration": trace.duration,
        "functions": np.array(trace.functions, dtype=np.str_),
    }
    return named if trace.init is None else {**named, "init": trace.init}
