"""Runs recipes: here on threads, or as tasks on any executor; with or without a checkpoint.

A task is a recipe and a range of replications: data that says what to do, not what came of it.
Whoever does it, and however often, the same comes out, so results are merged by their key alone.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Generator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from lambdacore import _check, _text
from lambdacore.ensemble.checkpoint import Checkpoint
from lambdacore.ensemble.recipe import Recipe, Statistics, check_size
from lambdacore.errors import LambdacoreError

__all__ = ["Failure", "How", "ReplicationError", "run"]


class ReplicationError(LambdacoreError):
    """Some replications failed; what is done is in the checkpoint, if there is one."""


@dataclass(frozen=True)
class Failure:
    """Replications that failed and were left out.

    Attributes
    ----------
    replications : range
        Their numbers.
    error : str
        What went wrong, as it was raised.
    """

    replications: range
    error: str


@dataclass(frozen=True)
class How:
    """How work is done: none of this changes a byte of a result.

    Attributes
    ----------
    threads : int or None
        Threads of a call that runs here; None takes as many as there are cores.
    executor : Executor or None
        Where tasks go instead.
    chunk : int or None
        Replications of a task.
    checkpoint : path or None
        A folder for what is done.
    retries : int
        How often a task that failed is tried again.
    on_error : {"raise", "skip"}
        What becomes of a task that keeps failing.
    """

    threads: int | None = None
    executor: Executor | None = None
    chunk: int | None = None
    checkpoint: Any = None
    retries: int = 0
    on_error: str = "raise"

    def checked(self) -> How:
        """Check what a user gave."""
        if self.threads is not None:
            _check.whole("threads", self.threads, 1, 1024)
        if self.chunk is not None:
            _check.whole("chunk", self.chunk, 1, 10**9)
        _check.whole("retries", self.retries, 0, 1000)
        _check.one_of("on_error", self.on_error, ("raise", "skip"))
        given = self.executor
        good = given is None or (hasattr(given, "submit") and not isinstance(given, type))
        _check.instance("executor", given, "an executor with submit(), such as a pool", good)
        return self

    @property
    def cores(self) -> int:
        """Threads of a call that runs here."""
        if self.threads is not None:
            return self.threads
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1


#: Calls in this process that were broken off: their threads look here.
_broken_off: set[str] = set()


def perform(recipe: Recipe, first: int, count: int, token: str) -> Statistics:
    """Do a task, on one thread; this is what an executor runs."""

    def look(_: int) -> None:
        if token in _broken_off:
            raise LambdacoreError("broken off")

    return recipe.run(first, count, threads=1, progress=look)


def run(
    recipes: list[Recipe],
    replications: range,
    how: How,
    update: Callable[[float], None] | None,
    checkpoint: Checkpoint | None = None,
) -> tuple[list[Statistics], list[int], list[Failure]]:
    """Run all recipes; gives their arrays, the numbers of the replications, and the failures."""
    check_size(recipes, len(replications))
    expected = [recipe.expected_calls() for recipe in recipes]
    if how.executor is None and checkpoint is None:
        parts = []
        before = 0.0
        for recipe, calls in zip(recipes, expected, strict=True):
            look = _shifted(update, before)
            parts.append(
                recipe.run(replications.start, len(replications), threads=how.cores, progress=look)
            )
            before += calls * len(replications)
        return parts, list(replications), []
    chunks = _chunks(replications, how)
    done: dict[tuple[int, int], Statistics] = {}
    failures: list[Failure] = []
    tasks = []
    finished = 0.0
    for index, recipe in enumerate(recipes):
        for chunk in chunks:
            kept = checkpoint.load(_key(index, chunk)) if checkpoint else None
            if kept is None:
                tasks.append((index, recipe, chunk))
            else:
                done[index, chunk.start] = kept
                finished += expected[index] * len(chunk)
    if update is not None:
        update(finished)
    work = (
        _on_executor(tasks, how)
        if how.executor is not None
        else _here(tasks, how, update, finished, expected)
    )
    with closing(work):
        for index, chunk, result in work:
            if isinstance(result, BaseException):
                if how.on_error == "raise":
                    raise ReplicationError(
                        f"replications {chunk.start} to {chunk.stop - 1} failed: {_said(result)}"
                    ) from result
                failures.append(Failure(chunk, _said(result)))
            else:
                # A task that was run twice gives the same again.
                done.setdefault((index, chunk.start), result)
                if checkpoint is not None:
                    checkpoint.save(_key(index, chunk), result)
            finished += expected[index] * len(chunk)
            if update is not None:
                update(finished)
    failed = {failure.replications.start for failure in failures}
    kept_chunks = [chunk for chunk in chunks if chunk.start not in failed]
    if not kept_chunks:
        raise ReplicationError(f"all replications failed: {failures[0].error}")
    merged = []
    for index in range(len(recipes)):
        pieces = [done[index, chunk.start] for chunk in kept_chunks]
        merged.append(
            {name: np.concatenate([p[name] for p in pieces], axis=1) for name in pieces[0]}
        )
    return merged, [number for chunk in kept_chunks for number in chunk], failures


def _said(error: BaseException) -> str:
    return _text.shorten(f"{type(error).__name__}: {error}", 500)


def _shifted(update: Callable[[float], None] | None, before: float) -> Callable[[int], None] | None:
    if update is None:
        return None
    told = update
    return lambda calls: told(before + calls)


def _key(index: int, chunk: range) -> str:
    return f"part{index:05d}-replications{chunk.start:09d}-{chunk.stop:09d}"


def _chunks(replications: range, how: How) -> list[range]:
    """Divide replications into tasks: always at multiples of the size, whatever the range."""
    size = chunk_of(len(replications), how)
    start, chunks = replications.start, []
    while start < replications.stop:
        stop = min(start - start % size + size, replications.stop)
        chunks.append(range(start, stop))
        start = stop
    return chunks


def chunk_of(count: int, how: How) -> int:
    """Give the replications of a task: some dozens of tasks, unless it is said."""
    return how.chunk if how.chunk is not None else max(count // 32, min(count, 4))


Finished = tuple[int, range, Any]


def _here(
    tasks: list[tuple[int, Recipe, range]],
    how: How,
    update: Callable[[float], None] | None,
    finished: float,
    expected: list[float],
) -> Generator[Finished, None, None]:
    """Do tasks one after the other on threads of this process."""
    of_progress: list[BaseException] = []

    def told(calls: float) -> None:
        try:
            if update is not None:
                update(calls)
        except BaseException as error:
            of_progress.append(error)
            raise

    for index, recipe, chunk in tasks:
        first, count = chunk.start, len(chunk)
        for _ in range(how.retries + 1):
            result: Any
            try:
                look = _shifted(told, finished)
                result = recipe.run(first, count, threads=how.cores, progress=look)
                break
            except Exception as error:
                if error in of_progress:
                    raise  # whoever watches ends it, and no replication has failed
                result = error
        yield index, chunk, result
        finished += expected[index] * len(chunk)


def _error_of(future: Future[Any]) -> BaseException | None:
    return CancelledError("cancelled") if future.cancelled() else future.exception()


def _on_executor(
    tasks: list[tuple[int, Recipe, range]], how: How
) -> Generator[Finished, None, None]:
    """Hand tasks to an executor and give back what comes, in any order."""
    executor = how.executor
    assert executor is not None
    token = secrets.token_hex()
    waiting: dict[Future[Any], tuple[tuple[int, Recipe, range], int]] = {}

    def submit(task: tuple[int, Recipe, range], tries: int) -> None:
        _, recipe, chunk = task
        try:
            future = executor.submit(perform, recipe, chunk.start, len(chunk), token)
        except Exception as error:  # a pool that is broken, or was shut down
            future = Future()
            future.set_exception(error)
        waiting[future] = (task, tries)

    try:
        for task in tasks:
            submit(task, 0)
        while waiting:
            # With a timeout, so that Ctrl-C is heard.
            ready, _ = wait(waiting, timeout=0.05, return_when=FIRST_COMPLETED)
            # What is done comes first: an error may end it all, and a checkpoint keeps the others.
            for future in sorted(ready, key=lambda each: _error_of(each) is not None):
                task, tries = waiting.pop(future)
                index, _recipe, chunk = task
                error = _error_of(future)
                if error is None:
                    yield index, chunk, future.result()
                elif tries < how.retries and not isinstance(error, BrokenExecutor):
                    submit(task, tries + 1)
                else:
                    yield index, chunk, error
    finally:
        _broken_off.add(token)
        for future in waiting:
            future.cancel()
        # Threads of this process look at the token; others cannot be told.
        if not wait(waiting, timeout=1.0).not_done:
            _broken_off.discard(token)
