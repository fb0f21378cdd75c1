"""Checkpoints: a folder of finished chunks, from which work that was killed goes on.

Each chunk is a file of its own, written beside its place and moved there when it is on the disk;
the manifest, written in the same way after it, holds its digest. So whatever the moment of death,
the folder holds whole chunks, and what was under way is done again.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from lambdacore import _core, _text
from lambdacore.ensemble.recipe import Statistics
from lambdacore.errors import LambdacoreError

__all__ = ["Checkpoint", "CheckpointError"]

_SCHEMA = 1
_MANIFEST = "manifest.json"
#: What is run: large, and written once.
_RECIPE = "recipe.json"
_LOCK = "lock"


class CheckpointError(LambdacoreError):
    """A folder of a checkpoint that cannot be gone on with: the text names what differs."""


class Checkpoint:
    """The folder of a checkpoint, locked while it is used.

    Parameters
    ----------
    folder : path
        It is made if it is not there.

    Raises
    ------
    CheckpointError
        Another process works in it, or it holds something else.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        self._chunks: dict[str, dict[str, Any]] = {}
        self._head: dict[str, Any] = {}
        self.found: dict[str, Any] | None = None
        """The manifest that was there, without its chunks."""

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock()
        try:
            self._read()
        except BaseException:
            self._unlock()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._unlock()

    def _lock(self) -> None:
        path = self._folder / _LOCK
        mine = json.dumps({"pid": os.getpid(), "host": _host()})
        with _one_at_a_time(self._folder):
            try:
                holder = path.read_text()
            except FileNotFoundError:
                pass
            else:
                if not _is_dead(holder):
                    raise CheckpointError(
                        f"{self._folder}: another process works in it ({holder}); if none does, "
                        f"remove {path}"
                    )
                path.unlink(missing_ok=True)
            try:
                handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                raise CheckpointError(f"{self._folder}: another process took it just now") from None
            with os.fdopen(handle, "w") as file:
                file.write(mine)

    def _unlock(self) -> None:
        (self._folder / _LOCK).unlink(missing_ok=True)

    def _read(self) -> None:
        path = self._folder / _MANIFEST
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            others = [entry.name for entry in self._folder.iterdir() if entry.name != _LOCK]
            own = ("part", ".npz"), ("part", ".tmp"), (_MANIFEST, ".tmp"), (_RECIPE, "")
            strangers = [
                name
                for name in others
                if not any(name.startswith(a) and name.endswith(b) for a, b in own)
            ]
            if strangers:
                raise CheckpointError(
                    f"{self._folder} is no checkpoint, but holds {strangers[0]!r}: give a new one"
                ) from None
            return
        except ValueError as error:
            raise CheckpointError(f"{path}: this is no manifest: {error}") from None
        if not isinstance(manifest, dict) or manifest.get("schema") != _SCHEMA:
            raise CheckpointError(f"{path}: this version reads manifests of schema {_SCHEMA}")
        for key, kind in (("chunks", dict), ("seed", str), ("chunk", int)):
            if not isinstance(manifest.get(key), kind):
                raise CheckpointError(f"{path}: this is no manifest: it says no {key}")
        self._chunks = manifest.pop("chunks")
        try:
            recipe = json.loads((self._folder / _RECIPE).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            raise CheckpointError(f"{self._folder}: {_RECIPE} is missing or no JSON") from None
        self.found = {**manifest, "parts": recipe}

    def begin(self, head: dict[str, Any]) -> None:
        """Say what is worked on; what is there has to be the same.

        Raises
        ------
        CheckpointError
            The folder holds results of something else: the first field that differs is named.
        """
        head = json.loads(json.dumps({"schema": _SCHEMA, "version": _core.__version__, **head}))
        if self.found is not None:
            # Results depend on the version of the streams, not on that of the package.
            mine = {key: value for key, value in head.items() if key != "version"}
            theirs = {key: value for key, value in self.found.items() if key != "version"}
            differs = first_difference(theirs, mine)
            if differs is not None:
                where, old, new = differs
                raise CheckpointError(
                    f"{self._folder} holds another run: {where} was {_short(old)}, now it is "
                    f"{_short(new)}; give a new folder, or the same configuration"
                )
            head = {**head, "version": self.found["version"]}
        recipe = json.dumps(head.pop("parts"), indent=1)
        self._head = head
        if self.found is None:
            _write(self._folder / _RECIPE, recipe.encode())
        self._write_manifest()

    def load(self, key: str) -> Statistics | None:
        """Give a finished chunk; None if it has to be done (again)."""
        entry = self._chunks.get(key)
        if entry is None:
            return None
        try:
            data = (self._folder / f"{key}.npz").read_bytes()
        except FileNotFoundError:
            return None
        if len(data) != entry["bytes"] or _digest(data) != entry["sha256"]:
            return None
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def save(self, key: str, chunk: Statistics) -> None:
        """Keep a finished chunk."""
        buffer = io.BytesIO()
        np.savez(buffer, **chunk)  # type: ignore[arg-type]
        data = buffer.getvalue()
        _write(self._folder / f"{key}.npz", data)
        replications = int(next(iter(chunk.values())).shape[1])
        self._chunks[key] = {
            "replications": replications,
            "bytes": len(data),
            "sha256": _digest(data),
        }
        self._write_manifest()

    def _write_manifest(self) -> None:
        chunks = dict(sorted(self._chunks.items()))
        text = json.dumps({**self._head, "chunks": chunks}, indent=1)
        _write(self._folder / _MANIFEST, text.encode())


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process at a time look at a lock and take it over, where the system can."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems of networks know no such locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_dead(holder: str) -> bool:
    """Whether whoever made a lock is dead; of another machine nobody can tell."""
    try:
        said = json.loads(holder)
        # Elsewhere than on POSIX signal 0 is no question, but Ctrl-C.
        if said["host"] != _host() or os.name != "posix":
            return False
        os.kill(int(said["pid"]), 0)
    except (ProcessLookupError, ValueError, KeyError, TypeError):
        return True  # also one that was cut off while it was written
    except OSError:
        return False
    return False


# What few need, is imported when it is: `import lambdacore` stays quick.


def _host() -> str:
    import socket

    return socket.gethostname()


def _digest(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def _write(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    beside = path.with_name(path.name + ".tmp")
    with open(beside, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def first_difference(old: Any, new: Any, where: str = "") -> tuple[str, Any, Any] | None:
    """Find where two plain values differ first: the path, and either side."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            path = f"{where}.{key}" if where else str(key)
            if key not in old or key not in new:
                return path, old.get(key), new.get(key)
            found = first_difference(old[key], new[key], path)
            if found is not None:
                return found
        return None
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (a, b) in enumerate(zip(old, new, strict=True)):
            found = first_difference(a, b, f"{where}[{i}]")
            if found is not None:
                return found
        return None
    return None if old == new else (where, old, new)


def _short(value: Any) -> str:
    return _text.shorten(repr(value), 60)
