"""A contest: everyone in turn, round after round, in CPU time, with the answers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from workloads import TASKS, Task

from lambdacore import _student

__all__ = ["FIRST", "OURS", "Contestant", "MissingError", "Row", "Run", "hold"]

OURS = "lambdacore"
#: What the others are compared with: who draws traffic, and who is given it.
FIRST = {True: f"{OURS}, Monte Carlo", False: f"{OURS}, replay"}
#: Whoever needs no more calls than this is slow, and is not asked for less.
_FEW = 500_000


class MissingError(Exception):
    """A peer that cannot take part, and what to do about it."""

    def __init__(self, peer: str, remedy: str) -> None:
        super().__init__(f"{peer} is left out: {remedy}")


class Run(NamedTuple):
    """One run: calls, the CPU time of them all, and what was counted after the lead."""

    calls: float
    seconds: float
    counted: float
    found: float


@dataclass(frozen=True)
class Contestant:
    """A simulator: for each workload that it can do, a run of (calls, lead, seed)."""

    name: str
    runs: dict[str, Callable[[int, int, int], Run]]
    #: Calls of a run, so that everybody takes about as long.
    calls: dict[str, int]
    #: Whether it draws its traffic itself; a replay is given a sampled trace.
    draws: bool = True


@dataclass(frozen=True)
class Row:
    """How a contestant did on a workload."""

    task: str
    name: str
    draws: bool
    #: Nanoseconds of CPU time a call, and how many times those of `FIRST`; medians.
    nanoseconds: float
    ratio: float
    #: The share it found, its standard error, and whether it is the exact one.
    answer: float
    error: float
    agrees: bool
    calls: int


def hold(contestants: list[Contestant], rounds: int, share: float) -> list[Row]:
    """Run everybody once a round, after a round that warms up and does not count.

    Parameters
    ----------
    contestants : list
        Who takes part.
    rounds : int
        How many rounds count.
    share : float
        Of the calls that a contestant asks for, if they are many.
    """
    runs: dict[tuple[str, str], list[Run]] = {}
    for number in range(rounds + 1):
        for key, task in TASKS.items():
            for contestant in (c for c in contestants if key in c.runs):
                calls = contestant.calls[key]
                calls = int(calls * share) if calls > _FEW else calls
                run = _run(contestant, task, calls if number else calls // 10, number + 1)
                if number:
                    runs.setdefault((key, contestant.name), []).append(run)
    return [
        _row(TASKS[key], contestant, runs[key, contestant.name], runs[key, FIRST[contestant.draws]])
        for key in TASKS
        for contestant in contestants
        if key in contestant.runs
    ]


def _run(contestant: Contestant, task: Task, calls: int, seed: int) -> Run:
    # Who is slow cannot afford all of the lead; what it then lacks is less than its error.
    lead = min(int(task.lead * task.rate), calls // 2)
    return contestant.runs[task.key](calls, lead, seed)


def _row(task: Task, contestant: Contestant, runs: list[Run], ours: list[Run]) -> Row:
    each = [run.seconds / run.calls * 1e9 for run in runs]
    ratios = [one / (own.seconds / own.calls * 1e9) for one, own in zip(each, ours, strict=True)]
    # Rounds are independent, so their spread is the error, whatever calls do to each other.
    shares = [run.found / run.counted for run in runs]
    answer = sum(run.found for run in runs) / sum(run.counted for run in runs)
    error = statistics.stdev(shares) / math.sqrt(len(shares))
    width = _student.t_quantile(0.005, len(runs) - 1)
    return Row(
        task.key, contestant.name, contestant.draws, statistics.median(each),
        statistics.median(ratios), answer, error,
        abs(answer - task.exact) <= width * math.hypot(error, task.unknown),
        round(runs[0].calls),
    )  # fmt: skip
