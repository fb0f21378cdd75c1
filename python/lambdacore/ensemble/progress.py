"""Progress of long work: a bar where somebody looks, a line now and then where nobody does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Progress", "shown"]

#: Told the work done and all of it, in calls.
Progress = Callable[[float, float], object]

#: Seconds between two lines where there is no terminal.
_PAUSE = 10.0
#: A bar appears after so long: what is done at once needs none.
_PATIENCE = 0.5


@contextmanager
def shown(
    label: str, total: float, progress: bool | Progress | None
) -> Iterator[Callable[[float], None] | None]:
    """Show how far work is while it lasts; gives what to call with the calls done so far.

    Parameters
    ----------
    label : str
        What is done.
    total : float
        Calls to expect.
    progress : bool, callable or None
        False is silent; a callable is called with (done, total); True or None shows a bar in a
        terminal or a notebook, and otherwise a line every ten seconds, on standard error.
    """
    if progress is False:
        yield None
    elif callable(progress):
        told = progress
        yield lambda done: _ignore(told(min(done, total), total))
    elif sys.stderr.isatty() or _in_notebook():
        with _bar(label, total) as update:
            yield update
    else:
        yield _lines(label, total)


def _ignore(_: object) -> None:
    return None


def _in_notebook() -> bool:
    # Where IPython runs it was imported by others: looking at it costs nothing.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


@contextmanager
def _bar(label: str, total: float) -> Iterator[Callable[[float], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("of"),
        TimeElapsedColumn(),
    )
    began = time.monotonic()
    bar: Any = None
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown_bar:
        bar = shown_bar
        task = bar.add_task(label, total=max(total, 1.0), rate="", visible=False)

        def update(done: float) -> None:
            passed = time.monotonic() - began
            rate = f"{done / max(passed, 1e-9) / 1e6:,.1f} M calls/s"
            bar.update(task, completed=min(done, total), rate=rate, visible=passed > _PATIENCE)

        yield update


def _lines(label: str, total: float) -> Callable[[float], None]:
    began = last = time.monotonic()

    def update(done: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _PAUSE:
            return
        last = now
        share = min(done / max(total, 1.0), 1.0)
        left = (now - began) * (1 - share) / share if share else float("inf")
        print(
            f"{label}: {share:.0%}, {done / (now - began) / 1e6:,.1f} M calls/s, "
            f"about {left:,.0f} s left",
            file=sys.stderr,
            flush=True,
        )

    return update
