"""What the writers of all formats share: a file or directory appears whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from lambdacore.errors import TraceError
from lambdacore.trace import Trace

__all__ = ["check_names", "replacing", "replacing_directory"]


@contextlib.contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of `path` once it is written whole.

    It stands in the same directory until then, so that the last step is atomic; where
    writing fails, it is removed and what was at `path` stays.
    """
    temporary = _beside(path)
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


@contextlib.contextmanager
def replacing_directory(path: str, files: Iterable[str]) -> Iterator[str]:
    """Make a new directory that takes the place of `path` once all is written in it.

    Where there is none at `path`, the last step is atomic. One that is there holds at most
    `files`; since no system call that is everywhere exchanges two directories, it is moved
    aside first, moved back if the new one cannot come, and removed.
    """
    temporary = _beside(path)
    os.mkdir(temporary)
    try:
        yield temporary
        _sync(temporary)
        if os.path.lexists(path):
            _exchange(temporary, path, files)
        else:
            os.rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _exchange(temporary: str, path: str, files: Iterable[str]) -> None:
    aside = _beside(path)
    os.rename(path, aside)
    try:
        os.rename(temporary, path)
    except BaseException:
        os.rename(aside, path)
        raise
    # Nothing but what was looked for is removed, whoever else has put something there since. What
    # cannot be is left aside: the new directory is in place, and that is what was asked for.
    with contextlib.suppress(OSError):
        for name in set(files) & set(os.listdir(aside)):
            os.unlink(os.path.join(aside, name))
        os.rmdir(aside)


def _beside(path: str) -> str:
    return os.path.join(os.path.dirname(path), f".lambdacore-{secrets.token_hex(8)}.tmp")


def _sync(directory: str) -> None:
    """Bring the names in a directory to the disk, where the system can open one."""
    if hasattr(os, "O_DIRECTORY"):
        opened = os.open(directory, os.O_DIRECTORY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


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
