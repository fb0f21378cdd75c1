"""What the writers of all formats share: a file appears whole, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from lambdacore.errors import TraceError
from lambdacore.trace import Trace

__all__ = ["check_names", "replacing"]


@contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of `path` once it is written whole.

    It stands in the same directory until then, so that the last step is atomic; where
    writing fails, it is removed and what was at `path` stays.
    """
    temporary = os.path.join(os.path.dirname(path), f".lambdacore-{secrets.token_hex(8)}.tmp")
    file = open(temporary, "xb")  # noqa: SIM115 - closed before it is moved
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def check_names(trace: Trace, path: str) -> None:
    """Refuse names that a file would not give back: with NUL."""
    for index, name in enumerate(trace.functions):
        if "\0" in name:
            raise TraceError(
                f"functions[{index}] = {name!r} holds a NUL, which files do not keep: rename "
                f"it before writing {path}",
                argument="functions",
                index=index,
                path=path,
            )
