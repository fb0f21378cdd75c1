"""Monte Carlo: the distribution of an answer, with its interval, instead of one anecdote."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, Literal

from lambdacore.account import Account
from lambdacore.ensemble import recipe as recipes
from lambdacore.ensemble.driver import run_recipes
from lambdacore.ensemble.progress import Progress
from lambdacore.ensemble.tasks import How
from lambdacore.precision import Precision
from lambdacore.runs import Runs
from lambdacore.workload import Workload

__all__ = ["monte_carlo"]


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
    return run_recipes([made], replications, rng, how, progress, "simulating")[0][0]
