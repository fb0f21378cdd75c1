"""A directory of .npy files: the arrays of the NPZ, a file each, mapped and not read.

It is what unpacking an NPZ gives.
"""

from __future__ import annotations

import os
from mmap import ACCESS_READ, mmap
from typing import Any

import numpy as np
import numpy.typing as npt

from lambdacore.readers import arrays
from lambdacore.readers.source import Source
from lambdacore.trace import Trace

__all__ = ["FILES", "SUFFIX", "is_one", "read", "write"]

NAME = "npys"
SUFFIX = ".npys"
#: All files that such a directory may hold.
FILES = tuple(f"{name}.npy" for name in (*arrays.REQUIRED, *arrays.OPTIONAL))
_REQUIRED = FILES[: len(arrays.REQUIRED)]


def read(source: Source) -> Trace:
    """Map the columns and check every value; of the files, only the names come to memory."""
    with os.scandir(source.path) as entries:
        files = [entry.name for entry in entries]
    if not set(FILES) & set(files):
        raise source.error(
            f"is a directory and none of a trace, which has {', '.join(_REQUIRED)}: give a file"
        )
    found = [name.removesuffix(".npy") for name in files if name.endswith(".npy")]
    with arrays.reading(source, "directory of NPY files"):
        known = arrays.present(source, found, "directory")
        return arrays.trace(source, NAME, {name: _mapped(source, name) for name in known})


def _mapped(source: Source, name: str) -> npt.NDArray[Any]:
    part = source.part(f"{name}.npy")
    with open(part.path, "rb") as file:
        # What is open cannot be put in another's place any more, as what has a name can.
        size = os.fstat(file.fileno()).st_size
        shape, dtype, offset = arrays.header(source, name, file, size)
        if name == "functions" and size > source.limits.unpacked:
            raise source.error(
                f"takes {size:,} bytes, more than {source.limits.unpacked:,} "
                "(limits=ReadLimits(unpacked=...) allows more)",
                column=name,
            )
        return np.ndarray(shape, dtype, mmap(file.fileno(), size, access=ACCESS_READ), offset)


def is_one(path: str) -> bool:
    """Tell whether all that a directory holds is a trace, or nothing."""
    if os.path.islink(path) or not os.path.isdir(path):
        return False
    with os.scandir(path) as entries:
        found = {entry.name for entry in entries if entry.is_file()}
    whole = not found or set(_REQUIRED) <= found <= set(FILES)
    return whole and len(found) == len(os.listdir(path))


def write(trace: Trace, folder: str) -> None:
    """Write the arrays as they are, into a directory that is there."""
    for name, array in arrays.arrays(trace).items():
        with open(os.path.join(folder, f"{name}.npy"), "xb") as file:
            np.lib.format.write_array(file, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
