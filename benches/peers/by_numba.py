"""The numba loop: a binary heap of ends in an array, NumPy's random numbers, all compiled.

One array where only ends matter; W3 needs the pool of each end as well, in an array beside it.
"""

from __future__ import annotations

import time

import numpy as np
from contest import Contestant, MissingError, Run
from workloads import COLD_MEAN, IDLE, TASKS, WARM_MEAN

try:
    import numba
except ImportError:
    raise MissingError("numba", "pip install numba") from None

# numba knows only numpy's old generator, which is seeded inside compiled code.
# ruff: noqa: NPY002


@numba.njit
def push(ends, pools, size, end, pool):
    at = size
    while at:
        parent = (at - 1) // 2
        if ends[parent] <= end:
            break
        ends[at], pools[at] = ends[parent], pools[parent]
        at = parent
    ends[at], pools[at] = end, pool


@numba.njit
def pop(ends, pools, size):
    """Take the first out of `size`, and leave one less."""
    size -= 1
    end, pool, at = ends[size], pools[size], 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and ends[child + 1] < ends[child]:
            child += 1
        if ends[child] >= end:
            break
        ends[at], pools[at] = ends[child], pools[child]
        at = child
    ends[at], pools[at] = end, pool


@numba.njit
def push_end(ends, size, end):
    at = size
    while at:
        parent = (at - 1) // 2
        if ends[parent] <= end:
            break
        ends[at] = ends[parent]
        at = parent
    ends[at] = end


@numba.njit
def pop_end(ends, size):
    size -= 1
    end, at = ends[size], 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and ends[child + 1] < ends[child]:
            child += 1
        if ends[child] >= end:
            break
        ends[at] = ends[child]
        at = child
    ends[at] = end


@numba.njit
def one_pool(calls, lead, seed, rate, mean, limit):
    np.random.seed(seed)
    ends = np.empty(limit)
    size, now, throttled = 0, 0.0, 0
    for call in range(calls):
        now += np.random.exponential(1.0 / rate)
        while size and ends[0] <= now:
            pop_end(ends, size)
            size -= 1
        if size < limit:
            push_end(ends, size, now + np.random.exponential(mean))
            size += 1
        elif call >= lead:
            throttled += 1
    return throttled


@numba.njit
def environments(calls, lead, seed, rate, warm, cold, timeout, limit):
    np.random.seed(seed)
    ends, released = np.empty(limit), np.empty(limit)
    size, idle, now, colds = 0, 0, 0.0, 0
    for call in range(calls):
        now += np.random.exponential(1.0 / rate)
        while size and ends[0] <= now:
            released[idle] = ends[0]
            idle += 1
            pop_end(ends, size)
            size -= 1
        if size == limit:
            continue
        # The most recently used is on top; where it has expired, all have.
        if idle and now - released[idle - 1] < timeout:
            idle -= 1
            mean = warm
        else:
            idle = 0
            mean = cold
            if call >= lead:
                colds += 1
        push_end(ends, size, now + np.random.exponential(mean))
        size += 1
    return colds


@numba.njit
def many(calls, lead, seed, rates, mus, sigmas, pool_of, limits):
    np.random.seed(seed)
    bounds, free = np.cumsum(rates), limits.copy()
    total = bounds[-1]
    ends, pools = np.empty(limits.sum()), np.empty(limits.sum(), np.int64)
    size, now, throttled = 0, 0.0, 0
    for call in range(calls):
        now += np.random.exponential(1.0 / total)
        while size and ends[0] <= now:
            free[pools[0]] += 1
            pop(ends, pools, size)
            size -= 1
        function = np.searchsorted(bounds, np.random.random() * total, side="right")
        pool = pool_of[function]
        if free[pool]:
            free[pool] -= 1
            end = now + np.random.lognormal(mus[function], sigmas[function])
            push(ends, pools, size, end, pool)
            size += 1
        elif call >= lead:
            throttled += 1
    return throttled


def _timed(loop, *values):
    def run(calls: int, lead: int, seed: int) -> Run:
        began = time.process_time()
        found = loop(calls, lead, seed, *values)
        return Run(calls, time.process_time() - began, calls - lead, found)

    run(1, 0, 0)  # compiled
    return run


def contestant() -> Contestant:
    """Compile it."""
    one, two, three = (TASKS[key] for key in ("W1", "W2", "W3"))
    table = np.array([(f.rate, f.mu, f.sigma) for f in three.functions]).T
    pools = np.array(three.pool_of), np.array(three.pools)
    return Contestant(
        "numba, heap in an array",
        {
            "W1": _timed(one_pool, one.rate, 1.0, one.limit),
            "W2": _timed(environments, two.rate, WARM_MEAN, COLD_MEAN, IDLE, two.limit),
            "W3": _timed(many, *np.ascontiguousarray(table), *pools),
        },
        {"W1": 5_000_000, "W2": 8_000_000, "W3": 4_000_000},
    )
