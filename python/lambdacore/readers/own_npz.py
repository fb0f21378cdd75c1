"""The NPZ of lambdacore: the columns of a trace as they are, and its functions in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from lambdacore.readers import arrays
from lambdacore.readers.source import Source
from lambdacore.trace import Trace

if TYPE_CHECKING:
    from zipfile import ZipFile

__all__ = ["MAGIC", "read", "write"]

NAME = "npz"
# A ZIP archive with, and without, anything in it.
MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_ALWAYS_FINE = 2**20


def read(source: Source) -> Trace:
    """Read and check everything; nothing in the file is trusted, and nothing unpickled."""
    from zipfile import ZipFile  # heavy, and most programs read no NPZ

    with arrays.reading(source, "NPZ file"):
        with ZipFile(source.path) as archive:
            found = [name.removesuffix(".npy") for name in archive.namelist()]
            remedy = " (a zipped CSV or a spreadsheet must be unpacked first)"
            known = arrays.present(source, found, "archive", remedy)
            _check_size(source, archive, known)
            unpacked = {name: _array(source, archive, name) for name in known}
        return arrays.trace(source, NAME, unpacked)


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


def _array(source: Source, archive: ZipFile, name: str) -> npt.NDArray[Any]:
    """Read one array, after its own header has been held against what it must be."""
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as file:
        arrays.header(source, name, file, member.file_size)
    with archive.open(member) as file:
        array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def write(trace: Trace, file: BinaryIO) -> None:
    """Write the arrays as they are, not compressed."""
    named: dict[str, Any] = arrays.arrays(trace)
    np.savez(file, **named)
