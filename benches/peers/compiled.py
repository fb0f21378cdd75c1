"""The C++ loop: compiled here, run as a process that times its own loop."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from contest import Contestant, MissingError, Run
from workloads import TASKS, Task

HERE = Path(__file__).parent
COMPILER = os.environ.get("CXX", "c++")


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


@functools.cache
def build(source: str) -> str:
    """Compile a file beside this one, as anyone would who wants speed."""
    if shutil.which(COMPILER) is None:
        raise MissingError("C++ std::priority_queue", "install a C++ compiler, or name it in CXX")
    binary = str(Path(_folder().name) / source.removesuffix(".cpp"))
    command = [COMPILER, "-std=c++17", "-O3", "-o", binary, str(HERE / source)]
    subprocess.run(command, check=True)
    return binary


def _run(task: Task, calls: int, lead: int, seed: int) -> Run:
    # The table of W3's functions goes in as text, before the loop is timed.
    lines = [" ".join(map(str, [len(task.functions), *task.pools]))] + [
        f"{f.rate!r} {f.mu!r} {f.sigma!r} {pool}"
        for f, pool in zip(task.functions, task.pool_of, strict=True)
    ]
    command = [build("loop.cpp"), task.key, str(calls), str(lead), str(seed)]
    said = subprocess.run(
        command, input="\n".join(lines), check=True, capture_output=True, text=True
    ).stdout.split()
    return Run(calls, float(said[0]), calls - lead, int(said[1]))


def contestant() -> Contestant:
    """Build it."""
    build("loop.cpp")
    return Contestant(
        "C++ std::priority_queue",
        {key: functools.partial(_run, TASKS[key]) for key in TASKS},
        {"W1": 5_000_000, "W2": 8_000_000, "W3": 4_000_000},
    )
