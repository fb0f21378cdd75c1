"""SimPy in its own idiom: a process for each call, a resource for each pool."""

from __future__ import annotations

import itertools
import random
import time

from contest import Contestant, MissingError, Run
from workloads import COLD_MEAN, IDLE, TASKS, WARM_MEAN

try:
    import simpy
except ImportError:
    raise MissingError("SimPy", "pip install simpy") from None


def _loss(env, pool, length, lost):
    """A call that takes a place for a while, or leaves if there is none."""  # noqa: D401
    if pool.count == pool.capacity:
        lost.append(env.now)
        return
    with pool.request() as place:
        yield place
        yield env.timeout(length)


def _one_pool(env, draws, calls, found):
    pool = simpy.Resource(env, TASKS["W1"].limit)
    for _ in range(calls):
        yield env.timeout(draws.expovariate(TASKS["W1"].rate))
        env.process(_loss(env, pool, draws.expovariate(1.0), found))


def _on_environment(env, pool, draws, idle, found):
    if pool.count == pool.capacity:
        return
    # The most recently used is last; where it has expired, all have.
    warm = bool(idle) and env.now - idle[-1] < IDLE
    if warm:
        idle.pop()
    else:
        idle.clear()
        found.append(env.now)
    with pool.request() as place:
        yield place
        yield env.timeout(draws.expovariate(1.0 / (WARM_MEAN if warm else COLD_MEAN)))
    idle.append(env.now)


def _environments(env, draws, calls, found):
    pool, idle = simpy.Resource(env, TASKS["W2"].limit), []
    for _ in range(calls):
        yield env.timeout(draws.expovariate(TASKS["W2"].rate))
        env.process(_on_environment(env, pool, draws, idle, found))


def _many(env, draws, calls, found):
    task = TASKS["W3"]
    pools = [simpy.Resource(env, limit) for limit in task.pools]
    bounds = list(itertools.accumulate(f.rate for f in task.functions))
    rows = list(zip(task.functions, task.pool_of, strict=True))
    laws = [(f.mu, f.sigma, pools[pool]) for f, pool in rows]
    for _ in range(calls):
        yield env.timeout(draws.expovariate(task.rate))
        ((mu, sigma, pool),) = draws.choices(laws, cum_weights=bounds)
        env.process(_loss(env, pool, draws.lognormvariate(mu, sigma), found))


def _timed(source, key):
    def run(calls: int, lead: int, seed: int) -> Run:
        env, found = simpy.Environment(), []
        began = time.process_time()
        env.process(source(env, random.Random(seed), calls, found))
        env.run()
        seconds = time.process_time() - began
        # Times of what was found, for all calls come at a rate: the lead ends at an instant.
        after = lead / TASKS[key].rate
        return Run(calls, seconds, calls - lead, sum(at >= after for at in found))

    return run


def contestant() -> Contestant:
    """Make it."""
    sources = {"W1": _one_pool, "W2": _environments, "W3": _many}
    return Contestant(
        "SimPy, a process a call",
        {key: _timed(source, key) for key, source in sources.items()},
        {"W1": 60_000, "W2": 100_000, "W3": 200_000},
    )
