"""Monte Carlo: the distribution of an answer, with its interval, instead of one anecdote."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lambdacore import _check, _intervals, _samples
from lambdacore._runs_text import REGION
from lambdacore._seeds import seed_of
from lambdacore.account import Account
from lambdacore.ensemble import recipe as recipes
from lambdacore.ensemble.checkpoint import Checkpoint
from lambdacore.ensemble.progress import Progress, shown
from lambdacore.ensemble.recipe import Recipe, Statistics
from lambdacore.ensemble.tasks import Failure, How, chunk_of, run
from lambdacore.runs import STATISTICS, Runs
from lambdacore.workload import Workload

__all__ = ["Precision", "monte_carlo"]


@dataclass(frozen=True)
class Precision:
    """Replications until an interval is as narrow as wanted.

    Parameters
    ----------
    relative : float
        Half the width of the interval over the mean.
    statistic : str
        Of what; see `Runs`.
    function : str
        Of which function, or ``"Region"``.
    confidence : float
        Of the interval.
    least, most : int
        Replications to begin with, and to end with in any case. `least` keeps a few alike
        replications from ending it by chance.

    Notes
    -----
    Replications are added half as many again at a time, and looked at after each addition. Looking
    several times makes the true confidence somewhat lower than stated.
    """

    relative: float
    statistic: str = "throttle_ratio"
    function: str = REGION
    confidence: float = 0.95
    least: int = 20
    most: int = 10_000

    def __post_init__(self) -> None:
        _check.rate("relative", self.relative)
        _check.one_of("statistic", self.statistic, STATISTICS)
        _samples.level("confidence", self.confidence)
        _check.whole("least", self.least, 2, 10**9)
        _check.whole("most", self.most, self.least, 10**9)

    def _is_reached(self, runs: Runs) -> bool:
        values = runs.values(self.statistic, self.function).astype(np.float64)
        if not np.any(np.nan_to_num(values)):
            return False  # nothing was seen yet: zero is no answer
        return bool(_intervals.enough(values, self.relative, self.confidence))


def monte_carlo(
    account: Account,
    workload: Workload,
    *,
    horizon: float,
    replications: int | Precision = 200,
    rng: Any = None,
    warm_up: float = 0.0,
    start: Literal["empty", "warm", "deletion"] | None = None,
    period: float | None = None,
    quantiles: Sequence[float] = (),
    threads: int | None = None,
    executor: Executor | None = None,
    chunk: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    retries: int = 0,
    on_error: Literal["raise", "skip"] = "raise",
    progress: bool | Progress | None = None,
) -> Runs:
    """Run many replications of a workload on an account.

    Replication ``r`` is ``simulate(account, workload.sample(horizon, rng, replication=r))``, drawn
    and run in the engine, block by block, without keeping a call.

    Parameters
    ----------
    account : Account
        The limits. It declares every function of the workload (and may declare more).
    workload : Workload
        The traffic.
    horizon : float
        Seconds: calls arrive in ``[0, horizon)``; what is in flight then counts until then.
    replications : int or Precision
        How many, or how precise the answer is to be.
    rng : None, int, SeedSequence or Generator
        The root of all draws. None takes fresh entropy, which ``runs.seed`` records; a Generator is
        consumed by one draw of 128 bits.
    warm_up : float
        Seconds that are run and not counted.
    start : {"empty", "warm", "deletion"}, optional
        How it begins. ``"empty"``: nothing runs and nothing is warm at time zero (the default
        without `warm_up`). ``"warm"``: `warm_up` seconds of traffic come before time zero, at the
        rate of time zero or as the period would have it (the default with `warm_up`).
        ``"deletion"``: the first `warm_up` seconds of the horizon are not counted.
    period : float, optional
        Seconds of a bin: keeps series, for `Runs.bands`.
    quantiles : sequence of float
        Shares of the time, such as ``(0.5, 0.99)``: keeps the concurrency that is not exceeded for
        so much of it (some percent slower).
    threads : int, optional
        Threads of this process; None takes every core that it may use.
    executor : concurrent.futures.Executor, optional
        Where to run instead: threads, processes, a Dask client's ``get_executor()``, MPI, Ray.
        Tasks are small: the workload, the account and numbers.
    chunk : int, optional
        Replications of a task, with an executor or a checkpoint.
    checkpoint : path, optional
        A folder for what is finished. A run that was killed goes on from there, to the same bytes;
        a folder of another configuration is refused, naming what differs.
    retries : int
        How often a task that fails on an executor is tried again.
    on_error : {"raise", "skip"}
        Whether a failed task ends it all, or its replications are left out and reported.
    progress : bool or callable, optional
        False is silent; a callable is told (calls done, calls expected). Otherwise a bar in a
        terminal or a notebook, and a line every ten seconds elsewhere.

    Returns
    -------
    Runs

    Raises
    ------
    ConfigurationError
        The account does not declare what the workload invokes; a value that cannot be.
    SeriesSizeError
        The results would not fit.
    CheckpointError
        The folder holds another run, or another process works in it.
    ReplicationError
        A task failed; with a checkpoint, what is done is kept.

    Notes
    -----
    The same account, workload, seed and version of the streams give the same bytes, whatever the
    threads, the executor, the chunks, and however often it was interrupted. The GIL is released;
    Ctrl-C is heard within 100 ms and leaves a checkpoint to go on from. Memory depends on neither
    the horizon nor the number of calls.

    Examples
    --------
    A pool of 50 that 100 calls a second of 200 ms fill to 40 %:

    >>> import lambdacore as lc
    >>> workload = lc.Workload({"f": lc.Stream(lc.Poisson(100), lc.LogNormal(0.2, 1.5))})
    >>> account = lc.Account.for_trace(workload, 30, unreserved_floor=0)
    >>> runs = lc.monte_carlo(account, workload, horizon=600, replications=20, rng=7)
    >>> runs
    <Runs: 20 replications of 1 function over 600 s, start empty: 0.823 ±0.037 % throttled>
    """
    made = recipes.make(
        (account,),
        workload,
        horizon=horizon,
        warm_up=warm_up,
        start=start,
        seed=0,
        period=period,
        quantiles=quantiles,
    )
    how = How(threads, executor, chunk, checkpoint, retries, on_error).checked()
    if start is None:
        start = "warm" if warm_up else "empty"
    return run_recipes([made], replications, rng, how, start, progress, "simulating")[0][0]


def run_recipes(
    made: list[Recipe],
    replications: int | Precision,
    rng: Any,
    how: How,
    start: str,
    progress: bool | Progress | None,
    label: str,
) -> list[list[Runs]]:
    """Run recipes of one seed: for each, the runs of each of its accounts."""
    precision = replications if isinstance(replications, Precision) else None
    if precision is not None:
        # Here, and not when there are runs to look at: a slip costs no replication.
        _check.one_of("function", precision.function, (*made[0].functions, REGION))
    count = (
        precision.least
        if precision is not None
        else _check.whole("replications", replications, 1, 10**9)
    )
    if how.checkpoint is None:
        seeded = [_with_seed(recipe, seed_of(rng)) for recipe in made[:1]]
        seeded += [_with_seed(recipe, seeded[0].seed) for recipe in made[1:]]
        return _run(seeded, count, precision, how, None, start, progress, label)
    with Checkpoint(how.checkpoint) as folder:
        # Fresh entropy is drawn once: whoever goes on takes what was drawn then.
        found = folder.found
        seed = int(found["seed"]) if rng is None and found is not None else seed_of(rng)
        if found is not None and how.chunk is None:
            how = How(
                how.threads, how.executor, found["chunk"], how.checkpoint, how.retries, how.on_error
            )
        seeded = [_with_seed(recipe, seed) for recipe in made]
        how = How(
            how.threads,
            how.executor,
            chunk_of(count, how),
            how.checkpoint,
            how.retries,
            how.on_error,
        )
        folder.begin(
            {
                "seed": str(seed),
                "chunk": how.chunk,
                "parts": [recipe.describe() for recipe in seeded],
            }
        )
        return _run(seeded, count, precision, how, folder, start, progress, label)


def _with_seed(recipe: Recipe, seed: int) -> Recipe:
    from dataclasses import replace

    return replace(recipe, seed=seed)


def _run(
    made: list[Recipe],
    count: int,
    precision: Precision | None,
    how: How,
    folder: Checkpoint | None,
    start: str,
    progress: bool | Progress | None,
    label: str,
) -> list[list[Runs]]:
    parts: list[Statistics] = []
    numbers: list[int] = []
    failures: list[Failure] = []
    done = 0
    per_replication = sum(recipe.expected_calls() for recipe in made)
    while True:
        for recipe in made:
            recipe.check_size(count)
        title = label if precision is None else f"{label}, up to replication {count:,}"
        with shown(title, per_replication * (count - done), progress) as update:
            new, new_numbers, new_failures = run(made, range(done, count), how, update, folder)
        numbers += new_numbers
        failures += new_failures
        if parts:
            new = [
                {name: np.concatenate([old[name], more[name]], axis=1) for name in old}
                for old, more in zip(parts, new, strict=True)
            ]
        parts = new
        results = [
            [
                Runs(recipe, index, part, numbers, failures, start)
                for index in range(len(recipe.accounts))
            ]
            for recipe, part in zip(made, parts, strict=True)
        ]
        if precision is None or count >= precision.most or precision._is_reached(results[0][0]):
            return results
        done, count = count, min(max(count + count // 2, count + 1), precision.most)
